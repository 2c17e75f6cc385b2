package inet

import (
	"sync/atomic"

	"linen/net/ipv4"
)

// rare is what few sockets use: it is made when first written to.
type rare struct {
	mcTTL   atomic.Int32 // IP_MULTICAST_TTL
	mcIndex atomic.Int32 // IP_MULTICAST_IF
	mcAddr  atomic.Uint32
	ucIndex atomic.Int32  // IP_UNICAST_IF
	minTTL  atomic.Uint32 // IP_MINTTL
	ports   atomic.Uint32 // IP_LOCAL_PORT_RANGE: hi<<16 | lo
	options atomic.Pointer[ipv4.Options]
	mcast   atomic.Pointer[[]*membership]
	group   atomic.Pointer[Group]
}

// defaultMulticastTTL is IP_MULTICAST_TTL before it is set.
const defaultMulticastTTL = 1

// extra returns the rare part, to be written to.
func (s *Sock) extra() *rare {
	for {
		if r := s.rare.Load(); r != nil {
			return r
		}
		r := new(rare)
		r.mcTTL.Store(defaultMulticastTTL)
		s.rare.CompareAndSwap(nil, r)
	}
}

// multicastTTL is IP_MULTICAST_TTL.
func (s *Sock) multicastTTL() int32 {
	if r := s.rare.Load(); r != nil {
		return r.mcTTL.Load()
	}
	return defaultMulticastTTL
}

// multicastIF is IP_MULTICAST_IF: the device and the source.
func (s *Sock) multicastIF() (index int32, addr uint32) {
	if r := s.rare.Load(); r != nil {
		return r.mcIndex.Load(), r.mcAddr.Load()
	}
	return 0, 0
}

// unicastIF is IP_UNICAST_IF.
func (s *Sock) unicastIF() int32 {
	if r := s.rare.Load(); r != nil {
		return r.ucIndex.Load()
	}
	return 0
}

// portRange is IP_LOCAL_PORT_RANGE, 0 when it is not set.
func (s *Sock) portRange() uint32 {
	if r := s.rare.Load(); r != nil {
		return r.ports.Load()
	}
	return 0
}

// ipOptions is IP_OPTIONS, or nil.
func (s *Sock) ipOptions() *ipv4.Options {
	if r := s.rare.Load(); r != nil {
		return r.options.Load()
	}
	return nil
}

// IPOptions returns what IP_OPTIONS set, or nil.
func (s *Sock) IPOptions() *ipv4.Options { return s.ipOptions() }

// SetIPOptions sets what IP_OPTIONS would: an accepted connection answers the
// options of its SYN.
func (s *Sock) SetIPOptions(o *ipv4.Options) { s.extra().options.Store(o) }

// memberships returns the socket's list, which is never changed in place.
func (s *Sock) memberships() []*membership {
	if r := s.rare.Load(); r != nil {
		if p := r.mcast.Load(); p != nil {
			return *p
		}
	}
	return nil
}

package inet

import (
	"net/netip"
	"sync/atomic"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Flag is a boolean option of level IP.
type Flag uint

// The flags (inet->inet_flags).
const (
	RecvErr           Flag = iota // IP_RECVERR
	RecvErrRFC4884                // IP_RECVERR_RFC4884
	HdrIncl                       // IP_HDRINCL
	FreeBind                      // IP_FREEBIND
	Transparent                   // IP_TRANSPARENT
	NoDefrag                      // IP_NODEFRAG
	BindAddressNoPort             // IP_BIND_ADDRESS_NO_PORT
	McLoop                        // IP_MULTICAST_LOOP
	McAll                         // IP_MULTICAST_ALL
	RouterAlert                   // IP_ROUTER_ALERT
	CmsgPktinfo                   // IP_PKTINFO
	CmsgTTL                       // IP_RECVTTL
	CmsgTOS                       // IP_RECVTOS
	CmsgRecvOpts                  // IP_RECVOPTS
	CmsgRetOpts                   // IP_RETOPTS
	CmsgOrigDst                   // IP_RECVORIGDSTADDR
	CmsgChecksum                  // IP_CHECKSUM
	CmsgFragSize                  // IP_RECVFRAGSIZE
	PassSec                       // IP_PASSSEC
	BindLockAddr                  // bound to an address by bind
	BindLockPort                  // bound to a port by bind
)

// cmsgFlags are those that ask for control messages with data.
const cmsgFlags = 1<<CmsgPktinfo | 1<<CmsgTTL | 1<<CmsgTOS | 1<<CmsgRecvOpts | 1<<CmsgRetOpts | 1<<CmsgOrigDst | 1<<CmsgChecksum | 1<<CmsgFragSize

// A Sock is the AF_INET part of a socket (struct inet_sock).
type Sock struct {
	sock.Sock
	st    *State
	flags atomic.Uint32

	// Addresses in host order; 0: none. RcvAddr is what the socket is bound
	// to, Saddr the source of what it sends.
	Saddr, RcvAddr, Daddr atomic.Uint32
	Num, Dport            atomic.Uint32 // local and peer port; raw: the protocol

	tos      atomic.Uint32
	ttl      atomic.Int32 // IP_TTL, -1: the default
	pmtudisc atomic.Int32
	IPID     atomic.Uint32              // the next identification of a connected socket (inet_id)
	opened   atomic.Uint64              // see Opened
	routeGen atomic.Uint32              // RouteGen when route was kept
	route    atomic.Pointer[ipv4.Route] // of a connected socket (sk_dst_cache)
	rare     atomic.Pointer[rare]       // nil before the first use
}

// InitInet makes s a fresh socket; see sock.Sock.Init.
func (s *Sock) InitInet(who *sock.Caller, n *netns.Net, self sock.Socket, p *sock.Proto, typ, protocol int) {
	s.Init(who, n, self, p, uapi.AF_INET, typ, protocol)
	s.st = Of(n)
	s.ttl.Store(-1)
	s.pmtudisc.Store(uapi.IP_PMTUDISC_WANT)
	if s.st.IP.NoPMTUDisc(n) != 0 {
		s.pmtudisc.Store(uapi.IP_PMTUDISC_DONT)
	}
	s.flags.Store(1<<McLoop | 1<<McAll)
}

// Inet returns the namespace's inet state.
func (s *Sock) Inet() *State { return s.st }

// Is reports whether a flag is set.
func (s *Sock) Is(f Flag) bool { return s.flags.Load()>>f&1 != 0 }

// SetIs sets or clears a flag.
func (s *Sock) SetIs(f Flag, on bool) {
	if on {
		s.flags.Or(1 << f)
	} else {
		s.flags.And(^(uint32(1) << f))
	}
}

// TOS returns IP_TOS.
func (s *Sock) TOS() uint8 { return uint8(s.tos.Load()) }

// ReflectTOS sets IP_TOS of a connection as its SYN had it, and not the priority
// (tcp_reflect_tos).
func (s *Sock) ReflectTOS(tos uint8) { s.tos.Store(uint32(tos)) }

// TTL returns IP_TTL, 0 for the namespace's default.
func (s *Sock) TTL() uint8 { return uint8(max(0, s.ttl.Load())) }

// PMTUDisc returns IP_MTU_DISCOVER.
func (s *Sock) PMTUDisc() int { return int(s.pmtudisc.Load()) }

// MinTTL returns IP_MINTTL.
func (s *Sock) MinTTL() uint8 {
	if r := s.rare.Load(); r != nil {
		return uint8(r.minTTL.Load())
	}
	return 0
}

// MulticastLoop reports whether what the socket sends to groups comes back to
// this host (IP_MULTICAST_LOOP).
func (s *Sock) MulticastLoop() bool { return s.Is(McLoop) }

// ProbesPath reports that packets may be longer than the path is known to take.
func (s *Sock) ProbesPath() bool { return s.PMTUDisc() >= uapi.IP_PMTUDISC_PROBE }

// Local returns the local address as getsockname shows it.
func (s *Sock) Local() Addr {
	ip := s.RcvAddr.Load()
	if ip == 0 {
		ip = s.Saddr.Load()
	}
	return Addr{ip, uint16(s.Num.Load())}
}

// Peer returns the peer's address.
func (s *Sock) Peer() Addr { return Addr{s.Daddr.Load(), uint16(s.Dport.Load())} }

// Getsockname implements sock.Socket.
func (s *Sock) Getsockname() ([]byte, error) { return s.Local().Bytes(), nil }

// Getpeername implements sock.Socket.
func (s *Sock) Getpeername() ([]byte, error) {
	if s.Dport.Load() == 0 {
		return nil, errno.ENOTCONN
	}
	return s.Peer().Bytes(), nil
}

// Ends returns the local address and the peer's, which is the zero AddrPort
// where there is none: Getsockname and Getpeername without their bytes.
func (s *Sock) Ends() (local, peer netip.AddrPort) {
	if s.Dport.Load() != 0 {
		peer = s.Peer().AddrPort()
	}
	return s.Local().AddrPort(), peer
}

// CachedRoute returns the route of a connected socket while it holds, or nil.
func (s *Sock) CachedRoute(now ktime.T) *ipv4.Route {
	if s.routeGen.Load() != s.RouteGen.Load() {
		return nil
	}
	if rt := s.route.Load(); rt != nil && s.st.IP.Valid(rt, now) {
		return rt
	}
	return nil
}

// CacheRoute keeps the route of a connected socket; nil forgets it.
func (s *Sock) CacheRoute(rt *ipv4.Route) {
	s.route.Store(rt) // first: who reads the generation finds this one or a later
	s.routeGen.Store(s.RouteGen.Load())
}

// PathMTU returns IP_MTU of a connected socket, ENOTCONN without a route.
func (s *Sock) PathMTU() (int, error) {
	if rt := s.CachedRoute(s.Net().Kernel().Now()); rt != nil {
		return s.st.IP.MTU(rt), nil
	}
	if s.State() != uapi.TCP_ESTABLISHED {
		return 0, errno.ENOTCONN
	}
	c := s.Net().Kernel().Enter(kern.Any)
	f := s.Flow(s.Daddr.Load(), s.Saddr.Load())
	rt, err := s.st.IP.RouteOutput(c, s.Net(), &f)
	c.Exit()
	if err != nil {
		return 0, errno.ENOTCONN
	}
	return s.st.IP.MTU(rt), nil
}

// Flow returns the key of a route lookup for this socket.
func (s *Sock) Flow(daddr, saddr uint32) ipv4.Flow {
	f := ipv4.Flow{
		OIF: int(s.BoundDev.Load()), Mark: s.Mark.Load(), UID: s.UID, Saddr: saddr, Daddr: daddr,
		TOS: s.TOS(), Proto: uint8(s.Protocol()), SPort: uint16(s.Num.Load()), DPort: uint16(s.Dport.Load()),
	}
	if s.Is(Transparent) {
		f.Flags |= ipv4.FlowAnySrc
	}
	if s.Has(sock.FlagDontRoute) {
		f.Scope = uapi.RT_SCOPE_LINK
	}
	return f
}

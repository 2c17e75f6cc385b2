package dev

import (
	"slices"
	"sync/atomic"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
)

// A PacketType receives frames (struct packet_type).
type PacketType struct {
	Proto uint16  // EtherType, host order; uapi.ETH_P_ALL for a tap
	Dev   *Device // only frames of this device; nil: of all
	Name  string  // as /proc/net/ptype shows the function: "ip_rcv"
	Hide  bool    // not in /proc/net/ptype

	// Recv is given b, whose data begins behind the link header, except that a
	// tap sees outgoing frames from the link header on. d is the device that b
	// is received on now, orig the one that it came in by.
	Recv func(c *kern.CPU, b *skb.Buff, d, orig *Device)

	// Wants, when not nil, tells whether a tap is to see b: it saves the clone
	// of its own transmissions and of outgoing frames.
	Wants func(b *skb.Buff) bool
}

// ptypeList is a list that the data path reads as a snapshot.
type ptypeList = atomic.Pointer[[]*PacketType]

// AddPacketType registers p in n for received frames of p.Proto, until remove
// is called. Only taps (ETH_P_ALL, AddTap) see sent frames.
func AddPacketType(n *netns.Net, p *PacketType) (remove func()) {
	s := stateOf(n)
	if p.Dev != nil {
		return s.register(&p.Dev.ptypes, p)
	}
	return s.register(&s.ptypes, p)
}

// AddTap registers p in n for every frame that d (nil: any device) receives
// and sends, until remove is called.
func AddTap(n *netns.Net, d *Device, p *PacketType) (remove func()) {
	s := stateOf(n)
	if p.Dev = d; d != nil {
		return s.register(&d.taps, p)
	}
	return s.register(&s.taps, p)
}

func (s *state) register(at *ptypeList, p *PacketType) (remove func()) {
	s.changeTypes(at, func(l []*PacketType) []*PacketType { return append(l, p) })
	return func() {
		s.changeTypes(at, func(l []*PacketType) []*PacketType {
			return slices.DeleteFunc(l, func(o *PacketType) bool { return o == p })
		})
	}
}

func (s *state) changeTypes(at *ptypeList, f func([]*PacketType) []*PacketType) {
	s.ptMu.Lock()
	defer s.ptMu.Unlock()
	var list []*PacketType
	if old := at.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = f(list); len(list) == 0 {
		at.Store(nil)
		return
	}
	at.Store(&list)
}

package dev

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// An RxResult is what a handler made of a frame (rx_handler_result_t).
type RxResult uint8

// The results.
const (
	RxConsumed RxResult = iota // the handler has taken it
	RxAnother                  // b.Dev has changed: another round
	RxExact                    // only packet types of its device may have it
	RxPass                     // as if there were no handler
)

// An RxHandler takes the frames of a port to its master (rx_handler_func_t).
type RxHandler func(c *kern.CPU, b *skb.Buff) RxResult

// A Classifier decides about frames that enter or leave a device, before the
// protocols or before the queueing discipline (tc, netfilter's ingress and
// egress). It reports whether the frame goes on; otherwise it has taken or
// dropped it.
type Classifier func(c *kern.CPU, d *Device, b *skb.Buff) bool

// SetIngress makes f see each frame that d receives, behind the taps; nil
// ends that.
func (d *Device) SetIngress(f Classifier) { storeFunc(&d.ingress, f, f == nil) }

// SetEgress makes f see each packet that is to be sent by d; nil ends that.
func (d *Device) SetEgress(f Classifier) { storeFunc(&d.egress, f, f == nil) }

// A VLANFinder returns the VLAN device on d that b's tag (VLANProto, VLANTCI)
// belongs to, or nil (vlan_do_receive).
type VLANFinder func(d *Device, b *skb.Buff) *Device

// SetVLANs makes f find the VLAN devices of d; nil ends that.
func (d *Device) SetVLANs(f VLANFinder) { storeFunc(&d.vlans, f, f == nil) }

// Receive takes b up the stack (__netif_receive_skb_core): it is where polling
// drivers and the backlog deliver. It owns b.
func Receive(c *kern.CPU, b *skb.Buff) {
	orig := Of(b)
	n := orig.Net()
	if !orig.Running() {
		b.Drop(c, n, skb.ReasonDevReady)
		return
	}
	b.SetNetworkHeader(0)
	if !b.HasTransport() {
		b.SetTransportHeader(0)
	}
	if n.Tracing.Load() {
		skb.Trace(c, n, b, skb.Event{Point: skb.PointDevRx, Device: orig.Name()})
	}
	s := orig.home.Load()
	if p := s.only(orig, b); p != nil {
		b.Iif = int32(orig.Ifindex())
		p.Recv(c, b, orig, orig)
		return
	}
	r := delivery{n: n, s: s, orig: orig}
	for again := true; again; {
		b, again = r.round(c, b)
	}
}

// only returns who alone wants b, received by d, if that is so and nobody else
// has a say about it: the usual frame needs no more of a look. nil: look.
func (s *state) only(d *Device, b *skb.Buff) *PacketType {
	if isVLAN(b.Protocol) || b.VLANProto != 0 || d.rxHandler.Load() != nil || d.ingress.Load() != nil ||
		d.ptypes.Load() != nil || d.taps.Load() != nil || s.taps.Load() != nil {
		return nil
	}
	list := s.ptypes.Load()
	if list == nil {
		return nil
	}
	var one *PacketType
	for _, p := range *list {
		if p.Proto == b.Protocol {
			if one != nil || p.Wants != nil {
				return nil
			}
			one = p
		}
	}
	return one
}

// delivery is one frame's way to those who want it. Whoever matches waits in
// last until the next matches: the last one is given the frame itself, the
// others clones.
type delivery struct {
	n     *netns.Net
	s     *state
	orig  *Device
	last  *PacketType
	exact bool
}

// round is one pass, with b.Dev the device; again says that there is another,
// for the device that b.Dev is now.
func (r *delivery) round(c *kern.CPU, b *skb.Buff) (next *skb.Buff, again bool) {
	d := Of(b)
	b.Iif = int32(d.Ifindex())
	if isVLAN(b.Protocol) && b.VLANProto == 0 {
		if !untag(c, r.n, b) {
			return nil, false
		}
	}
	r.match(c, b, d, &r.s.taps, uapi.ETH_P_ALL)
	r.match(c, b, d, &d.taps, uapi.ETH_P_ALL)
	if f := d.ingress.Load(); f != nil {
		r.flush(c, b, d)
		if !(*f)(c, d, b) {
			return nil, false
		}
	}
	if b.VLANProto != 0 {
		if f := d.vlans.Load(); f != nil {
			if v := (*f)(d, b); v != nil {
				r.flush(c, b, d)
				return r.toVLAN(c, b, v)
			}
		}
	}
	if h := d.rxHandler.Load(); h != nil {
		r.flush(c, b, d)
		switch (*h)(c, b) {
		case RxConsumed:
			return nil, false
		case RxAnother:
			return b, true
		case RxExact:
			r.exact = true
		}
	}
	if b.VLANProto != 0 {
		r.flush(c, b, d)          // who hears everything sees the tag
		if b.VLANTCI&0xfff != 0 { // a VLAN that nobody here is in
			b.PktType = skb.PacketOtherHost
		}
		b.VLANProto, b.VLANTCI = 0, 0
	}
	if !r.exact {
		r.match(c, b, d, &r.s.ptypes, b.Protocol)
	}
	r.match(c, b, d, &d.ptypes, b.Protocol)
	if d != r.orig {
		r.match(c, b, d, &r.orig.ptypes, b.Protocol)
	}
	r.end(c, b, d)
	return nil, false
}

// match queues for b those of the list that want proto.
func (r *delivery) match(c *kern.CPU, b *skb.Buff, d *Device, at *ptypeList, proto uint16) {
	if list := at.Load(); list != nil {
		r.matchOf(c, b, d, *list, proto)
	}
}

func (r *delivery) matchOf(c *kern.CPU, b *skb.Buff, d *Device, list []*PacketType, proto uint16) {
	for _, p := range list {
		if p.Proto != proto || p.Wants != nil && !p.Wants(b) {
			continue
		}
		r.flush(c, b, d)
		r.last = p
	}
}

// flush gives a clone of b to the one who waits.
func (r *delivery) flush(c *kern.CPU, b *skb.Buff, d *Device) {
	if r.last != nil {
		r.flushLast(c, b, d)
	}
}

func (r *delivery) flushLast(c *kern.CPU, b *skb.Buff, d *Device) {
	p := r.last
	r.last = nil
	p.Recv(c, b.Clone(c), d, r.orig)
}

// end gives b to the last one, or counts that nobody wanted it.
func (r *delivery) end(c *kern.CPU, b *skb.Buff, d *Device) {
	if r.last != nil {
		r.last.Recv(c, b, d, r.orig)
		return
	}
	if r.exact {
		d.Stats.At(c).RxNoHandler++
	} else {
		d.Stats.At(c).RxDropped++
	}
	b.Drop(c, r.n, skb.ReasonUnhandledProto)
}

// toVLAN moves b to the VLAN device v.
func (r *delivery) toVLAN(c *kern.CPU, b *skb.Buff, v *Device) (*skb.Buff, bool) {
	if !v.Running() {
		b.Drop(c, r.n, skb.ReasonDevReady)
		return nil, false
	}
	b.Dev = v
	b.VLANProto, b.VLANTCI = 0, 0
	v.CountRx(c, b.Len()+v.HardHeaderLen)
	if b.PktType == skb.PacketMulticast {
		v.Stats.At(c).Multicast++
	}
	return b, true
}

// vlanLen is the length of an 802.1Q tag with the EtherType behind it.
const vlanLen = 4

// untag moves b's VLAN tag out of the packet (skb_vlan_untag). A tag that is
// cut off drops b.
func untag(c *kern.CPU, n *netns.Net, b *skb.Buff) bool {
	if !b.MayPull(vlanLen + 2) {
		b.Drop(c, n, skb.ReasonHdrTrunc)
		return false
	}
	p := b.Data()
	b.VLANProto, b.VLANTCI = b.Protocol, binary.BigEndian.Uint16(p)
	b.Protocol = binary.BigEndian.Uint16(p[2:])
	if off, ok := b.MacOff(); ok && off <= -12 { // the addresses move up to what follows
		mac := b.Mac()
		copy(mac[vlanLen:], mac[:12])
		b.Pull(vlanLen)
		b.SetMacHeader(off)
	} else {
		b.Pull(vlanLen)
	}
	if b.Protocol < minEtherType {
		b.Protocol = uapi.ETH_P_802_2
		if q := b.Data(); q[0] == 0xff && q[1] == 0xff {
			b.Protocol = uapi.ETH_P_802_3
		}
	}
	b.SetNetworkHeader(0)
	b.SetTransportHeader(0)
	return true
}

// minEtherType is the smallest type field that is no length (IEEE 802.3).
const minEtherType = 0x600

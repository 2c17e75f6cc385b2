package dev

import (
	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// A Queue is a device's queueing discipline as the core sees it (net/sched
// makes them). It is passed packets and calls SendDirect with each when its
// turn has come.
type Queue interface {
	// Name is the discipline's kind: "pfifo_fast".
	Name() string
	// Enqueue owns b. A queue that is full drops it.
	Enqueue(c *kern.CPU, d *Device, b *skb.Buff)
}

// queue is the box that holds a Queue behind an atomic pointer.
type queue struct{ q Queue }

// SetQueue makes q d's queueing discipline; nil means none (noqueue). The
// caller holds the RTNL.
func (d *Device) SetQueue(q Queue) {
	if q == nil {
		d.qdisc.Store(nil)
		return
	}
	d.qdisc.Store(&queue{q})
}

// QueueName returns the name of d's queueing discipline as IFLA_QDISC shows
// it: "noop" for a device that was never up.
func (d *Device) QueueName() string {
	switch q := d.qdisc.Load(); {
	case d.state.Load()&stateActivated == 0:
		return "noop"
	case q != nil:
		return q.q.Name()
	}
	return "noqueue"
}

// maxNested is how deep transmissions may nest (XMIT_RECURSION_LIMIT).
const maxNested = 8

// Xmit sends b by b.Dev (dev_queue_xmit). Its data begins at the link header.
// It owns b. A false says that b was dropped and counted: the sender's error
// is ENETDOWN when the device is down, else ENOBUFS.
func Xmit(c *kern.CPU, b *skb.Buff) bool {
	d := Of(b)
	b.SetMacHeader(0)
	b.TxStamp(c, skb.TSTxSched)
	if f := d.egress.Load(); f != nil && !(*f)(c, d, b) {
		return true
	}
	if q := d.qdisc.Load(); q != nil {
		q.q.Enqueue(c, d, b)
		return true
	}
	return SendDirect(c, d, b)
}

// SendDirect gives b to d's driver, past the queueing discipline: features,
// taps, Ops.Xmit (validate_xmit_skb, dev_hard_start_xmit). It owns b and
// reports whether the driver was given it.
func SendDirect(c *kern.CPU, d *Device, b *skb.Buff) bool {
	n := d.Net()
	if !d.IsUp() {
		return dropTx(c, d, b, skb.ReasonDevReady)
	}
	s := softnetOf(c)
	if s.depth >= maxNested {
		return dropTx(c, d, b, skb.ReasonRecursionLimit)
	}
	if b.DataLen() == 0 && b.GSOSize == 0 && b.VLANProto == 0 && b.CsumState != skb.CsumPartial {
		hand(c, n, s, d, b) // nothing that a feature has a say in
		return true
	}
	f := featuresFor(d, b)
	if b.IsGSO() && !f.canGSO(b.GSOType) {
		return sendSegments(c, d, b, f)
	}
	if b.VLANProto != 0 && f&FeatVLANTx == 0 {
		pushVLAN(b)
	}
	if f&FeatSG == 0 && b.DataLen() > 0 {
		b.Linearize()
	}
	if b.CsumState == skb.CsumPartial && !f.canCsum(b.Protocol) && !completeCsum(b) {
		return dropTx(c, d, b, skb.ReasonSkbCsum)
	}
	hand(c, n, s, d, b)
	return true
}

// hand shows b to the taps and gives it to the driver.
func hand(c *kern.CPU, n *netns.Net, s *softnet, d *Device, b *skb.Buff) {
	if n.Tracing.Load() {
		skb.Trace(c, n, b, skb.Event{Point: skb.PointDevTx, Device: d.Name()})
	}
	b.TxStamp(c, skb.TSTxSoftware)
	if st := d.home.Load(); st.taps.Load() != nil || d.taps.Load() != nil {
		tapTx(c, &st.taps, d, b)
		tapTx(c, &d.taps, d, b)
	}
	s.depth++
	d.Ops.Xmit(c, d, b)
	s.depth--
}

func dropTx(c *kern.CPU, d *Device, b *skb.Buff, r skb.Reason) bool {
	d.Stats.At(c).TxDropped++
	b.Drop(c, d.Net(), r)
	return false
}

// tapTx shows a sent packet to those of a list that want it
// (dev_queue_xmit_nit).
func tapTx(c *kern.CPU, at *ptypeList, d *Device, b *skb.Buff) {
	list := at.Load()
	if list == nil {
		return
	}
	for _, p := range *list {
		kind := b.PktType
		b.PktType = skb.PacketOutgoing
		wants := p.Proto == uapi.ETH_P_ALL && (p.Wants == nil || p.Wants(b))
		b.PktType = kind
		if !wants {
			continue
		}
		o := b.Clone(c)
		o.PktType = skb.PacketOutgoing
		o.Tstamp = c.Now()
		o.SetMacHeader(0)
		p.Recv(c, o, d, d)
	}
}

// ShowSent shows b, whose data begin at its link header, as sent by d, which does not
// send it itself: to the taps on d and, when it has some, to those on every device. b
// stays the caller's.
func ShowSent(c *kern.CPU, d *Device, b *skb.Buff) {
	if d.HasTaps() {
		tapTx(c, &d.home.Load().taps, d, b)
		tapTx(c, &d.taps, d, b)
	}
}

// HasTaps reports whether somebody sees all that passes d.
func (d *Device) HasTaps() bool { return d.taps.Load() != nil }

// featuresFor returns the features of d that hold for b: a super-packet that
// is larger than d takes must be cut.
func featuresFor(d *Device, b *skb.Buff) Features {
	f := d.Features()
	if b.IsGSO() && (uint32(b.GSOSegs) > d.gsoMaxSegs.Load() || uint32(b.Len()) > d.gsoLimit(b.Protocol)+uint32(d.HardHeaderLen)) {
		f &^= FeatGSOSoftware
	}
	return f
}

func (d *Device) gsoLimit(proto uint16) uint32 {
	if proto == uapi.ETH_P_IP {
		return max(d.gso4Max.Load(), d.gsoMaxSize.Load())
	}
	return d.gsoMaxSize.Load()
}

// canGSO reports whether f takes a super-packet of type t whole.
func (f Features) canGSO(t uint32) bool {
	switch {
	case f&FeatSG == 0:
		return false
	case t&skb.GSOTCPv4 != 0:
		return f&FeatTSO != 0
	case t&skb.GSOTCPv6 != 0:
		return f&FeatTSO6 != 0
	case t&skb.GSOUDPL4 != 0:
		return f&FeatUDPSegment != 0
	}
	return false
}

// canCsum reports whether f fills in the checksum of a packet of proto.
func (f Features) canCsum(proto uint16) bool {
	switch {
	case f&FeatHWCsum != 0:
		return true
	case proto == uapi.ETH_P_IP:
		return f&FeatIPCsum != 0
	case proto == uapi.ETH_P_IPV6:
		return f&FeatIPv6Csum != 0
	}
	return false
}

// completeCsum fills in b's checksum in software and reports whether its
// place is inside the packet (skb_checksum_help).
func completeCsum(b *skb.Buff) bool {
	at, ok := b.CsumOffset()
	if !ok || !b.MayPull(at+2) {
		return false
	}
	b.CompleteCsum()
	return true
}

// pushVLAN writes b's tag into the packet (__vlan_hwaccel_push_inside).
func pushVLAN(b *skb.Buff) {
	if b.HeadLen() < 12 && !b.MayPull(12) {
		return
	}
	b.Cow(vlanLen)
	b.Push(vlanLen)
	b.SetMacHeader(0)
	h := b.Data()
	copy(h[:12], h[vlanLen:]) // the addresses
	h[12], h[13] = byte(b.VLANProto>>8), byte(b.VLANProto)
	h[14], h[15] = byte(b.VLANTCI>>8), byte(b.VLANTCI)
	b.Protocol, b.VLANProto, b.VLANTCI = b.VLANProto, 0, 0
}

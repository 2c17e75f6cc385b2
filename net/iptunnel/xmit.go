package iptunnel

import (
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// errorTimeout is how long the errors of the way are told to senders
// (IPTUNNEL_ERR_TIMEO).
const errorTimeout = 30 * time.Second

// inner is what the outer header takes from the packet inside.
type inner struct {
	daddr uint32
	tos   uint8
	ttl   uint8
	df    bool
}

// Xmit puts an outer header in front of b and sends it to the other end
// (ipip_tunnel_xmit). A super-packet is cut before that.
func (t *tunnel) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	if b.Protocol != uapi.ETH_P_IP || !b.MayPull(wire.IPv4HdrLen) {
		t.refuse(c, b, skb.ReasonUnhandledProto)
		return
	}
	b.SetNetworkHeader(0)
	h := (*wire.IPv4Hdr)(b.Data())
	in := inner{daddr: h.Daddr(), tos: h.TOS(), ttl: h.TTL(), df: h.DF()}
	p := t.parms.Load()
	remote := p.remote
	if remote == 0 { // the next hop's, which is what a route by tunl0 names
		rt := ipv4.RouteOf(b)
		if rt == nil {
			d.Stats.At(c).TxFIFO++
			t.refuse(c, b, skb.ReasonIPOutnoroutes)
			return
		}
		if remote = rt.NextHop(in.daddr); remote == 0 {
			t.refuse(c, b, skb.ReasonIPOutnoroutes)
			return
		}
	}
	tos := p.tos
	if tos&1 != 0 {
		tos = in.tos
	}
	f := p.way(tos)
	f.Daddr = remote
	rt, err := ipv4.RouteOutput(c, t.st.n, &f)
	if err != nil {
		d.Stats.At(c).TxCarrier++
		t.refuse(c, b, skb.ReasonIPOutnoroutes)
		return
	}
	if rt.Dev == d {
		d.Stats.At(c).Collisions++
		t.refuse(c, b, skb.ReasonRecursionLimit)
		return
	}
	o := outer{rt: rt, saddr: f.Saddr, daddr: f.Daddr, tos: encapsulateECN(tos, in.tos), ttl: p.ttl, df: p.df || in.df}
	if o.ttl == 0 {
		o.ttl = in.ttl
	}
	if b.IsGSO() {
		t.sendSegments(c, d, b, o, in.df)
		return
	}
	t.send(c, b, &o, in.df)
}

// sendSegments cuts the super-packet b, and sends what comes of it.
func (t *tunnel) sendSegments(c *kern.CPU, d *dev.Device, b *skb.Buff, o outer, df bool) {
	t.learn(c, b, &o)
	dev.Segment(c, d, b, func(s *skb.Buff) { t.send(c, s, &o, df) })
}

// outer is what the outer header says, and the way that it goes.
type outer struct {
	rt           *ipv4.Route
	saddr, daddr uint32
	tos, ttl     uint8
	df           bool
}

// refuse counts an error of sending and ends b.
func (t *tunnel) refuse(c *kern.CPU, b *skb.Buff, r skb.Reason) {
	t.dev.Stats.At(c).TxErrors++
	b.Drop(c, t.dev.Net(), r)
}

// learn returns how long a packet by the tunnel may be at most, and notes that
// for the destination inside (tnl_update_pmtu).
func (t *tunnel) learn(c *kern.CPU, b *skb.Buff, o *outer) int {
	rt := ipv4.RouteOf(b)
	mtu := t.dev.MTU()
	switch {
	case o.df:
		mtu = o.rt.MTU() - wire.IPv4HdrLen
	case rt != nil:
		mtu = rt.MTU()
	}
	if rt != nil {
		ipv4.UpdatePMTU(c, t.dev.Net(), rt, (*wire.IPv4Hdr)(b.Data()).Daddr(), mtu)
	}
	return mtu
}

// send puts the outer header in front of b, which is one packet, and sends it
// (ip_tunnel_xmit, iptunnel_xmit). df says that b itself may not be cut.
func (t *tunnel) send(c *kern.CPU, b *skb.Buff, o *outer, df bool) {
	if mtu := t.learn(c, b, o); df && b.Len() > mtu {
		ipv4.ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPFragNeeded, uint32(mtu))
		t.refuse(c, b, skb.ReasonPKTTooBig)
		return
	}
	t.tellErrors(c, b)
	size := b.Len()
	b.SetInnerNetworkHeader(0)
	b.SetTransportHeader(0)
	t.scrub(b)
	b.Cow(wire.IPv4HdrLen + o.rt.Dev.LinkHeadroom())
	h := (*wire.IPv4Hdr)(b.Push(wire.IPv4HdrLen))
	b.SetNetworkHeader(0)
	h.SetVerIHL(wire.IPv4HdrLen)
	h.SetTOS(o.tos)
	h.SetID(ipv4.SelectID(c, t.st.n, o.saddr, o.daddr, uapi.IPPROTO_IPIP, 1))
	h.SetFragOff(0)
	if o.df && !o.rt.MTULocked() {
		h.SetFragOff(wire.IPv4DF)
	}
	h.SetTTL(o.ttl)
	h.SetProto(uapi.IPPROTO_IPIP)
	h.SetSaddr(o.saddr)
	h.SetDaddr(o.daddr)
	b.Dst, b.Dev = o.rt, o.rt.Dev
	if ipv4.LocalOut(c, t.st.n, b) != nil {
		s := t.dev.Stats.At(c)
		s.TxErrors++
		s.TxAborted++
		return
	}
	t.dev.CountTx(c, size)
}

// scrub forgets what b knew of the stack inside (skb_scrub_packet); its owner
// goes on paying until it has left the machine.
func (t *tunnel) scrub(b *skb.Buff) {
	b.Dst, b.Sock = nil, nil
	if b.Ct != nil || b.Sec != nil {
		b.Ct, b.Sec = nil, nil
	}
	b.Iif, b.Hash, b.HashL4 = 0, 0, false
	b.PktType = skb.PacketHost
	b.IgnoreDF, b.NFTrace, b.Redirected, b.Offloaded = false, false, false, false
	b.IP = skb.IPControl{}
	if t.dev.Net() != t.st.n {
		b.Mark, b.Tstamp = 0, 0
	}
}

// tellErrors tells the sender of b that the other end was not reached, once for
// each error that a tunnel has had of late. b is sent all the same: this may have
// passed (RFC 2003 §4).
func (t *tunnel) tellErrors(c *kern.CPU, b *skb.Buff) {
	n := t.errors.Load()
	if n == 0 {
		return
	}
	if c.Now() >= ktime.T(t.errorAt.Load())+ktime.T(errorTimeout) {
		t.errors.Store(0)
		return
	}
	if t.errors.CompareAndSwap(n, n-1) {
		ipv4.ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPHostUnreach, 0)
	}
}

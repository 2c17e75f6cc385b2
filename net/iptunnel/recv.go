package iptunnel

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/klog"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// recv takes a packet of IP protocol 4 for this host, whose data begin at the
// inner header (tunnel4_rcv, ipip_rcv).
func (st *state) recv(c *kern.CPU, b *skb.Buff) {
	if !b.MayPull(wire.IPv4HdrLen) {
		b.Drop(c, st.n, skb.ReasonPKTTooSmall)
		return
	}
	h := (*wire.IPv4Hdr)(b.Network())
	t := st.lookup(dev.Of(b).Ifindex(), h.Saddr(), h.Daddr())
	if t == nil {
		ipv4.ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPPortUnreach, 0)
		b.Drop(c, st.n, skb.ReasonNotSpecified)
		return
	}
	t.receive(c, b, h)
}

// receive has the packet inside b received by the tunnel's device; h is the outer
// header (ip_tunnel_rcv).
func (t *tunnel) receive(c *kern.CPU, b *skb.Buff, h *wire.IPv4Hdr) {
	d := t.dev
	s := d.Stats.At(c)
	if isGroup(h.Daddr()) {
		s.Multicast++
	}
	e := decapsulateECN(h.TOS(), (*wire.IPv4Hdr)(b.Data()))
	if e != ecnFine && klog.Allow(t.st.n) {
		klog.Printf(t.st.n, klog.Info, "ip_tunnel: non-ECT from %s with TOS=%#x", h.Src(), h.TOS())
	}
	if e == ecnDrop {
		s.RxFrame++
		s.RxErrors++
		b.Drop(c, t.st.n, skb.ReasonIPTunnelEcn)
		return
	}
	d.CountRx(c, b.Len())
	b.Scrub(c, d.Net() != t.st.n)
	b.Protocol = uapi.ETH_P_IP
	b.VLANProto, b.Hash, b.HashL4, b.Queue = 0, 0, false, 0
	b.SetMacHeader(0)
	b.SetNetworkHeader(0)
	dev.Rx(c, d, b)
}

// fail is told of an ICMP error about an outer packet (ipip_err): the path's MTU
// and redirects are the route's, the rest the next senders are told.
func (st *state) fail(c *kern.CPU, b *skb.Buff, e ipv4.ICMPErr) {
	h := (*wire.IPv4Hdr)(b.Data())
	t := st.lookup(dev.Of(b).Ifindex(), h.Daddr(), h.Saddr())
	if t == nil {
		return
	}
	p := t.parms.Load()
	switch e.Type {
	case wire.ICMPDestUnreach:
		if e.Code == wire.ICMPSrFailed { // impossible
			return
		}
		if e.Code == wire.ICMPFragNeeded {
			if rt, f := st.quotedRoute(c, h, p.link); rt != nil {
				ipv4.UpdatePMTU(c, st.n, rt, f.Daddr, int(e.Info))
			}
			return
		}
	case wire.ICMPTimeExceeded:
		if e.Code != wire.ICMPExcTTL || p.ttl == 0 { // with the inner TTL that is traceroute's
			return
		}
	case wire.ICMPRedirect:
		if rt, f := st.quotedRoute(c, h, p.link); rt != nil {
			ipv4.FollowRedirect(c, st.n, b, rt, f.Daddr, e.Info)
		}
		return
	default:
		return
	}
	if p.remote == 0 {
		return
	}
	now := c.Now()
	if int64(now) < t.errorAt.Load()+int64(errorTimeout) && t.errors.Load() > 0 {
		t.errors.Add(1)
	} else {
		t.errors.Store(1)
	}
	t.errorAt.Store(int64(now))
}

// quotedRoute returns the route of an outer packet that an error quotes, or nil.
func (st *state) quotedRoute(c *kern.CPU, h *wire.IPv4Hdr, link int) (*ipv4.Route, ipv4.Flow) {
	f := ipv4.Flow{Daddr: h.Daddr(), Saddr: h.Saddr(), TOS: h.TOS(), Proto: h.Proto(), OIF: link, Flags: ipv4.FlowAnySrc}
	rt, err := ipv4.RouteOutput(c, st.n, &f)
	if err != nil {
		return nil, f
	}
	return rt, f
}

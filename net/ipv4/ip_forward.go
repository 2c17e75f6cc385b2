package ipv4

import (
	"strconv"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/netfilter"
	"linen/net/skb"
	"linen/uapi/errno"
	"linen/wire"
)

// ipForward passes on a packet that is for another host (ip_forward;
// RFC 1812 §5.2.1.2).
func ipForward(c *kern.CPU, b *skb.Buff) {
	rt := RouteOf(b)
	st, in := rt.st, dev.Of(b)
	if b.PktType != skb.PacketHost || b.Sock != nil {
		// RFC 1812 §5.3.4: a link broadcast is not forwarded.
		b.Drop(c, st.n, skb.ReasonNotSpecified)
		return
	}
	if b.IP.RouterAlert != 0 && st.routerAlertTakes(c, &b) {
		return
	}
	h := (*wire.IPv4Hdr)(b.Data())
	if h.TTL() <= 1 {
		st.path.mib.Inc(c, mib.IPInHdrErrors)
		ICMPSend(c, b, wire.ICMPTimeExceeded, wire.ICMPExcTTL, 0)
		b.Drop(c, st.n, skb.ReasonTTLExpired)
		return
	}
	if b.IP.IsStrict && rt.GwFamily != 0 { // RFC 1812 §5.2.7.1
		ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPSrFailed, 0)
		b.Drop(c, st.n, skb.ReasonIPBadOption)
		return
	}
	st.path.mib.Inc(c, mib.IPForwDatagrams)
	b.IP.Flags |= SKBForwarded
	if b.CsumState == skb.CsumComplete {
		b.CsumState = skb.CsumNone
	}
	mtu := rt.ForwardMTU(st.path.set.fwdPMTU.Bool())
	if b.Len() > mtu && tooBig(b, h, mtu) {
		st.path.mib.Inc(c, mib.IPFragFails)
		ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPFragNeeded, uint32(mtu))
		b.Drop(c, st.n, skb.ReasonPKTTooBig)
		return
	}
	if room := rt.Dev.LinkHeadroom(); room > b.Room() {
		b.Cow(room)
		h = (*wire.IPv4Hdr)(b.Data())
	}
	h.DecTTL()
	if b.IP.Flags&SKBDoRedirect != 0 && b.IP.SRR == 0 {
		sendRedirect(c, b, rt)
	}
	if st.path.set.fwdPriority.Bool() {
		b.Priority = uint32(PriorityOfTOS(h.TOS()))
	}
	if st.n.Tracing.Load() {
		traceForward(c, b, rt, in)
	}
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.Forward) &&
		!p.Run(c, b, netfilter.State{Net: st.n, In: in, Out: rt.Dev, Family: netfilter.IPv4, Hook: netfilter.Forward, Cont: st.path.after.forward}) {
		return
	}
	forwardFinish(c, b, st)
}

func traceForward(c *kern.CPU, b *skb.Buff, rt *Route, d *dev.Device) {
	h := (*wire.IPv4Hdr)(b.Data())
	skb.Trace(c, rt.st.n, b, skb.Event{
		Point: skb.PointForward, Device: rt.Dev.Name(), Verdict: "forward",
		By: "net.ipv4.conf." + d.Name() + ".forwarding=1, TTL now " + strconv.Itoa(int(h.TTL())),
	})
}

// tooBig reports whether b, longer than mtu, may not leave by such a link: it
// may not be cut, or its fragments were larger (RFC 1191 §4). A super-packet
// may if its segments fit.
func tooBig(b *skb.Buff, h *wire.IPv4Hdr, mtu int) bool {
	switch {
	case !h.DF():
		return false
	case int(b.IP.FragMaxSize) > mtu:
		return true
	case b.IgnoreDF:
		return false
	}
	return !b.IsGSO() || segmentLen(b) > mtu
}

// segmentLen returns the length, from the network header on, of the segments
// of a super-packet (skb_gso_network_seglen).
func segmentLen(b *skb.Buff) int {
	hdr := b.TransportOff() - b.NetworkOff()
	if b.GSOType&skb.GSOUDPL4 != 0 {
		return hdr + wire.UDPHdrLen + int(b.GSOSize)
	}
	if t, ok := wire.AsTCP(b.Transport()); ok {
		return hdr + t.DataOff() + int(b.GSOSize)
	}
	return hdr + wire.TCPHdrLen + int(b.GSOSize)
}

// forwardFinish sends b by its route (ip_forward_finish).
func forwardFinish(c *kern.CPU, b *skb.Buff, st *state) {
	if b.IP.OptLen != 0 {
		forwardOptions(c, b, RouteOf(b))
	}
	b.Tstamp = 0
	b.Dst.Output(c, b)
}

// routerAlertTakes offers a packet with the router alert option (RFC 2113) to
// the sockets that want it, whole: *b is replaced by what was reassembled. It
// reports whether the packet has been taken.
func (st *state) routerAlertTakes(c *kern.CPU, b **skb.Buff) bool {
	f := st.path.routerAlert.Load()
	h := (*wire.IPv4Hdr)((*b).Data())
	if f == nil || !f.wants(h.Proto(), int((*b).Iif)) {
		return false
	}
	if h.IsFragment() {
		whole := st.defragment(c, *b, DefragRouterAlert)
		if whole == nil {
			return true
		}
		*b = whole
	}
	return f.take(c, *b)
}

// Costs of the errors about routes, of one destination's tokens
// (net.ipv4.route.error_cost and error_burst, which are not per namespace).
const (
	errorCost  = time.Second
	errorBurst = 5 * time.Second
)

// ipError ends a packet that no route takes and answers as the route says
// (ip_error). A host that does not forward stays silent (RFC 1122 §3.3.1.1).
func ipError(c *kern.CPU, b *skb.Buff, rt *Route) {
	st := rt.st
	in := InDev(dev.Of(b))
	if in == nil {
		b.Drop(c, st.n, skb.ReasonNotSpecified)
		return
	}
	if !in.Forwarding() {
		switch rt.Err {
		case errno.EHOSTUNREACH:
			st.path.mib.Inc(c, mib.IPInAddrErrors)
		case errno.ENETUNREACH:
			st.path.mib.Inc(c, mib.IPExtInNoRoutes)
		}
		b.Drop(c, st.n, skb.ReasonIPForwardingOff)
		return
	}
	r := rt.Refusal(in)
	if r.Reason == skb.ReasonIPInnoroutes {
		st.path.mib.Inc(c, mib.IPExtInNoRoutes)
	}
	if !r.Answers {
		b.Drop(c, st.n, r.Reason)
		return
	}
	peer := st.path.peers.Get(c.Now(), (*wire.IPv4Hdr)(b.Network()).Saddr(), 0)
	if peer == nil || peer.Take(c.Now(), errorCost, errorBurst) {
		ICMPSend(c, b, wire.ICMPDestUnreach, r.Code, 0)
	}
	b.Drop(c, st.n, r.Reason)
}

// PriorityOfTOS returns the packet priority that a TOS byte asks for
// (rt_tos2priority; RFC 1349's four bits).
func PriorityOfTOS(tos uint8) uint8 {
	const (
		bestEffort, filler, bulk, interactiveBulk, interactive = 0, 1, 2, 4, 6 // TC_PRIO_*
	)
	return [16]uint8{
		bestEffort, filler, bestEffort, bestEffort,
		bulk, bulk, bulk, bulk,
		interactive, interactive, interactive, interactive,
		interactiveBulk, interactiveBulk, interactiveBulk, interactiveBulk,
	}[tos>>1&15]
}

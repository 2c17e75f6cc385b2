package ipv4

import (
	"time"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// maxICMPError is how long an error message may be, bytes with IP header
// (RFC 1812 §4.3.2.3).
const maxICMPError = 576

// precInternetControl is the precedence of error messages (RFC 1812 §4.3.2.5);
// the original's type of service, but for ECN, stays with it.
const (
	precInternetControl = 0xc0
	tosMask             = 0x1e
)

// ICMPSend tells the sender of b what became of it (icmp_send). b's data begin
// at its IP header or behind it; it needs its route and stays the caller's.
// info is the second word of the message: MTU, gateway, pointer << 24. It sends
// nothing where RFC 1122 §3.2.2 forbids it or a limit is reached.
func ICMPSend(c *kern.CPU, b *skb.Buff, typ, code uint8, info uint32) {
	rt := RouteOf(b)
	if rt == nil {
		return
	}
	st := rt.st
	h, ok := wire.AsIPv4(b.Network())
	if !ok || !mayAnswer(b, rt, h, typ) {
		return
	}
	limited, ok := st.icmpGlobalAllow(c, typ, code, b.Dev)
	if !ok {
		st.traceICMP(c, b, typ, code, "limited by icmp_msgs_per_sec")
		return
	}
	s := Send{Dst: h.Saddr(), Proto: uapi.IPPROTO_ICMP, TOS: h.TOS(), TTL: DefaultTTL, PMTU: uapi.IP_PMTUDISC_DONT}
	if wire.ICMPIsError(typ) {
		s.TOS = h.TOS()&tosMask | precInternetControl
	}
	s.Mark = st.replyMark(b)
	if b.IP.OptLen != 0 {
		s.Options = EchoOptions(st.n, b)
	}
	f := Flow{
		Daddr: s.Dst, Saddr: st.errorSource(b, rt, h), Mark: s.Mark, TOS: s.TOS, Proto: s.Proto,
		SPort: uint16(typ), DPort: uint16(code), OIF: st.vrfIndex(b),
	}
	if s.Options != nil && s.Options.FirstHop != 0 {
		f.Daddr = s.Options.FirstHop
	}
	back, err := RouteOutput(c, st.n, &f)
	if err != nil {
		return
	}
	if limited && !st.icmpPeerAllow(c, back, f.Daddr) {
		st.traceICMP(c, b, typ, code, "limited by icmp_ratelimit")
		return
	}
	s.Route, s.Src = back, f.Saddr
	o := quote(c, b, min(s.MTU(), maxICMPError)-s.HeaderLen()-wire.ICMPHdrLen)
	if o == nil {
		return
	}
	e := (*wire.ICMPHdr)(o.Data())
	e.SetTypeCode(typ, code)
	e.SetRest(info)
	e.SetCheck(0)
	e.SetCheck(csum.Checksum(o.Data()))
	st.traceICMP(c, b, typ, code, "sent")
	if s.Xmit(c, o) != nil {
		st.path.mib.Inc(c, mib.ICMPOutErrors)
	}
}

// traceICMP is the trace point of a message about b.
func (st *state) traceICMP(c *kern.CPU, b *skb.Buff, typ, code uint8, what string) {
	if st.n.Tracing.Load() {
		skb.Trace(c, st.n, b, skb.Event{Point: skb.PointICMP, Verdict: what, By: "ICMP " + ICMPName(typ, code)})
	}
}

// mayAnswer applies RFC 1122 §3.2.2: no error about a link's or IP's broadcast
// or group, a fragment but the first, or an error.
func mayAnswer(b *skb.Buff, rt *Route, h *wire.IPv4Hdr, typ uint8) bool {
	if b.PktType != skb.PacketHost || rt.Flags&(RTCFBroadcast|RTCFMulticast) != 0 || h.Offset() != 0 {
		return false
	}
	if !wire.ICMPIsError(typ) || h.Proto() != uapi.IPPROTO_ICMP {
		return true
	}
	var about [1]byte
	if copyNetwork(b, h.IHL(), about[:]) == 0 {
		return false
	}
	switch t := about[0]; t {
	case 1, 2, 6, 7: // never assigned: taken for errors
		return false
	default:
		return t <= maxICMPType && !wire.ICMPIsError(t)
	}
}

// errorSource chooses whom an error is from: the address that the packet was
// for, if it is ours; with net.ipv4.icmp_errors_use_inbound_ifaddr the first of
// the device that it came in by; else 0, the one that faces its sender.
func (st *state) errorSource(b *skb.Buff, rt *Route, h *wire.IPv4Hdr) uint32 {
	if rt.Flags&RTCFLocal != 0 {
		return h.Daddr()
	}
	if b.Iif != 0 && st.path.icmp.inboundAddr.Bool() {
		if d := dev.ByIndex(st.n, int(b.Iif)); d != nil {
			return SelectSource(d, h.Saddr(), uapi.RT_SCOPE_LINK)
		}
	}
	return 0
}

// quote returns a message that quotes b from its IP header on, at most room
// bytes of it, behind an empty ICMP header; nil if not even the header fits.
func quote(c *kern.CPU, b *skb.Buff, room int) *skb.Buff {
	if room <= wire.IPv4HdrLen {
		return nil
	}
	n := min(b.Len()-b.NetworkOff(), room)
	o := skb.Alloc(c, wire.ICMPHdrLen+n)
	o.Put(wire.ICMPHdrLen)
	copyNetwork(b, 0, o.Put(n))
	return o
}

// copyNetwork copies b's bytes from off behind the network header on, also
// those that have been pulled, and returns how many.
func copyNetwork(b *skb.Buff, off int, dst []byte) int {
	off += b.NetworkOff()
	if off >= 0 {
		return b.CopyOut(off, dst)
	}
	p := b.Network()
	n := copy(dst, p[off-b.NetworkOff():min(off-b.NetworkOff()-off, len(p))])
	return n + b.CopyOut(0, dst[n:])
}

// Limits of redirects (net.ipv4.route.redirect_*, not per namespace).
const (
	redirectLoad    = 20 * time.Millisecond
	redirectNumber  = 9
	redirectSilence = redirectLoad << (redirectNumber + 1)
)

// sendRedirect tells a neighbour that sends by us of the better gateway
// (ip_rt_send_redirect; RFC 1812 §5.2.7.2).
func sendRedirect(c *kern.CPU, b *skb.Buff, rt *Route) {
	in := InDev(rt.Dev)
	if in == nil || !in.SendRedirects() {
		return
	}
	h := (*wire.IPv4Hdr)(b.Data())
	peer := rt.st.path.peers.Get(c.Now(), h.Saddr(), 0)
	if peer == nil || peer.Redirect(c.Now(), redirectLoad, redirectNumber, redirectSilence) {
		src, dst, gateway := h.Saddr(), h.Daddr(), rt.NextHop(h.Daddr())
		ICMPSend(c, b, wire.ICMPRedirect, wire.ICMPRedirHost, gateway)
		if in.LogMartians() && peer != nil && peer.Redirects() == redirectNumber {
			rt.st.logStubborn(b, src, dst, gateway)
		}
	}
}

// linkFailure tells the sender of b that its next hop does not answer
// (ipv4_link_failure).
func linkFailure(c *kern.CPU, b *skb.Buff) {
	ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPHostUnreach, 0)
}

package ipv4

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/l3mdev"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// SKBDoRedirect, in skb.IPControl.Flags, says that a forwarded packet leaves
// by the device it came in by: its sender gets a redirect (IPSKB_DOREDIRECT).
const SKBDoRedirect = 1 << 5

// RouteInput finds the route of a packet that came in by d and sets b.Dst
// (ip_route_input). A reason other than 0 says that b must be dropped for it:
// the caller drops. An error route (no way, prohibited) is no such reason: its
// Input answers.
func RouteInput(c *kern.CPU, n *netns.Net, b *skb.Buff, daddr, saddr uint32, tos uint8, d *dev.Device) skb.Reason {
	st, in := of(n), InDev(d)
	if in == nil {
		return reasonNoInDev
	}
	if rt := st.quickForward(in, daddr, saddr); rt != nil {
		b.Dst = rt
		return 0
	}
	f := Flow{Daddr: daddr, Saddr: saddr, TOS: tos & dscp, IIF: d.Ifindex(), Mark: b.Mark}
	var res result
	rt, reason := st.routeInput(c, b, &f, in, &res)
	if reason != 0 || rt.Type != uapi.RTN_UNICAST && rt.Type != uapi.RTN_LOCAL {
		st.countInput(c, rt, reason)
	}
	if reason != 0 {
		if in.LogMartians() {
			st.logMartian(b, &f, in, reason)
		}
		return reason
	}
	if res.redirect {
		b.IP.Flags |= SKBDoRedirect
	}
	b.Dst = rt
	return 0
}

// reasonNoInDev is what a packet on a device without IPv4 is dropped for.
const reasonNoInDev = skb.ReasonIPInaddrerrors

// routeInput decides about a received packet (ip_route_input_slow). b may be
// nil: a question of `ip route get`.
func (st *state) routeInput(c *kern.CPU, b *skb.Buff, f *Flow, in *InDevice, res *result) (*Route, skb.Reason) {
	if isMulticast(f.Daddr) {
		return st.routeInputMulticast(c, b, f, in)
	}
	if isMulticast(f.Saddr) || isLimitedBcast(f.Saddr) {
		return nil, skb.ReasonIPInvalidSource
	}
	if isLimitedBcast(f.Daddr) || f.Saddr == 0 && f.Daddr == 0 {
		return st.inputBroadcast(c, b, f, in, res)
	}
	if isZeroNet(f.Saddr) {
		return nil, skb.ReasonIPInvalidSource
	}
	if isZeroNet(f.Daddr) {
		return nil, skb.ReasonIPInvalidDest
	}
	if (isLoopback(f.Daddr) || isLoopback(f.Saddr)) && !in.RouteLocalnet() {
		return nil, skb.ReasonIPLocalnet
	}
	e := st.lookupReceived(b, f, res)
	if e != 0 {
		if !in.Forwarding() {
			e = errno.EHOSTUNREACH
		}
		st.traceRoute(c, b, f, res, uapi.RTN_UNREACHABLE, nil)
		return st.errorRoute(e), 0
	}
	switch res.typ() {
	case uapi.RTN_LOCAL:
		r := st.validateSource(c, b, f, in, 0)
		if r.reason != 0 {
			return nil, r.reason
		}
		st.traceRoute(c, b, f, res, uapi.RTN_LOCAL, in.dev)
		return st.inputLocal(c, res, r.realms), 0
	case uapi.RTN_BROADCAST:
		if !in.BcForwarding() {
			return st.inputBroadcast(c, b, f, in, res)
		}
	}
	if !in.Forwarding() {
		st.traceRoute(c, b, f, res, uapi.RTN_UNREACHABLE, nil)
		return st.errorRoute(errno.EHOSTUNREACH), 0
	}
	if t := res.typ(); t != uapi.RTN_UNICAST && t != uapi.RTN_BROADCAST {
		return nil, skb.ReasonIPInvalidDest
	}
	return st.inputForward(c, b, f, in, res)
}

// lookupReceived is lookup for a received packet, or for a question about one. Its
// transport header is looked into when some rule asks for it; the ports of a question
// choose among paths all the same.
func (st *state) lookupReceived(b *skb.Buff, f *Flow, res *result) errno.Errno {
	set := st.rules.Load()
	if set == nil {
		return st.lookup(f, res, 0)
	}
	needed := set.ready().needsPorts
	if b != nil {
		if needed {
			dissect(b, f)
		}
		return st.lookup(f, res, 0)
	}
	proto, sport, dport := f.Proto, f.SPort, f.DPort
	if !needed {
		f.Proto, f.SPort, f.DPort = 0, 0, 0
	}
	e := st.lookup(f, res, 0)
	f.Proto, f.SPort, f.DPort = proto, sport, dport
	return e
}

// inputForward makes the route of a packet to be forwarded
// (__mkroute_input).
func (st *state) inputForward(c *kern.CPU, b *skb.Buff, f *Flow, in *InDevice, res *result) (*Route, skb.Reason) {
	if len(res.info.hops()) > 1 {
		st.selectMultipath(f, res, b)
	}
	nh := res.nh
	out := InDev(nh.dev)
	if out == nil {
		return nil, reasonNoInDev
	}
	r := st.validateSource(c, b, f, in, nh.oif)
	if r.reason != 0 {
		return nil, r.reason
	}
	if out == in && r.onLink && (b == nil || b.Protocol == uapi.ETH_P_IP) && out.SendRedirects() {
		gw := uint32(0)
		if nh.gwFamily == uapi.AF_INET {
			gw = nh.gw
		}
		if out.SharedMedia() || out.OnLink(f.Saddr, gw) {
			res.redirect = true
		}
	}
	if b != nil && b.Protocol != uapi.ETH_P_IP && out == in && !in.ProxyARPPvlan() {
		return nil, skb.ReasonInvalidProto // proxy ARP answers for other links only
	}
	st.traceRoute(c, b, f, res, uapi.RTN_UNICAST, nh.dev)
	learned := nh.learnedFor(f.Daddr, st.now(c))
	cached := &nh.in
	if learned != nil {
		cached = &learned.in
	}
	if rt := cached.Load(); rt != nil && rt.gen == st.gen.Load() && r.realms == 0 {
		return rt, 0
	}
	st.count(c, statInSlow)
	rt := st.newRoute(nh.dev, res.typ(), 0)
	rt.in, rt.out = wayForward, wayOutput
	rt.throughHop(nh)
	learned.apply(rt)
	rt.addRealms(res.ruleRealms())
	rt.addRealms(r.realms)
	if r.realms == 0 {
		cached.Store(rt)
	}
	return rt, 0
}

// inputLocal returns the route of a packet to this host, whose source has
// realms.
func (st *state) inputLocal(c *kern.CPU, res *result, realms uint32) *Route {
	nh := res.nh
	if rt := nh.in.Load(); rt != nil && rt.gen == st.gen.Load() && realms == 0 {
		return rt
	}
	st.count(c, statInSlow)
	rt := st.newRoute(st.localDev(nh.dev), res.typ(), RTCFLocal)
	rt.in = wayDeliver
	rt.throughHop(nh)
	if rt.realms = realms; realms == 0 {
		nh.in.Store(rt)
	}
	return rt
}

// inputBroadcast returns the route of a broadcast, which this host takes.
func (st *state) inputBroadcast(c *kern.CPU, b *skb.Buff, f *Flow, in *InDevice, res *result) (*Route, skb.Reason) {
	if b != nil && b.Protocol != uapi.ETH_P_IP {
		return nil, skb.ReasonInvalidProto
	}
	var r sourceCheck
	if f.Saddr != 0 {
		g := *f
		g.Daddr = 0
		if r = st.validateSource(c, b, &g, in, 0); r.reason != 0 {
			return nil, r.reason
		}
	}
	st.traceRoute(c, b, f, res, uapi.RTN_BROADCAST, in.dev)
	return st.specialRoute(specialBroadcast).withRealms(r.realms), 0
}

// routeInputMulticast decides about a packet to a group (ip_route_input_mc).
func (st *state) routeInputMulticast(c *kern.CPU, b *skb.Buff, f *Flow, in *InDevice) (*Route, skb.Reason) {
	var r sourceCheck
	proto := f.Proto
	if h, ok := packetHeader(b); ok {
		proto = h.Proto()
	}
	ours := in.isMember(f.Daddr, f.Saddr) || proto == uapi.IPPROTO_IGMP && in.isMember(f.Daddr, 0) // IGMP is from any source
	forward := st.data.mcInput != nil && !isLocalMcast(f.Daddr) && in.McForwarding()
	switch {
	case !ours && !forward:
		return nil, skb.ReasonIPInaddrerrors
	case isMulticast(f.Saddr) || isLimitedBcast(f.Saddr):
		return nil, skb.ReasonIPInvalidSource
	case b != nil && b.Protocol != uapi.ETH_P_IP:
		return nil, skb.ReasonInvalidProto
	case isLoopback(f.Saddr) && !in.RouteLocalnet():
		return nil, skb.ReasonIPLocalnet
	case isZeroNet(f.Saddr):
		if !isLocalMcast(f.Daddr) && proto != uapi.IPPROTO_IGMP { // hosts without an address report groups
			return nil, skb.ReasonIPInvalidSource
		}
	default:
		g := *f
		g.Daddr = 0
		if r = st.validateSource(c, b, &g, in, 0); r.reason != 0 {
			return nil, r.reason
		}
	}
	kind := specialMulticast
	switch {
	case forward && ours:
		kind = specialMrouteLocal
	case forward:
		kind = specialMroute
	}
	return st.specialRoute(kind).withRealms(r.realms), 0
}

// packetHeader returns the IPv4 header of b, which may be nil.
func packetHeader(b *skb.Buff) (*wire.IPv4Hdr, bool) {
	if b == nil {
		return nil, false
	}
	return wire.AsIPv4(b.Network())
}

// sourceCheck is what validateSource found.
type sourceCheck struct {
	reason skb.Reason // 0: the source may be
	onLink bool       // the source is reached without a gateway
	realms uint32     // that the way back gives the packet
}

// validateSource looks whether a packet from f.Saddr may come in by the device
// (fib_validate_source): it is not one of our addresses, and with rp_filter
// the way back to it leads by the same device (RFC 3704 §2). oif is the device
// that it will be forwarded by, or 0.
func (st *state) validateSource(c *kern.CPU, b *skb.Buff, f *Flow, in *InDevice, oif int) sourceCheck {
	rpf := in.RPFilter()
	if rpf == 0 && !st.usesRealms() && (in.dev.Ifindex() != oif || !in.SendRedirects()) {
		if in.AcceptLocal() {
			return sourceCheck{}
		}
		if !st.split.Load() && !st.customLocal.Load() {
			if st.addrs.get(f.Saddr) != nil {
				return sourceCheck{reason: skb.ReasonIPLocalSource}
			}
			return sourceCheck{}
		}
	}
	r := st.reversePath(f, in, oif, rpf)
	if r.reason == skb.ReasonIPRpfilter && c != nil && b != nil && b.Protocol == uapi.ETH_P_IP { // not ARP
		mib.Of(st.n).Inc(c, mib.TCPExtIPReversePathFilter)
	}
	if c != nil && rpf != 0 && st.n.Tracing.Load() {
		skb.Trace(c, st.n, b, traceRPF(r, in))
	}
	return r
}

// reversePath looks the source up as a destination.
func (st *state) reversePath(f *Flow, in *InDevice, oif, rpf int) sourceCheck {
	back := Flow{Daddr: f.Saddr, Saddr: f.Daddr, TOS: f.TOS, UID: f.UID, IIF: oif, L3mdev: f.L3mdev}
	if back.IIF == 0 {
		back.IIF = dev.LoopbackIndex
	}
	if in.SrcValidMark() {
		back.Mark = f.Mark
	}
	back.Proto, back.SPort, back.DPort = f.Proto, f.DPort, f.SPort
	var res result
	if st.lookup(&back, &res, 0) != 0 {
		return lastResort(rpf)
	}
	switch typ := res.typ(); {
	case typ == uapi.RTN_UNICAST:
	case typ != uapi.RTN_LOCAL:
		return sourceCheck{reason: skb.ReasonIPInvalidSource}
	case !in.AcceptLocal():
		return sourceCheck{reason: skb.ReasonIPLocalSource}
	}
	if res.info.uses(in.dev) || st.vrfs.Load() && res.info.usesVRF(in.dev) || res.typ() == uapi.RTN_LOCAL && in.dev.IsLoopback() {
		return sourceCheck{onLink: res.nh.scope >= uapi.RT_SCOPE_HOST, realms: res.sourceRealms()}
	}
	if len(in.Addrs()) == 0 {
		return lastResort(rpf)
	}
	if rpf == 1 {
		return sourceCheck{reason: skb.ReasonIPRpfilter}
	}
	realms := res.sourceRealms()
	back.OIF = in.dev.Ifindex()
	if st.lookup(&back, &res, ignoreLinkstate) == 0 && res.typ() == uapi.RTN_UNICAST {
		return sourceCheck{onLink: res.nh.scope >= uapi.RT_SCOPE_HOST, realms: realms}
	}
	return sourceCheck{realms: realms}
}

// lastResort is the answer when no way back is known.
func lastResort(rpf int) sourceCheck {
	if rpf != 0 {
		return sourceCheck{reason: skb.ReasonIPRpfilter}
	}
	return sourceCheck{}
}

// usesVRF reports whether one of the next hops is by a port of the VRF d.
func (fi *info) usesVRF(d *dev.Device) bool {
	for _, nh := range fi.hops() {
		if nh.dev != nil && l3mdev.Master(nh.dev) == d {
			return true
		}
	}
	return false
}

// uses reports whether one of the next hops is by d.
func (fi *info) uses(d *dev.Device) bool {
	for _, nh := range fi.hops() {
		if nh.dev == d {
			return true
		}
	}
	return false
}

// dissect takes protocol and ports from the packet, for rules that look at
// them; fragments have none.
func dissect(b *skb.Buff, f *Flow) {
	h, ok := wire.AsIPv4(b.Network())
	if !ok {
		return
	}
	f.Proto = h.Proto()
	if h.Offset() != 0 || h.MF() {
		return
	}
	f.SPort, f.DPort = transportPorts(f.Proto, b.Network()[min(h.IHL(), len(b.Network())):])
}

// transportPorts returns the ports at the beginning of a transport header.
func transportPorts(proto uint8, p []byte) (src, dst uint16) {
	switch proto {
	case uapi.IPPROTO_TCP, uapi.IPPROTO_UDP, uapi.IPPROTO_SCTP, uapi.IPPROTO_DCCP, uapi.IPPROTO_UDPLITE:
		if len(p) >= 4 {
			return uint16(p[0])<<8 | uint16(p[1]), uint16(p[2])<<8 | uint16(p[3])
		}
	}
	return 0, 0
}

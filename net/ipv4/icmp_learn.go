package ipv4

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/neigh"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// quotedFlow is the flow of a packet that an ICMP error quotes, in the VRF that
// the error came in by.
func (st *state) quotedFlow(b *skb.Buff) Flow {
	h := (*wire.IPv4Hdr)(b.Data())
	return Flow{Daddr: h.Daddr(), Saddr: h.Saddr(), TOS: h.TOS(), Proto: h.Proto(), Flags: FlowAnySrc, OIF: st.vrfIndex(b)}
}

// PMTUFromICMP notes the path MTU that an ICMP error brought, for the route of
// the packet that it quotes (ipv4_update_pmtu). b is as Protocol.Err gets it;
// the caller has checked that it sent that packet.
func PMTUFromICMP(c *kern.CPU, n *netns.Net, b *skb.Buff, mtu int) {
	f := of(n).quotedFlow(b)
	if rt, err := RouteOutput(c, n, &f); err == nil {
		UpdatePMTU(c, n, rt, f.Daddr, mtu)
	}
}

// RedirectFromICMP follows a redirect for the route of the packet that it
// quotes, if it may be believed (ipv4_redirect): it comes from the present
// gateway, and its device accepts redirects to the new one.
func RedirectFromICMP(c *kern.CPU, n *netns.Net, b *skb.Buff, gateway uint32) {
	f := of(n).quotedFlow(b)
	rt, err := RouteOutput(c, n, &f)
	if err != nil {
		return
	}
	FollowRedirect(c, n, b, rt, f.Daddr, gateway)
}

// FollowRedirect is RedirectFromICMP for a route that the caller has at hand,
// and the destination daddr (ip_do_redirect).
func FollowRedirect(c *kern.CPU, n *netns.Net, b *skb.Buff, rt *Route, daddr, gateway uint32) {
	st, d := of(n), dev.Of(b)
	icmp, ok := wire.AsICMP(b.Transport())
	if !ok || icmp.Code() > wire.ICMPRedirHostTOS {
		return
	}
	from := (*wire.IPv4Hdr)(b.Network()).Saddr()
	if rt.GwFamily != uapi.AF_INET || rt.Gateway != from {
		return
	}
	if !st.mayRedirect(d, from, gateway) {
		quoted := (*wire.IPv4Hdr)(b.Data())
		st.logIgnored(InDev(d), from, gateway, quoted.Saddr(), quoted.Daddr())
		return
	}
	nb := neigh.Of(n).V4.Lookup4(c, rt.Dev, gateway)
	if nb == nil {
		return
	}
	if nb.State()&neigh.Valid == 0 {
		nb.Send(c, nil) // ask for it; the next redirect may be followed
		return
	}
	Redirect(c, n, rt, daddr, gateway, d)
}

// mayRedirect reports whether from may redirect to gateway on d (RFC 1122
// §3.2.2.2): where subnets do not share the link both must be in one of ours,
// and with secure_redirects the new one must be the gateway of some route.
func (st *state) mayRedirect(d *dev.Device, from, gateway uint32) bool {
	in := InDev(d)
	if in == nil || !in.AcceptRedirects() || gateway == from ||
		isMulticast(gateway) || isLimitedBcast(gateway) || isZeroNet(gateway) {
		return false
	}
	if in.SharedMedia() {
		return AddrType(st.n, gateway) == uapi.RTN_UNICAST
	}
	return in.OnLink(gateway, from) && (!in.SecureRedirects() || st.infos.knowsGateway(d, gateway))
}

package ipv4

import (
	"strconv"

	"linen/kern"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/netfilter"
	"linen/net/netns"
	"linen/net/skb"
	"linen/wire"
)

// SetMulticastInput installs multicast routing, at its init and before any
// packet: f is given packets to groups that came in by devices with
// mc_forwarding, or that this host sends by them, with data at the IP header.
// RouteOf(b).Flags has RTCFLocal when this host takes the packet too.
func SetMulticastInput(n *netns.Net, f func(c *kern.CPU, b *skb.Buff)) { of(n).data.mcInput = f }

// SetPIMv1 installs the receiver of version 1 PIM messages, which are IGMP's of
// type 0x14; it owns b, whose data begin at the IGMP header.
func SetPIMv1(n *netns.Net, f func(c *kern.CPU, b *skb.Buff)) { of(n).path.igmp.pim = f }

// CountMcForwarding adds inc to the number of those who have multicast
// forwarded from the device (net.ipv4.conf.DEV.mc_forwarding). The caller
// holds the RTNL.
func (in *InDevice) CountMcForwarding(inc int) {
	c := int(ConfMcForwarding)
	in.conf.Store(c, in.conf.Load(c)+int64(inc))
	in.st.notifyConf(ConfMcForwarding, in.dev.Ifindex())
	in.st.flushCache()
}

// CountMcForwardingAll adds inc to the number of multicast routing daemons
// (net.ipv4.conf.all.mc_forwarding). The caller holds the RTNL.
func CountMcForwardingAll(n *netns.Net, inc int) {
	st, c := of(n), int(ConfMcForwarding)
	st.confAll.Store(c, st.confAll.Load(c)+int64(inc))
	st.notifyConf(ConfMcForwarding, netconfAll)
	st.flushCache()
}

// IsOutput reports whether rt is a route of packets that this host sends: such
// a packet comes to multicast routing as the copy for ourselves.
func (rt *Route) IsOutput() bool { return rt.out != wayNone }

// LocalDeliver takes b for this host (ip_local_deliver). It owns b.
func LocalDeliver(c *kern.CPU, b *skb.Buff) { localDeliver(c, b) }

// TakeRouterAlert gives a packet with the router alert option to the sockets
// that want it, and reports whether one did; then *b is gone, else it may be
// another, reassembled (ip_call_ra_chain).
func TakeRouterAlert(c *kern.CPU, b **skb.Buff) bool {
	return of(dev.Of(*b).Net()).routerAlertTakes(c, b)
}

// TooBigToForward counts b and reports true when it is longer than rt takes and
// may not be cut. Nobody is told (RFC 1112: no ICMP errors about groups).
func (rt *Route) TooBigToForward(c *kern.CPU, b *skb.Buff) bool {
	mtu := rt.MTU()
	if b.Len() <= mtu || !(*wire.IPv4Hdr)(b.Data()).DF() || b.IsGSO() && segmentLen(b) <= mtu {
		return false
	}
	rt.st.path.mib.Inc(c, mib.IPFragFails)
	return true
}

// ForwardMulticast sends b by rt, an output route to its group: TTL, FORWARD,
// output (ipmr_queue_xmit, ipmr_forward_finish). by says, for traces, which
// entry chose the way. It owns b.
func ForwardMulticast(c *kern.CPU, b *skb.Buff, rt *Route, by string) {
	st, in := rt.st, dev.Of(b)
	b.Cow(rt.Dev.LinkHeadroom())
	b.Dst = rt
	h := (*wire.IPv4Hdr)(b.Data())
	h.DecTTL()
	st.path.mib.Inc(c, mib.IPForwDatagrams)
	b.IP.Flags |= SKBForwarded
	if b.CsumState == skb.CsumComplete {
		b.CsumState = skb.CsumNone
	}
	if st.n.Tracing.Load() {
		skb.Trace(c, st.n, b, skb.Event{
			Point: skb.PointForward, Device: rt.Dev.Name(), Verdict: "forward",
			By: by + ", TTL now " + strconv.Itoa(int(h.TTL())),
		})
	}
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.Forward) &&
		!p.Run(c, b, netfilter.State{Net: st.n, In: in, Out: rt.Dev, Family: netfilter.IPv4, Hook: netfilter.Forward, Cont: st.path.after.forward}) {
		return
	}
	forwardFinish(c, b, st)
}

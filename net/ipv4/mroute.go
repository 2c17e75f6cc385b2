package ipv4

import (
	"strconv"

	"linen/kern"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/netfilter"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
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

// SkipRPFilter ends reverse path filtering on a device of multicast routing's own:
// where its packets are from the entries say (ipmr_init_vif_indev). The caller
// holds the RTNL.
func (in *InDevice) SkipRPFilter() { in.conf.Store(int(ConfRPFilter), 0) }

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

// TooBigToForward counts b and reports true when it is longer than rt takes, with
// extra bytes of further headers, and may not be cut. Nobody is told (RFC 1112: no
// ICMP errors about groups).
func (rt *Route) TooBigToForward(c *kern.CPU, b *skb.Buff, extra int) bool {
	mtu := rt.MTU() - extra
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
	forwardMulticast(c, b, rt, McTunnel{}, by)
}

// A McTunnel is where packets to groups go inside of packets to one host, by
// addresses in host order.
type McTunnel struct{ Local, Remote uint32 }

// ForwardInTunnel is ForwardMulticast by a tunnel; rt is the route to its other
// end, and b no super-packet. It returns how long the whole packet is, in bytes.
func ForwardInTunnel(c *kern.CPU, b *skb.Buff, rt *Route, t McTunnel, by string) int {
	size := b.Len() + wire.IPv4HdrLen
	forwardMulticast(c, b, rt, t, by)
	return size
}

// encapsulate puts t's header in front of b: the inner TTL and TOS as they are,
// and it may be cut (ip_encap).
func (t McTunnel) encapsulate(c *kern.CPU, b *skb.Buff, st *state) {
	in := (*wire.IPv4Hdr)(b.Data())
	b.SetInnerNetworkHeader(0)
	b.SetTransportHeader(0)
	h := (*wire.IPv4Hdr)(b.Push(wire.IPv4HdrLen))
	b.SetNetworkHeader(0)
	h.SetVerIHL(wire.IPv4HdrLen)
	h.SetTOS(in.TOS())
	h.SetTotLen(b.Len())
	h.SetID(st.path.ids.next(c, t.Local, t.Remote, uapi.IPPROTO_IPIP, 1))
	h.SetFragOff(0)
	h.SetTTL(in.TTL())
	h.SetProto(uapi.IPPROTO_IPIP)
	h.SetSaddr(t.Local)
	h.SetDaddr(t.Remote)
	wire.SendCheck4(b.Data()[:wire.IPv4HdrLen])
	b.IP = skb.IPControl{}
	b.Ct = nil
}

func forwardMulticast(c *kern.CPU, b *skb.Buff, rt *Route, t McTunnel, by string) {
	st, in := rt.st, dev.Of(b)
	b.Cow(wire.IPv4HdrLen + rt.Dev.LinkHeadroom())
	b.Dst = rt
	h := (*wire.IPv4Hdr)(b.Data())
	h.DecTTL()
	ttl := int(h.TTL())
	if t.Remote != 0 {
		t.encapsulate(c, b, st)
	}
	st.path.mib.Inc(c, mib.IPForwDatagrams)
	b.IP.Flags |= SKBForwarded
	if b.CsumState == skb.CsumComplete {
		b.CsumState = skb.CsumNone
	}
	if st.n.Tracing.Load() {
		skb.Trace(c, st.n, b, skb.Event{
			Point: skb.PointForward, Device: rt.Dev.Name(), Verdict: "forward",
			By: by + ", TTL now " + strconv.Itoa(ttl),
		})
	}
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.Forward) &&
		!p.Run(c, b, netfilter.State{Net: st.n, In: in, Out: rt.Dev, Family: netfilter.IPv4, Hook: netfilter.Forward, Cont: st.path.after.forward}) {
		return
	}
	forwardFinish(c, b, st)
}

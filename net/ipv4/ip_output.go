package ipv4

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/neigh"
	"linen/net/netfilter"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// ipOutput sends b to a unicast destination (ip_output).
func ipOutput(c *kern.CPU, b *skb.Buff) {
	rt := RouteOf(b)
	st, in := rt.st, b.Dev
	b.Dev = rt.Dev
	b.Protocol = uapi.ETH_P_IP
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.PostRouting) && b.IP.Flags&SKBRerouted == 0 &&
		!p.Run(c, b, netfilter.State{Net: st.n, In: in, Out: rt.Dev, Sock: b.Sock, Family: netfilter.IPv4, Hook: netfilter.PostRouting, Cont: st.path.after.postRouting}) {
		return
	}
	finishOutput(c, b, st)
}

// mcOutput sends b to a group or to everybody, and to ourselves where we
// belong to them (ip_mc_output).
func mcOutput(c *kern.CPU, b *skb.Buff) {
	rt := RouteOf(b)
	st := rt.st
	b.Dev = rt.Dev
	b.Protocol = uapi.ETH_P_IP
	if rt.Flags&RTCFMulticast != 0 {
		// Multicast routing wants what this host sends, and not again what it
		// has just forwarded.
		if (rt.Flags&RTCFLocal != 0 || b.IP.Flags&SKBForwarded == 0) && wantsLoop(b) {
			st.loopCopy(c, b, rt)
		}
		if (*wire.IPv4Hdr)(b.Data()).TTL() == 0 { // RFC 1112 §6.1: it stays here
			b.Consume(c)
			return
		}
	}
	if rt.Flags&RTCFBroadcast != 0 {
		st.loopCopy(c, b, rt)
	}
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.PostRouting) && b.IP.Flags&SKBRerouted == 0 &&
		!p.Run(c, b, netfilter.State{Net: st.n, Out: rt.Dev, Sock: b.Sock, Family: netfilter.IPv4, Hook: netfilter.PostRouting, Cont: st.path.after.postRouting}) {
		return
	}
	finishOutput(c, b, st)
}

// A multicastLooper is a socket that says whether its multicast comes back to
// this host (IP_MULTICAST_LOOP).
type multicastLooper interface{ MulticastLoop() bool }

func wantsLoop(b *skb.Buff) bool {
	s, ok := b.Sock.(multicastLooper)
	return !ok || s.MulticastLoop()
}

// loopCopy returns a copy of b to this host (ip_mc_finish_output,
// dev_loopback_xmit): past POSTROUTING, by the device's backlog.
func (st *state) loopCopy(c *kern.CPU, b *skb.Buff, rt *Route) {
	o := b.Clone(c)
	o.Sock = nil
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.PostRouting) &&
		!p.Run(c, o, netfilter.State{Net: st.n, Out: rt.Dev, Family: netfilter.IPv4, Hook: netfilter.PostRouting, Cont: st.path.after.loop}) {
		return
	}
	loopBack(c, o)
}

// loopBack gives b to its own device, as received (dev_loopback_xmit).
func loopBack(c *kern.CPU, b *skb.Buff) {
	b.SetMacHeader(0)
	b.SetNetworkHeader(0)
	b.PktType = skb.PacketLoopback
	if b.CsumState == skb.CsumNone {
		b.CsumState = skb.CsumUnnecessary
	}
	dev.Rx(c, dev.Of(b), b)
}

// finishOutput cuts what is too long and hands over to the neighbour
// (ip_finish_output).
func finishOutput(c *kern.CPU, b *skb.Buff, st *state) {
	rt := RouteOf(b)
	mtu := rt.outputMTU(b)
	switch {
	case b.IsGSO():
		if b.Len() > mtu && segmentLen(b) > mtu {
			st.segmentAndFragment(c, b, rt, mtu)
			return
		}
	case b.Len() > mtu || b.IP.FragMaxSize != 0:
		st.fragment(c, b, rt, mtu)
		return
	}
	finishOutput2(c, b, st, rt)
}

// outputMTU returns how long b may be at most (ip_skb_dst_mtu): a forwarded
// packet's is not the path's.
func (rt *Route) outputMTU(b *skb.Buff) int {
	if b.IP.Flags&SKBForwarded != 0 {
		return rt.ForwardMTU(rt.st.path.set.fwdPMTU.Bool())
	}
	if s, ok := b.Sock.(pathProber); ok && s.ProbesPath() {
		return min(rt.Dev.MTU(), maxMTU)
	}
	return rt.MTU()
}

// A pathProber is a socket whose packets may be longer than the path is known
// to take (IP_PMTUDISC_PROBE, INTERFACE and OMIT).
type pathProber interface{ ProbesPath() bool }

// finishOutput2 counts and gives b to its neighbour (ip_finish_output2).
func finishOutput2(c *kern.CPU, b *skb.Buff, st *state, rt *Route) {
	switch rt.Type {
	case uapi.RTN_MULTICAST:
		st.path.mib.Inc(c, mib.IPExtOutMcastPkts)
		st.path.mib.Add(c, mib.IPExtOutMcastOctets, uint64(b.Len()))
	case uapi.RTN_BROADCAST:
		st.path.mib.Inc(c, mib.IPExtOutBcastPkts)
		st.path.mib.Add(c, mib.IPExtOutBcastOctets, uint64(b.Len()))
	}
	m := st.path.mib.At(c)
	m[mib.IPOutTransmits]++
	m[mib.IPExtOutOctets] += uint64(b.Len())
	d := rt.Dev
	b.Cow(d.LinkHeadroom())
	nb := st.path.neighs.Lookup4(c, d, rt.NextHop((*wire.IPv4Hdr)(b.Data()).Daddr()))
	if nb == nil {
		b.Drop(c, st.n, skb.ReasonNeighCreatefail)
		return
	}
	nb.Output(c, b)
}

// ConfirmNeigh notes that the next hop of rt to daddr is reachable, because
// what was sent there arrived (MSG_CONFIRM, dst_confirm_neigh).
func ConfirmNeigh(c *kern.CPU, rt *Route, daddr uint32) {
	t := neigh.Of(rt.st.n).V4
	if nb := t.Find(rt.Dev, neigh.Key4(rt.NextHop(daddr))); nb != nil {
		nb.Confirm(c.Now())
	}
}

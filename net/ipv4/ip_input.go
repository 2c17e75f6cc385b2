package ipv4

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/l3mdev"
	"linen/net/mib"
	"linen/net/netfilter"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// noCounter says that a drop moves no counter.
const noCounter = mib.NumIDs

// ipRcv takes a packet that begins at its IPv4 header from a device: it checks
// the header and passes PREROUTING (ip_rcv).
func ipRcv(c *kern.CPU, b *skb.Buff, d, _ *dev.Device) {
	n := d.Net()
	st := of(n)
	if reason, counter := checkHeader(c, b, st); reason != 0 {
		if counter != noCounter {
			st.path.mib.Inc(c, counter)
		}
		b.Drop(c, n, reason)
		return
	}
	b.IP = skb.IPControl{}
	b.Iif = int32(d.Ifindex())
	b.SetTransportHeader((*wire.IPv4Hdr)(b.Data()).IHL())
	b.Orphan(c)
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.PreRouting) &&
		!p.Run(c, b, netfilter.State{Net: n, In: d, Family: netfilter.IPv4, Hook: netfilter.PreRouting, Cont: st.path.after.preRouting}) {
		return
	}
	rcvFinish(c, b, st)
}

// checkHeader applies RFC 1122 §3.2.1.1-2: version, lengths, checksum. It
// returns why b must be dropped, and the counter to move.
func checkHeader(c *kern.CPU, b *skb.Buff, st *state) (skb.Reason, mib.ID) {
	if b.PktType == skb.PacketOtherHost {
		if d, ok := b.Dev.(*dev.Device); ok {
			d.Stats.At(c).RxOtherhost++
		}
		return skb.ReasonOtherhost, noCounter
	}
	m := st.path.mib.At(c)
	m[mib.IPInReceives]++
	m[mib.IPExtInOctets] += uint64(b.Len())
	if !b.MayPull(wire.IPv4HdrLen) {
		return skb.ReasonIPInhdr, mib.IPInHdrErrors
	}
	h := (*wire.IPv4Hdr)(b.Data())
	ihl := h.IHL()
	if h.Version() != 4 || ihl < wire.IPv4HdrLen {
		return skb.ReasonIPInhdr, mib.IPInHdrErrors
	}
	m[mib.IPExtInNoECTPkts+mib.ID(h.TOS()&3)] += max(1, uint64(b.GSOSegs))
	if ihl > wire.IPv4HdrLen {
		if !b.MayPull(ihl) {
			return skb.ReasonIPInhdr, mib.IPInHdrErrors
		}
		h = (*wire.IPv4Hdr)(b.Data())
	}
	if !wire.VerifyCheck4(b.Data()) {
		m[mib.IPExtInCsumErrors]++
		return skb.ReasonIPCsum, mib.IPInHdrErrors
	}
	total := h.TotLen()
	switch {
	case b.Len() < total:
		return skb.ReasonPKTTooSmall, mib.IPExtInTruncatedPkts
	case total < ihl:
		return skb.ReasonIPInhdr, mib.IPInHdrErrors
	case b.Len() > total: // padding of the link
		b.Trim(c, total)
		if b.CsumState == skb.CsumComplete {
			b.CsumState = skb.CsumNone
		}
	}
	b.SetNetworkHeader(0)
	return 0, noCounter
}

// rcvFinish routes b and passes it on (ip_rcv_finish).
func rcvFinish(c *kern.CPU, b *skb.Buff, st *state) {
	d := dev.Of(b)
	if m := d.Master(); m != nil && l3mdev.Is(m) {
		if !st.vrfRcv(c, b, d, m) {
			return
		}
		d = m
	} else if st.vrfs.Load() && b.IP.Sdif == 0 && l3mdev.Is(d) { // what loops through a VRF
		b.IP.Sdif = b.Iif
		if b.PktType == skb.PacketLoopback {
			b.PktType = skb.PacketHost
		}
	}
	if b.Dst == nil && b.Sock == nil && st.path.set.earlyDemux.Bool() {
		st.earlyDemux(c, b)
	}
	h := (*wire.IPv4Hdr)(b.Data())
	if b.Dst == nil {
		if r := RouteInput(c, st.n, b, h.Daddr(), h.Saddr(), h.TOS(), d); r != 0 {
			b.Drop(c, st.n, r)
			return
		}
	}
	if rt := RouteOf(b); rt != nil && rt.realms != 0 {
		st.acctRealm(c, rt.realms, b.Len())
	}
	if h.IHL() > wire.IPv4HdrLen && !rcvOptions(c, b, st, d) {
		return
	}
	rt := RouteOf(b)
	switch {
	case rt != nil && rt.Type == uapi.RTN_UNICAST && b.PktType == skb.PacketHost: // the usual
	case rt == nil: // another layer's way, which Input knows
	case rt.Type == uapi.RTN_MULTICAST:
		st.path.mib.Inc(c, mib.IPExtInMcastPkts)
		st.path.mib.Add(c, mib.IPExtInMcastOctets, uint64(b.Len()))
	case rt.Type == uapi.RTN_BROADCAST:
		st.path.mib.Inc(c, mib.IPExtInBcastPkts)
		st.path.mib.Add(c, mib.IPExtInBcastOctets, uint64(b.Len()))
	case b.PktType == skb.PacketBroadcast || b.PktType == skb.PacketMulticast:
		// RFC 1122 §3.3.6: unicast IP in a link broadcast, which hosts should
		// drop, goes on unless the device says otherwise.
		if in := InDev(d); in != nil && in.DropUnicastInL2Multicast() {
			b.Drop(c, st.n, skb.ReasonUnicastInL2Multicast)
			return
		}
	}
	b.Dst.Input(c, b)
}

// earlyDemux lets the transport find the socket, and with it the route.
func (st *state) earlyDemux(c *kern.CPU, b *skb.Buff) {
	h := (*wire.IPv4Hdr)(b.Data())
	if h.IsFragment() {
		return
	}
	switch h.Proto() {
	case uapi.IPPROTO_TCP:
		if !st.path.set.tcpDemux.Bool() {
			return
		}
	case uapi.IPPROTO_UDP:
		if !st.path.set.udpDemux.Bool() {
			return
		}
	default:
		return
	}
	if p := st.path.protos[h.Proto()].Load(); p != nil && p.EarlyDemux != nil {
		p.EarlyDemux(c, b)
	}
}

// localDeliver takes a packet for this host: reassembly, LOCAL_IN
// (ip_local_deliver).
func localDeliver(c *kern.CPU, b *skb.Buff) {
	d := dev.Of(b)
	n := d.Net()
	st := of(n)
	if (*wire.IPv4Hdr)(b.Data()).IsFragment() {
		if b = st.defragment(c, b, DefragLocal); b == nil {
			return
		}
	}
	if rt := RouteOf(b); rt != nil && rt.out == wayOutput && rt.Iif != 0 {
		// What this host sends to itself loops back, yet for sockets it came by the
		// device that has the address, or by which it was to leave (inet_iif).
		b.Iif = int32(rt.Iif)
	}
	if n.Tracing.Load() {
		traceDeliver(c, b, st)
	}
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.LocalIn) &&
		!p.Run(c, b, netfilter.State{Net: n, In: d, Family: netfilter.IPv4, Hook: netfilter.LocalIn, Cont: st.path.after.localIn}) {
		return
	}
	deliverFinish(c, b, st)
}

func traceDeliver(c *kern.CPU, b *skb.Buff, st *state) {
	h := (*wire.IPv4Hdr)(b.Data())
	skb.Trace(c, st.n, b, skb.Event{
		Point: skb.PointDeliver, Device: b.Dev.Name(), Verdict: "local",
		By: "to this host: " + h.Dst().String(),
	})
}

// deliverFinish hands b to raw sockets and to its protocol
// (ip_local_deliver_finish).
func deliverFinish(c *kern.CPU, b *skb.Buff, st *state) {
	h := (*wire.IPv4Hdr)(b.Data())
	proto := h.Proto()
	b.Pull(h.IHL())
	b.SetTransportHeader(0)
	raw := false
	if f := st.path.rawDeliver.Load(); f != nil {
		raw = (*f)(c, b, proto)
	}
	if p := st.path.protos[proto].Load(); p != nil {
		st.path.mib.Inc(c, mib.IPInDelivers)
		p.Recv(c, b)
		return
	}
	if raw {
		st.path.mib.Inc(c, mib.IPInDelivers)
		b.Consume(c)
		return
	}
	st.path.mib.Inc(c, mib.IPInUnknownProtos)
	ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPProtUnreach, 0)
	b.Drop(c, st.n, skb.ReasonIPNoproto)
}

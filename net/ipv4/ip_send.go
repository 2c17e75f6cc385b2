package ipv4

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/mib"
	"linen/net/netfilter"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// A Send says how a datagram is to be sent: what a socket's options, its
// destination and its route come to (struct inet_cork). It is a value to be
// filled and used again; sending allocates nothing.
type Send struct {
	Route    *Route
	Src, Dst uint32   // host order; Dst is the final destination
	Proto    uint8    // IPPROTO_*
	TOS      uint8    // of the header
	TTL      int      // 1 to 255; DefaultTTL: as the route or the namespace says
	PMTU     uint8    // IP_PMTUDISC_*
	Options  *Options // or nil
	Mark     uint32
	Priority uint32
	Sock     any            // b.Sock: the sender, as hooks see it
	ID       *atomic.Uint32 // the connected socket's own counter of ids, or nil
	GSOSize  uint16         // the datagram is a super-packet of such payloads (UDP_SEGMENT), or 0
}

// DefaultTTL, as Send.TTL, asks for the default.
const DefaultTTL = -1

// MTU returns how long packets may be at most, in bytes: the path's MTU, or
// the device's for the modes that do not care for the path.
func (s *Send) MTU() int {
	if s.PMTU >= uapi.IP_PMTUDISC_PROBE {
		return min(s.Route.Dev.MTU(), maxMTU)
	}
	return s.Route.MTU()
}

// HeaderLen returns the length of the header, options included.
func (s *Send) HeaderLen() int { return wire.IPv4HdrLen + s.Options.Len() }

// fragmentable reports whether this host may cut the datagram
// (ip_sk_ignore_df).
func (s *Send) fragmentable() bool {
	return s.PMTU < uapi.IP_PMTUDISC_DO || s.PMTU == uapi.IP_PMTUDISC_OMIT
}

// Check says whether a datagram with size bytes behind the IP header can be
// sent: EMSGSIZE if not, which goes to the error queue with MTU as its info
// when the reason is DF.
func (s *Send) Check(size int) error {
	most := maxMTU
	if !s.fragmentable() {
		most = s.MTU()
	}
	hlen := s.HeaderLen()
	switch {
	case size+hlen > maxMTU:
		return errno.EMSGSIZE
	case s.GSOSize != 0:
		size = min(size, int(s.GSOSize)+wire.UDPHdrLen)
	}
	if size+hlen > most {
		return errno.EMSGSIZE
	}
	return nil
}

// Xmit sends b, which begins at the transport header and holds the whole
// datagram with its checksum, or with a partial one: header, LOCAL_OUT, output
// (ip_make_skb, ip_send_skb, ip_queue_xmit). It owns b. Errors: EMSGSIZE, see
// Check; EPERM, a netfilter hook dropped it.
func (s *Send) Xmit(c *kern.CPU, b *skb.Buff) error {
	st := s.Route.st
	if err := s.Check(b.Len()); err != nil {
		b.Drop(c, st.n, skb.ReasonPKTTooBig)
		return err
	}
	b.IP = skb.IPControl{}
	b.SetTransportHeader(0)
	b.Cow(s.HeaderLen() + s.Route.Dev.LinkHeadroom())
	h := s.header(c, b, st)
	b.Dst, b.Dev = s.Route, s.Route.Dev
	b.Mark, b.Priority = s.Mark, s.Priority
	if s.Sock != nil {
		b.Sock = s.Sock
	}
	b.IgnoreDF = s.fragmentable()
	st.path.mib.Inc(c, mib.IPOutRequests)
	h.SetTotLen(b.Len())
	wire.SendCheck4(b.Data()[:s.HeaderLen()])
	if s.Proto == uapi.IPPROTO_ICMP && b.HeadLen() > s.HeaderLen() {
		typ := b.Data()[s.HeaderLen()]
		if typ == wire.ICMPTimestampRep && s.Sock == nil { // Linux counts its own answers alike
			typ = wire.ICMPEchoReply
		}
		st.countICMPOut(c, typ)
	}
	return st.localOut(c, b)
}

// header pushes the header, but for length and checksum.
func (s *Send) header(c *kern.CPU, b *skb.Buff, st *state) *wire.IPv4Hdr {
	hlen := s.HeaderLen()
	h := (*wire.IPv4Hdr)(b.Push(hlen))
	b.SetNetworkHeader(0)
	h.SetVerIHL(hlen)
	h.SetTOS(s.TOS)
	h.SetFragOff(0)
	if s.dontFragment(b.Len()) {
		h.SetFragOff(wire.IPv4DF)
	}
	h.SetTTL(s.ttl(st))
	h.SetProto(s.Proto)
	h.SetSaddr(s.Src)
	h.SetDaddr(s.Dst)
	if s.Options != nil {
		if s.Options.FirstHop != 0 {
			h.SetDaddr(s.Options.FirstHop)
		}
		s.Options.build(c, b, s.Dst, s.Src)
	}
	h.SetID(s.id(c, st, h))
	return h
}

// dontFragment reports whether DF is to be set on a packet of size bytes:
// always with DO and PROBE, with WANT while it fits and the path's MTU may
// change (ip_dont_fragment).
func (s *Send) dontFragment(size int) bool {
	switch s.PMTU {
	case uapi.IP_PMTUDISC_DO, uapi.IP_PMTUDISC_PROBE:
		return true
	case uapi.IP_PMTUDISC_WANT:
		return !s.Route.MTULocked() && (size <= s.Route.MTU() || s.GSOSize != 0)
	}
	return false
}

func (s *Send) ttl(st *state) uint8 {
	switch {
	case s.TTL >= 0:
		return uint8(s.TTL)
	case s.Route.Type == uapi.RTN_MULTICAST:
		return 1
	}
	if m := s.Route.Metrics.Get(uapi.RTAX_HOPLIMIT); m != 0 {
		return uint8(m)
	}
	return uint8(st.path.set.ttl.Load())
}

// id chooses the identification (ip_select_ident_segs; RFC 6864 §4): a
// connected socket counts; a packet that nobody may cut needs none; the others
// draw from a generator of their addresses.
func (s *Send) id(c *kern.CPU, st *state, h *wire.IPv4Hdr) uint16 {
	switch {
	case s.ID != nil: // of a connected socket
		return uint16(s.ID.Add(1) - 1)
	case h.DF() && !s.fragmentable():
		return 0
	}
	return st.path.ids.next(c, h.Saddr(), h.Daddr(), s.Proto, 1)
}

// localOut passes LOCAL_OUT and goes on with the route's output.
func (st *state) localOut(c *kern.CPU, b *skb.Buff) error {
	b.Protocol = uapi.ETH_P_IP
	if p := st.path.hooks; !p.Empty(netfilter.IPv4, netfilter.LocalOut) {
		s := netfilter.State{Net: st.n, Out: RouteOf(b).Dev, Sock: b.Sock, Family: netfilter.IPv4, Hook: netfilter.LocalOut, Cont: st.path.after.localOut}
		switch p.Verdict(c, b, s) {
		case netfilter.Drop:
			return errno.EPERM
		case netfilter.Stolen:
			return nil
		}
	}
	if st.vrfs.Load() {
		showInVRF(c, b)
	}
	b.Dst.Output(c, b)
	return nil
}

// LocalOut sends b, whose data begin at a complete IPv4 header but for length
// and checksum and whose route is set: LOCAL_OUT, then the route's output
// (ip_local_out). It owns b. EPERM: a netfilter hook dropped it.
func LocalOut(c *kern.CPU, n *netns.Net, b *skb.Buff) error {
	st := of(n)
	h := (*wire.IPv4Hdr)(b.Data())
	st.path.mib.Inc(c, mib.IPOutRequests)
	h.SetTotLen(b.Len())
	wire.SendCheck4(b.Data()[:h.IHL()])
	return st.localOut(c, b)
}

// XmitRaw sends b, which begins at an IPv4 header of the program's own
// (IP_HDRINCL; raw_send_hdrinc): length and checksum are written, a zero
// identification and a zero source filled in, nothing else changes. The next hop
// is s.Dst's, wherever the header says that the packet goes. It owns b.
// Errors: EMSGSIZE, it is longer than the device takes: nothing is cut;
// EINVAL, the header's length makes no sense; EPERM as Xmit.
func (s *Send) XmitRaw(c *kern.CPU, b *skb.Buff) error {
	st := s.Route.st
	size := b.Len()
	if size > s.Route.Dev.MTU() {
		b.Consume(c) // Linux has not made one yet
		return errno.EMSGSIZE
	}
	if !b.MayPull(wire.IPv4HdrLen) {
		b.Consume(c)
		return errno.EINVAL
	}
	h := (*wire.IPv4Hdr)(b.Data())
	hlen := h.IHL()
	if hlen > size || hlen < wire.IPv4HdrLen || !b.MayPull(hlen) {
		st.path.mib.Inc(c, mib.IPOutDiscards)
		b.Drop(c, st.n, skb.ReasonIPInhdr)
		return errno.EINVAL
	}
	b.Cow(s.Route.Dev.LinkHeadroom())
	h = (*wire.IPv4Hdr)(b.Data())
	b.IP = skb.IPControl{}
	b.SetNetworkHeader(0)
	b.SetTransportHeader(hlen)
	if h.Saddr() == 0 {
		h.SetSaddr(s.Src)
	}
	if h.ID() == 0 {
		h.SetID(st.path.ids.next(c, h.Saddr(), h.Daddr(), h.Proto(), 1))
	}
	h.SetTotLen(size)
	wire.SendCheck4(b.Data()[:hlen])
	b.Dst, b.Dev = s.Route.knownHop(s.Dst, h.Daddr()), s.Route.Dev
	b.Mark, b.Priority = s.Mark, s.Priority
	if s.Sock != nil {
		b.Sock = s.Sock
	}
	if h.Proto() == uapi.IPPROTO_ICMP && b.MayPull(hlen+1) {
		st.countICMPOut(c, b.Data()[hlen])
	}
	return st.localOut(c, b) // OutRequests is of the headers that IP makes
}

// knownHop returns the route for a packet whose header names another
// destination than the one that was routed to, whose neighbour it goes to
// (FLOWI_FLAG_KNOWN_NH).
func (rt *Route) knownHop(routed, daddr uint32) *Route {
	if daddr == routed || rt.GwFamily != 0 || rt.Type != uapi.RTN_UNICAST {
		return rt
	}
	to := *rt
	to.GwFamily, to.Gateway = uapi.AF_INET, routed
	return &to
}

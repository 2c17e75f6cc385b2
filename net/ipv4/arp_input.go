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

// arpRcv takes an ARP packet from a device (arp_rcv).
func arpRcv(c *kern.CPU, b *skb.Buff, d, _ *dev.Device) {
	n := d.Net()
	if d.Flags()&uapi.IFF_NOARP != 0 || b.PktType == skb.PacketOtherHost || b.PktType == skb.PacketLoopback {
		b.Drop(c, n, skb.ReasonARPIgnored)
		return
	}
	if !b.MayPull(wire.ARPHdrLen + 2*d.AddrLen + 2*4) {
		b.Drop(c, n, skb.ReasonPKTTooSmall)
		return
	}
	if h, ok := wire.AsARP(b.Data()); !ok || int(h.HLen()) != d.AddrLen || h.PLen() != 4 {
		b.Drop(c, n, skb.ReasonARPInvalid)
		return
	}
	st := of(n)
	if a := &st.arp; !a.hooks.Empty(netfilter.ARP, nfARPIn) {
		if !a.hooks.Run(c, b, netfilter.State{Net: n, In: d, Family: netfilter.ARP, Hook: nfARPIn, Cont: a.in}) {
			return
		}
	}
	st.arpProcess(c, b)
}

// arpProcess answers and learns from b, and ends it (arp_process).
func (st *state) arpProcess(c *kern.CPU, b *skb.Buff) {
	d := dev.Of(b)
	in := InDev(d)
	if in == nil {
		b.Drop(c, st.n, skb.ReasonARPIgnored)
		return
	}
	p := arpCheck(b, d)
	if p == nil {
		b.Drop(c, st.n, skb.ReasonARPInvalid)
		return
	}
	m := &arpMsg{st, in, b, p.Op(), p.Saddr(), p.Daddr(), p.SenderMAC(), p.TargetMAC(), false}
	switch m.handle(c) {
	case arpUsed:
		b.Consume(c)
	case arpUseless:
		b.Drop(c, st.n, skb.ReasonARPIgnored)
	case arpTaken:
	}
}

// arpCheck returns the packet when it is a request or reply for IPv4 over this
// link; Ethernet also takes the hardware type of 802 networks (RFC 1812
// §3.3.2).
func arpCheck(b *skb.Buff, d *dev.Device) *wire.ARPEth {
	p, ok := wire.AsARPEth(b.Data())
	if !ok || p.Hdr().PType() != uapi.ETH_P_IP {
		return nil
	}
	if t := p.Hdr().HType(); t != arpHType(d) && !(d.Type == uapi.ARPHRD_ETHER && t == uapi.ARPHRD_IEEE802) {
		return nil
	}
	if op := p.Op(); op != uapi.ARPOP_REQUEST && op != uapi.ARPOP_REPLY {
		return nil
	}
	return p
}

// arpMsg is one ARP packet that is being processed.
type arpMsg struct {
	st       *state
	in       *InDevice
	b        *skb.Buff
	op       uint16
	sip, tip uint32
	sha, tha wire.MAC
	delayed  bool // it comes from the proxy's queue
}

// arpFate says what became of a packet.
type arpFate uint8

const (
	arpUseless arpFate = iota
	arpUsed
	arpTaken // somebody keeps it
)

// handle does what a packet asks for.
func (m *arpMsg) handle(c *kern.CPU) arpFate {
	switch {
	case isMulticast(m.tip), isLoopback(m.tip) && !m.in.RouteLocalnet():
		return arpUseless
	case m.sip == m.tip && m.in.DropGratuitousARP():
		return arpUseless
	case m.sip == 0: // RFC 5227 §2.1.1: a probe; answered, not learned
		if m.op == uapi.ARPOP_REQUEST && IsLocal(m.st.n, m.tip) && !m.ignored() {
			m.reply(c)
		}
		return arpUsed
	}
	if m.op == uapi.ARPOP_REQUEST {
		if fate, done := m.request(c); done {
			return fate
		}
	}
	return m.learn(c)
}

// reply answers with the device's own address.
func (m *arpMsg) reply(c *kern.CPU) {
	arpSend(c, m.in.dev, uapi.ARPOP_REPLY, m.sip, m.tip, m.sha[:], nil, m.sha[:])
}

// request answers a request that is for this host or that it answers for
// another, and reports whether the packet is done with.
func (m *arpMsg) request(c *kern.CPU) (fate arpFate, done bool) {
	if RouteInput(c, m.st.n, m.b, m.tip, m.sip, 0, m.in.dev) != 0 {
		return 0, false
	}
	rt := RouteOf(m.b)
	switch {
	case rt == nil:
	case rt.Type == uapi.RTN_LOCAL:
		switch {
		case m.ignored():
			m.traceSilence(c, ConfARPIgnore)
		case m.in.ARPFilter() && m.filtered(c):
			m.traceSilence(c, ConfARPFilter)
		case m.heard(c):
			m.reply(c)
		}
		return arpUsed, true
	case m.in.Forwarding() && rt.Type == uapi.RTN_UNICAST && m.answersFor(rt):
		return m.proxy(c), true
	}
	return 0, false
}

// traceSilence reports which setting keeps this host from answering.
func (m *arpMsg) traceSilence(c *kern.CPU, by Conf) {
	if m.st.n.Tracing.Load() {
		skb.Trace(c, m.st.n, m.b, skb.Event{Point: skb.PointNeigh, Device: m.in.dev.Name(), Verdict: "ignored", By: m.in.Setting(by)})
	}
}

// heard learns the sender of a request for us as STALE (neigh_event_ns).
func (m *arpMsg) heard(c *kern.CPU) bool {
	nb := m.st.arp.tbl.Lookup4(c, m.in.dev, m.sip)
	if nb == nil {
		return false
	}
	nb.Update(c, m.sha[:], uapi.NUD_STALE, neigh.Override, 0)
	return true
}

// ignored applies arp_ignore (arp_ignore).
func (m *arpMsg) ignored() bool {
	src, scope, only := m.sip, uint8(uapi.RT_SCOPE_HOST), m.in
	switch m.in.ARPIgnore() {
	case 1: // answer only for addresses of the incoming device
		src = 0
	case 2: // ... and only senders of the same subnet
	case 3: // not for those of scope host
		src, scope, only = 0, uapi.RT_SCOPE_LINK, nil
	case 8: // for none
		return true
	default:
		return false
	}
	return !m.st.confirmAddr(only, src, m.tip, scope)
}

// confirmAddr reports whether local is an address of in (nil: of any device)
// of at most the scope, in a subnet that has src too; src 0 is any
// (inet_confirm_addr).
func (st *state) confirmAddr(in *InDevice, src, local uint32, scope uint8) bool {
	if in != nil {
		return in.confirms(src, local, scope)
	}
	for _, d := range dev.List(st.n) {
		if in := InDev(d); in != nil && in.confirms(src, local, scope) {
			return true
		}
	}
	return false
}

func (in *InDevice) confirms(src, local uint32, scope uint8) bool {
	widest := uint8(uapi.RT_SCOPE_HOST)
	if in.RouteLocalnet() {
		widest = uapi.RT_SCOPE_LINK
	}
	ours, same := false, false
	for _, a := range in.Addrs() {
		ours = ours || a.Local == local && min(a.Scope, widest) <= scope
		same = same || a.holds(local) && (src == 0 || a.holds(src))
	}
	return ours && same
}

// filtered applies arp_filter: the answer must leave by the device that the
// request came in by.
func (m *arpMsg) filtered(c *kern.CPU) bool {
	f := Flow{Daddr: m.sip, Saddr: m.tip}
	rt, err := RouteOutput(c, m.st.n, &f)
	if err != nil {
		return true
	}
	if rt.Dev != m.in.dev {
		mib.Inc(c, m.st.n, mib.TCPExtArpFilter)
		return true
	}
	return false
}

// learn takes what a reply, or a request for others, says of its sender: an
// entry that is there is updated, a new one made only as arp_accept says.
func (m *arpMsg) learn(c *kern.CPU) arpFate {
	d, tbl := m.in.dev, m.st.arp.tbl
	nb := tbl.Find(d, neigh.Key4(m.sip))
	accepts := m.accepted()
	if nb == nil && !accepts {
		return arpUsed
	}
	gratuitous := m.gratuitous()
	if nb == nil && (gratuitous || m.op == uapi.ARPOP_REPLY && m.st.addrTypeFor(m.in.dev, m.sip) == uapi.RTN_UNICAST) {
		nb = tbl.Lookup4(c, d, m.sip)
	}
	if nb == nil {
		return arpUsed
	}
	// Of several answers to one request the first counts: others may be
	// proxies, or forged.
	flags := neigh.UpdateFlags(0)
	if c.Now() > nb.Updated().Add(nb.Parms.Duration(neigh.LockTime)) || gratuitous {
		flags = neigh.Override
	}
	// Broadcast replies and requests do not prove that the neighbour hears us.
	state := uint16(uapi.NUD_REACHABLE)
	if m.op != uapi.ARPOP_REPLY || m.b.PktType != skb.PacketHost {
		state = uapi.NUD_STALE
	}
	nb.Update(c, m.sha[:], state, flags, 0)
	return arpUsed
}

// gratuitous reports whether a packet announces its sender (RFC 5227 §3); a
// reply does so only with the sender's hardware address as the target's.
func (m *arpMsg) gratuitous() bool {
	return m.sip == m.tip && (m.op == uapi.ARPOP_REQUEST || m.tha == m.sha) &&
		m.st.addrTypeFor(m.in.dev, m.sip) == uapi.RTN_UNICAST
}

// accepted applies arp_accept to a sender that is not known.
func (m *arpMsg) accepted() bool {
	switch m.in.ARPAccept() {
	case 1:
		return true
	case 2: // only senders of the device's subnets
		return m.in.OnLink(m.sip, 0)
	}
	return false
}

package ipv4

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/neigh"
	"linen/net/skb"
)

// answersFor reports whether this host answers for the target, which rt leads
// to: by proxy_arp, by proxy_arp_pvlan or because `ip neigh add proxy` says so
// (RFC 1027; arp_fwd_proxy, arp_fwd_pvlan).
func (m *arpMsg) answersFor(rt *Route) bool {
	if rt.Dev == m.in.dev {
		return m.sip != m.tip && m.in.ProxyARPPvlan()
	}
	return m.in.ProxyARP() && m.otherMedium(rt.Dev) ||
		m.st.arp.tbl.FindProxy(m.in.dev, neigh.Key4(m.tip)) != nil
}

// otherMedium reports whether out is on another medium than the incoming
// device: 0 is a medium of its own, -1 means that proxy ARP is off there.
func (m *arpMsg) otherMedium(out *dev.Device) bool {
	switch mine := m.in.MediumID(); mine {
	case 0:
		return true
	case -1:
		return false
	default:
		theirs := 0
		if o := InDev(out); o != nil {
			theirs = o.MediumID()
		}
		return theirs != mine && theirs != -1
	}
}

// proxy answers for another host: at once to unicast requests, else after a
// random delay, so that the host itself comes first.
func (m *arpMsg) proxy(c *kern.CPU) arpFate {
	tbl := m.st.arp.tbl
	m.heard(c)
	p := tbl.ParmsOf(m.in.dev)
	if m.delayed || m.b.PktType == skb.PacketHost || p.Duration(neigh.ProxyDelay) == 0 {
		m.reply(c)
		return arpUsed
	}
	m.b.Dst = nil
	tbl.ProxyLater(c, p, m.b)
	return arpTaken
}

// arpProxyRedo processes a request whose delay is over (parp_redo).
func arpProxyRedo(c *kern.CPU, b *skb.Buff) {
	d := dev.Of(b)
	st, in := of(d.Net()), InDev(d)
	p := arpCheck(b, d)
	if in == nil || p == nil {
		b.Drop(c, st.n, skb.ReasonARPIgnored)
		return
	}
	m := &arpMsg{st, in, b, p.Op(), p.Saddr(), p.Daddr(), p.SenderMAC(), p.TargetMAC(), true}
	if m.handle(c) == arpUsed {
		b.Consume(c)
		return
	}
	b.Drop(c, st.n, skb.ReasonARPIgnored)
}

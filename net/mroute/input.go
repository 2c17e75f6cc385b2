package mroute

import (
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// assertEvery is the least time between upcalls about an entry's packets that
// come in by the wrong VIF (MFC_ASSERT_THRESH).
const assertEvery = 3 * time.Second

// input takes a packet to a group that comes in by a device with mc_forwarding,
// or that this host sent (ip_mr_input).
func (st *State) input(c *kern.CPU, b *skb.Buff) {
	rt, d := ipv4.RouteOf(b), dev.Of(b)
	local := rt.Flags&ipv4.RTCFLocal != 0
	t := st.tableFor(b, rt, d)
	if t == nil {
		b.Drop(c, st.n, skb.ReasonMcastNoTable)
		return
	}
	if !local && t.routersOwn(c, &b) {
		return
	}
	h := (*wire.IPv4Hdr)(b.Data())
	saddr, daddr, in := h.Saddr(), h.Daddr(), t.vifOf(d)
	m := t.find(saddr, daddr, -1)
	if m == nil && in >= 0 {
		m = t.findAny(daddr, in)
	}
	if m == nil {
		if local {
			o := b.Clone(c)
			ipv4.LocalDeliver(c, b)
			b = o
		}
		if in < 0 {
			b.Drop(c, st.n, skb.ReasonMcastNoVif)
			return
		}
		t.park(c, b, in, saddr, daddr)
		return
	}
	if local {
		t.forward(c, b.Clone(c), m, in)
		ipv4.LocalDeliver(c, b)
		return
	}
	t.forward(c, b, m, in)
}

// routersOwn gives a packet that is for routers themselves to those who want
// it: by the router alert option, or IGMP without it (RFC 2113 §2.2). It
// reports whether the packet is gone.
func (t *table) routersOwn(c *kern.CPU, b **skb.Buff) bool {
	if (*b).IP.RouterAlert != 0 {
		return ipv4.TakeRouterAlert(c, b)
	}
	h := (*wire.IPv4Hdr)((*b).Data())
	s := t.owner.Load()
	if h.Proto() != uapi.IPPROTO_IGMP || s == nil {
		return false
	}
	s.sink.Packet(c, *b, h.Saddr(), h.Daddr())
	return true
}

// tableFor returns the table that decides about a packet, or nil
// (ipmr_rt_fib_lookup).
func (st *State) tableFor(b *skb.Buff, rt *ipv4.Route, d *dev.Device) *table {
	rules := st.rules.Load()
	if rules == nil {
		return st.deflt
	}
	h := (*wire.IPv4Hdr)(b.Data())
	k := fibrules.Key{IIF: d.Ifindex(), Mark: b.Mark, Proto: h.Proto(), TOS: h.TOS()}
	if rt.IsOutput() {
		k.IIF, k.OIF = dev.LoopbackIndex, d.Ifindex()
	}
	return st.tableByRules(*rules, &k)
}

// forward sends copies of b by the VIFs of its entry; in is the VIF that it
// came in by, or -1 (ip_mr_forward). It owns b.
func (t *table) forward(c *kern.CPU, b *skb.Buff, m *mfc, in int) {
	w := m.way.Load()
	m.pkts.Add(1)
	m.bytes.Add(uint64(b.Len()))
	m.lastUse.Store(int64(c.Now()))
	if !t.arrivedRight(c, b, m, w, in) {
		if ipv4.RouteOf(b).IsOutput() { // our own copy of what has been sent
			b.Consume(c)
			return
		}
		b.Drop(c, t.st.n, skb.ReasonMcastWrongVif)
		return
	}
	if v := t.vifs[w.parent].Load(); v != nil {
		v.countIn(b.Len())
	}
	ttl := (*wire.IPv4Hdr)(b.Data()).TTL()
	out := -1
	switch {
	case m.origin == 0 && m.group == 0:
		if in >= 0 && in != w.parent && ttl > w.ttls[w.parent] { // (*,*): from below it goes up, and that only
			out = w.parent
		}
	default:
		for i := w.end - 1; i >= 0; i-- {
			if ttl <= w.ttls[i] || m.origin == 0 && i == in {
				continue
			}
			if out >= 0 {
				t.xmit(c, b.Clone(c), m, out)
			}
			out = i
		}
	}
	if out >= 0 {
		t.xmit(c, b, m, out)
		return
	}
	reason := skb.ReasonMcastNoVif
	if w.end > 0 && (m.origin|m.group != 0 || in != w.parent) { // each VIF has a threshold, RFC 1075's
		reason = skb.ReasonTTLExpired
	}
	b.Drop(c, t.st.n, reason)
}

// arrivedRight reports whether b came in where its entry says. If it did not
// the daemon may be told (PIM's assert, RFC 7761 §4.6).
func (t *table) arrivedRight(c *kern.CPU, b *skb.Buff, m *mfc, w *ways, in int) bool {
	if m.origin == 0 && in >= 0 {
		if up := t.findUpstream(w.parent); up != nil && up.way.Load().ttls[in] < never {
			return true
		}
	}
	v := t.vifs[w.parent].Load()
	if v != nil && v.dev == dev.Of(b) {
		return true
	}
	if ipv4.RouteOf(b).IsOutput() { // our own, or a copy of what we have forwarded
		return false
	}
	m.wrong.Add(1)
	if in < 0 || !t.assert.Load() || !t.pim.Load() && w.ttls[in] == never {
		return false
	}
	now, last := int64(c.Now()), m.lastAssert.Load()
	if now <= last+int64(assertEvery) || !m.lastAssert.CompareAndSwap(last, now) {
		return false
	}
	t.upcall(c, b, in, uapi.IGMPMSG_WRONGVIF)
	if t.whole.Load() {
		t.upcall(c, b, in, uapi.IGMPMSG_WRVIFWHOLE)
	}
	return false
}

// xmit sends b by a VIF (ipmr_queue_xmit). It owns b.
func (t *table) xmit(c *kern.CPU, b *skb.Buff, m *mfc, out int) {
	v := t.vifs[out].Load()
	if v == nil {
		b.Drop(c, t.st.n, skb.ReasonMcastNoVif)
		return
	}
	if v.flags&uapi.VIFF_REGISTER != 0 {
		v.countOut(b.Len())
		v.dev.CountTx(c, b.Len())
		t.upcall(c, b, out, uapi.IGMPMSG_WHOLEPKT)
		b.Consume(c)
		return
	}
	by := ""
	if t.st.n.Tracing.Load() {
		by = m.String()
	}
	if v.flags&uapi.VIFF_TUNNEL != 0 {
		v.tunnel(c, b, by)
		return
	}
	rt := m.routeBy(c, b, v, out)
	if rt == nil {
		b.Drop(c, t.st.n, skb.ReasonIPOutnoroutes)
		return
	}
	if rt.TooBigToForward(c, b, 0) {
		b.Drop(c, t.st.n, skb.ReasonPKTTooBig)
		return
	}
	v.countOut(b.Len())
	ipv4.ForwardMulticast(c, b, rt, by)
}

// routeBy returns the route of b by a VIF, the last packet's if it serves; nil:
// there is none.
func (m *mfc) routeBy(c *kern.CPU, b *skb.Buff, v *vif, out int) *ipv4.Route {
	h := (*wire.IPv4Hdr)(b.Data())
	o := m.routes[out].Load()
	if o != nil && o.daddr == h.Daddr() && o.tos == h.TOS() && o.rt.Valid(c.Now()) && o.rt.Dev == v.dev {
		return o.rt
	}
	f := ipv4.Flow{Daddr: h.Daddr(), TOS: h.TOS(), Proto: h.Proto(), OIF: v.dev.Ifindex()}
	rt, err := ipv4.RouteOutput(c, v.dev.Net(), &f)
	if err != nil {
		return nil
	}
	m.routes[out].Store(&wayOut{daddr: f.Daddr, tos: h.TOS(), rt: rt})
	return rt
}

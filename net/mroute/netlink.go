package mroute

import (
	"encoding/binary"
	"slices"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// Sizes of family headers.
const (
	rtMsgLen  = 12 // struct rtmsg
	rtnhLen   = 8  // struct rtnexthop
	ifMsgLen  = 16 // struct ifinfomsg
	genMsgLen = 4  // struct rtgenmsg, padded
)

// initNetlink serves RTNL_FAMILY_IPMR.
func (st *State) initNetlink() {
	t := rtnl.Of(st.n)
	const family = uapi.RTNL_FAMILY_IPMR
	t.Handle(uapi.RTM_GETROUTE, family, rtnl.Handler{Do: st.getRoute, Dump: st.dumpRoutes, SplitDone: true})
	t.Handle(uapi.RTM_NEWROUTE, family, rtnl.Handler{Do: func(r *netlink.Request) error { return st.changeRoute(r, true) }})
	t.Handle(uapi.RTM_DELROUTE, family, rtnl.Handler{Do: func(r *netlink.Request) error { return st.changeRoute(r, false) }})
	t.Handle(uapi.RTM_GETLINK, family, rtnl.Handler{Dump: st.dumpVifs, SplitDone: true})
}

// policy is what routes take (rtm_ipmr_policy).
var policy = netlink.Policy{
	uapi.RTA_SRC: netlink.U32(), uapi.RTA_DST: netlink.U32(), uapi.RTA_IIF: netlink.U32(),
	uapi.RTA_TABLE: netlink.U32(), uapi.RTA_MULTIPATH: netlink.Struct(rtnhLen),
	lastRTA: {},
}

// lastRTA is RTA_MAX (RTA_FLOWLABEL of 6.14).
const lastRTA = 31

// fillHead writes what all messages about an origin and a group have.
func (t *table) fillHead(m *netlink.Msg, origin, group uint32, static bool) []byte {
	h := m.Grow(rtMsgLen)
	h[0], h[1], h[2], h[4] = uapi.RTNL_FAMILY_IPMR, 32, 32, uapi.RT_TABLE_COMPAT
	if t.id < 256 {
		h[4] = uint8(t.id)
	}
	h[5], h[7] = uapi.RTPROT_MROUTED, uapi.RTN_MULTICAST
	if static {
		h[5] = uapi.RTPROT_STATIC
	}
	m.U32(uapi.RTA_TABLE, t.id)
	m.BE32(uapi.RTA_SRC, origin)
	m.BE32(uapi.RTA_DST, group)
	return h
}

// fill writes an entry as RTM_NEWROUTE has it (ipmr_fill_mroute).
func (t *table) fill(m *netlink.Msg, e *mfc) {
	t.fillHead(m, e.origin, e.group, e.static)
	w := e.way.Load()
	if v := t.vifs[w.parent].Load(); v != nil {
		m.U32(uapi.RTA_IIF, uint32(v.dev.Ifindex()))
	}
	nest := m.NestOld(uapi.RTA_MULTIPATH)
	for i, ttl := range w.ttls {
		v := t.vifs[i].Load()
		if v == nil || ttl == never {
			continue
		}
		start := m.Mark()
		h := m.Grow(rtnhLen)
		h[3] = ttl
		binary.NativeEndian.PutUint32(h[4:], uint32(v.dev.Ifindex()))
		m.End(start) // a rtnexthop's length stands where an attribute's does
	}
	m.End(nest)
	p := m.Reserve(uapi.RTA_MFC_STATS, 24)
	binary.NativeEndian.PutUint64(p, e.pkts.Load())
	binary.NativeEndian.PutUint64(p[8:], e.bytes.Load())
	binary.NativeEndian.PutUint64(p[16:], e.wrong.Load())
	const userHZ = uint64(time.Second / 100)
	m.U64(uapi.RTA_EXPIRES, e.age(t.st.n.Kernel().Now())/userHZ)
}

// fillPending writes what waits for an entry: neither device nor counts.
func (t *table) fillPending(m *netlink.Msg, p *pending) {
	h := t.fillHead(m, p.origin, p.group, false)
	binary.NativeEndian.PutUint32(h[8:], uapi.RTNH_F_UNRESOLVED)
}

// notify tells RTNLGRP_IPV4_MROUTE of an entry (mroute_netlink_event). The RTNL
// is held.
func (t *table) notify(typ uint16, e *mfc) {
	if !rtnl.Listening(t.st.n, uapi.RTNLGRP_IPV4_MROUTE, nil) {
		return
	}
	m := netlink.NewMsg(typ, 0)
	t.fill(m, e)
	rtnl.Notify(t.st.n, uapi.RTNLGRP_IPV4_MROUTE, m, nil)
}

// notifyPending tells RTNLGRP_IPV4_MROUTE of what waits, or waits no more.
func (t *table) notifyPending(c *kern.CPU, typ uint16, p *pending) {
	if !rtnl.Listening(t.st.n, uapi.RTNLGRP_IPV4_MROUTE, nil) {
		return
	}
	m := netlink.NewMsg(typ, 0)
	t.fillPending(m, p)
	rtnl.NotifyOn(c, t.st.n, uapi.RTNLGRP_IPV4_MROUTE, m)
}

// notifyReport shows RTNLGRP_IPV4_MROUTE_R the upcall o
// (igmpmsg_netlink_event).
func (t *table) notifyReport(c *kern.CPU, o *skb.Buff, kind, in int) {
	if !rtnl.Listening(t.st.n, uapi.RTNLGRP_IPV4_MROUTE_R, nil) {
		return
	}
	h := (*wire.IPv4Hdr)(o.Data())
	m := netlink.NewMsg(uapi.RTM_NEWCACHEREPORT, 0)
	m.Grow(genMsgLen)[0] = uapi.RTNL_FAMILY_IPMR
	m.U8(uapi.IPMRA_CREPORT_MSGTYPE, uint8(kind))
	m.U32(uapi.IPMRA_CREPORT_VIF_ID, uint32(in))
	m.BE32(uapi.IPMRA_CREPORT_SRC_ADDR, h.Saddr())
	m.BE32(uapi.IPMRA_CREPORT_DST_ADDR, h.Daddr())
	m.U32(uapi.IPMRA_CREPORT_TABLE, t.id)
	m.Attr(uapi.IPMRA_CREPORT_PKT, o.Data()[wire.IPv4HdrLen:])
	rtnl.NotifyOn(c, t.st.n, uapi.RTNLGRP_IPV4_MROUTE_R, m)
}

// tableOf returns the table that a request names, or the default one. ENOENT.
func (st *State) tableOf(tb netlink.Attrs) (*table, error) {
	id := tb.U32(uapi.RTA_TABLE)
	if id == 0 {
		id = defaultTable
	}
	if t := st.table(id); t != nil {
		return t, nil
	}
	return nil, errno.ENOENT
}

// getRoute serves RTM_GETROUTE of one entry (ipmr_rtm_getroute).
func (st *State) getRoute(r *netlink.Request) error {
	tb, err := parseGet(r)
	if err != nil {
		return err
	}
	t, err := st.tableOf(tb)
	if err != nil {
		return err
	}
	e := t.find(tb.Get(uapi.RTA_SRC).BE32(), tb.Get(uapi.RTA_DST).BE32(), -1)
	if e == nil {
		return errno.ENOENT
	}
	m := r.Message(uapi.RTM_NEWROUTE, 0)
	t.fill(m, e)
	r.Reply(m)
	return nil
}

// parseGet reads a request for one entry (ipmr_rtm_valid_getroute_req).
func parseGet(r *netlink.Request) (netlink.Attrs, error) {
	if err := r.Need(rtMsgLen, "ipv4: Invalid header for multicast route get request"); err != nil {
		return netlink.Attrs{}, err
	}
	if !r.Strict {
		return r.Parse(rtMsgLen, policy, netlink.Liberal)
	}
	h := r.Payload()
	dst, src := h[1], h[2]
	if dst != 0 && dst != 32 || src != 0 && src != 32 || slices.ContainsFunc(h[3:rtMsgLen], func(b byte) bool { return b != 0 }) {
		return netlink.Attrs{}, netlink.Errorf(errno.EINVAL, "ipv4: Invalid values in header for multicast route get request")
	}
	tb, err := r.Parse(rtMsgLen, policy, netlink.Strict)
	if err != nil {
		return tb, err
	}
	if tb.Has(uapi.RTA_SRC) && src == 0 || tb.Has(uapi.RTA_DST) && dst == 0 {
		return tb, netlink.Errorf(errno.EINVAL, "ipv4: rtm_src_len and rtm_dst_len must be 32 for IPv4")
	}
	for i := range tb.Max() + 1 {
		if i != uapi.RTA_SRC && i != uapi.RTA_DST && i != uapi.RTA_TABLE && tb.Has(i) {
			return tb, netlink.Errorf(errno.EINVAL, "ipv4: Unsupported attribute in multicast route get request")
		}
	}
	return tb, nil
}

// changeRoute serves RTM_NEWROUTE and RTM_DELROUTE (ipmr_rtm_route): entries
// without a daemon, which no daemon's end removes unless they say
// RTPROT_MROUTED.
func (st *State) changeRoute(r *netlink.Request, add bool) error {
	tb, err := r.Parse(rtMsgLen, policy, netlink.Liberal)
	if err != nil {
		return err
	}
	h := r.Payload()
	if h[1] != 32 || h[7] != uapi.RTN_MULTICAST || h[6] != uapi.RT_SCOPE_UNIVERSE ||
		h[5] != uapi.RTPROT_MROUTED && h[5] != uapi.RTPROT_STATIC {
		return errno.EINVAL
	}
	ch := change{
		origin: tb.Get(uapi.RTA_SRC).BE32(), group: tb.Get(uapi.RTA_DST).BE32(), parent: uapi.MAXVIFS,
		static: h[5] == uapi.RTPROT_STATIC, proxy: tb.Has(uapi.RTA_PREFSRC),
	}
	var d *dev.Device
	if tb.Has(uapi.RTA_IIF) {
		if d = dev.ByIndex(st.n, int(int32(tb.U32(uapi.RTA_IIF)))); d == nil {
			return errno.ENODEV
		}
	}
	if mp := tb.Get(uapi.RTA_MULTIPATH); mp.Present() && !ch.readTTLs(mp.Bytes()) {
		return errno.EINVAL
	}
	t, err := st.tableOf(tb)
	if err != nil {
		return err
	}
	if d != nil {
		if i := t.vifOf(d); i >= 0 {
			ch.parent = i
		}
	}
	if add {
		return t.add(&ch)
	}
	return t.del(&ch)
}

// readTTLs reads RTA_MULTIPATH: the thresholds of VIF 0, 1 and so on
// (ipmr_nla_get_ttls). It reports whether p holds next hops only.
func (ch *change) readTTLs(p []byte) bool {
	for i := 0; len(p) >= rtnhLen && i < uapi.MAXVIFS; i++ {
		n := int(binary.NativeEndian.Uint16(p))
		if n < rtnhLen || n > len(p) {
			break
		}
		ch.ttls[i] = p[3]
		p = p[min((n+3)&^3, len(p)):]
	}
	return len(p) == 0
}

package ipv4

import (
	"cmp"
	"encoding/binary"
	"slices"

	"linen/lib/lpm"
	"linen/net/dev"
	"linen/net/dst"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// newRouteMsg serves RTM_NEWROUTE (inet_rtm_newroute).
func (st *state) newRouteMsg(r *netlink.Request) error {
	cfg, err := st.parseRoute(r)
	if err != nil {
		return err
	}
	if err := st.insertRoute(cfg, r); err != nil {
		return err
	}
	if cfg.typ == uapi.RTN_LOCAL {
		st.customLocal.Store(true)
	}
	return nil
}

// delRouteMsg serves RTM_DELROUTE (inet_rtm_delroute).
func (st *state) delRouteMsg(r *netlink.Request) error {
	cfg, err := st.parseRoute(r)
	if err != nil {
		return err
	}
	if cfg.nhID != 0 && st.nexthops.byID[cfg.nhID] == nil {
		return netlink.Errorf(errno.EINVAL, "Nexthop id does not exist")
	}
	if st.table(cfg.table) == nil {
		return netlink.Errorf(errno.ESRCH, "FIB table does not exist")
	}
	return st.deleteRoute(cfg, r)
}

// fillRouteMsg writes a struct rtmsg for a table and returns it.
func fillRouteMsg(m *netlink.Msg, table uint32) []byte {
	h := m.Grow(rtMsgLen)
	h[0], h[4] = uapi.AF_INET, uapi.RT_TABLE_COMPAT
	if table < 256 {
		h[4] = uint8(table)
	}
	return h
}

// fillRoute writes a route as RTM_NEWROUTE has it, in the kernel's order of
// attributes (fib_dump_info).
func fillRoute(m *netlink.Msg, table uint32, p lpm.Prefix, a *alias) {
	fi := a.info
	h := fillRouteMsg(m, table)
	h[1], h[3], h[5], h[6], h[7] = p.Len, a.tos, fi.proto, fi.scope, fi.typ
	flags, hops := fi.flags, fi.hops()
	if fi.linkdown.Load() {
		flags |= uapi.RTNH_F_LINKDOWN
	}
	expand := fi.obj == nil || fi.st.nexthops.compat.Bool()
	if fi.blackholed() {
		h[7] = uapi.RTN_BLACKHOLE
	}
	if len(hops) == 1 && expand {
		flags = hops[0].shownFlags() // the route's own are not shown
	}
	binary.NativeEndian.PutUint32(h[8:], flags)
	m.U32(uapi.RTA_TABLE, table)
	if p.Len != 0 {
		m.BE32(uapi.RTA_DST, p.Addr)
	}
	if fi.priority != 0 {
		m.U32(uapi.RTA_PRIORITY, fi.priority)
	}
	fillMetrics(m, fi.metrics)
	if fi.prefsrc != 0 {
		m.BE32(uapi.RTA_PREFSRC, fi.prefsrc)
	}
	if fi.obj != nil {
		m.U32(uapi.RTA_NH_ID, fi.obj.id)
	}
	if !expand {
		return
	}
	if len(hops) > 1 {
		fillMultipath(m, fi)
		return
	}
	nh := hops[0]
	nh.fillGateway(m)
	if nh.dev != nil {
		m.U32(uapi.RTA_OIF, uint32(nh.dev.Ifindex()))
	}
	if nh.realm != 0 {
		m.U32(uapi.RTA_FLOW, nh.realm)
	}
}

// shownFlags returns the next hop's flags as messages show them.
func (nh *nextHop) shownFlags() uint32 {
	flags := nh.flags.Load() & (uapi.RTNH_F_DEAD | uapi.RTNH_F_LINKDOWN | uapi.RTNH_F_ONLINK)
	if flags&uapi.RTNH_F_LINKDOWN != 0 && nh.dev != nil && ignoresLinkdown(nh.dev) {
		flags |= uapi.RTNH_F_DEAD
	}
	return flags
}

// fillGateway writes RTA_GATEWAY or, for an IPv6 gateway, RTA_VIA.
func (nh *nextHop) fillGateway(m *netlink.Msg) {
	switch nh.gwFamily {
	case uapi.AF_INET:
		m.BE32(uapi.RTA_GATEWAY, nh.gw)
	case uapi.AF_INET6:
		b := m.Reserve(uapi.RTA_VIA, 2+16)
		binary.NativeEndian.PutUint16(b, uapi.AF_INET6)
		copy(b[2:], nh.gw6[:])
	}
}

// fillMultipath writes RTA_MULTIPATH.
func fillMultipath(m *netlink.Msg, fi *info) {
	mark := m.NestOld(uapi.RTA_MULTIPATH)
	for _, nh := range fi.hops() {
		start := m.Mark()
		h := m.Grow(rtnhLen)
		h[2], h[3] = uint8(nh.shownFlags()), uint8(nh.weight-1)
		binary.NativeEndian.PutUint32(h[4:], uint32(nh.oif))
		nh.fillGateway(m)
		if nh.realm != 0 {
			m.U32(uapi.RTA_FLOW, nh.realm)
		}
		m.End(start) // a rtnexthop's length stands where an attribute's does
	}
	m.End(mark)
}

// fillMetrics writes RTA_METRICS, if there are any.
func fillMetrics(m *netlink.Msg, metrics *dst.Metrics) {
	if metrics.Empty() {
		return
	}
	mark := m.NestOld(uapi.RTA_METRICS)
	for t := 1; t <= uapi.RTAX_FASTOPEN_NO_COOKIE; t++ {
		if t == uapi.RTAX_CC_ALGO && metrics.Congestion() != "" {
			m.String(uint16(t), metrics.Congestion())
		} else if v := metrics.Get(t); v != 0 {
			m.U32(uint16(t), v)
		}
	}
	m.End(mark)
}

// notifyRoute tells RTNLGRP_IPV4_ROUTE of a route (rtmsg_fib).
func (st *state) notifyRoute(typ uint16, t *table, p lpm.Prefix, a *alias, flags uint16, r *netlink.Request) {
	if !rtnl.Listening(st.n, uapi.RTNLGRP_IPV4_ROUTE, r) {
		return
	}
	m := netlink.NewMsg(typ, flags)
	fillRoute(m, t.id, p, a)
	rtnl.Notify(st.n, uapi.RTNLGRP_IPV4_ROUTE, m, r)
}

// routeDump is the state of a route dump, and its filter.
type routeDump struct {
	table      uint32 // 0: all
	proto, typ uint8
	dev        *dev.Device
	routes     bool // routes are wanted
	learned    bool // exceptions are wanted
	tables     []*table
	at         int // table to go on with
	prefix     lpm.Prefix
	begun      bool // prefix is where to go on, at its alias number alias
	alias      int
	sent       int // messages about that alias that were sent: itself, what was learned
}

// dumpRoutes serves a dump of RTM_GETROUTE (inet_dump_fib).
func (st *state) dumpRoutes(d *netlink.Dump) error {
	s, ok := d.State.(*routeDump)
	if !ok {
		var err error
		if s, err = st.startRouteDump(d); err != nil || s == nil {
			return err
		}
		d.State = s
	}
	d.Generation(st.fibSeq | 1<<31)
	for ; s.at < len(s.tables); s.at++ {
		if !st.dumpTable(d, s, s.tables[s.at]) {
			return netlink.More
		}
		s.begun, s.alias = false, 0
	}
	return nil
}

// dumpTable writes one table from where s stands and reports whether it ended.
func (st *state) dumpTable(d *netlink.Dump, s *routeDump, t *table) bool {
	p, head, ok := t.prefixes.First()
	if s.begun {
		if p, head = s.prefix, t.prefixes.Get(s.prefix); head == nil {
			s.alias = 0
			p, head, ok = t.prefixes.After(s.prefix)
		}
	}
	for ; ok; p, head, ok = t.prefixes.After(p) {
		i := 0
		for a := head; a != nil; a, i = a.next, i+1 {
			if i < s.alias || !s.wants(a.info) {
				continue
			}
			if !s.put(d, t, p, a) {
				s.begun, s.prefix, s.alias = true, p, i
				return false
			}
		}
		s.alias = 0
	}
	return true
}

func (s *routeDump) put(d *netlink.Dump, t *table, p lpm.Prefix, a *alias) bool {
	if s.sent == 0 && s.routes && !d.Put(uapi.RTM_NEWROUTE, 0, func(m *netlink.Msg) { fillRoute(m, t.id, p, a) }) {
		return false
	}
	s.sent = max(s.sent, 1)
	if s.learned && !s.putLearned(d, t, a) {
		return false
	}
	s.sent = 0
	return true
}

// wants reports whether the filter lets a route through.
func (s *routeDump) wants(fi *info) bool {
	return (s.proto == 0 || s.proto == fi.proto) && (s.typ == 0 || s.typ == fi.typ) &&
		(s.dev == nil || fi.uses(s.dev))
}

// startRouteDump reads the request of a dump (ip_valid_fib_dump_req); a nil
// state says that there is nothing to dump.
func (st *state) startRouteDump(d *netlink.Dump) (*routeDump, error) {
	r := d.Request
	s := &routeDump{routes: true, learned: true}
	var flags uint32
	if len(r.Payload()) >= rtMsgLen {
		flags = binary.NativeEndian.Uint32(r.Payload()[8:])
	}
	if r.Strict {
		if err := st.strictRouteDump(d, s); err != nil {
			return nil, err
		}
	}
	if flags&uapi.RTM_F_PREFIX != 0 {
		return nil, nil
	}
	if s.table != 0 {
		t := st.table(s.table)
		if t == nil {
			if r.Payload()[0] != uapi.AF_INET {
				return nil, nil // of all families: another may have it
			}
			return nil, netlink.Errorf(errno.ENOENT, "ipv4: FIB table does not exist")
		}
		s.tables = []*table{t}
		return s, nil
	}
	s.tables = st.sortedTables()
	return s, nil
}

// sortedTables returns the tables in the order of dumps: the kernel's hash of
// 256 chains decides it.
func (st *state) sortedTables() (list []*table) {
	for _, t := range *st.tables.Load() {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *table) int {
		return cmp.Or(cmp.Compare(a.id&255, b.id&255), cmp.Compare(b.id, a.id))
	})
	return list
}

// strictRouteDump reads the filter of a strict request.
func (st *state) strictRouteDump(d *netlink.Dump, s *routeDump) error {
	r := d.Request
	if err := r.Need(rtMsgLen, "Invalid header for FIB dump request"); err != nil {
		return err
	}
	tb, err := r.Parse(rtMsgLen, routePolicy, netlink.Strict)
	if err != nil {
		return err
	}
	h := r.Payload()
	if h[1] != 0 || h[2] != 0 || h[3] != 0 || h[6] != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid values in header for FIB dump request")
	}
	flags := binary.NativeEndian.Uint32(h[8:])
	if flags&^(uapi.RTM_F_CLONED|uapi.RTM_F_PREFIX) != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid flags for FIB dump request")
	}
	s.routes = flags&uapi.RTM_F_CLONED == 0
	s.learned = !s.routes
	s.table, s.proto, s.typ = uint32(h[4]), h[5], h[7]
	for i := range tb.Max() + 1 {
		if i != uapi.RTA_TABLE && i != uapi.RTA_OIF && tb.Has(i) {
			return netlink.Errorf(errno.EINVAL, "Unsupported attribute in dump request")
		}
	}
	if tb.Has(uapi.RTA_TABLE) {
		s.table = tb.U32(uapi.RTA_TABLE)
	}
	if tb.Has(uapi.RTA_OIF) {
		if s.dev = dev.ByIndex(st.n, int(int32(tb.U32(uapi.RTA_OIF)))); s.dev == nil {
			return errno.ENODEV
		}
	}
	d.Filtered() // it is: of routes and what was learned there is one only
	return nil
}

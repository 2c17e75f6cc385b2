package ipv4

import (
	"encoding/binary"
	"time"

	"linen/lib/ktime"
	"linen/lib/lpm"
	"linen/net/dev"
	"linen/net/dst"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// getQuery is what RTM_GETROUTE asks about.
type getQuery struct {
	f        Flow
	src, dst uint32
	iif      int
	uid      uint32
	tos      uint8 // of the route found, which is what the answer says (6.18)
	hasUID   bool
	flags    uint32 // RTM_F_*
}

// getAttrs are the attributes that RTM_GETROUTE takes.
var getAttrs = [...]int{
	uapi.RTA_IIF, uapi.RTA_OIF, uapi.RTA_SRC, uapi.RTA_DST, uapi.RTA_MARK, uapi.RTA_IP_PROTO,
	uapi.RTA_SPORT, uapi.RTA_DPORT, uapi.RTA_UID,
}

// checkGet is the check of a strict request (inet_rtm_valid_getroute_req).
func checkGet(h []byte, tb netlink.Attrs) error {
	if h[1]&^32 != 0 || h[2]&^32 != 0 || h[4] != 0 || h[5] != 0 || h[6] != 0 || h[7] != 0 {
		return netlink.Errorf(errno.EINVAL, "ipv4: Invalid values in header for route get request")
	}
	const known = uapi.RTM_F_NOTIFY | uapi.RTM_F_LOOKUP_TABLE | uapi.RTM_F_FIB_MATCH
	if binary.NativeEndian.Uint32(h[8:])&^known != 0 {
		return netlink.Errorf(errno.EINVAL, "ipv4: Unsupported rtm_flags for route get request")
	}
	if tb.Has(uapi.RTA_SRC) && h[2] == 0 || tb.Has(uapi.RTA_DST) && h[1] == 0 {
		return netlink.Errorf(errno.EINVAL, "ipv4: rtm_src_len and rtm_dst_len must be 32 for IPv4")
	}
	for i := range tb.Max() + 1 {
		known := !tb.Has(i)
		for _, k := range getAttrs {
			known = known || k == i
		}
		if !known {
			return netlink.Errorf(errno.EINVAL, "ipv4: Unsupported attribute in route get request")
		}
	}
	return nil
}

// parseGet reads RTM_GETROUTE.
func (st *state) parseGet(r *netlink.Request) (*getQuery, error) {
	mode := netlink.Liberal
	if r.Strict {
		mode = netlink.Strict
	}
	if err := r.Need(rtMsgLen, "ipv4: Invalid header for route get request"); err != nil {
		return nil, err
	}
	tb, err := r.Parse(rtMsgLen, routePolicy, mode)
	if err != nil {
		return nil, err
	}
	h := r.Payload()
	if r.Strict {
		if err := checkGet(h, tb); err != nil {
			return nil, err
		}
	}
	q := &getQuery{
		src: tb.Get(uapi.RTA_SRC).BE32(), dst: tb.Get(uapi.RTA_DST).BE32(),
		iif: int(int32(tb.U32(uapi.RTA_IIF))), flags: binary.NativeEndian.Uint32(h[8:]),
	}
	q.f = Flow{
		Daddr: q.dst, Saddr: q.src, TOS: h[3] & dscp, OIF: int(int32(tb.U32(uapi.RTA_OIF))),
		Mark: tb.U32(uapi.RTA_MARK), Proto: uapi.IPPROTO_UDP,
		SPort: tb.Get(uapi.RTA_SPORT).BE16(), DPort: tb.Get(uapi.RTA_DPORT).BE16(),
	}
	switch {
	case tb.Has(uapi.RTA_UID):
		q.uid, q.hasUID = tb.U32(uapi.RTA_UID), true
	case q.iif == 0 && r.From != nil:
		q.uid, q.hasUID = r.From.UID, true
	case q.iif == 0:
		q.hasUID = true
	}
	q.f.UID = q.uid
	if tb.Has(uapi.RTA_IP_PROTO) {
		q.f.Proto = tb.U8(uapi.RTA_IP_PROTO)
	}
	switch q.f.Proto {
	case uapi.IPPROTO_TCP, uapi.IPPROTO_UDP:
	case uapi.IPPROTO_ICMP:
		if q.iif != 0 { // what comes in is dissected, and ICMP has no ports
			q.f.SPort, q.f.DPort = 0, 0
		}
	default:
		return nil, netlink.Errorf(errno.EOPNOTSUPP, "Unsupported ip proto")
	}
	return q, nil
}

// getRouteMsg serves RTM_GETROUTE for one destination: `ip route get`
// (inet_rtm_getroute).
func (st *state) getRouteMsg(r *netlink.Request) error {
	q, err := st.parseGet(r)
	if err != nil {
		return err
	}
	var res result
	rt, err := st.answer(q, &res)
	if err != nil {
		return err
	}
	if res.alias != nil {
		q.tos = res.alias.tos
	}
	m := r.Message(uapi.RTM_NEWROUTE, 0)
	table := uint32(uapi.RT_TABLE_MAIN)
	if q.flags&uapi.RTM_F_LOOKUP_TABLE != 0 {
		table = 0
		if res.table != nil {
			table = st.shownTable(res.table)
		}
	}
	if q.flags&uapi.RTM_F_FIB_MATCH != 0 {
		if res.alias == nil {
			return errno.EHOSTUNREACH
		}
		fillRoute(m, table, lpm.PrefixFrom(q.f.Daddr, int(res.alias.plen)), res.alias)
		if !res.info.blackholed() {
			m.Bytes()[netlink.HeaderLen+7] = rt.Type
		}
		r.Reply(m)
		return nil
	}
	st.fillAnswer(m, q, rt, table, res.redirect)
	r.Reply(m)
	return nil
}

// shownTable returns the table that answers name. As long as there were never
// other rules than the default ones, local and main are one table for them.
func (st *state) shownTable(t *table) uint32 {
	if t.id == uapi.RT_TABLE_LOCAL && !st.split.Load() {
		return uapi.RT_TABLE_MAIN
	}
	return t.id
}

// answer looks the route up, as a received packet's or one of our own.
func (st *state) answer(q *getQuery, res *result) (*Route, error) {
	if q.iif == 0 {
		return st.routeOutput(nil, &q.f, res)
	}
	d := dev.ByIndex(st.n, q.iif)
	if d == nil {
		return nil, errno.ENODEV
	}
	in := InDev(d)
	if in == nil {
		return nil, errno.EINVAL
	}
	q.f.IIF, q.f.OIF, q.f.UID = q.iif, 0, 0 // a received packet is root's
	rt, reason := st.routeInput(nil, nil, &q.f, in, res)
	if reason != 0 {
		return nil, errno.EINVAL
	}
	if rt.Err != 0 {
		return nil, rt.Err
	}
	return rt, nil
}

// fillAnswer writes the route of a destination (rt_fill_info). A nil q is a
// dump of what was learned: see fillLearned.
func (st *state) fillAnswer(m *netlink.Msg, q *getQuery, rt *Route, table uint32, redirect bool) {
	h := fillRouteMsg(m, table)
	h[1], h[3], h[7] = 32, q.tos, rt.Type
	flags := rt.Flags&^0xffff | uapi.RTM_F_CLONED
	if q.flags&uapi.RTM_F_NOTIFY != 0 {
		flags |= uapi.RTM_F_NOTIFY
	}
	if redirect {
		flags |= RTCFDoRedirect
	}
	binary.NativeEndian.PutUint32(h[8:], flags)
	if q.src != 0 {
		h[2] = 32
	}
	m.U32(uapi.RTA_TABLE, table)
	m.BE32(uapi.RTA_DST, q.dst)
	if q.src != 0 {
		m.BE32(uapi.RTA_SRC, q.src)
	}
	m.U32(uapi.RTA_OIF, uint32(rt.Dev.Ifindex()))
	if rt.realms != 0 {
		m.U32(uapi.RTA_FLOW, rt.realms)
	}
	if q.iif == 0 && q.f.Saddr != q.src {
		m.BE32(uapi.RTA_PREFSRC, q.f.Saddr)
	}
	switch rt.GwFamily {
	case uapi.AF_INET:
		m.BE32(uapi.RTA_GATEWAY, rt.Gateway)
	case uapi.AF_INET6:
		b := m.Reserve(uapi.RTA_VIA, 2+16)
		binary.NativeEndian.PutUint16(b, uapi.AF_INET6)
		copy(b[2:], rt.Gateway6[:])
	}
	fillMetrics(m, rt.learnedMetrics())
	if q.f.Mark != 0 {
		m.U32(uapi.RTA_MARK, q.f.Mark)
	}
	if q.hasUID {
		m.U32(uapi.RTA_UID, q.uid)
	}
	if q.iif != 0 {
		m.U32(uapi.RTA_IIF, uint32(q.iif))
	}
	st.fillCacheInfo(m, rt.expires)
}

// learnedMetrics returns the route's metrics with the path MTU in them.
func (rt *Route) learnedMetrics() *dst.Metrics {
	if rt.pmtu == 0 {
		return rt.Metrics
	}
	var m dst.Metrics
	if rt.Metrics != nil {
		m = *rt.Metrics
	}
	m.Set(uapi.RTAX_MTU, rt.pmtu)
	if rt.pmtuLock {
		m.Set(uapi.RTAX_LOCK, m.Get(uapi.RTAX_LOCK)|1<<uapi.RTAX_MTU)
	}
	return &m
}

// fillCacheInfo writes RTA_CACHEINFO: of a struct rta_cacheinfo only the time
// left means anything, in 1/100 s.
func (st *state) fillCacheInfo(m *netlink.Msg, expires ktime.T) {
	p := m.Reserve(uapi.RTA_CACHEINFO, 32)
	if now := st.n.Kernel().Now(); expires > now {
		binary.NativeEndian.PutUint32(p[8:], uint32((expires-now)/ktime.T(10*time.Millisecond)))
	}
}

// putLearned writes what was learned at a route's next hops, behind what was
// sent of it, and reports whether all fitted (fib_dump_info_fnhe).
func (s *routeDump) putLearned(d *netlink.Dump, t *table, a *alias) bool {
	st := a.info.st
	now := st.n.Kernel().Now()
	at := 1
	for _, nh := range a.info.hops() {
		for _, e := range nh.allLearned(now) {
			if at++; at <= s.sent {
				continue
			}
			rt := st.newRoute(nh.dev, a.info.typ, 0)
			rt.throughHop(nh)
			e.apply(rt)
			q := &getQuery{dst: e.daddr}
			if !d.Put(uapi.RTM_NEWROUTE, 0, func(m *netlink.Msg) { st.fillAnswer(m, q, rt, t.id, false) }) {
				return false
			}
			s.sent = at
		}
	}
	return true
}

// allLearned returns what is known at the next hop.
func (nh *nextHop) allLearned(now ktime.T) (list []*exception) {
	t := nh.learned.Load()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.buckets {
		for _, e := range l {
			if now < e.expires && e.flushed == nh.info.st.flushes.Load() {
				list = append(list, e)
			}
		}
	}
	return list
}

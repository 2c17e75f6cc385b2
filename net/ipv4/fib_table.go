package ipv4

import (
	"linen/lib/lpm"
	"linen/net/dst"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// A routeConfig is a route as it is asked for (struct fib_config).
type routeConfig struct {
	dst      uint32
	plen     uint8
	tos      uint8
	proto    uint8 // RTPROT_*
	scope    uint8
	typ      uint8  // RTN_*
	flags    uint32 // RTNH_F_*, and what else rtm_flags had
	table    uint32
	prefsrc  uint32
	priority uint32
	metrics  *dst.Metrics
	given    netlink.Attr // RTA_METRICS, which a deletion compares as it came
	hops     []hopConfig
	nhID     uint32 // of a next hop object, instead of hops
	multi    bool   // hops came as RTA_MULTIPATH
	realms   uint32 // RTA_FLOW
	nlFlags  uint16
}

// A hopConfig is one next hop as it is asked for.
type hopConfig struct {
	oif      int
	flags    uint8
	weight   int
	gwFamily uint8
	gw       uint32
	gw6      [16]byte
	zeroGw   bool // RTA_GATEWAY was 0.0.0.0: a deletion wants a gateway of that, so nothing
	realm    uint32
	hasRealm bool
}

// prefix returns the route's prefix.
func (cfg *routeConfig) prefix() lpm.Prefix { return lpm.Prefix{Addr: cfg.dst, Len: cfg.plen} }

// checkPrefix is the check of a prefix (fib_valid_key_len).
func (cfg *routeConfig) checkPrefix() error {
	if cfg.plen > 32 {
		return netlink.Errorf(errno.EINVAL, "Invalid prefix length")
	}
	if cfg.dst&^mask(cfg.plen) != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid prefix for given prefix length")
	}
	return nil
}

// insertRoute adds or replaces a route as cfg.nlFlags (NLM_F_*) say
// (fib_table_insert).
func (st *state) insertRoute(cfg *routeConfig, r *netlink.Request) error {
	if err := cfg.checkPrefix(); err != nil {
		return err
	}
	t := st.newTable(cfg.table)
	fi, err := st.createInfo(cfg)
	if err != nil {
		return err
	}
	defer st.infos.release(fi)
	p := cfg.prefix()
	head := t.prefixes.Get(p)
	prev, first := place(head, cfg.tos, fi.priority)
	fresh := &alias{info: fi, tos: cfg.tos, plen: cfg.plen}
	flags := uint16(uapi.NLM_F_EXCL)
	if first != nil {
		flags = 0
		if cfg.nlFlags&uapi.NLM_F_EXCL != 0 {
			return errno.EEXIST
		}
		same, last := sameKey(first, cfg, fi)
		if cfg.nlFlags&uapi.NLM_F_REPLACE != 0 {
			return st.replaceRoute(t, p, head, first, same, fresh, r)
		}
		if same != nil {
			return errno.EEXIST
		}
		if cfg.nlFlags&uapi.NLM_F_APPEND != 0 {
			flags, prev = uapi.NLM_F_APPEND, last
		}
	}
	if cfg.nlFlags&uapi.NLM_F_CREATE == 0 {
		return errno.ENOENT
	}
	fi.refs++
	t.setHead(p, insertAfter(head, prev, fresh))
	t.routes++
	t.shape.Load().add(p.Addr)
	st.tableChanged()
	st.notifyRoute(uapi.RTM_NEWROUTE, t, p, fresh, flags|uapi.NLM_F_CREATE, r)
	return nil
}

// sameKey looks through the routes of first's TOS and priority: it returns the
// one that is just as cfg asks, if any, and the last.
func sameKey(first *alias, cfg *routeConfig, fi *info) (same, last *alias) {
	for a := first; a != nil && a.tos == first.tos && a.info.priority == first.info.priority; a = a.next {
		if a.info == fi && same == nil {
			same = a
		}
		last = a
	}
	return same, last
}

// replaceRoute puts fresh in the place of the first route of its key.
func (st *state) replaceRoute(t *table, p lpm.Prefix, head, first, same, fresh *alias, r *netlink.Request) error {
	if same != nil {
		if same == first {
			return nil
		}
		return errno.EEXIST
	}
	old := first.info
	fresh.info.refs++
	t.setHead(p, replace(head, first, fresh))
	st.tableChanged()
	st.notifyRoute(uapi.RTM_NEWROUTE, t, p, fresh, uapi.NLM_F_REPLACE, r)
	old.refs--
	st.infos.release(old)
	return nil
}

// deleteRoute deletes the first route that cfg describes: what cfg leaves out
// does not matter (fib_table_delete). ESRCH: there is none.
func (st *state) deleteRoute(cfg *routeConfig, r *netlink.Request) error {
	if err := cfg.checkPrefix(); err != nil {
		return err
	}
	t := st.table(cfg.table)
	if t == nil {
		return errno.ESRCH
	}
	p := cfg.prefix()
	head := t.prefixes.Get(p)
	for a := head; a != nil; a = a.next {
		if a.tos == cfg.tos && a.info.matches(cfg) {
			st.removeAlias(t, p, head, a)
			st.tableChanged()
			st.notifyRoute(uapi.RTM_DELROUTE, t, p, a, 0, r)
			return nil
		}
	}
	return errno.ESRCH
}

// removeAlias takes a route out of its table.
func (st *state) removeAlias(t *table, p lpm.Prefix, head, a *alias) {
	t.setHead(p, replace(head, a, nil))
	t.routes--
	t.shape.Load().remove(p.Addr)
	a.info.refs--
	st.infos.release(a.info)
}

// tableChanged makes caches stale and running dumps inconsistent.
func (st *state) tableChanged() {
	st.fibSeq++
	st.flushCache()
}

// matches reports whether the info is one that cfg describes for a deletion.
func (fi *info) matches(cfg *routeConfig) bool {
	switch {
	case cfg.typ != 0 && fi.typ != cfg.typ,
		cfg.scope != uapi.RT_SCOPE_NOWHERE && fi.scope != cfg.scope,
		cfg.prefsrc != 0 && fi.prefsrc != cfg.prefsrc,
		cfg.proto != 0 && fi.proto != cfg.proto,
		cfg.priority != 0 && fi.priority != cfg.priority:
		return false
	}
	return fi.matchesHops(cfg) && fi.matchesMetrics(cfg.given)
}

// matchesHops compares next hops (fib_nh_match).
func (fi *info) matchesHops(cfg *routeConfig) bool {
	if cfg.nhID != 0 {
		return fi.obj != nil && fi.obj.id == cfg.nhID
	}
	if len(cfg.hops) == 0 {
		return true
	}
	if fi.obj != nil {
		return false
	}
	if !cfg.multi {
		nh := fi.nhs[0]
		return nh.matches(&cfg.hops[0])
	}
	for i := range cfg.hops {
		if i >= len(fi.nhs) || !fi.nhs[i].matches(&cfg.hops[i]) {
			return false
		}
	}
	return len(cfg.hops) == len(fi.nhs)
}

// matches compares one next hop with what of it was given; a realm alone does
// not count.
func (nh *nextHop) matches(h *hopConfig) bool {
	switch {
	case h.zeroGw, h.oif != 0 && nh.oif != h.oif, h.hasRealm && nh.realm != h.realm && (h.oif != 0 || h.gwFamily != 0):
		return false
	case h.gwFamily != 0 && (nh.gwFamily != h.gwFamily || nh.gw != h.gw || nh.gw6 != h.gw6):
		return false
	}
	return true
}

// matchesMetrics compares the metrics that were given, unchecked and with
// values that no route has (fib_metrics_match).
func (fi *info) matchesMetrics(given netlink.Attr) bool {
	same := true
	given.Each(func(a netlink.Attr) bool {
		switch t := int(a.Type()); {
		case t == 0:
		case t > uapi.RTAX_FASTOPEN_NO_COOKIE:
			same = false
		case t == uapi.RTAX_CC_ALGO:
			same = a.Text() == fi.metrics.Congestion()
		default:
			same = a.Len() == 4 && a.U32() == fi.metrics.Get(t)
		}
		return same
	})
	return same
}

// flushDead removes the routes whose info is dead from every table, and
// returns how many there were (fib_flush). Programs are told only of those
// whose source address was deleted.
func (st *state) flushDead(notify func(fi *info) bool) (removed int) {
	if st.tables.Load() == nil {
		return 0
	}
	for _, t := range st.sortedTables() {
		gone := make(map[uint32]int)
		for p, head := range t.prefixes.All() {
			for a := head; a != nil; a = a.next {
				if !a.info.dead.Load() {
					continue
				}
				tell := notify != nil && notify(a.info)
				head = replace(head, find(head, a), nil)
				t.setHead(p, head)
				t.routes--
				gone[p.Addr]++
				a.info.refs--
				st.infos.release(a.info)
				removed++
				if tell {
					st.notifyRoute(uapi.RTM_DELROUTE, t, p, a, 0, nil)
				}
			}
		}
		t.shape.Load().flush(gone)
	}
	if removed > 0 {
		st.tableChanged()
	}
	return removed
}

// find returns the alias of a's info and TOS in a list that may hold a copy of
// a, because replace copies what stands in front.
func find(head, a *alias) *alias {
	for o := head; o != nil; o = o.next {
		if o == a || o.info == a.info && o.tos == a.tos {
			return o
		}
	}
	return nil
}

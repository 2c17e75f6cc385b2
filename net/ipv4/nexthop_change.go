package ipv4

import (
	"slices"
	"sync/atomic"

	"linen/net/dev"
	"linen/net/l3mdev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// newNexthopMsg serves RTM_NEWNEXTHOP (rtm_new_nexthop).
func (st *state) newNexthopMsg(r *netlink.Request) error {
	cfg, err := st.parseNexthop(r)
	if err != nil {
		return err
	}
	replace := cfg.nlFlags&uapi.NLM_F_REPLACE != 0
	if replace && cfg.id == 0 {
		return netlink.Errorf(errno.EINVAL, "Replace requires nexthop id")
	}
	if !replace && cfg.resilient && !cfg.hasBuckets {
		return netlink.Errorf(errno.EINVAL, "Number of buckets not specified for nexthop group insertion")
	}
	if cfg.id == 0 {
		if cfg.id = st.nexthops.freeID(); cfg.id == 0 {
			return netlink.Errorf(errno.EINVAL, "No unused id")
		}
	}
	o, err := st.createNexthop(cfg)
	if err != nil {
		return err
	}
	old := st.nexthops.byID[cfg.id]
	switch {
	case old != nil && !replace:
		return errno.EEXIST
	case old != nil:
		return st.replaceNexthop(old, o, cfg, r)
	case replace && cfg.nlFlags&uapi.NLM_F_CREATE == 0:
		return netlink.Errorf(errno.ENOENT, "Replace specified without create and no entry exists")
	case cfg.resilient && !cfg.hasBuckets:
		return netlink.Errorf(errno.EINVAL, "Number of buckets not specified for nexthop group insertion")
	}
	if cfg.resilient {
		o.group.res = st.newResTable(o, cfg)
		o.group.res.rebalance(o.group.entries)
		o.group.res.upkeep(false)
	}
	st.nexthops.insert(o)
	st.notifyNexthop(uapi.RTM_NEWNEXTHOP, o, r)
	return nil
}

// delNexthopMsg serves RTM_DELNEXTHOP (rtm_del_nexthop).
func (st *state) delNexthopMsg(r *netlink.Request) error {
	tb, err := r.Parse(nhMsgLen, netlink.Policy{uapi.NHA_ID: netlink.U32()}, netlink.Full)
	if err != nil {
		return err
	}
	o, err := st.namedNexthop(r, tb)
	if err != nil {
		return err
	}
	st.removeNexthop(o, r)
	return nil
}

// namedNexthop returns the object that a request names (nh_valid_get_del_req).
func (st *state) namedNexthop(r *netlink.Request, tb netlink.Attrs) (*nhObject, error) {
	h, _ := uapi.ParseNhMsg(r.Payload())
	if h.Scope != 0 || h.Protocol != 0 || h.Resvd != 0 || h.Flags != 0 {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid values in header")
	}
	id, err := givenID(tb)
	if err != nil {
		return nil, err
	}
	o := st.nexthops.byID[id]
	if o == nil {
		return nil, errno.ENOENT
	}
	return o, nil
}

// givenID returns NHA_ID, which must be there.
func givenID(tb netlink.Attrs) (uint32, error) {
	if !tb.Has(uapi.NHA_ID) {
		return 0, netlink.Errorf(errno.EINVAL, "Nexthop id is missing")
	}
	if tb.U32(uapi.NHA_ID) == 0 {
		return 0, netlink.Errorf(errno.EINVAL, "Invalid nexthop id")
	}
	return tb.U32(uapi.NHA_ID), nil
}

// createNexthop makes the object that cfg asks for, not filed yet.
func (st *state) createNexthop(cfg *nexthopConfig) (*nhObject, error) {
	o := &nhObject{
		id: cfg.id, proto: cfg.proto, family: cfg.family, flags: cfg.flags, fdb: cfg.fdb, blackhole: cfg.blackhole,
	}
	if cfg.isGroup {
		o.flags = 0
		o.group = &nhGroup{hwStats: cfg.hwStats}
		for _, e := range cfg.members {
			e.packets = new(atomic.Uint64)
			o.group.entries = append(o.group.entries, e)
		}
		return o, nil
	}
	if cfg.family != uapi.AF_INET {
		return nil, netlink.Errorf(errno.EAFNOSUPPORT, "IPv6 support not enabled in kernel")
	}
	h := &nextHop{gwFamily: cfg.gwFamily, gw: cfg.gw, weight: 1, obj: o}
	h.flags.Store(cfg.flags)
	o.hop = h
	switch {
	case cfg.blackhole:
		h.bind(dev.Loopback(st.n))
		return o, nil
	case cfg.fdb:
		h.scope = uapi.RT_SCOPE_LINK
		return o, nil
	}
	h.oif = cfg.dev.Ifindex()
	table := uint32(uapi.RT_TABLE_MAIN)
	if id := l3mdev.Table(cfg.dev); id != 0 {
		table = id
	}
	return o, st.checkHop(h, table, uapi.RT_SCOPE_UNIVERSE)
}

// replaceNexthop puts what fresh has into old, which keeps its routes and
// groups (replace_nexthop).
func (st *state) replaceNexthop(old, fresh *nhObject, cfg *nexthopConfig, r *netlink.Request) error {
	if err := old.checkRoutes(fresh); err != nil {
		return err
	}
	switch {
	case fresh.group != nil && old.group == nil:
		return netlink.Errorf(errno.EINVAL, "Can not replace a nexthop with a nexthop group.")
	case fresh.group == nil && old.group != nil:
		return netlink.Errorf(errno.EINVAL, "Can not replace a nexthop group with a nexthop.")
	case fresh.group != nil:
		if err := replaceGroup(old, fresh, cfg); err != nil {
			return err
		}
	default:
		if err := old.checkGroups(fresh); err != nil {
			return err
		}
		old.hop, old.version = fresh.hop, old.version+1
		old.hop.obj = old
	}
	old.proto, old.flags, old.fdb, old.blackhole, old.family = fresh.proto, fresh.flags, fresh.fdb, fresh.blackhole, fresh.family
	st.nexthops.seq++
	old.rebind()
	for _, g := range old.groups {
		g.rebind()
	}
	st.tableChanged()
	st.notifyNexthop(uapi.RTM_NEWNEXTHOP, old, r)
	st.notifyRoutesOf(old, r)
	return nil
}

// checkRoutes checks that the routes of old may use fresh (fib_check_nh_list).
func (o *nhObject) checkRoutes(fresh *nhObject) error {
	for _, fi := range o.routes {
		if err := fresh.checkObject(fi.scope); err != nil {
			return err
		}
	}
	for _, g := range o.groups {
		for _, fi := range g.routes {
			if fresh.group == nil {
				if err := fresh.checkObject(fi.scope); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkGroups checks that the groups that o is in may have fresh in its place
// (replace_nexthop_single).
func (o *nhObject) checkGroups(fresh *nhObject) error {
	for _, g := range o.groups {
		if o.fdb != fresh.fdb {
			return netlink.Errorf(errno.EINVAL, "Cannot change nexthop FDB status while in a group")
		}
		if fresh.blackhole && len(g.group.entries) > 1 {
			return netlink.Errorf(errno.EINVAL, "Blackhole nexthop can not be a member of a group with more than one path")
		}
	}
	return nil
}

// replaceGroup gives old the members of fresh (replace_nexthop_grp).
func replaceGroup(old, fresh *nhObject, cfg *nexthopConfig) error {
	res := old.group.res
	if (res != nil) != cfg.resilient {
		return netlink.Errorf(errno.EINVAL, "Can not replace a nexthop group with one of a different type.")
	}
	if res != nil {
		if cfg.hasBuckets && cfg.buckets != len(res.buckets) {
			return netlink.Errorf(errno.EINVAL, "Can not change number of buckets of a resilient nexthop group.")
		}
		if cfg.hasIdle {
			res.idle = cfg.idle
		}
		if cfg.hasUnbal {
			res.unbalanced = cfg.unbalanced
		}
		fresh.group.res = res
		res.rebalance(fresh.group.entries)
		res.upkeep(false)
	}
	for _, e := range old.group.entries {
		e.obj.groups = remove(e.obj.groups, old)
	}
	old.group = fresh.group
	for _, e := range old.group.entries {
		e.obj.groups = slices.Insert(e.obj.groups, 0, old)
	}
	return nil
}

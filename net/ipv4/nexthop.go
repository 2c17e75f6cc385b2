package ipv4

import (
	"slices"
	"sync/atomic"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// nhObject is a next hop object (struct nexthop): a next hop, or a group of
// them, that routes name by its number, so that a change of it changes them
// all. The RTNL guards it; routes of packets see it only through the hopSet of
// the infos that use it.
type nhObject struct {
	id        uint32
	proto     uint8  // RTPROT_*
	family    uint8  // AF_INET; 0: a group
	flags     uint32 // RTNH_F_ONLINK
	fdb       bool   // for bridges and tunnels, not for routes
	blackhole bool
	hop       *nextHop    // what routes' next hops are made after; nil: a group
	group     *nhGroup    // nil: a next hop
	version   uint32      // of hop: replacing it makes what was learned void
	routes    []*info     // that name it, the newest last
	groups    []*nhObject // those that it is in, the newest first
}

// nhGroup is what a group has (struct nh_group).
type nhGroup struct {
	entries []nhEntry
	hwStats bool
	res     *resTable // of a resilient group
}

// nhEntry is one next hop of a group (struct nh_grp_entry).
type nhEntry struct {
	obj     *nhObject
	weight  int            // 1..65535
	packets *atomic.Uint64 // that chose it
}

// hopSet is what an info has of its object: next hops of its own, so that
// caches and what was learned belong to the info's metrics and source.
type hopSet struct {
	hops      []*nextHop
	blackhole bool
	object    bool // made of an object: a neighbour that failed is passed over
	res       *resTable
}

// nexthops are a namespace's next hop objects (struct netns_nexthop).
type nexthops struct {
	byID   map[uint32]*nhObject
	ids    []uint32 // ascending
	last   uint32   // the number that was given last
	seq    uint32   // changes, for dumps
	compat *sysctl.Int
}

// initNexthops makes net.ipv4.nexthop_compat_mode and registers the messages.
func (st *state) initNexthops() {
	st.nexthops.byID = make(map[uint32]*nhObject)
	st.nexthops.compat = sysctl.Of(st.n).Int("net/ipv4/nexthop_compat_mode",
		sysctl.Spec{Default: 1, Ranged: true, Max: 1, Unit: sysctl.Byte})
	st.registerNexthops()
}

// hops returns the next hops of a route.
func (fi *info) hops() []*nextHop {
	if fi.obj == nil {
		return fi.nhs
	}
	return fi.via.Load().hops
}

// blackholed reports whether the route's object swallows packets.
func (fi *info) blackholed() bool { return fi.obj != nil && fi.via.Load().blackhole }

// single returns the next hops of which an object consists: itself, or its
// group's.
func (o *nhObject) single() []nhEntry {
	if o.group != nil {
		return o.group.entries
	}
	return []nhEntry{{obj: o, weight: 1}}
}

// bindObject makes fi's next hops after its object. Those that are as they
// were stay, with what they learned.
func (fi *info) bindObject() {
	o := fi.obj
	var old []*nextHop
	if s := fi.via.Load(); s != nil {
		old = s.hops
	}
	set := &hopSet{object: true}
	for _, e := range o.single() {
		nh := e.obj.hopFor(fi, old)
		nh.weight, nh.packets = e.weight, e.packets
		set.hops = append(set.hops, nh)
		set.blackhole = e.obj.blackhole
	}
	if o.group != nil {
		set.res = o.group.res
	}
	fi.via.Store(set)
	fi.rebalance()
}

// hopFor returns o's next hop for fi: that among old if it is still the same.
func (o *nhObject) hopFor(fi *info, old []*nextHop) *nextHop {
	for _, nh := range old {
		if nh.obj == o && nh.version == o.version {
			return nh
		}
	}
	h := o.hop
	nh := &nextHop{
		info: fi, dev: h.dev, oif: h.oif, scope: h.scope, gwFamily: h.gwFamily, gw: h.gw, gw6: h.gw6,
		obj: o, version: o.version,
	}
	nh.flags.Store(h.flags.Load())
	return nh
}

// rebind makes the next hops of o's routes anew.
func (o *nhObject) rebind() {
	for _, fi := range o.routes {
		fi.bindObject()
	}
}

// checkObject checks that a route of a scope may use the object
// (fib_check_nexthop).
func (o *nhObject) checkObject(scope uint8) error {
	if o.fdb {
		return netlink.Errorf(errno.EINVAL, "Route cannot point to a fdb nexthop")
	}
	if o.group != nil && scope == uapi.RT_SCOPE_HOST {
		return netlink.Errorf(errno.EINVAL, "Route with host scope can not have multiple nexthops")
	}
	h := o.single()[0].obj
	switch {
	case scope == uapi.RT_SCOPE_HOST && h.hop.gwFamily != 0:
		return netlink.Errorf(errno.EINVAL, "Route with host scope can not have a gateway")
	case h.flags&uapi.RTNH_F_ONLINK != 0 && scope >= uapi.RT_SCOPE_LINK:
		return netlink.Errorf(errno.EINVAL, "Scope mismatch with nexthop")
	}
	return nil
}

// insert files a new object.
func (t *nexthops) insert(o *nhObject) {
	t.byID[o.id] = o
	i, _ := slices.BinarySearch(t.ids, o.id)
	t.ids = slices.Insert(t.ids, i, o.id)
	t.seq++
	for _, e := range o.members() {
		e.obj.groups = slices.Insert(e.obj.groups, 0, o)
	}
}

// members returns the entries of a group, none of a next hop.
func (o *nhObject) members() []nhEntry {
	if o.group == nil {
		return nil
	}
	return o.group.entries
}

// freeID returns an unused number (nh_find_unused_id).
func (t *nexthops) freeID() uint32 {
	for range uint64(1) << 32 {
		t.last++
		if t.last != 0 && t.byID[t.last] == nil {
			return t.last
		}
	}
	return 0
}

// removeNexthop removes an object: its routes, and what it means to groups. r
// is the request to do so; nil is a device that went, of which nobody is told
// (remove_nexthop).
func (st *state) removeNexthop(o *nhObject, r *netlink.Request) {
	t := &st.nexthops
	if t.byID[o.id] != o {
		return
	}
	delete(t.byID, o.id)
	if i, ok := slices.BinarySearch(t.ids, o.id); ok {
		t.ids = slices.Delete(t.ids, i, i+1)
	}
	t.seq++
	if r != nil {
		st.notifyNexthop(uapi.RTM_DELNEXTHOP, o, r)
	}
	dead := false
	for _, fi := range o.routes {
		fi.dead.Store(true)
		dead = true
	}
	if dead {
		st.flushDead(nil)
	}
	for _, e := range o.members() {
		e.obj.groups = remove(e.obj.groups, o)
	}
	if o.group != nil && o.group.res != nil {
		o.group.res.stop()
	}
	for _, g := range slices.Clone(o.groups) {
		st.leaveGroup(g, o, r)
	}
	o.groups = nil
	st.flushCache()
}

// remove returns list without o.
func remove(list []*nhObject, o *nhObject) []*nhObject {
	if i := slices.Index(list, o); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// leaveGroup takes a next hop that is removed out of a group. A group without
// any is removed, too (remove_nh_grp_entry).
func (st *state) leaveGroup(g, o *nhObject, r *netlink.Request) {
	if len(g.group.entries) == 1 {
		st.removeNexthop(g, r)
		return
	}
	fresh := &nhGroup{hwStats: g.group.hwStats, res: g.group.res}
	for _, e := range g.group.entries {
		if e.obj != o {
			fresh.entries = append(fresh.entries, e)
			e.obj.groups = slices.Insert(remove(e.obj.groups, g), 0, g)
		}
	}
	g.group = fresh
	if fresh.res != nil {
		fresh.res.rebalance(fresh.entries)
		fresh.res.upkeep(false)
	}
	g.rebind()
	if r != nil {
		st.notifyNexthop(uapi.RTM_NEWNEXTHOP, g, r)
	}
}

// nexthopEvent removes the next hops by a device that goes down, loses its
// carrier or is unregistered (nh_netdev_event).
func (st *state) nexthopEvent(e *dev.Event) {
	switch e.Type {
	case dev.EventDown, dev.EventUnregister:
	case dev.EventChange:
		if e.Dev.Flags()&(uapi.IFF_RUNNING|uapi.IFF_LOWER_UP) != 0 {
			return
		}
	default:
		return
	}
	for _, id := range slices.Clone(st.nexthops.ids) {
		o := st.nexthops.byID[id]
		if o == nil || o.hop == nil || o.hop.dev != e.Dev || o.blackhole && e.Type != dev.EventUnregister {
			continue
		}
		st.removeNexthop(o, nil)
	}
}

package ipv4

import (
	"encoding/binary"
	"slices"

	"linen/lib/lpm"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// registerNexthops registers the messages of next hop objects. Dumps of a
// family are those of all, filtered.
func (st *state) registerNexthops() {
	t := rtnl.Of(st.n)
	t.Handle(uapi.RTM_NEWNEXTHOP, uapi.AF_UNSPEC, rtnl.Handler{Do: st.newNexthopMsg})
	t.Handle(uapi.RTM_DELNEXTHOP, uapi.AF_UNSPEC, rtnl.Handler{Do: st.delNexthopMsg})
	t.Handle(uapi.RTM_GETNEXTHOP, uapi.AF_UNSPEC, rtnl.Handler{Do: st.getNexthopMsg, Dump: st.dumpNexthops})
	t.Handle(uapi.RTM_GETNEXTHOPBUCKET, uapi.AF_UNSPEC, rtnl.Handler{Do: st.getBucketMsg, Dump: st.dumpBuckets})
}

// opFlagsPolicy is what asks for statistics in an answer.
var opFlagsPolicy = netlink.U32().Mask(uapi.NHA_OP_FLAG_DUMP_STATS | uapi.NHA_OP_FLAG_DUMP_HW_STATS)

// The policies of questions (rtm_nh_policy_get and the like).
var (
	nexthopGetPolicy  = netlink.Policy{uapi.NHA_ID: netlink.U32(), uapi.NHA_OP_FLAGS: opFlagsPolicy}
	nexthopDumpPolicy = netlink.Policy{
		uapi.NHA_OIF: netlink.U32(), uapi.NHA_GROUPS: netlink.Flag(), uapi.NHA_MASTER: netlink.U32(),
		uapi.NHA_FDB: netlink.Flag(), uapi.NHA_OP_FLAGS: opFlagsPolicy,
	}
	bucketGetPolicy = netlink.Policy{
		uapi.NHA_ID:         netlink.U32(),
		uapi.NHA_RES_BUCKET: netlink.Nested(netlink.Policy{uapi.NHA_RES_BUCKET_INDEX: netlink.U16()}),
	}
	bucketDumpPolicy = netlink.Policy{
		uapi.NHA_ID: netlink.U32(), uapi.NHA_OIF: netlink.U32(), uapi.NHA_MASTER: netlink.U32(),
		uapi.NHA_RES_BUCKET: netlink.Nested(nil),
	}
	bucketNestPolicy = netlink.Policy{uapi.NHA_RES_BUCKET_NH_ID: netlink.U32()}
)

// fillNexthop writes an object as RTM_NEWNEXTHOP has it (nh_fill_node).
func fillNexthop(m *netlink.Msg, o *nhObject, op uint32) {
	h := m.Grow(nhMsgLen)
	h[0], h[2] = o.family, o.proto
	flags := o.flags
	if o.hop != nil && !o.blackhole {
		h[1] = o.hop.scope
		flags |= o.hop.flags.Load() & (uapi.RTNH_F_DEAD | uapi.RTNH_F_LINKDOWN)
	}
	binary.NativeEndian.PutUint32(h[4:], flags)
	m.U32(uapi.NHA_ID, o.id)
	if o.fdb {
		m.Flag(uapi.NHA_FDB)
	}
	switch {
	case o.group != nil:
		o.group.fill(m, op)
		return
	case o.blackhole:
		m.Flag(uapi.NHA_BLACKHOLE)
		return
	case !o.fdb:
		m.U32(uapi.NHA_OIF, uint32(o.hop.oif))
	}
	if o.hop.gwFamily == uapi.AF_INET {
		m.BE32(uapi.NHA_GATEWAY, o.hop.gw)
	}
}

// fill writes the attributes of a group (nla_put_nh_group).
func (g *nhGroup) fill(m *netlink.Msg, op uint32) {
	typ := uint16(uapi.NEXTHOP_GRP_TYPE_MPATH)
	if g.res != nil {
		typ = uapi.NEXTHOP_GRP_TYPE_RES
	}
	m.U16(uapi.NHA_GROUP_TYPE, typ)
	p := m.Reserve(uapi.NHA_GROUP, 8*len(g.entries))
	for i, e := range g.entries {
		binary.NativeEndian.PutUint32(p[8*i:], e.obj.id)
		p[8*i+4], p[8*i+5] = uint8(e.weight-1), uint8((e.weight-1)>>8)
	}
	if op&uapi.NHA_OP_FLAG_DUMP_STATS != 0 {
		g.fillStats(m, op)
	}
	if g.res != nil {
		g.res.fillRes(m)
	}
	m.U32(uapi.NHA_OP_FLAGS, uapi.NHA_OP_FLAG_RESP_GRP_RESVD_0)
}

// fillStats writes how many packets chose each next hop. No hardware counts.
func (g *nhGroup) fillStats(m *netlink.Msg, op uint32) {
	on := uint32(0)
	if g.hwStats {
		on = 1
	}
	m.U32(uapi.NHA_HW_STATS_ENABLE, on)
	nest := m.Nest(uapi.NHA_GROUP_STATS)
	for _, e := range g.entries {
		entry := m.Nest(uapi.NHA_GROUP_STATS_ENTRY)
		m.U32(uapi.NHA_GROUP_STATS_ENTRY_ID, e.obj.id)
		putUint(m, uapi.NHA_GROUP_STATS_ENTRY_PACKETS, e.packets.Load())
		if op&uapi.NHA_OP_FLAG_DUMP_HW_STATS != 0 {
			putUint(m, uapi.NHA_GROUP_STATS_ENTRY_PACKETS_HW, e.packets.Load())
		}
		m.End(entry)
	}
	m.End(nest)
}

// putUint writes a number in four bytes or, if it needs them, in eight
// (nla_put_uint).
func putUint(m *netlink.Msg, typ uint16, v uint64) {
	if v>>32 != 0 {
		m.U64(typ, v)
		return
	}
	m.U32(typ, uint32(v))
}

// notifyNexthop tells RTNLGRP_NEXTHOP of an object (nexthop_notify).
func (st *state) notifyNexthop(typ uint16, o *nhObject, r *netlink.Request) {
	if !rtnl.Listening(st.n, uapi.RTNLGRP_NEXTHOP, r) {
		return
	}
	flags := uint16(0)
	if r != nil {
		flags = r.Flags
	}
	m := netlink.NewMsg(typ, flags)
	fillNexthop(m, o, 0)
	rtnl.Notify(st.n, uapi.RTNLGRP_NEXTHOP, m, r)
}

// notifyRoutesOf tells of the routes that a replaced object changed: those
// that name it, then those of the groups that it is in
// (nexthop_replace_notify). With nexthop_compat_mode off nobody is told.
func (st *state) notifyRoutesOf(o *nhObject, r *netlink.Request) {
	if !st.nexthops.compat.Bool() || !rtnl.Listening(st.n, uapi.RTNLGRP_IPV4_ROUTE, r) {
		return
	}
	var infos []*info // the newest of each object first
	for _, g := range append([]*nhObject{o}, o.groups...) {
		for i := len(g.routes) - 1; i >= 0; i-- {
			infos = append(infos, g.routes[i])
		}
	}
	if len(infos) == 0 {
		return
	}
	type route struct {
		t *table
		p lpm.Prefix
		a *alias
	}
	routes := make(map[*info][]route)
	for _, t := range st.sortedTables() {
		t.walk(func(p lpm.Prefix, a *alias) bool {
			if a.info.obj != nil {
				routes[a.info] = append(routes[a.info], route{t, p, a})
			}
			return true
		})
	}
	for _, fi := range infos {
		for _, x := range routes[fi] {
			st.notifyRoute(uapi.RTM_NEWROUTE, x.t, x.p, x.a, uapi.NLM_F_REPLACE, r)
		}
	}
}

// getNexthopMsg serves RTM_GETNEXTHOP for one object.
func (st *state) getNexthopMsg(r *netlink.Request) error {
	tb, err := r.Parse(nhMsgLen, nexthopGetPolicy, netlink.Full)
	if err != nil {
		return err
	}
	o, err := st.namedNexthop(r, tb)
	if err != nil {
		return err
	}
	m := r.Message(uapi.RTM_NEWNEXTHOP, 0)
	fillNexthop(m, o, tb.U32(uapi.NHA_OP_FLAGS))
	r.Reply(m)
	return nil
}

// nexthopFilter is what a dump is about, and how far it is.
type nexthopFilter struct {
	family      uint8
	groups, fdb bool
	oif, master int
	op          uint32
	id, nh      uint32 // of buckets: the group, the next hop
	at          uint32 // the object to go on with
	bucket      int    // and its bucket
}

// parseFilter reads what dumps of objects and of buckets share.
func (st *state) parseFilter(d *netlink.Dump, policy netlink.Policy) (*nexthopFilter, netlink.Attrs, error) {
	tb, err := d.Request.Parse(nhMsgLen, policy, netlink.Full)
	if err != nil {
		return nil, tb, err
	}
	h, _ := uapi.ParseNhMsg(d.Request.Payload())
	f := &nexthopFilter{family: h.Family, op: tb.U32(uapi.NHA_OP_FLAGS)}
	for _, a := range []struct {
		typ  int
		to   *int
		text string
	}{{uapi.NHA_OIF, &f.oif, "Invalid device index"}, {uapi.NHA_MASTER, &f.master, "Invalid master device index"}} {
		v := int32(tb.U32(a.typ))
		if v < 0 {
			return nil, tb, netlink.Errorf(errno.EINVAL, "%s", a.text)
		}
		*a.to = int(v)
	}
	f.groups, f.fdb = tb.Has(uapi.NHA_GROUPS), tb.Has(uapi.NHA_FDB)
	if h.Scope != 0 || h.Protocol != 0 || h.Resvd != 0 || h.Flags != 0 {
		return nil, tb, netlink.Errorf(errno.EINVAL, "Invalid values in header for nexthop dump request")
	}
	return f, tb, nil
}

// wants reports whether a dump has the object (nh_dump_filtered). Asking for
// fdb does not leave others out, as in Linux.
func (f *nexthopFilter) wants(o *nhObject) bool {
	switch {
	case f.family != 0 && f.family != o.family, f.groups && o.group == nil:
		return false
	case f.oif == 0 && f.master == 0:
		return true
	case o.group != nil || o.hop.dev == nil || f.oif != 0 && o.hop.dev.Ifindex() != f.oif:
		return false
	case f.master != 0:
		m := o.hop.dev.Master()
		return m != nil && m.Ifindex() == f.master
	}
	return true
}

// dumpNexthops serves a dump of RTM_GETNEXTHOP.
func (st *state) dumpNexthops(d *netlink.Dump) error {
	f, ok := d.State.(*nexthopFilter)
	if !ok {
		var err error
		if f, _, err = st.parseFilter(d, nexthopDumpPolicy); err != nil {
			return err
		}
		d.State = f
	}
	d.Generation(st.nexthops.seq | 1<<31)
	i, _ := slices.BinarySearch(st.nexthops.ids, f.at)
	for _, id := range st.nexthops.ids[i:] {
		o := st.nexthops.byID[id]
		if f.at = id; !f.wants(o) {
			continue
		}
		if !d.Put(uapi.RTM_NEWNEXTHOP, 0, func(m *netlink.Msg) { fillNexthop(m, o, f.op) }) {
			return netlink.More
		}
	}
	return nil
}

// resilient returns the table of the resilient group with a number.
func (st *state) resilient(id uint32) (*resTable, error) {
	o := st.nexthops.byID[id]
	switch {
	case o == nil:
		return nil, errno.ENOENT
	case o.group == nil:
		return nil, netlink.Errorf(errno.EINVAL, "Not a nexthop group")
	case o.group.res == nil:
		return nil, netlink.Errorf(errno.EINVAL, "Nexthop group not of type resilient")
	}
	return o.group.res, nil
}

// getBucketMsg serves RTM_GETNEXTHOPBUCKET for one bucket.
func (st *state) getBucketMsg(r *netlink.Request) error {
	tb, err := r.Parse(nhMsgLen, bucketGetPolicy, netlink.Full)
	if err != nil {
		return err
	}
	id, err := givenID(tb)
	if err != nil {
		return err
	}
	nest := tb.Get(uapi.NHA_RES_BUCKET)
	if !nest.Present() {
		return netlink.Errorf(errno.EINVAL, "Bucket information is missing")
	}
	sub, err := netlink.ParseNested(nest, bucketGetPolicy[uapi.NHA_RES_BUCKET].Nested, netlink.Full)
	if err != nil {
		return err
	}
	if !sub.Has(uapi.NHA_RES_BUCKET_INDEX) {
		return netlink.Errorf(errno.EINVAL, "Bucket index is missing")
	}
	t, err := st.resilient(id)
	if err != nil {
		return err
	}
	i := int(sub.Get(uapi.NHA_RES_BUCKET_INDEX).U16())
	if i >= len(t.buckets) {
		return netlink.Errorf(errno.ENOENT, "Bucket index out of bounds")
	}
	m := r.Message(uapi.RTM_NEWNEXTHOPBUCKET, 0)
	t.fillBucket(m, i)
	r.Reply(m)
	return nil
}

// dumpBuckets serves a dump of RTM_GETNEXTHOPBUCKET.
func (st *state) dumpBuckets(d *netlink.Dump) error {
	f, ok := d.State.(*nexthopFilter)
	if !ok {
		var err error
		if f, err = st.bucketFilter(d); err != nil {
			return err
		}
		d.State = f
	}
	d.Generation(st.nexthops.seq | 1<<31)
	i, _ := slices.BinarySearch(st.nexthops.ids, f.at)
	for _, id := range st.nexthops.ids[i:] {
		o := st.nexthops.byID[id]
		if id != f.at {
			f.at, f.bucket = id, 0
		}
		if f.id != 0 && id != f.id || o.group == nil || o.group.res == nil {
			continue
		}
		for t := o.group.res; f.bucket < len(t.buckets); f.bucket++ {
			if !f.wantsBucket(t.buckets[f.bucket].obj.Load()) {
				continue
			}
			if !d.Put(uapi.RTM_NEWNEXTHOPBUCKET, 0, func(m *netlink.Msg) { t.fillBucket(m, f.bucket) }) {
				return netlink.More
			}
		}
	}
	return nil
}

// bucketFilter reads the request of a dump of buckets.
func (st *state) bucketFilter(d *netlink.Dump) (*nexthopFilter, error) {
	if err := d.Request.Validate(nhMsgLen, bucketDumpPolicy, netlink.Full); err != nil {
		return nil, errno.EINVAL // the kernel says no more
	}
	f, tb, err := st.parseFilter(d, bucketDumpPolicy)
	if err != nil {
		return nil, err
	}
	if nest := tb.Get(uapi.NHA_RES_BUCKET); nest.Present() {
		sub, err := netlink.ParseNested(nest, bucketNestPolicy, netlink.Full)
		if err != nil {
			return nil, err
		}
		if sub.Has(uapi.NHA_RES_BUCKET_NH_ID) {
			if f.nh = sub.U32(uapi.NHA_RES_BUCKET_NH_ID); f.nh == 0 {
				return nil, netlink.Errorf(errno.EINVAL, "Invalid nexthop id")
			}
		}
	}
	if tb.Has(uapi.NHA_ID) {
		if f.id, err = givenID(tb); err != nil {
			return nil, err
		}
		if _, err := st.resilient(f.id); err != nil {
			return nil, err
		}
		f.at = f.id
	}
	return f, nil
}

// wantsBucket reports whether a dump has a bucket of o.
func (f *nexthopFilter) wantsBucket(o *nhObject) bool {
	if f.nh != 0 && o.id != f.nh {
		return false
	}
	var master *dev.Device
	if o.hop.dev != nil {
		master = o.hop.dev.Master()
	}
	return (f.oif == 0 || o.hop.oif == f.oif) && (f.master == 0 || master != nil && master.Ifindex() == f.master)
}

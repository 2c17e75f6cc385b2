package ipv4

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/l3mdev"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// rule4 is a rule with what most rules select by as numbers, so that a long
// list is passed without a look at the rules themselves.
type rule4 struct {
	*fibrules.Rule
	src, srcMask uint32
	dst, dstMask uint32
	mark, mask   uint32
	jump         int32 // of a goto: where it leads to; -1: nowhere yet
	invert       bool
}

// ruleset is the published list of rules. The first lookup makes it ready, so
// that a hundred thousand changes in a row are not each paid for.
type ruleset struct {
	ops        *fibrules.Ops
	made       sync.Once
	list       []rule4
	needsPorts bool // some rule looks at the transport header
	realms     bool // some rule has realms
}

// ready returns the set, made.
func (set *ruleset) ready() *ruleset {
	set.made.Do(set.make)
	return set
}

func (set *ruleset) make() {
	source := set.ops.Snapshot()
	set.list = make([]rule4, len(source))
	for i, r := range source {
		e := &set.list[i]
		*e = rule4{
			Rule: r, jump: -1, mark: r.Mark, mask: r.Mask, invert: r.Flags&uapi.FIB_RULE_INVERT != 0,
			src: binary.BigEndian.Uint32(r.Src.Addr[:]), srcMask: mask(r.Src.Len),
			dst: binary.BigEndian.Uint32(r.Dst.Addr[:]), dstMask: mask(r.Dst.Len),
		}
		set.needsPorts = set.needsPorts || r.NeedsPorts()
		set.realms = set.realms || r.Realms != 0
		if t := r.Target(); t != nil { // the first of its priority; they stand in order
			at, _ := slices.BinarySearchFunc(source, t.Pref, func(o *fibrules.Rule, pref uint32) int {
				return cmp.Compare(o.Pref, pref)
			})
			e.jump = int32(at)
		}
	}
}

// rulesChanged publishes the list in the form that lookups use. As long as
// there are only the default rules lookups go to the tables directly.
func (st *state) rulesChanged(rules []*fibrules.Rule) {
	st.flushCache()
	if isDefault(rules) {
		st.rules.Store(nil)
		return
	}
	if !st.split.Swap(true) {
		st.splitShapes()
	}
	for _, r := range rules {
		if r.Realms != 0 {
			st.useRealms()
		}
	}
	st.rules.Store(&ruleset{ops: st.ops})
}

// isDefault reports whether the rules are those of a new namespace.
func isDefault(rules []*fibrules.Rule) bool {
	if len(rules) != 3 {
		return false
	}
	for i, id := range []uint32{uapi.RT_TABLE_LOCAL, uapi.RT_TABLE_MAIN, uapi.RT_TABLE_DEFAULT} {
		r := rules[i]
		if r.Proto != uapi.RTPROT_KERNEL || r.Table != id || r.Action != uapi.FR_ACT_TO_TBL {
			return false
		}
	}
	return true
}

// validateRule is IPv4's part of the checks of a new rule; a rule without
// table gets one of its own.
func (st *state) validateRule(r *fibrules.Rule) error {
	if r.Action == uapi.FR_ACT_TO_TBL && !r.L3mdev && r.Table == uapi.RT_TABLE_UNSPEC {
		if r.Table = st.emptyTable(); r.Table == uapi.RT_TABLE_UNSPEC {
			return errno.ENOBUFS
		}
		st.newTable(r.Table)
	}
	return nil
}

// emptyTable returns the number of a table that does not exist yet.
func (st *state) emptyTable() uint32 {
	for id := uint32(1); id < uapi.RT_TABLE_DEFAULT; id++ {
		if st.table(id) == nil {
			return id
		}
	}
	return uapi.RT_TABLE_UNSPEC
}

// table returns the table id, or nil.
func (st *state) table(id uint32) *table {
	switch id {
	case uapi.RT_TABLE_LOCAL:
		return st.local.Load()
	case uapi.RT_TABLE_UNSPEC, uapi.RT_TABLE_MAIN:
		return st.main.Load()
	}
	if m := st.tables.Load(); m != nil {
		return (*m)[id]
	}
	return nil
}

// newTable returns the table id, making it when there is none. The RTNL is
// held.
func (st *state) newTable(id uint32) *table {
	if id == uapi.RT_TABLE_UNSPEC {
		id = uapi.RT_TABLE_MAIN
	}
	if t := st.table(id); t != nil {
		return t
	}
	t := &table{id: id}
	t.shape.Store(newShape())
	switch id {
	case uapi.RT_TABLE_LOCAL:
		st.local.Store(t)
	case uapi.RT_TABLE_MAIN:
		st.main.Store(t)
	case uapi.RT_TABLE_DEFAULT:
		st.deflt.Store(t)
	}
	all := map[uint32]*table{id: t}
	if m := st.tables.Load(); m != nil {
		maps.Copy(all, *m)
	}
	st.tables.Store(&all)
	return t
}

// lookup asks the rules and tables for f (fib_lookup). Errors: ENETUNREACH
// when nothing is found, those of the route or the rule otherwise.
func (st *state) lookup(f *Flow, res *result, flags int) errno.Errno {
	set := st.rules.Load()
	if set != nil {
		return st.lookupRules(set, f, res, flags)
	}
	res.rule = nil
	e := errno.EAGAIN
	local := st.local.Load()
	if local != nil {
		e = st.lookupTable(local, f, res, flags)
	}
	if t := st.main.Load(); t != nil && e == errno.EAGAIN && (local == nil || st.split.Load()) {
		e = t.lookup(f, res, flags)
	}
	if t := st.deflt.Load(); t != nil && e == errno.EAGAIN {
		e = t.lookup(f, res, flags)
	}
	if e == errno.EAGAIN {
		return errno.ENETUNREACH
	}
	return e
}

// lookupTable asks one table. Local and main are one as long as there never
// were other rules than the default ones (fib_unmerge): the longest prefix of
// both decides, even a throw route's, and of two as long the local one's.
func (st *state) lookupTable(t *table, f *Flow, res *result, flags int) errno.Errno {
	if t.id != uapi.RT_TABLE_LOCAL && t.id != uapi.RT_TABLE_MAIN || st.split.Load() {
		return t.lookup(f, res, flags)
	}
	local, main := st.local.Load(), st.main.Load()
	if local == nil || main == nil {
		return t.lookup(f, res, flags)
	}
	res.alias = nil
	e := local.lookup(f, res, flags)
	if res.alias == nil {
		return main.lookup(f, res, flags)
	}
	if res.alias.plen == 32 {
		return e
	}
	var longer result
	if m := main.lookup(f, &longer, flags); longer.alias != nil && longer.alias.plen > res.alias.plen {
		*res = longer
		return m
	}
	return e
}

// lookupRules walks the rules (fib_rules_lookup): gotos lead forward only, so
// every rule is looked at once at most.
func (st *state) lookupRules(set *ruleset, f *Flow, res *result, flags int) errno.Errno {
	if st.vrfs.Load() {
		st.setL3mdev(f)
	}
	k := f.ruleKey()
	list := set.ready().list
	for i := 0; i < len(list); i++ {
		r := &list[i]
		if r.misses(f) || !r.selects(f, &k) {
			continue
		}
		res.rule = r
		switch r.Action {
		case uapi.FR_ACT_GOTO:
			if j := int(r.jump); j > i {
				i = j - 1
			}
		case uapi.FR_ACT_NOP:
		case uapi.FR_ACT_TO_TBL:
			e := errno.EAGAIN
			if t := st.ruleTable(r, f); t != nil {
				e = t.lookup(f, res, flags)
			}
			if e != errno.EAGAIN && !(e == 0 && r.suppresses(res)) {
				return e
			}
		case uapi.FR_ACT_UNREACHABLE:
			return errno.ENETUNREACH
		case uapi.FR_ACT_PROHIBIT:
			return errno.EACCES
		default:
			return errno.EINVAL
		}
	}
	res.rule = nil
	return errno.ENETUNREACH
}

// ruleKey returns the part of a flow that rules of all families look at.
func (f *Flow) ruleKey() fibrules.Key {
	return fibrules.Key{
		IIF: f.IIF, OIF: f.OIF, L3mdev: f.L3mdev, Mark: f.Mark, UID: f.UID, TunID: f.TunID,
		SrcPort: f.SPort, DstPort: f.DPort, Proto: f.Proto, TOS: f.TOS & dscp,
	}
}

// misses reports, quickly, that the rule is none for f.
func (r *rule4) misses(f *Flow) bool {
	return !r.invert && (f.Saddr^r.src)&r.srcMask|(f.Daddr^r.dst)&r.dstMask|(f.Mark^r.mark)&r.mask != 0
}

// selects reports whether the rule is one for f, whose key is k.
func (r *rule4) selects(f *Flow, k *fibrules.Key) bool {
	return r.Match(k, (f.Saddr^r.src)&r.srcMask|(f.Daddr^r.dst)&r.dstMask == 0)
}

// ruleTable returns the table that a rule leads to, or nil.
func (st *state) ruleTable(r *rule4, f *Flow) *table {
	id := r.tableOf(st, f)
	if id == uapi.RT_TABLE_UNSPEC && r.L3mdev {
		return nil
	}
	return st.table(id)
}

// tableOf returns the table that a rule leads to.
func (r *rule4) tableOf(st *state, f *Flow) uint32 {
	if r.L3mdev {
		if d := dev.ByIndex(st.n, f.L3mdev); d != nil {
			return l3mdev.Table(d)
		}
		return uapi.RT_TABLE_UNSPEC
	}
	return r.Table
}

// suppresses reports whether the rule does not want the result
// (suppress_prefixlength, suppress_ifgroup).
func (r *rule4) suppresses(res *result) bool {
	if int32(res.alias.plen) <= r.SuppressPrefixLen {
		return true
	}
	return r.SuppressIfgroup != -1 && res.nh != nil && res.nh.dev != nil &&
		int32(res.nh.dev.Group()) == r.SuppressIfgroup
}

// traceRule reports which rule chose the table; its Detail is the Flow.
func (res *result) traceRule(f *Flow) skb.Event {
	e := skb.Event{Point: skb.PointRule, Verdict: "lookup", Detail: *f}
	switch {
	case res.rule != nil:
		e.By = "rule " + res.rule.String()
	case res.table != nil:
		e.By = "default rules"
	}
	if res.table != nil {
		e.Verdict = "table " + fibrules.TableName(res.table.id)
	}
	return e
}

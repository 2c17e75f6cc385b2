package ipv4

import (
	"sync/atomic"

	"linen/lib/lpm"
	"linen/uapi"
	"linen/uapi/errno"
)

// A table is one routing table. Lookups take no lock; the RTNL guards changes.
//
// The local table is asked for every packet, so it has an index of its own in
// front of the trie: its /32 in a hash and, as long as they are few, the
// others in a list.
type table struct {
	id       uint32
	prefixes lpm.Table[alias]             // the first route of each prefix
	hosts    addrMap[alias]               // local: those of /32
	known    [4]atomic.Uint64             // local: a bit for each hash of an address that hosts has or had
	nets     atomic.Pointer[[]lpm.Prefix] // local: the others, at most maxNets; nil: none
	many     atomic.Bool                  // local: there are more than maxNets: use the trie
	routes   int
	shape    atomic.Pointer[shape] // what fib_trie shows
}

// legacyTOS are the bits of a flow's DSCP that routes compare; one with a
// higher bit set matches nothing (INET_DSCP_LEGACY_TOS_MASK).
const legacyTOS = 0x1c

// maxNets is how many prefixes are searched one by one rather than in a trie.
const maxNets = 6

// mask returns the netmask of a prefix length.
func mask(plen uint8) uint32 { return ^uint32(0) << (32 - plen) } // a shift by 32 gives 0

// setHead publishes the routes of p; nil removes the prefix.
func (t *table) setHead(p lpm.Prefix, a *alias) {
	switch {
	case a == nil:
		t.prefixes.Delete(p)
	case a.next == nil:
		t.prefixes.Insert(p, a.info.alone(a))
	default:
		t.prefixes.Insert(p, a)
	}
	if t.id != uapi.RT_TABLE_LOCAL {
		return
	}
	if p.Len == 32 {
		h := hashAddr(p.Addr) >> 24
		t.known[h>>6].Or(1 << (h & 63))
		t.hosts.put(p.Addr, a)
		return
	}
	var nets []lpm.Prefix
	for q := range t.prefixes.All() {
		if q.Len < 32 {
			nets = append(nets, q)
		}
	}
	if len(nets) > maxNets {
		t.many.Store(true)
		return
	}
	t.nets.Store(&nets)
	t.many.Store(false)
}

// alone returns the alias that stands for a, alone in its list: prefixes of one
// length with the same single route share it, so that a big table has few and
// they stay in the cache.
func (fi *info) alone(a *alias) *alias {
	for _, o := range fi.lone {
		if o.tos == a.tos && o.plen == a.plen {
			return o
		}
	}
	fi.lone = append(fi.lone, a)
	return a
}

// none reports, quickly, that the local table has nothing for addr.
func (t *table) none(addr uint32) bool {
	if t.many.Load() {
		return false
	}
	if h := hashAddr(addr) >> 24; t.known[h>>6].Load()>>(h&63)&1 != 0 && t.hosts.get(addr) != nil {
		return false
	}
	nets := t.nets.Load()
	if nets == nil {
		return true
	}
	for _, p := range *nets {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// Flags of a lookup.
const (
	ignoreLinkstate = 1 << iota // next hops whose link is down count, too
)

// result is what a lookup found (struct fib_result).
type result struct {
	alias *alias
	info  *info
	nh    *nextHop
	table *table
	rule  *rule4 // nil: the default rules

	redirect bool // the sender had better ask the next hop itself
}

// typ returns the type of the route found.
func (r *result) typ() uint8 { return r.info.typ }

// lookup finds the route of f (fib_table_lookup): the longest prefix with a
// usable next hop. EAGAIN says that the table has none, or a throw route;
// other errors are those of unreachable, prohibit and blackhole routes.
func (t *table) lookup(f *Flow, res *result, flags int) errno.Errno {
	if t.id == uapi.RT_TABLE_LOCAL && t.none(f.Daddr) {
		return errno.EAGAIN
	}
	hides, hidden := false, uint32(0)
	for m := t.prefixes.Lookup(f.Daddr); m.OK(); m = m.Shorter() {
		if hides && f.Daddr&mask(m.Value.plen) == hidden {
			continue
		}
		for a := m.Value; a != nil; a = a.next {
			if a.tos != 0 && a.tos != f.TOS&legacyTOS {
				continue
			}
			fi := a.info
			if fi.scope < f.Scope || fi.dead.Load() {
				continue
			}
			if e := typeProps[fi.typ].err; e != 0 {
				*res = result{alias: a, info: fi, table: t, rule: res.rule}
				return e
			}
			if fi.blackholed() {
				*res = result{alias: a, info: fi, table: t, rule: res.rule}
				return typeProps[uapi.RTN_BLACKHOLE].err
			}
			if nh := fi.usable(f, flags); nh != nil {
				*res = result{alias: a, info: fi, nh: nh, table: t, rule: res.rule}
				return 0
			}
			if fi.obj != nil {
				// A next hop object that f may not take ends the search in this leaf of
				// Linux's trie, which has the routes of all lengths with this address.
				hides, hidden = true, f.Daddr&mask(a.plen)
				break
			}
		}
	}
	return errno.EAGAIN
}

// usable returns the first next hop that f may take, or nil.
func (fi *info) usable(f *Flow, flags int) *nextHop {
	for _, nh := range fi.hops() {
		if f.OIF != 0 && f.OIF != nh.oif {
			continue
		}
		if nh.flags.Load() != 0 && nh.unusable(flags&ignoreLinkstate != 0) {
			continue
		}
		return nh
	}
	return nil
}

// place finds where a route of tos and priority stands in a list: prev is the
// last alias before those of the same key, first the first of them or nil.
func place(head *alias, tos uint8, priority uint32) (prev, first *alias) {
	for a := head; a != nil; a = a.next {
		if a.tos < tos || a.tos == tos && a.info.priority >= priority {
			if a.tos == tos && a.info.priority == priority {
				return prev, a
			}
			return prev, nil
		}
		prev = a
	}
	return prev, nil
}

// insertAfter returns head with a copy of a put behind prev (nil: in front).
func insertAfter(head, prev, a *alias) *alias {
	if prev == nil {
		a.next = head
		return a
	}
	return rebuildTo(head, prev, func(rest *alias) *alias {
		a.next = rest
		return a
	})
}

// rebuildTo copies head up to prev, behind which comes f of what followed.
func rebuildTo(head, prev *alias, f func(rest *alias) *alias) *alias {
	cp := *head
	if head == prev {
		cp.next = f(head.next)
	} else {
		cp.next = rebuildTo(head.next, prev, f)
	}
	return &cp
}

// replace returns head with old replaced by a, or removed when a is nil.
func replace(head, old, a *alias) *alias {
	if head == old {
		if a == nil {
			return old.next
		}
		a.next = old.next
		return a
	}
	cp := *head
	cp.next = replace(head.next, old, a)
	return &cp
}

// walk calls f for every route in the order of a dump: by address, longer
// prefixes first, then the list's order. It stops when f returns false.
func (t *table) walk(f func(p lpm.Prefix, a *alias) bool) {
	for p, a := range t.prefixes.All() {
		for ; a != nil; a = a.next {
			if !f(p, a) {
				return
			}
		}
	}
}

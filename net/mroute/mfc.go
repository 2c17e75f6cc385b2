package mroute

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"sync/atomic"

	"linen/lib/ktime"
	"linen/net/ipv4"
	"linen/uapi"
	"linen/uapi/errno"
)

// mfcChains is the number of chains of a new table's cache. A reader follows a
// chain while it changes: a node that was taken out still leads on.
const mfcChains = 256

// chainLoad is how many entries to a chain make the cache grow.
const chainLoad = 2

// A cache finds entries by origin and group. It grows by being made anew.
type cache struct {
	chains []atomic.Pointer[node]
	shift  int // what of a hash's 32 bits is not used
}

// A node is an entry's place in one cache.
type node struct {
	*mfc
	next atomic.Pointer[node]
}

// newCache makes one with n chains, a power of 2.
func newCache(n int) *cache {
	return &cache{make([]atomic.Pointer[node], n), 33 - bits.Len(uint(n))}
}

// first returns the chain where the entries of an origin and a group are.
func (h *cache) first(origin, group uint32) *atomic.Pointer[node] {
	return &h.chains[(origin^group*0x9e3779b1)*0x85ebca6b>>h.shift]
}

// add puts m behind all others of its chain.
func (h *cache) add(m *mfc) {
	last := h.first(m.origin, m.group)
	for o := last.Load(); o != nil; o = last.Load() {
		last = &o.next
	}
	last.Store(&node{mfc: m})
}

func (h *cache) remove(m *mfc) {
	at := h.first(m.origin, m.group)
	for o := at.Load(); o != nil; at, o = &o.next, o.next.Load() {
		if o.mfc == m {
			at.Store(o.next.Load())
			return
		}
	}
}

// never is the threshold of a VIF that an entry does not send to.
const never = 255

// An mfc is an entry of the forwarding cache (struct mfc_cache).
type mfc struct {
	origin, group uint32 // 0: any
	static        bool
	way           atomic.Pointer[ways]
	at            int // in the table's entries

	pkts, bytes, wrong  atomic.Uint64
	lastUse, lastAssert atomic.Int64 // ktime.T
	routes              [uapi.MAXVIFS]atomic.Pointer[wayOut]
}

// ways is where an entry's packets come from and go to.
type ways struct {
	parent int
	ttls   [uapi.MAXVIFS]uint8 // never: not to that VIF
	end    int                 // VIFs from here on get nothing
}

// A wayOut is the route of an entry's packets by one VIF, kept for the next.
type wayOut struct {
	daddr uint32
	tos   uint8
	rt    *ipv4.Route
}

// find returns the entry of an origin and a group, from a given parent VIF or
// with -1 any, or nil. It may be called anywhere.
func (t *table) find(origin, group uint32, parent int) *mfc {
	for m := t.cache.Load().first(origin, group).Load(); m != nil; m = m.next.Load() {
		if m.origin == origin && m.group == group && (parent < 0 || m.way.Load().parent == parent) {
			return m.mfc
		}
	}
	return nil
}

// findAny returns the entry (*,G) that a packet from vif belongs to: the VIF is
// one of the entry's, or by an entry (*,*) of its upstream's (mr_mfc_find_any).
func (t *table) findAny(group uint32, vif int) *mfc {
	for m := t.cache.Load().first(0, group).Load(); m != nil; m = m.next.Load() {
		if m.origin != 0 || m.group != group {
			continue
		}
		w := m.way.Load()
		if w.ttls[vif] < never {
			return m.mfc
		}
		if up := t.findUpstream(w.parent); up != nil && up.way.Load().ttls[vif] < never {
			return m.mfc
		}
	}
	return t.findUpstream(vif)
}

// findUpstream returns the entry (*,*) that has a VIF (mr_mfc_find_any_parent).
func (t *table) findUpstream(vif int) *mfc {
	for m := t.cache.Load().first(0, 0).Load(); m != nil; m = m.next.Load() {
		if m.origin == 0 && m.group == 0 && m.way.Load().ttls[vif] < never {
			return m.mfc
		}
	}
	return nil
}

// newWays reads an entry's VIFs; those that do not exist, and TTLs 0 and 255,
// mean none (ipmr_update_thresholds).
func (t *table) newWays(parent int, ttls *[uapi.MAXVIFS]uint8) *ways {
	w := &ways{parent: parent}
	for i, ttl := range ttls {
		w.ttls[i] = never
		if t.vifs[i].Load() != nil && ttl != 0 && ttl != never {
			w.ttls[i], w.end = ttl, i+1
		}
	}
	return w
}

// A change of the cache that a daemon asks for, by option or by netlink.
type change struct {
	origin, group uint32
	parent        int
	proxy         bool // the parent is part of the entry's name
	static        bool // whoever asks does not own the table
	ttls          [uapi.MAXVIFS]uint8
}

// changeOf reads a struct mfcctl.
func changeOf(ctl *uapi.Mfcctl) change {
	return change{
		origin: binary.BigEndian.Uint32(ctl.Origin[:]), group: binary.BigEndian.Uint32(ctl.Group[:]),
		parent: int(ctl.Parent), ttls: ctl.TTLs,
	}
}

// named returns the entry that a change is about, or nil.
func (t *table) named(ch *change) *mfc {
	if ch.proxy {
		return t.find(ch.origin, ch.group, ch.parent)
	}
	return t.find(ch.origin, ch.group, -1)
}

// add makes an entry or changes it (ipmr_mfc_add); packets that waited for it
// go. The caller holds the RTNL. ENFILE: no such parent can be; EINVAL: it is
// no group.
func (t *table) add(ch *change) error {
	if ch.parent >= uapi.MAXVIFS {
		return errno.ENFILE
	}
	w := t.newWays(ch.parent, &ch.ttls)
	if m := t.named(ch); m != nil {
		m.way.Store(w)
		m.lastUse.Store(int64(t.st.n.Kernel().Now())) // a daemon's change counts as use
		m.static = m.static || ch.static
		t.notify(uapi.RTM_NEWROUTE, m)
		return nil
	}
	if ch.group != 0 && ch.group>>28 != 0xe {
		return errno.EINVAL
	}
	m := &mfc{origin: ch.origin, group: ch.group, static: ch.static}
	m.way.Store(w)
	m.lastUse.Store(int64(t.st.n.Kernel().Now()))
	m.lastAssert.Store(int64(-assertEvery))
	t.mu.Lock()
	t.insert(m)
	p := t.takeWaiting(m.origin, m.group)
	t.mu.Unlock()
	if p != nil {
		t.resolve(m, p)
	}
	t.notify(uapi.RTM_NEWROUTE, m)
	return nil
}

// del removes an entry (ipmr_mfc_delete). The caller holds the RTNL. ENOENT.
func (t *table) del(ch *change) error {
	m := t.named(ch)
	if m == nil {
		return errno.ENOENT
	}
	t.remove(m)
	t.notify(uapi.RTM_DELROUTE, m)
	return nil
}

// removeEntry removes an entry and tells programs.
func (t *table) removeEntry(m *mfc) {
	t.remove(m)
	t.notify(uapi.RTM_DELROUTE, m)
}

func (t *table) remove(m *mfc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cache.Load().remove(m)
	t.entries[m.at] = nil
	if t.holes++; t.holes > len(t.entries)/2 {
		t.entries = t.list()
		for i, m := range t.entries {
			m.at = i
		}
		t.holes = 0
	}
}

// insert makes a new entry known. t.mu is held.
func (t *table) insert(m *mfc) {
	m.at = len(t.entries)
	t.entries = append(t.entries, m)
	h := t.cache.Load()
	if n := len(h.chains); len(t.entries)-t.holes > chainLoad*n {
		h = newCache(4 * n)
		for _, o := range t.entries[:m.at] {
			if o != nil {
				h.add(o)
			}
		}
		defer t.cache.Store(h)
	}
	h.add(m)
}

// list returns the entries in the order of their making. t.mu is held.
func (t *table) list() []*mfc {
	all := make([]*mfc, 0, len(t.entries)-t.holes)
	for _, m := range t.entries {
		if m != nil {
			all = append(all, m)
		}
	}
	return all
}

// age returns how long ago the entry was used.
func (m *mfc) age(now ktime.T) uint64 { return uint64(max(0, int64(now)-m.lastUse.Load())) }

// String returns the entry's name, "(10.0.0.1,239.1.1.1)".
func (m *mfc) String() string { return "mroute (" + name(m.origin) + "," + name(m.group) + ")" }

// name returns an address in dotted form, "*" for any.
func name(a uint32) string {
	if a == 0 {
		return "*"
	}
	b := make([]byte, 0, 15)
	for shift := 24; shift >= 0; shift -= 8 {
		b = strconv.AppendUint(b, uint64(a>>shift&255), 10)
		if shift > 0 {
			b = append(b, '.')
		}
	}
	return string(b)
}

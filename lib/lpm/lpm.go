// Package lpm finds the longest IPv4 prefix that matches an address: the data
// structure of a routing table.
//
// A Table is a path-compressed binary trie whose child pointers are atomic:
// one writer at a time (who holds the RTNL) changes it in place, readers walk it
// without locks and see every change that was made before they began. Adding
// costs no copy, so a million single adds cost about a microsecond each.
//
// A cold walk through a million routes misses the cache at every level.
// Therefore a Table of FrontMin prefixes or more also keeps a front: an array
// over the first 24 bits of the address, and blocks of 256 for longer prefixes,
// where one or two loads give the answer. It is kept up with every change.
//
// The kernel's counterpart is net/ipv4/fib_trie.c, a level-compressed trie.
// IPv6 is not here: its tables are small enough for gaissmai/bart.
package lpm

import (
	"iter"
	"math/bits"
	"net/netip"
	"sync/atomic"
)

// Prefix is an IPv4 prefix: an address in host order whose bits beyond Len are
// zero. It is comparable; the zero Prefix is 0.0.0.0/0.
type Prefix struct {
	Addr uint32
	Len  uint8 // 0 to 32
}

// PrefixFrom returns addr/n with the bits beyond n cleared; n is 0 to 32.
func PrefixFrom(addr uint32, n int) Prefix {
	return Prefix{addr & mask(uint8(n)), uint8(n)}
}

// Netip returns the prefix as a netip.Prefix.
func (p Prefix) Netip() netip.Prefix {
	a := [4]byte{byte(p.Addr >> 24), byte(p.Addr >> 16), byte(p.Addr >> 8), byte(p.Addr)}
	return netip.PrefixFrom(netip.AddrFrom4(a), int(p.Len))
}

// String returns the form 10.0.0.0/8.
func (p Prefix) String() string { return p.Netip().String() }

// Contains reports whether addr is in the prefix.
func (p Prefix) Contains(addr uint32) bool { return (addr^p.Addr)&mask(p.Len) == 0 }

// mask is the netmask of n bits; a shift by 32 gives 0 in Go.
func mask(n uint8) uint32 { return ^uint32(0) << (32 - n) }

// node is a prefix that is stored, or where two stored ones part. Prefix and
// idx are fixed once readers can see it.
type node[T any] struct {
	prefix Prefix
	idx    uint32 // in the front's leaves, 0 for none; the writer's
	mask   uint32 // of the prefix
	value  atomic.Pointer[T]
	child  [2]atomic.Pointer[node[T]]
}

func newNode[T any](p Prefix) *node[T] { return &node[T]{prefix: p, mask: mask(p.Len)} }

// toward returns the link to follow for addr. A node of 32 bits has none, so
// that the masked shift may say anything there.
func (n *node[T]) toward(addr uint32) *atomic.Pointer[node[T]] {
	return &n.child[addr>>((31-n.prefix.Len)&31)&1]
}

// Table maps prefixes to values. The zero Table is empty and ready. Lookup,
// Get, Len, After and All may run at any time; Insert and Delete are for one
// caller at a time.
type Table[T any] struct {
	root  atomic.Pointer[node[T]]
	count atomic.Int64
	front atomic.Pointer[front[T]]
}

// Len returns how many prefixes are stored.
func (t *Table[T]) Len() int { return int(t.count.Load()) }

// Match is what a lookup found: a stored prefix that contains the address. Where
// it does not serve (a dead next hop, a throw route), Shorter goes on.
type Match[T any] struct {
	Value  *T // nil: no match
	Prefix Prefix
	addr   uint32
	table  *Table[T]
}

// OK reports whether there is a match.
func (m Match[T]) OK() bool { return m.Value != nil }

// Shorter returns the next match for the same address, of a shorter prefix.
func (m Match[T]) Shorter() Match[T] {
	if m.table == nil || m.Prefix.Len == 0 {
		return Match[T]{}
	}
	return m.table.walk(m.addr, m.Prefix.Len)
}

// Lookup returns the longest match of addr, which is in host order:
//
//	for m := t.Lookup(addr); m.OK(); m = m.Shorter() { ... }
func (t *Table[T]) Lookup(addr uint32) Match[T] {
	if f := t.front.Load(); f != nil {
		l := f.lookup(addr)
		if l == nil { // nothing of frontBits or longer
			return t.walk(addr, frontBits)
		}
		if v := l.value.Load(); v != nil {
			return Match[T]{v, Prefix{addr & mask(l.len), l.len}, addr, t}
		}
		// It went away while we looked: the trie knows.
	}
	return t.walk(addr, 33)
}

// Best returns the value of the longest match of addr, nil for none: Lookup
// for the data path, which seldom needs to know more.
func (t *Table[T]) Best(addr uint32) *T {
	if f := t.front.Load(); f != nil {
		l := f.lookup(addr)
		if l == nil {
			return t.walk(addr, frontBits).Value
		}
		if v := l.value.Load(); v != nil {
			return v
		}
	}
	var best *T
	for n := t.root.Load(); n != nil && (addr^n.prefix.Addr)&n.mask == 0; n = n.toward(addr).Load() {
		if v := n.value.Load(); v != nil {
			best = v
		}
	}
	return best
}

// walk returns the longest match of less than limit bits.
func (t *Table[T]) walk(addr uint32, limit uint8) Match[T] {
	m := Match[T]{addr: addr, table: t}
	n := t.root.Load()
	for n != nil && n.prefix.Len < limit && n.prefix.Contains(addr) {
		if v := n.value.Load(); v != nil {
			m.Value, m.Prefix = v, n.prefix
		}
		if n.prefix.Len == 32 {
			break
		}
		n = n.toward(addr).Load()
	}
	return m
}

// Get returns the value of exactly p, nil where there is none.
func (t *Table[T]) Get(p Prefix) *T {
	n := t.root.Load()
	for n != nil && n.prefix.Len <= p.Len && n.prefix.Contains(p.Addr) {
		if n.prefix.Len == p.Len {
			return n.value.Load()
		}
		n = n.toward(p.Addr).Load()
	}
	return nil
}

// Insert sets the value of p, which must not be nil, and returns the one it
// replaces, nil where p is new. When it returns, every lookup sees it.
func (t *Table[T]) Insert(p Prefix, v *T) *T {
	if v == nil {
		panic("lpm: nil value")
	}
	p.Addr &= mask(p.Len)
	n := t.place(p)
	old := n.value.Swap(v)
	switch old {
	case v:
	case nil:
		t.count.Add(1)
		t.frontInsert(n)
	default:
		t.frontChange(n)
	}
	return old
}

// place returns the node of p, made where there is none.
func (t *Table[T]) place(p Prefix) *node[T] {
	link := &t.root
	for {
		n := link.Load()
		if n == nil {
			leaf := newNode[T](p)
			link.Store(leaf)
			return leaf
		}
		common := uint8(min(bits.LeadingZeros32(p.Addr^n.prefix.Addr), int(p.Len), int(n.prefix.Len)))
		switch {
		case common == p.Len && common == n.prefix.Len:
			return n
		case common == n.prefix.Len:
			link = n.toward(p.Addr)
		case common == p.Len:
			above := newNode[T](p)
			above.toward(n.prefix.Addr).Store(n)
			link.Store(above)
			return above
		default:
			fork := newNode[T](Prefix{p.Addr & mask(common), common})
			leaf := newNode[T](p)
			fork.toward(p.Addr).Store(leaf)
			fork.toward(n.prefix.Addr).Store(n)
			link.Store(fork)
			return leaf
		}
	}
}

// Delete removes p and returns its value, nil where there was none.
func (t *Table[T]) Delete(p Prefix) *T {
	p.Addr &= mask(p.Len)
	var parent *atomic.Pointer[node[T]] // the link to the node that owns link
	link := &t.root
	n := link.Load()
	for n != nil && n.prefix.Len < p.Len && n.prefix.Contains(p.Addr) {
		parent, link = link, n.toward(p.Addr)
		n = link.Load()
	}
	if n == nil || n.prefix != p {
		return nil
	}
	old := n.value.Swap(nil)
	if old == nil {
		return nil
	}
	prune(link)
	if parent != nil && link.Load() == nil {
		prune(parent)
	}
	t.count.Add(-1)
	t.frontDelete(n)
	return old
}

// prune takes the node at link out if it has no value and not two children.
// Readers that stand on it still find its child.
func prune[T any](link *atomic.Pointer[node[T]]) {
	n := link.Load()
	if n.value.Load() != nil {
		return
	}
	a, b := n.child[0].Load(), n.child[1].Load()
	switch {
	case a == nil:
		link.Store(b)
	case b == nil:
		link.Store(a)
	}
}

// First returns the first prefix in the order of After.
func (t *Table[T]) First() (Prefix, *T, bool) { return t.least(0) }

// After returns the prefix that follows p, stored or not, in the order in which
// the kernel dumps a table: by address, and of one address the longest first.
// A dump resumes with the last prefix it has sent.
func (t *Table[T]) After(p Prefix) (Prefix, *T, bool) {
	// The same address, shorter: such a prefix contains the address, so it is
	// among the matches.
	for m := t.walk(p.Addr, p.Len); m.OK(); m = m.Shorter() {
		if m.Prefix.Addr == p.Addr {
			return m.Prefix, m.Value, true
		}
	}
	if p.Addr == 1<<32-1 {
		return Prefix{}, nil, false
	}
	return t.least(p.Addr + 1)
}

func (t *Table[T]) least(from uint32) (Prefix, *T, bool) {
	if n := leastFrom(t.root.Load(), from); n != nil {
		if v := n.value.Load(); v != nil {
			return n.prefix, v, true
		}
		return t.After(n.prefix) // deleted meanwhile
	}
	return Prefix{}, nil, false
}

// leastFrom returns the first node of the subtree with an address of at least
// from.
func leastFrom[T any](n *node[T], from uint32) *node[T] {
	if n == nil || n.prefix.Addr|^mask(n.prefix.Len) < from {
		return nil
	}
	if n.prefix.Addr >= from {
		return leastOf(n)
	}
	if m := leastFrom(n.child[0].Load(), from); m != nil {
		return m
	}
	return leastFrom(n.child[1].Load(), from)
}

// leastOf returns the first node of a subtree: the longest of its least address.
func leastOf[T any](n *node[T]) *node[T] {
	var best *node[T]
	for n != nil {
		if n.value.Load() != nil && (best == nil || n.prefix.Addr == best.prefix.Addr) {
			best = n
		}
		next := n.child[0].Load()
		if next == nil && best == nil {
			next = n.child[1].Load()
		}
		n = next
	}
	return best
}

// All walks the table in the order of After.
func (t *Table[T]) All() iter.Seq2[Prefix, *T] {
	return func(yield func(Prefix, *T) bool) {
		for p, v, ok := t.First(); ok; p, v, ok = t.After(p) {
			if !yield(p, v) {
				return
			}
		}
	}
}

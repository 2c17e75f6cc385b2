package ipv4

import (
	"cmp"
	"slices"
	"sync"

	"linen/lib/lctrie"
	"linen/lib/lpm"
)

// shapeLimit is how many routes a trie may have whose shape is kept up to date.
// That of a bigger one is made when it is asked for, from its prefixes in
// order.
const shapeLimit = 4096

// A shape is what /proc/net/fib_trie shows of a table: the nodes that the
// kernel's trie would have. Lookups do not use it (lib/lpm). Tables main and
// local have one between them until the first rule is added.
type shape struct {
	mu   sync.Mutex
	trie *lctrie.Trie // nil: too big, made when asked for
}

// newShape returns an empty shape.
func newShape() *shape { return &shape{trie: new(lctrie.Trie)} }

// add notes a new route to addr.
func (s *shape) add(addr uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trie == nil {
		return
	}
	if s.trie.Add(addr); s.trie.Len() > shapeLimit {
		s.trie = nil
	}
}

// remove notes that a route to addr is gone.
func (s *shape) remove(addr uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trie != nil {
		s.trie.Remove(addr)
	}
}

// flush notes that of the routes to an address as many are gone as gone says,
// all at once.
func (s *shape) flush(gone map[uint32]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trie != nil {
		s.trie.Flush(func(addr uint32, _ int) int { return gone[addr] })
	}
}

// mergeShapes gives local the shape of main: there are no rules of others yet.
func (st *state) mergeShapes() { st.local.Load().shape.Store(st.main.Load().shape.Load()) }

// splitShapes gives local a shape of its own: the first rule was added
// (fib_unmerge). Its routes are added in order, and leave main's all at once.
func (st *state) splitShapes() {
	local, own, gone := st.local.Load(), newShape(), make(map[uint32]int)
	local.walk(func(p lpm.Prefix, _ *alias) bool {
		own.add(p.Addr)
		gone[p.Addr]++
		return true
	})
	local.shape.Store(own)
	st.main.Load().shape.Load().flush(gone)
}

// A shapeRoute is a route of a shape: its table and itself.
type shapeRoute struct {
	lpm.Prefix
	table *table
	alias *alias
}

// shapeRoutes returns the routes of t's shape in the order in which
// fib_trie prints them: by address, longer prefixes first, local before main.
func (st *state) shapeRoutes(t *table) (list []shapeRoute) {
	tables := []*table{t}
	if local, main := st.local.Load(), st.main.Load(); t == local || t == main {
		if local.shape.Load() == main.shape.Load() {
			tables = []*table{local, main}
		}
	}
	for _, t := range tables {
		t.walk(func(p lpm.Prefix, a *alias) bool {
			list = append(list, shapeRoute{p, t, a})
			return true
		})
	}
	if len(tables) > 1 {
		slices.SortStableFunc(list, func(a, b shapeRoute) int {
			return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(b.Len, a.Len))
		})
	}
	return list
}

// walkShape calls f for each node of t's trie with its depth, and for a leaf
// with its routes.
func (st *state) walkShape(t *table, f func(n *lctrie.Node, depth int, routes []shapeRoute)) {
	list, s := st.shapeRoutes(t), t.shape.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	trie := s.trie
	if trie == nil {
		trie = new(lctrie.Trie)
		for _, r := range list {
			trie.Add(r.Addr)
		}
		if trie.Len() <= shapeLimit {
			s.trie = trie
		}
	}
	trie.Walk(func(n *lctrie.Node, depth int) {
		if n.Bits > 0 {
			f(n, depth, nil)
			return
		}
		from, _ := slices.BinarySearchFunc(list, n.Key, func(r shapeRoute, key uint32) int { return cmp.Compare(r.Addr, key) })
		to := from
		for to < len(list) && list[to].Addr == n.Key {
			to++
		}
		f(n, depth, list[from:to])
	})
}

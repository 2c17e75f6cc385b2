package ipv4

import "sync/atomic"

// addrMap is a hash table from IPv4 addresses to *V that readers search
// without locks while one writer, the holder of the RTNL, changes it. It is
// open-addressed: a lookup is one or two cache lines, which is why local
// addresses stand in one in front of the prefixes.
type addrMap[V any] struct {
	cells atomic.Pointer[[]addrCell[V]]
	used  int // cells that are taken, tombstones too
	live  int
}

// addrCell is one place; key is written before val becomes visible, and never
// again.
type addrCell[V any] struct {
	key uint32
	set atomic.Bool
	val atomic.Pointer[V] // nil after a delete
}

// hashAddr spreads addresses, whose low bits change first (Fibonacci hashing).
func hashAddr(a uint32) uint32 { return a * 0x9e3779b1 }

// get returns the value of a, or nil.
func (m *addrMap[V]) get(a uint32) *V {
	p := m.cells.Load()
	if p == nil {
		return nil
	}
	cells := *p
	mask := uint32(len(cells) - 1)
	for i := hashAddr(a) >> 8 & mask; ; i = (i + 1) & mask {
		c := &cells[i]
		if !c.set.Load() {
			return nil
		}
		if c.key == a {
			return c.val.Load()
		}
	}
}

// put sets the value of a; nil deletes it.
func (m *addrMap[V]) put(a uint32, v *V) {
	if p := m.cells.Load(); p == nil || (m.used+1)*2 > len(*p) {
		if v == nil && m.get(a) == nil {
			return
		}
		m.rebuild()
	}
	cells := *m.cells.Load()
	mask := uint32(len(cells) - 1)
	for i := hashAddr(a) >> 8 & mask; ; i = (i + 1) & mask {
		c := &cells[i]
		if !c.set.Load() {
			if v != nil {
				c.key = a
				c.val.Store(v)
				c.set.Store(true)
				m.used++
				m.live++
			}
			return
		}
		if c.key == a {
			switch old := c.val.Swap(v); {
			case old == nil && v != nil:
				m.live++
			case old != nil && v == nil:
				m.live--
			}
			return
		}
	}
}

// rebuild publishes a copy without the deleted cells and with room for as many
// again.
func (m *addrMap[V]) rebuild() {
	size := 8
	for size < m.live*4 {
		size *= 2
	}
	old := m.cells.Load()
	cells := make([]addrCell[V], size)
	mask := uint32(size - 1)
	m.used = 0
	if old != nil {
		for j := range *old {
			v := (*old)[j].val.Load()
			if v == nil {
				continue
			}
			i := hashAddr((*old)[j].key) >> 8 & mask
			for cells[i].set.Load() {
				i = (i + 1) & mask
			}
			cells[i].key = (*old)[j].key
			cells[i].val.Store(v)
			cells[i].set.Store(true)
			m.used++
		}
	}
	m.cells.Store(&cells)
}

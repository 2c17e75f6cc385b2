package lpm

import "sync/atomic"

const (
	// FrontMin is the number of prefixes from which a Table has a front: 256 KiB
	// for each /8 that holds one. Below, a walk stays in the cache and takes
	// about 50 ns at most.
	FrontMin = 2000

	// frontBits is the shortest prefix that the front holds: shorter ones
	// would write too many entries, and finding them takes few steps. No prefix
	// of it lies in two chunks.
	frontBits = 8

	blockFlag = 1 << 31 // an entry that names a block, not a leaf
)

// front answers for prefixes of frontBits and longer. An entry is 0, or the
// index of a leaf, or in chunks blockFlag and the index of a block. Leaves and
// blocks are written before an entry names them and never used for anything
// else, so that a reader with an old entry at worst finds a leaf without a
// value; space is regained by building anew.
type front[T any] struct {
	chunks [256]atomic.Pointer[chunk] // by the upper 8 bits; nil where nothing is stored
	pages  atomic.Pointer[[]*page[T]] // of leaves
	blocks atomic.Pointer[[]*block]

	// The writer's.
	leaves int // used, with number 0, which means none
	byKey  map[leafKey[T]]uint32
}

// leaf is what the front knows of the prefixes of one length with one value:
// tables with few different values have few leaves, which stay in the cache,
// and a lookup does not touch the trie.
type leaf[T any] struct {
	value atomic.Pointer[T] // nil: no prefix has it any more
	len   uint8
	users int // prefixes; the writer's
}

type leafKey[T any] struct {
	value *T
	len   uint8
}

// page holds leaves, which never move.
type page[T any] [pageSize]leaf[T]

const pageSize = 512

// chunk holds the entries of a /8, 256 KiB, by the next 16 bits.
type chunk [1 << 16]atomic.Uint32

// block holds the entries of a /24, by the last 8 bits.
type block [256]atomic.Uint32

// leaf returns the leaf number e.
func (f *front[T]) leaf(e uint32) *leaf[T] { return &(*f.pages.Load())[e/pageSize][e%pageSize] }

// lookup returns the longest leaf that contains addr, nil for none.
func (f *front[T]) lookup(addr uint32) *leaf[T] {
	c := f.chunks[addr>>24].Load()
	if c == nil {
		return nil
	}
	e := c[addr>>8&0xffff].Load()
	if e&blockFlag != 0 {
		e = (*f.blocks.Load())[e&^blockFlag][addr&255].Load()
	}
	if e == 0 {
		return nil
	}
	return f.leaf(e)
}

// grown appends v to the slice that p publishes. Readers never look beyond the
// entries they know, so the backing array may be shared.
func grown[E any](p *atomic.Pointer[[]E], v E) int {
	s := append(*p.Load(), v)
	p.Store(&s)
	return len(s) - 1
}

// frontChange repaints a node whose value was replaced.
func (t *Table[T]) frontChange(n *node[T]) {
	f := t.front.Load()
	if f == nil || n.prefix.Len < frontBits {
		return
	}
	old := n.idx
	n.idx = f.use(leafKey[T]{n.value.Load(), n.prefix.Len})
	f.paint(n.prefix, func(e uint32) uint32 {
		if e == old {
			return n.idx
		}
		return e
	})
	f.leave(old, n.prefix.Len)
	t.frontTidy(f)
}

// frontTidy builds f anew when most of it is unused.
func (t *Table[T]) frontTidy(f *front[T]) {
	if f.leaves > 4*t.Len() || len(*f.blocks.Load()) > 4*t.Len() {
		t.buildFront()
	}
}

// frontInsert paints a node that just got its value.
func (t *Table[T]) frontInsert(n *node[T]) {
	f := t.front.Load()
	if f == nil {
		if t.Len() >= FrontMin {
			t.buildFront()
		}
		return
	}
	f.insert(n)
}

// frontDelete repaints what a node that lost its value covered.
func (t *Table[T]) frontDelete(n *node[T]) {
	f := t.front.Load()
	if f == nil {
		return
	}
	if t.Len() < FrontMin/4 {
		t.front.Store(nil)
		return
	}
	f.remove(n, t.walk(n.prefix.Addr, n.prefix.Len).Prefix, t)
	t.frontTidy(f)
}

// buildFront makes a front from the trie and publishes it.
func (t *Table[T]) buildFront() {
	f := new(front[T])
	pages, blocks := []*page[T]{new(page[T])}, []*block{}
	f.pages.Store(&pages)
	f.leaves, f.byKey = 1, make(map[leafKey[T]]uint32)
	f.blocks.Store(&blocks)
	f.adopt(t.root.Load())
	t.front.Store(f)
}

// adopt paints a subtree, parents first.
func (f *front[T]) adopt(n *node[T]) {
	if n == nil {
		return
	}
	n.idx = 0
	if n.value.Load() != nil {
		f.insert(n)
	}
	f.adopt(n.child[0].Load())
	f.adopt(n.child[1].Load())
}

func (f *front[T]) insert(n *node[T]) {
	if n.prefix.Len < frontBits {
		return
	}
	n.idx = f.use(leafKey[T]{n.value.Load(), n.prefix.Len})
	f.paint(n.prefix, func(e uint32) uint32 {
		if e != 0 && f.leaf(e).len > n.prefix.Len {
			return e
		}
		return n.idx
	})
}

// remove puts the next shorter node, that of up, in n's place.
func (f *front[T]) remove(n *node[T], up Prefix, t *Table[T]) {
	if n.prefix.Len < frontBits || n.idx == 0 {
		return
	}
	var to uint32
	if up.Len >= frontBits {
		to = t.nodeOf(up).idx
	}
	f.paint(n.prefix, func(e uint32) uint32 {
		if e == n.idx { // in this range nobody else has a leaf of this length
			return to
		}
		return e
	})
	f.leave(n.idx, n.prefix.Len)
	n.idx = 0
}

// use returns the number of a key's leaf and counts one more user.
func (f *front[T]) use(k leafKey[T]) uint32 {
	e, ok := f.byKey[k]
	if !ok {
		if f.leaves%pageSize == 0 {
			grown(&f.pages, new(page[T]))
		}
		e = uint32(f.leaves)
		f.leaves++
		l := f.leaf(e)
		l.len = k.len
		l.value.Store(k.value)
		f.byKey[k] = e
	}
	f.leaf(e).users++
	return e
}

// leave counts one user less of the leaf e; without any it holds nothing.
func (f *front[T]) leave(e uint32, length uint8) {
	l := f.leaf(e)
	if l.users--; l.users == 0 {
		delete(f.byKey, leafKey[T]{l.value.Load(), length})
		l.value.Store(nil)
	}
}

// nodeOf returns the node of a prefix that is stored.
func (t *Table[T]) nodeOf(p Prefix) *node[T] {
	n := t.root.Load()
	for n.prefix != p {
		n = n.toward(p.Addr).Load()
	}
	return n
}

// paint passes every entry that p covers through change.
func (f *front[T]) paint(p Prefix, change func(uint32) uint32) {
	slots := f.chunks[p.Addr>>24].Load()
	if slots == nil {
		slots = new(chunk)
		f.chunks[p.Addr>>24].Store(slots)
	}
	first, last := p.Addr>>8&0xffff, (p.Addr|^mask(p.Len))>>8&0xffff
	for s := first; s <= last; s++ {
		e := slots[s].Load()
		switch {
		case e&blockFlag != 0:
			b := (*f.blocks.Load())[e&^blockFlag]
			b.paint(p, change)
		case p.Len > 24:
			b := new(block)
			for i := range b {
				b[i].Store(e)
			}
			b.paint(p, change)
			slots[s].Store(blockFlag | uint32(grown(&f.blocks, b)))
		default:
			if c := change(e); c != e {
				slots[s].Store(c)
			}
		}
	}
}

// paint is the part of one block.
func (b *block) paint(p Prefix, change func(uint32) uint32) {
	first, last := uint32(0), uint32(255)
	if p.Len > 24 {
		first = p.Addr & 255
		last = first | ^mask(p.Len)&255
	}
	for i := first; i <= last; i++ {
		e := b[i].Load()
		if c := change(e); c != e {
			b[i].Store(c)
		}
	}
}

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
// blocks are written before an entry names them and never used for another
// prefix, so that a reader with an old entry at worst finds a leaf without a
// value; space is regained by building anew.
type front[T any] struct {
	chunks [256]atomic.Pointer[chunk] // by the upper 8 bits; nil where nothing is stored
	pages  atomic.Pointer[[]*page[T]] // of leaves
	blocks atomic.Pointer[[]*block]
	leaves int // used, with number 0, which means none; the writer's
}

// leaf is a prefix in the front: its value stands beside the index, so that a
// lookup does not touch the trie.
type leaf[T any] struct {
	value atomic.Pointer[T] // the node's
	node  *node[T]
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

// frontSet makes the value of a node that is painted already visible.
func (t *Table[T]) frontSet(n *node[T], v *T) {
	if f := t.front.Load(); f != nil && n.idx != 0 {
		f.leaf(n.idx).value.Store(v)
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
	if f.leaves > 4*t.Len() || len(*f.blocks.Load()) > 4*t.Len() {
		t.buildFront()
	}
}

// buildFront makes a front from the trie and publishes it.
func (t *Table[T]) buildFront() {
	f := new(front[T])
	pages, blocks := []*page[T]{new(page[T])}, []*block{}
	f.pages.Store(&pages)
	f.leaves = 1
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
	if n.idx == 0 {
		if f.leaves%pageSize == 0 {
			grown(&f.pages, new(page[T]))
		}
		n.idx = uint32(f.leaves)
		f.leaves++
		f.leaf(n.idx).node = n
	}
	f.leaf(n.idx).value.Store(n.value.Load())
	f.paint(n.prefix, func(e uint32) uint32 {
		if e != 0 && f.leaf(e).node.prefix.Len > n.prefix.Len {
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
		if e == n.idx {
			return to
		}
		return e
	})
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

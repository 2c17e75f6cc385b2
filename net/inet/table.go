package inet

import (
	"sync"
	"sync/atomic"
)

// A Table is a hash table that readers walk without a lock while entries come
// and go: the chains of sockets (struct inet_hashinfo, udp_table). It begins
// small and doubles with use, up to its bound. The zero value is ready.
type Table[T any] struct {
	mu      sync.Mutex // of writers
	buckets atomic.Pointer[[]bucket[T]]
	n       int
	most    int // buckets at most; 0: no limit
}

type bucket[T any] struct{ head atomic.Pointer[Node[T]] }

// A Node is one entry on its chain; readers may stand on one that was removed
// meanwhile and still reach the end.
type Node[T any] struct {
	Value T
	hash  uint32
	next  atomic.Pointer[Node[T]]
	prev  *Node[T] // guarded by the table's mutex
	entry *Entry[T]
}

// An Entry is the place that a value has in a Table; the zero value has none.
type Entry[T any] struct{ node *Node[T] }

// minBuckets is the size of a table that is used for the first time.
const minBuckets = 16

// Bound sets how many buckets t may come to have, a power of two: more entries
// make its chains longer. It is called before the first entry comes.
func (t *Table[T]) Bound(most int) { t.most = most }

// Buckets returns how many buckets t has at present.
func (t *Table[T]) Buckets() int {
	if p := t.buckets.Load(); p != nil {
		return len(*p)
	}
	return 0
}

// Insert puts v at the front of its chain, to be removed through e.
func (t *Table[T]) Insert(e *Entry[T], hash uint32, v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.insert(e, hash, v)
}

// InsertAt is Insert with the memory of the place, for a value that is in a table
// once in its life: readers may stand on n for ever.
func (t *Table[T]) InsertAt(n *Node[T], e *Entry[T], hash uint32, v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.insertAt(n, e, hash, v)
}

func (t *Table[T]) insert(e *Entry[T], hash uint32, v T) { t.insertAt(new(Node[T]), e, hash, v) }

func (t *Table[T]) insertAt(n *Node[T], e *Entry[T], hash uint32, v T) {
	p := t.buckets.Load()
	if p == nil || t.n >= 2*len(*p) && (t.most == 0 || len(*p) < t.most) {
		p = t.grow(p)
	}
	t.n++
	link(*p, n, e, hash, v)
}

// link puts in a fresh node: a reader may still stand on the entry's old one.
func link[T any](list []bucket[T], n *Node[T], e *Entry[T], hash uint32, v T) {
	b := &list[hash&uint32(len(list)-1)]
	n.Value, n.hash, n.entry = v, hash, e
	first := b.head.Load()
	n.next.Store(first)
	if first != nil {
		first.prev = n
	}
	e.node = n
	b.head.Store(n)
}

// grow publishes a table of twice the size.
func (t *Table[T]) grow(old *[]bucket[T]) *[]bucket[T] {
	size := minBuckets
	if t.most > 0 {
		size = min(size, t.most)
	}
	if old != nil {
		size = 2 * len(*old)
	}
	list := make([]bucket[T], size)
	if old != nil {
		for i := range *old {
			relink(list, (*old)[i].head.Load())
		}
	}
	t.buckets.Store(&list)
	return &list
}

// relink copies a chain, keeping its order.
func relink[T any](list []bucket[T], n *Node[T]) {
	var chain []*Node[T]
	for ; n != nil; n = n.next.Load() {
		chain = append(chain, n)
	}
	for i := len(chain) - 1; i >= 0; i-- {
		link(list, new(Node[T]), chain[i].entry, chain[i].hash, chain[i].Value)
	}
}

// Remove takes e out; an empty e is left alone.
func (t *Table[T]) Remove(e *Entry[T]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := e.node
	if n == nil {
		return
	}
	e.node = nil
	t.n--
	next := n.next.Load()
	if next != nil {
		next.prev = n.prev
	}
	if n.prev != nil {
		n.prev.next.Store(next)
		return
	}
	list := *t.buckets.Load()
	list[n.hash&uint32(len(list)-1)].head.Store(next)
}

// In reports whether e is in a table. The caller serialises it with changes.
func (e *Entry[T]) In() bool { return e.node != nil }

// At reports whether e is in a table, with that hash. The caller serialises it
// with changes.
func (e *Entry[T]) At(hash uint32) bool { return e.node != nil && e.node.hash == hash }

// First returns the first entry with that hash, or nil.
func (t *Table[T]) First(hash uint32) *Node[T] {
	p := t.buckets.Load()
	if p == nil {
		return nil
	}
	return (*p)[hash&uint32(len(*p)-1)].head.Load().match(hash)
}

// Next returns the next entry with the same hash, or nil.
func (n *Node[T]) Next() *Node[T] { return n.next.Load().match(n.hash) }

func (n *Node[T]) match(hash uint32) *Node[T] {
	for n != nil && n.hash != hash {
		n = n.next.Load()
	}
	return n
}

// All calls f for every value until it returns false, in no order that means
// something.
func (t *Table[T]) All(f func(v T) bool) {
	p := t.buckets.Load()
	if p == nil {
		return
	}
	for i := range *p {
		for n := (*p)[i].head.Load(); n != nil; n = n.next.Load() {
			if !f(n.Value) {
				return
			}
		}
	}
}

// Used reports whether there ever was an entry, without a lock.
func (t *Table[T]) Used() bool { return t.buckets.Load() != nil }

// Len returns the number of entries.
func (t *Table[T]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// Package lctrie is a level-compressed trie over 32-bit keys, with the rules by
// which Linux grows and shrinks its nodes: what /proc/net/fib_trie shows of a
// routing table is the shape of such a trie.
//
// A node tests Bits bits of a key, the lowest of them bit Pos, and has 1<<Bits
// children; bits above that all keys below share are skipped. A node doubles
// while half of the children would be in use, halves when a quarter of them is,
// and ends when it has one child. So the shape depends on what happened to the
// trie, not only on what it holds.
//
// Linux: net/ipv4/fib_trie.c, Documentation/networking/fib_trie.rst. S. Nilsson,
// G. Karlsson: IP-Address Lookup Using LC-Tries (1999). Lookups are not done
// here: lib/lpm finds routes.
package lctrie

import "math/bits"

// Percent of children in use at which a node doubles or halves, and how often
// it may in one go (fib_trie.c: inflate_threshold, halve_threshold, MAX_WORK).
const (
	inflateAt     = 50
	inflateRootAt = 30
	halveAt       = 25
	halveRootAt   = 15
	maxWork       = 10
)

// A Node is a leaf, which has a key, or tests bits of keys.
type Node struct {
	Key  uint32 // of a leaf; else the bits that all keys below share, the others 0
	Pos  uint8  // the lowest bit that is tested
	Bits uint8  // how many bits are tested; 0: a leaf

	Full  int // children that are no leaves and skip no bits
	Empty int // children that are missing

	count    int // of a leaf: how often its key was added
	children []*Node
}

// leaf reports whether n is a leaf.
func (n *Node) leaf() bool { return n.Bits == 0 }

// index returns the number of the child of n to which key belongs; one beyond
// the last says that key does not belong below n.
func (n *Node) index(key uint32) uint64 { return uint64(key^n.Key) >> n.Pos }

// has reports whether key belongs below n.
func (n *Node) has(key uint32) bool { return n.index(key) < 1<<n.Bits }

// newNode returns a node without children for keys like key.
func newNode(key uint32, pos, width uint8) *Node {
	shared := uint32(^uint64(0) << (pos + width))
	return &Node{Key: key & shared, Pos: pos, Bits: width, Empty: 1 << width, children: make([]*Node, 1<<width)}
}

// fullIn reports whether n is a node that skips no bits below its parent p.
func (n *Node) fullIn(p *Node) bool { return n != nil && !n.leaf() && n.Pos+n.Bits == p.Pos }

// put makes c, which may be nil, the child i of n.
func (n *Node) put(i uint64, c *Node) {
	old := n.children[i]
	n.Full -= number(old.fullIn(n))
	n.Empty -= number(old == nil)
	n.Full += number(c.fullIn(n))
	n.Empty += number(c == nil)
	n.children[i] = c
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A Trie is a set of keys, each with the number of times it was added. The zero
// value is empty. It is not safe for concurrent use.
type Trie struct {
	root *Node
	adds int
}

// Len returns how many adds the trie holds: of all keys, each as often as it
// was added.
func (t *Trie) Len() int { return t.adds }

// Add adds key once more.
func (t *Trie) Add(key uint32) {
	t.adds++
	t.root = add(t.root, key, true)
}

// add adds key below n and returns what takes n's place.
func add(n *Node, key uint32, root bool) *Node {
	switch {
	case n == nil:
		return &Node{Key: key, count: 1}
	case n.leaf() && n.Key == key:
		n.count++
		return n
	case n.leaf() || !n.has(key):
		fork := newNode(key, uint8(bits.Len32(n.Key^key)-1), 1)
		fork.put(fork.index(n.Key), n)
		fork.put(fork.index(key), &Node{Key: key, count: 1})
		return resize(fork, root)
	}
	i := n.index(key)
	if c := n.children[i]; c != nil && c.leaf() && c.Key == key {
		c.count++ // nothing changes its form
		return n
	}
	n.put(i, add(n.children[i], key, false))
	return resize(n, root)
}

// Remove takes back one add of key. A key that was not added is ignored.
func (t *Trie) Remove(key uint32) {
	if leaf := t.find(key); leaf == nil {
		return
	} else if t.adds--; leaf.count > 1 {
		leaf.count--
		return
	}
	t.root = remove(t.root, key, true)
}

// find returns key's leaf, or nil.
func (t *Trie) find(key uint32) *Node {
	n := t.root
	for n != nil && !n.leaf() && n.has(key) {
		n = n.children[n.index(key)]
	}
	if n == nil || !n.leaf() || n.Key != key {
		return nil
	}
	return n
}

// remove removes the leaf of key, which is there, and returns what takes n's
// place.
func remove(n *Node, key uint32, root bool) *Node {
	if n.leaf() {
		return nil
	}
	i := n.index(key)
	n.put(i, remove(n.children[i], key, false))
	return resize(n, root)
}

// Flush removes all adds of a key that drop returns, as one change: nodes
// get their new size when everything below them is gone (fib_table_flush).
// drop is asked for every key, with the number of its adds, from the highest
// key down, and says how many of them go.
func (t *Trie) Flush(drop func(key uint32, adds int) int) {
	t.root = t.flush(t.root, drop, true)
}

func (t *Trie) flush(n *Node, drop func(key uint32, adds int) int, root bool) *Node {
	switch {
	case n == nil:
		return nil
	case n.leaf():
		gone := min(drop(n.Key, n.count), n.count)
		t.adds -= gone
		if n.count -= gone; n.count == 0 {
			return nil
		}
		return n
	}
	for i := len(n.children) - 1; i >= 0; i-- {
		if c := n.children[i]; c != nil {
			n.put(uint64(i), t.flush(c, drop, false))
		}
	}
	return resize(n, root)
}

// Walk calls f for each node, a node before its children and those in the order
// of their keys, with its depth: the root's is 1.
func (t *Trie) Walk(f func(n *Node, depth int)) { walk(t.root, 1, f) }

func walk(n *Node, depth int, f func(*Node, int)) {
	if n == nil {
		return
	}
	f(n, depth)
	for _, c := range n.children {
		walk(c, depth+1, f)
	}
}

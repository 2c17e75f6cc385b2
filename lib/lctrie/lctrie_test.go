package lctrie

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// check compares the trie with what was added and each node with its children.
func check(t *testing.T, trie *Trie, want map[uint32]int) {
	t.Helper()
	total := 0
	var keys []uint32
	trie.Walk(func(n *Node, _ int) {
		if n.leaf() {
			keys = append(keys, n.Key)
			if total += n.count; n.count != want[n.Key] {
				t.Fatalf("%#x: added %d times, want %d", n.Key, n.count, want[n.Key])
			}
			return
		}
		full, empty := 0, 0
		for i, c := range n.children {
			if c == nil {
				empty++
			} else if full += number(c.fullIn(n)); n.index(c.Key) != uint64(i) {
				t.Fatalf("%#x is child %d of %#x/%d", c.Key, i, n.Key, n.Bits)
			}
		}
		if full != n.Full || empty != n.Empty || len(n.children)-empty < 2 {
			t.Fatalf("node %#x: %d full %d empty, counted %d %d", n.Key, n.Full, n.Empty, full, empty)
		}
	})
	if !slices.Equal(keys, slices.Sorted(maps.Keys(want))) || total != trie.Len() {
		t.Fatalf("keys %x, want %x; length %d, want %d", keys, slices.Sorted(maps.Keys(want)), trie.Len(), total)
	}
}

// TestRandomChanges holds the trie to a map.
func TestRandomChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		var trie Trie
		want := make(map[uint32]int)
		spread := uint32(1)<<(4+round%28) - 1
		for step := range 300 {
			key := r.Uint32() & spread << (round % 5)
			switch {
			case step == 200:
				trie.Flush(func(k uint32, adds int) int {
					if k&2 != 0 {
						return 0
					}
					delete(want, k)
					return adds
				})
			case r.IntN(3) > 0:
				trie.Add(key)
				want[key]++
			default:
				trie.Remove(key)
				if want[key]--; want[key] <= 0 {
					delete(want, key)
				}
			}
			check(t, &trie, want)
		}
		for _, k := range slices.Sorted(maps.Keys(want)) {
			for ; want[k] > 0; want[k]-- {
				trie.Remove(k)
			}
		}
		if trie.Len() != 0 || trie.root != nil {
			t.Fatal("something is left")
		}
	}
}

// TestDenseKeysShareANode is what the trie is for.
func TestDenseKeysShareANode(t *testing.T) {
	var trie Trie
	for k := range uint32(256) {
		trie.Add(k << 8)
	}
	nodes := 0
	trie.Walk(func(n *Node, depth int) {
		if nodes += number(!n.leaf()); depth > 2 {
			t.Errorf("%#x at depth %d", n.Key, depth)
		}
	})
	if nodes != 1 || trie.root.Bits < 8 {
		t.Errorf("%d nodes, the root of %d bits", nodes, trie.root.Bits)
	}
}

package ipv4

import (
	"bytes"
	"fmt"
	"strings"

	"linen/lib/lctrie"
)

// procTrie writes /proc/net/fib_trie: for each table that has routes the nodes
// of its trie ("+--", with the bits tested, the children that are full nodes
// and those missing) and its leaves ("|--") with their routes.
func (st *state) procTrie(w *bytes.Buffer) {
	for _, t := range st.sortedTables() {
		title := tableTitle(t.id) + "\n"
		st.walkShape(t, func(n *lctrie.Node, depth int, routes []shapeRoute) {
			indent := strings.Repeat("   ", depth-1)
			w.WriteString(title)
			title = ""
			if n.Bits > 0 {
				fmt.Fprintf(w, "%s  +-- %v/%d %d %d %d\n", indent, toAddr(n.Key), 32-n.Pos-n.Bits, n.Bits, n.Full, n.Empty)
				return
			}
			fmt.Fprintf(w, "%s  |-- %v\n", indent, toAddr(n.Key))
			for _, r := range routes {
				fi := r.alias.info
				fmt.Fprintf(w, "%s     /%d %s %s", indent, r.Len, scopeName(fi.scope), typeUpper(fi.typ))
				if r.alias.tos != 0 {
					fmt.Fprintf(w, " tos=%d", r.alias.tos)
				}
				w.WriteByte('\n')
			}
		})
	}
}

// Bytes that the kernel needs for parts of a trie on a machine of 64 bits.
const (
	leafSize    = 48
	nodeSize    = 40
	aliasSize   = 56
	pointerSize = 8
)

// procTrieStat writes /proc/net/fib_triestat: how deep and how big each trie is.
func (st *state) procTrieStat(w *bytes.Buffer) {
	fmt.Fprintf(w, "Basic info: size of leaf: %d bytes, size of tnode: %d bytes.\n", leafSize, nodeSize)
	for _, t := range st.sortedTables() {
		var s trieStat
		st.walkShape(t, s.count)
		fmt.Fprintln(w, tableTitle(t.id))
		s.write(w)
	}
}

// A trieStat counts what a trie consists of (struct trie_stat).
type trieStat struct {
	leaves, prefixes, nodes int
	pointers, null          int // children of all nodes, and those missing
	depths, deepest         int // of leaves: the sum, the most
	width                   [33]int
}

func (s *trieStat) count(n *lctrie.Node, depth int, routes []shapeRoute) {
	if n.Bits == 0 {
		s.leaves++
		s.prefixes += len(routes)
		s.depths += depth - 1
		s.deepest = max(s.deepest, depth-1)
		return
	}
	s.nodes++
	s.width[n.Bits]++
	s.pointers += 1 << n.Bits
	s.null += n.Empty
}

func (s *trieStat) write(w *bytes.Buffer) {
	aver := 0 // hundredths
	if s.leaves > 0 {
		aver = s.depths * 100 / s.leaves
	}
	fmt.Fprintf(w, "\tAver depth:     %d.%02d\n\tMax depth:      %d\n", aver/100, aver%100, s.deepest)
	fmt.Fprintf(w, "\tLeaves:         %d\n\tPrefixes:       %d\n\tInternal nodes: %d\n\t", s.leaves, s.prefixes, s.nodes)
	for width, nodes := range s.width {
		if nodes > 0 {
			fmt.Fprintf(w, "  %d: %d", width, nodes)
		}
	}
	size := leafSize*s.leaves + aliasSize*s.prefixes + nodeSize*s.nodes + pointerSize*s.pointers
	fmt.Fprintf(w, "\n\tPointers: %d\nNull ptrs: %d\nTotal size: %d  kB\n", s.pointers, s.null, (size+1023)/1024)
}

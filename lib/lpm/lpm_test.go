package lpm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gaissmai/bart"
)

func addr(s string) uint32 {
	a := netip.MustParseAddr(s).As4()
	return binary.BigEndian.Uint32(a[:])
}

func prefix(s string) Prefix {
	p := netip.MustParsePrefix(s)
	return PrefixFrom(addr(p.Addr().String()), p.Bits())
}

// oracle is a map and 33 probes.
type oracle map[Prefix]*int

func (o oracle) lookup(a uint32, limit int) (Prefix, *int) {
	for n := limit - 1; n >= 0; n-- {
		p := PrefixFrom(a, n)
		if v := o[p]; v != nil {
			return p, v
		}
	}
	return Prefix{}, nil
}

// sorted is the kernel's order of a dump.
func (o oracle) sorted() []Prefix {
	return slices.SortedFunc(maps.Keys(o), func(a, b Prefix) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(b.Len, a.Len))
	})
}

// random prefixes crowd into a few networks, so that they nest.
func random(r *rand.Rand) Prefix {
	a := r.Uint32()
	switch r.IntN(4) {
	case 0:
		a = a&0x0000ffff | 0x0a010000
	case 1:
		a = a&0x000000ff | 0xc0a80000
	case 2:
		a &= 0x3f0f0f0f
	}
	n := 16 + r.IntN(17)
	if r.IntN(50) == 0 { // short ones paint much of the front
		n = r.IntN(33)
	}
	return PrefixFrom(a, n)
}

func TestAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var tab Table[int]
	want := oracle{}
	var list []Prefix // the keys of want
	gold := new(bart.Table[*int])
	compare := func(n int) {
		t.Helper()
		for range n {
			a := random(r).Addr | r.Uint32()&255
			m := tab.Lookup(a)
			p, v := want.lookup(a, 33)
			if m.Value != v || m.Prefix != p {
				t.Fatalf("%x: got %v want %v (%d routes)", a, m.Prefix, p, tab.Len())
			}
			if g, ok := gold.Lookup(PrefixFrom(a, 32).Netip().Addr()); ok != m.OK() || g != v {
				t.Fatalf("%x: bart disagrees", a)
			}
			for m.OK() { // backtracking
				p, v = want.lookup(a, int(m.Prefix.Len))
				m = m.Shorter()
				if m.Value != v || m.Prefix != p {
					t.Fatalf("%x: shorter: got %v want %v", a, m.Prefix, p)
				}
			}
		}
	}
	change := func(n int, deletes int) {
		t.Helper()
		for i := range n {
			p, v := random(r), new(int)
			if len(list) > 0 && r.IntN(100) < deletes {
				j, last := r.IntN(len(list)), len(list)-1
				p, list[j] = list[j], list[last]
				list = list[:last]
				if got := tab.Delete(p); got != want[p] {
					t.Fatalf("Delete(%v) = %p want %p", p, got, want[p])
				}
				delete(want, p)
				gold.Delete(p.Netip())
			} else {
				if got := tab.Insert(p, v); got != want[p] {
					t.Fatalf("Insert(%v) = %p want %p", p, got, want[p])
				}
				if want[p] == nil {
					list = append(list, p)
				}
				want[p] = v
				gold.Insert(p.Netip(), v)
			}
			if i%16 == 0 {
				compare(1)
			}
		}
		if tab.Len() != len(want) {
			t.Fatalf("Len %d want %d", tab.Len(), len(want))
		}
		compare(1000)
	}
	change(FrontMin, 30)
	if tab.front.Load() != nil {
		t.Error("a small table has a front")
	}
	for tab.Len() < FrontMin+500 {
		change(500, 0)
	}
	if tab.front.Load() == nil {
		t.Error("a big table has no front")
	}
	change(4000, 50)
	if got := slices.Collect(maps.Keys(maps.Collect(tab.All()))); len(got) != len(want) {
		t.Errorf("All gives %d of %d", len(got), len(want))
	}
	tab.buildFront()
	compare(2000)
	change(2*len(want), 99)
	for _, p := range want.sorted() {
		if tab.Get(p) != want[p] {
			t.Fatalf("Get(%v)", p)
		}
		tab.Delete(p)
	}
	if tab.Len() != 0 || tab.root.Load() != nil || tab.front.Load() != nil {
		t.Error("the empty table keeps nodes or a front")
	}
}

func TestDumpOrderIsTheKernels(t *testing.T) {
	var tab Table[int]
	for _, s := range []string{"10.0.0.0/8", "0.0.0.0/0", "10.0.0.0/24", "10.0.1.0/24", "9.0.0.0/8", "255.255.255.255/32", "10.0.0.0/32", "0.0.0.0/8"} {
		tab.Insert(prefix(s), new(int))
	}
	var got []string
	for p := range tab.All() {
		got = append(got, p.String())
	}
	want := []string{"0.0.0.0/8", "0.0.0.0/0", "9.0.0.0/8", "10.0.0.0/32", "10.0.0.0/24", "10.0.0.0/8", "10.0.1.0/24", "255.255.255.255/32"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestAfterResumesAtAnyPrefix(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var tab Table[int]
	want := oracle{}
	for range 2000 {
		p := random(r)
		v := new(int)
		tab.Insert(p, v)
		want[p] = v
	}
	order := want.sorted()
	var got []Prefix
	for p := range tab.All() {
		got = append(got, p)
	}
	if !slices.Equal(got, order) {
		t.Fatal("All is not in order")
	}
	for range 500 { // also from prefixes that are not stored, or no more
		from := random(r)
		i, found := slices.BinarySearchFunc(order, from, func(a, b Prefix) int {
			return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(b.Len, a.Len))
		})
		if found {
			i++
		}
		p, _, ok := tab.After(from)
		if ok != (i < len(order)) || ok && p != order[i] {
			t.Fatalf("After(%v) = %v", from, p)
		}
	}
}

// Readers race one writer: a prefix that never leaves is always found, and what
// an Insert has returned for is seen.
func TestReadersSeeFinishedInserts(t *testing.T) {
	var tab Table[uint32]
	stay := new(uint32)
	tab.Insert(prefix("10.0.0.0/8"), stay)
	var done atomic.Bool
	var latest atomic.Uint32 // the last /32 whose Insert has returned
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !done.Load() {
				a := latest.Load()
				if m := tab.Lookup(a); a != 0 && (!m.OK() || m.Prefix.Len != 32) {
					t.Errorf("%x: inserted but not seen: %v", a, m.Prefix)
					return
				}
				if m := tab.Lookup(addr("10.200.1.1")); !m.OK() {
					t.Error("10.0.0.0/8 was not found")
					return
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range FrontMin + 1000 {
		a := r.Uint32()&0x00ffffff | 0x0b000000
		tab.Insert(PrefixFrom(a, 32), &a)
		latest.Store(a)
		p := PrefixFrom(r.Uint32()&0x00ffffff|0x0a000000, 16+r.IntN(17))
		tab.Insert(p, &a)
		tab.Delete(p)
	}
	done.Store(true)
	wg.Wait()
}

func TestLookupDoesNotAllocate(t *testing.T) {
	var tab Table[int]
	tab.Insert(prefix("0.0.0.0/0"), new(int))
	tab.Insert(prefix("10.0.0.0/8"), new(int))
	if n := testing.AllocsPerRun(100, func() {
		for m := tab.Lookup(addr1); m.OK(); m = m.Shorter() {
			_ = m.Value
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

const addr1 = 0x0a000001

// table has n distinct prefixes of the lengths that the Internet's table has.
func table(n int) []Prefix {
	r := rand.New(rand.NewPCG(7, 8))
	seen := make(map[Prefix]bool, n)
	list := make([]Prefix, 0, n)
	for len(list) < n {
		bits := 24
		if r.IntN(10) < 4 {
			bits = 16 + r.IntN(8)
		}
		p := PrefixFrom(0x01000000+r.Uint32()%0xdf000000, bits)
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1000, 10000, 1000000} {
		list := table(n)
		var tab Table[int]
		gold := new(bart.Fast[*int])
		v := new(int)
		for _, p := range list {
			tab.Insert(p, v)
			gold.Insert(p.Netip(), v)
		}
		addrs := make([]uint32, 1<<16)
		ips := make([]netip.Addr, 1<<16)
		for i := range addrs {
			p := list[i*7919%len(list)]
			addrs[i] = p.Addr | 1
			ips[i] = PrefixFrom(p.Addr|1, 32).Netip().Addr()
		}
		i := 0
		b.Run(fmt.Sprintf("lpm/%d", n), func(b *testing.B) {
			for b.Loop() {
				tab.Lookup(addrs[i&0xffff])
				i++
			}
		})
		b.Run(fmt.Sprintf("trie/%d", n), func(b *testing.B) {
			for b.Loop() {
				tab.walk(addrs[i&0xffff], 33)
				i++
			}
		})
		b.Run(fmt.Sprintf("bart/%d", n), func(b *testing.B) {
			for b.Loop() {
				gold.Lookup(ips[i&0xffff])
				i++
			}
		})
	}
}

// One operation is one million adds, in random order.
func BenchmarkInsertMillion(b *testing.B) {
	list := table(1000000)
	v := new(int)
	for b.Loop() {
		var tab Table[int]
		for _, p := range list {
			tab.Insert(p, v)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/route")
}

package lpm

import (
	"math/rand/v2"
	"testing"
)

// TestFrontWithSharedValues changes a table whose many prefixes have few
// values, and compares each lookup with a search length by length.
func TestFrontWithSharedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var table Table[int]
	values := [5]int{}
	random := func() Prefix { return PrefixFrom(20<<24|r.Uint32N(1<<22)<<2, 6+r.IntN(27)) }
	slow := func(addr uint32) *int {
		for n := 32; n >= 0; n-- {
			if v := table.Get(PrefixFrom(addr, n)); v != nil {
				return v
			}
		}
		return nil
	}
	var list []Prefix
	for range 2 * FrontMin {
		list = append(list, random())
	}
	for step := range 20 * FrontMin {
		p := list[r.IntN(len(list))]
		// Twice it grows past the front's minimum and shrinks to nothing.
		if grow := step/(5*FrontMin)%2 == 0; grow == (r.IntN(4) > 0) {
			table.Insert(p, &values[r.IntN(len(values))])
		} else {
			table.Delete(p)
		}
		addr := p.Addr | r.Uint32()&^mask(p.Len)
		want := slow(addr)
		if got := table.Best(addr); got != want {
			t.Fatalf("step %d: Best(%#x) = %p, want %p", step, addr, got, want)
		}
		if m := table.Lookup(addr); m.Value != want || m.OK() && table.Get(m.Prefix) != want {
			t.Fatalf("step %d: Lookup(%#x) = %v %p, want %p", step, addr, m.Prefix, m.Value, want)
		}
	}
	if f := table.front.Load(); f != nil {
		users := 0
		for i := 1; i < f.leaves; i++ {
			users += f.leaf(uint32(i)).users
		}
		if users > table.Len() {
			t.Errorf("%d users of leaves, %d prefixes", users, table.Len())
		}
	}
}

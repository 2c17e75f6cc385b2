package skb_test

import (
	"bytes"
	"testing"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/skb"
)

// pieces makes a Buff of a linear part and fragments with the lengths, each of
// a Block of its own, and returns its bytes too.
func pieces(c *kern.CPU, linear int, frags ...int) (*skb.Buff, []byte) {
	b, next := skb.Alloc(c, linear), byte(0)
	fill := func(p []byte) {
		for i := range p {
			p[i] = next
			next = next*5 + 1
		}
	}
	fill(b.Put(linear))
	for _, n := range frags {
		block := skb.NewBlock(c.Kernel())
		fill(block.Data()[:n])
		b.AddFrag(skb.Frag{Block: block, Len: uint32(n)})
	}
	all := make([]byte, b.Len())
	b.CopyOut(0, all)
	return b, all
}

func TestShare(t *testing.T) {
	k := kern.New(kern.Config{Seed: 1})
	defer k.Close()
	c := k.Enter(kern.Any)
	for _, tc := range []struct {
		name    string
		off, n  int
		ok      bool
		nfrags  int
		already int // fragments that the target has
	}{
		{"the linear part", 0, 50, false, 0, 0},
		{"linear and fragment", 50, 100, false, 0, 0},
		{"the beginning of a fragment", 100, 10, true, 1, 0},
		{"inside a fragment", 150, 10, true, 1, 0},
		{"across two", 190, 20, true, 2, 0},
		{"everything", 100, 600, true, 3, 0},
		{"past the end", 690, 20, false, 0, 0},
		{"no room", 190, 20, false, 16, 16},
		{"just room", 200, 20, true, 17, 16},
		{"nothing", 100, 0, true, 0, 0},
	} {
		b, all := pieces(c, 100, 100, 200, 300)
		o, front := pieces(c, 7, make([]int, tc.already)...)
		if ok := b.Share(o, tc.off, tc.n); ok != tc.ok || len(o.Frags()) != tc.nfrags {
			t.Errorf("%s: %v, %d fragments", tc.name, ok, len(o.Frags()))
		}
		if tc.ok {
			front = append(front, all[tc.off:tc.off+tc.n]...)
		}
		b.Consume(c)
		got := make([]byte, o.Len())
		if o.CopyOut(0, got); !bytes.Equal(got, front) {
			t.Errorf("%s: other bytes", tc.name)
		}
		o.Consume(c)
	}
	c.Exit()
	if n := skb.BlocksInUse(k); n != 0 {
		t.Errorf("%d blocks left", n)
	}
}

func TestExtendJoinsWhatContinues(t *testing.T) {
	k := kern.New(kern.Config{Seed: 1})
	defer k.Close()
	c := k.Enter(kern.Any)
	block := skb.NewBlock(k)
	b := skb.Alloc(c, 0)
	for _, f := range []struct{ off, n, nfrags int }{{0, 10, 1}, {10, 5, 1}, {16, 5, 2}, {21, 100, 2}, {15, 1, 3}} {
		if !b.Extend(skb.Frag{Block: block, Off: uint32(f.off), Len: uint32(f.n)}) || len(b.Frags()) != f.nfrags {
			t.Errorf("%+v: %d fragments", f, len(b.Frags()))
		}
	}
	if b.Len() != 121 {
		t.Errorf("length %d", b.Len())
	}
	block.Release()
	b.Consume(c)
	c.Exit()
	if n := skb.BlocksInUse(k); n != 0 {
		t.Errorf("%d blocks left", n)
	}
}

func TestChecksumOfPieces(t *testing.T) { // also at odd offsets and lengths
	k := kern.New(kern.Config{Seed: 1})
	defer k.Close()
	c := k.Enter(kern.Any)
	defer c.Exit()
	b, _ := pieces(c, 31, 1, 77, 200)
	o, _ := pieces(c, 13, 5)
	b.AddList(o)
	all := make([]byte, b.Len())
	b.CopyOut(0, all)
	for off := range len(all) {
		for _, n := range []int{1, 2, 33, 90, len(all)} {
			n = min(n, len(all)-off)
			if got, want := csum.Fold(b.Checksum(off, n, 5)), csum.Fold(csum.Sum(all[off:off+n], 5)); got != want {
				t.Fatalf("%d bytes at %d: %#x, want %#x", n, off, got, want)
			}
		}
	}
	b.Consume(c)
}

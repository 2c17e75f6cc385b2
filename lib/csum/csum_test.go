package csum

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// slow is RFC 1071 §4.1 word by word: the oracle.
func slow(b []byte) uint16 {
	var s uint32
	for i := 0; i < len(b); i += 2 {
		w := uint32(b[i]) << 8
		if i+1 < len(b) {
			w |= uint32(b[i+1])
		}
		s += w
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// same compares checksums as receivers do: 0 and 0xffff are both zero.
func same(a, b uint16) bool { return a == b || a%0xffff == b%0xffff }

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	mode := r.IntN(3)
	for i := range b {
		switch mode {
		case 0:
			b[i] = byte(r.Uint32())
		case 1:
			b[i] = 0xff
		}
	}
	return b
}

func TestRFC1071Example(t *testing.T) { // RFC 1071 §3: sum ddf2
	b := []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}
	if got := Checksum(b); got != ^uint16(0xddf2) {
		t.Errorf("got %#x", got)
	}
}

func TestSumAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := 0; n < 700; n++ {
		b := random(r, n+8)[r.IntN(8):]
		if got, want := Checksum(b), slow(b); !same(got, want) {
			t.Fatalf("len %d: got %#x want %#x", len(b), got, want)
		}
	}
	b := random(r, 65535)
	if got, want := Checksum(b), slow(b); !same(got, want) {
		t.Fatalf("64K: got %#x want %#x", got, want)
	}
}

func TestCombineAtAnyOffset(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 2000 {
		b := random(r, r.IntN(300))
		i := 0
		if len(b) > 0 {
			i = r.IntN(len(b))
		}
		whole := Sum(b, 0)
		if got := Fold(Combine(Sum(b[:i], 0), Sum(b[i:], 0), i)); !same(got, slow(b)) {
			t.Fatalf("Combine at %d of %d: %#x want %#x", i, len(b), got, slow(b))
		}
		if got := Fold(Uncombine(whole, Sum(b[i:], 0), i)); !same(got, slow(b[:i])) {
			t.Fatalf("Uncombine at %d of %d: %#x want %#x", i, len(b), got, slow(b[:i]))
		}
	}
}

func TestIncrementalUpdate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 5000 {
		b := random(r, 40)
		b[39] |= 1 // data that is not all zero, as a header never is
		field := slow(b)
		off := 2 * r.IntN(12)
		old16, old32 := binary.BigEndian.Uint16(b[off:]), binary.BigEndian.Uint32(b[off:])
		c := append([]byte(nil), b...)
		n := r.Uint32()
		binary.BigEndian.PutUint16(c[off:], uint16(n))
		if got := Update16(field, old16, uint16(n)); got != slow(c) {
			t.Fatalf("Update16: %#x want %#x", got, slow(c))
		}
		binary.BigEndian.PutUint32(c[off:], n)
		if got := Update32(field, old32, n); got != slow(c) {
			t.Fatalf("Update32: %#x want %#x", got, slow(c))
		}
		copy(c, b)
		repl := random(r, 16)
		copy(c[off:], repl)
		if got := UpdateSum(field, Sum(b[off:off+16], 0), Sum(repl, 0)); !same(got, slow(c)) {
			t.Fatalf("UpdateSum: %#x want %#x", got, slow(c))
		}
	}
}

// RFC 1624 §4: the case where RFC 1141 gave 0xffff.
func TestRFC1624Example(t *testing.T) {
	if got := Update16(0xdd2f, 0x5555, 0x3285); got != 0x0000 {
		t.Errorf("got %#x, want 0", got)
	}
}

func TestPseudoHeaders(t *testing.T) {
	src, dst := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("224.255.0.9")
	b := append(src.AsSlice(), dst.AsSlice()...)
	b = append(b, 0, 17, 0x12, 0x34)
	if got := Fold(Pseudo(src, dst, 17, 0x1234)); got != slow(b) {
		t.Errorf("IPv4: %#x want %#x", got, slow(b))
	}
	src, dst = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::ffff:1")
	b = append(src.AsSlice(), dst.AsSlice()...)
	b = append(b, 0, 1, 0x11, 0x70, 0, 0, 0, 58)
	if got := Fold(Pseudo(src, dst, 58, 70000)); got != slow(b) {
		t.Errorf("IPv6: %#x want %#x", got, slow(b))
	}
}

func TestNoAllocations(t *testing.T) {
	b := make([]byte, 1500)
	if n := testing.AllocsPerRun(100, func() { Sum(b, 0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSum(b *testing.B) {
	for _, n := range []int{20, 64, 1500, 65536} {
		buf := make([]byte, n)
		b.Run("", func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Sum(buf, 0)
			}
		})
	}
}

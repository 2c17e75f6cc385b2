package jhash

import (
	"encoding/binary"
	"testing"
)

// lookup3.c prints the first two for hashlittle; the others come from a C
// compile of the published algorithm over the bytes 0, 1, 2 ...
func TestVectors(t *testing.T) {
	const text = "Four score and seven years ago"
	if got := Bytes([]byte(text), 0); got != 0x17770551 {
		t.Errorf("%#x", got)
	}
	if got := Bytes([]byte(text), 1); got != 0xcd628161 {
		t.Errorf("%#x", got)
	}
	for _, c := range []struct {
		n          int
		seed, want uint32
	}{
		{0, 0, 0xdeadbeef}, {0, 0x12345678, 0xf0e21567},
		{1, 7, 0x58c184bf}, {6, 7, 0x615ed126}, {11, 7, 0x858cedba}, {16, 7, 0x3cc8f27c}, {21, 7, 0x09257ab1}, {26, 7, 0xecedbf25},
		{4, 0, 0xe4cf1d42}, {8, 0, 0xd4ccb93c}, {12, 0, 0x5e4aa593}, {12, 0x12345678, 0x1011bbf2},
		{16, 0, 0x5e84eafc}, {24, 0, 0x9c0add53}, {28, 0x12345678, 0xde2292d2}, {40, 0x12345678, 0xc2289b0a},
	} {
		b := make([]byte, c.n)
		for i := range b {
			b[i] = byte(i)
		}
		if got := Bytes(b, c.seed); got != c.want {
			t.Errorf("%d bytes, seed %#x: %#x want %#x", c.n, c.seed, got, c.want)
		}
	}
}

func TestWordsEqualLittleEndianBytes(t *testing.T) {
	k := []uint32{1, 0xfedcba98, 3, 0x80000000, 5, 6, 7, 8}
	var b []byte
	for n := range len(k) + 1 {
		if Words(k[:n], 9) != Bytes(b, 9) {
			t.Errorf("%d words", n)
		}
		if n < len(k) {
			b = binary.LittleEndian.AppendUint32(b, k[n])
		}
	}
	if Words3(1, 2, 3, 9) != Words([]uint32{1, 2, 3}, 9) || Words2(1, 2, 9) != Words([]uint32{1, 2}, 9) || Words1(1, 9) != Words([]uint32{1}, 9) {
		t.Error("the fixed forms differ")
	}
}

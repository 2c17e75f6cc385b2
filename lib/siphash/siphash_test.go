package siphash

import (
	"encoding/binary"
	"testing"
)

func key() Key {
	var b [16]byte
	for i := range b {
		b[i] = byte(i)
	}
	return KeyFrom(b)
}

// The 2-4 value of 15 bytes is appendix A of the paper, the others of 2-4 are
// in its reference vectors; those of 1-3 come from a second implementation.
func TestVectors(t *testing.T) {
	for _, c := range []struct {
		n        int
		s24, s13 uint64
	}{
		{0, 0x726fdb47dd0e0e31, 0xabac0158050fc4dc},
		{1, 0x74f839c593dc67fd, 0xc9f49bf37d57ca93},
		{8, 0x93f5f5799a932462, 0x369095118d299a8e},
		{15, 0xa129ca6149be45e5, 0xd320d86d2a519956},
		{63, 0x958a324ceb064572, 0x9d199062b7bbb3a8},
	} {
		b := make([]byte, c.n)
		for i := range b {
			b[i] = byte(i)
		}
		if got := Sum24(key(), b); got != c.s24 {
			t.Errorf("2-4 of %d bytes: %#x want %#x", c.n, got, c.s24)
		}
		if got := Sum13(key(), b); got != c.s13 {
			t.Errorf("1-3 of %d bytes: %#x want %#x", c.n, got, c.s13)
		}
	}
}

func TestWordsEqualBytes(t *testing.T) {
	words := []uint64{1, 0xfedcba9876543210, 1 << 63, 42}
	var b []byte
	for n := range len(words) + 1 {
		if Words24(key(), words[:n]...) != Sum24(key(), b) || Words13(key(), words[:n]...) != Sum13(key(), b) {
			t.Errorf("%d words", n)
		}
		if n < len(words) {
			b = binary.LittleEndian.AppendUint64(b, words[n])
		}
	}
}

func TestNoAllocations(t *testing.T) {
	k := key()
	if n := testing.AllocsPerRun(100, func() { Words13(k, 1, 2, 3) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

package iptunnel

import (
	"testing"

	"linen/wire"
)

// TestECN: what becomes of the ECN fields on the way in and out, as Linux 6.12 did
// it with each pair.
func TestECN(t *testing.T) {
	for in, want := range []uint8{ecnNot, ecnECT1, ecnECT0, ecnECT0} {
		if got := encapsulateECN(0xb8|3, uint8(in)); got != 0xb8|want {
			t.Errorf("inner %d: outer %#x", in, got)
		}
	}
	for _, c := range []struct{ outer, in, want uint8 }{
		{ecnECT1, ecnECT1, ecnECT1}, {ecnECT0, ecnECT1, ecnECT1}, {ecnNot, ecnECT1, ecnECT1}, {ecnCE, ecnECT1, ecnCE},
		{ecnECT1, ecnECT0, ecnECT1}, {ecnECT0, ecnECT0, ecnECT0}, {ecnNot, ecnECT0, ecnECT0}, {ecnCE, ecnECT0, ecnCE},
		{ecnECT1, ecnCE, ecnCE}, {ecnECT0, ecnCE, ecnCE}, {ecnNot, ecnCE, ecnCE}, {ecnCE, ecnCE, ecnCE},
	} {
		var h wire.IPv4Hdr
		h.SetVerIHL(20)
		h.SetTOS(0x28 | c.in)
		h.SetTTL(3)
		wire.SendCheck4(h[:])
		if e := decapsulateECN(c.outer, &h); e != ecnFine || h.TOS() != 0x28|c.want || !wire.VerifyCheck4(h[:]) {
			t.Errorf("outer %d, inner %d: %d, TOS %#x, checksum right: %v", c.outer, c.in, e, h.TOS(), wire.VerifyCheck4(h[:]))
		}
	}
	for outer, want := range []int{ecnFine, ecnOdd, ecnOdd, ecnDrop} {
		var h wire.IPv4Hdr
		if e := decapsulateECN(uint8(outer), &h); e != want || h.TOS() != 0 {
			t.Errorf("outer %d, inner not capable: %d, TOS %#x", outer, e, h.TOS())
		}
	}
}

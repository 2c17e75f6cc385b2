package ipv4_test

import (
	"encoding/binary"
	"testing"
	"time"

	"linen/net/procfs"
)

// TestRealmsAreCounted: /proc/net/rt_acct has for each realm four numbers:
// bytes and packets to it, bytes and packets from it. What is answered was
// seen on Linux 6.18.
func TestRealmsAreCounted(t *testing.T) {
	w := newWorld(t)
	w.ip(w.r, "route add 10.0.1.1 dev rb realm 7")
	w.ip(w.r, "route add 10.0.0.1 dev ra realm 3")
	if err := w.send(w.a, addrB, echo(56), nil); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	b, err := procfs.Of(w.r).Read("rt_acct")
	if err != nil || len(b) != 256*16 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	want := map[int][4]uint32{7: {84, 1, 84, 1}, 3: {84, 1, 84, 1}} // the request, the reply
	for realm := range 256 {
		var got [4]uint32
		for i := range got {
			got[i] = binary.NativeEndian.Uint32(b[realm*16+4*i:])
		}
		if got != want[realm] {
			t.Errorf("realm %d: %v, want %v", realm, got, want[realm])
		}
	}
}

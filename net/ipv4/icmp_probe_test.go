package ipv4_test

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"linen/lib/csum"
	"linen/net/mib"
	"linen/net/skb"
	"linen/wire"
)

// TestProbe: RFC 8335's questions about b0 (10.0.1.1) and their answers, code
// and the second word with what follows, as Linux 6.18 gave them.
func TestProbe(t *testing.T) {
	w := newWorld(t)
	w.set(w.b, "net/ipv4/icmp_ratelimit", "0")
	w.watch(w.b)
	b0 := device(w.b, "b0")
	index := hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(b0.Ifindex())))
	for i, c := range []struct {
		name  string
		lbit  byte
		query string // the extension
		code  byte
		state byte // 0xff: no answer
	}{
		{"by name", 1, "20007ac60008030162300000", 0, 6},
		{"by name, not padded", 1, "20007ac8000603016230", 0, 6},
		{"no such name", 1, "2000fe21000803016e6f7065", 2, 0},
		{"name of 16 bytes", 1, "200019270014030178787878787878787878787878787878", 1, 0},
		{"name of 15 bytes", 1, "200019a000130301787878787878787878787878787878", 2, 0},
		{"by index", 1, "2000dcee00080302" + index, 0, 6},
		{"no such index", 1, "2000dc920008030200000063", 2, 0},
		{"index of 2 bytes", 1, "2000dcf6000603020001", 1, 0},
		{"by address", 1, "2000ceec000c0303000104000a000101", 0, 6},
		{"address of nobody", 1, "2000cee5000c0303000104000a000109", 2, 0},
		{"address, wrong length", 1, "2000cdec000c0303000105000a000101", 1, 0},
		{"address, cut", 1, "2000cef0000a0303000104000a01", 1, 0},
		{"unknown address family", 1, "2000cee4000c0303000904000a000101", 1, 0},
		{"unknown C-Type", 1, "20007ac30008030462300000", 1, 0},
		{"no extension", 1, "", 1, 0},
		{"extension without an object", 1, "20000000", 1, 0},
		{"object without contents", 1, "2000dcfa00040301", 1, 0},
		{"object longer than the message", 1, "20007aa60028030162300000", 1, 0},
		{"object longer than any", 1, "2000cdcd00220301" + strings.Repeat("78", 30), 1, 0},
		{"version of the extension does not matter", 1, "000000000008030162300000", 0, 6},
		{"class of the object does not matter", 1, "000000000008090162300000", 0, 6},
		{"other bits beside L", 255, "20007ac60008030162300000", 0, 6},
		{"about a neighbour's interface", 0, "20007ac60008030162300000", 0, 0xff},
		{"switched off", 1, "20007ac60008030162300000", 0, 0xff},
	} {
		w.set(w.b, "net/ipv4/icmp_echo_enable_probe", map[bool]string{true: "0", false: "1"}[c.name == "switched off"])
		query, _ := hex.DecodeString(c.query)
		w.inject(b0, icmp(addrA, addrB, wire.ICMPExtEcho, 0, 7<<16|uint32(i)<<8|uint32(c.lbit), query), skb.PacketHost)
		out := w.packets(w.b, true)
		var got []byte
		for _, p := range out {
			if p.ip().Proto() == 1 {
				got = p.data[20:]
			}
		}
		switch {
		case c.state == 0xff:
			if got != nil {
				t.Errorf("%s: answered %x", c.name, got)
			}
		case got == nil:
			t.Errorf("%s: no answer", c.name)
		case got[0] != wire.ICMPExtEchoReply || got[1] != c.code || got[5] != 7 || got[6] != byte(i) || got[7] != c.state ||
			hex.EncodeToString(got[8:]) != c.query || csum.Checksum(got) != 0:
			t.Errorf("%s: %x", c.name, got)
		}
	}
	if n := w.counter(w.b, mib.ICMPOutEchoReps); n != 22 {
		t.Errorf("%d answers counted as echo replies, want 22", n)
	}
}

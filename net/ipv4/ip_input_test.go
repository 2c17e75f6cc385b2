package ipv4_test

import (
	"strings"
	"testing"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// counts is what counters should move by.
type counts map[mib.ID]uint64

// expect runs f and compares the counters of n that want names, and those in
// none, which must stand still.
func (w *world) expect(want counts, none []mib.ID, f func()) {
	w.t.Helper()
	before := mib.Of(w.b).Read()
	f()
	after := mib.Of(w.b).Read()
	for id, v := range want {
		if got := after[id] - before[id]; got != v {
			w.t.Errorf("counter %d moved by %d, want %d", id, got, v)
		}
	}
	for _, id := range none {
		if _, named := want[id]; !named && after[id] != before[id] {
			w.t.Errorf("counter %d moved by %d", id, after[id]-before[id])
		}
	}
}

// errorCounters are those that bad packets may move.
var errorCounters = []mib.ID{
	mib.IPInHdrErrors, mib.IPExtInTruncatedPkts, mib.IPExtInCsumErrors, mib.IPInAddrErrors, mib.IPInDelivers,
	mib.IPInUnknownProtos, mib.IPExtInNoRoutes, mib.ICMPOutMsgs, mib.ICMPInErrors, mib.IPReasmFails,
}

// edit returns a UDP packet for b, changed by f, with its checksum right
// again.
func edit(f func(p []byte) []byte) []byte {
	p := udp(addrA, addrB, 64)
	p = f(p)
	if len(p) >= 20 && p[0]&15 >= 5 && len(p) >= int(p[0]&15)*4 {
		wire.SendCheck4(p)
	}
	return p
}

// TestReceiveChecks are the header checks of RFC 1122 §3.2.1 with the counters
// that Linux moves.
func TestReceiveChecks(t *testing.T) {
	cases := []struct {
		name string
		p    []byte
		want counts
	}{
		{"three bytes", []byte{0x45, 0, 0}, counts{mib.IPInReceives: 1, mib.IPInHdrErrors: 1}},
		{"header length 4 words", edit(func(p []byte) []byte { p[0] = 0x44; return p }), counts{mib.IPInReceives: 1, mib.IPInHdrErrors: 1}},
		{"version 6", edit(func(p []byte) []byte { p[0] = 0x65; return p }), counts{mib.IPInReceives: 1, mib.IPInHdrErrors: 1}},
		{"header longer than the packet", edit(func(p []byte) []byte { p[0] = 0x4f; return p[:40] }), counts{mib.IPInReceives: 1, mib.IPInHdrErrors: 1, mib.IPExtInNoECTPkts: 1}},
		{"length 16", edit(func(p []byte) []byte { p[3] = 16; return p }), counts{mib.IPInReceives: 1, mib.IPInHdrErrors: 1}},
		{"length 2000 of 64", edit(func(p []byte) []byte { p[2], p[3] = 7, 208; return p }), counts{mib.IPInReceives: 1, mib.IPExtInTruncatedPkts: 1}},
		{"ECT(0)", edit(func(p []byte) []byte { p[1] = 2; return p }), counts{mib.IPInReceives: 1, mib.IPExtInECT0Pkts: 1, mib.IPInDelivers: 1}},
		{"CE", edit(func(p []byte) []byte { p[1] = 3; return p }), counts{mib.IPInReceives: 1, mib.IPExtInCEPkts: 1, mib.IPInDelivers: 1}},
		{"TTL 0 for us", edit(func(p []byte) []byte { p[8] = 0; return p }), counts{mib.IPInReceives: 1, mib.IPInDelivers: 1}},
		{"no such protocol", edit(func(p []byte) []byte { p[9] = 250; return p }), counts{mib.IPInReceives: 1, mib.IPInUnknownProtos: 1, mib.ICMPOutMsgs: 1}},
		{"from 127.0.0.1", edit(func(p []byte) []byte { copy(p[12:], []byte{127, 0, 0, 1}); return p }), counts{mib.IPInReceives: 1}},
		{"from 0.0.0.0", edit(func(p []byte) []byte { copy(p[12:], []byte{0, 0, 0, 0}); return p }), counts{mib.IPInReceives: 1}},
		{"from a group", edit(func(p []byte) []byte { copy(p[12:], []byte{224, 0, 0, 5}); return p }), counts{mib.IPInReceives: 1}},
		{"from everybody", edit(func(p []byte) []byte { copy(p[12:], []byte{255, 255, 255, 255}); return p }), counts{mib.IPInReceives: 1}},
		{"from ourselves", edit(func(p []byte) []byte { copy(p[12:], p[16:20]); return p }), counts{mib.IPInReceives: 1}},
		{"to 127.0.0.1", edit(func(p []byte) []byte { copy(p[16:], []byte{127, 0, 0, 1}); return p }), counts{mib.IPInReceives: 1}},
		{"to a group nobody is in", edit(func(p []byte) []byte { copy(p[16:], []byte{239, 0, 0, 9}); return p }), counts{mib.IPInReceives: 1}},
		{"to all hosts", edit(func(p []byte) []byte { copy(p[16:], []byte{224, 0, 0, 1}); return p }), counts{mib.IPInReceives: 1, mib.IPExtInMcastPkts: 1, mib.IPInDelivers: 1}},
		{"to the subnet", edit(func(p []byte) []byte { copy(p[16:], []byte{10, 0, 1, 255}); return p }), counts{mib.IPInReceives: 1, mib.IPExtInBcastPkts: 1, mib.IPInDelivers: 1}},
		{"to another host, not forwarding", edit(func(p []byte) []byte { copy(p[16:], []byte{10, 9, 9, 9}); return p }), counts{mib.IPInReceives: 1, mib.IPInAddrErrors: 1}},
	}
	w := newWorld(t)
	ipv4.AddProtocol(w.b, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) { b.Consume(c) }})
	if err := w.send(w.b, addrA, echo(8), nil); err != nil {
		t.Fatal(err)
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			w.expect(tc.want, errorCounters, func() { w.inject(device(w.b, "b0"), tc.p, skb.PacketHost) })
		})
	}
}

func TestBadChecksumCounted(t *testing.T) {
	w := newWorld(t)
	p := udp(addrA, addrB, 64)
	p[10] ^= 1
	w.expect(counts{mib.IPInReceives: 1, mib.IPInHdrErrors: 1, mib.IPExtInCsumErrors: 1}, errorCounters, func() {
		w.inject(device(w.b, "b0"), p, skb.PacketHost)
	})
}

func TestOtherHostsFrameNotCounted(t *testing.T) {
	w := newWorld(t)
	w.expect(counts{mib.IPInReceives: 0}, errorCounters, func() {
		w.inject(device(w.b, "b0"), udp(addrA, addrB, 64), skb.PacketOtherHost)
	})
	if n := device(w.b, "b0").Counters().RxOtherhost; n != 1 {
		t.Errorf("rx_otherhost_dropped %d", n)
	}
}

// TestLinkPaddingTrimmed: what Ethernet adds to short packets is not data.
func TestLinkPaddingTrimmed(t *testing.T) {
	w := newWorld(t)
	var got int
	ipv4.AddProtocol(w.b, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) { got = b.Len(); b.Consume(c) }})
	w.inject(device(w.b, "b0"), append(udp(addrA, addrB, 28), make([]byte, 18)...), skb.PacketHost)
	if got != 8 {
		t.Errorf("%d bytes delivered", got)
	}
}

// TestUnicastInLinkBroadcast is taken by a host unless it is told not to, and
// never forwarded (RFC 1122 §3.3.6, RFC 1812 §5.3.4).
func TestUnicastInLinkBroadcast(t *testing.T) {
	w := newWorld(t)
	got := 0
	ipv4.AddProtocol(w.b, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) { got++; b.Consume(c) }})
	w.inject(device(w.b, "b0"), udp(addrA, addrB, 64), skb.PacketBroadcast)
	w.inject(device(w.r, "ra"), udp(addrA, addrB, 64), skb.PacketBroadcast)
	if got != 1 {
		t.Errorf("%d delivered", got)
	}
	w.set(w.b, "net/ipv4/conf/b0/drop_unicast_in_l2_multicast", "1")
	w.inject(device(w.b, "b0"), udp(addrA, addrB, 64), skb.PacketMulticast)
	if got != 1 || skb.Drops(w.b)[skb.ReasonUnicastInL2Multicast] != 1 {
		t.Error("delivered")
	}
}

// TestRawBeforeProtocol: raw sockets see every packet, and are handlers of
// protocols without one.
func TestRawBeforeProtocol(t *testing.T) {
	w := newWorld(t)
	takes := true
	var seen []uint8
	ipv4.SetRawDeliver(w.b, func(c *kern.CPU, b *skb.Buff, proto uint8) bool { seen = append(seen, proto); return takes })
	p := edit(func(p []byte) []byte { p[9] = 250; return p })
	w.expect(counts{mib.IPInDelivers: 1}, errorCounters, func() { w.inject(device(w.b, "b0"), p, skb.PacketHost) })
	takes = false
	w.expect(counts{mib.IPInUnknownProtos: 1, mib.ICMPOutMsgs: 1}, errorCounters, func() { w.inject(device(w.b, "b0"), p, skb.PacketHost) })
	if len(seen) != 2 || seen[0] != 250 {
		t.Errorf("seen %v", seen)
	}
}

// TestRouteStats: /proc/net/stat/rt_cache counts martians, packets without a
// way and broadcasts; /proc/net/rt_cache is a title.
func TestRouteStats(t *testing.T) {
	w := newWorld(t)
	for _, p := range [][]byte{
		udp(addrRA, addrB, 40), udp(0x7f000001, addrB, 40), udp(addrA, 0x7f000001, 40), udp(addrA, num("99.0.0.1"), 40),
		udp(addrA, 0xffffffff, 40),
	} {
		w.inject(device(w.r, "ra"), p, skb.PacketHost)
	}
	text, err := procfs.Of(w.r).Read("stat/rt_cache")
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) != 3 {
		t.Fatalf("%q %v", text, err)
	}
	got := map[string]string{}
	for i, name := range strings.Fields(lines[0]) {
		got[name] = strings.Fields(lines[1])[i]
	}
	for name, want := range map[string]string{
		"in_martian_src": "00000001", "in_martian_dst": "00000002", "in_no_route": "00000001", "in_brd": "00000001", "in_hit": "00000000",
	} {
		if got[name] != want {
			t.Errorf("%s %s, want %s\n%s", name, got[name], want, text)
		}
	}
	if text, _ := procfs.Of(w.r).Read("rt_cache"); len(text) != 128 || !strings.HasPrefix(string(text), "Iface\tDestination\tGateway \tFlags\t\tRefCnt") {
		t.Errorf("rt_cache: %q", text)
	}
}

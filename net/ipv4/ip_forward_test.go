package ipv4_test

import (
	"testing"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// TestForwardDecisions is the list of ip_forward (RFC 1812 §5.3), with the
// router's counters.
func TestForwardDecisions(t *testing.T) {
	ttl := func(v uint8) func(p []byte) []byte { return func(p []byte) []byte { p[8] = v; return p } }
	cases := []struct {
		name   string
		change func(p []byte) []byte
		count  mib.ID
		answer int // ICMP type, or -1
		passes bool
	}{
		{"TTL 2", ttl(2), mib.IPForwDatagrams, -1, true},
		{"TTL 1", ttl(1), mib.IPInHdrErrors, wire.ICMPTimeExceeded, false},
		{"TTL 0", ttl(0), mib.IPInHdrErrors, wire.ICMPTimeExceeded, false},
		{"no route", func(p []byte) []byte { p[17] = 99; return p }, mib.IPExtInNoRoutes, wire.ICMPDestUnreach, false},
		{"class E", func(p []byte) []byte { p[16] = 240; return p }, mib.IPExtInNoRoutes, wire.ICMPDestUnreach, false},
	}
	for _, tc := range cases {
		w := newWorld(t)
		var got [][]byte
		receiver(w.b, &got)
		w.watch(w.b)
		w.watch(w.a)
		before := w.counter(w.r, tc.count)
		w.inject(device(w.r, "ra"), edit(tc.change), skb.PacketHost)
		w.clock.Advance(time.Second)
		if got := w.counter(w.r, tc.count) - before; got != 1 {
			t.Errorf("%s: counter moved by %d", tc.name, got)
		}
		in := w.packets(w.b, false)
		if (len(in) == 1) != tc.passes || tc.passes && (in[0].ip().TTL() != 1 || !wire.VerifyCheck4(in[0].data)) {
			t.Errorf("%s: b received %v", tc.name, in)
		}
		back := w.packets(w.a, false)
		if (len(back) == 1) != (tc.answer >= 0) || len(back) == 1 && int(back[0].icmp().Type()) != tc.answer {
			t.Errorf("%s: a received %v", tc.name, back)
		}
	}
}

// TestForwardSetsPriority from the TOS unless ip_forward_update_priority is 0.
func TestForwardSetsPriority(t *testing.T) {
	for tos, want := range map[uint8]uint8{0: 0, 0x10: 6, 0x08: 2, 0x18: 4, 0x02: 1} {
		if got := ipv4.PriorityOfTOS(tos); got != want {
			t.Errorf("TOS %#x: priority %d, want %d", tos, got, want)
		}
	}
}

// super returns a TCP super-packet from a to b: size bytes of payload in
// segments of seg, DF set.
func super(c *kern.CPU, size, seg int) *skb.Buff {
	const hdr = wire.IPv4HdrLen + wire.TCPHdrLen
	b := skb.Alloc(c, wire.EthHdrLen+hdr+size)
	b.Put(wire.EthHdrLen)
	p := b.Put(hdr + size)
	clear(p)
	h := (*wire.IPv4Hdr)(p)
	h.SetVerIHL(20)
	h.SetTotLen(hdr + size)
	h.SetFragOff(wire.IPv4DF)
	h.SetTTL(64)
	h.SetProto(uapi.IPPROTO_TCP)
	h.SetSaddr(addrA)
	h.SetDaddr(addrB)
	wire.SendCheck4(p[:20])
	p[32] = 5 << 4
	b.SetMacHeader(0)
	b.Pull(wire.EthHdrLen)
	b.SetTransportHeader(20)
	b.SetPartialCsum(20, 16)
	b.GSOSize, b.GSOType, b.GSOSegs = uint16(seg), skb.GSOTCPv4, uint16((size+seg-1)/seg)
	b.Protocol = uapi.ETH_P_IP
	return b
}

// TestSuperPacketForwardedWhole: only its segments must fit the MTU.
func TestSuperPacketForwardedWhole(t *testing.T) {
	for _, tc := range []struct{ seg, whole int }{{1460, 1}, {1461, 0}} {
		w := newWorld(t)
		if err := w.send(w.a, addrB, echo(8), nil); err != nil {
			t.Fatal(err)
		}
		got, segs := 0, 0
		ipv4.AddProtocol(w.b, uapi.IPPROTO_TCP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) {
			got++
			segs = int(b.GSOSegs)
			b.Consume(c)
		}})
		fails := w.counter(w.r, mib.IPFragFails)
		w.on(func(c *kern.CPU) { dev.Rx(c, device(w.r, "ra"), super(c, 30000, tc.seg)) })
		if got != tc.whole || got == 1 && segs != 21 {
			t.Errorf("segments of %d: %d packets of %d segments", tc.seg, got, segs)
		}
		if failed := w.counter(w.r, mib.IPFragFails) - fails; int(failed) != 1-tc.whole {
			t.Errorf("segments of %d: FragFails %d", tc.seg, failed)
		}
	}
}

// TestReassembledKeepsItsSizes: a router that had to reassemble (router alert)
// sends on fragments no larger than those that came, with their DF.
func TestReassembledKeepsItsSizes(t *testing.T) {
	w := newWorld(t)
	taken := 0
	wants := func(proto uint8, _ int) bool { return proto == uapi.IPPROTO_UDP }
	ipv4.SetRouterAlert(w.r, wants, func(c *kern.CPU, b *skb.Buff) bool { taken++; return false })
	w.watch(w.b)
	alert := func(p []byte) []byte {
		o := append(append(append([]byte(nil), p[:20]...), wire.IPOptRA, 4, 0, 0), p[20:]...)
		h := (*wire.IPv4Hdr)(o)
		h.SetVerIHL(24)
		h.SetTotLen(len(o))
		wire.SendCheck4(o)
		return o
	}
	df := func(h *wire.IPv4Hdr) { h.SetFragOff(h.FragOff() | wire.IPv4DF) }
	w.inject(device(w.r, "ra"), alert(piece(1, 0, 400, true, df)), skb.PacketHost)
	w.inject(device(w.r, "ra"), alert(piece(1, 400, 300, false, df)), skb.PacketHost)
	w.clock.Advance(time.Second)
	in := w.packets(w.b, false)
	if taken != 1 || len(in) != 2 {
		t.Fatalf("offered %d times, %d packets", taken, len(in))
	}
	for i, size := range []int{424, 324} {
		if h := in[i].ip(); h.TotLen() != size || !h.DF() {
			t.Errorf("fragment %d: %d bytes, DF %v", i, h.TotLen(), h.DF())
		}
	}
}

// TestFragmentsTooFarApart: when too many other fragments of the sender came
// in between, the queue begins anew (ipfrag_max_dist).
func TestFragmentsTooFarApart(t *testing.T) {
	for _, tc := range []struct {
		between, delivered int
	}{{60, 1}, {70, 0}} {
		w := newWorld(t)
		var got [][]byte
		receiver(w.b, &got)
		b0 := device(w.b, "b0")
		w.inject(b0, piece(1, 0, 16, true), skb.PacketHost)
		for i := range tc.between {
			w.inject(b0, piece(uint16(100+i), 0, 16, true), skb.PacketHost)
		}
		w.inject(b0, piece(1, 16, 8, false), skb.PacketHost)
		if len(got) != tc.delivered {
			t.Errorf("%d in between: %d delivered", tc.between, len(got))
		}
	}
}

// TestPacketLoopEnds: two routers that point at each other.
func TestPacketLoopEnds(t *testing.T) {
	w := newWorld(t)
	w.ip(w.r, "route add 10.8.0.0/16 via 10.0.1.1")
	w.set(w.b, "net/ipv4/ip_forward", "1")
	w.watch(w.a)
	if err := w.send(w.a, 0x0a080001, echo(8), nil); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	exceeded := 0
	for _, p := range w.packets(w.a, false) {
		if p.icmp().Type() == wire.ICMPTimeExceeded {
			exceeded++
		}
	}
	if exceeded != 1 {
		t.Errorf("%d time exceeded", exceeded)
	}
}

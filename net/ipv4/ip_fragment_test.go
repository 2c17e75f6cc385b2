package ipv4_test

import (
	"bytes"
	"testing"
	"time"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// piece returns the fragment of packet id from a to b with size bytes of
// payload from off on; its bytes are their offsets.
func piece(id uint16, off, size int, more bool, change ...func(h *wire.IPv4Hdr)) []byte {
	p := udp(addrA, addrB, wire.IPv4HdrLen+max(size, 8))[:wire.IPv4HdrLen+size]
	h := (*wire.IPv4Hdr)(p)
	h.SetTotLen(len(p))
	h.SetID(id)
	f := uint16(off / 8)
	if more {
		f |= wire.IPv4MF
	}
	h.SetFragOff(f)
	for _, c := range change {
		c(h)
	}
	for i := range size {
		p[wire.IPv4HdrLen+i] = byte(off + i)
	}
	wire.SendCheck4(p)
	return p
}

// receiver makes n note the payload of each UDP packet it takes.
func receiver(n *netns.Net, got *[][]byte) {
	ipv4.AddProtocol(n, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) {
		p := make([]byte, b.Len())
		b.CopyOut(0, p)
		*got = append(*got, p)
		b.Consume(c)
	}})
}

// sequence returns n bytes that are their offsets.
func sequence(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

var (
	fragOK   = counts{mib.IPReasmOKs: 1, mib.IPInDelivers: 1}
	fragFail = counts{mib.IPReasmFails: 1}
)

// TestReassembly is what becomes of fragments (RFC 791 §3.2; overlaps as Linux
// after CVE-2018-5391).
func TestReassembly(t *testing.T) {
	ce := func(v uint8) func(h *wire.IPv4Hdr) { return func(h *wire.IPv4Hdr) { h.SetTOS(v) } }
	cases := []struct {
		name   string
		pieces [][]byte
		want   counts
		size   int // of what is delivered; 0: nothing
	}{
		{"in order", [][]byte{piece(1, 0, 16, true), piece(1, 16, 16, true), piece(1, 32, 5, false)}, fragOK, 37},
		{"backwards", [][]byte{piece(1, 32, 5, false), piece(1, 16, 16, true), piece(1, 0, 16, true)}, fragOK, 37},
		{"duplicate", [][]byte{piece(1, 0, 16, true), piece(1, 0, 16, true), piece(1, 16, 5, false)}, fragOK, 21},
		{"inside what is there", [][]byte{piece(1, 0, 24, true), piece(1, 8, 8, true), piece(1, 24, 5, false)}, fragOK, 29},
		{"overlap", [][]byte{piece(1, 0, 24, true), piece(1, 16, 16, true)}, counts{mib.IPReasmFails: 1, mib.IPExtReasmOverlaps: 1}, 0},
		{"teardrop", [][]byte{piece(1, 0, 40, true), piece(1, 24, 4, false)}, fragFail, 0},
		{"around what is there", [][]byte{piece(1, 16, 8, true), piece(1, 8, 32, true)}, counts{mib.IPReasmFails: 1, mib.IPExtReasmOverlaps: 1}, 0},
		{"two ends", [][]byte{piece(1, 16, 8, false), piece(1, 24, 8, false)}, fragFail, 0},
		{"data behind the end", [][]byte{piece(1, 16, 8, false), piece(1, 24, 8, true)}, fragFail, 0},
		{"cut to a multiple of 8", [][]byte{piece(1, 0, 19, true), piece(1, 16, 8, false)}, fragOK, 24},
		{"nothing left of it", [][]byte{piece(1, 0, 7, true)}, fragFail, 0},
		{"ping of death", [][]byte{piece(1, 65528, 100, false), piece(1, 0, 65512, true), piece(1, 65512, 16, true)}, fragFail, 0},
		{"other packet's", [][]byte{piece(1, 0, 16, true), piece(2, 16, 5, false)}, counts{}, 0},
		{"CE among ECT(0)", [][]byte{piece(1, 0, 16, true, ce(2)), piece(1, 16, 16, false, ce(3))}, fragOK, 32},
		{"CE among Not-ECT", [][]byte{piece(1, 0, 16, true, ce(0)), piece(1, 16, 16, false, ce(3))}, fragFail, 0},
	}
	none := []mib.ID{mib.IPReasmOKs, mib.IPReasmFails, mib.IPExtReasmOverlaps, mib.IPInDelivers}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			var got [][]byte
			receiver(w.b, &got)
			tc.want[mib.IPReasmReqds] = uint64(len(tc.pieces))
			w.expect(tc.want, none, func() {
				for _, p := range tc.pieces {
					w.inject(device(w.b, "b0"), p, skb.PacketHost)
				}
			})
			delete(tc.want, mib.IPReasmReqds)
			switch {
			case tc.size == 0 && len(got) > 0:
				t.Errorf("delivered % x", got)
			case tc.size != 0 && (len(got) != 1 || !bytes.Equal(got[0], sequence(tc.size))):
				t.Errorf("delivered % x", got)
			}
			w.clock.Advance(time.Minute)
			if q, n := ipv4.FragMemory(w.b); q != 0 || n != 0 {
				t.Errorf("%d queues and %d bytes stay", q, n)
			}
		})
	}
}

// TestReassemblyTimeout: the sender is told after 30 seconds, if its first
// fragment came (RFC 792, RFC 1122 §3.3.2).
func TestReassemblyTimeout(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := newWorld(t)
		w.watch(w.b)
		off := 0
		if !first {
			off = 8
		}
		w.inject(device(w.b, "b0"), piece(1, off, 16, true), skb.PacketHost)
		w.clock.Advance(29 * time.Second)
		if q, _ := ipv4.FragMemory(w.b); q != 1 {
			t.Fatal("forgotten too early")
		}
		w.expect(counts{mib.IPReasmTimeout: 1, mib.IPReasmFails: 1}, nil, func() { w.clock.Advance(2 * time.Second) })
		out := w.packets(w.b, true)
		if !first {
			if len(out) != 0 {
				t.Error("told the sender although the first fragment is missing")
			}
			continue
		}
		if len(out) != 1 || out[0].icmp().Type() != wire.ICMPTimeExceeded || out[0].icmp().Code() != wire.ICMPExcFragTime {
			t.Fatalf("sent %v", out)
		}
		if !bytes.Equal(out[0].data[28:], piece(1, 0, 16, true)) {
			t.Errorf("quoted % x", out[0].data[28:])
		}
	}
}

// TestFragmentMemoryBounded: above ipfrag_high_thresh fragments are refused.
func TestFragmentMemoryBounded(t *testing.T) {
	w := newWorld(t)
	w.set(w.b, "net/ipv4/ipfrag_low_thresh", "10000")
	w.set(w.b, "net/ipv4/ipfrag_high_thresh", "20000")
	for id := range 1000 {
		w.inject(device(w.b, "b0"), piece(uint16(id), 0, 512, true), skb.PacketHost)
	}
	if _, n := ipv4.FragMemory(w.b); n > 20000+3000 {
		t.Errorf("%d bytes", n)
	}
	w.clock.Advance(time.Minute)
	if q, n := ipv4.FragMemory(w.b); q != 0 || n != 0 {
		t.Errorf("%d queues, %d bytes after their time", q, n)
	}
}

// TestLargePingFragmentedAndBack: 60,000 bytes through links of 1500, with the
// counters of both ends and of the router.
func TestLargePingFragmentedAndBack(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	req := echo(60000)
	if err := w.send(w.a, addrB, req, func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_DONT }); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	const pieces = 41 // of 1480 bytes
	if got := w.counter(w.r, mib.IPForwDatagrams); got != 2*pieces {
		t.Errorf("router forwarded %d", got)
	}
	fragmented := counts{mib.IPFragCreates: pieces, mib.IPFragOKs: 1, mib.IPReasmOKs: 1, mib.IPReasmReqds: pieces}
	for id, want := range fragmented {
		if got := w.counter(w.b, id); got != want {
			t.Errorf("counter %d of b: %d, want %d", id, got, want)
		}
		if got := w.counter(w.a, id); got != want {
			t.Errorf("counter %d of a: %d, want %d", id, got, want)
		}
	}
	in := w.packets(w.a, false)
	if len(in) != pieces || in[0].ip().TotLen() != 1500 || in[pieces-1].ip().MF() {
		t.Errorf("%d fragments", len(in))
	}
	for _, p := range in[1:] {
		if p.ip().ID() != in[0].ip().ID() {
			t.Error("fragments with several ids")
		}
	}
}

// TestForwardedFragments: a router cuts fragments further at multiples of 8,
// and keeps their borders.
func TestForwardedFragments(t *testing.T) {
	w := newWorld(t)
	w.mtu(device(w.r, "rb"), 1300)
	var got [][]byte
	receiver(w.b, &got)
	w.watch(w.b)
	w.inject(device(w.r, "ra"), piece(1, 0, 1480, true), skb.PacketHost)
	w.inject(device(w.r, "ra"), piece(1, 1480, 520, false), skb.PacketHost)
	w.clock.Advance(time.Second)
	want := []struct {
		off, size int
		more      bool
	}{{0, 1280, true}, {1280, 200, true}, {1480, 520, false}}
	in := w.packets(w.b, false)
	if len(in) != len(want) {
		t.Fatalf("%d fragments", len(in))
	}
	for i, p := range in {
		if h := p.ip(); h.Offset() != want[i].off || len(p.data)-20 != want[i].size || h.MF() != want[i].more || !wire.VerifyCheck4(p.data) {
			t.Errorf("fragment %d: offset %d, %d bytes, more %v", i, h.Offset(), len(p.data)-20, h.MF())
		}
	}
	if len(got) != 1 || !bytes.Equal(got[0], sequence(2000)) {
		t.Error("not reassembled")
	}
}

// TestDontFragment: too large with DF is answered with the MTU (RFC 1191 §4).
func TestDontFragment(t *testing.T) {
	w := newWorld(t)
	w.mtu(device(w.r, "rb"), 1300)
	w.watch(w.a)
	if err := w.send(w.a, addrB, echo(1400), func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_DO }); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	in := w.packets(w.a, false)
	if len(in) != 1 {
		t.Fatalf("%d packets came back", len(in))
	}
	h := in[0].icmp()
	if h.Type() != wire.ICMPDestUnreach || h.Code() != wire.ICMPFragNeeded || h.MTU() != 1300 {
		t.Errorf("message % x", h[:])
	}
	if got := w.counter(w.r, mib.IPFragFails); got != 1 {
		t.Errorf("FragFails %d", got)
	}
	if err := w.send(w.a, addrB, echo(1480), func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_DO }); err == nil {
		t.Error("longer than the device's MTU was sent")
	}
}

// TestOptionsInFragments: options without the copy bit stand in the first one
// only (RFC 791 §3.2).
func TestOptionsInFragments(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	opts, err := ipv4.CompileOptions(w.a, []byte{wire.IPOptRR, 7, 4, 0, 0, 0, 0, wire.OptNop, wire.IPOptRA, 4, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	err = w.send(w.a, addrB, echo(2000), func(s *ipv4.Send) { s.PMTU, s.Options = uapi.IP_PMTUDISC_DONT, opts })
	if err != nil {
		t.Fatal(err)
	}
	out := w.packets(w.a, true)
	if len(out) != 2 {
		t.Fatalf("%d fragments", len(out))
	}
	first, second := out[0].data[20:32], out[1].data[20:32]
	if first[0] != wire.IPOptRR || !bytes.Equal(first[3:7], []byte{10, 0, 0, 1}) || first[8] != wire.IPOptRA {
		t.Errorf("first % x", first)
	}
	if !bytes.Equal(second, []byte{1, 1, 1, 1, 1, 1, 1, 1, wire.IPOptRA, 4, 0, 0}) {
		t.Errorf("second % x", second)
	}
}

// TestTinyFirstFragment: a first fragment that holds eight bytes of the
// transport header only is put together like any other, before the transport
// or a filter looks at ports (RFC 1858 §3).
func TestTinyFirstFragment(t *testing.T) {
	w := newWorld(t)
	var got [][]byte
	receiver(w.b, &got)
	for _, p := range [][]byte{piece(7, 0, 8, true), piece(7, 8, 40, false)} {
		w.inject(device(w.b, "b0"), p, skb.PacketHost)
	}
	if len(got) != 1 || !bytes.Equal(got[0], sequence(48)) {
		t.Errorf("delivered % x", got)
	}
}

// TestIdentificationsAreKeyed: which destinations share a counter of
// identifications depends on a key that every boot draws anew, so that nobody
// can choose addresses that collide (RFC 6274 §3.5).
func TestIdentificationsAreKeyed(t *testing.T) {
	ids := func(seed uint64) (list [64]uint16) {
		k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: seed})
		defer k.Close()
		n := newNet(t, k)
		c := k.Enter(kern.Any)
		defer c.Exit()
		for i := range list {
			list[i] = ipv4.SelectID(c, n, addrA, addrB+uint32(i), uapi.IPPROTO_UDP, 1)
		}
		return list
	}
	same := 0
	a, b := ids(1), ids(2)
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	if same > 8 || ids(1) != a {
		t.Errorf("%d of %d identifications are those of another boot", same, len(a))
	}
}

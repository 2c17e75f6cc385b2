package ipv4_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// options returns an echo request from a to dst with the options, padded.
func options(dst uint32, opts ...byte) []byte {
	for len(opts)%4 != 0 {
		opts = append(opts, wire.OptEnd)
	}
	plain := icmp(addrA, dst, wire.ICMPEcho, 0, 1, []byte("data"))
	p := append(append(append([]byte(nil), plain[:20]...), opts...), plain[20:]...)
	h := (*wire.IPv4Hdr)(p)
	h.SetVerIHL(20 + len(opts))
	h.SetTotLen(len(p))
	wire.SendCheck4(p)
	return p
}

// TestOptionErrors: malformed options are answered with a pointer to the fault
// (RFC 1122 §3.2.2.5).
func TestOptionErrors(t *testing.T) {
	cases := []struct {
		name    string
		opts    []byte
		pointer int // 0: it is delivered
	}{
		{"nothing but NOP", bytes.Repeat([]byte{1}, 40), 0},
		{"unknown", []byte{200, 4, 1, 2}, 0},
		{"unknown behind the end", []byte{0, 200, 99, 1}, 0},
		{"length 0", []byte{200, 0, 0, 0}, 20},
		{"length 1", []byte{1, 200, 1, 0}, 21},
		{"longer than the header", []byte{200, 5, 0, 0}, 20},
		{"record route without pointer", []byte{1, 1, 7, 2}, 23},
		{"record route, pointer 3", []byte{7, 7, 3, 0, 0, 0, 0}, 22},
		{"record route, pointer into the last", []byte{7, 7, 6, 0, 0, 0, 0}, 22},
		{"record route full", []byte{7, 7, 8, 1, 2, 3, 4}, 0},
		{"two record routes", []byte{7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0}, 27},
		{"timestamp of 3 bytes", []byte{1, 68, 3, 5}, 22},
		{"timestamp, pointer 4", []byte{68, 8, 4, 0, 0, 0, 0, 0}, 22},
		{"timestamp, unknown flag", []byte{68, 12, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0}, 0},
		{"timestamp full", []byte{68, 8, 9, 0x10, 0, 0, 0, 0}, 0},
		{"timestamp overflow full", []byte{68, 8, 9, 0xf0, 0, 0, 0, 0}, 23},
		{"router alert of 3 bytes", []byte{148, 3, 0, 0}, 21},
		{"router alert", []byte{148, 4, 0, 0}, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w := bWorld(t)
			w.t = t
			want := counts{mib.IPInHdrErrors: 0, mib.IPInDelivers: 1}
			if tc.pointer != 0 {
				want = counts{mib.IPInHdrErrors: 1, mib.IPInDelivers: 0}
			}
			w.expect(want, nil, func() { w.inject(device(w.b, "b0"), options(addrB, tc.opts...), skb.PacketHost) })
			out := w.outICMP()
			if len(out) != 1 {
				t.Fatalf("%d answers", len(out))
			}
			m := out[0].icmp()
			if tc.pointer == 0 && m.Type() != wire.ICMPEchoReply || tc.pointer != 0 && (m.Type() != wire.ICMPParamProb || int(m.Pointer()) != tc.pointer) {
				t.Errorf("answer % x", m[:])
			}
		})
	}
}

// TestRecordRoute is `ping -R`: both directions, router and host.
func TestRecordRoute(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	opts, err := ipv4.CompileOptions(w.a, append([]byte{wire.IPOptRR, 39, 4}, make([]byte, 36)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.send(w.a, addrB, echo(8), func(s *ipv4.Send) { s.Options = opts }); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	in := w.packets(w.a, false)
	if len(in) != 1 {
		t.Fatalf("%d answers", len(in))
	}
	o := wire.RouteOption(in[0].data[20:59])
	want := []uint32{addrA, addrRB, addrB, addrB, addrRA}
	for i, a := range want {
		if o.Addr(i) != a {
			t.Errorf("hop %d: %08x, want %08x", i, o.Addr(i), a)
		}
	}
	if o.Pointer() != 4+4*len(want) || !wire.VerifyCheck4(in[0].data) {
		t.Errorf("option % x", []byte(o))
	}
}

// TestTimestampOption is `ping -T tsandaddr`: the fifth finds no room.
func TestTimestampOption(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	opts, err := ipv4.CompileOptions(w.a, append([]byte{wire.IPOptTS, 36, 5, 1}, make([]byte, 32)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.send(w.a, addrB, echo(8), func(s *ipv4.Send) { s.Options = opts }); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	in := w.packets(w.a, false)
	if len(in) != 1 {
		t.Fatalf("%d answers", len(in))
	}
	o := in[0].data[20:56]
	for i, a := range []uint32{addrA, addrRA, addrB, addrB} { // a router gives the address of the link that it came by
		if got := binary.BigEndian.Uint32(o[4+8*i:]); got != a {
			t.Errorf("entry %d: %08x, want %08x", i, got, a)
		}
		if ms := binary.BigEndian.Uint32(o[8+8*i:]); ms == 0 || ms > 5000 {
			t.Errorf("entry %d at %d ms", i, ms)
		}
	}
	if o[3]>>4 != 1 {
		t.Errorf("%d hops without room, want 1: the router", o[3]>>4)
	}
}

// TestSourceRoute is dropped unless accept_source_route is set for all and the
// device; then the packet goes by the hops, and r stands in for itself.
func TestSourceRoute(t *testing.T) {
	lsrr := []byte{wire.IPOptLSRR, 7, 4, 10, 0, 1, 1} // by r to b
	w := newWorld(t)
	w.watch(w.b)
	w.inject(device(w.r, "ra"), options(addrRA, lsrr...), skb.PacketHost)
	w.clock.Advance(time.Second)
	if in := w.packets(w.b, false); len(in) != 0 || skb.Drops(w.r)[skb.ReasonIPBadOption] != 1 {
		t.Fatal("forwarded by default")
	}
	w.set(w.r, "net/ipv4/conf/all/accept_source_route", "1")
	w.set(w.b, "net/ipv4/conf/all/accept_source_route", "1")
	w.watch(w.a)
	w.inject(device(w.r, "ra"), options(addrRA, lsrr...), skb.PacketHost)
	w.clock.Advance(time.Second)
	in := w.packets(w.b, false)
	if len(in) != 1 || in[0].ip().Daddr() != addrB {
		t.Fatalf("b received %v", in)
	}
	if o := wire.RouteOption(in[0].data[20:27]); o.Addr(0) != addrRB || !o.Full() || !wire.VerifyCheck4(in[0].data) {
		t.Errorf("option % x", []byte(o))
	}
	if in := w.packets(w.a, false); len(in) != 1 || in[0].icmp().Type() != wire.ICMPEchoReply {
		t.Errorf("a received %v", in)
	}
}

// TestStrictSourceRouteNeedsLink: a gateway may not be between (RFC 1812
// §5.2.7.1).
func TestStrictSourceRouteNeedsLink(t *testing.T) {
	w := newWorld(t)
	w.set(w.r, "net/ipv4/conf/all/accept_source_route", "1")
	w.ip(w.r, "route add 10.7.0.0/16 via 10.0.1.1")
	w.watch(w.a)
	w.inject(device(w.r, "ra"), options(addrRA, wire.IPOptSSRR, 7, 4, 10, 7, 0, 1), skb.PacketHost)
	w.clock.Advance(time.Second)
	in := w.packets(w.a, false)
	if len(in) != 1 || in[0].icmp().Type() != wire.ICMPDestUnreach || in[0].icmp().Code() != wire.ICMPSrFailed {
		t.Errorf("a received %v", in)
	}
}

// TestCompileOptions are setsockopt(IP_OPTIONS)'s rules (ip(7)).
func TestCompileOptions(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		opts []byte
		err  error
		size int
	}{
		{nil, nil, 0},
		{make([]byte, 41), errno.EINVAL, 0},
		{[]byte{wire.OptNop}, nil, 4},
		{[]byte{wire.IPOptLSRR, 11, 4, 10, 0, 0, 2, 10, 0, 1, 1}, nil, 12},
		{[]byte{wire.IPOptLSRR, 11, 8, 10, 0, 0, 2, 10, 0, 1, 1}, errno.EINVAL, 0},
		{[]byte{wire.IPOptLSRR, 3, 4}, errno.EINVAL, 0},
	} {
		o, err := ipv4.CompileOptions(w.a, tc.opts)
		if err != tc.err || o.Len() != tc.size {
			t.Errorf("% x: %d bytes, %v", tc.opts, o.Len(), err)
		}
		if tc.size == 12 && o.FirstHop != addrRA {
			t.Errorf("first hop %x", o.FirstHop)
		}
	}
}

// TestSourceRouteSent: the first hop is the header's destination, the final one
// the list's last.
func TestSourceRouteSent(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	opts, err := ipv4.CompileOptions(w.a, []byte{wire.IPOptLSRR, 11, 4, 10, 0, 0, 2, 10, 9, 9, 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.send(w.a, addrB, echo(8), func(s *ipv4.Send) { s.Options = opts }); err != nil {
		t.Fatal(err)
	}
	out := w.packets(w.a, true)
	if len(out) != 1 || out[0].ip().Daddr() != addrRA || !bytes.Equal(out[0].data[23:31], []byte{10, 9, 9, 9, 10, 0, 1, 1}) {
		t.Errorf("sent %v", out)
	}
}

// TestSend: the header that a Send describes, and its errors.
func TestSend(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	cases := []struct {
		name     string
		dst      uint32
		size     int
		change   func(s *ipv4.Send)
		err      error
		df       bool
		ttl, tos uint8
		pieces   int
	}{
		{"default", addrB, 8, nil, nil, true, 64, 0, 1},
		{"DONT", addrB, 8, func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_DONT }, nil, false, 64, 0, 1},
		{"TTL and TOS", addrB, 8, func(s *ipv4.Send) { s.TTL, s.TOS = 3, 0x28 }, nil, true, 3, 0x28, 1},
		{"multicast", 0xef000001, 8, nil, nil, true, 1, 0, 1},
		{"WANT, too long: no DF", addrB, 2000, nil, nil, false, 64, 0, 2},
		{"DO, too long", addrB, 2000, func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_DO }, errno.EMSGSIZE, false, 0, 0, 0},
		{"INTERFACE, too long", addrB, 2000, func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_INTERFACE }, errno.EMSGSIZE, false, 0, 0, 0},
		{"OMIT, too long", addrB, 2000, func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_OMIT }, nil, false, 64, 0, 2},
		{"largest", addrB, 65507, nil, nil, false, 64, 0, 45},
		{"larger", addrB, 65508, nil, errno.EMSGSIZE, false, 0, 0, 0},
	}
	for _, tc := range cases {
		if err := w.send(w.a, tc.dst, echo(tc.size), tc.change); err != tc.err {
			t.Errorf("%s: %v", tc.name, err)
		}
		w.clock.Advance(time.Second)
		out := w.packets(w.a, true)
		if len(out) != tc.pieces {
			t.Errorf("%s: %d packets", tc.name, len(out))
			continue
		}
		if tc.pieces > 0 {
			if h := out[0].ip(); h.DF() != tc.df || h.TTL() != tc.ttl || h.TOS() != tc.tos || !wire.VerifyCheck4(out[0].data) {
				t.Errorf("%s: header % x", tc.name, h[:])
			}
		}
	}
}

// TestSourceRouteToMartian: where source routes are accepted, one whose next
// hop is no address to send to ends here.
func TestSourceRouteToMartian(t *testing.T) {
	for _, hop := range [][4]byte{{127, 0, 0, 1}, {0, 0, 0, 0}, {255, 255, 255, 255}, {224, 0, 0, 5}, {10, 0, 1, 255}} {
		w := newWorld(t)
		w.set(w.r, "net/ipv4/conf/all/accept_source_route", "1")
		w.set(w.r, "net/ipv4/conf/ra/accept_source_route", "1")
		w.watch(w.r)
		w.inject(device(w.r, "ra"), options(addrRA, wire.IPOptLSRR, 7, 4, hop[0], hop[1], hop[2], hop[3]), skb.PacketHost)
		w.clock.Advance(time.Second)
		for _, p := range w.packets(w.r, true) {
			if p.ip().Daddr() != addrA {
				t.Errorf("%v: %s sent to %v", hop, p.dev, p.ip().Dst())
			}
		}
	}
}

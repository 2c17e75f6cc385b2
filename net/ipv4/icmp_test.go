package ipv4_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// icmp returns an ICMP message in an IP packet.
func icmp(src, dst uint32, typ, code uint8, rest uint32, body []byte) []byte {
	p := udp(src, dst, 28+max(len(body), 0))
	p = p[:28+len(body)]
	copy(p[28:], body)
	h := (*wire.IPv4Hdr)(p)
	h.SetProto(uapi.IPPROTO_ICMP)
	wire.SendCheck4(p)
	m := (*wire.ICMPHdr)(p[20:])
	m.SetTypeCode(typ, code)
	m.SetRest(rest)
	m.SetCheck(0)
	m.SetCheck(csum.Checksum(p[20:]))
	return p
}

// outICMP returns the ICMP messages that b sent.
func (w *world) outICMP() (list []packet) {
	for _, p := range w.packets(w.b, true) {
		if p.ip().Proto() == uapi.IPPROTO_ICMP {
			list = append(list, p)
		}
	}
	return list
}

// bWorld is a world with b's neighbours resolved and its packets watched.
func bWorld(t *testing.T) *world {
	w := newWorld(t)
	if err := w.send(w.b, addrA, echo(8), nil); err != nil {
		t.Fatal(err)
	}
	w.watch(w.b)
	return w
}

func TestEveryICMPType(t *testing.T) {
	for typ := range 256 {
		w := bWorld(t)
		want := counts{mib.ICMPInMsgs: 1, mib.ICMPInErrors: 0}
		switch {
		case typ == wire.ICMPExtEcho, typ == wire.ICMPExtEchoReply: // known, and not answered
		case typ > 18, wire.ICMPIsError(uint8(typ)), typ == wire.ICMPTimestamp:
			want[mib.ICMPInErrors] = 1 // unknown, or it quotes nothing, or it holds no time
		}
		seen := mib.Of(w.b).ICMPMsgs(mib.In, uint8(typ))
		w.expect(want, nil, func() { w.inject(device(w.b, "b0"), icmp(addrA, addrB, uint8(typ), 0, 7, nil), skb.PacketHost) })
		out := w.outICMP()
		if echo := typ == wire.ICMPEcho; echo != (len(out) == 1) || echo && out[0].icmp().Type() != wire.ICMPEchoReply {
			t.Errorf("type %d: answers %v", typ, out)
		}
		if got := mib.Of(w.b).ICMPMsgs(mib.In, uint8(typ)) - seen; got != 1 {
			t.Errorf("InType%d %d", typ, got)
		}
	}
}

func TestEchoReplyIsTheRequest(t *testing.T) {
	w := bWorld(t)
	req := icmp(addrA, addrB, wire.ICMPEcho, 5, 0x12345678, []byte("what is sent comes back"))
	(*wire.IPv4Hdr)(req).SetTOS(0x10)
	wire.SendCheck4(req)
	w.inject(device(w.b, "b0"), req, skb.PacketHost)
	out := w.outICMP()
	if len(out) != 1 {
		t.Fatalf("%d answers", len(out))
	}
	h, m := out[0].ip(), out[0].icmp()
	if h.Saddr() != addrB || h.Daddr() != addrA || h.TOS() != 0x10 || h.TTL() != 64 || h.DF() {
		t.Errorf("header % x", h[:])
	}
	if m.Type() != 0 || m.Code() != 5 || m.Rest() != 0x12345678 || !bytes.Equal(out[0].data[28:], req[28:]) || csum.Checksum(out[0].data[20:]) != 0 {
		t.Errorf("message % x", out[0].data[20:])
	}
}

func TestTimestampReply(t *testing.T) {
	w := bWorld(t)
	body := binary.BigEndian.AppendUint32(nil, 4711)
	w.inject(device(w.b, "b0"), icmp(addrA, addrB, wire.ICMPTimestamp, 0, 1, append(body, make([]byte, 8)...)), skb.PacketHost)
	out := w.outICMP()
	if len(out) != 1 || len(out[0].data) != 40 || csum.Checksum(out[0].data[20:]) != 0 {
		t.Fatalf("answers %v", out)
	}
	p := out[0].data[28:]
	now := uint32(w.clock.Wall(w.clock.Now()).Sub(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds())
	if binary.BigEndian.Uint32(p) != 4711 || binary.BigEndian.Uint32(p[4:]) != now || binary.BigEndian.Uint32(p[8:]) != now {
		t.Errorf("times % x, now %x", p, now)
	}
}

// TestEchoToEverybody: ignored unless icmp_echo_ignore_broadcasts is 0.
func TestEchoToEverybody(t *testing.T) {
	w := bWorld(t)
	req := icmp(addrA, 0x0a0001ff, wire.ICMPEcho, 0, 1, nil)
	w.expect(counts{mib.ICMPInEchos: 1, mib.ICMPInErrors: 1}, nil, func() { w.inject(device(w.b, "b0"), req, skb.PacketBroadcast) })
	if out := w.outICMP(); len(out) != 0 {
		t.Error("answered")
	}
	w.set(w.b, "net/ipv4/icmp_echo_ignore_broadcasts", "0")
	w.inject(device(w.b, "b0"), req, skb.PacketBroadcast)
	if out := w.outICMP(); len(out) != 1 || out[0].ip().Saddr() != addrB {
		t.Errorf("answers %v", out)
	}
	w.set(w.b, "net/ipv4/icmp_echo_ignore_all", "1")
	w.inject(device(w.b, "b0"), icmp(addrA, addrB, wire.ICMPEcho, 0, 1, nil), skb.PacketHost)
	if out := w.outICMP(); len(out) != 0 {
		t.Error("answered with icmp_echo_ignore_all")
	}
}

// TestNoErrorAbout is RFC 1122 §3.2.2: what errors are never sent about.
func TestNoErrorAbout(t *testing.T) {
	proto := func(p []byte) []byte { // no such protocol
		(*wire.IPv4Hdr)(p).SetProto(250)
		wire.SendCheck4(p)
		return p
	}
	from := func(p []byte, a uint32) []byte { (*wire.IPv4Hdr)(p).SetSaddr(a); wire.SendCheck4(p); return p }
	cases := []struct {
		name string
		p    []byte
		kind uint8
		sent int
	}{
		{"a packet to us", proto(udp(addrA, addrB, 64)), skb.PacketHost, 1},
		{"a link broadcast", proto(udp(addrA, addrB, 64)), skb.PacketBroadcast, 0},
		{"a link multicast", proto(udp(addrA, addrB, 64)), skb.PacketMulticast, 0},
		{"a broadcast", proto(udp(addrA, 0x0a0001ff, 64)), skb.PacketHost, 0},
		{"a multicast", proto(udp(addrA, 0xe0000001, 64)), skb.PacketHost, 0},
		{"a packet from nobody", from(proto(udp(addrA, 0xe0000001, 64)), 0), skb.PacketHost, 0},
		{"a packet with no way back", from(proto(udp(addrA, addrB, 64)), 0xf0000001), skb.PacketHost, 0},
	}
	for _, tc := range cases {
		w := bWorld(t)
		w.ip(w.b, "route add unreachable 240.0.0.0/4")
		w.inject(device(w.b, "b0"), tc.p, tc.kind)
		if out := w.outICMP(); len(out) != tc.sent {
			t.Errorf("%s: %d sent", tc.name, len(out))
		}
	}
	// About errors, and about what might be one; the router's TTL rule asks.
	for typ := range 20 {
		w := newWorld(t)
		w.watch(w.a)
		p := icmp(addrA, addrB, uint8(typ), 0, 0, make([]byte, 28))
		(*wire.IPv4Hdr)(p).SetTTL(1)
		wire.SendCheck4(p)
		w.inject(device(w.r, "ra"), p, skb.PacketHost)
		w.clock.Advance(time.Second)
		isError := wire.ICMPIsError(uint8(typ)) || typ == 1 || typ == 2 || typ == 6 || typ == 7 || typ > 18
		if got := len(w.packets(w.a, false)) > 0; got == isError {
			t.Errorf("about type %d: %v", typ, got)
		}
	}
}

// TestErrorContent: at most 576 bytes, precedence 6, no DF, the packet as it
// was (RFC 1812 §4.3.2).
func TestErrorContent(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	p := udp(addrA, addrB, 1000)
	h := (*wire.IPv4Hdr)(p)
	h.SetTTL(1)
	h.SetTOS(0x12)
	wire.SendCheck4(p)
	w.inject(device(w.r, "ra"), p, skb.PacketHost)
	w.clock.Advance(time.Second)
	in := w.packets(w.a, false)
	if len(in) != 1 {
		t.Fatalf("%d errors", len(in))
	}
	e := in[0].ip()
	if e.TotLen() != 576 || e.TOS() != 0xd2 || e.DF() || e.TTL() != 64 || e.Saddr() != addrRA {
		t.Errorf("header % x", e[:])
	}
	if m := in[0].icmp(); m.Type() != wire.ICMPTimeExceeded || m.Code() != 0 || m.Rest() != 0 || csum.Checksum(in[0].data[20:]) != 0 {
		t.Errorf("message % x", m[:])
	}
	if !bytes.Equal(in[0].data[28:], p[:548]) {
		t.Error("the packet is quoted otherwise than it was")
	}
}

// TestRouteErrors: what a router answers when no route takes a packet.
func TestRouteErrors(t *testing.T) {
	cases := []struct {
		route string
		code  int // -1: nothing
		count mib.ID
	}{
		{"", wire.ICMPNetUnreach, mib.IPExtInNoRoutes},
		{"unreachable 10.9.0.0/16", wire.ICMPHostUnreach, 0},
		{"prohibit 10.9.0.0/16", wire.ICMPPktFiltered, 0},
		{"blackhole 10.9.0.0/16", -1, 0},
	}
	for _, tc := range cases {
		w := newWorld(t)
		if tc.route != "" {
			w.ip(w.r, "route add "+tc.route)
		}
		w.watch(w.a)
		if err := w.send(w.a, 0x0a090001, echo(8), nil); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Second)
		in := w.packets(w.a, false)
		if tc.code < 0 {
			if len(in) != 0 {
				t.Errorf("%s: answered", tc.route)
			}
			continue
		}
		if len(in) != 1 || in[0].icmp().Type() != wire.ICMPDestUnreach || int(in[0].icmp().Code()) != tc.code {
			t.Errorf("%s: %v", tc.route, in)
		}
		if tc.count != 0 && w.counter(w.r, tc.count) != 1 {
			t.Errorf("%s: not counted", tc.route)
		}
	}
}

// TestHostUnreachableAfterThreeProbes: the neighbour does not answer ARP.
func TestHostUnreachableAfterThreeProbes(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	if err := w.send(w.a, 0x0a000163, echo(8), nil); err != nil { // 10.0.1.99 behind r
		t.Fatal(err)
	}
	w.clock.Advance(2 * time.Second)
	if in := w.packets(w.a, false); len(in) != 0 {
		t.Fatal("too early")
	}
	w.clock.Advance(2 * time.Second)
	in := w.packets(w.a, false)
	if len(in) != 1 || in[0].icmp().Type() != wire.ICMPDestUnreach || in[0].icmp().Code() != wire.ICMPHostUnreach || in[0].ip().Saddr() != addrRA {
		t.Errorf("answers %v", in)
	}
}

// noProtocol is a packet that b answers with an error.
func noProtocol(src uint32) []byte {
	p := udp(src, addrB, 64)
	(*wire.IPv4Hdr)(p).SetProto(250)
	wire.SendCheck4(p)
	return p
}

// TestICMPLimitPerHost: six errors at once, then one a second.
func TestICMPLimitPerHost(t *testing.T) {
	w := bWorld(t)
	w.set(w.b, "net/ipv4/icmp_msgs_burst", "1000")
	w.clock.Advance(10 * time.Second)
	for range 100 {
		w.inject(device(w.b, "b0"), noProtocol(addrA), skb.PacketHost)
	}
	if n := len(w.outICMP()); n != 6 {
		t.Errorf("%d errors to one host", n)
	}
	if n := w.counter(w.b, mib.ICMPOutRateLimitHost); n != 94 {
		t.Errorf("OutRateLimitHost %d", n)
	}
	w.clock.Advance(time.Second)
	w.inject(device(w.b, "b0"), noProtocol(addrA), skb.PacketHost)
	if n := len(w.outICMP()); n != 1 {
		t.Errorf("%d errors a second later", n)
	}
}

// TestICMPLimitOfNamespace: about fifty errors at once, to whomever.
func TestICMPLimitOfNamespace(t *testing.T) {
	w := bWorld(t)
	for i := range 2000 {
		w.inject(device(w.b, "b0"), noProtocol(0x0a020000+uint32(i)), skb.PacketHost)
	}
	if n := len(w.outICMP()); n < 25 || n > 120 {
		t.Errorf("%d errors to 2000 hosts", n)
	}
	if w.counter(w.b, mib.ICMPOutRateLimitGlobal) < 1800 {
		t.Error("OutRateLimitGlobal")
	}
}

// TestErrorsReachTransports with the errno that a socket is told.
func TestErrorsReachTransports(t *testing.T) {
	quoted := udp(addrB, addrA, 64)
	cases := []struct {
		name       string
		typ, code  uint8
		rest       uint32
		quote      []byte
		want       *ipv4.ICMPErr
		countsAsIn uint64 // InErrors
	}{
		{"port unreachable", 3, 3, 0, quoted, &ipv4.ICMPErr{Type: 3, Code: 3, Errno: errno.ECONNREFUSED, Fatal: true}, 0},
		{"fragmentation needed", 3, 4, 1300, quoted, &ipv4.ICMPErr{Type: 3, Code: 4, Info: 1300, Errno: errno.EMSGSIZE}, 0},
		{"host unknown", 3, 7, 0, quoted, &ipv4.ICMPErr{Type: 3, Code: 7, Errno: errno.EHOSTDOWN, Fatal: true}, 0},
		{"code 16", 3, 16, 0, quoted, nil, 0},
		{"time exceeded", 11, 0, 0, quoted, &ipv4.ICMPErr{Type: 11, Errno: errno.EHOSTUNREACH}, 0},
		{"reassembly time", 11, 1, 0, quoted, nil, 0},
		{"parameter problem", 12, 0, 20 << 24, quoted, &ipv4.ICMPErr{Type: 12, Info: 20, Errno: errno.EPROTO, Fatal: true}, 0},
		{"quoted header cut off", 3, 3, 0, quoted[:19], nil, 1},
		{"quoted ports cut off", 3, 3, 0, quoted[:27], nil, 1},
		{"quoted header length 4 words", 3, 3, 0, append([]byte{0x44}, quoted[1:]...), nil, 1},
	}
	for _, tc := range cases {
		w := bWorld(t)
		var got *ipv4.ICMPErr
		raw := 0
		ipv4.AddProtocol(w.b, uapi.IPPROTO_UDP, &ipv4.Protocol{
			Recv: func(c *kern.CPU, b *skb.Buff) { b.Consume(c) },
			Err: func(c *kern.CPU, b *skb.Buff, e ipv4.ICMPErr) {
				got = &e
				if !bytes.Equal(b.Data()[:28], tc.quote[:28]) || (*wire.IPv4Hdr)(b.Network()).Saddr() != addrA || b.Transport()[0] != tc.typ {
					t.Errorf("%s: the error is shown wrongly", tc.name)
				}
			},
		})
		ipv4.SetRawErr(w.b, func(c *kern.CPU, b *skb.Buff, proto uint8, e ipv4.ICMPErr) { raw++ })
		w.expect(counts{mib.ICMPInErrors: tc.countsAsIn}, nil, func() {
			w.inject(device(w.b, "b0"), icmp(addrA, addrB, tc.typ, tc.code, tc.rest, tc.quote), skb.PacketHost)
		})
		switch {
		case (got == nil) != (tc.want == nil), got != nil && *got != *tc.want:
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		case (raw == 1) != (tc.want != nil):
			t.Errorf("%s: %d raw errors", tc.name, raw)
		}
	}
}

func TestPathMTULearned(t *testing.T) {
	w := newWorld(t)
	w.mtu(device(w.r, "rb"), 1300)
	ipv4.SetPing(w.a, func(c *kern.CPU, b *skb.Buff) bool { return false }, func(c *kern.CPU, b *skb.Buff, e ipv4.ICMPErr) {
		ipv4.PMTUFromICMP(c, w.a, b, int(e.Info))
	})
	do := func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_DO }
	if err := w.send(w.a, addrB, echo(1400), do); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	if err := w.send(w.a, addrB, echo(1400), do); err != errno.EMSGSIZE {
		t.Errorf("second try: %v", err)
	}
	w.clock.Advance(11 * time.Minute) // route/mtu_expires
	if err := w.send(w.a, addrB, echo(1400), do); err != nil {
		t.Errorf("after it expired: %v", err)
	}
}

// TestRedirect: the router tells a of a better gateway on a's link, and a goes
// there.
func TestRedirect(t *testing.T) {
	w := newWorld(t)
	w.ip(w.r, "route add 10.5.0.0/16 via 10.0.0.77")
	w.watch(w.a)
	w.inject(device(w.r, "ra"), udp(addrA, 0x0a050001, 64), skb.PacketHost)
	w.clock.Advance(100 * time.Millisecond)
	in := w.packets(w.a, false)
	if len(in) == 0 || in[0].icmp().Type() != wire.ICMPRedirect || in[0].icmp().Gateway() != 0x0a00004d {
		t.Fatalf("a was told %v", in)
	}
	for range 30 { // each waits longer than the one before
		w.inject(device(w.r, "ra"), udp(addrA, 0x0a050001, 64), skb.PacketHost)
	}
	w.clock.Advance(100 * time.Millisecond)
	n := 0
	for _, p := range w.packets(w.a, false) {
		if p.icmp().Type() == wire.ICMPRedirect {
			n++
		}
	}
	if n > 1 {
		t.Errorf("%d redirects at once", n)
	}
}

// TestRouteErrorsAreLimited: a source that floods a router with packets for
// nowhere gets five answers, then one a second (error_burst, error_cost).
// icmp_ratelimit takes from the same account: with it, two and then none while
// the flood lasts, as seen of Linux 6.18.
func TestRouteErrorsAreLimited(t *testing.T) {
	for _, c := range []struct {
		limit        string
		burst, later int
	}{{"0", 5, 5}, {"1000", 2, 0}} {
		w := newWorld(t)
		w.ip(w.r, "route add unreachable 10.9.0.0/16")
		w.set(w.r, "net/ipv4/icmp_ratelimit", c.limit)
		if err := w.send(w.a, addrRA, echo(8), nil); err != nil { // neighbours are known then
			t.Fatal(err)
		}
		w.clock.Advance(10 * time.Second)
		w.watch(w.r)
		flood := func(n int) (answers int) {
			for range n {
				w.inject(device(w.r, "ra"), udp(addrA, num("10.9.0.1"), 40), skb.PacketHost)
			}
			for _, p := range w.packets(w.r, true) {
				if p.ip().Proto() == uapi.IPPROTO_ICMP {
					answers++
				}
			}
			return answers
		}
		if got := flood(50); got != c.burst {
			t.Errorf("ratelimit %s: %d answers to a flood, want %d", c.limit, got, c.burst)
		}
		total := 0
		for range 5 {
			w.clock.Advance(time.Second)
			total += flood(20)
		}
		if total != c.later {
			t.Errorf("ratelimit %s: %d answers in the five seconds after it, want %d", c.limit, total, c.later)
		}
	}
}

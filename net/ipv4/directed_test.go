package ipv4_test

import (
	"testing"
	"time"

	"linen/net/ipv4"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// TestDirectedBroadcastForwarded: a broadcast to another subnet is taken by the
// router that is on it, and with bc_forwarding set for all devices and the one
// it came in by, is sent on as a broadcast of the link instead (RFC 2644).
func TestDirectedBroadcastForwarded(t *testing.T) {
	for _, c := range []struct {
		all, dev string
		forward  bool
	}{{"0", "0", false}, {"1", "0", false}, {"0", "1", false}, {"1", "1", true}} {
		w := newWorld(t)
		w.set(w.r, "net/ipv4/conf/all/bc_forwarding", c.all)
		w.set(w.r, "net/ipv4/conf/ra/bc_forwarding", c.dev)
		w.watch(w.b)
		w.inject(device(w.r, "ra"), udp(addrA, 0x0a0001ff, 64), skb.PacketHost)
		w.clock.Advance(time.Second)
		got := 0
		for _, p := range w.packets(w.b, false) {
			if p.ip().Daddr() == 0x0a0001ff && p.ip().TTL() == 63 {
				got++
			}
		}
		if (got == 1) != c.forward {
			t.Errorf("bc_forwarding all=%s ra=%s: b received %d", c.all, c.dev, got)
		}
	}
}

// TestEveryAddressOfALocalPrefix: `ip route add local PREFIX dev lo` makes all
// of its addresses ours (AnyIP): ARP answers for them, echo requests are
// answered from them, sockets may be bound to them.
func TestEveryAddressOfALocalPrefix(t *testing.T) {
	const one = 0xc0000207 // 192.0.2.7
	w := newWorld(t)
	w.ip(w.b, "route add local 192.0.2.0/24 dev lo")
	w.ip(w.r, "route add 192.0.2.0/24 dev rb")
	w.watch(w.a)
	if err := w.send(w.a, one, echo(8), nil); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	in := w.packets(w.a, false)
	if len(in) != 1 || in[0].ip().Saddr() != one || in[0].icmp().Type() != wire.ICMPEchoReply {
		t.Errorf("a received %v", in)
	}
	if !ipv4.IsLocal(w.b, one) || ipv4.IsLocal(w.b, 0xc0000307) || ipv4.AddrType(w.b, one) != uapi.RTN_LOCAL {
		t.Error("192.0.2.7 is not local, or 192.0.3.7 is")
	}
}

// TestErrorsInsideVRF: an ICMP error goes back by the table of the VRF that the
// packet came in by, from the address of its port.
func TestErrorsInsideVRF(t *testing.T) {
	w := newWorld(t)
	addVRF(t, w.r, "red", 10, "ra", "rb")
	w.clock.Advance(2 * time.Second)
	w.ip(w.r, "route add unreachable 10.0.0.0/24") // main, which has no say
	w.watch(w.a)
	for _, c := range []struct {
		name string
		dst  uint32
		ttl  int
		typ  uint8
	}{
		{"time exceeded", addrB, 1, wire.ICMPTimeExceeded},
		{"net unreachable", 0x0a090001, 64, wire.ICMPDestUnreach},
		{"echo reply through it", addrB, 64, wire.ICMPEchoReply},
	} {
		if err := w.send(w.a, c.dst, echo(8), func(s *ipv4.Send) { s.TTL = c.ttl }); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(3 * time.Second)
		in := w.packets(w.a, false)
		if len(in) != 1 || in[0].icmp().Type() != c.typ || c.typ != wire.ICMPEchoReply && in[0].ip().Saddr() != addrRA {
			t.Errorf("%s: a received %v", c.name, in)
		}
	}
}

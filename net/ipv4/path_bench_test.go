package ipv4_test

import (
	"encoding/binary"
	"testing"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// udp returns a UDP packet of size bytes in all, without checksum.
func udp(src, dst uint32, size int) []byte {
	p := make([]byte, size)
	h := (*wire.IPv4Hdr)(p)
	h.SetVerIHL(wire.IPv4HdrLen)
	h.SetTotLen(size)
	h.SetTTL(64)
	h.SetProto(uapi.IPPROTO_UDP)
	h.SetSaddr(src)
	h.SetDaddr(dst)
	wire.SendCheck4(p)
	binary.BigEndian.PutUint16(p[20:], 1000)
	binary.BigEndian.PutUint16(p[22:], 2000)
	binary.BigEndian.PutUint16(p[24:], uint16(size-20))
	return p
}

// forwarding returns a function that makes the router forward count packets
// from a to b, where a handler takes them.
func forwarding(t testing.TB) func(count int) {
	w := newWorld(t)
	if err := w.send(w.a, addrB, echo(56), nil); err != nil { // neighbours are known then
		t.Fatal(err)
	}
	if err := ipv4.AddProtocol(w.b, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) { b.Consume(c) }}); err != nil {
		t.Fatal(err)
	}
	d, p := dev.ByName(w.r, "ra"), udp(addrA, addrB, 64)
	return func(count int) {
		for count > 0 {
			c := w.k.Enter(kern.Any)
			for range min(count, 64) {
				inject(c, d, p, skb.PacketHost)
			}
			count -= min(count, 64)
			c.Exit()
		}
	}
}

func TestForwardedPacketCostsNoAllocation(t *testing.T) {
	run := forwarding(t)
	run(64)
	if n := testing.AllocsPerRun(20, func() { run(64) }); n >= 1 {
		t.Errorf("%v allocations for 64 packets", n)
	}
}

// BenchmarkForward is a 64-byte UDP packet from the router's device through
// its veth into a protocol of the next namespace.
func BenchmarkForward(b *testing.B) {
	run := forwarding(b)
	run(64)
	b.ReportAllocs()
	b.ResetTimer()
	run(b.N)
}

// BenchmarkSend is a datagram from a socket's point of view: header, output,
// veth, receiver.
func BenchmarkSend(b *testing.B) {
	w := newWorld(b)
	if err := w.send(w.a, addrRA, echo(56), nil); err != nil {
		b.Fatal(err)
	}
	ipv4.AddProtocol(w.r, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) { b.Consume(c) }})
	p := udp(0, 0, 64)[20:]
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += 32 {
		c := w.k.Enter(kern.Any)
		for range 32 {
			f := ipv4.Flow{Daddr: addrRA}
			s := ipv4.Send{Dst: addrRA, Proto: uapi.IPPROTO_UDP, TTL: ipv4.DefaultTTL}
			s.Route, _ = ipv4.RouteOutput(c, w.a, &f)
			s.Src = f.Saddr
			s.Xmit(c, skb.From(c, p))
		}
		c.Exit()
	}
}

// TestEchoCostsNoAllocation: nor does an error that the limits hold back.
func TestEchoCostsNoAllocation(t *testing.T) {
	w := newWorld(t)
	if err := w.send(w.b, addrRB, echo(8), nil); err != nil {
		t.Fatal(err)
	}
	d := dev.ByName(w.b, "b0")
	for name, p := range map[string][]byte{"echo": icmp(addrRB, addrB, wire.ICMPEcho, 0, 1, make([]byte, 56)), "error": noProtocol(addrRB)} {
		run := func() {
			c := w.k.Enter(kern.Any)
			for range 64 {
				inject(c, d, p, skb.PacketHost)
			}
			c.Exit()
		}
		run()
		if n := testing.AllocsPerRun(20, run); n >= 1 {
			t.Errorf("%s: %v allocations for 64 packets", name, n)
		}
	}
}

// BenchmarkEcho is an echo request and its reply, one way over a veth.
func BenchmarkEcho(b *testing.B) {
	w := newWorld(b)
	if err := w.send(w.b, addrRB, echo(8), nil); err != nil {
		b.Fatal(err)
	}
	d, p := dev.ByName(w.b, "b0"), icmp(addrRB, addrB, wire.ICMPEcho, 0, 1, make([]byte, 56))
	b.ReportAllocs()
	for i := 0; i < b.N; i += 64 {
		c := w.k.Enter(kern.Any)
		for range 64 {
			inject(c, d, p, skb.PacketHost)
		}
		c.Exit()
	}
}

// BenchmarkReassembly is a 60,000-byte datagram in fragments of 1480.
func BenchmarkReassembly(b *testing.B) {
	w := newWorld(b)
	w.set(w.b, "net/ipv4/ipfrag_max_dist", "0")
	ipv4.AddProtocol(w.b, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) { b.Consume(c) }})
	var pieces [][]byte
	const size = 60000
	for off := 0; off < size; off += 1480 {
		pieces = append(pieces, piece(1, off, min(1480, size-off), off+1480 < size))
	}
	d := dev.ByName(w.b, "b0")
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		c := w.k.Enter(kern.Any)
		for _, p := range pieces {
			inject(c, d, p, skb.PacketHost)
		}
		c.Exit()
	}
}

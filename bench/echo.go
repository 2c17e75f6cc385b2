package main

import (
	"context"
	"net"
	"net/netip"

	"linen"
)

// echoSize is the payload of an echoed datagram.
const echoSize = 36

func echoSubjects() []subject { return []subject{linenEcho(), gvisorEcho(), kernelEcho()} }

// linenEcho sends a datagram from one Net to another and back, through
// net.Conns, on one goroutine.
func linenEcho() subject {
	k := linen.New(linen.Config{Seed: 1})
	a, b := must(k.NewNet("a")), must(k.NewNet("b"))
	check(k.Link(a, "eth0", b, "eth0"))
	check(a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	check(b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")))
	ctx := context.Background()
	client := must(a.Dial(ctx, "udp", "10.0.0.2:7"))
	// The server is bound first in real life; UDP does not mind.
	server := must(b.ListenPacket(ctx, "udp", "10.0.0.2:7")).(*linen.PacketConn)
	local := client.LocalAddr().String()
	back := must(b.Dial(ctx, "udp", local))
	back.Close()
	return subject{name: "linen", run: func(n int) { echo(client, server, n) }, stop: func() { k.Close() }}
}

// addrPorts is what a PacketConn has that can do without a net.Addr.
type addrPorts interface {
	ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error)
}

// echo does n round trips: write, read at the server, write back, read.
func echo(client net.Conn, server net.PacketConn, n int) {
	var out, in [echoSize]byte
	if quick, is := server.(addrPorts); is {
		for range n {
			must(client.Write(out[:]))
			size, from, err := quick.ReadFromUDPAddrPort(in[:])
			check(err)
			must(quick.WriteToUDPAddrPort(in[:size], from))
			must(client.Read(in[:]))
		}
		return
	}
	for range n {
		must(client.Write(out[:]))
		size, from, err := server.ReadFrom(in[:])
		check(err)
		must(server.WriteTo(in[:size], from))
		must(client.Read(in[:]))
	}
}

// kernelEcho is the same over this machine's loopback.
func kernelEcho() subject {
	server := must(net.ListenPacket("udp", "127.0.0.1:0"))
	client := must(net.Dial("udp", server.LocalAddr().String()))
	return subject{name: "the kernel", run: func(n int) { echo(client, server, n) }, stop: func() {
		client.Close()
		server.Close()
	}}
}

// netSubjects measures the making and closing of a Net.
func netSubjects() []subject {
	k := linen.New(linen.Config{Seed: 1})
	return []subject{{name: "linen", run: func(n int) {
		for range n {
			check(must(k.NewNet("x")).Close())
		}
	}, stop: func() { k.Close() }}}
}

package netapi

import (
	"context"
	"net"
	"testing"

	"linen"
)

// A stack is package net, or linen.
type stack struct {
	dial         func(ctx context.Context, network, address string) (net.Conn, error)
	listen       func(ctx context.Context, network, address string) (net.Listener, error)
	listenPacket func(ctx context.Context, network, address string) (net.PacketConn, error)
}

// host is this machine's.
func host() stack {
	var d net.Dialer
	var l net.ListenConfig
	return stack{d.DialContext, l.Listen, l.ListenPacket}
}

// ours is a Net with nothing but lo.
func ours(t *testing.T) stack {
	t.Helper()
	k := linen.New(linen.Config{Seed: 1})
	t.Cleanup(func() { k.Close() })
	n, err := k.NewNet("a")
	check(t, err)
	check(t, n.Up("lo"))
	return stack{n.DialContext, n.Listen, n.ListenPacket}
}

// onBoth runs f on package net and on linen.
func onBoth(t *testing.T, f func(t *testing.T, s stack)) {
	t.Run("net", func(t *testing.T) { f(t, host()) })
	t.Run("linen", func(t *testing.T) { f(t, ours(t)) })
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair returns both ends of a connection over loopback.
func (s stack) pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := s.listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	client, err = s.dial(t.Context(), "tcp", l.Addr().String())
	check(t, err)
	server, err = l.Accept()
	check(t, err)
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// packet returns a PacketConn on loopback.
func (s stack) packet(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := s.listenPacket(t.Context(), "udp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// udp returns a connected datagram socket.
func (s stack) udp(t *testing.T, to net.Addr) net.Conn {
	t.Helper()
	c, err := s.dial(t.Context(), "udp", to.String())
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

package goapi

import (
	"net"
	"net/netip"
	"testing"

	"linen"

	"golang.org/x/net/nettest"
)

// hosts returns two Nets on one cable, 10.0.0.1 and 10.0.0.2, whose Kernel the
// caller closes.
func hosts(t testing.TB) (k *linen.Kernel, a, b *linen.Net) {
	t.Helper()
	k = linen.New(linen.Config{Seed: 1})
	a, b = must(k.NewNet("a"))(t), must(k.NewNet("b"))(t)
	check(t, k.Link(a, "eth0", b, "eth0"))
	check(t, a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	check(t, b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")))
	return k, a, b
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must(f())(t) is f's value, or the end of the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

// TestConn is the standard's own suite for a net.Conn, on a connection between
// two Nets.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		k, a, b := hosts(t)
		l, err := b.Listen(t.Context(), "tcp", "10.0.0.2:80")
		if err != nil {
			return nil, nil, nil, err
		}
		if c1, err = a.Dial(t.Context(), "tcp", "10.0.0.2:80"); err != nil {
			return nil, nil, nil, err
		}
		if c2, err = l.Accept(); err != nil {
			return nil, nil, nil, err
		}
		return c1, c2, func() { c1.Close(); c2.Close(); l.Close(); k.Close() }, nil
	})
}

// TestConnOnLoopback is the same inside one Net.
func TestConnOnLoopback(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		k, a, _ := hosts(t)
		check(t, a.Up("lo"))
		l := must(a.Listen(t.Context(), "tcp", "localhost:80"))(t)
		c1 = must(a.Dial(t.Context(), "tcp", "localhost:80"))(t)
		c2 = must(l.Accept())(t)
		return c1, c2, func() { c1.Close(); c2.Close(); l.Close(); k.Close() }, nil
	})
}

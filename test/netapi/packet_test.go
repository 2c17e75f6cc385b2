package netapi

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"
)

// udp is what *net.UDPConn and *linen.PacketConn have in common.
type udp interface {
	net.Conn
	net.PacketConn
	ReadFromUDP([]byte) (int, *net.UDPAddr, error)
	ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error)
	WriteToUDP([]byte, *net.UDPAddr) (int, error)
	WriteToUDPAddrPort([]byte, netip.AddrPort) (int, error)
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}

// TestPacketsKeepTheirBoundaries: one read is one datagram, what does not fit
// is lost, and an empty one counts.
func TestPacketsKeepTheirBoundaries(t *testing.T) {
	onBoth(t, func(t *testing.T, s stack) {
		a, b := s.packet(t), s.packet(t)
		large := bytes.Repeat([]byte("l"), 20_000)
		for _, p := range [][]byte{[]byte("first"), {}, []byte("too long for it"), large} {
			if n, err := a.WriteTo(p, b.LocalAddr()); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		for _, c := range []struct {
			room int
			want string
		}{{16, "first"}, {16, ""}, {8, "too long"}, {1 << 16, string(large)}} {
			p := make([]byte, c.room)
			n, from, err := b.ReadFrom(p)
			if err != nil || string(p[:n]) != c.want || from.String() != a.LocalAddr().String() {
				t.Errorf("%.20q from %v, %v; want %.20q", p[:n], from, err, c.want)
			}
		}
	})
}

// TestPacketAddressIsTheCallers: what is done to a returned address does not
// show in another.
func TestPacketAddressIsTheCallers(t *testing.T) {
	onBoth(t, func(t *testing.T, s stack) {
		a, b := s.packet(t), s.packet(t)
		var seen [2]net.Addr
		for i := range seen {
			_, err := a.WriteTo([]byte("x"), b.LocalAddr())
			check(t, err)
			_, seen[i], err = b.ReadFrom(make([]byte, 8))
			check(t, err)
			clear(seen[0].(*net.UDPAddr).IP)
		}
		if seen[1].String() != a.LocalAddr().String() && seen[0] == seen[1] {
			t.Error("one address twice:", seen)
		}
	})
}

// TestPacketEveryCall: the calls of *net.UDPConn agree with each other.
func TestPacketEveryCall(t *testing.T) {
	onBoth(t, func(t *testing.T, s stack) {
		a, b := s.packet(t).(udp), s.packet(t).(udp)
		to := b.LocalAddr().(*net.UDPAddr)
		ap := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(to.Port))
		for name, send := range map[string]func(p []byte) (int, error){
			"WriteTo":            func(p []byte) (int, error) { return a.WriteTo(p, to) },
			"WriteToUDP":         func(p []byte) (int, error) { return a.WriteToUDP(p, to) },
			"WriteToUDPAddrPort": func(p []byte) (int, error) { return a.WriteToUDPAddrPort(p, ap) },
			"WriteMsg":           func(p []byte) (int, error) { n, _, err := a.WriteMsgUDPAddrPort(p, nil, ap); return n, err },
			"mapped address": func(p []byte) (int, error) {
				return a.WriteTo(p, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: to.Port})
			},
		} {
			for range 4 {
				if n, err := send([]byte(name)); n != len(name) || err != nil {
					t.Fatal(name, n, err)
				}
			}
			p := make([]byte, 64)
			from := a.LocalAddr().String()
			n, one, err := b.ReadFrom(p)
			expect(t, name, p[:n], one.String(), from, err)
			n, two, err := b.ReadFromUDP(p)
			expect(t, name, p[:n], two.String(), from, err)
			n, three, err := b.ReadFromUDPAddrPort(p)
			expect(t, name, p[:n], netip.AddrPortFrom(three.Addr().Unmap(), three.Port()).String(), from, err)
			n, oobn, _, four, err := b.ReadMsgUDPAddrPort(p, make([]byte, 64))
			expect(t, name, p[:n], netip.AddrPortFrom(four.Addr().Unmap(), four.Port()).String(), from, err)
			if oobn != 0 {
				t.Errorf("%d bytes of control messages", oobn)
			}
		}
	})
}

func expect(t *testing.T, want string, got []byte, from, wantFrom string, err error) {
	t.Helper()
	if string(got) != want || from != wantFrom || err != nil {
		t.Errorf("%q from %s, %v; want %q from %s", got, from, err, want, wantFrom)
	}
}

// TestPacketConnected: a connected socket hears its peer only.
func TestPacketConnected(t *testing.T) {
	onBoth(t, func(t *testing.T, s stack) {
		peer, other := s.packet(t), s.packet(t)
		c := s.udp(t, peer.LocalAddr())
		for _, from := range []net.PacketConn{other, peer} {
			_, err := from.WriteTo([]byte(from.LocalAddr().String()), c.LocalAddr())
			check(t, err)
		}
		p := make([]byte, 64)
		if n, err := c.Read(p); err != nil || string(p[:n]) != peer.LocalAddr().String() {
			t.Errorf("%q, %v", p[:n], err)
		}
	})
}

// TestPacketDeadline: a deadline ends calls that wait and later ones, and one
// that is taken back ends none.
func TestPacketDeadline(t *testing.T) {
	onBoth(t, func(t *testing.T, s stack) {
		a, b := s.packet(t), s.packet(t)
		check(t, a.SetReadDeadline(time.Now().Add(time.Hour)))
		done := make(chan error, 1)
		go func() { _, _, err := a.ReadFrom(make([]byte, 1)); done <- err }()
		check(t, a.SetReadDeadline(time.Now()))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("waiting:", err)
		}
		_, err := a.WriteTo([]byte("x"), b.LocalAddr()) // writes have no deadline
		check(t, err)
		_, err = b.WriteTo([]byte("x"), a.LocalAddr())
		check(t, err)
		if _, _, err := a.ReadFrom(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("later, with a datagram there:", err)
		}
		check(t, a.SetReadDeadline(time.Time{}))
		_, _, err = a.ReadFrom(make([]byte, 1))
		check(t, err)
	})
}

// TestPacketClose ends all calls that wait.
func TestPacketClose(t *testing.T) {
	onBoth(t, func(t *testing.T, s stack) {
		c := s.packet(t)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, _, err := c.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
		}
		check(t, c.Close())
		all.Wait()
	})
}

// packetErrors make an error each.
var packetErrors = []struct {
	name string
	make func(t *testing.T, s stack) error
}{
	{"nobody there", func(t *testing.T, s stack) error {
		gone := s.packet(t)
		c := s.udp(t, gone.LocalAddr())
		gone.Close()
		check(t, write(c))
		return read(c)
	}},
	{"too long", func(t *testing.T, s stack) error {
		_, err := s.packet(t).WriteTo(make([]byte, 1<<16), s.packet(t).LocalAddr())
		return err
	}},
	{"too long, connected", func(t *testing.T, s stack) error {
		_, err := s.udp(t, s.packet(t).LocalAddr()).Write(make([]byte, 1<<16))
		return err
	}},
	{"to nobody", func(t *testing.T, s stack) error { return write(s.packet(t).(udp)) }},
	{"to no address", func(t *testing.T, s stack) error { _, err := s.packet(t).WriteTo([]byte("x"), nil); return err }},
	{"to a nil address", func(t *testing.T, s stack) error {
		_, err := s.packet(t).WriteTo([]byte("x"), (*net.UDPAddr)(nil))
		return err
	}},
	{"to another when connected", func(t *testing.T, s stack) error {
		_, err := s.udp(t, s.packet(t).LocalAddr()).(udp).WriteTo([]byte("x"), s.packet(t).LocalAddr())
		return err
	}},
	{"read late", func(t *testing.T, s stack) error {
		c := s.packet(t)
		check(t, c.SetDeadline(time.Now().Add(-time.Second)))
		_, _, err := c.ReadFrom(make([]byte, 1))
		return err
	}},
	{"write late", func(t *testing.T, s stack) error {
		c := s.packet(t)
		check(t, c.SetDeadline(time.Now().Add(-time.Second)))
		_, err := c.WriteTo([]byte("x"), c.LocalAddr())
		return err
	}},
	{"read when closed", func(t *testing.T, s stack) error {
		c := s.packet(t)
		c.Close()
		_, _, err := c.ReadFrom(make([]byte, 1))
		return err
	}},
	{"write when closed", func(t *testing.T, s stack) error {
		c := s.packet(t)
		c.Close()
		_, err := c.WriteTo([]byte("x"), c.LocalAddr())
		return err
	}},
	{"close twice", func(t *testing.T, s stack) error { c := s.packet(t); c.Close(); return c.Close() }},
	{"broadcast without a route", func(t *testing.T, s stack) error {
		_, err := s.packet(t).WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(127, 255, 255, 255), Port: 9})
		return err
	}},
}

// TestErrorsOfPackets: errors are package net's to the letter.
func TestErrorsOfPackets(t *testing.T) {
	for _, c := range packetErrors {
		t.Run(c.name, func(t *testing.T) {
			if want, got := shape(c.make(t, host())), shape(c.make(t, ours(t))); got != want {
				t.Errorf("linen:       %s\npackage net: %s", got, want)
			}
		})
	}
}

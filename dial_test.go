package linen_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"linen"
)

// pair is two hosts on one link.
type pair struct {
	k    *linen.Kernel
	a, b *linen.Net // 10.0.0.1 and 10.0.0.2
}

func newPair(t testing.TB, cfg linen.Config) *pair {
	t.Helper()
	p := &pair{k: linen.New(cfg)}
	t.Cleanup(func() { p.k.Close() })
	p.a, p.b = newNet(t, p.k, "a"), newNet(t, p.k, "b")
	ok(t, p.k.Link(p.a, "eth0", p.b, "eth0"))
	ok(t, p.a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	ok(t, p.b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")))
	return p
}

func newNet(t testing.TB, k *linen.Kernel, name string) *linen.Net {
	t.Helper()
	n, err := k.NewNet(name)
	ok(t, err)
	return n
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dial connects a UDP socket of a to b's port 7.
func (p *pair) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := p.a.Dial(context.Background(), "udp", "10.0.0.2:7")
	ok(t, err)
	return c
}

// listen binds b's port 7.
func (p *pair) listen(t testing.TB) *linen.PacketConn {
	t.Helper()
	c, err := p.b.ListenPacket(context.Background(), "udp", "10.0.0.2:7")
	ok(t, err)
	return c.(*linen.PacketConn)
}

// bubble runs f in a synctest bubble, with a pair made inside.
func bubble(t *testing.T, f func(t *testing.T, p *pair)) {
	synctest.Test(t, func(t *testing.T) { f(t, newPair(t, linen.Config{Seed: 1})) })
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestDatagramsGoAndCome(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		server, client := p.listen(t), p.dial(t)
		if n, err := client.Write([]byte("ping")); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		var buf [16]byte
		n, from, err := server.ReadFrom(buf[:])
		if err != nil || string(buf[:n]) != "ping" || from.String() != client.LocalAddr().String() {
			t.Fatal(string(buf[:n]), from, err)
		}
		if n, err := server.WriteTo([]byte("pong!"), from); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := client.Read(buf[:]); err != nil || string(buf[:n]) != "pong!" {
			t.Fatal(string(buf[:n]), err)
		}
		if a := client.RemoteAddr().(*net.UDPAddr); a.String() != "10.0.0.2:7" {
			t.Error(a)
		}
	})
}

func TestAddrPortsAndForeignAddrs(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		server := p.listen(t)
		other, err := p.a.ListenPacket(context.Background(), "udp", ":9")
		ok(t, err)
		var buf [8]byte
		for _, to := range []net.Addr{
			&net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 7}, // 16 bytes long
			&net.UDPAddr{IP: net.IP{10, 0, 0, 2}, Port: 7},
			text("10.0.0.2:7"),
		} {
			if _, err := other.WriteTo([]byte("x"), to); err != nil {
				t.Fatal(to, err)
			}
			if _, from, err := server.ReadFromUDPAddrPort(buf[:]); err != nil || from.String() != "10.0.0.1:9" {
				t.Error(from, err)
			}
		}
		for _, to := range []net.Addr{nil, (*net.UDPAddr)(nil), text("host:7"), &net.UDPAddr{IP: net.IPv6loopback, Port: 7}} {
			if _, err := other.WriteTo([]byte("x"), to); err == nil {
				t.Error("sent to", to)
			}
		}
	})
}

// text is an address of a type that the package does not know.
type text string

func (text) Network() string  { return "udp" }
func (a text) String() string { return string(a) }

func TestReadDeadlineInABubble(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		client, began := p.dial(t), time.Now()
		ok(t, client.SetReadDeadline(began.Add(3*time.Second)))
		_, err := client.Read(make([]byte, 1))
		wantErr(t, "Read", err, os.ErrDeadlineExceeded)
		if ne, is := errors.AsType[net.Error](err); !is || !ne.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		if d := time.Since(began); d < 3*time.Second || d > 3*time.Second+10*time.Millisecond {
			t.Errorf("after %v", d)
		}
		_, err = client.Read(make([]byte, 1))
		wantErr(t, "Read again", err, os.ErrDeadlineExceeded)
		ok(t, client.SetDeadline(time.Time{}))
		if _, err := client.Write([]byte("x")); err != nil {
			t.Errorf("without a deadline: %v", err)
		}
	})
}

func TestWriteDeadlineInThePast(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		client := p.dial(t)
		ok(t, client.SetWriteDeadline(time.Now().Add(-time.Second)))
		_, err := client.Write([]byte("x"))
		wantErr(t, "Write", err, os.ErrDeadlineExceeded)
	})
}

// reading starts a Read and returns its error later.
func reading(c net.Conn) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 8))
		done <- err
	}()
	return done
}

func TestADeadlineThatMovesWakesReaders(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		client := p.dial(t)
		ok(t, client.SetReadDeadline(time.Now().Add(time.Hour)))
		done := reading(client)
		synctest.Wait()
		ok(t, client.SetReadDeadline(time.Now()))
		wantErr(t, "Read", <-done, os.ErrDeadlineExceeded)
	})
}

func TestReadDeadlineOnTheManualClock(t *testing.T) {
	clock := linen.NewManualClock()
	p := newPair(t, linen.Config{Seed: 1, Clock: clock})
	client := p.dial(t)
	ok(t, client.SetReadDeadline(clock.Wall(clock.Now()).Add(time.Second)))
	done := reading(client)
	clock.Advance(time.Second - time.Millisecond)
	select {
	case err := <-done:
		t.Fatal("before its time:", err)
	default:
	}
	clock.Advance(2 * time.Millisecond)
	wantErr(t, "Read", <-done, os.ErrDeadlineExceeded)
}

func TestCloseWakesReaders(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		client := p.dial(t)
		first, second := reading(client), reading(client)
		synctest.Wait()
		ok(t, client.Close())
		wantErr(t, "Read", <-first, net.ErrClosed)
		wantErr(t, "Read", <-second, net.ErrClosed)
	})
}

func TestClosedConn(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		client, server := p.dial(t), p.listen(t)
		ok(t, client.Close())
		ok(t, server.Close())
		wantErr(t, "Close", client.Close(), net.ErrClosed)
		wantErr(t, "SetDeadline", client.SetDeadline(time.Time{}), net.ErrClosed)
		_, err := client.Read(make([]byte, 1))
		wantErr(t, "Read", err, net.ErrClosed)
		_, err = client.Write([]byte("x"))
		wantErr(t, "Write", err, net.ErrClosed)
		_, _, err = server.ReadFrom(make([]byte, 1))
		wantErr(t, "ReadFrom", err, net.ErrClosed)
		_, err = server.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IP{10, 0, 0, 1}, Port: 9})
		wantErr(t, "WriteTo", err, net.ErrClosed)
		if _, err := p.b.ListenPacket(context.Background(), "udp", "10.0.0.2:7"); err != nil {
			t.Errorf("the port is not free: %v", err)
		}
	})
}

func TestPortUnreachableIsConnectionRefused(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		client := p.dial(t)
		if _, err := client.Write([]byte("anybody?")); err != nil {
			t.Fatal(err)
		}
		_, err := client.Read(make([]byte, 8))
		wantErr(t, "Read", err, syscall.ECONNREFUSED)
		if op, is := errors.AsType[*net.OpError](err); !is || op.Op != "read" || op.Net != "udp" || op.Addr.String() != "10.0.0.2:7" {
			t.Errorf("%#v", err)
		}
	})
}

func TestCallsAtTheSameTimeDoNotMixUp(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		server, client := p.listen(t), p.dial(t)
		const each, writers = 50, 4
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for range each {
					if _, err := client.Write([]byte{byte(w), byte(w), byte(w)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		var mu sync.Mutex
		got := [writers]int{}
		for range writers {
			all.Go(func() {
				for range each {
					var b [8]byte
					n, from, err := server.ReadFrom(b[:])
					if err != nil || n != 3 || b[0] != b[1] || b[1] != b[2] || from.String() != client.LocalAddr().String() {
						t.Error(n, b, from, err)
						return
					}
					mu.Lock()
					got[b[0]]++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if got != [writers]int{each, each, each, each} {
			t.Error(got)
		}
	})
}

func TestDialRefusesWhatItDoesNotKnow(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		for _, c := range []struct{ network, addr string }{
			{"udp6", "[::1]:7"}, {"udp", "name:7"}, {"udp", "[::1]:7"}, {"unix", "/x"},
		} {
			conn, err := p.a.Dial(context.Background(), c.network, c.addr)
			if _, is := errors.AsType[*net.OpError](err); !is || conn != nil {
				t.Errorf("%v: %v, %v", c, conn, err)
			}
		}
		_, err := p.a.Dial(context.Background(), "udp", "192.0.2.1:7")
		wantErr(t, "no route", err, syscall.ENETUNREACH)
		_, err = p.a.ListenPacket(context.Background(), "udp", "10.0.0.9:7")
		wantErr(t, "not ours", err, syscall.EADDRNOTAVAIL)
		p.listen(t)
		_, err = p.b.ListenPacket(context.Background(), "udp", "10.0.0.2:7")
		wantErr(t, "in use", err, syscall.EADDRINUSE)
	})
}

func TestAnEchoAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes sync.Pool forget at random; go test without -race runs this")
	}
	p := newPair(t, linen.Config{Seed: 1, Clock: linen.NewManualClock()})
	server, client := p.listen(t), p.dial(t)
	var buf [64]byte
	echo := func() {
		_, err := client.Write(buf[:])
		ok(t, err)
		n, from, err := server.ReadFromUDPAddrPort(buf[:])
		ok(t, err)
		_, err = server.WriteToUDPAddrPort(buf[:n], from)
		ok(t, err)
		_, err = client.Read(buf[:])
		ok(t, err)
	}
	if n := testing.AllocsPerRun(200, echo); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

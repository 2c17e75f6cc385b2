//go:build linux

package uplink_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"linen"
	"linen/drivers/host/uplink"
)

// ctx ends long after a test that works, and before one that hangs is killed.
func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// lab is a guest, 10.0.2.15, behind a gateway, 10.0.2.2.
func lab(t *testing.T, cfg uplink.Config) (*linen.Net, *uplink.Uplink) {
	t.Helper()
	k := linen.New(linen.Config{})
	t.Cleanup(func() { k.Close() })
	guest, err := k.NewNet("guest")
	must(t, err)
	gate, err := k.NewNet("gate")
	must(t, err)
	must(t, k.Link(guest, "eth0", gate, "eth0"))
	must(t, guest.Up("lo"))
	must(t, guest.AddAddr("eth0", netip.MustParsePrefix("10.0.2.15/24")))
	must(t, gate.AddAddr("eth0", netip.MustParsePrefix("10.0.2.2/24")))
	must(t, guest.AddRoute(linen.Route{Via: netip.MustParseAddr("10.0.2.2")}))
	u, err := uplink.New(gate.Namespace(), cfg)
	must(t, err)
	t.Cleanup(func() { must(t, u.Close()) })
	return guest, u
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host listens on the machine's loopback.
func host(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// gateway is addr's port as a guest has it.
func gateway(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return net.JoinHostPort("10.0.2.2", port)
}

// TestStream carries a stream to the machine's loopback, and each half's end
// by itself.
func TestStream(t *testing.T) {
	guest, u := lab(t, uplink.Config{Loopback: true})
	l := host(t)
	go func() {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		defer c.Close()
		got, _ := io.ReadAll(c) // to the guest's half-close
		c.Write(append([]byte("you said "), got...))
	}()
	c, err := guest.Dial(limit(t), "tcp", gateway(l.Addr()))
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "hello")
	must(t, err)
	must(t, c.(*linen.TCPConn).CloseWrite())
	got, err := io.ReadAll(c)
	if string(got) != "you said hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if s := u.Stats(); s.TCP != 1 {
		t.Errorf("%+v", s)
	}
}

// TestRefused: a port where nobody listens on the machine is refused to the
// guest, and so is the machine's loopback unless asked for.
func TestRefused(t *testing.T) {
	l := host(t)
	at := gateway(l.Addr())
	for name, cfg := range map[string]uplink.Config{"no loopback": {}, "nobody there": {Loopback: true}} {
		if cfg.Loopback {
			l.Close()
		}
		guest, _ := lab(t, cfg)
		if _, err := guest.Dial(limit(t), "tcp", at); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package hosts_test

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"linen/lib/impair"
	"linen/test/hosts"
	"linen/uapi/errno"
)

// TestPing is the walking skeleton: two namespaces, a veth, ARP, an echo.
func TestPing(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	a.MustPing(b.Addr())
	b.MustPing(a.Addr())
	a.MustPing(netip.MustParseAddr("127.1.2.3")) // spec 1.46: all of 127/8 is local
}

func TestPingThroughARouter(t *testing.T) {
	a, r, b := hosts.Routed(t)
	a.MustPing(b.Addr())
	a.MustPing(netip.MustParseAddr("10.2.0.1"))
	if err := a.Ping(b.Addr(), 20000); err != nil { // fragments, both ways
		t.Errorf("20000 bytes: %v", err)
	}
	if err := a.Ping(b.Addr(), 60000); err != nil {
		t.Errorf("60000 bytes: %v", err)
	}
	if err := r.SetSysctl("net.ipv4.ip_forward", "0"); err != nil {
		t.Fatal(err)
	}
	if err := a.Ping(b.Addr(), 56); !errors.Is(err, hosts.ErrNoReply) { // RFC 1122 §3.3.1.1: silence
		t.Errorf("ip_forward=0: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	a, _, _ := hosts.Routed(t)
	if err := a.Ping(netip.MustParseAddr("10.9.9.9"), 56); !errors.Is(err, errno.ENETUNREACH) && !errors.Is(err, errno.EHOSTUNREACH) {
		t.Errorf("no route on r: %v", err)
	}
}

func TestADroppingLinkLosesEverything(t *testing.T) {
	a, b, link := hosts.Pair(t)
	a.MustPing(b.Addr())
	link.Drop(true)
	if err := a.Ping(b.Addr(), 56); !errors.Is(err, hosts.ErrNoReply) {
		t.Errorf("%v", err)
	}
	link.Drop(false)
	a.MustPing(b.Addr())
}

// TestSameSeedSameCapture is what makes a failure repeatable: a lossy run,
// byte for byte.
func TestSameSeedSameCapture(t *testing.T) {
	run := func(seed uint64) []byte {
		l := hosts.NewSeeded(t, seed)
		a, b := l.Host("a"), l.Host("b")
		link := l.Link(a, "eth0 10.0.0.1/24", b, "eth0 10.0.0.2/24")
		link.Impair(impair.Config{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: impair.Percent(30), Duplicate: impair.Percent(5), Seed: seed})
		for range 20 {
			if err := a.Ping(b.Addr(), 100); err != nil && !errors.Is(err, hosts.ErrNoReply) && !errors.Is(err, errno.EHOSTUNREACH) {
				t.Fatal(err)
			}
		}
		return l.Capture()
	}
	one := run(7)
	for range 3 {
		if !bytes.Equal(one, run(7)) {
			t.Fatal("one seed gave two captures")
		}
	}
	if bytes.Equal(one, run(8)) {
		t.Error("two seeds gave one capture")
	}
}

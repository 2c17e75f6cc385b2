// Package hosts is hosts in memory for tests: a handful of Nets on a clock
// that stands still until it is moved, joined by links that lose what they are
// told to, with a capture that is kept when the test fails.
//
//	a, b, link := hosts.Pair(t)
//	a.MustPing(b.Addr())
//	link.Drop(true)
//	a.Lab.Advance(5 * time.Second)
package hosts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"linen"
	"linen/lib/impair"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// A Lab is a Kernel on a manual clock with its hosts.
type Lab struct {
	T      testing.TB
	Clock  *linen.ManualClock
	Kernel *linen.Kernel

	hosts   []*Host
	capture *capture
}

// A Host is one Net of a Lab.
type Host struct {
	*linen.Net
	Lab  *Lab
	addr netip.Addr // the first address it was given
	pid  uint16
}

// Seed makes every run of the tests the same.
const Seed = 1

// New returns an empty Lab that ends with the test.
func New(t testing.TB) *Lab { return NewSeeded(t, Seed) }

// NewSeeded is New with a seed of its own.
func NewSeeded(t testing.TB, seed uint64) *Lab {
	t.Helper()
	l := &Lab{T: t, Clock: linen.NewManualClock(), capture: &capture{}}
	l.Kernel = linen.New(linen.Config{Seed: seed, Clock: l.Clock})
	t.Cleanup(l.end)
	return l
}

// end closes the Lab, looks for what is left, and keeps the capture of a test
// that failed.
func (l *Lab) end() {
	engine := l.Kernel.Engine()
	l.Kernel.Close()
	if n := engine.Timers(); n != 0 && !l.T.Failed() {
		l.T.Errorf("%d timers are left behind", n)
	}
	if l.T.Failed() && len(l.capture.packets) > 0 {
		name := filepath.Join(os.TempDir(), strings.NewReplacer("/", "_", " ", "_").Replace(l.T.Name())+".pcapng")
		if err := os.WriteFile(name, l.capture.Bytes(), 0o644); err == nil {
			l.T.Logf("the capture is kept in %s", name)
		}
	}
}

// Host makes a host called name, with lo up.
func (l *Lab) Host(name string) *Host {
	l.T.Helper()
	n, err := l.Kernel.NewNet(name)
	l.must(err)
	h := &Host{Net: n, Lab: l, pid: uint16(len(l.hosts) + 1)}
	l.must(n.Up("lo"))
	l.hosts = append(l.hosts, h)
	return h
}

// Router makes a host that forwards.
func (l *Lab) Router(name string) *Host {
	h := l.Host(name)
	l.must(h.SetSysctl("net.ipv4.ip_forward", "1"))
	return h
}

func (l *Lab) must(err error) {
	l.T.Helper()
	if err != nil {
		l.T.Fatal(err)
	}
}

// A Link is a cable between two hosts.
type Link struct {
	A, B       *Host
	ADev, BDev string
}

// Link joins two hosts; an end is "eth0" or "eth0 10.0.0.1/24".
func (l *Lab) Link(a *Host, aEnd string, b *Host, bEnd string) *Link {
	l.T.Helper()
	aDev, aAddr, _ := strings.Cut(aEnd, " ")
	bDev, bAddr, _ := strings.Cut(bEnd, " ")
	l.must(l.Kernel.Link(a.Net, aDev, b.Net, bDev))
	a.AddrOn(aDev, aAddr)
	b.AddrOn(bDev, bAddr)
	l.Clock.Settle()
	l.capture.watch(l, a, aDev)
	return &Link{a, b, aDev, bDev}
}

// AddrOn gives a device an address; "" gives none.
func (h *Host) AddrOn(dev, prefix string) {
	h.Lab.T.Helper()
	if prefix == "" {
		return
	}
	p := netip.MustParsePrefix(prefix)
	h.Lab.must(h.AddAddr(dev, p))
	if !h.addr.IsValid() {
		h.addr = p.Addr()
	}
}

// Route adds a route: Route("10.2.0.0/24", "10.1.0.1"); "default" may stand
// for the destination.
func (h *Host) Route(dst, via string) {
	h.Lab.T.Helper()
	r := linen.Route{Via: netip.MustParseAddr(via)}
	if dst != "default" {
		r.Dst = netip.MustParsePrefix(dst)
	}
	h.Lab.must(h.AddRoute(r))
}

// Addr returns the first address that the host was given.
func (h *Host) Addr() netip.Addr { return h.addr }

// Impair makes both directions of the link do what cfg says.
func (l *Link) Impair(cfg impair.Config) {
	l.A.Lab.T.Helper()
	l.A.Lab.must(l.A.Net.Impair(l.ADev, cfg))
	l.A.Lab.must(l.B.Net.Impair(l.BDev, cfg))
}

// Drop makes the link lose everything, or nothing.
func (l *Link) Drop(all bool) {
	cfg := impair.Config{}
	if all {
		cfg.Loss = impair.Percent(100)
	}
	l.Impair(cfg)
}

// Advance moves the clock.
func (l *Lab) Advance(d time.Duration) { l.Clock.Advance(d) }

// Pair returns two hosts on one link, 10.0.0.1/24 and 10.0.0.2/24 on eth0.
func Pair(t testing.TB) (a, b *Host, link *Link) {
	t.Helper()
	l := New(t)
	a, b = l.Host("a"), l.Host("b")
	return a, b, l.Link(a, "eth0 10.0.0.1/24", b, "eth0 10.0.0.2/24")
}

// Routed returns the chain a - r - b: 10.1.0.2/24 on a, 10.1.0.1 and 10.2.0.1
// on r, 10.2.0.2/24 on b, with default routes to r.
func Routed(t testing.TB) (a, r, b *Host) {
	t.Helper()
	l := New(t)
	a, r, b = l.Host("a"), l.Router("r"), l.Host("b")
	l.Link(a, "eth0 10.1.0.2/24", r, "eth0 10.1.0.1/24")
	l.Link(r, "eth1 10.2.0.1/24", b, "eth0 10.2.0.2/24")
	a.Route("default", "10.1.0.1")
	b.Route("default", "10.2.0.1")
	return a, r, b
}

// Ping sends one echo request of size payload bytes and waits up to a second
// of the clock. The error is that of the socket (EHOSTUNREACH, ...) or
// ErrNoReply.
func (h *Host) Ping(to netip.Addr, size int) error {
	who := sock.Root()
	s, err := sock.Create(who, h.Namespace(), uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	defer s.Close()
	recverr := binary.NativeEndian.AppendUint32(nil, 1)
	if err := s.Setsockopt(who, uapi.SOL_IP, uapi.IP_RECVERR, recverr); err != nil {
		return err
	}
	msg := make([]byte, wire.ICMPHdrLen+size)
	msg[0] = wire.ICMPEcho
	binary.BigEndian.PutUint16(msg[4:], h.pid)
	binary.BigEndian.PutUint16(msg[6:], 1)
	binary.BigEndian.PutUint16(msg[2:], checksum(msg))
	if _, err := s.Sendmsg(who, &sock.Msg{Data: msg, Name: uapi.AppendSockaddrIn(nil, to, 0)}); err != nil {
		return err
	}
	for waited := time.Duration(0); ; waited += pingStep {
		if err := h.reply(s, who, len(msg)); !errors.Is(err, errno.EAGAIN) {
			return err
		}
		if waited >= pingWait {
			return ErrNoReply
		}
		h.Lab.Advance(pingStep)
	}
}

// How long Ping waits, and how often it looks.
const (
	pingWait = time.Second
	pingStep = 10 * time.Millisecond
)

// ErrNoReply says that no answer came within a second.
var ErrNoReply = errors.New("hosts: no reply")

// reply looks for the answer to a request of size bytes.
func (h *Host) reply(s sock.Socket, who *sock.Caller, size int) error {
	m := &sock.Msg{Data: make([]byte, 1<<16)}
	for {
		n, err := s.Recvmsg(who, m)
		if err != nil {
			return err
		}
		hdr, ok := wire.AsIPv4(m.Data[:n])
		if !ok {
			return fmt.Errorf("hosts: a raw socket gave %d bytes", n)
		}
		p := m.Data[hdr.IHL():n]
		if p[0] == wire.ICMPEchoReply && binary.BigEndian.Uint16(p[4:]) == h.pid {
			if len(p) != size {
				return fmt.Errorf("hosts: a reply of %d bytes to %d", len(p), size)
			}
			return nil
		}
	}
}

// checksum is the plain sum of RFC 1071, kept apart from the code under test.
func checksum(p []byte) uint16 {
	sum := uint32(0)
	for i, b := range p {
		sum += uint32(b) << (8 * (1 - i%2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// MustPing fails the test when an answer to a 56-byte ping does not come.
func (h *Host) MustPing(to netip.Addr) {
	h.Lab.T.Helper()
	if err := h.Ping(to, 56); err != nil {
		h.Lab.T.Fatalf("ping %s from %s: %v", to, h.Name(), err)
	}
}

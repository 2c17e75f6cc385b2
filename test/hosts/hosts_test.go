package hosts_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"linen"
	"linen/kern"
	"linen/lib/impair"
	"linen/net/dev"
	"linen/net/skb"
	"linen/test/hosts"
	"linen/uapi"
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

// TestGoroutinesInAGateAreDeterministic: several goroutines use one Kernel at
// once, over a lossy link, in a bubble; with the gate the same seed still
// gives the same bytes.
func TestGoroutinesInAGateAreDeterministic(t *testing.T) {
	one := gated(t, 3)
	for range 4 {
		if !bytes.Equal(one, gated(t, 3)) {
			t.Fatal("one seed gave two captures")
		}
	}
	if bytes.Equal(one, gated(t, 4)) {
		t.Error("two seeds gave one capture")
	}
}

// gated runs four clients against an echo server over a link that loses a
// tenth, and returns what passed.
func gated(t *testing.T, seed uint64) (wire []byte) {
	synctest.Test(t, func(t *testing.T) {
		k := linen.New(linen.Config{Seed: seed, Quiesce: synctest.Wait})
		defer k.Close()
		a, b := newNet(t, k, "a"), newNet(t, k, "b")
		for _, err := range []error{
			k.Link(a, "eth0", b, "eth0"),
			a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")),
			b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")),
			a.Impair("eth0", impair.Config{Delay: time.Millisecond, Loss: impair.Percent(10), Seed: seed}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		var log bytes.Buffer
		tap := tapLog(b, "eth0", &log)
		defer tap()
		server, err := b.ListenPacket(t.Context(), "udp", "10.0.0.2:7")
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() { echoServer(server) })
		var clients sync.WaitGroup
		for i := range 4 {
			conn, err := a.Dial(t.Context(), "udp", "10.0.0.2:7") // here: the order of making sockets is their key
			if err != nil {
				t.Fatal(err)
			}
			clients.Go(func() { echoClient(t, conn, byte(i)) })
		}
		clients.Wait()
		server.Close()
		all.Wait()
		wire = log.Bytes()
	})
	return wire
}

func newNet(t *testing.T, k *linen.Kernel, name string) *linen.Net {
	n, err := k.NewNet(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tapLog writes every frame that a device receives to log.
func tapLog(n *linen.Net, name string, log *bytes.Buffer) (remove func()) {
	return dev.AddTap(n.Namespace(), dev.ByName(n.Namespace(), name), &dev.PacketType{
		Proto: uapi.ETH_P_ALL, Name: "log", Hide: true,
		Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
			p := make([]byte, b.Len())
			b.CopyOut(0, p)
			log.Write(p)
			b.Consume(c)
		}})
}

func echoServer(pc net.PacketConn) {
	buf := make([]byte, 100)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		pc.WriteTo(buf[:n], from)
	}
}

// echoClient sends twenty numbered datagrams, waiting up to 10 ms for each
// echo.
func echoClient(t *testing.T, conn net.Conn, id byte) {
	defer conn.Close()
	buf := make([]byte, 100)
	for i := range byte(20) {
		if _, err := conn.Write([]byte{id, i}); err != nil {
			t.Error(err)
			return
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := conn.Read(buf); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
			return
		}
	}
}

package tcp_test

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"linen"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// quiet is two namespaces on a link without a capture.
func quiet(t testing.TB) (clock *linen.ManualClock, a, b *netns.Net) {
	t.Helper()
	clock = linen.NewManualClock()
	k := linen.New(linen.Config{Seed: 1, Clock: clock})
	t.Cleanup(func() { k.Close() })
	var nets [2]*linen.Net
	for i, name := range []string{"a", "b"} {
		n, err := k.NewNet(name)
		must(t, err)
		must(t, n.Up("lo"))
		nets[i] = n
	}
	must(t, k.Link(nets[0], "eth0", nets[1], "eth0"))
	must(t, nets[0].AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	must(t, nets[1].AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")))
	clock.Settle()
	return clock, nets[0].Namespace(), nets[1].Namespace()
}

// serverAt is where the second namespace listens.
var serverAt = at(netip.MustParseAddr("10.0.0.2"), 80)

func socketIn(t testing.TB, n *netns.Net) sock.Socket {
	t.Helper()
	s, err := sock.Create(root, n, uapi.AF_INET, uapi.SOCK_STREAM, 0)
	must(t, err)
	return s
}

func listenIn(t testing.TB, n *netns.Net) sock.Socket {
	t.Helper()
	s := socketIn(t, n)
	must(t, s.Bind(root, serverAt))
	must(t, s.Listen(root, 10))
	t.Cleanup(func() { s.Close() })
	return s
}

// quietConn is both ends of a connection over a quiet pair.
func quietConn(t testing.TB) (clock *linen.ManualClock, cli, srv sock.Socket) {
	t.Helper()
	return connOn(t, 0)
}

// connOn is quietConn on a link without some offloads.
func connOn(t testing.TB, off dev.Features) (clock *linen.ManualClock, cli, srv sock.Socket) {
	t.Helper()
	clock, a, b := quiet(t)
	if off != 0 {
		without(t, off, a, b)
	}
	l := listenIn(t, b)
	cli = socketIn(t, a)
	t.Cleanup(func() { cli.Close() })
	if err := cli.Connect(root, serverAt); err != errno.EINPROGRESS {
		t.Fatal(err)
	}
	return clock, cli, accept(t, l)
}

// bulk returns a function that moves 64 KiB through a connection on a link
// without delay.
func bulk(t testing.TB) func() { return bulkWithout(t, 0) }

// bulkWithout is bulk on a link without some offloads.
func bulkWithout(t testing.TB, off dev.Features) func() {
	clock, cli, srv := connOn(t, off)
	data := make([]byte, 1<<16)
	out := new(sock.Msg)
	in := &sock.Msg{Data: make([]byte, 1<<16)}
	step := func() {
		for sent := 0; sent < 1<<16; {
			out.Data = data[sent:]
			n, err := cli.Sendmsg(root, out)
			if err != nil && err != errno.EAGAIN {
				t.Fatal(err)
			}
			sent += n
			for {
				n, err := srv.Recvmsg(root, in)
				if err == errno.EAGAIN {
					break
				}
				if err != nil || n == 0 {
					t.Fatal(n, err)
				}
			}
			if n == 0 {
				clock.Advance(time.Millisecond)
			}
		}
	}
	for range 200 { // the window opens
		step()
	}
	return step
}

func BenchmarkBulk64K(b *testing.B) {
	step := bulk(b)
	b.SetBytes(1 << 16)
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

func TestBulkAllocatesNothing(t *testing.T) {
	step := bulk(t)
	if n := testing.AllocsPerRun(200, step); n >= 1 {
		t.Errorf("%v allocations for 64 KiB", n)
	}
}

// roundTrip returns a function that sends a byte and has it sent back.
func roundTrip(t testing.TB) func() {
	_, cli, srv := quietConn(t)
	setInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_NODELAY, 1)
	setInt(t, srv, uapi.IPPROTO_TCP, uapi.TCP_NODELAY, 1)
	m := &sock.Msg{Data: make([]byte, 1)}
	return func() {
		for _, s := range [2][2]sock.Socket{{cli, srv}, {srv, cli}} {
			if n, err := s[0].Sendmsg(root, m); n != 1 {
				t.Fatal(err)
			}
			if n, err := s[1].Recvmsg(root, m); n != 1 {
				t.Fatal(err)
			}
		}
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	trip := roundTrip(b)
	b.ReportAllocs()
	for b.Loop() {
		trip()
	}
}

func TestRoundTripAllocatesNothing(t *testing.T) {
	trip := roundTrip(t)
	for range 100 {
		trip()
	}
	if n := testing.AllocsPerRun(200, trip); n >= 1 {
		t.Errorf("%v allocations a round trip", n)
	}
}

func BenchmarkConnectAcceptClose(b *testing.B) {
	_, from, to := quiet(b)
	l := listenIn(b, to)
	linger := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	b.ReportAllocs()
	for b.Loop() {
		s := socketIn(b, from)
		s.Connect(root, serverAt)
		srv, err := l.Accept(root)
		if err != nil {
			b.Fatal(err)
		}
		s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_LINGER, linger)
		s.Close()
		srv.Close()
	}
}

// without takes offloads off both ends of a quiet pair, and gives them GRO.
func without(t testing.TB, off dev.Features, nets ...*netns.Net) {
	t.Helper()
	for _, n := range nets {
		n.Lock()
		must(t, dev.ChangeFeatures(dev.ByName(n, "eth0"), dev.FeatGRO, off|dev.FeatGRO))
		n.Unlock()
	}
}

// What a link at MTU 1500 without offloads does (performance.md): super-packets
// are cut in front of the device, and with software checksums computed there
// and verified where they arrive.
const (
	softCut  = dev.FeatAllTSO
	softCsum = dev.FeatAllTSO | dev.FeatHWCsum
)

func BenchmarkBulk1500(b *testing.B) {
	for _, c := range []struct {
		name string
		off  dev.Features
	}{{"checksummed", softCsum}, {"offloaded", softCut}} {
		b.Run(c.name, func(b *testing.B) {
			step := bulkWithout(b, c.off)
			b.SetBytes(1 << 16)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

func TestBulk1500AllocatesNothing(t *testing.T) {
	for _, off := range []dev.Features{softCut, softCsum} {
		step := bulkWithout(t, off)
		if n := testing.AllocsPerRun(200, step); n >= 1 {
			t.Errorf("without %#x: %v allocations for 64 KiB", off, n)
		}
	}
}

// connectOnce returns a function that opens, accepts and resets a connection.
func connectOnce(t testing.TB) func() {
	_, from, to := quiet(t)
	l := listenIn(t, to)
	linger := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	return func() {
		s := socketIn(t, from)
		s.Connect(root, serverAt)
		srv, err := l.Accept(root)
		must(t, err)
		s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_LINGER, linger)
		s.Close()
		srv.Close()
	}
}

func TestConnectAllocates20(t *testing.T) {
	once := connectOnce(t)
	for range 100 {
		once()
	}
	if n := testing.AllocsPerRun(200, once); n > 20 {
		t.Errorf("%v allocations for connect, accept and close", n)
	}
}

// BenchmarkIdleEndpoint measures the heap of established connections, an end.
func BenchmarkIdleEndpoint(b *testing.B) {
	_, from, to := quiet(b)
	l := listenIn(b, to)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var held []sock.Socket
	for b.Loop() {
		s := socketIn(b, from)
		s.Connect(root, serverAt)
		srv, err := l.Accept(root)
		must(b, err)
		held = append(held, s, srv)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(held)), "B/endpoint")
	for _, s := range held {
		s.Close()
	}
}

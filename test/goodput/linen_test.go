package goodput

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"linen"
	"linen/drivers/net/testlink"
	"linen/lib/impair"
	"linen/net/inet"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/sock"
	"linen/test/need"
	"linen/uapi"
	"linen/uapi/errno"
)

// tick is how often the programs of a run look at their sockets.
const tick = 100 * time.Microsecond

// A pair is two hosts of linen on a link, on virtual time.
type pair struct {
	clock *linen.ManualClock
	nets  [2]*netns.Net
}

func newPair(t testing.TB, c Cell, seed uint64) *pair {
	t.Helper()
	p := &pair{clock: linen.NewManualClock()}
	k := linen.New(linen.Config{Seed: seed, Clock: p.clock})
	t.Cleanup(func() { k.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var nets [2]*linen.Net
	for i, name := range []string{"a", "b"} {
		n, err := k.NewNet(name)
		must(err)
		nets[i], p.nets[i] = n, n.Namespace()
		must(n.SetSysctl("net.ipv4.tcp_congestion_control", c.Congestion))
	}
	quiet := c.Link(seed)
	quiet.Loss, quiet.Reorder = impair.Chance{}, impair.Chance{}
	d1, d2, err := testlink.NewPair(p.nets[0], "eth0", p.nets[1], "eth0", quiet)
	must(err)
	for i, n := range nets {
		must(n.Up("eth0"))
		must(n.AddAddr("eth0", netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(i + 1)}), 24)))
	}
	p.clock.Settle()
	s, err := sock.Create(sock.Root(), p.nets[0], uapi.AF_INET, uapi.SOCK_STREAM, 0)
	must(err)
	s.Connect(sock.Root(), inet.FromAddrPort(netip.MustParseAddrPort("10.9.0.2:9")).Bytes()) // refused: the neighbours know each other
	p.clock.Advance(time.Second)
	s.Close()
	must(testlink.Impair(d1, c.Link(seed)))
	must(testlink.Impair(d2, c.Link(seed)))
	return p
}

// connect makes a listener on one end of the link and a connection to it, under way, on the other.
func (p *pair) connect(t testing.TB) (listener, out sock.Socket) {
	t.Helper()
	who := sock.Root()
	open := func(n *netns.Net) sock.Socket {
		s, err := sock.Create(who, n, uapi.AF_INET, uapi.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	to := inet.FromAddrPort(netip.MustParseAddrPort("10.9.0.2:80")).Bytes()
	l, out := open(p.nets[1]), open(p.nets[0])
	if err := l.Bind(who, to); err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(who, 1); err != nil {
		t.Fatal(err)
	}
	if err := out.Connect(who, to); err != errno.EINPROGRESS {
		t.Fatal(err)
	}
	return l, out
}

// run sends for the cell's span and returns the goodput in Mbit/s.
func (p *pair) run(t testing.TB, c Cell) float64 {
	t.Helper()
	who := sock.Root()
	l, out := p.connect(t)
	var in sock.Socket
	for in == nil {
		p.clock.Advance(tick)
		in, _ = l.Accept(who)
	}
	t.Cleanup(func() { in.Close() })
	data, rest := sock.Msg{Data: make([]byte, 1<<16)}, sock.Msg{Data: make([]byte, 1<<17)}
	got := 0
	for end := p.clock.Now().Add(c.Span); p.clock.Now() < end; p.clock.Advance(tick) {
		for {
			if n, err := out.Sendmsg(who, &data); err == errno.EAGAIN || n == 0 {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		for {
			n, err := in.Recvmsg(who, &rest)
			if err == errno.EAGAIN {
				break
			}
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			got += n
		}
	}
	var info [280]byte
	out.Getsockopt(who, uapi.IPPROTO_TCP, uapi.TCP_INFO, info[:])
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(info[i:]) }
	t.Logf("%.3f Mbit/s, cwnd %d ssthresh %d rtt %d min %d retrans %d reordering %d rtos %d", float64(got)*8/1e6/c.Span.Seconds(),
		word(80), word(76), word(68), word(148), word(100), word(88), word(240))
	if os.Getenv("LINEN_MEASURE_CELL") != "" {
		var text bytes.Buffer
		mib.Of(p.nets[0]).WriteNetstat(&text)
		lines := strings.Split(text.String(), "\n")
		names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
		for i, v := range values {
			if v != "0" {
				t.Logf("%s %s", names[i], v)
			}
		}
	}
	return float64(got) * 8 / 1e6 / c.Span.Seconds()
}

// kernel reads the stored figures.
func kernel(t testing.TB) map[string]float64 {
	t.Helper()
	text, err := os.ReadFile("testdata/kernel.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) == 2 {
			if table[f[0]], err = strconv.ParseFloat(f[1], 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	return table
}

// TestGoodput: linen carries what the kernel carries, within 10 %, in every
// cell; with the seeds of the kernel's runs, so that the same packets are lost.
func TestGoodput(t *testing.T) {
	need.Long(t)
	table := kernel(t)
	for _, c := range compared {
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			sum := 0.0
			for seed := range uint64(runs) {
				sum += newPair(t, c, 2*(seed+1)).run(t, c)
			}
			got, want := sum/runs, table[c.Name()]
			if want == 0 {
				t.Fatal("testdata/kernel.txt has no such cell")
			}
			t.Logf("%.3f Mbit/s, the kernel %.3f: %+.1f %%", got, want, 100*(got/want-1))
			if math.Abs(got/want-1) > 0.1 {
				t.Errorf("%.3f Mbit/s, the kernel %.3f", got, want)
			}
		})
	}
}

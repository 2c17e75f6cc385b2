package iptunnel_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"linen"
	"linen/kern"
	"linen/net/dev"
	"linen/net/inet"
	"linen/net/netlink"
	"linen/net/skb"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

var root = sock.Root()

// way is a tunnel between two routers with a host behind each, and a router in
// between:
//
//	h 192.168.1.2 - a 10.1.0.2 - m - 10.2.0.2 b - 192.168.2.2 k
type way struct{ h, a, m, b, k *hosts.Host }

// newWay makes it; both ends of the tunnel are as c says, but for the addresses.
func newWay(t testing.TB, c conf) *way {
	w := &way{}
	w.a, w.m, w.b = hosts.Routed(t)
	l := w.a.Lab
	w.h, w.k = l.Host("h"), l.Host("k")
	l.Link(w.h, "eth0 192.168.1.2/24", w.a, "eth1 192.168.1.1/24")
	l.Link(w.k, "eth0 192.168.2.2/24", w.b, "eth1 192.168.2.1/24")
	w.h.Route("default", "192.168.1.1")
	w.k.Route("default", "192.168.2.1")
	for _, n := range []*hosts.Host{w.a, w.m, w.b} {
		must(t, n.SetSysctl("net.ipv4.ip_forward", "1"))
		must(t, n.SetSysctl("net.ipv4.icmp_ratelimit", "0"))
	}
	c.local, c.remote = "10.1.0.2", "10.2.0.2"
	tunnel(w.a, "t0", "10.9.0.1/30", c)
	c.local, c.remote = c.remote, c.local
	tunnel(w.b, "t0", "10.9.0.2/30", c)
	must(t, w.a.AddRoute(linen.Route{Dst: netip.MustParsePrefix("192.168.2.0/24"), Dev: "t0"}))
	must(t, w.b.AddRoute(linen.Route{Dst: netip.MustParsePrefix("192.168.1.0/24"), Dev: "t0"}))
	w.h.MustPing(w.k.Addr())
	return w
}

// narrow gives the link behind the middle another MTU.
func (w *way) narrow(t testing.TB, mtu int) {
	must(t, w.m.SetMTU("eth1", mtu))
	must(t, w.b.SetMTU("eth0", mtu))
}

// open makes a socket of a host.
func open(t testing.TB, h *hosts.Host, typ int) sock.Socket {
	t.Helper()
	s, err := sock.Create(root, h.Namespace(), uapi.AF_INET, typ, 0)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func setInt(t testing.TB, s sock.Socket, level, name, v int) {
	t.Helper()
	must(t, s.Setsockopt(root, level, name, binary.NativeEndian.AppendUint32(nil, uint32(v))))
}

func at(a netip.Addr, port uint16) []byte {
	return inet.FromAddrPort(netip.AddrPortFrom(a, port)).Bytes()
}

// udp sends datagrams of so many bytes to k's port 7, where nobody is, and
// says for each what came of it: the error of the call, then those of the error
// queue, as "errno origin/type/code info from".
func (w *way) udp(t testing.TB, from *hosts.Host, mode int, sizes ...int) (said []string) {
	t.Helper()
	s := open(t, from, uapi.SOCK_DGRAM)
	setInt(t, s, uapi.SOL_IP, uapi.IP_RECVERR, 1)
	setInt(t, s, uapi.SOL_IP, uapi.IP_MTU_DISCOVER, mode)
	must(t, s.Connect(root, at(w.k.Addr(), 7)))
	for _, n := range sizes {
		said = append(said, fmt.Sprintf("%d:", n))
		if _, err := s.Sendmsg(root, &sock.Msg{Data: make([]byte, n)}); err != nil {
			said = append(said, "refused")
			if err != errno.EMSGSIZE {
				t.Error(err)
			}
		}
		w.h.Lab.Advance(10 * time.Second) // a router has a token for each error
		for {
			m := &sock.Msg{Data: make([]byte, 64), Control: make([]byte, 256), Flags: uapi.MSG_ERRQUEUE}
			if _, err := s.Recvmsg(root, m); err != nil {
				break
			}
			c, _, _, _ := sock.NextCmsg(m.Control[:m.ControlLen])
			e := c.Data
			said = append(said, fmt.Sprintf("%d %d/%d/%d %d %v", binary.NativeEndian.Uint32(e), e[4], e[5], e[6],
				binary.NativeEndian.Uint32(e[8:]), netip.AddrFrom4([4]byte(e[20:24]))))
		}
	}
	return said
}

// TestPathMTUOfDatagrams: a sender learns how much fits into the tunnel, on the
// router that is its end and behind it: first of the device, then of the way
// beyond, one packet after the router has; with Linux 6.12 as here. Whether the
// tunnel itself forbids cutting makes no difference to those who do.
func TestPathMTUOfDatagrams(t *testing.T) {
	const closed = "111 2/3/3 0 192.168.2.2"
	for _, c := range []conf{{}, {nopmtudisc: true}} {
		w := newWay(t, c)
		for _, s := range []struct {
			path int
			from *hosts.Host
			want []string
		}{
			{1500, w.h, []string{"1472:", "90 2/3/4 1480 192.168.1.1", "1452:", closed, "1252:", closed}},
			{1500, w.a, []string{"1472:", "refused", "90 1/0/0 1480 0.0.0.0", "1452:", closed, "1252:", closed}},
			{1300, w.h, []string{"1472:", "refused", "90 1/0/0 1480 0.0.0.0", "1452:", "1452:", "90 2/3/4 1280 192.168.1.1",
				"1372:", "refused", "90 1/0/0 1280 0.0.0.0", "1252:", closed}},
			{1300, w.a, []string{"1452:", "refused", "90 1/0/0 1280 0.0.0.0", "1252:", closed}},
		} {
			w.narrow(t, s.path)
			var sizes []int
			for _, line := range s.want {
				if n := 0; strings.HasSuffix(line, ":") {
					fmt.Sscanf(line, "%d:", &n)
					sizes = append(sizes, n)
				}
			}
			if got := w.udp(t, s.from, uapi.IP_PMTUDISC_DO, sizes...); !slices.Equal(got, s.want) {
				t.Errorf("%+v, path %d, from %s:\ngot  %q\nwant %q", c, s.path, s.from.Name(), got, s.want)
			}
		}
	}
}

// TestCutDatagrams: what may be cut goes through a narrow path in a tunnel that
// allows it; through one that does not, only when it is small enough.
func TestCutDatagrams(t *testing.T) {
	const closed = "111 2/3/3 0 192.168.2.2"
	for _, c := range []struct {
		conf conf
		want []string
	}{
		{conf{}, []string{"1472:", "1452:", "1252:", closed}},
		{conf{nopmtudisc: true}, []string{"1472:", closed, "1452:", closed, "1252:", closed}},
	} {
		w := newWay(t, c.conf)
		w.narrow(t, 1300)
		if got := w.udp(t, w.h, uapi.IP_PMTUDISC_DONT, 1472, 1452, 1252); !slices.Equal(got, c.want) {
			t.Errorf("%+v:\ngot  %q\nwant %q", c.conf, got, c.want)
		}
	}
}

// TestErrorsOfTheWay: what routers on the way say of an outer packet, the sender
// of the next one is told as an unreachable host (RFC 2003 §4); and so is it when
// there is no tunnel at the other end. It ends with what caused it.
func TestErrorsOfTheWay(t *testing.T) {
	const closed = "111 2/3/3 0 192.168.2.2"
	for _, c := range []struct {
		name       string
		cause, end func(w *way) error
	}{
		{"an unreachable route", func(w *way) error { return w.unreachable(uapi.RTM_NEWROUTE) },
			func(w *way) error { return w.unreachable(uapi.RTM_DELROUTE) }},
		{"no tunnel there", func(w *way) error { return w.b.Down("t0") }, func(w *way) error {
			if err := w.b.Up("t0"); err != nil {
				return err
			}
			return w.b.AddRoute(linen.Route{Dst: netip.MustParsePrefix("192.168.1.0/24"), Dev: "t0"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWay(t, conf{})
			must(t, c.cause(w))
			const told = "113 2/3/1 0 192.168.1.1"
			if got, want := w.udp(t, w.h, uapi.IP_PMTUDISC_DO, 10, 11, 12), []string{"10:", "11:", told, "12:", told}; !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			must(t, c.end(w))
			if got, want := w.udp(t, w.h, uapi.IP_PMTUDISC_DO, 16, 17), []string{"16:", told, closed, "17:", closed}; !slices.Equal(got, want) {
				t.Errorf("behind that: got  %q\nwant %q", got, want)
			}
		})
	}
}

// unreachable adds the middle's route that the other end is unreachable, or takes
// it away.
func (w *way) unreachable(typ uint16) error {
	m := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE)
	m.Put((&uapi.RtMsg{Family: uapi.AF_INET, DstLen: 32, Table: uapi.RT_TABLE_MAIN, Protocol: uapi.RTPROT_BOOT,
		Type: uapi.RTN_UNREACHABLE}).Append(nil))
	m.Attr(uapi.RTA_DST, []byte{10, 2, 0, 2})
	if e := ask(w.m, m); e != 0 {
		return e
	}
	return nil
}

// sizes counts what a namespace's tap sees of TCP.
type sizes struct{ packets, largest int }

func watch(h *hosts.Host, name string) *sizes {
	s := &sizes{}
	dev.AddTap(h.Namespace(), dev.ByName(h.Namespace(), name), &dev.PacketType{Proto: uapi.ETH_P_ALL,
		Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
			s.packets++
			s.largest = max(s.largest, b.Len())
			b.Consume(c)
		}})
	return s
}

// TestStream: a TCP stream of super-packets goes through the tunnel, one end of
// which cuts them to what the way takes, and the other one merges what comes, like
// any device of which that is asked.
func TestStream(t *testing.T) {
	for _, c := range []struct {
		name      string
		conf      conf
		path, mss int
		all, none bool // devices that merge; else it is the tunnel's ends
	}{
		{"pmtudisc", conf{}, 1500, 1428, false, false},
		{"nopmtudisc", conf{nopmtudisc: true}, 1500, 1428, false, false},
		{"a narrow path", conf{}, 1300, 1228, false, false},
		{"a narrow path, nopmtudisc", conf{nopmtudisc: true}, 1300, 1228, false, false},
		{"everybody merges", conf{}, 1500, 1428, true, false},
		{"nobody merges", conf{}, 1500, 1428, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWay(t, c.conf)
			w.narrow(t, c.path)
			if c.all {
				w.merge(t)
			}
			if c.none {
				features(t, w.b, "t0", 0, dev.FeatGRO)
			}
			into, outer, out := watch(w.a, "t0"), watch(w.a, "eth0"), watch(w.k, "eth0")
			l := open(t, w.k, uapi.SOCK_STREAM)
			must(t, l.Bind(root, at(w.k.Addr(), 80)))
			must(t, l.Listen(root, 1))
			cli := open(t, w.h, uapi.SOCK_STREAM)
			if err := cli.Connect(root, at(w.k.Addr(), 80)); err != errno.EINPROGRESS {
				t.Fatal(err)
			}
			w.h.Lab.Clock.Settle()
			srv, err := l.Accept(root)
			must(t, err)
			t.Cleanup(func() { srv.Close() })
			w.carry(t, cli, srv, 1<<20)
			var mss [4]byte
			if _, err := cli.Getsockopt(root, uapi.SOL_TCP, uapi.TCP_MAXSEG, mss[:]); err != nil || binary.NativeEndian.Uint32(mss[:]) != uint32(c.mss) {
				t.Errorf("the segments have %d bytes, %v; want %d", binary.NativeEndian.Uint32(mss[:]), err, c.mss)
			}
			if into.largest < 2*c.path || outer.largest > 1514 || outer.packets < 2*into.packets {
				t.Errorf("into the tunnel: %+v; as outer packets: %+v", *into, *outer)
			}
			if merged := out.largest > 1514; merged == c.none {
				t.Errorf("at the receiver: %+v", *out)
			}
		})
	}
}

// merge has the devices at the way's ends cut, and everybody merge.
func (w *way) merge(t testing.TB) {
	for _, at := range []struct {
		h    *hosts.Host
		name string
	}{{w.h, "eth0"}, {w.a, "eth0"}, {w.a, "eth1"}, {w.b, "eth0"}, {w.b, "eth1"}, {w.k, "eth0"}} {
		features(t, at.h, at.name, dev.FeatGRO, dev.FeatAllTSO|dev.FeatGRO)
	}
}

// features sets those of mask.
func features(t testing.TB, h *hosts.Host, name string, set, mask dev.Features) {
	n := h.Namespace()
	n.Lock()
	defer n.Unlock()
	must(t, dev.ChangeFeatures(dev.ByName(n, name), set, mask))
}

// carry sends n bytes and looks that they arrive.
func (w *way) carry(t testing.TB, from, to sock.Socket, n int) {
	t.Helper()
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	in := &sock.Msg{Data: make([]byte, 1<<16)}
	for sent, got, idle := 0, 0, 0; got < n; idle++ {
		if sent < n {
			if m, err := from.Sendmsg(root, &sock.Msg{Data: data[sent:]}); err == nil {
				sent += m
			}
		}
		m, err := to.Recvmsg(root, in)
		if err != nil {
			if idle > 10000 {
				t.Fatalf("%d bytes arrived: %v", got, err)
			}
			w.h.Lab.Advance(time.Millisecond)
			continue
		}
		if !slices.Equal(in.Data[:m], data[got:got+m]) {
			t.Fatalf("other bytes than were sent, at %d", got)
		}
		got += m
	}
}

package udp_test

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen"
	"linen/net/inet"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// sa is the sockaddr of a host's port.
func sa(ip netip.Addr, port uint16) []byte {
	return inet.FromAddrPort(netip.AddrPortFrom(ip, port)).Bytes()
}

// on makes a socket of a host of a whole network, bound to a port if not 0.
func on(t testing.TB, h *hosts.Host, port uint16) sock.Socket {
	t.Helper()
	s, err := sock.Create(root, h.Namespace(), uapi.AF_INET, uapi.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if port != 0 {
		if err := s.Bind(root, addr(0, port)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestDatagramsThroughARouter(t *testing.T) { // fragmented and reassembled too
	a, _, b := hosts.Routed(t)
	srv, cli := on(t, b, 9), on(t, a, 0)
	for _, n := range []int{0, 1, 1472, 1473, 9000, 65507} {
		data := strings.Repeat("0123456", n/7+1)[:n]
		send(t, cli, sa(b.Addr(), 9), data)
		m := want(t, srv, data)
		send(t, srv, m.Name[:m.NameLen], "ok")
		want(t, cli, "ok")
	}
}

func TestNobodyListens(t *testing.T) {
	a, _, b := hosts.Routed(t)
	cli := on(t, a, 0)
	if err := cli.Connect(root, sa(b.Addr(), 9)); err != nil {
		t.Fatal(err)
	}
	send(t, cli, nil, "x")
	if _, _, err := recv(cli, 0); err != errno.ECONNREFUSED {
		t.Errorf("recv: %v", err)
	}
}

func TestTimeExceededOnTheErrorQueue(t *testing.T) { // traceroute's first hop
	a, r, b := hosts.Routed(t)
	_ = r
	cli := on(t, a, 0)
	setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_TTL, 1)
	setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_RECVERR, 1)
	send(t, cli, sa(b.Addr(), 33434), "probe")
	got, m, err := recv(cli, uapi.MSG_ERRQUEUE)
	if err != nil || got != "probe" || string(m.Name[:m.NameLen]) != string(sa(b.Addr(), 33434)) {
		t.Fatalf("%q %x %v", got, m.Name[:m.NameLen], err)
	}
	c, _, _, _ := sock.NextCmsg(m.Control[:m.ControlLen])
	if c.Type != uapi.IP_RECVERR || errno.Errno(c.Data[0]) != errno.EHOSTUNREACH || c.Data[5] != 11 || string(c.Data[20:24]) != "\x0a\x01\x00\x01" {
		t.Errorf("sock_extended_err %x", c.Data)
	}
}

func TestUnresolvedNeighbourFails(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	cli := on(t, a, 0)
	if err := cli.Connect(root, sa(netip.MustParseAddr("10.0.0.99"), 9)); err != nil {
		t.Fatal(err)
	}
	setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_RECVERR, 1)
	send(t, cli, nil, "x")
	a.Lab.Advance(5 * time.Second)
	if _, _, err := recv(cli, 0); err != errno.EHOSTUNREACH {
		t.Errorf("recv: %v", err)
	}
}

func TestLoopback(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	srv, cli := on(t, a, 9), on(t, a, 0)
	for _, ip := range []string{"127.0.0.1", "10.0.0.1", "0.0.0.0"} {
		send(t, cli, sa(netip.MustParseAddr(ip), 9), ip)
		want(t, srv, ip)
	}
}

func TestBindChecks(t *testing.T) { // bind(2), ip(7); spec 11.03
	a, _, _ := hosts.Pair(t)
	user := &sock.Caller{UID: 1000}
	for _, c := range []struct {
		name string
		who  *sock.Caller
		sa   []byte
		want error
	}{
		{"foreign address", root, sa(netip.MustParseAddr("9.9.9.9"), 0), errno.EADDRNOTAVAIL},
		{"own address", root, sa(a.Addr(), 0), nil},
		{"loopback", root, addr(0x7f000009, 0), nil},
		{"port 80 as a user", user, addr(0, 80), errno.EACCES},
		{"port 1024 as a user", user, addr(0, 1024), nil},
		{"short", root, addr(0, 80)[:8], errno.EINVAL},
		{"family", root, []byte{10, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, errno.EAFNOSUPPORT},
	} {
		s := on(t, a, 0)
		err := s.Bind(c.who, c.sa)
		if err != c.want && !(err == nil && c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if err == nil {
			if err := s.Bind(root, addr(0, 0)); err != errno.EINVAL {
				t.Errorf("%s: second bind: %v", c.name, err)
			}
		}
	}
	s := on(t, a, 0)
	setInt(t, s, uapi.IPPROTO_IP, uapi.IP_FREEBIND, 1)
	if err := s.Bind(root, sa(netip.MustParseAddr("9.9.9.9"), 0)); err != nil {
		t.Errorf("IP_FREEBIND: %v", err)
	}
}

func TestEphemeralPorts(t *testing.T) { // spec 11.03, 11.06
	a, _, _ := hosts.Pair(t)
	for path, v := range map[string]string{"net.ipv4.ip_local_port_range": "40000 40009", "net.ipv4.ip_local_reserved_ports": "40001-40003,40007"} {
		if err := a.SetSysctl(path, v); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint16]bool{}
	for range 6 {
		s := on(t, a, 0)
		if err := s.Bind(root, addr(0, 0)); err != nil {
			t.Fatal(err)
		}
		name, _ := s.Getsockname()
		port := binary.BigEndian.Uint16(name[2:])
		if port < 40000 || port > 40009 || port >= 40001 && port <= 40003 || port == 40007 || seen[port] {
			t.Errorf("port %d", port)
		}
		seen[port] = true
	}
	s := on(t, a, 0)
	if err := s.Bind(root, addr(0, 0)); err != errno.EADDRINUSE {
		t.Errorf("exhausted: %v", err)
	}
	if _, err := s.Sendmsg(root, &sock.Msg{Name: sa(a.Addr(), 9)}); err != errno.EAGAIN {
		t.Errorf("autobind when exhausted: %v", err)
	}
}

func TestBindToDevice(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	s, user := on(t, a, 0), &sock.Caller{}
	for _, c := range []struct {
		who  *sock.Caller
		name string
		want error
	}{{user, "nope", errno.ENODEV}, {user, "eth0", nil}, {user, "lo", errno.EPERM}, {root, "lo", nil}} {
		if err := s.Setsockopt(c.who, uapi.SOL_SOCKET, uapi.SO_BINDTODEVICE, []byte(c.name)); err != c.want && !(err == nil && c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	val := make([]byte, 16)
	if n, err := s.Getsockopt(root, uapi.SOL_SOCKET, uapi.SO_BINDTODEVICE, val); err != nil || string(val[:n]) != "lo\x00" {
		t.Errorf("%q %v", val[:n], err)
	}
}

func TestInterfaceIoctl(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	var ifr [40]byte
	copy(ifr[:], "eth0")
	s := on(t, a, 0)
	if err := s.Ioctl(root, uapi.SIOCGIFADDR, ifr[:]); err != nil || string(ifr[20:24]) != "\x0a\x00\x00\x01" {
		t.Errorf("SIOCGIFADDR %x %v", ifr, err)
	}
	if err := s.Ioctl(root, uapi.SIOCGIFINDEX, ifr[:]); err != nil {
		t.Errorf("SIOCGIFINDEX %v", err)
	}
	if err := s.Ioctl(root, 0x5401, ifr[:]); err != errno.ENOTTY {
		t.Errorf("TCGETS: %v", err)
	}
}

// overVeth is a round trip over a veth pair that nobody captures.
func overVeth(t testing.TB) func() {
	cli, srv := vethPair(t)
	return roundTrip(t, cli, srv)
}

// vethPair is two sockets at port 7 of two namespaces on a link without a
// capture, the first connected to the other.
func vethPair(t testing.TB) (cli, srv sock.Socket) {
	t.Helper()
	k := linen.New(linen.Config{Seed: 1, Clock: linen.NewManualClock()})
	t.Cleanup(func() { k.Close() })
	var hosts [2]*linen.Net
	for i := range hosts {
		n, err := k.NewNet(string(rune('a' + i)))
		if err != nil {
			t.Fatal(err)
		}
		hosts[i] = n
	}
	if err := k.Link(hosts[0], "eth0", hosts[1], "eth0"); err != nil {
		t.Fatal(err)
	}
	var ends [2]sock.Socket
	for i, n := range hosts {
		if err := n.AddAddr("eth0", netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24)); err != nil {
			t.Fatal(err)
		}
		s, err := sock.Create(root, n.Namespace(), uapi.AF_INET, uapi.SOCK_DGRAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		if err := s.Bind(root, addr(0, 7)); err != nil {
			t.Fatal(err)
		}
		ends[i] = s
	}
	if err := ends[0].Connect(root, addr(0x0a000002, 7)); err != nil {
		t.Fatal(err)
	}
	return ends[0], ends[1]
}

func BenchmarkEcho36Veth(b *testing.B) {
	trip := overVeth(b)
	trip()
	b.ReportAllocs()
	for b.Loop() {
		trip()
	}
}

func TestRoundTripOverVethAllocatesNothing(t *testing.T) {
	trip := overVeth(t)
	for range 100 {
		trip()
	}
	if n := testing.AllocsPerRun(200, trip); n >= 1 {
		t.Errorf("%v allocations a round trip", n)
	}
}

func TestMulticastOverALink(t *testing.T) { // membership, IGMP below, IP_MULTICAST_*
	a, b, _ := hosts.Pair(t)
	group := netip.MustParseAddr("239.1.2.3")
	in, own, out := on(t, b, 9), on(t, a, 9), on(t, a, 0)
	if _, err := out.Sendmsg(root, &sock.Msg{Name: sa(group, 9)}); err != errno.ENETUNREACH {
		t.Errorf("no default route and no IP_MULTICAST_IF: %v", err)
	}
	mreqn := append([]byte{239, 1, 2, 3, 0, 0, 0, 0}, 0, 0, 0, 0)
	var ifr [40]byte
	copy(ifr[:], "eth0")
	if err := in.Ioctl(root, uapi.SIOCGIFINDEX, ifr[:]); err != nil {
		t.Fatal(err)
	}
	copy(mreqn[8:], ifr[16:20])
	if err := out.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_MULTICAST_IF, mreqn); err != nil {
		t.Fatal(err)
	}
	send(t, out, sa(group, 9), "before") // nobody has joined: b does not listen
	empty(t, in)
	for _, s := range []sock.Socket{in, own} {
		if err := s.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_ADD_MEMBERSHIP, mreqn); err != nil {
			t.Fatal(err)
		}
	}
	setInt(t, out, uapi.IPPROTO_IP, uapi.IP_MULTICAST_LOOP, 0)
	send(t, out, sa(group, 9), "once")
	want(t, in, "once")
	empty(t, own)
	setInt(t, out, uapi.IPPROTO_IP, uapi.IP_MULTICAST_LOOP, 1)
	send(t, out, sa(group, 9), "looped")
	want(t, in, "looped")
	want(t, own, "looped")
	if err := in.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_DROP_MEMBERSHIP, mreqn); err != nil {
		t.Fatal(err)
	}
	send(t, out, sa(group, 9), "after")
	empty(t, in)
	for i := range 21 { // igmp_max_memberships
		mreqn[2] = byte(100 + i)
		err := in.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_ADD_MEMBERSHIP, mreqn)
		if i < 20 && err != nil || i == 20 && err != errno.ENOBUFS {
			t.Errorf("membership %d: %v", i, err)
		}
	}
}

func TestTransmitTimestamps(t *testing.T) { // timestamping.rst; spec 1.39
	a, b, _ := hosts.Pair(t)
	cli := on(t, a, 0)
	send(t, cli, sa(b.Addr(), 9), "resolve the neighbour")
	setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_TIMESTAMPING, uapi.SOF_TIMESTAMPING_TX_SOFTWARE|uapi.SOF_TIMESTAMPING_TX_SCHED|
		uapi.SOF_TIMESTAMPING_SOFTWARE|uapi.SOF_TIMESTAMPING_OPT_ID|uapi.SOF_TIMESTAMPING_OPT_TSONLY)
	for range 2 {
		send(t, cli, sa(b.Addr(), 9), "x")
	}
	for i, kind := range []byte{uapi.SCM_TSTAMP_SCHED, uapi.SCM_TSTAMP_SND, uapi.SCM_TSTAMP_SCHED, uapi.SCM_TSTAMP_SND} {
		got, m, err := recv(cli, uapi.MSG_ERRQUEUE)
		if err != nil || got != "" || m.NameLen != 0 {
			t.Fatalf("report %d: %q, %v", i, got, err)
		}
		stamp, rest, _, _ := sock.NextCmsg(m.Control[:m.ControlLen])
		e, _, _, _ := sock.NextCmsg(rest)
		if stamp.Type != uapi.SCM_TIMESTAMPING || len(stamp.Data) != 48 || binary.NativeEndian.Uint64(stamp.Data) == 0 {
			t.Errorf("stamp %+v", stamp)
		}
		if e.Type != uapi.IP_RECVERR || errno.Errno(e.Data[0]) != errno.ENOMSG || e.Data[4] != uapi.SO_EE_ORIGIN_TIMESTAMPING || e.Data[8] != kind || e.Data[12] != byte(i/2) {
			t.Errorf("report %d: %x", i, e.Data)
		}
	}
	setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_TIMESTAMPING, uapi.SOF_TIMESTAMPING_TX_SOFTWARE|uapi.SOF_TIMESTAMPING_SOFTWARE)
	send(t, cli, sa(b.Addr(), 9), "whole")
	if got, _, err := recv(cli, uapi.MSG_ERRQUEUE); err != nil || len(got) != 14+20+8+5 || !strings.HasSuffix(got, "whole") {
		t.Errorf("looped packet %q, %v", got, err)
	}
}

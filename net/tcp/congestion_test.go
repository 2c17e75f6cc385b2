package tcp_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"linen/net/netlink"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// nobody is a Caller without capabilities.
var nobody = &sock.Caller{UID: 1000, GID: 1000}

func congestionOf(t testing.TB, s sock.Socket) string {
	t.Helper()
	var p [16]byte
	_, err := s.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_CONGESTION, p[:])
	must(t, err)
	return strings.TrimRight(string(p[:]), "\x00")
}

func choose(s sock.Socket, who *sock.Caller, name string) error {
	return s.Setsockopt(who, uapi.IPPROTO_TCP, uapi.TCP_CONGESTION, []byte(name))
}

// TestWhoMayChooseCongestion: what is not there is ENOENT, what is not allowed
// needs CAP_NET_ADMIN (tcp(7), observed on 6.18).
func TestWhoMayChooseCongestion(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	s := stream(t, a)
	for _, c := range []struct {
		who  *sock.Caller
		name string
		want error
	}{
		{nobody, "reno", nil}, {nobody, "cubic", nil}, {nobody, "bbr", errno.EPERM}, {nobody, "vegas", errno.ENOENT},
		{root, "bbr", nil}, {root, "dctcp", nil}, {root, "nothing", errno.ENOENT}, {root, "", errno.EINVAL},
	} {
		if err := choose(s, c.who, c.name); err != c.want && !(c.want == nil && err == nil) {
			t.Errorf("%q with %x: %v, want %v", c.name, c.who.Caps, err, c.want)
		}
	}
	must(t, a.SetSysctl("net.ipv4.tcp_allowed_congestion_control", "bbr reno"))
	must(t, choose(s, nobody, "bbr"))
	if err := choose(s, nobody, "cubic"); err != errno.EPERM {
		t.Errorf("cubic when it is not allowed: %v", err)
	}
	if err := a.SetSysctl("net.ipv4.tcp_allowed_congestion_control", "bbr x"); err == nil {
		t.Error("an unknown name was allowed")
	}
	must(t, a.SetSysctl("net.ipv4.tcp_congestion_control", "dctcp"))
	if got := congestionOf(t, stream(t, a)); got != "dctcp" {
		t.Errorf("a new socket has %s", got)
	}
	must(t, choose(s, nobody, "dctcp")) // the default is everybody's
}

// TestChildCongestion: a connection has its listener's choice, else the default
// at its birth.
func TestChildCongestion(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	plain, chosen := listen(t, b, 80, 5), listen(t, b, 81, 5)
	must(t, choose(chosen, root, "bbr"))
	must(t, b.SetSysctl("net.ipv4.tcp_congestion_control", "reno"))
	for port, want := range map[uint16]string{80: "reno", 81: "bbr"} {
		_, err := connect(t, a, b, port)
		must(t, err)
		l := plain
		if port == 81 {
			l = chosen
		}
		if got := congestionOf(t, accept(t, l)); got != want {
			t.Errorf("port %d: %s, want %s", port, got, want)
		}
	}
}

// TestCongestionInfo: BBR and DCTCP tell of themselves, CUBIC does not
// (TCP_CC_INFO).
func TestCongestionInfo(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	for name, size := range map[string]int{"cubic": 0, "bbr": 20, "dctcp": 16} {
		s := stream(t, a)
		must(t, choose(s, root, name))
		s.Connect(root, at(b.Addr(), 80))
		a.Lab.Clock.Settle()
		srv := accept(t, l)
		transfer(t, a, s, srv, strings.Repeat("x", 1<<20))
		var p [64]byte
		n, err := s.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_CC_INFO, p[:])
		must(t, err)
		if n != size {
			t.Errorf("%s: %d bytes", name, n)
		}
		if name == "bbr" && (binary.NativeEndian.Uint32(p[:]) == 0 || binary.NativeEndian.Uint32(p[16:]) < 256) {
			t.Errorf("bbr tells %x", p[:n])
		}
	}
}

// ask sends a netlink request and returns the answers without the last, an
// acknowledgement or the end of a dump.
func ask(t testing.TB, h *hosts.Host, proto int, m *netlink.Msg) (all [][]byte) {
	t.Helper()
	p, err := netlink.Open(h.Namespace(), proto, netlink.RootCreds(1), nil)
	must(t, err)
	defer p.Close()
	_, err = p.Send(m.Bytes(), nil, netlink.RootCreds(1))
	must(t, err)
	h.Lab.Clock.Settle()
	for {
		d, err := p.Recv(65536, false)
		if err != nil {
			return all
		}
		for data := d.Data; len(data) >= netlink.HeaderLen; {
			n := (int(binary.NativeEndian.Uint32(data)) + 3) &^ 3
			switch typ := binary.NativeEndian.Uint16(data[4:]); typ {
			case uapi.NLMSG_ERROR:
				if e := int32(binary.NativeEndian.Uint32(data[16:])); e != 0 {
					t.Fatal(errno.Errno(-e))
				}
			case uapi.NLMSG_DONE:
			default:
				all = append(all, data[:n])
			}
			data = data[n:]
		}
	}
}

// route adds or replaces the route to 10.0.0.2/32 with metrics; what is in
// locked is bit by RTAX.
func route(t testing.TB, h *hosts.Host, congctl string, locked uint32, metrics map[uint16]uint32) {
	t.Helper()
	routeTo(t, h, 0x0a000002, congctl, locked, metrics)
}

// routeTo is route to another address.
func routeTo(t testing.TB, h *hosts.Host, to uint32, congctl string, locked uint32, metrics map[uint16]uint32) {
	t.Helper()
	m := netlink.NewMsg(uapi.RTM_NEWROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE)
	rt := uapi.RtMsg{Family: uapi.AF_INET, DstLen: 32, Table: uapi.RT_TABLE_MAIN, Protocol: uapi.RTPROT_BOOT, Type: uapi.RTN_UNICAST, Scope: uapi.RT_SCOPE_LINK}
	m.Put((&rt).Append(nil))
	m.BE32(uapi.RTA_DST, to)
	m.U32(uapi.RTA_OIF, 2) // eth0, behind lo
	nest := m.NestOld(uapi.RTA_METRICS)
	if locked != 0 {
		m.U32(uapi.RTAX_LOCK, locked)
	}
	for k, v := range metrics {
		m.U32(k, v)
	}
	if congctl != "" {
		m.String(uapi.RTAX_CC_ALGO, congctl)
	}
	m.End(nest)
	ask(t, h, uapi.NETLINK_ROUTE, m)
}

// TestRouteMetrics: what a route says of connections over it (ip-route(8);
// spec 5.16).
func TestRouteMetrics(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	route(t, a, "reno", 1<<uapi.RTAX_RTO_MIN|1<<uapi.RTAX_CC_ALGO, map[uint16]uint32{
		uapi.RTAX_INITCWND: 20, uapi.RTAX_INITRWND: 30, uapi.RTAX_RTO_MIN: 40, uapi.RTAX_ADVMSS: 1000, uapi.RTAX_QUICKACK: 1,
	})
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	if got := congestionOf(t, cli); got != "reno" {
		t.Errorf("congctl: %s", got)
	}
	if err := choose(cli, root, "cubic"); err != errno.EPERM {
		t.Errorf("TCP_CONGESTION against a locked congctl: %v", err)
	}
	var p [280]byte
	word := func(s sock.Socket, at int) uint32 {
		_, err := s.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_INFO, p[:])
		must(t, err)
		return binary.NativeEndian.Uint32(p[at:])
	}
	if got := word(cli, 80); got != 20 {
		t.Errorf("cwnd %d", got)
	}
	if got := word(cli, 8); got < 40000 || got > 48000 {
		t.Errorf("rto %d", got)
	}
	if got := word(cli, 232); got != (30*1000+1023)&^1023 { // scaled by 10
		t.Errorf("window %d", got)
	}
	if got := word(srv, 16); got != 988 {
		t.Errorf("the peer's snd_mss %d", got)
	}
}

// TestMetricsCache: a connection that ends in peace leaves what it learned
// (spec 11.85), which `ip tcp_metrics` shows, deletes and flushes.
func TestMetricsCache(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	one := func() {
		cli, err := connect(t, a, b, 80)
		must(t, err)
		srv := accept(t, l)
		transfer(t, a, cli, srv, strings.Repeat("x", 1<<20))
		cli.Close()
		srv.Close()
		a.Lab.Advance(time.Second)
	}
	show := func(h *hosts.Host) [][]byte {
		return ask(t, h, uapi.NETLINK_GENERIC, metricsRequest(t, h, uapi.TCP_METRICS_CMD_GET, uapi.NLM_F_DUMP, 0))
	}
	must(t, a.SetSysctl("net.ipv4.tcp_no_metrics_save", "1"))
	one()
	if got := show(a); len(got) != 0 {
		t.Errorf("with tcp_no_metrics_save: %x", got)
	}
	must(t, a.SetSysctl("net.ipv4.tcp_no_metrics_save", "0"))
	one()
	got := show(a)
	if len(got) != 1 {
		t.Fatalf("%d hosts", len(got))
	}
	// ADDR 10.0.0.2, SADDR 10.0.0.1, then AGE: as 6.18 orders them.
	if want := "080001000a00000208000b000a000001" + "0c000300"; hex.EncodeToString(got[0][20:40]) != want {
		t.Errorf("%x, want %s", got[0][20:40], want)
	}
	vals := got[0][48:]
	if binary.NativeEndian.Uint16(vals[2:]) != uapi.TCP_METRICS_ATTR_VALS {
		t.Errorf("no values: %x", got[0])
	}
	for _, typ := range []uint16{uapi.TCP_METRIC_RTT_US + 1, uapi.TCP_METRIC_RTT + 1, uapi.TCP_METRIC_RTTVAR_US + 1, uapi.TCP_METRIC_CWND + 1} {
		if !bytes.Contains(vals, binary.NativeEndian.AppendUint16([]byte{8, 0}, typ)) {
			t.Errorf("no value %d: %x", typ, vals)
		}
	}
	if got := ask(t, b, uapi.NETLINK_GENERIC, metricsRequest(t, b, uapi.TCP_METRICS_CMD_GET, 0, 0x0a000001)); len(got) != 1 {
		t.Errorf("the other side knows %d", len(got))
	}
	ask(t, a, uapi.NETLINK_GENERIC, metricsRequest(t, a, uapi.TCP_METRICS_CMD_DEL, 0, 0x0a000002))
	if got := show(a); len(got) != 0 {
		t.Errorf("deleted: %x", got)
	}
	one()
	ask(t, a, uapi.NETLINK_GENERIC, metricsRequest(t, a, uapi.TCP_METRICS_CMD_DEL, 0, 0))
	if got := show(a); len(got) != 0 {
		t.Errorf("flushed: %x", got)
	}
}

// metricsRequest is a request of the family tcp_metrics, about addr or all.
func metricsRequest(t testing.TB, h *hosts.Host, cmd uint8, flags uint16, addr uint32) *netlink.Msg {
	t.Helper()
	find := netlink.NewMsg(uapi.GENL_ID_CTRL, uapi.NLM_F_REQUEST)
	find.Put([]byte{uapi.CTRL_CMD_GETFAMILY, 2, 0, 0})
	find.String(uapi.CTRL_ATTR_FAMILY_NAME, uapi.TCP_METRICS_GENL_NAME)
	told := ask(t, h, uapi.NETLINK_GENERIC, find)[0]
	i := bytes.Index(told, []byte{6, 0, uapi.CTRL_ATTR_FAMILY_ID, 0})
	m := netlink.NewMsg(binary.NativeEndian.Uint16(told[i+4:]), uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|flags)
	m.Put([]byte{cmd, uapi.TCP_METRICS_GENL_VERSION, 0, 0})
	if addr != 0 {
		m.BE32(uapi.TCP_METRICS_ATTR_ADDR_IPV4, addr)
	}
	return m
}

// TestTimersInProc: /proc/net/tcp names the timer that runs (proc(5)).
func TestTimersInProc(t *testing.T) {
	a, b, link := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	now := func() string {
		lines := strings.Split(strings.TrimSpace(fileOf(t, a, "tcp")), "\n")
		code, _, _ := strings.Cut(strings.Fields(lines[len(lines)-1])[5], ":")
		return code
	}
	code := func(want string) {
		t.Helper()
		if got := now(); got != want {
			t.Errorf("timer %s, want %s", got, want)
		}
	}
	code("00")
	setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_KEEPALIVE, 1)
	code("02")
	setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_KEEPALIVE, 0)
	link.Drop(true)
	send(t, cli, "x", 0)
	code("01")
	link.Drop(false)
	a.Lab.Advance(2 * time.Second)
	want(t, srv, "x")
	probes := false // a window that holds no segment any more
	for range 1000 {
		cli.Sendmsg(root, &sock.Msg{Data: make([]byte, 1000)})
		a.Lab.Advance(time.Millisecond)
		probes = probes || now() == "04"
	}
	if !probes {
		t.Error("no probe timer in front of a shut window")
	}
	srv.Close()
	cli.Close()
}

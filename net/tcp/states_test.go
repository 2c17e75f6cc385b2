package tcp_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen/lib/impair"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// counter reads a counter of /proc/net/snmp or netstat by its name.
func counter(t testing.TB, h *hosts.Host, group, name string) string {
	t.Helper()
	for _, file := range []string{"snmp", "netstat"} {
		text, err := procfs.Of(h.Namespace()).Read(file)
		must(t, err)
		lines := strings.Split(string(text), "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			if names := strings.Fields(lines[i]); len(names) > 0 && names[0] == group+":" {
				for j, n := range names {
					if n == name {
						return strings.Fields(lines[i+1])[j]
					}
				}
			}
		}
	}
	t.Fatalf("no counter %s %s", group, name)
	return ""
}

func TestTimeWait(t *testing.T) { // spec 11.68
	a, b, _, cli, srv := conn(t)
	must(t, cli.Shutdown(root, uapi.SHUT_WR))
	want(t, srv, "")
	srv.Close()
	want(t, cli, "")
	if cli.Base().State() != uapi.TCP_CLOSE {
		t.Errorf("state %d", cli.Base().State())
	}
	text, err := procfs.Of(a.Namespace()).Read("tcp")
	must(t, err)
	if !bytes.Contains(text, []byte(" 06 00000000:00000000 03:")) {
		t.Errorf("no TIME_WAIT in\n%s", text)
	}
	if n := counter(t, a, "TcpExt", "TW"); n != "1" {
		t.Errorf("TW %s", n)
	}
	a.Lab.Advance(61 * time.Second)
	text, _ = procfs.Of(a.Namespace()).Read("tcp")
	if bytes.Count(text, []byte("\n")) != 1 {
		t.Errorf("after a minute:\n%s", text)
	}
	_ = b
}

func TestTimeWaitBlocksBindWithoutReuse(t *testing.T) { // spec 11.04
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	srv.Close() // the server's side gets TIME_WAIT
	want(t, cli, "")
	cli.Close()
	l.Close()
	s := stream(t, b)
	if err := s.Bind(root, at(anyAddr, 80)); err != errno.EADDRINUSE {
		t.Errorf("bind on TIME_WAIT: %v", err)
	}
	_ = a
}

func TestReuseAddr(t *testing.T) { // spec 11.04 (k)
	a, _, _ := hosts.Pair(t)
	for _, c := range []struct {
		name          string
		first, second bool
		listen        bool
		want          error
	}{
		{"neither", false, false, false, errno.EADDRINUSE}, {"one", true, false, false, errno.EADDRINUSE},
		{"both", true, true, false, nil}, {"both, the first listens", true, true, true, errno.EADDRINUSE},
	} {
		x, y := stream(t, a), stream(t, a)
		if c.first {
			setInt(t, x, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, 1)
		}
		if c.second {
			setInt(t, y, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, 1)
		}
		must(t, x.Bind(root, at(anyAddr, 99)))
		if c.listen {
			must(t, x.Listen(root, 1))
		}
		if err := y.Bind(root, at(anyAddr, 99)); err != c.want && !(err == nil && c.want == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		x.Close()
		y.Close()
	}
}

func TestReusePortShares(t *testing.T) { // spec 11.05
	a, b, _ := hosts.Pair(t)
	var ls []sock.Socket
	for range 2 {
		l := stream(t, b)
		setInt(t, l, uapi.SOL_SOCKET, uapi.SO_REUSEPORT, 1)
		must(t, l.Bind(root, at(anyAddr, 80)))
		must(t, l.Listen(root, 100))
		ls = append(ls, l)
	}
	for range 60 {
		_, err := connect(t, a, b, 80)
		must(t, err)
	}
	for i, l := range ls {
		n := 0
		for {
			s, err := l.Accept(root)
			if err != nil {
				break
			}
			s.Close()
			n++
		}
		if n < 15 || n > 45 {
			t.Errorf("listener %d got %d of 60", i, n)
		}
	}
}

func TestEphemeralPorts(t *testing.T) { // spec 11.06
	a, b, _ := hosts.Pair(t)
	listen(t, b, 80, 100)
	must(t, a.SetSysctl("net.ipv4.ip_local_port_range", "40000 40003"))
	for range 4 {
		_, err := connect(t, a, b, 80)
		must(t, err)
	}
	s := stream(t, a)
	if err := s.Connect(root, at(b.Addr(), 80)); err != errno.EADDRNOTAVAIL {
		t.Errorf("the fifth: %v", err)
	}
	must(t, a.SetSysctl("net.ipv4.ip_local_port_range", "32768 60999"))
	even, _ := connect(t, a, b, 80)
	sa, _ := even.Getsockname()
	if sa[3]&1 != 0 {
		t.Errorf("connect took an odd port")
	}
	odd := stream(t, a)
	must(t, odd.Bind(root, at(anyAddr, 0)))
	if sa, _ := odd.Getsockname(); sa[3]&1 != 1 {
		t.Errorf("bind took an even port")
	}
}

func TestLoopbackSelf(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	l := listen(t, a, 80, 5)
	for _, ip := range []string{"127.0.0.1", "10.0.0.1", "0.0.0.0"} {
		s := stream(t, a)
		if err := s.Connect(root, at(netip.MustParseAddr(ip), 80)); err != errno.EINPROGRESS {
			t.Fatal(err)
		}
		send(t, s, ip, 0)
		want(t, accept(t, l), ip)
	}
}

func TestUrgent(t *testing.T) { // RFC 6093; spec 11.75
	_, _, _, cli, srv := conn(t)
	send(t, cli, "abc", 0)
	send(t, cli, "d", uapi.MSG_OOB)
	send(t, cli, "ef", 0)
	if srv.Poll()&uapi.POLLPRI == 0 {
		t.Error("no POLLPRI")
	}
	want(t, srv, "abc")
	var mark [4]byte
	must(t, srv.Ioctl(root, uapi.SIOCATMARK, mark[:]))
	if mark[0] != 1 {
		t.Error("not at the mark")
	}
	if got, err := recv(srv, uapi.MSG_OOB); err != nil || got != "d" {
		t.Errorf("MSG_OOB: %q %v", got, err)
	}
	if _, err := recv(srv, uapi.MSG_OOB); err != errno.EINVAL {
		t.Errorf("again: %v", err)
	}
	want(t, srv, "ef")
}

// TestUrgentTellsTheOwner: urgent data are told to whom FIOSETOWN names, once a
// pointer, and not to a socket without an owner (socket(7), SIGURG).
func TestUrgentTellsTheOwner(t *testing.T) {
	_, _, _, cli, srv := conn(t)
	var told []int
	srv.Base().OnUrgent(func(owner int) { told = append(told, owner) })
	send(t, cli, "a", uapi.MSG_OOB)
	must(t, srv.Ioctl(root, uapi.FIOSETOWN, []byte{7, 0, 0, 0}))
	send(t, cli, "b", uapi.MSG_OOB)
	group := []byte{0xfe, 0xff, 0xff, 0xff}
	must(t, srv.Ioctl(root, uapi.SIOCSPGRP, group))
	send(t, cli, "c", uapi.MSG_OOB)
	if len(told) != 2 || told[0] != 7 || told[1] != -2 {
		t.Errorf("told %v", told)
	}
	var now [4]byte
	must(t, srv.Ioctl(root, uapi.SIOCGPGRP, now[:]))
	if !bytes.Equal(now[:], group) {
		t.Errorf("SIOCGPGRP %v", now)
	}
}

func TestPeekAndTrunc(t *testing.T) {
	_, _, _, cli, srv := conn(t)
	send(t, cli, "hello world", 0)
	if got, err := recv(srv, uapi.MSG_PEEK); err != nil || got != "hello world" {
		t.Errorf("peek: %q %v", got, err)
	}
	m := sock.Msg{Data: make([]byte, 6), Flags: uapi.MSG_TRUNC}
	if n, err := srv.Recvmsg(root, &m); n != 6 || err != nil {
		t.Errorf("discard: %d %v", n, err)
	}
	want(t, srv, "world")
}

func TestSynCookies(t *testing.T) { // RFC 4987; spec 11.48
	a, b, _ := hosts.Pair(t)
	must(t, b.SetSysctl("net.ipv4.tcp_syncookies", "2"))
	l := listen(t, b, 80, 5)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	send(t, cli, strings.Repeat("x", 5000), 0)
	want(t, srv, strings.Repeat("x", 5000))
	for name, v := range map[string]string{"SyncookiesSent": "1", "SyncookiesRecv": "1", "SyncookiesFailed": "0"} {
		if got := counter(t, b, "TcpExt", name); got != v {
			t.Errorf("%s %s", name, got)
		}
	}
}

func TestDeferAccept(t *testing.T) { // spec 11.47
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	setInt(t, l, uapi.IPPROTO_TCP, uapi.TCP_DEFER_ACCEPT, 5)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	if _, err := l.Accept(root); err != errno.EAGAIN {
		t.Errorf("accept before data: %v", err)
	}
	send(t, cli, "x", 0)
	want(t, accept(t, l), "x")
}

func TestLossyHosts(t *testing.T) { // spec 11.76
	a, b, link := hosts.Pair(t)
	link.Impair(impair.Config{Delay: 5 * time.Millisecond, Loss: impair.Chance{P: 0.02}})
	l := listen(t, b, 80, 5)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	a.Lab.Advance(20 * time.Second)
	transfer(t, a, cli, accept(t, l), strings.Repeat("0123456789abcdef", 1<<16))
}

func TestOptions(t *testing.T) { // tcp(7); spec 11.51, 11.72
	a, _, _ := hosts.Pair(t)
	s := stream(t, a)
	for _, c := range []struct{ name, v int }{
		{uapi.TCP_MAXSEG, 10}, {uapi.TCP_MAXSEG, 40000}, {uapi.TCP_KEEPIDLE, 0}, {uapi.TCP_KEEPIDLE, 32768}, {uapi.TCP_KEEPCNT, 128},
		{uapi.TCP_SYNCNT, 0}, {uapi.TCP_SYNCNT, 128}, {uapi.TCP_USER_TIMEOUT, -1}, {uapi.TCP_RTO_MAX_MS, 999},
	} {
		if err := s.Setsockopt(root, uapi.IPPROTO_TCP, c.name, []byte{byte(c.v), byte(c.v >> 8), byte(c.v >> 16), byte(c.v >> 24)}); err != errno.EINVAL {
			t.Errorf("option %d = %d: %v", c.name, c.v, err)
		}
	}
	for name, v := range map[int]int{
		uapi.TCP_KEEPIDLE: 7200, uapi.TCP_KEEPINTVL: 75, uapi.TCP_KEEPCNT: 9, uapi.TCP_SYNCNT: 6, uapi.TCP_MAXSEG: 536, uapi.TCP_LINGER2: 60,
		uapi.TCP_NODELAY: 0, uapi.TCP_QUICKACK: 1, uapi.TCP_DEFER_ACCEPT: 0, uapi.TCP_RTO_MAX_MS: 120000, uapi.TCP_RTO_MIN_US: 200000,
	} {
		if got := getInt(t, s, uapi.IPPROTO_TCP, name); got != v {
			t.Errorf("option %d is %d, want %d", name, got, v)
		}
	}
	if err := s.Setsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_CONGESTION, []byte("vegas")); err != errno.ENOENT {
		t.Errorf("unknown congestion control: %v", err)
	}
	must(t, s.Setsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_CONGESTION, []byte("reno")))
	s.Connect(root, at(a.Addr(), 1)) // the choice stays
	name := make([]byte, 16)
	if n, err := s.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_CONGESTION, name); err != nil || n != 16 || string(name[:5]) != "reno\x00" {
		t.Errorf("%q %v", name[:n], err)
	}
	var info [300]byte
	if n, err := s.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_INFO, info[:]); n != 280 || err != nil {
		t.Errorf("TCP_INFO: %d %v", n, err)
	}
}

func TestTCPInfo(t *testing.T) { // linux/tcp.h; spec 11.79
	a, _, _, cli, srv := conn(t)
	transfer(t, a, cli, srv, strings.Repeat("x", 100000))
	a.Lab.Advance(time.Second)
	var p [280]byte
	_, err := cli.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_INFO, p[:])
	must(t, err)
	word := func(at int) uint64 { return binary.NativeEndian.Uint64(p[at:]) }
	if p[0] != uapi.TCP_ESTABLISHED || p[5]&7 != 7 || word(120) != 100001 || word(200) != 100000 {
		t.Errorf("state %d, options %x, %d acked, %d sent", p[0], p[5], word(120), word(200))
	}
	if mss := binary.NativeEndian.Uint32(p[16:]); mss != 1448 {
		t.Errorf("snd_mss %d", mss)
	}
	_, err = srv.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_INFO, p[:])
	must(t, err)
	if word(128) != 100000 {
		t.Errorf("%d received", word(128))
	}
}

func TestOrphans(t *testing.T) { // spec 11.92
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 10)
	must(t, a.SetSysctl("net.ipv4.tcp_max_orphans", "2"))
	for i := range 3 {
		cli, err := connect(t, a, b, 80)
		must(t, err)
		srv := accept(t, l)
		cli.Close()
		if dead := srv.Base().State() == uapi.TCP_CLOSE; dead != (i == 2) {
			t.Errorf("connection %d is in state %d", i, srv.Base().State())
		}
	}
	text, err := procfs.Of(a.Namespace()).Read("sockstat")
	must(t, err)
	if !bytes.Contains(text, []byte(" orphan 2 ")) {
		t.Errorf("%s", text)
	}
}

package tcp_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"linen/lib/impair"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

func sysctlSet(t testing.TB, h *hosts.Host, name, v string) {
	t.Helper()
	must(t, sysctl.Of(h.Namespace()).Set(name, v))
}

// fastPair is the pair on which 6.18 was observed: 10.9.0.1 and 10.9.0.2, a
// listener with Fast Open, the key 1-2-3-4.
func fastPair(t testing.TB) (a, b *hosts.Host, link *hosts.Link, l sock.Socket) {
	lab := hosts.New(t)
	a, b = lab.Host("a"), lab.Host("b")
	link = lab.Link(a, "eth0", b, "eth0")
	a.AddrOn("eth0", "10.9.0.1/24")
	b.AddrOn("eth0", "10.9.0.2/24")
	lab.Clock.Settle()
	sysctlSet(t, b, "net/ipv4/tcp_fastopen", "3")
	sysctlSet(t, b, "net/ipv4/tcp_fastopen_key", "1-2-3-4")
	l = listen(t, b, 80, 10)
	setInt(t, l, uapi.IPPROTO_TCP, uapi.TCP_FASTOPEN, 2)
	return a, b, link, l
}

// fastSend sends with MSG_FASTOPEN, on a socket of its own.
func fastSend(t testing.TB, a, b *hosts.Host, data string) (sock.Socket, int, error) {
	t.Helper()
	s := stream(t, a)
	n, err := s.Sendmsg(root, &sock.Msg{Name: at(b.Addr(), 80), Data: []byte(data), Flags: uapi.MSG_FASTOPEN | uapi.MSG_DONTWAIT})
	a.Lab.Clock.Settle()
	return s, n, err
}

// gotCookie makes a ask for a cookie.
func gotCookie(t testing.TB, a, b *hosts.Host, l sock.Socket) {
	t.Helper()
	s, _, err := fastSend(t, a, b, "x")
	if err != errno.EINPROGRESS {
		t.Fatalf("without a cookie: %v", err)
	}
	s.Close()
	accept(t, l).Close()
	a.Lab.Advance(2 * time.Second)
}

// synLine shows a SYN or SYN-ACK as the table below has it.
func synLine(s segment) string {
	flags := "S"
	if s.tcp.Flags()&wire.TCPAck != 0 {
		flags = "S."
	}
	out := flags
	for p := s.opt; len(p) > 0; {
		if p[0] == 1 {
			p = p[1:]
			continue
		}
		switch p[0] {
		case wire.TCPOptFastopen:
			out += " tfo " + hex.EncodeToString(p[2:p[1]])
		case wire.TCPOptExp:
			out += " exp-tfo " + hex.EncodeToString(p[4:p[1]])
		}
		p = p[p[1]:]
	}
	return strings.TrimRight(out, " ") + fmt.Sprintf(" len %d opt %d", s.n, len(s.opt))
}

// lastSyns are the SYN and SYN-ACK of the last connection.
func lastSyns(t testing.TB, a *hosts.Host) []string {
	var out []string
	for _, s := range segments(t, a.Lab.Capture()) {
		if s.tcp.Flags()&wire.TCPSyn == 0 {
			continue
		}
		if s.tcp.Flags()&wire.TCPAck == 0 {
			out = nil
		}
		out = append(out, synLine(s))
	}
	return out
}

// TestFastOpenOnTheWire: every line was captured between two namespaces of 6.18
// with the same addresses and keys.
func TestFastOpenOnTheWire(t *testing.T) { // RFC 7413; spec 11.78
	a, b, _, l := fastPair(t)
	for _, c := range []struct {
		name, key, mode string
		data            int
		taken           int // by the SYN, -1: EINPROGRESS
		syn, synack     string
		info            [3]byte // tcpi_options of both ends, fastopen_client_fail
		count           map[string]string
	}{
		{"a cookie is asked for", "1-2-3-4", "3", 5000, -1, "S tfo len 0 opt 24", "S. tfo d567ec8f6d9f44d4 len 0 opt 32", [3]byte{0x07, 0x07, 1}, map[string]string{"TCPFastOpenCookieReqd": "1"}},
		{"the SYN has data", "1-2-3-4", "3", 5000, 1420, "S tfo d567ec8f6d9f44d4 len 1420 opt 32", "S. len 0 opt 20", [3]byte{0x27, 0xa7, 0}, map[string]string{"TCPFastOpenPassive": "1"}},
		{"no data: the cookie alone", "1-2-3-4", "3", 0, 0, "S tfo d567ec8f6d9f44d4 len 0 opt 32", "S. len 0 opt 20", [3]byte{0x07, 0x87, 0}, map[string]string{"TCPFastOpenPassive": "2"}},
		{"another key", "9-9-9-9", "3", 5, 5, "S tfo d567ec8f6d9f44d4 len 5 opt 32", "S. tfo * len 0 opt 32", [3]byte{0x07, 0x07, 2}, map[string]string{"TCPFastOpenPassiveFail": "1"}},
		{"the key before", "5-5-5-5,9-9-9-9", "3", 5, 5, "S tfo * len 5 opt 32", "S. tfo * len 0 opt 32", [3]byte{0x27, 0xa7, 0}, map[string]string{"TCPFastOpenPassiveAltKey": "1", "TCPFastOpenPassive": "3"}},
		{"the server is off", "5-5-5-5", "1", 5, 5, "S tfo * len 5 opt 32", "S. len 0 opt 20", [3]byte{0x07, 0x07, 2}, map[string]string{"TCPFastOpenPassiveFail": "1", "TCPFastOpenPassive": "3"}},
	} {
		sysctlSet(t, b, "net/ipv4/tcp_fastopen_key", c.key)
		sysctlSet(t, b, "net/ipv4/tcp_fastopen", c.mode)
		data := strings.Repeat("z", c.data)
		s, n, err := fastSend(t, a, b, data)
		want := errno.EINPROGRESS
		if n == c.taken || err == want && c.taken < 0 {
			err = nil
		}
		must(t, err)
		if n < len(data) {
			send(t, s, data[n:], 0)
		}
		if got := lastSyns(t, a); len(got) != 2 || !like(got[0], c.syn) || !like(got[1], c.synack) {
			t.Errorf("%s: %q; Linux: %q, %q", c.name, got, c.syn, c.synack)
		}
		srv := accept(t, l)
		ci, _ := getBytes(s, uapi.TCP_INFO, 232)
		si, _ := getBytes(srv, uapi.TCP_INFO, 232)
		if got := [3]byte{ci[5], si[5], ci[7] >> 1 & 3}; got != c.info {
			t.Errorf("%s: tcp_info %#x; Linux: %#x", c.name, got, c.info)
		}
		if got, _ := recv(srv, 0); got != data {
			t.Errorf("%s: %d of %d bytes came", c.name, len(got), len(data))
		}
		for name, v := range c.count {
			if got := counter(t, b, "TcpExt", name); got != v {
				t.Errorf("%s: %s %s, want %s", c.name, name, got, v)
			}
		}
		s.Close()
		srv.Close()
		a.Lab.Advance(2 * time.Second)
	}
	for name, v := range map[string]string{"TCPFastOpenActive": "2", "TCPFastOpenActiveFail": "2"} {
		if got := counter(t, a, "TcpExt", name); got != v {
			t.Errorf("%s %s, want %s", name, got, v)
		}
	}
}

// like compares; * stands for a cookie.
func like(got, want string) bool {
	head, tail, star := strings.Cut(want, "*")
	return got == want || star && strings.HasPrefix(got, head) && strings.HasSuffix(got, tail)
}

func TestFastOpenAsksInTheOldForm(t *testing.T) { // 6.18: after a SYN-ACK without a cookie, once
	a, b, _, l := fastPair(t)
	sysctlSet(t, b, "net/ipv4/tcp_fastopen", "1")
	gotCookie(t, a, b, l)
	sysctlSet(t, b, "net/ipv4/tcp_fastopen", "3")
	gotCookie(t, a, b, l)
	if got := fmt.Sprint(lastSyns(t, a)); got != "[S exp-tfo len 0 opt 24 S. exp-tfo d567ec8f6d9f44d4 len 0 opt 32]" {
		t.Error(got)
	}
	if _, n, err := fastSend(t, a, b, "hello"); n != 5 || err != nil {
		t.Errorf("with the cookie: %d, %v", n, err)
	}
	if got := fmt.Sprint(lastSyns(t, a)); got != "[S exp-tfo d567ec8f6d9f44d4 len 5 opt 32 S. len 0 opt 20]" {
		t.Error(got)
	}
}

func TestFastOpenWithoutCookies(t *testing.T) { // ip-sysctl, tcp_fastopen: 0x4, 0x200, 0x400
	a, b, _, _ := fastPair(t)
	sysctlSet(t, a, "net/ipv4/tcp_fastopen", "5")
	sysctlSet(t, b, "net/ipv4/tcp_fastopen", "1539") // 0x603
	l := listen(t, b, 81, 7)
	if n := getInt(t, l, uapi.IPPROTO_TCP, uapi.TCP_FASTOPEN); n != 7 {
		t.Errorf("a listener's queue with 0x400: %d", n)
	}
	s := stream(t, a)
	if n, err := s.Sendmsg(root, &sock.Msg{Name: at(b.Addr(), 81), Data: []byte("hello"), Flags: uapi.MSG_FASTOPEN}); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	want(t, accept(t, l), "hello")
	if got := fmt.Sprint(lastSyns(t, a)); got != "[S len 5 opt 20 S. len 0 opt 20]" {
		t.Error(got)
	}
}

func TestFastOpenAnswersBeforeTheHandshakeIsOver(t *testing.T) { // RFC 7413 §4.2.2
	a, b, link, l := fastPair(t)
	gotCookie(t, a, b, l)
	link.Drop(true)
	cli, n, err := fastSend(t, a, b, "hello")
	if n != 5 || err != nil {
		t.Fatal(n, err)
	}
	link.Drop(false)
	a.Lab.Advance(time.Second) // the SYN is sent again, without the data
	srv := accept(t, l)
	want(t, srv, "hello")
	cli.Close()
	srv.Close()
	a.Lab.Advance(3 * time.Second)

	cli, n, err = fastSend(t, a, b, "again")
	if n != 5 || err != nil {
		t.Fatal(n, err)
	}
	want(t, accept(t, l), "again")
	_ = cli
}

// slow is a pair on a link with a delay, so that handshakes take time.
func slow(t testing.TB) (a, b *hosts.Host, l sock.Socket) {
	a, b, link, l := fastPair(t)
	gotCookie(t, a, b, l)
	link.Impair(impair.Config{Delay: 50 * time.Millisecond})
	return a, b, l
}

func TestFastOpenQueue(t *testing.T) { // 6.18: TCP_FASTOPEN 2 holds two handshakes; the third is a plain one
	a, b, l := slow(t)
	for range 3 {
		if _, n, err := fastSend(t, a, b, "hello"); n != 5 || err != nil {
			t.Fatal(n, err)
		}
	}
	a.Lab.Advance(60 * time.Millisecond)
	for i := range 2 {
		srv := accept(t, l)
		if srv.Base().State() != uapi.TCP_SYN_RECV {
			t.Errorf("child %d: state %d", i, srv.Base().State())
		}
		if ev := srv.Poll(); ev&uapi.POLLIN == 0 || ev&uapi.POLLOUT == 0 {
			t.Errorf("child %d: poll %#x", i, ev)
		}
		want(t, srv, "hello")
		send(t, srv, "reply", 0)
		if i == 1 {
			must(t, srv.Shutdown(root, uapi.SHUT_WR))
		}
	}
	if _, err := l.Accept(root); err != errno.EAGAIN {
		t.Errorf("the third: %v", err)
	}
	if got := counter(t, b, "TcpExt", "TCPFastOpenListenOverflow"); got != "1" {
		t.Errorf("overflows: %s", got)
	}
	a.Lab.Advance(time.Second)
	want(t, accept(t, l), "hello")
	if _, n, err := fastSend(t, a, b, "later"); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	a.Lab.Advance(60 * time.Millisecond)
	if srv := accept(t, l); srv.Base().State() != uapi.TCP_SYN_RECV {
		t.Error("the queue has room again")
	}
}

func TestFastOpenReset(t *testing.T) { // a child that is reset in its handshake counts for a minute
	a, b, l := slow(t)
	for range 2 {
		s, _, err := fastSend(t, a, b, "hello")
		must(t, err)
		a.Lab.Advance(60 * time.Millisecond)
		s.Close() // SYN_SENT: gone; the SYN-ACK is answered by a reset
		a.Lab.Advance(time.Second)
	}
	for range 2 {
		if _, err := recv(accept(t, l), 0); err != nil && err != errno.ECONNRESET {
			t.Error(err)
		}
	}
	fast := func() uint32 {
		s, _, err := fastSend(t, a, b, "hello")
		must(t, err)
		a.Lab.Advance(60 * time.Millisecond)
		defer s.Close()
		if srv, err := l.Accept(root); err == nil {
			defer srv.Close()
			return srv.Base().State()
		}
		return 0
	}
	if got := fast(); got != 0 {
		t.Errorf("the queue is full of resets, but there is a child in state %d", got)
	}
	a.Lab.Advance(61 * time.Second)
	if srv, err := l.Accept(root); err == nil {
		srv.Close()
	}
	if got := fast(); got != uapi.TCP_SYN_RECV {
		t.Errorf("a minute later: state %d", got)
	}
}

func TestFastOpenConnect(t *testing.T) { // tcp(7); each answer was observed on 6.18
	a, b, _, l := fastPair(t)
	s := stream(t, a)
	must(t, setErr(s, uapi.TCP_FASTOPEN_CONNECT, 1))
	if err := s.Connect(root, at(b.Addr(), 80)); err != errno.EINPROGRESS {
		t.Errorf("without a cookie: %v", err)
	}
	a.Lab.Clock.Settle()
	s.Close()
	accept(t, l).Close()
	a.Lab.Advance(time.Second)

	s = stream(t, a)
	must(t, setErr(s, uapi.TCP_FASTOPEN_CONNECT, 1))
	must(t, s.Connect(root, at(b.Addr(), 80)))
	if s.Base().State() != uapi.TCP_SYN_SENT {
		t.Errorf("state %d", s.Base().State())
	}
	if _, err := s.Getpeername(); err != errno.ENOTCONN {
		t.Errorf("getpeername: %v", err)
	}
	if ev := s.Poll(); ev != uapi.POLLOUT|uapi.POLLWRNORM {
		t.Errorf("poll %#x", ev)
	}
	if _, err := recv(s, 0); err != errno.EAGAIN {
		t.Errorf("recv: %v", err)
	}
	setInt(t, s, uapi.IPPROTO_TCP, uapi.TCP_NODELAY, 1) // no harm
	if err := s.Connect(root, at(b.Addr(), 80)); err != errno.EISCONN {
		t.Errorf("a second connect: %v", err)
	}
	send(t, s, "first", 0)
	want(t, accept(t, l), "first")
	if got := fmt.Sprint(lastSyns(t, a)); got != "[S tfo d567ec8f6d9f44d4 len 5 opt 32 S. len 0 opt 20]" {
		t.Error(got)
	}

	s = stream(t, a) // closed before anything was sent
	must(t, setErr(s, uapi.TCP_FASTOPEN_CONNECT, 1))
	must(t, s.Connect(root, at(b.Addr(), 80)))
	must(t, s.Close())
	if _, err := l.Accept(root); err != errno.EAGAIN {
		t.Errorf("accept: %v", err)
	}
}

func TestFastOpenErrors(t *testing.T) { // each answer was observed on 6.18
	a, b, _, l := fastPair(t)
	gotCookie(t, a, b, l)
	msg := func(name []byte) *sock.Msg {
		return &sock.Msg{Name: name, Data: []byte("x"), Flags: uapi.MSG_FASTOPEN | uapi.MSG_DONTWAIT}
	}
	s := stream(t, a)
	if _, err := s.Sendmsg(root, msg(nil)); err != errno.EINVAL {
		t.Errorf("no address: %v", err)
	}
	if _, err := s.Sendmsg(root, msg(make([]byte, 16))); err != errno.EOPNOTSUPP {
		t.Errorf("AF_UNSPEC: %v", err)
	}
	c, err := connect(t, a, b, 80)
	must(t, err)
	if _, err := c.Sendmsg(root, msg(at(b.Addr(), 80))); err != errno.EISCONN {
		t.Errorf("connected: %v", err)
	}
	for _, o := range []struct {
		s       sock.Socket
		name, v int
		want    error
	}{
		{s, uapi.TCP_FASTOPEN, -1, errno.EINVAL}, {s, uapi.TCP_FASTOPEN, 100000, nil},
		{s, uapi.TCP_FASTOPEN_CONNECT, 2, errno.EINVAL}, {s, uapi.TCP_FASTOPEN_CONNECT, 1, nil},
		{s, uapi.TCP_FASTOPEN_NO_COOKIE, -1, errno.EINVAL}, {s, uapi.TCP_FASTOPEN_NO_COOKIE, 2, errno.EINVAL}, {s, uapi.TCP_FASTOPEN_NO_COOKIE, 1, nil},
		{c, uapi.TCP_FASTOPEN, 1, errno.EINVAL}, {c, uapi.TCP_FASTOPEN_CONNECT, 1, errno.EINVAL}, {c, uapi.TCP_FASTOPEN_NO_COOKIE, 1, errno.EINVAL},
		{l, uapi.TCP_FASTOPEN_CONNECT, 1, errno.EINVAL}, {l, uapi.TCP_FASTOPEN_NO_COOKIE, 1, nil},
	} {
		if err := setErr(o.s, o.name, o.v); err != o.want {
			t.Errorf("option %d = %d: %v, want %v", o.name, o.v, err, o.want)
		}
	}
	if n := getInt(t, s, uapi.IPPROTO_TCP, uapi.TCP_FASTOPEN); n != 4096 {
		t.Errorf("TCP_FASTOPEN is cut to %d", n)
	}
	sysctlSet(t, a, "net/ipv4/tcp_fastopen", "0")
	if _, err := stream(t, a).Sendmsg(root, msg(at(b.Addr(), 80))); err != errno.EOPNOTSUPP {
		t.Errorf("switched off: %v", err)
	}
	if err := setErr(stream(t, a), uapi.TCP_FASTOPEN_CONNECT, 1); err != errno.EOPNOTSUPP {
		t.Errorf("TCP_FASTOPEN_CONNECT switched off: %v", err)
	}
}

func TestFastOpenKeys(t *testing.T) { // ip-sysctl; observed on 6.18
	a, _, _ := hosts.Pair(t)
	tree := sysctl.Of(a.Namespace())
	get := func() string {
		v, err := tree.Get("net/ipv4/tcp_fastopen_key")
		must(t, err)
		return strings.TrimSpace(v)
	}
	if v := get(); v != "00000000-00000000-00000000-00000000" {
		t.Errorf("before the first use: %s", v)
	}
	s := stream(t, a)
	if p, err := getBytes(s, uapi.TCP_FASTOPEN_KEY, 64); len(p) != 0 || err != nil {
		t.Errorf("no key: %x, %v", p, err)
	}
	for _, c := range []struct {
		write string
		bad   bool
		want  string
	}{
		{write: "1-2-3-4", want: "00000001-00000002-00000003-00000004"},
		{write: "1-2-3", bad: true},
		{write: "zz", bad: true},
		{write: "1-2-3-4,", bad: true},
		{write: "123456789-2-3-4", want: "23456789-00000002-00000003-00000004"},
		{write: "1-2-3-4,5-6-7-8,9-a-b-c", want: "00000001-00000002-00000003-00000004,00000005-00000006-00000007-00000008"},
	} {
		old := get()
		if err := tree.Set("net/ipv4/tcp_fastopen_key", c.write); (err == errno.EINVAL) != c.bad || err != nil && !c.bad {
			t.Errorf("%q: %v", c.write, err)
		}
		if c.bad {
			c.want = old
		}
		if got := get(); got != c.want {
			t.Errorf("%q: %s", c.write, got)
		}
	}
	key := make([]byte, 33)
	for i := range key {
		key[i] = byte(i)
	}
	for n, want := range map[int]error{0: errno.EINVAL, 15: errno.EINVAL, 17: errno.EINVAL, 33: errno.EINVAL, 16: nil, 32: nil} {
		if err := s.Setsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_FASTOPEN_KEY, key[:n]); err != want {
			t.Errorf("TCP_FASTOPEN_KEY of %d bytes: %v", n, err)
		}
		if p, _ := getBytes(s, uapi.TCP_FASTOPEN_KEY, 64); want == nil && string(p) != string(key[:n]) {
			t.Errorf("TCP_FASTOPEN_KEY: %x", p)
		}
	}
}

func TestFastOpenBlocks(t *testing.T) { // a blocking sendto returns when the handshake is over
	a, b, _, l := fastPair(t)
	for _, round := range []string{"without a cookie", "with it"} {
		s := stream(t, a)
		n, err := sock.Send(context.Background(), s, root, &sock.Msg{Name: at(b.Addr(), 80), Data: []byte(round), Flags: uapi.MSG_FASTOPEN})
		if n != len(round) || err != nil {
			t.Fatal(round, n, err)
		}
		want(t, accept(t, l), round)
	}
	s := stream(t, a)
	if n, err := sock.Send(context.Background(), s, root, &sock.Msg{Name: at(b.Addr(), 81), Data: []byte("x"), Flags: uapi.MSG_FASTOPEN}); err != errno.ECONNREFUSED {
		t.Errorf("refused: %d, %v", n, err)
	}
}

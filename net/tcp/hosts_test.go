package tcp_test

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen/net/inet"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

var root = sock.Root()

// at is the sockaddr of a port.
func at(ip netip.Addr, port uint16) []byte {
	return inet.FromAddrPort(netip.AddrPortFrom(ip, port)).Bytes()
}

// anyAddr is 0.0.0.0.
var anyAddr = netip.IPv4Unspecified()

// stream makes a TCP socket of a host.
func stream(t testing.TB, h *hosts.Host) sock.Socket {
	t.Helper()
	s, err := sock.Create(root, h.Namespace(), uapi.AF_INET, uapi.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// listen makes a listener.
func listen(t testing.TB, h *hosts.Host, port uint16, backlog int) sock.Socket {
	t.Helper()
	s := stream(t, h)
	must(t, s.Bind(root, at(anyAddr, port)))
	must(t, s.Listen(root, backlog))
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// accept takes a connection that must be there.
func accept(t testing.TB, l sock.Socket) sock.Socket {
	t.Helper()
	s, err := l.Accept(root)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// connect opens a connection, which takes no time on a link without delay.
func connect(t testing.TB, a, b *hosts.Host, port uint16) (sock.Socket, error) {
	t.Helper()
	s := stream(t, a)
	if err := s.Connect(root, at(b.Addr(), port)); err != errno.EINPROGRESS {
		t.Fatalf("connect: %v", err)
	}
	a.Lab.Clock.Settle()
	return s, soError(t, s)
}

func soError(t testing.TB, s sock.Socket) error {
	t.Helper()
	var v [4]byte
	if _, err := s.Getsockopt(root, uapi.SOL_SOCKET, uapi.SO_ERROR, v[:]); err != nil {
		t.Fatal(err)
	}
	if e := errno.Errno(binary.NativeEndian.Uint32(v[:])); e != 0 {
		return e
	}
	return nil
}

// conn is both ends of a connection between the hosts of a pair.
func conn(t testing.TB) (a, b *hosts.Host, link *hosts.Link, cli, srv sock.Socket) {
	t.Helper()
	a, b, link = hosts.Pair(t)
	l := listen(t, b, 80, 10)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	return a, b, link, cli, accept(t, l)
}

func send(t testing.TB, s sock.Socket, data string, flags int) {
	t.Helper()
	if n, err := s.Sendmsg(root, &sock.Msg{Data: []byte(data), Flags: flags}); err != nil || n != len(data) {
		t.Fatalf("send: %d of %d, %v", n, len(data), err)
	}
}

func recv(s sock.Socket, flags int) (string, error) {
	m := sock.Msg{Data: make([]byte, 65536), Flags: flags}
	n, err := s.Recvmsg(root, &m)
	return string(m.Data[:n]), err
}

func want(t testing.TB, s sock.Socket, data string) {
	t.Helper()
	if got, err := recv(s, 0); err != nil || got != data {
		t.Fatalf("recv: %q, %v; want %q", got, err, data)
	}
}

func setInt(t testing.TB, s sock.Socket, level, name, v int) {
	t.Helper()
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(v))
	if err := s.Setsockopt(root, level, name, b[:]); err != nil {
		t.Fatalf("setsockopt %d %d: %v", level, name, err)
	}
}

func getInt(t testing.TB, s sock.Socket, level, name int) int {
	t.Helper()
	var b [4]byte
	if _, err := s.Getsockopt(root, level, name, b[:]); err != nil {
		t.Fatalf("getsockopt %d %d: %v", level, name, err)
	}
	return int(int32(binary.NativeEndian.Uint32(b[:])))
}

func TestConnectSendClose(t *testing.T) { // RFC 9293 §3.5, §3.6
	a, _, _, cli, srv := conn(t)
	if ev := cli.Poll(); ev != uapi.POLLOUT|uapi.POLLWRNORM {
		t.Errorf("poll of a fresh connection: %#x", ev)
	}
	send(t, cli, "hello", 0)
	want(t, srv, "hello")
	send(t, srv, "world", 0)
	want(t, cli, "world")
	if _, err := recv(srv, 0); err != errno.EAGAIN {
		t.Errorf("recv of nothing: %v", err)
	}
	must(t, cli.Shutdown(root, uapi.SHUT_WR))
	want(t, srv, "")
	if ev := srv.Poll(); ev&uapi.POLLRDHUP == 0 || ev&uapi.POLLHUP != 0 {
		t.Errorf("poll after the peer's FIN: %#x", ev)
	}
	send(t, srv, "half open", 0)
	want(t, cli, "half open")
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: []byte("x")}); err != errno.EPIPE {
		t.Errorf("send after shutdown: %v", err)
	}
	srv.Close()
	want(t, cli, "")
	cli.Close()
	a.Lab.Advance(2 * time.Minute)
}

func TestRefused(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	s, err := connect(t, a, b, 81)
	if err != errno.ECONNREFUSED {
		t.Errorf("SO_ERROR: %v", err)
	}
	want(t, s, "") // the error was told: the stream has ended
}

func TestConnectTimesOut(t *testing.T) { // spec 11.46: 131 s with the defaults of 6.18
	a, b, link := hosts.Pair(t)
	a.MustPing(b.Addr())
	link.Drop(true)
	s, err := connect(t, a, b, 80)
	must(t, err)
	if err := s.Connect(root, at(b.Addr(), 80)); err != errno.EALREADY {
		t.Errorf("second connect: %v", err)
	}
	a.Lab.Advance(5 * time.Minute)
	if err := soError(t, s); err != errno.ETIMEDOUT && err != errno.EHOSTUNREACH {
		t.Errorf("SO_ERROR: %v", err)
	}
}

func TestManyBytes(t *testing.T) {
	a, _, _, cli, srv := conn(t)
	data := strings.Repeat("0123456789abcdef", 1<<16)
	transfer(t, a, cli, srv, data)
	transfer(t, a, srv, cli, data)
}

// transfer moves data as the buffers take it.
func transfer(t testing.TB, a *hosts.Host, from, to sock.Socket, data string) {
	t.Helper()
	var got strings.Builder
	for sent := 0; got.Len() < len(data); {
		if sent < len(data) {
			n, err := from.Sendmsg(root, &sock.Msg{Data: []byte(data[sent:])})
			if err != nil && err != errno.EAGAIN {
				t.Fatal(err)
			}
			sent += n
		}
		part, err := recv(to, 0)
		if err == errno.EAGAIN {
			a.Lab.Advance(time.Millisecond)
			continue
		}
		must(t, err)
		got.WriteString(part)
	}
	if got.String() != data {
		t.Fatal("the stream is damaged")
	}
}

func TestResetOnUnread(t *testing.T) { // RFC 2525 §2.17
	_, _, _, cli, srv := conn(t)
	send(t, cli, "unread", 0)
	srv.Close()
	if _, err := recv(cli, 0); err != errno.ECONNRESET {
		t.Errorf("recv: %v", err)
	}
}

func TestLingerZeroResets(t *testing.T) {
	_, _, _, cli, srv := conn(t)
	must(t, cli.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_LINGER, []byte{1, 0, 0, 0, 0, 0, 0, 0}))
	cli.Close()
	if _, err := recv(srv, 0); err != errno.ECONNRESET {
		t.Errorf("recv: %v", err)
	}
}

func TestBacklog(t *testing.T) { // spec 11.07: backlog 1 holds two
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 1)
	for range 2 {
		if _, err := connect(t, a, b, 80); err != nil {
			t.Fatal(err)
		}
	}
	third, err := connect(t, a, b, 80)
	must(t, err)
	if third.Base().State() != uapi.TCP_SYN_SENT {
		t.Errorf("the third is in state %d", third.Base().State())
	}
	accept(t, l)
	a.Lab.Advance(2 * time.Second)
	if third.Base().State() != uapi.TCP_ESTABLISHED {
		t.Errorf("the third is in state %d", third.Base().State())
	}
}

package udp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"linen/net/inet"
	"linen/net/mib"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/net/udp"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
)

var root = sock.Root()

func addr(ip uint32, port uint16) []byte { return inet.Addr{IP: ip, Port: port}.Bytes() }

func pair(t testing.TB) (a, b *ipwire.Host) {
	a, b, _ = ipwire.Pair(t, udp.Pernet())
	return a, b
}

func send(t testing.TB, s sock.Socket, to []byte, data string) {
	t.Helper()
	if n, err := s.Sendmsg(root, &sock.Msg{Data: []byte(data), Name: to}); err != nil || n != len(data) {
		t.Fatalf("send: %d, %v", n, err)
	}
}

// recv receives one message with room for everything.
func recv(s sock.Socket, flags int) (string, *sock.Msg, error) {
	m := &sock.Msg{Data: make([]byte, 70000), Name: make([]byte, 28), Control: make([]byte, 512), Flags: flags}
	n, err := s.Recvmsg(root, m)
	return string(m.Data[:max(0, min(n, len(m.Data)))]), m, err
}

func want(t testing.TB, s sock.Socket, data string) *sock.Msg {
	t.Helper()
	got, m, err := recv(s, 0)
	if err != nil || got != data {
		t.Fatalf("received %q, %v; want %q", got, err, data)
	}
	return m
}

func empty(t testing.TB, s sock.Socket) {
	t.Helper()
	if got, _, err := recv(s, 0); err != errno.EAGAIN {
		t.Fatalf("received %q, %v; want EAGAIN", got, err)
	}
}

func setInt(t testing.TB, s sock.Socket, level, name, v int) {
	t.Helper()
	if err := s.Setsockopt(root, level, name, binary.NativeEndian.AppendUint32(nil, uint32(v))); err != nil {
		t.Fatalf("setsockopt(%d, %d, %d): %v", level, name, v, err)
	}
}

func getInt(t testing.TB, s sock.Socket, level, name int) int {
	t.Helper()
	var b [4]byte
	if _, err := s.Getsockopt(root, level, name, b[:]); err != nil {
		t.Fatalf("getsockopt(%d, %d): %v", level, name, err)
	}
	return int(int32(binary.NativeEndian.Uint32(b[:])))
}

func TestEcho(t *testing.T) {
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 7)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	send(t, cli, addr(ipwire.B, 7), "hello")
	m := want(t, srv, "hello")
	from, _ := cli.Getsockname()
	_, port, _ := inet.ParseAddr(from)
	if got := m.Name[:m.NameLen]; !bytes.Equal(got, addr(ipwire.A, port.Port)) {
		t.Errorf("msg_name %x", got)
	}
	send(t, srv, m.Name[:m.NameLen], "world")
	want(t, cli, "world")
	if mibs := mib.Of(b.Net).Read(); mibs[mib.UDPInDatagrams] != 1 || mibs[mib.UDPOutDatagrams] != 1 {
		t.Errorf("in %d out %d", mibs[mib.UDPInDatagrams], mibs[mib.UDPOutDatagrams])
	}
}

func TestSendErrors(t *testing.T) { // udp(7), spec 11.32
	a, _ := pair(t)
	s := a.Socket(t, uapi.SOCK_DGRAM, 0)
	for _, c := range []struct {
		name string
		m    sock.Msg
		want error
	}{
		{"no destination", sock.Msg{Data: []byte("x")}, errno.EDESTADDRREQ},
		{"port 0", sock.Msg{Data: []byte("x"), Name: addr(ipwire.B, 0)}, errno.EINVAL},
		{"short address", sock.Msg{Data: []byte("x"), Name: addr(ipwire.B, 9)[:8]}, errno.EINVAL},
		{"over 65507", sock.Msg{Data: make([]byte, 65508), Name: addr(ipwire.B, 9)}, errno.EMSGSIZE},
		{"no route", sock.Msg{Data: []byte("x"), Name: addr(0x08080808, 9)}, errno.ENETUNREACH},
		{"broadcast", sock.Msg{Data: []byte("x"), Name: addr(ipwire.Broadcast, 9)}, errno.EACCES},
		{"out of band", sock.Msg{Data: []byte("x"), Name: addr(ipwire.B, 9), Flags: uapi.MSG_OOB}, errno.EOPNOTSUPP},
	} {
		if _, err := s.Sendmsg(root, &c.m); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestSizes(t *testing.T) {
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	for _, n := range []int{0, 1, 1472, 1473, 2040, 2041, 9000, 65507} {
		data := strings.Repeat("abcdefg", n/7+1)[:n]
		send(t, cli, addr(ipwire.B, 9), data)
		want(t, srv, data)
	}
}

func TestTruncationAndPeek(t *testing.T) {
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	send(t, cli, addr(ipwire.B, 9), "0123456789")
	send(t, cli, addr(ipwire.B, 9), "next")
	m := &sock.Msg{Data: make([]byte, 4), Flags: uapi.MSG_PEEK | uapi.MSG_TRUNC}
	if n, err := srv.Recvmsg(root, m); n != 10 || err != nil || m.OutFlags&uapi.MSG_TRUNC == 0 || string(m.Data) != "0123" {
		t.Errorf("peek: %d %v %x %q", n, err, m.OutFlags, m.Data)
	}
	m = &sock.Msg{Data: make([]byte, 4)}
	if n, err := srv.Recvmsg(root, m); n != 4 || err != nil || m.OutFlags != uapi.MSG_TRUNC {
		t.Errorf("short: %d %v %x", n, err, m.OutFlags)
	}
	var q [4]byte
	if err := srv.Ioctl(root, uapi.SIOCINQ, q[:]); err != nil || q[0] != 4 {
		t.Errorf("SIOCINQ %v %v", q, err)
	}
	want(t, srv, "next")
}

func TestConnected(t *testing.T) {
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, ipwire.B, 9)
	other := b.Bound(t, uapi.SOCK_DGRAM, 0, ipwire.B, 10)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	if err := cli.Connect(root, addr(ipwire.B, 9)); err != nil {
		t.Fatal(err)
	}
	local, _ := cli.Getsockname()
	if peer, err := cli.Getpeername(); err != nil || !bytes.Equal(peer, addr(ipwire.B, 9)) || !bytes.Equal(local[4:8], []byte{10, 0, 0, 1}) {
		t.Errorf("peer %x, local %x, %v", peer, local, err)
	}
	send(t, cli, nil, "x")
	want(t, srv, "x")
	send(t, other, local, "stranger") // filtered: not the peer
	empty(t, cli)
	send(t, cli, addr(ipwire.B, 10), "elsewhere") // allowed
	want(t, other, "elsewhere")
	if err := cli.Connect(root, make([]byte, 16)); err != nil { // AF_UNSPEC
		t.Fatal(err)
	}
	if _, err := cli.Getpeername(); err != errno.ENOTCONN {
		t.Errorf("getpeername after AF_UNSPEC: %v", err)
	}
	if _, err := cli.Sendmsg(root, &sock.Msg{}); err != errno.EDESTADDRREQ {
		t.Errorf("send after AF_UNSPEC: %v", err)
	}
}

func TestPortUnreachableIsTold(t *testing.T) { // RFC 1122 §4.1.3.3; spec 11.34
	a, _ := pair(t)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	if err := cli.Connect(root, addr(ipwire.B, 9)); err != nil {
		t.Fatal(err)
	}
	send(t, cli, nil, "x")
	if ev := cli.Poll() & (uapi.POLLIN | uapi.POLLOUT | uapi.POLLERR); ev != uapi.POLLOUT|uapi.POLLERR {
		t.Errorf("poll %#x, want OUT+ERR", ev)
	}
	if _, _, err := recv(cli, sock.MsgSkipErr); err != errno.EAGAIN {
		t.Errorf("MsgSkipErr: %v", err)
	}
	if e := cli.Base().PendingError(); e != errno.ECONNREFUSED {
		t.Errorf("pending %v", e)
	}
	if _, _, err := recv(cli, 0); err != errno.ECONNREFUSED {
		t.Errorf("recv: %v", err)
	}
	empty(t, cli)
	send(t, cli, nil, "x")
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: []byte("y")}); err != errno.ECONNREFUSED {
		t.Errorf("send: %v", err)
	}
}

func TestErrorQueue(t *testing.T) { // ip(7) IP_RECVERR; what traceroute reads
	a, b := pair(t)
	cli := a.Bound(t, uapi.SOCK_DGRAM, 0, 0, 5000)
	setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_RECVERR, 1)
	setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_RECVTTL, 1)
	send(t, cli, addr(ipwire.B, 33434), "probe")
	if cli.Poll()&uapi.POLLERR == 0 || b.Lost.Load() != 1 {
		t.Fatalf("poll %#x, lost %d", cli.Poll(), b.Lost.Load())
	}
	got, m, err := recv(cli, uapi.MSG_ERRQUEUE)
	if err != nil || got != "probe" || m.OutFlags != uapi.MSG_ERRQUEUE {
		t.Fatalf("%q %v %x", got, err, m.OutFlags)
	}
	if !bytes.Equal(m.Name[:m.NameLen], addr(ipwire.B, 33434)) {
		t.Errorf("msg_name %x", m.Name[:m.NameLen])
	}
	c, rest, _, _ := sock.NextCmsg(m.Control[:m.ControlLen])
	if c.Type != uapi.IP_TTL || c.Data[0] != 63 {
		t.Errorf("first cmsg %+v", c)
	}
	c, _, _, _ = sock.NextCmsg(rest)
	e := c.Data
	if c.Level != uapi.IPPROTO_IP || c.Type != uapi.IP_RECVERR || len(e) != 32 || errno.Errno(e[0]) != errno.ECONNREFUSED ||
		e[4] != uapi.SO_EE_ORIGIN_ICMP || e[5] != 3 || e[6] != 3 || !bytes.Equal(e[16:24], []byte{2, 0, 0, 0, 10, 0, 0, 2}) {
		t.Errorf("sock_extended_err %+v", c)
	}
	if e := cli.Base().PendingError(); e != 0 {
		t.Errorf("pending error %v after the queue is empty", e)
	}
	if _, _, err := recv(cli, uapi.MSG_ERRQUEUE); err != errno.EAGAIN {
		t.Errorf("empty error queue: %v", err)
	}
}

func TestPathMTUErrors(t *testing.T) { // ip(7) IP_MTU_DISCOVER
	a, _ := pair(t)
	s := a.Socket(t, uapi.SOCK_DGRAM, 0)
	setInt(t, s, uapi.IPPROTO_IP, uapi.IP_MTU_DISCOVER, uapi.IP_PMTUDISC_DO)
	setInt(t, s, uapi.IPPROTO_IP, uapi.IP_RECVERR, 1)
	m := &sock.Msg{Data: make([]byte, 1473), Name: addr(ipwire.B, 9)}
	if _, err := s.Sendmsg(root, m); err != errno.EMSGSIZE {
		t.Fatalf("1473 bytes: %v", err)
	}
	_, e, err := recv(s, uapi.MSG_ERRQUEUE)
	if err != nil {
		t.Fatal(err)
	}
	c, _, _, _ := sock.NextCmsg(e.Control[:e.ControlLen])
	if c.Data[4] != uapi.SO_EE_ORIGIN_LOCAL || binary.NativeEndian.Uint32(c.Data[8:]) != 1500 {
		t.Errorf("local error %x", c.Data)
	}
	m.Data = m.Data[:1472]
	if _, err := s.Sendmsg(root, m); err != nil {
		t.Errorf("1472 bytes: %v", err)
	}
}

func TestControlMessages(t *testing.T) {
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	for _, o := range []int{uapi.IP_PKTINFO, uapi.IP_RECVTTL, uapi.IP_RECVTOS, uapi.IP_RECVORIGDSTADDR} {
		setInt(t, srv, uapi.IPPROTO_IP, o, 1)
	}
	setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_TIMESTAMP, 1)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	var out sock.Msg
	out.Control = make([]byte, 64)
	out.PutCmsg32(uapi.IPPROTO_IP, uapi.IP_TTL, 3)
	out.PutCmsg32(uapi.IPPROTO_IP, uapi.IP_TOS, 0x10)
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: addr(ipwire.B, 9), Control: out.Control[:out.ControlLen]}); err != nil {
		t.Fatal(err)
	}
	m := want(t, srv, "x")
	var types []int
	for rest := m.Control[:m.ControlLen]; ; {
		c, r, ok, err := sock.NextCmsg(rest)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		rest = r
		types = append(types, c.Type)
		switch {
		case c.Level == uapi.IPPROTO_IP && c.Type == uapi.IP_TTL && c.Data[0] != 3,
			c.Level == uapi.IPPROTO_IP && c.Type == uapi.IP_TOS && (len(c.Data) != 1 || c.Data[0] != 0x10),
			c.Type == uapi.IP_PKTINFO && !bytes.Equal(c.Data, []byte{2, 0, 0, 0, 10, 0, 0, 2, 10, 0, 0, 2}),
			c.Type == uapi.IP_ORIGDSTADDR && !bytes.Equal(c.Data, addr(ipwire.B, 9)):
			t.Errorf("cmsg %+v", c)
		}
	}
	if len(types) != 5 || types[0] != uapi.SCM_TIMESTAMP || types[1] != uapi.IP_PKTINFO {
		t.Errorf("types %v", types)
	}
	if _, err := cli.Sendmsg(root, &sock.Msg{Name: addr(ipwire.B, 9), Control: make([]byte, 16)}); err != errno.EINVAL {
		t.Errorf("cmsg of length 0: %v", err)
	}
}

func TestReceiveBufferIsBounded(t *testing.T) { // spec 11.15
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_RCVBUF, 1)
	setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_RXQ_OVFL, 1)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	const sent = 20
	for range sent {
		send(t, cli, addr(ipwire.B, 9), "x")
	}
	packets, _ := srv.Base().Queued()
	drops := int(srv.Base().Drops())
	if packets == 0 || packets+drops != sent {
		t.Errorf("%d queued, %d dropped of %d", packets, drops, sent)
	}
	m := mib.Of(b.Net).Read()
	if m[mib.UDPRcvbufErrors] != uint64(drops) || m[mib.UDPInErrors] != uint64(drops) {
		t.Errorf("RcvbufErrors %d InErrors %d, want %d", m[mib.UDPRcvbufErrors], m[mib.UDPInErrors], drops)
	}
	for range packets {
		want(t, srv, "x")
	}
	if srv.Base().RmemAlloc() != 0 {
		t.Errorf("rmem %d", srv.Base().RmemAlloc())
	}
	send(t, cli, addr(ipwire.B, 9), "y")
	got := want(t, srv, "y")
	if c, _, ok, _ := sock.NextCmsg(got.Control[:got.ControlLen]); !ok || c.Type != uapi.SO_RXQ_OVFL || int(c.Data[0]) != drops {
		t.Errorf("SO_RXQ_OVFL %+v", c)
	}
}

func TestReceiveBufferAsOnLinux(t *testing.T) { // observed on 6.18 over loopback
	a, _ := pair(t)
	for _, c := range []struct{ size, rcvbuf, charge, accepted int }{
		{0, 2304, 832, 2}, {0, 40000, 832, 48}, {100, 40000, 832, 48}, {400, 2304, 1280, 1}, {400, 40000, 1280, 31},
		{1000, 40000, 2304, 17}, {1472, 40000, 2304, 17}, {9000, 40000, 16640, 2}, {60000, 2304, 60832, 1}, {60000, 425984, 60832, 7},
	} {
		srv := a.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
		setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_RCVBUF, c.rcvbuf/2)
		if c.rcvbuf == 2304 {
			setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_RCVBUF, 1)
		}
		cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
		for i := range 60 {
			send(t, cli, addr(ipwire.Loopback, 9), string(make([]byte, c.size)))
			if got := int(srv.Base().RmemAlloc()); i == 0 && got != c.charge {
				t.Errorf("%d bytes: charged %d, want %d", c.size, got, c.charge)
			}
		}
		if n, _ := srv.Base().Queued(); n != c.accepted {
			t.Errorf("%d bytes in %d: %d accepted, want %d", c.size, c.rcvbuf, n, c.accepted)
		}
		srv.Close()
	}
}

func TestCorkAndMore(t *testing.T) { // udp(7) UDP_CORK, send(2) MSG_MORE
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: []byte("ab"), Name: addr(ipwire.B, 9), Flags: uapi.MSG_MORE}); err != nil {
		t.Fatal(err)
	}
	empty(t, srv)
	send(t, cli, nil, "cd")
	want(t, srv, "abcd")
	setInt(t, cli, uapi.IPPROTO_UDP, uapi.UDP_CORK, 1)
	send(t, cli, addr(ipwire.B, 9), "ef")
	send(t, cli, addr(ipwire.B, 10), "gh") // the address of the first counts
	empty(t, srv)
	setInt(t, cli, uapi.IPPROTO_UDP, uapi.UDP_CORK, 0)
	want(t, srv, "efgh")
	send(t, cli, addr(ipwire.B, 9), "plain")
	want(t, srv, "plain")
}

func TestSegmentation(t *testing.T) { // udp(7) UDP_SEGMENT, UDP_GRO
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	setInt(t, cli, uapi.IPPROTO_UDP, uapi.UDP_SEGMENT, 1000)
	data := strings.Repeat("a", 1000) + strings.Repeat("b", 1000) + strings.Repeat("c", 500)
	send(t, cli, addr(ipwire.B, 9), data)
	for _, part := range []string{data[:1000], data[1000:2000], data[2000:]} {
		want(t, srv, part)
	}
	setInt(t, srv, uapi.IPPROTO_UDP, uapi.UDP_GRO, 1)
	send(t, cli, addr(ipwire.B, 9), data)
	m := want(t, srv, data)
	if c, _, ok, _ := sock.NextCmsg(m.Control[:m.ControlLen]); !ok || c.Level != uapi.IPPROTO_UDP || c.Type != uapi.UDP_GRO || binary.NativeEndian.Uint32(c.Data) != 1000 {
		t.Errorf("UDP_GRO %+v", c)
	}
	setInt(t, cli, uapi.IPPROTO_UDP, uapi.UDP_SEGMENT, 10)
	for _, c := range []struct {
		n    int
		want error
	}{{1280, nil}, {1281, errno.EINVAL}} { // 128 segments
		if _, err := cli.Sendmsg(root, &sock.Msg{Data: make([]byte, c.n), Name: addr(ipwire.B, 9)}); err != c.want {
			t.Errorf("%d bytes: %v, want %v", c.n, err, c.want)
		}
	}
	setInt(t, cli, uapi.IPPROTO_UDP, uapi.UDP_SEGMENT, 1480)
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: make([]byte, 3000), Name: addr(ipwire.B, 9)}); err != errno.EINVAL {
		t.Errorf("segments over the MTU: %v", err)
	}
}

func TestSocketFilter(t *testing.T) {
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	// ldb [8]; jeq #'k', 0, 1; ret #11; ret #0: the UDP header counts.
	prog := []byte{0x30, 0, 0, 0, 8, 0, 0, 0, 0x15, 0, 0, 1, 'k', 0, 0, 0, 6, 0, 0, 0, 11, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}
	if err := srv.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_ATTACH_FILTER, prog); err != nil {
		t.Fatal(err)
	}
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	send(t, cli, addr(ipwire.B, 9), "drop")
	send(t, cli, addr(ipwire.B, 9), "keep me")
	want(t, srv, "kee") // trimmed to 11 bytes with the header
	empty(t, srv)
	setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_LOCK_FILTER, 1)
	if err := srv.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_DETACH_FILTER, make([]byte, 4)); err != errno.EPERM {
		t.Errorf("detach of a locked filter: %v", err)
	}
}

func TestWatchAndBlockingRecv(t *testing.T) {
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	calls := 0
	srv.Watch(func() { calls++ })
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	send(t, cli, addr(ipwire.B, 9), "one")
	if calls != 1 || srv.Poll()&uapi.POLLIN == 0 {
		t.Errorf("watch called %d times, poll %#x", calls, srv.Poll())
	}
	want(t, srv, "one")
	srv.Watch(nil)
	done := make(chan string)
	go func() {
		m := &sock.Msg{Data: make([]byte, 16)}
		n, err := sock.Recv(context.Background(), srv, root, m)
		if err != nil {
			done <- err.Error()
		}
		done <- string(m.Data[:n])
	}()
	send(t, cli, addr(ipwire.B, 9), "two")
	if got := <-done; got != "two" {
		t.Errorf("blocking recv: %q", got)
	}
}

func TestProcFile(t *testing.T) { // proc(5); compared with 6.18's layout
	a, b := pair(t)
	a.Bound(t, uapi.SOCK_DGRAM, 0, ipwire.Loopback, 5353)
	a.Bound(t, uapi.SOCK_DGRAM, uapi.IPPROTO_UDPLITE, 0, 6000)
	text, err := procfs.Of(a.Net).Read("udp")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) != 3 || len(lines[0]) != 127 || len(lines[1]) != 127 || !strings.HasPrefix(lines[1], " 5353: 0100007F:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 ") {
		t.Errorf("/proc/net/udp:\n%s", text)
	}
	stat, _ := procfs.Of(a.Net).Read("sockstat")
	if !strings.Contains(string(stat), "UDP: inuse 1 mem 0\nUDPLITE: inuse 1\n") {
		t.Errorf("sockstat:\n%s", stat)
	}
	_ = b
}

package tcp_test

import (
	"bytes"
	"fmt"
	"testing"

	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// recvSome reads up to n bytes.
func recvSome(s sock.Socket, n, flags int) (string, error) {
	m := sock.Msg{Data: make([]byte, n), Flags: flags}
	n, err := s.Recvmsg(root, &m)
	return string(m.Data[:max(n, 0)]), err
}

// TestPeekOffset: SO_PEEK_OFF moves with what is looked at, and back with what is
// read; every line as on 6.18 (socket(7)).
func TestPeekOffset(t *testing.T) {
	_, _, _, cli, srv := conn(t)
	const peek = uapi.MSG_PEEK
	step := func(n, flags int, want string, off int) {
		t.Helper()
		got, err := recvSome(srv, n, flags)
		if err != nil {
			got = fmt.Sprint("E", int(err.(errno.Errno)))
		}
		if now := getInt(t, srv, uapi.SOL_SOCKET, uapi.SO_PEEK_OFF); got != want || now != off {
			t.Errorf("%d bytes, flags %d: %q, then at %d; want %q, %d", n, flags, got, now, want, off)
		}
	}
	set := func(v int) { setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_PEEK_OFF, v) }
	send(t, cli, "abcdefghij", 0)
	step(3, peek, "abc", -1)
	set(2)
	step(3, peek, "cde", 5)
	step(3, peek, "fgh", 8)
	step(5, peek, "ij", 10)
	step(5, peek, "E11", 10)
	step(4, 0, "abcd", 6)
	step(2, peek, "E11", 6)
	set(0)
	step(2, peek, "ef", 2)
	step(1, 0, "e", 1)
	step(20, peek, "ghij", 5)
	set(-1)
	step(3, peek, "fgh", -1)
	set(100)
	step(3, peek, "E11", 100)
	step(2, 0, "fg", 98)
	set(1)
	must(t, cli.Shutdown(root, uapi.SHUT_WR))
	step(20, peek, "ij", 3)
	step(20, peek, "", 3)
	step(20, 0, "hij", 0)
	step(20, peek, "", 0)
}

// TestIncomingCPU: SO_INCOMING_CPU is the CPU that took the last packet, -1 of a
// fresh socket and of a listener (socket(7); 6.18).
func TestIncomingCPU(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	if got := getInt(t, stream(t, a), uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU); got != -1 {
		t.Errorf("a fresh socket: %d", got)
	}
	if got := getInt(t, l, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU); got != -1 {
		t.Errorf("the listener: %d", got)
	}
	if x, y := getInt(t, cli, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU), getInt(t, srv, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU); x < 0 || y < 0 {
		t.Errorf("the ends: %d and %d", x, y)
	}
}

// TestListenerOfTheCPU: among listeners that share a port the one whose
// SO_INCOMING_CPU is the packet's CPU gets the connections (socket(7)).
func TestListenerOfTheCPU(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	first := listen(t, b, 82, 5)
	_, err := connect(t, a, b, 82)
	must(t, err)
	cpu := getInt(t, accept(t, first), uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU)
	for chosen := range 3 {
		port := uint16(90 + chosen)
		var shared []sock.Socket
		for i := range 3 {
			s := stream(t, b)
			setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEPORT, 1)
			if i == chosen {
				setInt(t, s, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU, cpu)
			}
			must(t, s.Bind(root, at(anyAddr, port)))
			must(t, s.Listen(root, 20))
			shared = append(shared, s)
		}
		for range 8 {
			_, err := connect(t, a, b, port)
			must(t, err)
		}
		for i, s := range shared {
			n := 0
			for ; ; n++ {
				if _, err := s.Accept(root); err != nil {
					break
				}
			}
			if i == chosen && n != 8 || i != chosen && n != 0 {
				t.Errorf("listener %d of 3 got %d connections, %d was to get 8", i, n, chosen)
			}
		}
	}
}

// TestMetricsShowFastOpen: `ip tcp_metrics` shows the MSS and the cookie of a Fast
// Open server, and deleting forgets them (net/ipv4/tcp_metrics.c; spec 11.85).
func TestMetricsShowFastOpen(t *testing.T) {
	a, b, _, l := fastPair(t)
	gotCookie(t, a, b, l)
	show := func() [][]byte {
		return ask(t, a, uapi.NETLINK_GENERIC, metricsRequest(t, a, uapi.TCP_METRICS_CMD_GET, uapi.NLM_F_DUMP, 0))
	}
	got := show()
	if len(got) != 1 || !bytes.Contains(got[0], []byte{6, 0, uapi.TCP_METRICS_ATTR_FOPEN_MSS, 0}) ||
		!bytes.Contains(got[0], []byte{12, 0, uapi.TCP_METRICS_ATTR_FOPEN_COOKIE, 0}) {
		t.Fatalf("%x", got)
	}
	ask(t, a, uapi.NETLINK_GENERIC, metricsRequest(t, a, uapi.TCP_METRICS_CMD_DEL, 0, 0))
	if got := show(); len(got) != 0 {
		t.Errorf("deleted: %x", got)
	}
	if _, n, _ := fastSend(t, a, b, "data"); n > 0 {
		t.Errorf("the SYN took %d bytes without a cookie", n)
	}
}

// TestTxRehash: net.core.txrehash is SO_TXREHASH of new sockets (ip-sysctl; 6.18).
func TestTxRehash(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	old := stream(t, a)
	must(t, a.SetSysctl("net.core.txrehash", "0"))
	for s, want := range map[sock.Socket]int{old: 1, stream(t, a): 0} {
		if got := getInt(t, s, uapi.SOL_SOCKET, uapi.SO_TXREHASH); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	setInt(t, old, uapi.SOL_SOCKET, uapi.SO_TXREHASH, -1)
	if got := getInt(t, old, uapi.SOL_SOCKET, uapi.SO_TXREHASH); got != 0 {
		t.Errorf("-1 gives %d", got)
	}
}

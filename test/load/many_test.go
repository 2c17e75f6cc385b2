package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"linen/net/procfs"
	"linen/test/hosts"
	"linen/uapi"
)

// pair is hosts.Pair without its capture, which would hold every packet.
func pair(t *testing.T) (a, b *hosts.Host) {
	t.Helper()
	l := hosts.New(t)
	a, b = l.Host("a"), l.Host("b")
	check(t, l.Kernel.Link(a.Net, "eth0", b.Net, "eth0"))
	a.AddrOn("eth0", "10.0.0.1/24")
	b.AddrOn("eth0", "10.0.0.2/24")
	l.Clock.Settle()
	return a, b
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// connections opens n connections from a to ten ports of b.
func connections(t *testing.T, a, b *hosts.Host, n int) (clients, servers []net.Conn) {
	t.Helper()
	const ports = 10 // an address has 14,000 even ports, which connect takes first
	clients, servers = make([]net.Conn, 0, n), make([]net.Conn, 0, n)
	for port := range ports {
		at := fmt.Sprintf("10.0.0.2:%d", 8000+port)
		l, err := b.Listen(t.Context(), "tcp", at)
		check(t, err)
		for range n / ports {
			c, err := a.Dial(t.Context(), "tcp", at)
			check(t, err)
			s, err := l.Accept()
			check(t, err)
			clients, servers = append(clients, c), append(servers, s)
		}
		check(t, l.Close())
	}
	return clients, servers
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sockstat is the line of TCP in /proc/net/sockstat.
func sockstat(t *testing.T, h *hosts.Host) string {
	t.Helper()
	text, err := procfs.Of(h.Namespace()).Read("sockstat")
	check(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "TCP: ") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("no line of TCP in %s", text)
	return ""
}

// established counts the connections that sock_diag tells of, as ss does.
func established(t *testing.T, h *hosts.Host) (n int) {
	t.Helper()
	c, err := h.Netlink(uapi.NETLINK_SOCK_DIAG)
	check(t, err)
	defer c.Close()
	// struct inet_diag_req_v2: family, protocol, ext, pad, states, id.
	req := make([]byte, uapi.SizeofNlMsghdr+56)
	binary.NativeEndian.PutUint32(req, uint32(len(req)))
	binary.NativeEndian.PutUint16(req[4:], uapi.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(req[6:], uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	req[16], req[17] = uapi.AF_INET, uapi.IPPROTO_TCP
	binary.NativeEndian.PutUint32(req[20:], 1<<uapi.TCP_ESTABLISHED)
	check(t, c.Send(req))
	for {
		msg, err := c.Receive(t.Context())
		check(t, err)
		for len(msg) >= uapi.SizeofNlMsghdr {
			size := int(binary.NativeEndian.Uint32(msg))
			switch binary.NativeEndian.Uint16(msg[4:]) {
			case uapi.NLMSG_DONE:
				return n
			case uapi.SOCK_DIAG_BY_FAMILY:
				n++
			default:
				t.Fatalf("an answer of type %d", binary.NativeEndian.Uint16(msg[4:]))
			}
			msg = msg[min((size+3)&^3, len(msg)):]
		}
	}
}

// endpointLimit is what an idle end of a connection may hold, in bytes: the
// socket, its place in the tables, its net.Conn.
const endpointLimit = 2400

// TestManyConnections: 100,000 established connections in one process. What
// they hold is stated, the tools count them right, each still works, and
// nothing stays behind.
func TestManyConnections(t *testing.T) {
	n := 100_000
	if raced {
		n = 2_000
		t.Log("2,000 connections: the race detector makes each ten times as large")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // the machine has other things to do
	a, b := pair(t)
	empty := heap()
	clients, servers := connections(t, a, b, n)
	each := (heap() - empty) / int64(2*n)
	t.Logf("%d connections: %d bytes an endpoint", n, each)
	if each > endpointLimit && !raced {
		t.Errorf("%d bytes an endpoint, more than %d", each, endpointLimit)
	}
	for _, h := range []*hosts.Host{a, b} {
		if got, want := sockstat(t, h), fmt.Sprintf("TCP: inuse %d orphan 0 tw 0 alloc %d ", n, n); !strings.HasPrefix(got, want) {
			t.Errorf("sockstat of %s: %s, want %s", h.Name(), got, want)
		}
		if got := established(t, h); got != n {
			t.Errorf("sock_diag of %s counts %d", h.Name(), got)
		}
	}
	var p [8]byte
	for i := 0; i < n; i += 997 {
		binary.BigEndian.PutUint64(p[:], uint64(i))
		want := bytes.Clone(p[:])
		_, err := clients[i].Write(p[:])
		check(t, err)
		if _, err = io.ReadFull(servers[i], p[:]); err != nil || !bytes.Equal(p[:], want) {
			t.Fatalf("connection %d: %x, %v", i, p, err)
		}
	}
	for i := range clients {
		check(t, servers[i].Close())
		check(t, clients[i].Close())
	}
	clients, servers = nil, nil
	a.Lab.Advance(2 * linger)
	for _, h := range []*hosts.Host{a, b} {
		if got, want := sockstat(t, h), "TCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0"; got != want {
			t.Errorf("in the end, %s: %s", h.Name(), got)
		}
	}
	if left := heap() - empty; left > int64(n)*endpointLimit/4 {
		t.Errorf("%d bytes are held in the end", left)
	}
}

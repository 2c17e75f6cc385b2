package load

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"linen/lib/csum"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
)

// linger is TIME_WAIT (TCP_TIMEWAIT_LEN).
const linger = 60 * time.Second

// one opens a connection from a to b's port.
func one(t *testing.T, a *hosts.Host, l net.Listener) (client, server net.Conn) {
	t.Helper()
	client, err := a.Dial(t.Context(), "tcp", l.Addr().String())
	check(t, err)
	server, err = l.Accept()
	check(t, err)
	return client, server
}

// echoes sends a little back and forth.
func echoes(t *testing.T, client, server net.Conn) {
	t.Helper()
	var p [5]byte
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		_, err := io.WriteString(way[0], "hello")
		check(t, err)
		if _, err := io.ReadFull(way[1], p[:]); err != nil || string(p[:]) != "hello" {
			t.Fatalf("%q, %v", p, err)
		}
	}
}

// flood sends SYNs to a port of b from addresses that nobody has.
func flood(t *testing.T, a *hosts.Host, port uint16, count int) {
	t.Helper()
	who := sock.Root()
	s, err := sock.Create(who, a.Namespace(), uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_RAW)
	check(t, err)
	defer s.Close()
	to := uapi.AppendSockaddr(nil, netip.MustParseAddrPort("10.0.0.2:0"), 0)
	for i := range count {
		m := sock.Msg{Data: syn(uint32(i), port), Name: to}
		if _, err := s.Sendmsg(who, &m); err != nil {
			t.Fatal(err)
		}
	}
}

// syn is a SYN to 10.0.0.2 from an address of 10.9/16.
func syn(i uint32, port uint16) []byte {
	p := make([]byte, 40)
	p[0], p[8], p[9] = 0x45, 64, uapi.IPPROTO_TCP
	binary.BigEndian.PutUint16(p[2:], 40)
	binary.BigEndian.PutUint32(p[12:], 10<<24|9<<16|i&0xffff)
	copy(p[16:], []byte{10, 0, 0, 2})
	tcp := p[20:]
	binary.BigEndian.PutUint16(tcp, uint16(1024+i>>16))
	binary.BigEndian.PutUint16(tcp[2:], port)
	binary.BigEndian.PutUint32(tcp[4:], i*2654435761)
	tcp[12], tcp[13] = 5<<4, 2
	binary.BigEndian.PutUint16(tcp[14:], 65535)
	pseudo := append(append([]byte{}, p[12:20]...), 0, uapi.IPPROTO_TCP, 0, 20)
	binary.BigEndian.PutUint16(tcp[16:], csum.Checksum(append(pseudo, tcp...)))
	return p
}

// TestSynFlood: with cookies a flood holds no memory beyond the listener's
// backlog, the connections that are there go on, and new ones come about.
func TestSynFlood(t *testing.T) {
	a, b := pair(t)
	b.Route("10.9.0.0/16", "10.0.0.1")
	check(t, b.SetSysctl("net.core.somaxconn", "128"))
	l, err := b.Listen(t.Context(), "tcp", "10.0.0.2:80")
	check(t, err)
	defer l.Close()
	client, server := one(t, a, l)
	flood(t, a, 80, 1000) // the first fill the backlog
	before := heap()
	count := 50_000
	if raced {
		count = 2_000
	}
	flood(t, a, 80, count)
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d SYNs hold %d bytes", count, grown)
	}
	echoes(t, client, server)
	late, lateServer := one(t, a, l)
	echoes(t, late, lateServer)
	for _, c := range []net.Conn{client, server, late, lateServer} {
		check(t, c.Close())
	}
	// The requests of the backlog end by themselves, tcp_synack_retries later.
	a.Lab.Advance(3 * time.Minute)
	if got := sockstat(t, b); !strings.HasPrefix(got, "TCP: inuse 1 orphan 0 tw 0 alloc 1 ") {
		t.Error("in the end:", got)
	}
}

// TestPeersThatNeverRead: what a peer does not read is held by both buffers
// only, and the sender is told to wait.
func TestPeersThatNeverRead(t *testing.T) {
	a, b := pair(t)
	const most = 4 << 20
	check(t, a.SetSysctl("net.ipv4.tcp_wmem", "4096 16384 1048576"))
	check(t, b.SetSysctl("net.ipv4.tcp_rmem", "4096 131072 1048576"))
	l, err := b.Listen(t.Context(), "tcp", "10.0.0.2:80")
	check(t, err)
	defer l.Close()
	n := 50
	before := heap()
	var all []net.Conn
	p := make([]byte, 64<<10)
	for range n {
		client, server := one(t, a, l)
		all = append(all, client, server)
		check(t, client.SetWriteDeadline(a.Lab.Clock.Wall(a.Lab.Clock.Now()).Add(-time.Second)))
		sent := fill(t, client, p)
		if sent == 0 || sent > most {
			t.Fatalf("%d bytes are taken for a peer that does not read", sent)
		}
	}
	if grown := (heap() - before) / int64(n); grown > most && !raced {
		t.Errorf("%d bytes are held for each", grown)
	}
	// The peers stay: hours of zero-window probes hold no more.
	held := heap()
	a.Lab.Advance(time.Hour)
	if grown := heap() - held; grown > 1<<20 {
		t.Errorf("%d bytes more after an hour", grown)
	}
	for _, c := range all {
		check(t, c.Close())
	}
}

// fill writes as much as is taken at once.
func fill(t *testing.T, c net.Conn, p []byte) (sent int) {
	t.Helper()
	s := c.(interface{ Socket() sock.Socket }).Socket()
	for sent < 1<<30 {
		n, err := s.Sendmsg(sock.Root(), &sock.Msg{Data: p, Flags: uapi.MSG_NOSIGNAL})
		if sent += n; err != nil {
			return sent
		}
	}
	return sent
}

// TestPeersThatGoAway: connections whose peer is gone end by keepalive, by
// retransmission, or at the listener by the SYN-ACK's retries.
func TestPeersThatGoAway(t *testing.T) {
	a, b, link := hosts.Pair(t)
	check(t, b.SetSysctl("net.ipv4.tcp_keepalive_time", "60"))
	l, err := b.Listen(t.Context(), "tcp", "10.0.0.2:80")
	check(t, err)
	var idle, busy []net.Conn
	for range 50 {
		_, s := one(t, a, l)
		check(t, s.(interface{ SetKeepAlive(bool) error }).SetKeepAlive(true))
		idle = append(idle, s)
		_, s = one(t, a, l)
		busy = append(busy, s)
	}
	check(t, b.SetSysctl("net.ipv4.tcp_syncookies", "0"))
	link.Drop(true)
	flood(t, a, 80, 10)
	for _, s := range busy {
		_, err := s.Write(make([]byte, 10_000))
		check(t, err)
	}
	a.Lab.Advance(time.Hour)
	for _, s := range append(idle, busy...) {
		check(t, s.SetReadDeadline(a.Lab.Clock.Wall(a.Lab.Clock.Now()).Add(time.Second)))
		if _, err := s.Read(make([]byte, 1)); err == nil || err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("an hour without the peer: %v", err)
		}
		check(t, s.Close())
	}
	check(t, l.Close())
	if got := sockstat(t, b); got != "TCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0" {
		t.Error("in the end:", got)
	}
}

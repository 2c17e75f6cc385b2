package tcp_test

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"linen/lib/pcapng"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// A segment is one of a capture.
type segment struct {
	ip  *wire.IPv4Hdr
	tcp *wire.TCPHdr
	opt []byte
	n   int // payload bytes
}

// segments reads the TCP segments of a capture.
func segments(t testing.TB, data []byte) (list []segment) {
	t.Helper()
	r, err := pcapng.NewReader(bytes.NewReader(data))
	must(t, err)
	for {
		p, err := r.Next()
		if err == io.EOF {
			return list
		}
		must(t, err)
		if len(p.Data) < 54 || p.Data[12] != 8 || p.Data[13] != 0 {
			continue
		}
		ip, ok := wire.AsIPv4(p.Data[14:])
		if !ok || ip.Proto() != uapi.IPPROTO_TCP {
			continue
		}
		at := p.Data[14+ip.IHL():]
		h, ok := wire.AsTCP(at)
		if !ok {
			continue
		}
		list = append(list, segment{ip, h, at[wire.TCPHdrLen:h.DataOff()], ip.TotLen() - ip.IHL() - h.DataOff()})
	}
}

// shape is what does not change from run to run: flags, options but for their
// timestamps, payload length.
func (s segment) shape() string {
	var b strings.Builder
	for i, f := range "FSRPAU" {
		if s.tcp.Flags()>>i&1 != 0 {
			b.WriteRune(f)
		}
	}
	for p := s.opt; len(p) > 0; {
		switch {
		case p[0] == 0, p[0] == 1:
			b.WriteString(" nop")
			p = p[1:]
			continue
		case p[0] == wire.TCPOptTimestamp:
			b.WriteString(" TS")
		case p[0] == wire.TCPOptMSS:
			b.WriteString(" mss")
		case p[0] == wire.TCPOptSACKPerm:
			b.WriteString(" sackOK")
		case p[0] == wire.TCPOptWScale:
			b.WriteString(" wscale")
		}
		p = p[p[1]:]
	}
	return b.String()
}

// TestHandshakeAsLinux compares the handshake with one recorded from Linux.
func TestHandshakeAsLinux(t *testing.T) { // spec 11.45
	data, err := os.ReadFile("../../test/golden/tcp-basic.pcap")
	must(t, err)
	want := segments(t, data)
	a, _, _, _, _ := conn(t)
	got := segments(t, a.Lab.Capture())
	if len(want) < 3 || len(got) < 3 {
		t.Fatalf("%d and %d segments", len(want), len(got))
	}
	for i := range 3 {
		w, g := want[i], got[i]
		if w.shape() != g.shape() || w.ip.DF() != g.ip.DF() || w.ip.TTL() != g.ip.TTL() || i < 2 && w.tcp.Window() != g.tcp.Window() {
			t.Errorf("segment %d: %s window %d ttl %d df %v; Linux: %s window %d ttl %d df %v", i,
				g.shape(), g.tcp.Window(), g.ip.TTL(), g.ip.DF(), w.shape(), w.tcp.Window(), w.ip.TTL(), w.ip.DF())
		}
	}
}

func TestResetOfAClosedPort(t *testing.T) { // spec 11.88, 11.143
	a, b, _ := hosts.Pair(t)
	connect(t, a, b, 81)
	list := segments(t, a.Lab.Capture())
	if len(list) != 2 {
		t.Fatalf("%d segments", len(list))
	}
	syn, rst := list[0], list[1]
	if rst.tcp.Flags() != wire.TCPRst|wire.TCPAck || rst.tcp.Seq() != 0 || rst.tcp.AckSeq() != syn.tcp.Seq()+1 || rst.tcp.Window() != 0 ||
		len(rst.opt) != 0 || rst.ip.TTL() != 64 || !rst.ip.DF() {
		t.Errorf("RST %+v", rst)
	}
}

func TestPathMTU(t *testing.T) { // RFC 1191; spec 11.73
	a, r, b := hosts.Routed(t)
	must(t, r.SetMTU("eth1", 1400))
	l := listen(t, b, 80, 5)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	transfer(t, a, cli, srv, strings.Repeat("0123456789abcdef", 1<<14))
	if mss := getInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_MAXSEG); mss != 1400-40-12 {
		t.Errorf("mss %d", mss)
	}
}

func TestUnreachableEndsTheHandshake(t *testing.T) { // spec 11.93
	a, _, _ := hosts.Routed(t)
	s := stream(t, a)
	if err := s.Connect(root, at(netip.MustParseAddr("10.9.9.9"), 80)); err != errno.EINPROGRESS {
		t.Fatal(err)
	}
	a.Lab.Clock.Settle()
	if err := soError(t, s); err != errno.ENETUNREACH && err != errno.EHOSTUNREACH {
		t.Errorf("SO_ERROR %v", err)
	}
}

func TestSelfConnect(t *testing.T) { // spec 11.140
	a, _, _ := hosts.Pair(t)
	s := stream(t, a)
	lo := netip.MustParseAddr("127.0.0.1")
	must(t, s.Bind(root, at(lo, 7777)))
	if err := s.Connect(root, at(lo, 7777)); err != errno.EINPROGRESS {
		t.Fatal(err)
	}
	a.Lab.Clock.Settle()
	if s.Base().State() != uapi.TCP_ESTABLISHED {
		t.Fatalf("state %d, %v", s.Base().State(), soError(t, s))
	}
	send(t, s, "echo", 0)
	want(t, s, "echo")
}

func TestConnectStates(t *testing.T) { // connect(2); spec 11.09
	a, b, _, cli, _ := conn(t)
	to := at(b.Addr(), 80)
	must(t, cli.Connect(root, to))
	if err := cli.Connect(root, to); err != errno.EISCONN {
		t.Errorf("connected: %v", err)
	}
	l := listen(t, a, 99, 1)
	if err := l.Connect(root, to); err != errno.EISCONN {
		t.Errorf("a listener: %v", err)
	}
	if _, err := l.Recvmsg(root, &sock.Msg{Data: make([]byte, 1)}); err != errno.ENOTCONN {
		t.Errorf("recv on a listener: %v", err)
	}
	if _, err := stream(t, a).Recvmsg(root, &sock.Msg{Data: make([]byte, 1)}); err != errno.ENOTCONN {
		t.Errorf("recv unconnected: %v", err)
	}
	if _, err := stream(t, a).Sendmsg(root, &sock.Msg{Data: make([]byte, 1)}); err != errno.EPIPE {
		t.Errorf("send unconnected: %v", err)
	}
	if err := stream(t, a).Shutdown(root, 0); err != errno.ENOTCONN {
		t.Errorf("shutdown unconnected: %v", err)
	}
	if ev := stream(t, a).Poll(); ev != uapi.POLLOUT|uapi.POLLWRNORM|uapi.POLLHUP {
		t.Errorf("poll of a fresh socket: %#x", ev)
	}
}

func TestReceiveBufferFills(t *testing.T) { // spec 11.71, 11.76
	a, _, _, cli, srv := conn(t)
	big := make([]byte, 1<<20)
	total := 0
	for range 200 {
		n, err := cli.Sendmsg(root, &sock.Msg{Data: big})
		if err == errno.EAGAIN {
			a.Lab.Advance(100 * time.Millisecond)
			continue
		}
		total += n
	}
	if cli.Poll()&uapi.POLLOUT != 0 {
		t.Error("writable although nobody reads")
	}
	got := 0
	for got < total {
		s, err := recv(srv, 0)
		if err == errno.EAGAIN {
			a.Lab.Advance(10 * time.Millisecond)
			continue
		}
		must(t, err)
		got += len(s)
	}
	if cli.Poll()&uapi.POLLOUT == 0 {
		t.Error("not writable although all was read")
	}
}

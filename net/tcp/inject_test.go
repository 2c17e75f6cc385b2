package tcp_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen/lib/csum"
	"linen/lib/impair"
	"linen/net/inet"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// v4 is an address as a number.
func v4(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }

// rawSocket makes a raw socket of a host.
func rawSocket(t testing.TB, h *hosts.Host, proto int) sock.Socket {
	t.Helper()
	s, err := sock.Create(root, h.Namespace(), uapi.AF_INET, uapi.SOCK_RAW, proto)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// flagBits reads flags as tcpdump writes them.
func flagBits(s string) (f uint16) {
	for _, r := range s {
		f |= 1 << strings.IndexRune("FSRPAU", r)
	}
	return f
}

// inject sends a segment that no connection made.
func inject(t testing.TB, raw sock.Socket, from, to netip.AddrPort, flags string, seq, ack uint32, data string) {
	t.Helper()
	p := make([]byte, wire.TCPHdrLen+len(data))
	h := (*wire.TCPHdr)(p)
	h.SetSource(from.Port())
	h.SetDest(to.Port())
	h.SetSeq(seq)
	h.SetAckSeq(ack)
	h.SetDataOffFlags(wire.TCPHdrLen, flagBits(flags))
	h.SetWindow(1000)
	copy(p[wire.TCPHdrLen:], data)
	h.SetCheck(csum.Fold(csum.Sum(p, csum.Pseudo4(v4(from.Addr()), v4(to.Addr()), uapi.IPPROTO_TCP, len(p)))))
	_, err := raw.Sendmsg(root, &sock.Msg{Data: p, Name: at(to.Addr(), 0)})
	must(t, err)
}

// TestSegmentsForNobody: what a listener and a closed port answer to each set of
// flags, as 6.18 was seen to (RFC 9293 §3.10.7.1, §3.10.7.2; spec 11.88, 11.89).
func TestSegmentsForNobody(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	listen(t, b, 80, 100)
	raw := rawSocket(t, a, uapi.IPPROTO_TCP)
	const synAck, rst = "SA iss 1001", "R 5000 0"
	rstAck := func(n int) string { return fmt.Sprint("RA 0 ", 1000+n) }
	for i, c := range []struct {
		flags          string
		data           string
		listen, closed string
	}{
		{"", "", "", rstAck(0)}, {"F", "", "", rstAck(1)}, {"R", "", "", ""}, {"A", "", rst, rst}, {"S", "", synAck, rstAck(1)},
		{"SF", "", "", rstAck(2)}, {"SR", "", "", ""}, {"SA", "", rst, rst}, {"RA", "", "", ""}, {"FA", "", rst, rst}, {"FPU", "", "", rstAck(1)},
		{"SP", "", synAck, rstAck(1)}, {"SFA", "", rst, rst}, {"U", "", "", rstAck(0)}, {"SU", "", synAck, rstAck(1)},
		{"S", "data", synAck, rstAck(5)}, {"A", "data", rst, rst}, {"", "data", "", rstAck(4)}, {"R", "data", "", ""}, {"F", "data", "", rstAck(5)},
	} {
		for port, want := range map[uint16]string{80: c.listen, 81: c.closed} {
			before := len(segments(t, a.Lab.Capture()))
			from := netip.AddrPortFrom(a.Addr(), uint16(30000+2*i)+port%2)
			inject(t, raw, from, netip.AddrPortFrom(b.Addr(), port), c.flags, 1000, 5000, c.data)
			a.Lab.Clock.Settle()
			got := ""
			for _, s := range segments(t, a.Lab.Capture())[before:] {
				if s.tcp.Source() != port {
					continue
				}
				for j, f := range "FSRPAU" {
					if s.tcp.Flags()>>j&1 != 0 {
						got += string(f)
					}
				}
				if strings.Contains(got, "S") {
					got += " iss"
				} else {
					got += fmt.Sprint(" ", s.tcp.Seq())
				}
				got += fmt.Sprint(" ", s.tcp.AckSeq())
			}
			if got != want {
				t.Errorf("port %d, %q with %d bytes: %q; Linux: %q", port, c.flags, len(c.data), got, want)
			}
		}
	}
}

// icmpAbout sends an ICMP error about a segment.
func icmpAbout(t testing.TB, raw sock.Socket, typ, code uint8, from, to netip.AddrPort, seq uint32) {
	t.Helper()
	p := make([]byte, 8+20+8)
	p[0], p[1] = typ, code
	ip := (*wire.IPv4Hdr)(p[8:28])
	p[8], p[16], p[17] = 0x45, 64, uapi.IPPROTO_TCP
	binary.BigEndian.PutUint16(p[10:], 60)
	binary.BigEndian.PutUint32(p[20:], v4(from.Addr()))
	binary.BigEndian.PutUint32(p[24:], v4(to.Addr()))
	binary.BigEndian.PutUint16(p[18:], csum.Fold(csum.Sum(ip[:], 0)))
	binary.BigEndian.PutUint16(p[28:], from.Port())
	binary.BigEndian.PutUint16(p[30:], to.Port())
	binary.BigEndian.PutUint32(p[32:], seq)
	binary.BigEndian.PutUint16(p[2:], csum.Fold(csum.Sum(p, 0)))
	_, err := raw.Sendmsg(root, &sock.Msg{Data: p, Name: at(from.Addr(), 0)})
	must(t, err)
}

// portsOf are a connection's ends.
func portsOf(t testing.TB, s sock.Socket, b *hosts.Host) (own, peer netip.AddrPort) {
	t.Helper()
	sa, err := s.Getsockname()
	must(t, err)
	_, addr, err := inet.ParseAddr(sa)
	must(t, err)
	return addr.AddrPort(), netip.AddrPortFrom(b.Addr(), 80)
}

// lastSeq is the number behind what the client has sent.
func lastSeq(t testing.TB, a *hosts.Host, port uint16) (seq uint32) {
	for _, s := range segments(t, a.Lab.Capture()) {
		if s.tcp.Source() == port {
			seq = s.tcp.Seq() + uint32(s.n)
			if s.tcp.Flags()&wire.TCPSyn != 0 {
				seq = s.tcp.Seq()
			}
		}
	}
	return seq
}

// TestICMPForEstablished: no error ends a connection; SO_ERROR tells, and with
// IP_RECVERR poll does. As 6.18 (RFC 1122 §4.2.3.9; spec 3.25, 3.67, 11.93).
func TestICMPForEstablished(t *testing.T) {
	for _, c := range []struct {
		name      string
		typ, code uint8
		err       error
	}{
		{"source quench", wire.ICMPSourceQuench, 0, nil},
		{"parameter problem", 12, 0, errno.EPROTO},
		{"host unreachable", 3, 1, errno.EHOSTUNREACH},
		{"protocol unreachable", 3, 2, errno.ENOPROTOOPT},
		{"port unreachable", 3, 3, errno.ECONNREFUSED},
		{"time exceeded", 11, 0, errno.EHOSTUNREACH},
		{"prohibited", 3, 13, errno.EHOSTUNREACH},
	} {
		for recvErr := range 2 {
			a, b, _, cli, srv := conn(t)
			raw := rawSocket(t, b, uapi.IPPROTO_ICMP)
			setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_RECVERR, recvErr)
			send(t, cli, "x", 0)
			a.Lab.Clock.Settle()
			own, peer := portsOf(t, cli, b)
			for range 3 {
				icmpAbout(t, raw, c.typ, c.code, own, peer, lastSeq(t, a, own.Port()))
			}
			a.Lab.Clock.Settle()
			wantPoll := sock.Events(uapi.POLLOUT | uapi.POLLWRNORM)
			if recvErr == 1 && c.err != nil {
				wantPoll |= uapi.POLLERR
			}
			if ev := cli.Poll(); ev != wantPoll {
				t.Errorf("%s, IP_RECVERR %d: poll %#x, want %#x", c.name, recvErr, ev, wantPoll)
			}
			if err := soError(t, cli); err != c.err {
				t.Errorf("%s, IP_RECVERR %d: SO_ERROR %v, want %v", c.name, recvErr, err, c.err)
			}
			if _, err := recv(cli, uapi.MSG_ERRQUEUE); err != errno.EAGAIN {
				t.Errorf("%s: the error queue: %v", c.name, err)
			}
			send(t, cli, "y", 0)
			want(t, srv, "xy")
		}
	}
}

func TestICMPOutOfWindow(t *testing.T) { // RFC 5927 §4.1
	a, b, _, cli, _ := conn(t)
	raw := rawSocket(t, b, uapi.IPPROTO_ICMP)
	own, peer := portsOf(t, cli, b)
	send(t, cli, "x", 0)
	a.Lab.Clock.Settle()
	icmpAbout(t, raw, 3, 1, own, peer, lastSeq(t, a, own.Port())+100000)
	a.Lab.Clock.Settle()
	if err := soError(t, cli); err != nil || count(t, a, "OutOfWindowIcmps") != 1 {
		t.Errorf("SO_ERROR %v, OutOfWindowIcmps %d", err, count(t, a, "OutOfWindowIcmps"))
	}
}

// TestICMPInHandshake: RFC 5461; what is an error at all ends it.
func TestICMPInHandshake(t *testing.T) {
	for _, c := range []struct {
		typ, code uint8
		err       error
	}{
		{wire.ICMPSourceQuench, 0, nil}, {3, 0, errno.ENETUNREACH}, {3, 1, errno.EHOSTUNREACH}, {3, 3, errno.ECONNREFUSED}, {3, 2, errno.ENOPROTOOPT}, {3, 13, errno.EHOSTUNREACH},
	} {
		a, b, link := hosts.Pair(t)
		a.MustPing(b.Addr())
		raw := rawSocket(t, b, uapi.IPPROTO_ICMP)
		s := stream(t, a)
		link.Drop(true)
		s.Connect(root, at(b.Addr(), 80))
		a.Lab.Clock.Settle()
		link.Drop(false)
		own, peer := portsOf(t, s, b)
		seq := lastSeq(t, a, own.Port())
		icmpAbout(t, raw, c.typ, c.code, own, peer, seq)
		a.Lab.Clock.Settle()
		if err := soError(t, s); err != c.err {
			t.Errorf("ICMP %d/%d: %v, want %v", c.typ, c.code, err, c.err)
		}
		state := uint32(uapi.TCP_CLOSE)
		if c.err == nil {
			state = uapi.TCP_SYN_SENT
		}
		if s.Base().State() != state {
			t.Errorf("ICMP %d/%d: state %d", c.typ, c.code, s.Base().State())
		}
	}
}

// TestConnectAddresses: what 6.18 answered to connect.
func TestConnectAddresses(t *testing.T) { // spec 11.139
	a, _, _ := hosts.Pair(t)
	for addr, want := range map[string]error{
		"224.0.0.1": errno.ENETUNREACH, "255.255.255.255": errno.ENETUNREACH, "240.0.0.1": errno.ENETUNREACH, "10.255.255.255": errno.ENETUNREACH,
		"127.255.255.255": errno.ENETUNREACH, "0.0.0.0": errno.EINPROGRESS, "127.0.0.1": errno.EINPROGRESS,
	} {
		s := stream(t, a)
		if err := s.Connect(root, at(netip.MustParseAddr(addr), 9)); err != want {
			t.Errorf("connect to %s: %v, want %v", addr, err, want)
		}
		a.Lab.Clock.Settle()
		if want == errno.EINPROGRESS {
			if err := soError(t, s); err != errno.ECONNREFUSED {
				t.Errorf("%s: %v", addr, err)
			}
		}
	}
	l := stream(t, a)
	must(t, l.Listen(root, 1))
	sa, err := l.Getsockname()
	must(t, err)
	if _, addr, _ := inet.ParseAddr(sa); addr.Port == 0 || addr.IP != 0 {
		t.Errorf("a listener that was not bound is at %v", addr)
	}
}

func TestAbortOnOverflow(t *testing.T) { // ip-sysctl, tcp_abort_on_overflow; spec 11.07
	for _, on := range []string{"0", "1"} {
		a, b, link := hosts.Pair(t)
		a.MustPing(b.Addr())
		sysctlSet(t, b, "net/ipv4/tcp_abort_on_overflow", on)
		listen(t, b, 80, 1)
		link.Impair(impair.Config{Delay: 10 * time.Millisecond})
		var clients [3]sock.Socket
		for i, wait := range []time.Duration{15, 7, 100} { // the third SYN finds room, its ACK none
			clients[i] = stream(t, a)
			clients[i].Connect(root, at(b.Addr(), 80))
			a.Lab.Advance(wait * time.Millisecond)
		}
		if n := count(t, b, "ListenOverflows"); n != 1 {
			t.Errorf("ListenOverflows %d", n)
		}
		_, err := recv(clients[2], 0)
		want := errno.EAGAIN // it believes that it is connected
		if on == "1" {
			want = errno.ECONNRESET
		}
		if err != want {
			t.Errorf("tcp_abort_on_overflow %s: %v, want %v", on, err, want)
		}
	}
}

func TestSynAckRetries(t *testing.T) { // spec 11.47: after 1, 2 and 4 s, then the request is forgotten
	a, b, link := hosts.Pair(t)
	if v, _ := sysctl.Of(b.Namespace()).Get("net/ipv4/tcp_synack_retries"); strings.TrimSpace(v) != "5" {
		t.Errorf("tcp_synack_retries %q", v)
	}
	sysctlSet(t, b, "net/ipv4/tcp_synack_retries", "3") // fewer, so that the neighbour is not missed before the end
	a.MustPing(b.Addr())
	listen(t, b, 80, 10)
	raw := rawSocket(t, a, uapi.IPPROTO_TCP)
	link.Impair(impair.Config{Delay: 10 * time.Millisecond})
	inject(t, raw, netip.AddrPortFrom(a.Addr(), 1234), netip.AddrPortFrom(b.Addr(), 80), "S", 1000, 0, "")
	a.Lab.Advance(12 * time.Millisecond) // the SYN-ACK is on its way
	link.Drop(true)
	passed := time.Duration(0)
	for _, c := range []struct {
		at   time.Duration
		sent int
	}{{900, 0}, {1100, 1}, {2900, 1}, {3100, 2}, {6900, 2}, {7100, 3}, {14900, 3}, {15100, 3}, {20000, 3}} {
		a.Lab.Advance(c.at*time.Millisecond - passed)
		passed = c.at * time.Millisecond
		if n := count(t, b, "TCPSynRetrans"); n != c.sent {
			t.Errorf("after %v ms: %d SYN-ACKs again, want %d", int(c.at), n, c.sent)
		}
	}
}

// msgOf is data to send.
func msgOf(data string) *sock.Msg { return &sock.Msg{Data: []byte(data)} }

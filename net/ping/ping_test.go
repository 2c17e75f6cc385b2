package ping_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/inet"
	"linen/net/ping"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

var root = sock.Root()

func addr(ip uint32) []byte { return inet.Addr{IP: ip}.Bytes() }

// pair returns two hosts where everybody may ping, and the second one answers.
func pair(t *testing.T) (a, b *ipwire.Host) {
	a, b, _ = ipwire.Pair(t, ping.Pernet())
	for _, h := range []*ipwire.Host{a, b} {
		if err := sysctl.Of(h.Net).Set("net/ipv4/ping_group_range", "0 2147483647"); err != nil {
			t.Fatal(err)
		}
	}
	ip := &inet.Of(b.Net).IP
	ip.AddProtocol(b.Net, uapi.IPPROTO_ICMP, func(c *kern.CPU, p *skb.Buff) { echo(c, ip, p) }, nil)
	return a, b
}

// echo answers an echo request.
func echo(c *kern.CPU, ip *inet.IPLayer, p *skb.Buff) {
	h, _ := wire.AsIPv4(p.Network())
	o := skb.From(c, p.Data())
	d := o.Data()
	d[0], d[2], d[3] = 0, 0, 0
	binary.BigEndian.PutUint16(d[2:], csum.Checksum(d))
	o.SetTransportHeader(0)
	ip.Send(c, o, nil, inet.Header{Saddr: h.Daddr(), Daddr: h.Saddr(), Proto: uapi.IPPROTO_ICMP})
	p.Consume(c)
}

func request(seq byte, body string) []byte {
	return append([]byte{8, 0, 0, 0, 0, 0, 0, seq}, body...)
}

func recv(s sock.Socket, flags int) ([]byte, *sock.Msg, error) {
	m := &sock.Msg{Data: make([]byte, 4096), Name: make([]byte, 16), Control: make([]byte, 256), Flags: flags}
	n, err := s.Recvmsg(root, m)
	return m.Data[:max(n, 0)], m, err
}

func TestGroupRange(t *testing.T) { // icmp(7) ping_group_range; spec 11.41
	a, _, _ := ipwire.Pair(t, ping.Pernet())
	user := &sock.Caller{UID: 1000, GID: 1000, Groups: []uint32{20, 500}}
	for _, c := range []struct {
		text string
		want error
	}{{"1 0", errno.EACCES}, {"0 999", nil}, {"1000 1000", nil}, {"501 999", errno.EACCES}, {"500 500", nil}} {
		if err := sysctl.Of(a.Net).Set("net/ipv4/ping_group_range", c.text); err != nil {
			t.Fatal(err)
		}
		s, err := sock.Create(user, a.Net, uapi.AF_INET, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP)
		if err != c.want && !(err == nil && c.want == nil) {
			t.Errorf("%q: %v, want %v", c.text, err, c.want)
		}
		if s != nil {
			s.Close()
		}
	}
}

func TestEcho(t *testing.T) {
	a, _ := pair(t)
	one, two := a.Socket(t, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP), a.Socket(t, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP)
	if err := one.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_RECVTTL, []byte{1, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for i, s := range []sock.Socket{one, two} {
		if _, err := s.Sendmsg(root, &sock.Msg{Data: request(byte(i), "body"), Name: addr(ipwire.B)}); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range []sock.Socket{one, two} {
		name, _ := s.Getsockname()
		p, m, err := recv(s, 0)
		if err != nil || p[0] != 0 || !bytes.Equal(p[4:6], name[2:4]) || p[7] != byte(i) || string(p[8:]) != "body" || !bytes.Equal(m.Name, addr(ipwire.B)) {
			t.Errorf("socket %d (%x): %x from %x, %v", i, name, p, m.Name, err)
		}
		if c, _, ok, _ := sock.NextCmsg(m.Control[:m.ControlLen]); i == 0 && (!ok || c.Type != uapi.IP_TTL || c.Data[0] != 64) {
			t.Errorf("IP_TTL %+v", c)
		}
	}
}

func TestSendErrors(t *testing.T) {
	a, _ := pair(t)
	s := a.Socket(t, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP)
	for _, c := range []struct {
		name string
		data []byte
		to   []byte
		want error
	}{
		{"too short", request(0, "")[:7], addr(ipwire.B), errno.EINVAL},
		{"echo reply", make([]byte, 8), addr(ipwire.B), errno.EINVAL},
		{"code 1", []byte{8, 1, 0, 0, 0, 0, 0, 0}, addr(ipwire.B), errno.EINVAL},
		{"no address", request(0, ""), nil, errno.EDESTADDRREQ},
	} {
		if _, err := s.Sendmsg(root, &sock.Msg{Data: c.data, Name: c.to}); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestErrorQueueHasTheRequest(t *testing.T) { // what ping and mtr read
	a, b := pair(t)
	ip := &inet.Of(b.Net).IP
	ip.AddProtocol(b.Net, uapi.IPPROTO_ICMP, func(c *kern.CPU, p *skb.Buff) {
		a.Unreachable(c, p, inet.ICMPErr{Type: 11, Offender: ipwire.B})
		p.Consume(c)
	}, nil)
	s := a.Socket(t, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP)
	if err := s.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_RECVERR, []byte{1, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sendmsg(root, &sock.Msg{Data: request(5, "x"), Name: addr(ipwire.B)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := recv(s, 0); err != errno.EHOSTUNREACH {
		t.Errorf("plain receive: %v", err)
	}
	p, m, err := recv(s, uapi.MSG_ERRQUEUE)
	if err != nil || p[0] != 8 || p[7] != 5 || !bytes.Equal(m.Name, addr(ipwire.B)) {
		t.Errorf("%x from %x, %v", p, m.Name, err)
	}
}

// TestIDsAreThePorts: an identifier has one owner, unless both sockets have
// SO_REUSEADDR, with which ping sockets begin, as Linux's; when all are taken a
// bind fails with EADDRINUSE and a send with EAGAIN, and one that is given back
// is found at once.
func TestIDsAreThePorts(t *testing.T) {
	a, _ := pair(t)
	open := func(reuse byte) sock.Socket {
		s, err := sock.Create(root, a.Net, uapi.AF_INET, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP)
		if err == nil {
			err = s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, []byte{reuse, 0, 0, 0})
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	id := func(n uint16) []byte { return inet.Addr{Port: n}.Bytes() }
	socks := make([]sock.Socket, 0xffff)
	defer func() {
		for _, s := range socks {
			s.Close()
		}
	}()
	for i := range socks {
		socks[i] = open(1)
		if err := socks[i].Bind(root, id(0)); err != nil {
			t.Fatalf("socket %d: %v", i, err)
		}
	}
	for _, c := range []struct {
		rule  string
		reuse byte
		id    uint16
		want  error
	}{
		{"a used id", 0, 7, errno.EADDRINUSE}, {"a used id that both share", 1, 7, nil},
		{"none left", 1, 0, errno.EADDRINUSE},
	} {
		s := open(c.reuse)
		if err := s.Bind(root, id(c.id)); err != c.want && !(err == nil && c.want == nil) {
			t.Errorf("%s: %v, want %v", c.rule, err, c.want)
		}
		s.Close()
	}
	one := open(0)
	defer one.Close()
	if _, err := one.Sendmsg(root, &sock.Msg{Data: request(1, "x"), Name: addr(ipwire.B)}); err != errno.EAGAIN {
		t.Errorf("send with none left: %v", err)
	}
	socks[99].Close()
	if _, err := one.Sendmsg(root, &sock.Msg{Data: request(1, "x"), Name: addr(ipwire.B)}); err != nil {
		t.Errorf("send with one left: %v", err)
	}
	if p, _, err := recv(one, 0); err != nil || string(p[8:]) != "x" {
		t.Errorf("%x %v", p, err)
	}
}

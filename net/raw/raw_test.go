package raw_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"linen/net/inet"
	"linen/net/procfs"
	"linen/net/raw"
	"linen/net/sock"
	"linen/net/udp"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
)

var root = sock.Root()

func addr(ip uint32) []byte { return inet.Addr{IP: ip}.Bytes() }

func recv(s sock.Socket, flags int) ([]byte, *sock.Msg, error) {
	m := &sock.Msg{Data: make([]byte, 4096), Name: make([]byte, 16), Control: make([]byte, 256), Flags: flags}
	n, err := s.Recvmsg(root, m)
	return m.Data[:max(n, 0)], m, err
}

func set(t *testing.T, s sock.Socket, level, name, v int) {
	t.Helper()
	if err := s.Setsockopt(root, level, name, binary.NativeEndian.AppendUint32(nil, uint32(v))); err != nil {
		t.Fatal(err)
	}
}

func TestSocketNeedsCapNetRaw(t *testing.T) { // raw(7)
	a, _, _ := ipwire.Pair(t, raw.Pernet())
	if _, err := sock.Create(&sock.Caller{}, a.Net, uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_ICMP); err != errno.EPERM {
		t.Errorf("without the capability: %v", err)
	}
	if _, err := sock.Create(root, a.Net, uapi.AF_INET, uapi.SOCK_RAW, 0); err != errno.EPROTONOSUPPORT {
		t.Errorf("protocol 0: %v", err)
	}
}

func TestPacketComesWithItsHeader(t *testing.T) {
	a, b, _ := ipwire.Pair(t, raw.Pernet())
	out, in, other := a.Socket(t, uapi.SOCK_RAW, 89), b.Socket(t, uapi.SOCK_RAW, 89), b.Socket(t, uapi.SOCK_RAW, 90)
	if _, err := out.Sendmsg(root, &sock.Msg{Data: []byte("ospf"), Name: addr(ipwire.B)}); err != nil {
		t.Fatal(err)
	}
	p, m, err := recv(in, 0)
	if err != nil || len(p) != 24 || p[0] != 0x45 || p[9] != 89 || string(p[20:]) != "ospf" || string(m.Name) != string(addr(ipwire.A)) {
		t.Errorf("%x %x %v", p, m.Name, err)
	}
	if _, _, err := recv(other, 0); err != errno.EAGAIN {
		t.Errorf("another protocol's socket: %v", err)
	}
}

func TestHdrIncl(t *testing.T) { // raw(7): source, length and checksum are filled in
	a, b, _ := ipwire.Pair(t, raw.Pernet())
	out, in := a.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_RAW), b.Socket(t, uapi.SOCK_RAW, 89)
	p := make([]byte, 24)
	p[0], p[8], p[9] = 0x45, 7, 89
	binary.BigEndian.PutUint32(p[16:], ipwire.B)
	copy(p[20:], "body")
	if _, err := out.Sendmsg(root, &sock.Msg{Data: p, Name: addr(ipwire.B)}); err != nil {
		t.Fatal(err)
	}
	got, _, err := recv(in, 0)
	if err != nil || got[8] != 7 || binary.BigEndian.Uint32(got[12:]) != ipwire.A || got[3] != 24 || string(got[20:]) != "body" {
		t.Errorf("%x %v", got, err)
	}
	for _, c := range []struct {
		n    int
		want error
	}{{19, errno.EINVAL}, {1501, errno.EMSGSIZE}} {
		if _, err := out.Sendmsg(root, &sock.Msg{Data: make([]byte, c.n), Name: addr(ipwire.B)}); err != c.want {
			t.Errorf("%d bytes: %v, want %v", c.n, err, c.want)
		}
	}
}

func TestICMPFilter(t *testing.T) { // raw(7) ICMP_FILTER
	a, b, _ := ipwire.Pair(t, raw.Pernet())
	out, in := a.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_ICMP), b.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_ICMP)
	set(t, in, uapi.SOL_RAW, 1, 1<<8) // no echo requests
	for _, typ := range []byte{8, 0, 13} {
		if _, err := out.Sendmsg(root, &sock.Msg{Data: []byte{typ, 0, 0, 0, 0, 0, 0, 0}, Name: addr(ipwire.B)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, typ := range []byte{0, 13} {
		if p, _, err := recv(in, 0); err != nil || p[20] != typ {
			t.Errorf("%x %v, want type %d", p, err, typ)
		}
	}
	ospf := a.Socket(t, uapi.SOCK_RAW, 89)
	if err := ospf.Setsockopt(root, uapi.SOL_RAW, 1, make([]byte, 4)); err != errno.EOPNOTSUPP {
		t.Errorf("ICMP_FILTER on another protocol: %v", err)
	}
}

func TestBoundAndConnectedFilter(t *testing.T) {
	a, b, _ := ipwire.Pair(t, raw.Pernet())
	out := a.Socket(t, uapi.SOCK_RAW, 89)
	bound, connected := b.Socket(t, uapi.SOCK_RAW, 89), b.Socket(t, uapi.SOCK_RAW, 89)
	if err := bound.Bind(root, addr(ipwire.Loopback)); err != nil {
		t.Fatal(err)
	}
	if err := connected.Connect(root, addr(ipwire.A)); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: addr(ipwire.B)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := recv(bound, 0); err != errno.EAGAIN {
		t.Errorf("bound elsewhere: %v", err)
	}
	if _, _, err := recv(connected, 0); err != nil {
		t.Errorf("connected to the sender: %v", err)
	}
	if err := a.Socket(t, uapi.SOCK_RAW, 89).Bind(root, addr(0x09090909)); err != errno.EADDRNOTAVAIL {
		t.Errorf("bind to a foreign address: %v", err)
	}
}

func TestRawSeesUDPAndItsErrors(t *testing.T) { // traceroute -I and friends
	a, b, _ := ipwire.Pair(t, udp.Pernet(), raw.Pernet())
	spy := b.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_UDP)
	mine := a.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_UDP)
	set(t, mine, uapi.IPPROTO_IP, uapi.IP_RECVERR, 1)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: inet.Addr{IP: ipwire.B, Port: 9}.Bytes()}); err != nil {
		t.Fatal(err)
	}
	p, _, err := recv(spy, 0)
	if err != nil || len(p) != 29 || binary.BigEndian.Uint16(p[22:]) != 9 {
		t.Errorf("%x %v", p, err)
	}
	got, m, err := recv(mine, uapi.MSG_ERRQUEUE)
	if err != nil || len(got) != 9 || m.OutFlags&uapi.MSG_ERRQUEUE == 0 {
		t.Errorf("error queue: %x %v", got, err)
	}
	if _, _, err := recv(mine, 0); err != errno.EAGAIN {
		t.Errorf("the pending error went with its entry: %v", err)
	}
}

func TestProcFile(t *testing.T) {
	a, _, _ := ipwire.Pair(t, raw.Pernet())
	a.Socket(t, uapi.SOCK_RAW, 89)
	text, _ := procfs.Of(a.Net).Read("raw")
	lines := strings.Split(string(text), "\n")
	if len(lines) != 3 || lines[0] != "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops" ||
		!strings.HasPrefix(lines[1], "  89: 00000000:0059 00000000:0000 07 ") {
		t.Errorf("/proc/net/raw:\n%s", text)
	}
}

package udp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"linen/drivers/net/testlink"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
)

// The two ends of injected packets.
const (
	portPeer = 0x0a050001
	portAddr = 0x0a050002
)

// portHost is a host with the device p0, 10.5.0.2/24, into which frames are
// injected, and with the offloads.
func portHost(t testing.TB, f dev.Features) (*hosts.Host, *testlink.Port) {
	t.Helper()
	h := hosts.New(t).Host("h")
	p, err := testlink.NewPort(h.Namespace(), "p0", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Up("p0"); err != nil {
		t.Fatal(err)
	}
	h.AddrOn("p0", "10.5.0.2/24")
	n := h.Namespace()
	n.Lock()
	defer n.Unlock()
	if err := dev.ChangeFeatures(p.Dev, f, f); err != nil {
		t.Fatal(err)
	}
	return h, p
}

// ipFrame is an Ethernet frame for p with an IPv4 packet.
func ipFrame(p *testlink.Port, id int, proto byte, l4 []byte) []byte {
	f := append(append(bytes.Clone(p.Dev.Addr()), 2, 0, 0, 0, 0, 1), 8, 0)
	return append(append(f, ipHeader(portPeer, portAddr, id, proto, len(l4))...), l4...)
}

func ipHeader(src, dst uint32, id int, proto byte, n int) []byte {
	be := binary.BigEndian
	ip := be.AppendUint16([]byte{0x45, 0}, uint16(20+n))
	ip = append(be.AppendUint16(ip, uint16(id)), 0x40, 0, 64, proto, 0, 0)
	ip = be.AppendUint32(be.AppendUint32(ip, src), dst)
	be.PutUint16(ip[10:], csum.Checksum(ip))
	return ip
}

// datagram is a UDP datagram with its checksum, or without.
func datagram(src, dst uint32, sport, dport int, data []byte, sum bool) []byte {
	be := binary.BigEndian
	u := be.AppendUint16(be.AppendUint16(nil, uint16(sport)), uint16(dport))
	u = append(append(be.AppendUint16(u, uint16(8+len(data))), 0, 0), data...)
	if sum {
		if be.PutUint16(u[6:], csum.Fold(csum.Sum(u, csum.Pseudo4(src, dst, uapi.IPPROTO_UDP, len(u))))); u[6]|u[7] == 0 {
			u[6], u[7] = 0xff, 0xff
		}
	}
	return u
}

func udpFrames(p *testlink.Port, dport int, sizes ...int) (frames [][]byte) {
	for i, n := range sizes {
		frames = append(frames, ipFrame(p, i, uapi.IPPROTO_UDP, datagram(portPeer, portAddr, 5, dport, bytes.Repeat([]byte{byte('a' + i)}, n), true)))
	}
	return frames
}

func TestDatagramsAreMergedForWhoAsks(t *testing.T) { // udp(7) UDP_GRO; spec 1.33, 11.38
	for _, c := range []struct {
		name string
		f    dev.Features
		gro  int
		want string // bytes of each message, with its segment size
	}{
		{"UDP_GRO and GRO", dev.FeatGRO, 1, "[2500/1000 700/0]"},
		{"no UDP_GRO", dev.FeatGRO, 0, "[1000/0 1000/0 500/0 700/0]"},
		{"no GRO", 0, 1, "[1000/0 1000/0 500/0 700/0]"},
		{"merged as for forwarding, cut again for the reader", dev.FeatGRO | dev.FeatGROUDPForward, 0, "[1000/0 1000/0 500/0 700/0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, p := portHost(t, c.f)
			s := on(t, h, 9)
			setInt(t, s, uapi.IPPROTO_UDP, uapi.UDP_GRO, c.gro)
			p.Inject(udpFrames(p, 9, 1000, 1000, 500, 700)...)
			var got []string
			for {
				data, m, err := recv(s, 0)
				if err != nil {
					break
				}
				size := uint32(0)
				if c, _, ok, _ := sock.NextCmsg(m.Control[:m.ControlLen]); ok && c.Level == uapi.IPPROTO_UDP && c.Type == uapi.UDP_GRO {
					size = binary.NativeEndian.Uint32(c.Data)
				}
				got = append(got, fmt.Sprintf("%d/%d", len(data), size))
			}
			if s := fmt.Sprint(got); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}

// TestSegmentLimits holds 6.18's answers, over an MTU of 1500 where the sizes fit.
func TestSegmentLimits(t *testing.T) { // spec 11.38
	a, b := pair(t)
	a.MTU, b.MTU = 65536, 65536
	srv, cli := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9), a.Socket(t, uapi.SOCK_DGRAM, 0)
	setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_RCVBUF, 1<<22)
	for _, c := range []struct {
		size, n int
		want    error
		parts   int
	}{
		{1000, 3000, nil, 3}, {1000, 3001, nil, 4}, {100, 12800, nil, 128}, {100, 12801, errno.EINVAL, 0}, {500, 60000, nil, 120},
		{508, 65024, nil, 128}, {512, 65507, nil, 128}, {65507, 65507, nil, 1}, {1, 128, nil, 128}, {1, 129, errno.EINVAL, 0},
		{0, 3000, nil, 1}, {1000, 0, nil, 1}, {1000, 999, nil, 1}, {1000, 1000, nil, 1}, {2000, 65507, nil, 33},
	} {
		var m sock.Msg
		m.Control = make([]byte, 24)
		var size [2]byte
		binary.NativeEndian.PutUint16(size[:], uint16(c.size))
		m.PutCmsg(uapi.IPPROTO_UDP, uapi.UDP_SEGMENT, size[:])
		_, err := cli.Sendmsg(root, &sock.Msg{Data: make([]byte, c.n), Name: addr(ipwire.B, 9), Control: m.Control[:m.ControlLen]})
		if err != c.want && (err != nil || c.want != nil) {
			t.Errorf("%d of %d: %v, want %v", c.n, c.size, err, c.want)
		}
		parts := 0
		for {
			if _, _, err := recv(srv, 0); err != nil {
				break
			}
			parts++
		}
		if parts != c.parts {
			t.Errorf("%d of %d: %d datagrams, want %d", c.n, c.size, parts, c.parts)
		}
	}
	bad := []byte{20, 0, 0, 0, 0, 0, 0, 0, uapi.IPPROTO_UDP, 0, 0, 0, uapi.UDP_SEGMENT, 0, 0, 0, 5, 0, 0, 0}
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: addr(ipwire.B, 9), Control: bad}); err != errno.EINVAL {
		t.Errorf("a size of 4 bytes: %v", err)
	}
	for v, want := range map[int]error{-1: errno.EINVAL, 0: nil, 1: nil, 65535: nil, 65536: errno.EINVAL} {
		var val [4]byte
		binary.NativeEndian.PutUint32(val[:], uint32(v))
		if err := cli.Setsockopt(root, uapi.IPPROTO_UDP, uapi.UDP_SEGMENT, val[:]); err != want && (err != nil || want != nil) {
			t.Errorf("UDP_SEGMENT %d: %v, want %v", v, err, want)
		}
	}
}

// TestIPChecksum holds what 6.18 tells of datagrams that the device has not
// verified: short ones with a checksum.
func TestIPChecksum(t *testing.T) { // ip(7) IP_CHECKSUM; spec 11.22
	h, p := portHost(t, 0)
	s := on(t, h, 80)
	setInt(t, s, uapi.IPPROTO_IP, uapi.IP_CHECKSUM, 1)
	for _, c := range []struct {
		data []byte
		sum  bool
		want []byte
	}{
		{nil, true, []byte{0xff, 0xff, 0xff, 0xff}},
		{nil, false, nil},
		{[]byte("hello"), true, []byte{0xd7, 'e', 'l', 'l'}},
		{[]byte("hello"), false, nil},
		{make([]byte, 50), true, []byte{0xff, 0xff, 0xff, 0xff}},
		{make([]byte, 200), true, nil},
		{bytes.Repeat([]byte{0xff}, 1000), true, nil},
	} {
		p.Inject(ipFrame(p, 1, uapi.IPPROTO_UDP, datagram(portPeer, portAddr, 5, 80, c.data, c.sum)))
		_, m, err := recv(s, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, _, ok, _ := sock.NextCmsg(m.Control[:m.ControlLen])
		if ok && got.Type != uapi.IP_CHECKSUM || !bytes.Equal(got.Data, c.want) {
			t.Errorf("%d bytes, checksum %v: %+v, want %x", len(c.data), c.sum, got, c.want)
		}
	}
}

// extension is an RFC 4884 structure of objects; fix changes it at the end.
func extension(objects []byte, fix func(p []byte)) []byte {
	p := append([]byte{0x20, 0, 0, 0}, objects...)
	binary.BigEndian.PutUint16(p[2:], csum.Checksum(p))
	if fix != nil {
		fix(p)
	}
	return p
}

// TestRecvErrRFC4884 holds 6.18's ee_rfc4884 of ICMP errors with extensions.
func TestRecvErrRFC4884(t *testing.T) { // RFC 4884; ip(7) IP_RECVERR_RFC4884; spec 11.22
	object := []byte{0, 8, 1, 1, 0, 1, 2, 3}
	long, short := append([]byte{0, 40, 1, 1}, "abcd"...), append([]byte{0, 2, 1, 1}, "abcd"...)
	zero := func(p []byte) { p[2], p[3] = 0, 0 }
	for _, c := range []struct {
		name        string
		opt, typ    int
		orig, words int // bytes of the quoted packet, the length field
		ext         []byte
		data        int
		off, flags  int
	}{
		{"off", 0, 11, 128, 32, extension(object, nil), 112, 0, 0},
		{"none", 1, 11, 128, 0, nil, 100, 0, 0},
		{"there", 1, 11, 128, 32, extension(object, nil), 112, 100, 0},
		{"without a length", 1, 11, 128, 0, extension(object, nil), 112, 0, 0},
		{"past the end", 1, 11, 128, 200, extension(object, nil), 112, 0, 0},
		{"short original", 1, 11, 64, 16, extension(object, nil), 48, 0, 0},
		{"bad checksum", 1, 11, 128, 32, extension(object, func(p []byte) { p[3] ^= 1 }), 112, 100, 1},
		{"no checksum", 1, 11, 128, 32, extension(object, zero), 112, 100, 0},
		{"header only", 1, 11, 128, 32, extension(nil, nil), 104, 100, 0},
		{"two objects", 1, 11, 128, 32, extension(append(bytes.Clone(object), 0, 12, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8), nil), 124, 100, 0},
		{"long object", 1, 11, 128, 32, extension(long, zero), 112, 100, 1},
		{"short object", 1, 11, 128, 32, extension(short, zero), 112, 100, 1},
		{"half a header", 1, 11, 128, 32, []byte{0x20, 0}, 102, 0, 0},
		{"longer original", 1, 11, 140, 35, extension(object, nil), 124, 112, 0},
		{"unreachable", 1, 3, 128, 32, extension(object, nil), 112, 100, 0},
		{"parameter problem", 1, 12, 128, 32, extension(object, nil), 112, 100, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, p := portHost(t, 0)
			s := on(t, h, 5000)
			setInt(t, s, uapi.IPPROTO_IP, uapi.IP_RECVERR, 1)
			setInt(t, s, uapi.IPPROTO_IP, uapi.IP_RECVERR_RFC4884, c.opt)
			l4 := datagram(portAddr, portPeer, 5000, 33434, make([]byte, c.orig-28), true)
			icmp := []byte{byte(c.typ), 0, 0, 0, 0, byte(c.words), 0, 0}
			icmp = append(append(append(icmp, ipHeader(portAddr, portPeer, 1, uapi.IPPROTO_UDP, len(l4))...), l4...), c.ext...)
			binary.BigEndian.PutUint16(icmp[2:], csum.Checksum(icmp))
			p.Inject(ipFrame(p, 1, uapi.IPPROTO_ICMP, icmp))
			data, m, err := recv(s, uapi.MSG_ERRQUEUE)
			if err != nil {
				t.Fatal(err)
			}
			e, _, _, _ := sock.NextCmsg(m.Control[:m.ControlLen])
			if off, flags := int(binary.NativeEndian.Uint16(e.Data[12:])), int(e.Data[14]); len(data) != c.data || off != c.off || flags != c.flags {
				t.Errorf("%d bytes, extensions at %d, flags %d; want %d, %d, %d", len(data), off, flags, c.data, c.off, c.flags)
			}
		})
	}
}

func TestUDPMem(t *testing.T) { // udp(7) udp_mem, udp_rmem_min; spec 11.36
	a, b, _ := hosts.Pair(t)
	if err := b.SetSysctl("net.ipv4.udp_mem", "8 8 16"); err != nil {
		t.Fatal(err)
	}
	hungry, modest, cli := on(t, b, 9), on(t, b, 10), on(t, a, 0)
	for range 100 {
		send(t, cli, sa(b.Addr(), 9), "x")
	}
	count := func(s sock.Socket) (n int) {
		for {
			if _, _, err := recv(s, 0); err != nil {
				return n
			}
			n++
		}
	}
	stat, err := procfs.Of(b.Namespace()).Read("sockstat")
	if err != nil || !bytes.Contains(stat, []byte("UDP: inuse 2 mem 8\n")) {
		t.Errorf("%s %v", stat, err)
	}
	send(t, cli, sa(b.Addr(), 10), "x") // it has less than udp_rmem_min
	const truesize = 832                // of one byte
	if n := count(hungry); n != 8*4096/truesize {
		t.Errorf("%d datagrams in 8 pages", n)
	}
	if n := count(modest); n != 1 {
		t.Errorf("%d datagrams for the socket that has none", n)
	}
	m := mib.Of(b.Namespace()).Read()
	if want := uint64(100 - 8*4096/truesize); m[mib.UDPMemErrors] != want || m[mib.UDPInErrors] != want {
		t.Errorf("MemErrors %d, InErrors %d, want %d", m[mib.UDPMemErrors], m[mib.UDPInErrors], want)
	}
	send(t, cli, sa(b.Addr(), 9), "again")
	want(t, hungry, "again")
}

package packet_test

import (
	"encoding/binary"
	"testing"
	"time"

	"linen/net/dev"
	"linen/net/packet"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

var root = sock.Root()

// wire is a number in network order in a host's integer, as socket(2) takes it.
func wire(v uint16) int {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return int(binary.NativeEndian.Uint16(b[:]))
}

// open makes a packet socket of a host.
func open(t testing.TB, h *hosts.Host, typ int, proto uint16) *packet.Sock {
	t.Helper()
	s, err := sock.Create(root, h.Namespace(), uapi.AF_PACKET, typ, wire(proto))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*packet.Sock)
}

// on is a sockaddr_ll of a device and a protocol.
func on(h *hosts.Host, name string, proto uint16) []byte {
	a := uapi.SockaddrLl{Protocol: proto}
	if name != "" {
		a.Ifindex = int32(dev.ByName(h.Namespace(), name).Ifindex())
	}
	return a.Append(nil)
}

// got is one received frame.
type got struct {
	data []byte
	from uapi.SockaddrLl
	msg  sock.Msg
}

func recv(s *packet.Sock) (got, error) {
	m := sock.Msg{Data: make([]byte, 2000), Name: make([]byte, 20), Control: make([]byte, 200)}
	n, err := s.Recvmsg(root, &m)
	if err != nil {
		return got{}, err
	}
	from, _ := uapi.ParseSockaddrLl(m.Name)
	return got{m.Data[:n], from, m}, nil
}

// drain receives everything.
func drain(s *packet.Sock) (all []got) {
	for {
		g, err := recv(s)
		if err != nil {
			return all
		}
		all = append(all, g)
	}
}

func set(t testing.TB, s *packet.Sock, name int, v uint32) {
	t.Helper()
	if err := s.Setsockopt(root, uapi.SOL_PACKET, name, binary.NativeEndian.AppendUint32(nil, v)); err != nil {
		t.Fatalf("option %d: %v", name, err)
	}
}

func TestTapSeesBothDirections(t *testing.T) { // packet(7): ETH_P_ALL; one EtherType only what is received
	a, b, _ := hosts.Pair(t)
	all, ip := open(t, a, uapi.SOCK_RAW, uapi.ETH_P_ALL), open(t, a, uapi.SOCK_DGRAM, uapi.ETH_P_IP)
	a.MustPing(b.Addr())
	var kinds, protos []int
	for _, g := range drain(all) {
		kinds, protos = append(kinds, int(g.from.Pkttype)), append(protos, int(g.from.Protocol))
		if g.from.Hatype != uapi.ARPHRD_ETHER || g.from.Halen != 6 || len(g.data) < 14 {
			t.Errorf("%+v", g.from)
		}
		if binary.BigEndian.Uint16(g.data[12:]) != g.from.Protocol {
			t.Errorf("a link header with type %x, protocol %x", g.data[12:14], g.from.Protocol)
		}
	}
	// ARP request out, reply in; echo request out, reply in.
	want := []int{uapi.PACKET_OUTGOING, uapi.PACKET_HOST, uapi.PACKET_OUTGOING, uapi.PACKET_HOST}
	for i, k := range want {
		if len(kinds) != len(want) || kinds[i] != k {
			t.Fatalf("kinds %v, want %v; protocols %x", kinds, want, protos)
		}
	}
	packets := drain(ip)
	if len(packets) != 1 || packets[0].data[0]>>4 != 4 || packets[0].from.Pkttype != uapi.PACKET_HOST {
		t.Errorf("SOCK_DGRAM of ETH_P_IP: %d packets", len(packets))
	}
}

func TestFivePacketTypes(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	tap := open(t, b, uapi.SOCK_RAW, uapi.ETH_P_ALL)
	tx := open(t, a, uapi.SOCK_RAW, 0)
	mac := dev.ByName(b.Namespace(), "eth0").Addr()
	for _, c := range []struct {
		dst  []byte
		kind uint8
	}{
		{mac, uapi.PACKET_HOST},
		{[]byte{255, 255, 255, 255, 255, 255}, uapi.PACKET_BROADCAST},
		{[]byte{1, 0, 0x5e, 1, 2, 3}, uapi.PACKET_MULTICAST},
		{[]byte{2, 9, 9, 9, 9, 9}, uapi.PACKET_OTHERHOST},
	} {
		frame := append(append([]byte{}, c.dst...), 2, 1, 1, 1, 1, 1, 0x88, 0xb5, 'h', 'i')
		m := sock.Msg{Data: frame, Name: on(a, "eth0", 0)}
		if n, err := tx.Sendmsg(root, &m); err != nil || n != len(frame) {
			t.Fatal(n, err)
		}
		g, err := recv(tap)
		if err != nil || g.from.Pkttype != c.kind || string(g.data) != string(frame) || g.from.Protocol != 0x88b5 {
			t.Errorf("%x: %+v %v", c.dst, g.from, err)
		}
	}
	own := open(t, b, uapi.SOCK_RAW, uapi.ETH_P_ALL)
	m := sock.Msg{Data: append(mac, make([]byte, 20)...), Name: on(b, "eth0", uapi.ETH_P_IP)}
	if _, err := own.Sendmsg(root, &m); err != nil {
		t.Fatal(err)
	}
	if g, err := recv(tap); err != nil || g.from.Pkttype != uapi.PACKET_OUTGOING {
		t.Errorf("a neighbour's transmission: %+v %v", g.from, err)
	}
	if g := drain(own); len(g) != 0 {
		t.Errorf("a socket sees its own transmission")
	}
}

func TestNeedsCapNetRaw(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	if _, err := sock.Create(&sock.Caller{}, a.Namespace(), uapi.AF_PACKET, uapi.SOCK_RAW, 0); err != errno.EPERM {
		t.Error(err)
	}
	if _, err := sock.Create(root, a.Namespace(), uapi.AF_PACKET, uapi.SOCK_STREAM, 0); err != errno.ESOCKTNOSUPPORT {
		t.Error(err)
	}
}

func TestDeviceDownIsToldOnce(t *testing.T) { // ENETDOWN on read once
	a, b, _ := hosts.Pair(t)
	s := open(t, a, uapi.SOCK_RAW, uapi.ETH_P_ALL)
	if err := s.Bind(root, on(a, "eth0", 0)); err != nil {
		t.Fatal(err)
	}
	if err := a.Down("eth0"); err != nil {
		t.Fatal(err)
	}
	if s.Poll()&uapi.POLLERR == 0 {
		t.Error("no POLLERR")
	}
	for _, want := range []error{errno.ENETDOWN, errno.EAGAIN} {
		if _, err := recv(s); err != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if err := s.Bind(root, on(a, "eth0", uapi.ETH_P_ARP)); err != nil {
		t.Fatal(err)
	}
	if _, err := recv(s); err != errno.ENETDOWN {
		t.Errorf("bound to a device that is down: %v", err)
	}
	if err := a.Up("eth0"); err != nil {
		t.Fatal(err)
	}
	a.Lab.Clock.Settle()
	b.MustPing(a.Addr())
	if len(drain(s)) == 0 {
		t.Error("nothing is received after the device came up again")
	}
}

func TestMembershipsEndWithTheSocket(t *testing.T) { // spec 1.16, 1.19
	a, _, _ := hosts.Pair(t)
	d := dev.ByName(a.Namespace(), "eth0")
	s := open(t, a, uapi.SOCK_RAW, 0)
	mreq := func(typ int, addr ...byte) []byte {
		p := make([]byte, 16)
		binary.NativeEndian.PutUint32(p, uint32(d.Ifindex()))
		binary.NativeEndian.PutUint16(p[4:], uint16(typ))
		binary.NativeEndian.PutUint16(p[6:], uint16(len(addr)))
		copy(p[8:], addr)
		return p
	}
	change := func(name int, p []byte, want error) {
		t.Helper()
		if err := s.Setsockopt(root, uapi.SOL_PACKET, name, p); err != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
	groups := len(d.Multicasts())
	for range 2 { // a second one is counted
		change(uapi.PACKET_ADD_MEMBERSHIP, mreq(uapi.PACKET_MR_PROMISC), nil)
	}
	change(uapi.PACKET_ADD_MEMBERSHIP, mreq(uapi.PACKET_MR_ALLMULTI), nil)
	change(uapi.PACKET_ADD_MEMBERSHIP, mreq(uapi.PACKET_MR_MULTICAST, 1, 0, 0x5e, 9, 9, 9), nil)
	change(uapi.PACKET_ADD_MEMBERSHIP, mreq(uapi.PACKET_MR_MULTICAST, 1, 2), errno.EINVAL)
	change(uapi.PACKET_DROP_MEMBERSHIP, mreq(uapi.PACKET_MR_UNICAST, 2, 2, 2, 2, 2, 2), errno.EADDRNOTAVAIL)
	change(uapi.PACKET_ADD_MEMBERSHIP, mreq(uapi.PACKET_MR_PROMISC)[:15], errno.EINVAL)
	if d.Promiscuity() != 1 || d.AllMulti() != 1 || len(d.Multicasts()) != groups+1 || d.Flags()&uapi.IFF_PROMISC != 0 {
		t.Errorf("promiscuity %d, allmulti %d, %d groups, flags %x", d.Promiscuity(), d.AllMulti(), len(d.Multicasts()), d.Flags())
	}
	change(uapi.PACKET_DROP_MEMBERSHIP, mreq(uapi.PACKET_MR_PROMISC), nil)
	if d.Promiscuity() != 1 {
		t.Error("the first of two drops ends it")
	}
	s.Close()
	if d.Promiscuity() != 0 || d.AllMulti() != 0 || len(d.Multicasts()) != groups {
		t.Errorf("after close: promiscuity %d, allmulti %d, %d groups", d.Promiscuity(), d.AllMulti(), len(d.Multicasts()))
	}
}

func TestReaderThatNeverReads(t *testing.T) { // spec 1.68
	a, b, _ := hosts.Pair(t)
	s := open(t, a, uapi.SOCK_RAW, uapi.ETH_P_ALL)
	if err := s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_RCVBUF, binary.NativeEndian.AppendUint32(nil, 1)); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		a.MustPing(b.Addr())
	}
	var p [8]byte
	stats := func() (packets, drops uint32) {
		if n, err := s.Getsockopt(root, uapi.SOL_PACKET, uapi.PACKET_STATISTICS, p[:]); err != nil || n != 8 {
			t.Fatal(n, err)
		}
		return binary.NativeEndian.Uint32(p[:]), binary.NativeEndian.Uint32(p[4:])
	}
	queued, _ := s.Queued()
	packets, drops := stats()
	if drops == 0 || packets != drops+uint32(queued) || packets != 42 || s.Drops() != drops {
		t.Errorf("%d packets, %d drops, %d queued, SO_MEMINFO says %d", packets, drops, queued, s.Drops())
	}
	if packets, drops := stats(); packets != 0 || drops != 0 {
		t.Error("reading does not reset")
	}
}

func TestAuxData(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	s := open(t, b, uapi.SOCK_RAW, uapi.ETH_P_ALL)
	set(t, s, uapi.PACKET_AUXDATA, 1)
	tx := open(t, a, uapi.SOCK_RAW, 0)
	frame := append([]byte{255, 255, 255, 255, 255, 255, 2, 1, 1, 1, 1, 1, 0x81, 0, 0x20, 7, 0x88, 0xb5}, make([]byte, 30)...)
	if _, err := tx.Sendmsg(root, &sock.Msg{Data: frame, Name: on(a, "eth0", 0)}); err != nil {
		t.Fatal(err)
	}
	g, err := recv(s)
	if err != nil {
		t.Fatal(err)
	}
	c, _, ok, err := sock.NextCmsg(g.msg.Control[:g.msg.ControlLen])
	if !ok || err != nil || c.Level != uapi.SOL_PACKET || c.Type != uapi.PACKET_AUXDATA || len(c.Data) != 20 {
		t.Fatalf("%+v %v", c, err)
	}
	u := func(i int) int { return int(binary.NativeEndian.Uint16(c.Data[i:])) }
	status := u(0)
	if status&(uapi.TP_STATUS_VLAN_VALID|uapi.TP_STATUS_VLAN_TPID_VALID) != uapi.TP_STATUS_VLAN_VALID|uapi.TP_STATUS_VLAN_TPID_VALID || u(16) != 0x2007 || u(18) != 0x8100 {
		t.Errorf("status %x, tag %x of %x", status, u(16), u(18))
	}
	if u(4) != len(frame)-4 || u(8) != len(frame)-4 || u(14) != 14 || len(g.data) != len(frame)-4 {
		t.Errorf("lengths %d, %d, network header %d; %d bytes", u(4), u(8), u(14), len(g.data))
	}
}

func TestSendErrors(t *testing.T) { // as 6.18 does
	a, _, _ := hosts.Pair(t)
	s := open(t, a, uapi.SOCK_RAW, 0)
	eth0 := on(a, "eth0", uapi.ETH_P_IP)
	tagged := make([]byte, 1518)
	tagged[12] = 0x81
	for _, c := range []struct {
		name string
		data []byte
		to   []byte
		want error
	}{
		{"no device", make([]byte, 60), nil, errno.ENXIO},
		{"an address that is cut off", make([]byte, 60), eth0[:19], errno.EINVAL},
		{"another family's", make([]byte, 60), append([]byte{2, 0}, eth0[2:]...), nil},
		{"shorter than a link header", make([]byte, 13), eth0, errno.EINVAL},
		{"a link header alone", make([]byte, 14), eth0, nil},
		{"as long as the MTU allows", make([]byte, 1514), eth0, nil},
		{"longer", make([]byte, 1515), eth0, errno.EMSGSIZE},
		{"a tag may be longer", tagged, eth0, nil},
		{"not as long as that", append(tagged, 0), eth0, errno.EMSGSIZE},
	} {
		if _, err := s.Sendmsg(root, &sock.Msg{Data: c.data, Name: c.to}); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if err := a.Down("eth0"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sendmsg(root, &sock.Msg{Data: make([]byte, 60), Name: eth0}); err != errno.ENETDOWN {
		t.Errorf("a device that is down: %v", err)
	}
}

func TestCookedSend(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	tap := open(t, b, uapi.SOCK_RAW, uapi.ETH_P_ALL)
	s := open(t, a, uapi.SOCK_DGRAM, 0)
	to := uapi.SockaddrLl{Protocol: 0x88b5, Ifindex: int32(dev.ByName(a.Namespace(), "eth0").Ifindex()), Halen: 6, Addr: [32]byte{255, 255, 255, 255, 255, 255}}
	if _, err := s.Sendmsg(root, &sock.Msg{Data: []byte("cooked"), Name: to.Append(nil)}); err != nil {
		t.Fatal(err)
	}
	g, err := recv(tap)
	mac := dev.ByName(a.Namespace(), "eth0").Addr()
	if err != nil || string(g.data[14:]) != "cooked" || string(g.data[6:12]) != string(mac) || g.from.Protocol != 0x88b5 {
		t.Errorf("%x %+v %v", g.data, g.from, err)
	}
}

func TestFilterDecidesAndCuts(t *testing.T) { // spec 1.20 on a packet socket
	a, b, _ := hosts.Pair(t)
	s := open(t, a, uapi.SOCK_RAW, uapi.ETH_P_ALL)
	set(t, s, uapi.PACKET_AUXDATA, 1)
	var prog []byte
	for _, in := range []struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}{{0x28, 0, 0, 12}, {0x15, 0, 1, 0x800}, {6, 0, 0, 20}, {6, 0, 0, 0}} { // ldh [12]; jeq #0x800; ret 20; ret 0
		prog = binary.NativeEndian.AppendUint16(prog, in.code)
		prog = binary.NativeEndian.AppendUint32(append(prog, in.jt, in.jf), in.k)
	}
	if err := s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_ATTACH_FILTER, prog); err != nil {
		t.Fatal(err)
	}
	a.MustPing(b.Addr())
	frames := drain(s)
	if len(frames) != 2 {
		t.Fatalf("%d frames, want the echo request and its reply", len(frames))
	}
	for _, g := range frames {
		c, _, _, _ := sock.NextCmsg(g.msg.Control[:g.msg.ControlLen])
		size := binary.NativeEndian.Uint32(c.Data[4:])
		if len(g.data) != 20 || size <= 20 {
			t.Errorf("%d bytes of %d", len(g.data), size)
		}
	}
}

func TestProcAndNames(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	s := open(t, a, uapi.SOCK_DGRAM, uapi.ETH_P_ARP)
	if err := s.Bind(root, on(a, "eth0", 0)); err != nil {
		t.Fatal(err)
	}
	name, err := s.Getsockname()
	if err != nil || len(name) != 18 || string(name[12:]) != string(dev.ByName(a.Namespace(), "eth0").Addr()) {
		t.Errorf("%x %v", name, err)
	}
	lines := procfsLines(t, a, "packet")
	if len(lines) != 2 || lines[0] != "sk               RefCnt Type Proto  Iface R Rmem   User   Inode" ||
		lines[1][:44] != "0000000000000000 3      2    0806   2     1 " {
		t.Errorf("%q", lines)
	}
	for name, sa := range map[string][]byte{"short": on(a, "", 0)[:19], "family": append([]byte{9, 9}, on(a, "", 0)[2:]...)} {
		if err := s.Bind(root, sa); err != errno.EINVAL {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := uapi.SockaddrLl{Ifindex: 99}
	if err := s.Bind(root, bad.Append(nil)); err != errno.ENODEV {
		t.Error(err)
	}
	if err := s.Connect(root, name); err != errno.EOPNOTSUPP {
		t.Error(err)
	}
	a.Lab.Advance(time.Second)
}

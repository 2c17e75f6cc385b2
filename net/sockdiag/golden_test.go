package sockdiag_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"linen/net/inet"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
)

var root = sock.Root()

// A recorded exchange with Linux 6.18, see testdata/record.py.
type exchange struct {
	name    string
	request []byte
	answers []string // hex, a datagram each
}

func recorded(t *testing.T) (list []exchange) {
	t.Helper()
	f, err := os.Open("testdata/kernel.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<16)
	for s.Scan() {
		name, text, _ := strings.Cut(s.Text(), " ")
		switch name {
		case "#":
		case "<":
			last := &list[len(list)-1]
			last.answers = append(last.answers, text)
		default:
			request, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, exchange{name: name, request: request})
		}
	}
	return list
}

// socket makes a socket of a host that closes with the test.
func socket(t *testing.T, h *hosts.Host, family, typ, protocol int) sock.Socket {
	t.Helper()
	s, err := sock.Create(root, h.Namespace(), family, typ, protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// set sets an option to a number.
func set(t *testing.T, s sock.Socket, level, name, v int) {
	t.Helper()
	if err := s.Setsockopt(root, level, name, binary.NativeEndian.AppendUint32(nil, uint32(v))); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lo is an address of the loopback device.
func lo(port uint16) []byte { return inet.Addr{IP: 0x7f000001, Port: port}.Bytes() }

// open makes the sockets of record.py.
func open(t *testing.T, h *hosts.Host) []sock.Socket {
	t.Helper()
	udp := func() sock.Socket { return socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, 0) }
	a, b, c, unbound := udp(), udp(), udp(), udp()
	must(t, a.Bind(root, lo(5001)))
	set(t, b, uapi.IPPROTO_IP, uapi.IP_TOS, 0x20)
	set(t, b, uapi.SOL_SOCKET, uapi.SO_MARK, 7)
	set(t, b, uapi.SOL_SOCKET, uapi.SO_PRIORITY, 3)
	must(t, b.Bind(root, lo(5002)))
	must(t, b.Connect(root, lo(5001)))
	must(t, c.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_BINDTODEVICE, []byte("lo")))
	set(t, c, uapi.IPPROTO_IP, uapi.IP_FREEBIND, 1)
	set(t, c, uapi.IPPROTO_IP, uapi.IP_RECVERR, 1)
	set(t, c, uapi.IPPROTO_IP, uapi.IP_MULTICAST_LOOP, 0)
	must(t, c.Bind(root, inet.Addr{Port: 5003}.Bytes()))
	d := socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, uapi.IPPROTO_UDPLITE)
	must(t, d.Bind(root, lo(5004)))
	for _, data := range []string{"0123456789", "abc"} {
		if _, err := b.Sendmsg(root, &sock.Msg{Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	return []sock.Socket{a, b, c, unbound, d}
}

// packets makes the AF_PACKET sockets of record.py.
func packets(t *testing.T, h *hosts.Host) {
	t.Helper()
	const solPacket = 263
	bind := func(s sock.Socket, proto uint16) {
		t.Helper()
		sa := make([]byte, 20)
		binary.NativeEndian.PutUint16(sa, uapi.AF_PACKET)
		binary.BigEndian.PutUint16(sa[2:], proto)
		sa[4] = 1 // lo
		must(t, s.Bind(root, sa))
	}
	open := func(typ int, proto uint16) sock.Socket {
		t.Helper()
		return socket(t, h, uapi.AF_PACKET, typ, int(proto>>8|proto<<8))
	}
	a := open(uapi.SOCK_RAW, uapi.ETH_P_IP)
	bind(a, uapi.ETH_P_IP)
	mreq := make([]byte, 16)
	mreq[0], mreq[4] = 1, uapi.PACKET_MR_PROMISC
	must(t, a.Setsockopt(root, solPacket, uapi.PACKET_ADD_MEMBERSHIP, mreq))
	b := open(uapi.SOCK_DGRAM, 0)
	set(t, b, solPacket, uapi.PACKET_AUXDATA, 1)
	c := open(uapi.SOCK_RAW, uapi.ETH_P_ALL)
	bind(c, uapi.ETH_P_ALL)
	set(t, c, solPacket, uapi.PACKET_VERSION, uapi.TPACKET_V3)
	var ring []byte
	for _, v := range []uint32{65536, 2, 2048, 64, 100, 0, 0} {
		ring = binary.NativeEndian.AppendUint32(ring, v)
	}
	must(t, c.Setsockopt(root, solPacket, uapi.PACKET_RX_RING, ring))
	d := open(uapi.SOCK_RAW, uapi.ETH_P_ALL)
	bind(d, uapi.ETH_P_ALL)
	set(t, d, solPacket, uapi.PACKET_FANOUT, 7|1<<16)
}

// ask sends one request and returns the datagrams that come back.
func ask(t *testing.T, h *hosts.Host, who *sock.Caller, request []byte) (answers [][]byte) {
	t.Helper()
	s, err := sock.Create(who, h.Namespace(), uapi.AF_NETLINK, uapi.SOCK_RAW, uapi.NETLINK_SOCK_DIAG)
	must(t, err)
	defer s.Close()
	sa := make([]byte, 12)
	binary.NativeEndian.PutUint16(sa, uapi.AF_NETLINK)
	binary.NativeEndian.PutUint32(sa[4:], 77)
	must(t, s.Bind(who, sa))
	must(t, s.Setsockopt(who, uapi.SOL_NETLINK, uapi.NETLINK_EXT_ACK, []byte{1, 0, 0, 0}))
	if _, err := s.Sendmsg(who, &sock.Msg{Data: request}); err != nil {
		t.Fatal(err)
	}
	for {
		m := sock.Msg{Data: make([]byte, 1<<16)}
		n, err := s.Recvmsg(who, &m)
		if err != nil {
			return answers
		}
		answers = append(answers, m.Data[:n])
	}
}

// mask takes out of an answer what differs from one kernel to the next: inodes,
// cookies, memory, cgroups (there are none here).
func mask(datagram []byte) string {
	var out []string
	for b := datagram; len(b) >= 16; {
		n := min(int(binary.NativeEndian.Uint32(b)), len(b))
		m := append([]byte{}, b[:n]...)
		b = b[min((n+3)&^3, len(b)):]
		if binary.NativeEndian.Uint16(m[4:]) == uapi.SOCK_DIAG_BY_FAMILY {
			m = maskSocket(m)
		}
		out = append(out, hex.EncodeToString(m))
	}
	if len(datagram) > 16 && datagram[16] == uapi.AF_NETLINK {
		slices.Sort(out) // the kernel's order is that of a hash table with a secret
	}
	return strings.Join(out, " ")
}

// maskSocket masks one socket.
func maskSocket(m []byte) []byte {
	head := 16 + 28
	switch m[16] {
	case uapi.AF_PACKET:
		clear(m[20:32]) // inode, cookie
		return m
	case uapi.AF_NETLINK:
		clear(m[32:44]) // inode, cookie
	default:
		head = 16 + uapi.SizeofInetDiagMsg
		clear(m[16+44 : 16+52]) // cookie
		clear(m[16+68 : 16+72]) // inode
	}
	out := append([]byte{}, m[:head]...)
	for a := m[head:]; len(a) >= 4; {
		size, typ := int(binary.NativeEndian.Uint16(a)), binary.NativeEndian.Uint16(a[2:])
		step := min((size+3)&^3, len(a))
		switch attr := a[:step]; {
		case m[16] == uapi.AF_NETLINK && typ == uapi.NETLINK_DIAG_MEMINFO:
			clear(attr[4:8])
			out = append(out, attr...)
		case m[16] != uapi.AF_NETLINK && typ == uapi.INET_DIAG_CGROUP_ID:
		case m[16] != uapi.AF_NETLINK && typ == uapi.INET_DIAG_MEMINFO:
			clear(attr[12:16]) // forward allocation
			out = append(out, attr...)
		case m[16] != uapi.AF_NETLINK && typ == uapi.INET_DIAG_SKMEMINFO:
			clear(attr[20:24])
			out = append(out, attr...)
		default:
			out = append(out, attr...)
		}
		a = a[step:]
	}
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	return out
}

// TestAnswersAsLinux asks what record.py asked Linux 6.18 of the same sockets:
// dumps, extensions, filters, lookups, errors, SOCK_DESTROY.
func TestAnswersAsLinux(t *testing.T) {
	l := hosts.New(t)
	h := l.Host("a")
	keep := open(t, h)
	_, err := sock.Create(root, h.Namespace(), uapi.AF_INET, uapi.SOCK_STREAM, 0)
	tcp := err == nil
	for _, e := range recorded(t) {
		if !tcp && (strings.HasSuffix(e.name, "tcp") || e.name == "old-get") {
			t.Logf("%s: there is no TCP", e.name)
			continue
		}
		if e.name == "packet-show-0" {
			packets(t, h)
		}
		got := ask(t, h, root, e.request)
		for i := range max(len(got), len(e.answers)) {
			var g, w string
			if i < len(got) {
				g = mask(got[i])
			}
			if i < len(e.answers) {
				b, err := hex.DecodeString(e.answers[i])
				must(t, err)
				w = mask(b)
			}
			if g != w {
				t.Errorf("%s, datagram %d:\nlinen %s\nlinux %s", e.name, i, g, w)
			}
		}
	}
	// What was destroyed tells its user once; what waited in the queue stays.
	var got []string
	for _, i := range []int{0, 0, 2, 4} {
		_, err := keep[i].Recvmsg(root, &sock.Msg{Data: make([]byte, 100)})
		if err == nil {
			got = append(got, "data")
		} else {
			got = append(got, err.Error())
		}
	}
	want := "software caused connection abort, data, software caused connection abort, resource temporarily unavailable"
	if s := strings.ToLower(strings.Join(got, ", ")); s != want {
		t.Errorf("after SOCK_DESTROY: %s", s)
	}
}

package mroute_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"linen/net/dev"
	"linen/net/inet"
	"linen/net/mroute"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

var root = sock.Root()

// group is 239.1.2.3.
var group = [4]byte{239, 1, 2, 3}

// world is a router between two hosts, and its daemon's socket.
type world struct {
	t       *testing.T
	a, r, b *hosts.Host
	s       sock.Socket
}

func newWorld(t *testing.T) *world {
	a, r, b := hosts.Routed(t)
	w := &world{t: t, a: a, r: r, b: b}
	w.s = w.socket(r, uapi.SOCK_RAW, uapi.IPPROTO_IGMP)
	return w
}

func (w *world) socket(h *hosts.Host, typ, protocol int) sock.Socket {
	w.t.Helper()
	s, err := sock.Create(root, h.Namespace(), uapi.AF_INET, typ, protocol)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	return s
}

func (w *world) want(err error, s sock.Socket, option int, val []byte) {
	w.t.Helper()
	if got := s.Setsockopt(root, uapi.IPPROTO_IP, option, val); got != err {
		w.t.Errorf("option %d: %v, not %v", option, got, err)
	}
}

func number(v int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(v)) }

func (w *world) vif(i int, name string) []byte {
	v := uapi.Vifctl{Vifi: uint16(i), Flags: uapi.VIFF_USE_IFINDEX, Threshold: 1}
	if d := dev.ByName(w.r.Namespace(), name); d != nil {
		v.SetIndex(d.Ifindex())
	} else {
		v.SetIndex(99)
	}
	return v.Append(nil)
}

func entry(origin, group [4]byte, parent int, ttls ...uint8) []byte {
	m := uapi.Mfcctl{Origin: origin, Group: group, Parent: uint16(parent)}
	copy(m.TTLs[:], ttls)
	return m.Append(nil)
}

// up makes the socket the daemon's, with VIF 0 towards a and 1 towards b.
func (w *world) up() {
	w.want(nil, w.s, uapi.MRT_INIT, number(1))
	w.want(nil, w.s, uapi.MRT_ADD_VIF, w.vif(0, "eth0"))
	w.want(nil, w.s, uapi.MRT_ADD_VIF, w.vif(1, "eth1"))
}

// join returns a UDP socket of b in the group.
func (w *world) join(h *hosts.Host) sock.Socket {
	s := w.socket(h, uapi.SOCK_DGRAM, 0)
	if err := s.Bind(root, inet.Addr{Port: 5000}.Bytes()); err != nil {
		w.t.Fatal(err)
	}
	m := uapi.IPMreqn{Multiaddr: group, Ifindex: int32(dev.ByName(h.Namespace(), "eth0").Ifindex())}
	if err := s.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_ADD_MEMBERSHIP, m.Append(nil)); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// send has a send n datagrams to the group with a TTL.
func (w *world) send(n, ttl int) {
	w.t.Helper()
	s := w.socket(w.a, uapi.SOCK_DGRAM, 0)
	w.want(nil, s, uapi.IP_MULTICAST_TTL, number(ttl))
	for i := range n {
		to := inet.Addr{IP: binary.BigEndian.Uint32(group[:]), Port: 5000}
		if _, err := s.Sendmsg(root, &sock.Msg{Data: []byte{byte('0' + i)}, Name: to.Bytes()}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// heard returns what a socket has received, a line each.
func heard(s sock.Socket) (list []string) {
	for {
		m := &sock.Msg{Data: make([]byte, 2000), Flags: uapi.MSG_DONTWAIT}
		n, err := s.Recvmsg(root, m)
		if err != nil {
			return list
		}
		list = append(list, string(m.Data[:n]))
	}
}

func (w *world) proc(name string) string {
	w.t.Helper()
	b, err := procfs.Of(w.r.Namespace()).Read(name)
	if err != nil {
		w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n")
	return rest
}

func (w *world) origin() [4]byte { return w.a.Addr().As4() }

// TestOptionErrors: errors as a 6.18 kernel gives them.
func TestOptionErrors(t *testing.T) {
	w := newWorld(t)
	udp, second := w.socket(w.r, uapi.SOCK_DGRAM, 0), w.socket(w.r, uapi.SOCK_RAW, uapi.IPPROTO_IGMP)
	o := w.origin()
	w.want(errno.EOPNOTSUPP, udp, uapi.MRT_INIT, number(1))
	w.want(errno.EOPNOTSUPP, w.socket(w.r, uapi.SOCK_RAW, 1), uapi.MRT_ADD_VIF, number(1))
	w.want(errno.EACCES, w.s, uapi.MRT_DONE, number(1))
	w.want(errno.EINVAL, w.s, uapi.MRT_INIT, []byte{1, 0, 0})
	w.want(errno.EINVAL, w.s, uapi.MRT_TABLE, number(-1))
	w.up()
	for _, c := range []struct {
		name   string
		s      sock.Socket
		option int
		val    []byte
		want   error
	}{
		{"a second daemon", second, uapi.MRT_INIT, number(1), errno.EADDRINUSE},
		{"the first again", w.s, uapi.MRT_INIT, number(1), errno.EADDRINUSE},
		{"done by another", second, uapi.MRT_DONE, nil, errno.EACCES},
		{"table after init", w.s, uapi.MRT_TABLE, number(5), errno.EBUSY},
		{"short vifctl", w.s, uapi.MRT_ADD_VIF, w.vif(2, "eth0")[:15], errno.EINVAL},
		{"used VIF", w.s, uapi.MRT_ADD_VIF, w.vif(0, "eth0"), errno.EADDRINUSE},
		{"VIF 32", w.s, uapi.MRT_ADD_VIF, w.vif(32, "eth0"), errno.ENFILE},
		{"no device", w.s, uapi.MRT_ADD_VIF, w.vif(2, "eth9"), errno.EADDRNOTAVAIL},
		{"tunnel", w.s, uapi.MRT_ADD_VIF, (&uapi.Vifctl{Vifi: 2, Flags: uapi.VIFF_TUNNEL}).Append(nil), errno.ENOBUFS},
		{"source route", w.s, uapi.MRT_ADD_VIF, (&uapi.Vifctl{Vifi: 2, Flags: uapi.VIFF_SRCRT}).Append(nil), errno.EINVAL},
		{"no VIF to remove", w.s, uapi.MRT_DEL_VIF, w.vif(9, ""), errno.EADDRNOTAVAIL},
		{"short mfcctl", w.s, uapi.MRT_ADD_MFC, entry(o, group, 0)[:59], errno.EINVAL},
		{"no group", w.s, uapi.MRT_ADD_MFC, entry(o, o, 0), errno.EINVAL},
		{"parent 32", w.s, uapi.MRT_ADD_MFC, entry(o, group, 32), errno.ENFILE},
		{"no entry", w.s, uapi.MRT_DEL_MFC, entry(o, group, 0), errno.ENOENT},
		{"version", w.s, uapi.MRT_VERSION, number(1), errno.ENOPROTOOPT},
	} {
		t.Run(c.name, func(t *testing.T) { (&world{t: t}).want(c.want, c.s, c.option, c.val) })
	}
	if err := second.Setsockopt(&sock.Caller{}, uapi.IPPROTO_IP, uapi.MRT_ASSERT, number(1)); err != errno.EACCES {
		t.Errorf("without CAP_NET_ADMIN: %v", err)
	}
	val := make([]byte, 4)
	if n, err := w.s.Getsockopt(root, uapi.IPPROTO_IP, uapi.MRT_VERSION, val); n != 4 || err != nil || val[0] != 5 || val[1] != 3 {
		t.Errorf("version: % x, %d, %v", val, n, err)
	}
}

// TestForwarding: an entry, TTL thresholds, counters, and the end of the socket
// that takes all back.
func TestForwarding(t *testing.T) {
	w := newWorld(t)
	w.up()
	in := w.join(w.b)
	w.want(nil, w.s, uapi.MRT_ADD_MFC, entry(w.origin(), group, 0, 0, 4))
	w.send(2, 4)
	w.send(3, 5)
	if got := strings.Join(heard(in), ""); got != "012" {
		t.Errorf("b heard %q: a TTL of 4 is not above the threshold", got)
	}
	if got := w.proc("ip_mr_cache"); !strings.HasPrefix(got, "030201EF ") || !strings.Contains(got, " 0          5      145        0  1:4") {
		t.Errorf("ip_mr_cache: %s", got)
	}
	if got := w.proc("ip_mr_vif"); !strings.Contains(got, " 0 eth0            145       5         0       0 00008") ||
		!strings.Contains(got, " 1 eth1              0       0        87       3 00008") {
		t.Errorf("ip_mr_vif:\n%s", got)
	}
	arg := make([]byte, uapi.SizeofSiocSgReq)
	o := w.origin()
	copy(arg, o[:])
	copy(arg[4:], group[:])
	if err := w.s.Ioctl(root, uapi.SIOCGETSGCNT, arg); err != nil || arg[8] != 5 || arg[16] != 145 {
		t.Errorf("SIOCGETSGCNT: %v % x", err, arg)
	}
	arg = make([]byte, uapi.SizeofSiocVifReq)
	arg[0] = 1
	if err := w.s.Ioctl(root, uapi.SIOCGETVIFCNT, arg); err != nil || arg[16] != 3 || arg[32] != 87 {
		t.Errorf("SIOCGETVIFCNT: %v % x", err, arg)
	}
	w.s.Close()
	if got := w.proc("ip_mr_cache") + w.proc("ip_mr_vif"); got != "" {
		t.Errorf("after the end: %s", got)
	}
	w.send(1, 9)
	if got := heard(in); len(got) != 0 {
		t.Errorf("forwarded after the end: %q", got)
	}
}

// TestUnresolved: the daemon is asked once, four packets wait for its answer,
// and ten seconds at most.
func TestUnresolved(t *testing.T) {
	w := newWorld(t)
	w.up()
	in := w.join(w.b)
	heard(w.s) // b's report
	w.send(6, 9)
	calls := heard(w.s)
	if len(calls) != 1 || len(calls[0]) != 28 || calls[0][8:12] != "\x01\x00\x00\x00" || calls[0][16:20] != string(group[:]) || calls[0][20] != 1 {
		t.Fatalf("upcalls: %q", calls)
	}
	if got := w.proc("ip_mr_cache"); !strings.Contains(got, " -1         0        0        0\n") {
		t.Errorf("ip_mr_cache: %s", got)
	}
	w.want(nil, w.s, uapi.MRT_ADD_MFC, entry(w.origin(), group, 0, 0, 1))
	w.a.Lab.Advance(time.Millisecond)
	if got := strings.Join(heard(in), ""); got != "0123" {
		t.Errorf("resolved: %q", got)
	}
	w.want(nil, w.s, uapi.MRT_DEL_MFC, entry(w.origin(), group, 0))
	w.send(1, 9)
	w.a.Lab.Advance(10 * time.Second)
	if got := w.proc("ip_mr_cache"); got != "" {
		t.Errorf("after 10 s: %s", got)
	}
	if w.send(1, 9); len(heard(w.s)) != 2 {
		t.Error("no new upcall after that")
	}
}

// TestWrongVif: with MRT_ASSERT the daemon hears of packets by the wrong VIF,
// once in three seconds; MRT_PIM with IGMPMSG_WRVIFWHOLE shows them whole.
func TestWrongVif(t *testing.T) {
	w := newWorld(t)
	w.up()
	w.want(nil, w.s, uapi.MRT_ADD_MFC, entry(w.origin(), group, 1, 1, 1))
	w.send(3, 9)
	if got := heard(w.s); len(got) != 0 {
		t.Errorf("without MRT_ASSERT: %q", got)
	}
	w.want(nil, w.s, uapi.MRT_PIM, number(uapi.IGMPMSG_WRVIFWHOLE))
	w.send(3, 9)
	got := heard(w.s)
	if len(got) != 2 || got[0][8] != uapi.IGMPMSG_WRONGVIF || got[1][8] != uapi.IGMPMSG_WRVIFWHOLE || len(got[1]) != 20+29 {
		t.Errorf("upcalls: %q", got)
	}
	if s := w.proc("ip_mr_cache"); !strings.Contains(s, " 1          6      174        6  0:1    1:1") {
		t.Errorf("ip_mr_cache: %s", s)
	}
	w.a.Lab.Advance(3100 * time.Millisecond)
	if w.send(3, 9); len(heard(w.s)) != 2 {
		t.Error("not after three seconds")
	}
}

// TestWildcards: (*,G) and (*,*) serve where no (S,G) is, for packets by a VIF
// that they name.
func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		name   string
		group  [4]byte
		parent int
	}{{"from upstream, (*,G)", group, 0}, {"from below, (*,*)", [4]byte{}, 1}} {
		g, parent := c.group, c.parent
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.up()
			in := w.join(w.b)
			w.want(nil, w.s, uapi.MRT_ADD_MFC_PROXY, entry([4]byte{}, g, parent, 1, 1))
			if w.send(1, 9); len(heard(in)) != 1 {
				t.Error("not forwarded")
			}
			w.want(errno.ENOENT, w.s, uapi.MRT_DEL_MFC_PROXY, entry([4]byte{}, g, 7))
			w.want(nil, w.s, uapi.MRT_DEL_MFC_PROXY, entry([4]byte{}, g, parent))
		})
	}
}

// TestRegisterDevice: what an entry sends by the register VIF the daemon gets
// whole; what comes in a register message comes in by pimreg.
func TestRegisterDevice(t *testing.T) {
	w := newWorld(t)
	w.up()
	w.want(nil, w.s, uapi.MRT_PIM, number(1))
	reg := uapi.Vifctl{Vifi: 2, Flags: uapi.VIFF_REGISTER, Threshold: 1}
	w.want(nil, w.s, uapi.MRT_ADD_VIF, reg.Append(nil))
	w.want(nil, w.s, uapi.MRT_ADD_MFC, entry(w.origin(), group, 0, 0, 0, 1))
	w.send(1, 9)
	got := heard(w.s)
	if len(got) != 1 || got[0][8:11] != "\x03\x00\x02" || len(got[0]) != 20+29 || got[0][20+8] != 9 {
		t.Fatalf("upcalls: %q", got)
	}
	in := w.join(w.b)
	w.want(nil, w.s, uapi.MRT_ADD_MFC, entry(w.origin(), group, 2, 0, 1))
	pim := w.socket(w.a, uapi.SOCK_RAW, uapi.IPPROTO_PIM)
	msg := append([]byte{0x21, 0, 0xde, 0xff, 0, 0, 0, 0}, got[0][20:]...)
	a4 := w.r.Addr().As4()
	to := inet.Addr{IP: binary.BigEndian.Uint32(a4[:])}
	if _, err := pim.Sendmsg(root, &sock.Msg{Data: msg, Name: to.Bytes()}); err != nil {
		t.Fatal(err)
	}
	w.a.Lab.Advance(time.Millisecond)
	if got := strings.Join(heard(in), ""); got != "0" {
		t.Errorf("from the register message b heard %q", got)
	}
	w.want(nil, w.s, uapi.MRT_DEL_VIF, reg.Append(nil))
	if dev.ByName(w.r.Namespace(), "pimreg") != nil {
		t.Error("pimreg stays")
	}
}

// FuzzOptions: whatever a daemon says, nothing breaks, and its end leaves
// nothing.
func FuzzOptions(f *testing.F) {
	f.Add(uint8(2), (&uapi.Vifctl{Vifi: 1, Flags: 4}).Append(nil))
	f.Add(uint8(4), entry([4]byte{10, 0, 0, 1}, group, 1, 1, 2))
	f.Add(uint8(10), entry([4]byte{}, [4]byte{}, 1, 1, 255))
	f.Add(uint8(12), number(15))
	f.Add(uint8(9), number(7))
	lab := hosts.New(f)
	n := lab.Router("r").Namespace()
	f.Fuzz(func(t *testing.T, option uint8, val []byte) {
		if int(option)%16 == uapi.MRT_TABLE-uapi.MRT_BASE {
			return // tables stay with their namespace
		}
		s, err := sock.Create(root, n, uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_IGMP)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []int{uapi.MRT_INIT, uapi.MRT_BASE + int(option)%16, uapi.MRT_BASE + int(option)/16} {
			v := val
			if o == uapi.MRT_INIT {
				v = number(1)
			}
			if o != uapi.MRT_TABLE {
				s.Setsockopt(root, uapi.IPPROTO_IP, o, v)
			}
		}
		s.Ioctl(root, uapi.SIOCGETVIFCNT, val)
		s.Ioctl(root, uapi.SIOCGETSGCNT, val)
		s.Close()
		if mroute.Of(n) == nil {
			t.Fatal("no multicast routing")
		}
	})
}

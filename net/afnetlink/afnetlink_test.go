package afnetlink_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"linen/kern"
	"linen/net/afnetlink"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

func newNet(t *testing.T, k *kern.Kernel) *netns.Net {
	t.Helper()
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(), sock.Pernet(), afnetlink.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func newKernel(t *testing.T) *kern.Kernel {
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	t.Cleanup(k.Close)
	return k
}

func create(t *testing.T, n *netns.Net, who *sock.Caller, protocol int) sock.Socket {
	t.Helper()
	s, err := sock.Create(who, n, uapi.AF_NETLINK, uapi.SOCK_RAW, protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func addr(port, groups uint32) []byte {
	sa := make([]byte, 12)
	binary.NativeEndian.PutUint16(sa, uapi.AF_NETLINK)
	binary.NativeEndian.PutUint32(sa[4:], port)
	binary.NativeEndian.PutUint32(sa[8:], groups)
	return sa
}

func TestCreate(t *testing.T) {
	n := newNet(t, newKernel(t))
	for _, c := range []struct {
		typ, proto int
		want       error
	}{
		{uapi.SOCK_RAW, uapi.NETLINK_ROUTE, nil},
		{uapi.SOCK_DGRAM, uapi.NETLINK_USERSOCK, nil},
		{uapi.SOCK_STREAM, uapi.NETLINK_ROUTE, errno.ESOCKTNOSUPPORT},
		{uapi.SOCK_RAW, uapi.NETLINK_CRYPTO, errno.EPROTONOSUPPORT},
		{uapi.SOCK_RAW, 99, errno.EPROTONOSUPPORT},
		{uapi.SOCK_RAW, -1, errno.EPROTONOSUPPORT},
	} {
		s, err := sock.Create(sock.Root(), n, uapi.AF_NETLINK, c.typ, c.proto)
		if err != c.want {
			t.Errorf("type %d protocol %d: %v, want %v", c.typ, c.proto, err, c.want)
		}
		if s != nil {
			s.Close()
		}
	}
}

func TestPortIDs(t *testing.T) {
	n := newNet(t, newKernel(t))
	who := &sock.Caller{PID: 4711}
	a, b, c := create(t, n, who, 0), create(t, n, who, 0), create(t, n, who, 0)
	if err := a.Bind(who, addr(0, 0)); err != nil {
		t.Fatal(err)
	}
	// The second is bound by its first send; its id is of the upper half.
	if _, err := b.Sendmsg(who, &sock.Msg{Data: make([]byte, 16)}); err != nil {
		t.Fatal(err)
	}
	an, _ := a.Getsockname()
	bn, _ := b.Getsockname()
	if id := binary.NativeEndian.Uint32(an[4:]); id != 4711 {
		t.Errorf("first port %d, want the process's id", id)
	}
	if id := int32(binary.NativeEndian.Uint32(bn[4:])); id > -4096 {
		t.Errorf("second port %d, want one below -4096", id)
	}
	for _, e := range []struct {
		name string
		sa   []byte
		want error
	}{
		{"in use", addr(4711, 0), errno.EADDRINUSE},
		{"short", addr(1, 0)[:11], errno.EINVAL},
		{"other family", make([]byte, 12), errno.EINVAL},
		{"free", addr(77, 0), nil},
		{"the same again", addr(77, 0), nil},
		{"another when bound", addr(78, 0), errno.EINVAL},
	} {
		if err := c.Bind(who, e.sa); err != e.want {
			t.Errorf("%s: %v, want %v", e.name, err, e.want)
		}
	}
}

func TestOptions(t *testing.T) {
	n := newNet(t, newKernel(t))
	root := sock.Root()
	s := create(t, n, root, uapi.NETLINK_ROUTE)
	one := []byte{1, 0, 0, 0}
	for name := 1; name <= 13; name++ {
		val := make([]byte, 4)
		_, err := s.Getsockopt(root, uapi.SOL_NETLINK, name, val)
		readable := name >= 3 && name <= 12 && name != 6 && name != 7
		if readable != (err == nil) || !readable && err != errno.ENOPROTOOPT {
			t.Errorf("option %d: read: %v", name, err)
		}
		if readable && name != uapi.NETLINK_LIST_MEMBERSHIPS && val[0] != 0 {
			t.Errorf("option %d is %d at first", name, val[0])
		}
		if !readable || name == uapi.NETLINK_LIST_MEMBERSHIPS {
			continue
		}
		if err := s.Setsockopt(root, uapi.SOL_NETLINK, name, one); err != nil {
			t.Errorf("option %d: set: %v", name, err)
		}
		if s.Getsockopt(root, uapi.SOL_NETLINK, name, val); val[0] != 1 {
			t.Errorf("option %d was not set", name)
		}
	}
	for group, want := range map[byte]error{0: errno.EINVAL, 1: nil, 39: nil, 40: errno.EINVAL, 100: errno.EINVAL} {
		if err := s.Setsockopt(root, uapi.SOL_NETLINK, uapi.NETLINK_ADD_MEMBERSHIP, []byte{group, 0, 0, 0}); err != want {
			t.Errorf("join %d: %v, want %v", group, err, want)
		}
	}
	nobody := &sock.Caller{PID: 2}
	for group, want := range map[byte]error{1: nil, uapi.RTNLGRP_IPV4_MROUTE_R: errno.EPERM, uapi.RTNLGRP_IPV6_ACADDR: nil} {
		other := create(t, n, nobody, uapi.NETLINK_ROUTE)
		if err := other.Setsockopt(nobody, uapi.SOL_NETLINK, uapi.NETLINK_ADD_MEMBERSHIP, []byte{group, 0, 0, 0}); err != want {
			t.Errorf("nobody joins %d: %v, want %v", group, err, want)
		}
	}
	val := make([]byte, 16)
	size, err := s.Getsockopt(root, uapi.SOL_NETLINK, uapi.NETLINK_LIST_MEMBERSHIPS, val)
	if want := []byte{1, 0, 0, 0, 1 << 6, 0, 0, 0}; err != nil || !slices.Equal(val[:size], want) {
		t.Errorf("memberships %v (%d, %v), want %v", val, size, err, want)
	}
	if err := s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_RCVBUF, []byte{0, 16, 0, 0}); err != nil {
		t.Error(err)
	}
}

func TestTruncationAndPeek(t *testing.T) {
	n := newNet(t, newKernel(t))
	root := sock.Root()
	s := create(t, n, root, uapi.NETLINK_ROUTE)
	req := make([]byte, 16) // NOOP with ACK: answered by 36 bytes
	netlink.Header{Len: 16, Type: uapi.NLMSG_NOOP, Flags: uapi.NLM_F_ACK}.Put(req)
	if _, err := s.Sendmsg(root, &sock.Msg{Data: req}); err != nil {
		t.Fatal(err)
	}
	if s.Poll()&uapi.POLLIN == 0 {
		t.Error("not readable")
	}
	m := sock.Msg{Name: make([]byte, 16), Flags: uapi.MSG_PEEK | uapi.MSG_TRUNC}
	if got, err := s.Recvmsg(root, &m); got != 36 || err != nil || m.OutFlags&uapi.MSG_TRUNC == 0 || m.NameLen != 12 {
		t.Errorf("peek: %d, %v, flags %#x, name %d", got, err, m.OutFlags, m.NameLen)
	}
	m = sock.Msg{Data: make([]byte, 20)}
	if got, err := s.Recvmsg(root, &m); got != 20 || err != nil || m.OutFlags&uapi.MSG_TRUNC == 0 {
		t.Errorf("short: %d, %v, flags %#x", got, err, m.OutFlags)
	}
	if _, err := s.Recvmsg(root, &m); err != errno.EAGAIN {
		t.Errorf("empty: %v", err)
	}
}

func TestUserToUser(t *testing.T) {
	n := newNet(t, newKernel(t))
	root, nobody := sock.Root(), &sock.Caller{PID: 3, UID: 7, GID: 8}
	a, b := create(t, n, root, uapi.NETLINK_USERSOCK), create(t, n, nobody, uapi.NETLINK_USERSOCK)
	a.Bind(root, addr(1, 1<<4))
	b.Bind(nobody, addr(2, 0))
	a.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_PASSCRED, []byte{1, 0, 0, 0})
	a.Setsockopt(root, uapi.SOL_NETLINK, uapi.NETLINK_PKTINFO, []byte{1, 0, 0, 0})
	if _, err := b.Sendmsg(nobody, &sock.Msg{Data: []byte("x"), Name: addr(9, 0)}); err != errno.ECONNREFUSED {
		t.Errorf("nobody's port: %v", err)
	}
	if _, err := b.Sendmsg(nobody, &sock.Msg{Data: []byte("x")}); err != errno.ECONNREFUSED {
		t.Errorf("the kernel of a protocol without: %v", err)
	}
	if err := b.Connect(nobody, addr(1, 0)); err != nil {
		t.Fatal(err)
	}
	for _, to := range [][]byte{nil, addr(0, 1<<4)} {
		if _, err := b.Sendmsg(nobody, &sock.Msg{Data: []byte("hello"), Name: to}); err != nil {
			t.Fatal(err)
		}
		m := sock.Msg{Data: make([]byte, 9), Name: make([]byte, 12), Control: make([]byte, 128)}
		got, err := a.Recvmsg(root, &m)
		if err != nil || string(m.Data[:got]) != "hello" || binary.NativeEndian.Uint32(m.Name[4:]) != 2 {
			t.Errorf("got %q from %v, %v", m.Data[:max(got, 0)], m.Name, err)
		}
		group, rest, _, _ := sock.NextCmsg(m.Control[:m.ControlLen])
		cred, _, _, _ := sock.NextCmsg(rest)
		want := map[bool]byte{true: 0, false: 5}[to == nil]
		if group.Type != uapi.NETLINK_PKTINFO || group.Data[0] != want {
			t.Errorf("group %+v, want %d", group, want)
		}
		if cred.Type != uapi.SCM_CREDENTIALS || !slices.Equal(cred.Data[:12], []byte{3, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0}) {
			t.Errorf("credentials %+v", cred)
		}
	}
	// rtnetlink lets only CAP_NET_ADMIN talk to others.
	r := create(t, n, nobody, uapi.NETLINK_ROUTE)
	if _, err := r.Sendmsg(nobody, &sock.Msg{Data: make([]byte, 16), Name: addr(0, 1)}); err != errno.EPERM {
		t.Errorf("to a group of rtnetlink: %v", err)
	}
}

func TestListenAllNSID(t *testing.T) {
	k := newKernel(t)
	here, there := newNet(t, k), newNet(t, k)
	here.SetPeerID(there, 5)
	root := sock.Root()
	s := create(t, here, root, uapi.NETLINK_ROUTE)
	s.Setsockopt(root, uapi.SOL_NETLINK, uapi.NETLINK_ADD_MEMBERSHIP, []byte{uapi.RTNLGRP_LINK, 0, 0, 0})
	s.Setsockopt(root, uapi.SOL_NETLINK, uapi.NETLINK_LISTEN_ALL_NSID, []byte{1, 0, 0, 0})
	rtnl.Notify(there, uapi.RTNLGRP_LINK, netlink.NewMsg(uapi.RTM_NEWLINK, 0), nil)
	m := sock.Msg{Data: make([]byte, 64), Control: make([]byte, 64)}
	if _, err := s.Recvmsg(root, &m); err != nil {
		t.Fatal(err)
	}
	c, _, ok, _ := sock.NextCmsg(m.Control[:m.ControlLen])
	if !ok || c.Type != uapi.NETLINK_LISTEN_ALL_NSID || c.Data[0] != 5 {
		t.Errorf("control %+v, want nsid 5", c)
	}
	rtnl.Notify(here, uapi.RTNLGRP_LINK, netlink.NewMsg(uapi.RTM_NEWLINK, 0), nil)
	if s.Recvmsg(root, &m); m.ControlLen != 0 {
		t.Error("a message of the own namespace has an nsid")
	}
}

func TestProcNetNetlink(t *testing.T) {
	n := newNet(t, newKernel(t))
	s := create(t, n, sock.Root(), uapi.NETLINK_ROUTE)
	s.Bind(sock.Root(), addr(1234, 3))
	text, err := procfs.Of(n).Read("netlink")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[2], " 0   1234       00000003 0        0        0     2        0 ") {
		t.Errorf("%s", text)
	}
}

func TestProcCountsSockets(t *testing.T) { // /proc/net/protocols and sockstat of 6.18
	n := newNet(t, newKernel(t))
	create(t, n, sock.Root(), uapi.NETLINK_ROUTE)
	protocols, _ := procfs.Of(n).Read("protocols")
	want := "NETLINK   1096      1      -1   NI       0   no   kernel      n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n\n"
	if !strings.Contains(string(protocols), want) {
		t.Errorf("/proc/net/protocols lacks %q:\n%s", want, protocols)
	}
	if text, _ := procfs.Of(n).Read("sockstat"); !strings.HasPrefix(string(text), "sockets: used 1\n") {
		t.Errorf("/proc/net/sockstat: %s", text)
	}
}

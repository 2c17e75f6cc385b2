package sockdiag_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
)

// mourner is a socket that hears of destroyed TCP and UDP sockets, as that of ss -E.
func mourner(t *testing.T, h *hosts.Host) sock.Socket {
	t.Helper()
	s, err := sock.Create(root, h.Namespace(), uapi.AF_NETLINK, uapi.SOCK_RAW, uapi.NETLINK_SOCK_DIAG)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	sa := make([]byte, 12)
	binary.NativeEndian.PutUint16(sa, uapi.AF_NETLINK)
	must(t, s.Bind(root, sa))
	for _, group := range []int{uapi.SKNLGRP_INET_TCP_DESTROY, uapi.SKNLGRP_INET_UDP_DESTROY} {
		set(t, s, uapi.SOL_NETLINK, uapi.NETLINK_ADD_MEMBERSHIP, group)
	}
	return s
}

// heard is what came: state, ports (P: an ephemeral one), queues, protocol and the
// attributes' types and sizes.
func heard(t *testing.T, s sock.Socket) string {
	t.Helper()
	var list []string
	port := func(p uint16) string {
		if p >= 1024 {
			return "P"
		}
		return fmt.Sprint(p)
	}
	for {
		m := sock.Msg{Data: make([]byte, 1<<16), Flags: uapi.MSG_DONTWAIT}
		n, err := s.Recvmsg(root, &m)
		if err != nil {
			slices.Sort(list)
			return strings.Join(list, "; ")
		}
		r := parseRow(t, m.Data[16:n])
		if r.Inode != 0 || r.Timer != 0 || r.Expires != 0 {
			t.Errorf("a destroyed socket has %+v", r)
		}
		list = append(list, fmt.Sprint(r.State, " ", port(r.ID.SPort), " ", port(r.ID.DPort), " q ", r.RQueue, " ", int32(r.WQueue), " ", r.data[uapi.INET_DIAG_PROTOCOL], len(r.data[uapi.INET_DIAG_INFO])))
	}
}

// TestDestroyedSocketsAreTold: what 6.18 sends to SKNLGRP_INET_*_DESTROY when sockets
// end; there is nothing of raw ones and of UDP-Lite.
func TestDestroyedSocketsAreTold(t *testing.T) {
	h := hosts.New(t).Host("a")
	m := mourner(t, h)
	expect := func(what, want string) {
		t.Helper()
		h.Lab.Clock.Settle()
		if got := heard(t, m); got != want {
			t.Errorf("%s: %s\nwant %s", what, got, want)
		}
	}
	l, cli, srv := connection(t, h)
	cli.Close()
	h.Lab.Clock.Settle()
	if _, err := srv.Recvmsg(root, &sock.Msg{Data: make([]byte, 1)}); err != nil { // the end
		t.Fatal(err)
	}
	srv.Close()
	expect("a connection", "7 80 P q 0 0 [6] 280; 7 P 80 q 1 0 [6] 280")
	l.Close()
	expect("a listener", "7 80 0 q 0 0 [6] 280")
	socket(t, h, uapi.AF_INET, uapi.SOCK_STREAM, 0).Close()
	expect("TCP without use", "7 0 0 q 0 0 [6] 280")
	u := socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, 0)
	u.Close()
	expect("UDP without use", "7 0 0 q 0 -1 [17] 0")
	u = socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, 0)
	must(t, u.Bind(root, lo(84)))
	u.Close()
	expect("bound UDP", "7 84 0 q 0 -1 [17] 0")
	u = socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, 0)
	must(t, u.Bind(root, lo(85)))
	must(t, u.Connect(root, lo(86)))
	u.Close()
	expect("connected UDP", "1 85 86 q 0 -1 [17] 0")
	socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, uapi.IPPROTO_UDPLITE).Close()
	socket(t, h, uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_TCP).Close()
	expect("others", "")
}

// TestUnreadFINCounts: Recv-Q of ss counts the peer's FIN until a read has met it, as
// on 6.18.
func TestUnreadFINCounts(t *testing.T) {
	h := hosts.New(t).Host("a")
	_, cli, srv := connection(t, h)
	queue := func() uint32 { return only(t, dump(t, h, uapi.IPPROTO_TCP, 1<<uapi.TCP_CLOSE_WAIT)).RQueue }
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: []byte("abc")}); err != nil {
		t.Fatal(err)
	}
	must(t, cli.Shutdown(root, 1))
	h.Lab.Clock.Settle()
	for _, c := range []struct {
		read, want int
		flags      int
	}{{0, 4, 0}, {3, 4, uapi.MSG_PEEK}, {2, 2, 0}, {9, 0, 0}} {
		if c.read > 0 {
			if _, err := srv.Recvmsg(root, &sock.Msg{Data: make([]byte, c.read), Flags: c.flags}); err != nil {
				t.Fatal(err)
			}
		}
		if got := queue(); got != uint32(c.want) {
			t.Errorf("after a read of %d bytes (flags %#x): %d, want %d", c.read, c.flags, got, c.want)
		}
	}
}

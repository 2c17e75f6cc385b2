package udp_test

import (
	"encoding/binary"
	"testing"

	"linen/net/netlink"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// ask sends a request to a host's rtnetlink.
func ask(t *testing.T, h *hosts.Host, typ uint16, header []byte, attrs func(m *netlink.Msg)) {
	t.Helper()
	creds := netlink.RootCreds(1)
	p, err := netlink.Open(h.Namespace(), uapi.NETLINK_ROUTE, creds, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	m := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE)
	m.Put(header)
	attrs(m)
	if _, err := p.Send(m.Bytes(), nil, creds); err != nil {
		t.Fatal(err)
	}
	d, err := p.Recv(4096, false)
	if err != nil {
		t.Fatal(err)
	}
	if e := int32(binary.NativeEndian.Uint32(d.Data[16:])); e != 0 {
		t.Fatalf("request %d: %v", typ, errno.Errno(-e))
	}
}

// routeType adds a route of a type to 10.9.N.0/24, in a table.
func routeType(t *testing.T, h *hosts.Host, typ, third, table uint8) {
	t.Helper()
	header := []byte{uapi.AF_INET, 24, 0, 0, table, uapi.RTPROT_STATIC, 0, typ, 0, 0, 0, 0}
	ask(t, h, uapi.RTM_NEWROUTE, header, func(m *netlink.Msg) { m.Attr(uapi.RTA_DST, []byte{10, 9, third, 0}) })
}

// TestRouteTypesAtASocket: what a send answers for each type of route (ip-route(8)).
func TestRouteTypesAtASocket(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	for i, c := range []struct {
		typ  uint8
		want error
	}{
		{uapi.RTN_BLACKHOLE, errno.EINVAL}, {uapi.RTN_UNREACHABLE, errno.EHOSTUNREACH},
		{uapi.RTN_PROHIBIT, errno.EACCES}, {uapi.RTN_THROW, errno.ENETUNREACH},
	} {
		routeType(t, a, c.typ, uint8(i), uapi.RT_TABLE_MAIN)
		to := addr(0x0a090001|uint32(i)<<8, 9)
		if _, err := on(t, a, 0).Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: to}); err != c.want {
			t.Errorf("type %d: send: %v, want %v", c.typ, err, c.want)
		}
		if err := on(t, a, 0).Connect(root, to); err != c.want {
			t.Errorf("type %d: connect: %v, want %v", c.typ, err, c.want)
		}
	}
}

// TestMarkChoosesTheTable: `ip rule add fwmark 7 table 100` and SO_MARK.
func TestMarkChoosesTheTable(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	routeType(t, a, uapi.RTN_PROHIBIT, 1, 100)
	rule := []byte{uapi.AF_INET, 0, 0, 0, 100, 0, 0, uapi.FR_ACT_TO_TBL, 0, 0, 0, 0}
	ask(t, a, uapi.RTM_NEWRULE, rule, func(m *netlink.Msg) { m.U32(uapi.FRA_FWMARK, 7) })
	for mark, want := range map[int]error{0: errno.ENETUNREACH, 7: errno.EACCES, 8: errno.ENETUNREACH} {
		s := on(t, a, 0)
		setInt(t, s, uapi.SOL_SOCKET, uapi.SO_MARK, mark)
		if _, err := s.Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: addr(0x0a090101, 9)}); err != want {
			t.Errorf("mark %d: %v, want %v", mark, err, want)
		}
	}
}

// TestConnectedSocketLearnsThePath: the route that a connected socket keeps follows what a router says of the path's MTU
// (ipv4_sk_update_pmtu), but for IP_PMTUDISC_INTERFACE and _OMIT (ip_sk_accept_pmtu); as recorded from 6.18.
func TestConnectedSocketLearnsThePath(t *testing.T) {
	for mode, want := range map[int]int{uapi.IP_PMTUDISC_WANT: 1000, uapi.IP_PMTUDISC_DO: 1000, uapi.IP_PMTUDISC_PROBE: 1000, uapi.IP_PMTUDISC_INTERFACE: 1500} {
		a, r, b := hosts.Routed(t)
		if err := r.SetMTU("eth1", 1000); err != nil {
			t.Fatal(err)
		}
		on(t, b, 9)
		s := on(t, a, 0)
		if err := s.Connect(root, sa(b.Addr(), 9)); err != nil {
			t.Fatal(err)
		}
		setInt(t, s, uapi.IPPROTO_IP, uapi.IP_MTU_DISCOVER, uapi.IP_PMTUDISC_DO)
		send(t, s, nil, "cached")
		setInt(t, s, uapi.IPPROTO_IP, uapi.IP_MTU_DISCOVER, mode)
		p := make([]byte, 1472)
		if mode == uapi.IP_PMTUDISC_INTERFACE { // it has no DF: another socket's packet is refused
			o := on(t, a, 0)
			setInt(t, o, uapi.IPPROTO_IP, uapi.IP_MTU_DISCOVER, uapi.IP_PMTUDISC_DO)
			send(t, o, sa(b.Addr(), 9), string(p))
		} else {
			send(t, s, nil, string(p))
		}
		if got := getInt(t, s, uapi.IPPROTO_IP, uapi.IP_MTU); got != want {
			t.Errorf("mode %d: IP_MTU %d, want %d", mode, got, want)
		}
	}
}

package iptunnel_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// conf is what `ip link add NAME type ipip ...` says; the zero value of a field
// says nothing.
type conf struct {
	local, remote string
	ttl, tos      uint8
	nopmtudisc    bool
	link          string
	mtu           uint32
	flags         uint16 // further NLM_F_*
}

// link sends that for a device, and returns the kernel's answer.
func link(h *hosts.Host, name string, c conf) errno.Errno {
	h.Lab.T.Helper()
	if c.flags == 0 {
		c.flags = uapi.NLM_F_CREATE | uapi.NLM_F_EXCL
	}
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|c.flags)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, name)
	if c.mtu != 0 {
		m.U32(uapi.IFLA_MTU, c.mtu)
	}
	info := m.Nest(uapi.IFLA_LINKINFO)
	m.String(uapi.IFLA_INFO_KIND, "ipip")
	data := m.Nest(uapi.IFLA_INFO_DATA)
	if c.link != "" {
		m.U32(uapi.IFLA_IPTUN_LINK, uint32(dev.ByName(h.Namespace(), c.link).Ifindex()))
	}
	for typ, addr := range map[uint16]string{uapi.IFLA_IPTUN_LOCAL: c.local, uapi.IFLA_IPTUN_REMOTE: c.remote} {
		if addr != "" {
			m.Attr(typ, netip.MustParseAddr(addr).AsSlice())
		}
	}
	m.U8(uapi.IFLA_IPTUN_TTL, c.ttl)
	m.U8(uapi.IFLA_IPTUN_TOS, c.tos)
	if c.nopmtudisc {
		m.U8(uapi.IFLA_IPTUN_PMTUDISC, 0)
	}
	m.End(data)
	m.End(info)
	return ask(h, m)
}

// ask sends a request and returns the kernel's answer.
func ask(h *hosts.Host, m *netlink.Msg) errno.Errno {
	h.Lab.T.Helper()
	s, err := h.Netlink(uapi.NETLINK_ROUTE)
	if err != nil {
		h.Lab.T.Fatal(err)
	}
	defer s.Close()
	if err := s.Send(m.Bytes()); err != nil {
		h.Lab.T.Fatal(err)
	}
	reply, err := s.Receive(h.Lab.T.Context())
	if err != nil {
		h.Lab.T.Fatal(err)
	}
	return errno.Errno(-int32(binary.NativeEndian.Uint32(reply[16:])))
}

// tunnel makes a device that is up, with an address.
func tunnel(h *hosts.Host, name, addr string, c conf) *dev.Device {
	h.Lab.T.Helper()
	if e := link(h, name, c); e != 0 {
		h.Lab.T.Fatalf("%s on %s: %v", name, h.Name(), e)
	}
	must(h.Lab.T, h.Up(name))
	h.AddrOn(name, addr)
	h.Lab.Clock.Settle()
	return dev.ByName(h.Namespace(), name)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestPing: what goes into a tunnel at one end comes out at the other one, over a
// router in between.
func TestPing(t *testing.T) {
	a, _, b := hosts.Routed(t)
	ta := tunnel(a, "t0", "10.9.0.1/30", conf{local: "10.1.0.2", remote: "10.2.0.2"})
	tb := tunnel(b, "t0", "10.9.0.2/30", conf{local: "10.2.0.2", remote: "10.1.0.2"})
	a.MustPing(addr("10.9.0.2"))
	must(t, a.Ping(addr("10.9.0.2"), 1480-28)) // all that fits
	for _, d := range []*dev.Device{ta, tb} {
		s := d.Counters()
		if want := uint64(84 + 1480); s.TxPackets != 2 || s.RxPackets != 2 || s.TxBytes != want || s.RxBytes != want {
			t.Errorf("%s: %+v", d, s)
		}
		if d.MTU() != 1480 {
			t.Errorf("%s has MTU %d", d, d.MTU())
		}
	}
}

// TestLookup: a packet belongs to the tunnel with both its addresses, then to the
// one with its remote, then with its local address, then to tunl0; one that is down
// takes nothing.
func TestLookup(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	a.AddrOn("eth0", "10.0.0.11/24")
	b.AddrOn("eth0", "10.0.0.12/24")
	both := tunnel(b, "both", "", conf{local: "10.0.0.2", remote: "10.0.0.1"})
	remote := tunnel(b, "remote", "", conf{remote: "10.0.0.11"})
	local := tunnel(b, "local", "", conf{local: "10.0.0.12"})
	fallback := dev.ByName(b.Namespace(), "tunl0")
	must(t, b.Up("tunl0"))
	for _, c := range []struct {
		from, to string
		want     *dev.Device
	}{
		{"10.0.0.1", "10.0.0.2", both},
		{"10.0.0.11", "10.0.0.2", remote},
		{"10.0.0.11", "10.0.0.12", remote},
		{"10.0.0.1", "10.0.0.12", local},
	} {
		before := c.want.Counters().RxPackets
		name := "t" + c.from[7:] + "-" + c.to[7:]
		tunnel(a, name, "10.9.0.1/30", conf{local: c.from, remote: c.to})
		a.Ping(addr("10.9.0.2"), 8) // nobody answers
		if got := c.want.Counters().RxPackets; got != before+1 {
			t.Errorf("%s to %s: %s received %d packets", c.from, c.to, c.want, got-before)
		}
		must(t, a.Down(name))
	}
	must(t, b.Down("both"))
	tunnel(a, "last", "10.9.0.1/30", conf{local: "10.0.0.1", remote: "10.0.0.2", link: "eth0"})
	a.Ping(addr("10.9.0.2"), 8)
	if got := fallback.Counters().RxPackets; got != 1 {
		t.Errorf("tunl0 received %d packets", got)
	}
}

// TestRequests: what is refused.
func TestRequests(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	for _, c := range []struct {
		rule, name string
		c          conf
		want       errno.Errno
	}{
		{"the first", "t0", conf{local: "10.0.0.1", remote: "10.0.0.2"}, 0},
		{"the same again", "t1", conf{local: "10.0.0.1", remote: "10.0.0.2"}, errno.EEXIST},
		{"the same by a device", "t1", conf{local: "10.0.0.1", remote: "10.0.0.2", link: "eth0"}, 0},
		{"without addresses it is tunl0", "t2", conf{}, errno.EEXIST},
		{"an MTU that is too small is raised", "t3", conf{remote: "10.0.0.3", mtu: 60}, 0},
		{"one that is too large is lowered", "t4", conf{remote: "10.0.0.4", mtu: 70000}, 0},
		{"a change", "t3", conf{remote: "10.0.0.5", flags: uapi.NLM_F_ACK}, 0},
		{"a change to another's", "t3", conf{remote: "10.0.0.4", flags: uapi.NLM_F_ACK}, errno.EEXIST},
		{"a change to no remote", "t3", conf{local: "10.0.0.1", flags: uapi.NLM_F_ACK}, errno.EINVAL},
		{"a change of tunl0", "tunl0", conf{ttl: 5, flags: uapi.NLM_F_ACK}, errno.EINVAL},
	} {
		if got := link(a, c.name, c.c); got != c.want {
			t.Errorf("%s: %v, want %v", c.rule, got, c.want)
		}
	}
	for name, want := range map[string]int{"tunl0": 1480, "t0": 1480, "t3": 68, "t4": 65515} {
		if got := dev.ByName(a.Namespace(), name).MTU(); got != want {
			t.Errorf("%s has MTU %d, want %d", name, got, want)
		}
	}
}

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

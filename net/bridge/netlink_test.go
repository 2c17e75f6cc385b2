package bridge

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// client speaks rtnetlink in the switch's namespace.
type client struct {
	t *testing.T
	p *netlink.Port
}

func (l *lab) client() *client {
	root := netlink.RootCreds(1)
	p, err := netlink.Open(l.sw, uapi.NETLINK_ROUTE, root, nil)
	l.must(err)
	l.t.Cleanup(func() { p.Close() })
	l.must(p.Bind(0, 0, root))
	return &client{l.t, p}
}

// message makes a request of a header and attributes.
func message(typ, flags uint16, body []byte, attrs func(m *netlink.Msg)) []byte {
	m := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|flags)
	m.Put(body)
	if attrs != nil {
		attrs(m)
	}
	return m.Bytes()
}

// do sends a change and returns its errno.
func (c *client) do(typ, flags uint16, body []byte, attrs func(m *netlink.Msg)) errno.Errno {
	c.t.Helper()
	if _, err := c.p.Send(message(typ, flags|uapi.NLM_F_ACK, body, attrs), nil, netlink.RootCreds(1)); err != nil {
		c.t.Fatal(err)
	}
	for {
		d, err := c.p.Recv(65536, false)
		if err != nil {
			c.t.Fatal(err)
		}
		if netlink.ParseHeader(d.Data).Type == uapi.NLMSG_ERROR {
			return errno.Errno(-int32(binary.NativeEndian.Uint32(d.Data[16:])))
		}
	}
}

// dump returns the messages of a dump, without headers.
func (c *client) dump(typ uint16, body []byte, attrs func(m *netlink.Msg)) (list [][]byte) {
	c.t.Helper()
	if _, err := c.p.Send(message(typ, uapi.NLM_F_DUMP, body, attrs), nil, netlink.RootCreds(1)); err != nil {
		c.t.Fatal(err)
	}
	for {
		d, err := c.p.Recv(65536, false)
		if err != nil {
			c.t.Fatal(err)
		}
		for b := d.Data; len(b) >= 16; {
			h := netlink.ParseHeader(b)
			if h.Type == uapi.NLMSG_DONE {
				return list
			}
			list = append(list, b[16:h.Len])
			b = b[min(netlink.Align(int(h.Len)), len(b)):]
		}
	}
}

func ndMsg(d *dev.Device, state uint16, flags uint8) []byte {
	h := uapi.NdMsg{Family: uapi.AF_BRIDGE, State: state, Flags: flags}
	if d != nil {
		h.Ifindex = int32(d.Ifindex())
	}
	return h.Append(nil)
}

// fdbShow writes entries as `bridge fdb show` does.
func (l *lab) fdbShow(list [][]byte) string {
	var out []string
	for _, b := range list {
		h, _ := uapi.ParseNdMsg(b)
		var mac wire.MAC
		master := ""
		netlink.EachAttr(b[uapi.SizeofNdMsg:], func(a netlink.Attr) bool {
			switch a.Type() {
			case uapi.NDA_LLADDR:
				mac = wire.MAC(a.Bytes())
			case uapi.NDA_MASTER:
				master = " master " + dev.ByIndex(l.sw, int(a.U32())).Name()
			}
			return true
		})
		if h.Flags&uapi.NTF_SELF != 0 {
			master = " self"
		}
		state := map[uint16]string{uapi.NUD_PERMANENT: " permanent", uapi.NUD_NOARP: " static", uapi.NUD_STALE: " stale"}[h.State]
		out = append(out, fmt.Sprintf("%s dev %s%s%s", mac, dev.ByIndex(l.sw, int(h.Ifindex)).Name(), master, state))
	}
	return strings.Join(out, "\n")
}

// TestFDBAsBridgeShowsIt is `bridge fdb` on 6.18: what is behind a port stands
// before what the port itself listens to, and for a bridge after.
func TestFDBAsBridgeShowsIt(t *testing.T) {
	l := newLab(t, 1)
	c := l.client()
	port := l.ports[0]
	l.send(0, macA, all)
	lladdr := func(mac wire.MAC) func(m *netlink.Msg) {
		return func(m *netlink.Msg) { m.Attr(uapi.NDA_LLADDR, mac[:]) }
	}
	const create = uapi.NLM_F_CREATE | uapi.NLM_F_EXCL
	static := wire.MAC{2, 0, 0, 0, 0, 7}
	self := wire.MAC{2, 0, 0, 0, 0, 8}
	for _, s := range []struct {
		what  string
		typ   uint16
		flags uint16
		body  []byte
		mac   wire.MAC
		want  errno.Errno
	}{
		{"add master static", uapi.RTM_NEWNEIGH, create, ndMsg(port, uapi.NUD_NOARP, uapi.NTF_MASTER), static, 0},
		{"again", uapi.RTM_NEWNEIGH, create, ndMsg(port, uapi.NUD_NOARP, uapi.NTF_MASTER), static, errno.EEXIST},
		{"add self", uapi.RTM_NEWNEIGH, create, ndMsg(port, uapi.NUD_PERMANENT, uapi.NTF_SELF), self, 0},
		{"self again", uapi.RTM_NEWNEIGH, create, ndMsg(port, uapi.NUD_PERMANENT, uapi.NTF_SELF), self, errno.EEXIST},
		{"self, not permanent", uapi.RTM_NEWNEIGH, create, ndMsg(port, uapi.NUD_NOARP, uapi.NTF_SELF), static, errno.EINVAL},
		{"the bridge's own", uapi.RTM_NEWNEIGH, create, ndMsg(l.br, uapi.NUD_PERMANENT, uapi.NTF_SELF), macB, 0},
		{"a bridge has no master", uapi.RTM_NEWNEIGH, create, ndMsg(l.br, uapi.NUD_PERMANENT, uapi.NTF_MASTER), macB, errno.EOPNOTSUPP},
		{"not there", uapi.RTM_DELNEIGH, 0, ndMsg(port, 0, uapi.NTF_MASTER), wire.MAC{2, 9}, errno.ENOENT},
		{"no index", uapi.RTM_NEWNEIGH, create, ndMsg(nil, uapi.NUD_NOARP, uapi.NTF_MASTER), static, errno.EINVAL},
	} {
		if e := c.do(s.typ, s.flags, s.body, lladdr(s.mac)); e != s.want {
			t.Errorf("%s: %v, want %v", s.what, e, s.want)
		}
	}
	own := wire.MAC(port.Addr())
	want := fmt.Sprintf("%s dev p0 master br0 static\n%s dev p0 master br0\n%s dev p0 master br0 permanent\n%s dev p0 self permanent",
		static, macA, own, self)
	got := l.fdbShow(c.dump(uapi.RTM_GETNEIGH, ndMsg(port, 0, 0), nil))
	if sorted(got) != sorted(want) || !strings.HasSuffix(got, "self permanent") {
		t.Errorf("of the port\n%s\nwant\n%s", got, want)
	}
	got = l.fdbShow(c.dump(uapi.RTM_GETNEIGH, ndMsg(nil, 0, 0), func(m *netlink.Msg) { m.U32(uapi.NDA_MASTER, uint32(l.br.Ifindex())) }))
	if !strings.Contains(got, macB.String()+" dev br0 master br0 permanent") || !strings.Contains(got, want[:20]) {
		t.Errorf("of the bridge\n%s", got)
	}
	if e := c.do(uapi.RTM_DELNEIGH, 0, ndMsg(port, uapi.NUD_PERMANENT, uapi.NTF_SELF), lladdr(self)); e != 0 {
		t.Error(e)
	}
	if len(port.Unicasts()) != 0 {
		t.Error("an address stayed")
	}
}

// sorted returns text's lines in order.
func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestFDBIsAnnounced is `bridge monitor fdb`.
func TestFDBIsAnnounced(t *testing.T) {
	l := newLab(t, 1)
	c := l.client()
	l.must(c.p.Join(uapi.RTNLGRP_NEIGH, netlink.RootCreds(1)))
	l.send(0, macA, all)
	heard := func(typ uint16) {
		t.Helper()
		l.clock.Settle()
		d, err := c.p.Recv(65536, false)
		if err != nil {
			t.Fatal(err)
		}
		if h := netlink.ParseHeader(d.Data); h.Type != typ || !strings.HasPrefix(l.fdbShow([][]byte{d.Data[16:]}), macA.String()+" dev p0 master br0") {
			t.Errorf("%d %s", h.Type, l.fdbShow([][]byte{d.Data[16:]}))
		}
	}
	heard(uapi.RTM_NEWNEIGH)
	l.clock.Advance(301 * time.Second)
	heard(uapi.RTM_DELNEIGH)
}

// TestBridgeLink is `bridge link`: ports only, with the port's attributes in
// IFLA_PROTINFO in 6.18's order, and changes by RTM_SETLINK.
func TestBridgeLink(t *testing.T) {
	l := newLab(t, 1)
	c := l.client()
	head := func(d *dev.Device) []byte {
		h := uapi.IfInfomsg{Family: uapi.AF_BRIDGE}
		if d != nil {
			h.Index = int32(d.Ifindex())
		}
		return h.Append(nil)
	}
	port := l.ports[0]
	list := c.dump(uapi.RTM_GETLINK, head(nil), nil)
	if len(list) != 1 {
		t.Fatalf("%d links", len(list))
	}
	var types []uint16
	netlink.EachAttr(list[0][uapi.SizeofIfInfomsg:], func(a netlink.Attr) bool {
		types = append(types, a.Type())
		if a.Type() == uapi.IFLA_PROTINFO {
			a.Each(func(b netlink.Attr) bool {
				types = append(types, 100+b.Type())
				return true
			})
		}
		return true
	})
	want := "[3 10 4 16 1 5 12 101 102 103 104 105 106 107 128 108 109 127 130 110 112 113 114 115 116 117 118 119 120 129 131 132 135 136 133 139 140 143 121 122 123]"
	if got := fmt.Sprint(types); got != want {
		t.Errorf("attributes\n%s\nwant\n%s", got, want)
	}
	if n := len(c.dump(uapi.RTM_GETLINK, head(nil), func(m *netlink.Msg) { m.U32(uapi.IFLA_EXT_MASK, uapi.RTEXT_FILTER_BRVLAN) })); n != 2 {
		t.Errorf("%d links with the bridges", n)
	}
	set := func(d *dev.Device, typ uint16, v uint8) errno.Errno {
		return c.do(uapi.RTM_SETLINK, 0, head(d), func(m *netlink.Msg) {
			nest := m.Nest(uapi.IFLA_PROTINFO)
			m.U8(typ, v)
			m.End(nest)
		})
	}
	if e := set(port, uapi.IFLA_BRPORT_LEARNING, 0); e != 0 {
		t.Error(e)
	}
	l.send(0, macA, all)
	if l.of().fdb.find(macA) != nil {
		t.Error("learned")
	}
	if e := set(port, uapi.IFLA_BRPORT_STATE, stateBlocking); e != 0 || l.br.Carrier() {
		t.Errorf("%v, carrier %v", e, l.br.Carrier())
	}
	for _, s := range []struct {
		d    *dev.Device
		typ  uint16
		v    uint8
		want errno.Errno
	}{
		{port, uapi.IFLA_BRPORT_STATE, 5, errno.EINVAL},
		{port, uapi.IFLA_BRPORT_STATE, 1, errno.EOPNOTSUPP},
		{port, uapi.IFLA_BRPORT_GUARD, 1, errno.EOPNOTSUPP},
		{l.br, uapi.IFLA_BRPORT_LEARNING, 1, errno.EOPNOTSUPP},
	} {
		if e := set(s.d, s.typ, s.v); e != s.want {
			t.Errorf("attribute %d = %d: %v, want %v", s.typ, s.v, e, s.want)
		}
	}
}

func (l *lab) of() *bridge { return of(l.br) }

package ethtool_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"linen/drivers/net/veth"
	"linen/kern"
	"linen/net/dev"
	"linen/net/ethtool"
	"linen/net/genl"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// fixture is a namespace with the devices a0 and b0, and a port to ask by.
type fixture struct {
	t  *testing.T
	n  *netns.Net
	p  *netlink.Port
	id uint16
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(), genl.Pernet(),
		dev.Pernet(), ethtool.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	if _, _, err := veth.NewPair(n, "a0", n, "b0"); err != nil {
		t.Fatal(err)
	}
	x := &fixture{t: t, n: n, p: port(t, n)}
	m := request(uapi.GENL_ID_CTRL, uapi.CTRL_CMD_GETFAMILY)
	m.String(uapi.CTRL_ATTR_FAMILY_NAME, "ethtool")
	for _, b := range x.ask(m) {
		netlink.EachAttr(b[20:], func(a netlink.Attr) bool {
			if a.Type() == uapi.CTRL_ATTR_FAMILY_ID {
				x.id = a.U16()
			}
			return true
		})
	}
	return x
}

func port(t *testing.T, n *netns.Net) *netlink.Port {
	t.Helper()
	p, err := netlink.Open(n, uapi.NETLINK_GENERIC, netlink.RootCreds(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func request(typ uint16, cmd byte) *netlink.Msg {
	m := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put([]byte{cmd, 1, 0, 0})
	return m
}

// ask sends m and returns the messages of the answer.
func (x *fixture) ask(m *netlink.Msg) (list [][]byte) {
	x.t.Helper()
	x.p.Send(m.Bytes(), nil, netlink.RootCreds(1))
	for {
		d, err := x.p.Recv(1<<16, false)
		if err != nil {
			return list
		}
		for b := d.Data; len(b) >= 16; {
			n := int(binary.NativeEndian.Uint32(b))
			list = append(list, b[:n])
			b = b[min(netlink.Align(n), len(b)):]
		}
	}
}

// about begins a request of the family's about a device.
func (x *fixture) about(cmd byte, name string, flags uint32) *netlink.Msg {
	m := request(x.id, cmd)
	nest := m.Nest(1)
	if name != "" {
		m.String(uapi.ETHTOOL_A_HEADER_DEV_NAME, name)
	}
	if flags != 0 {
		m.U32(uapi.ETHTOOL_A_HEADER_FLAGS, flags)
	}
	m.End(nest)
	return m
}

// dump writes attributes as "type[...]" or "type:bytes", in hexadecimal.
func dump(b *strings.Builder, a netlink.Attr) bool {
	fmt.Fprintf(b, " %d", a.Type())
	if !a.Nested() {
		fmt.Fprintf(b, ":%x", a.Bytes())
		return true
	}
	b.WriteString("[")
	a.Each(func(o netlink.Attr) bool { return dump(b, o) })
	b.WriteString("]")
	return true
}

// answer is a request's answer in words: the reply's command and attributes,
// then the error.
func (x *fixture) answer(m *netlink.Msg) string {
	x.t.Helper()
	var b strings.Builder
	for _, msg := range x.ask(m) {
		if h := netlink.ParseHeader(msg); h.Type != uapi.NLMSG_ERROR {
			fmt.Fprintf(&b, "%d:", msg[16])
			netlink.EachAttr(msg[20:], func(a netlink.Attr) bool { return dump(&b, a) })
			continue
		}
		if e := int32(binary.NativeEndian.Uint32(msg[16:])); e != 0 {
			return "error " + errno.Errno(-e).Error()
		}
	}
	return b.String()
}

// bit is the request to switch one feature of a0 by name.
func (x *fixture) bit(name string, on bool, flags uint32) *netlink.Msg {
	m := x.about(uapi.ETHTOOL_MSG_FEATURES_SET, "a0", flags)
	wanted := m.Nest(uapi.ETHTOOL_A_FEATURES_WANTED)
	bits := m.Nest(uapi.ETHTOOL_A_BITSET_BITS)
	one := m.Nest(uapi.ETHTOOL_A_BITSET_BITS_BIT)
	m.String(uapi.ETHTOOL_A_BITSET_BIT_NAME, name)
	if on {
		m.Flag(uapi.ETHTOOL_A_BITSET_BIT_VALUE)
	}
	m.End(one)
	m.End(bits)
	m.End(wanted)
	return m
}

// TestFeaturesOverNetlink holds the answers of 6.18 about a veth, as far as the
// features are those that this stack has.
func TestFeaturesOverNetlink(t *testing.T) { // linux/ethtool_netlink.h; spec 1.37
	x := newFixture(t)
	const head, none = " 1[ 1:01000000 2:613000]", "0000000000000000"
	set := func(typ int, value, mask string) string {
		return fmt.Sprintf(" %d[ 2:40000000 4:%s 5:%s]", typ, value, mask)
	}
	compact := uint32(uapi.ETHTOOL_FLAG_COMPACT_BITSETS)
	for _, c := range []struct {
		name string
		m    *netlink.Msg
		want string
	}{
		{"GRO on, by name", x.bit("rx-gro", true, 0), "12:" + head + " 3[ 2:40000000 3[]] 4[ 2:40000000 3[ 1[ 1:0e000000 2:72782d67726f00 3:]]]"},
		{"GRO on again", x.bit("rx-gro", true, 0), "12:" + head + " 3[ 2:40000000 3[]] 4[ 2:40000000 3[]]"},
		{"scattered frames off take TSO and GSO along", x.bit("tx-scatter-gather", false, compact),
			"12:" + head + set(3, none, none) + set(4, none, "01081d0000000000")},
		{"and on again, without an answer", x.bit("tx-scatter-gather", true, uapi.ETHTOOL_FLAG_OMIT_REPLY), ""},
		{"a fixed one", x.bit("rx-lro", true, compact), "12:" + head + set(3, "0080000000000000", "0080000000000000") + set(4, none, none)},
		{"no such name", x.bit("nonsense", true, 0), "error " + errno.EOPNOTSUPP.Error()},
		{"one that nobody may change", x.bit("vlan-challenged", true, 0), "error " + errno.EINVAL.Error()},
		{"nothing", x.about(uapi.ETHTOOL_MSG_FEATURES_SET, "a0", 0), "error " + errno.EINVAL.Error()},
		{"no such device", x.about(uapi.ETHTOOL_MSG_FEATURES_GET, "x0", 0), "error " + errno.ENODEV.Error()},
		{"no device", x.about(uapi.ETHTOOL_MSG_FEATURES_GET, "", 0), "error " + errno.EINVAL.Error()},
		{"no header", request(x.id, uapi.ETHTOOL_MSG_FEATURES_GET), "error " + errno.EINVAL.Error()},
		{"an unknown flag", x.about(uapi.ETHTOOL_MSG_FEATURES_GET, "a0", 0x80), "error " + errno.EINVAL.Error()},
		{"the link's state", x.about(uapi.ETHTOOL_MSG_LINKSTATE_GET, "a0", 0), "6:" + head + " 2:00"},
		{"rings", x.about(15, "a0", 0), "error " + errno.EOPNOTSUPP.Error()},
	} {
		if got := x.answer(c.m); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
	want := "11:" + head + set(2, "e949 1d00 0201 0008", "ffffffffffffffff")
	got := x.answer(x.about(uapi.ETHTOOL_MSG_FEATURES_GET, "a0", compact))
	if !strings.HasPrefix(got, strings.ReplaceAll(want, " 1d00 0201 0008", "1d0002010008")) {
		t.Errorf("features: %s", got)
	}
}

func TestFeatureNames(t *testing.T) { // ETHTOOL_MSG_STRSET_GET
	x := newFixture(t)
	ask := func(id uint32, device string, count bool) string {
		m := x.about(uapi.ETHTOOL_MSG_STRSET_GET, device, 0)
		sets := m.Nest(uapi.ETHTOOL_A_STRSET_STRINGSETS)
		one := m.Nest(uapi.ETHTOOL_A_STRINGSETS_STRINGSET)
		m.U32(uapi.ETHTOOL_A_STRINGSET_ID, id)
		m.End(one)
		m.End(sets)
		if count {
			m.Flag(uapi.ETHTOOL_A_STRSET_COUNTS_ONLY)
		}
		return x.answer(m)
	}
	if got := ask(uapi.ETH_SS_FEATURES, "a0", true); got != "1: 1[ 1:01000000 2:613000] 2[ 1[ 1:04000000 2:40000000]]" {
		t.Error(got)
	}
	begin := "1: 2[ 1[ 1:04000000 2:40000000 3[ 1[ 1:00000000 2:74782d736361747465722d67617468657200]"
	if got := ask(uapi.ETH_SS_FEATURES, "", false); !strings.HasPrefix(got, begin) || strings.Count(got, " 1[") != 65 {
		t.Error(got)
	}
	if got := ask(99, "a0", false); got != "error "+errno.EOPNOTSUPP.Error() {
		t.Error(got)
	}
}

func TestFeaturesAreAnnounced(t *testing.T) { // group "monitor"
	x := newFixture(t)
	ear := port(t, x.n)
	if err := ear.Join(2, netlink.RootCreds(1)); err != nil {
		t.Fatal(err)
	}
	x.ask(x.bit("rx-gro", true, 0))
	d, err := ear.Recv(1<<16, false)
	if err != nil || d.Data[16] != uapi.ETHTOOL_MSG_FEATURES_NTF {
		t.Fatalf("%x %v", d.Data, err)
	}
	x.ask(x.bit("rx-gro", true, 0))
	if d, err := ear.Recv(1<<16, false); err == nil {
		t.Errorf("nothing changed, but %x", d.Data)
	}
}

func FuzzFeatures(f *testing.F) {
	f.Add([]byte{8, 0, 2, 0, 64, 0, 0, 0, 12, 0, 4, 0, 0, 64, 0, 0, 0, 0, 0, 0, 12, 0, 5, 0, 0, 64, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{24, 0, 3, 128, 20, 0, 1, 128, 11, 0, 2, 0, 'r', 'x', '-', 'g', 'r', 'o', 0, 0, 4, 0, 3, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > 4096 {
			return
		}
		x := newFixture(t)
		m := x.about(uapi.ETHTOOL_MSG_FEATURES_SET, "a0", 0)
		nest := m.Nest(uapi.ETHTOOL_A_FEATURES_WANTED)
		m.Put(p)
		m.End(nest)
		if len(x.ask(m)) == 0 {
			t.Error("no answer")
		}
	})
}

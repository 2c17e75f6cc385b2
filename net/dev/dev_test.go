package dev_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"linen/drivers/net/dummy"
	"linen/drivers/net/veth"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// locked runs f with n's RTNL.
func locked(n *netns.Net, f func()) {
	n.Lock()
	defer n.Unlock()
	f()
}

func newDummy(t *testing.T, n *netns.Net, name string) (d *dev.Device) {
	t.Helper()
	locked(n, func() {
		var err error
		if d, err = dummy.New(n, name); err != nil {
			t.Fatal(err)
		}
	})
	return d
}

// record notes the events of n as "UP d0".
func record(t *testing.T, n *netns.Net, prio int, veto func(e *dev.Event) error) *[]string {
	t.Helper()
	log := new([]string)
	_, err := dev.Notifiers(n).Add(prio, func(e *dev.Event) error {
		*log = append(*log, e.Type.String()+" "+e.Dev.Name())
		if veto != nil {
			return veto(e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func wantLog(t *testing.T, got *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*got, want) {
		t.Errorf("events %q, want %q", *got, want)
	}
	*got = nil
}

func TestNotifierSequence(t *testing.T) {
	n := newLab(t, 1).net()
	log := record(t, n, 0, nil)
	wantLog(t, log, "REGISTER lo")
	d := newDummy(t, n, "d0")
	wantLog(t, log, "POST_INIT d0", "REGISTER d0")
	locked(n, func() { dev.Open(d) })
	wantLog(t, log, "PRE_UP d0", "UP d0")
	locked(n, func() { dev.Open(d) }) // nothing changes
	wantLog(t, log)
	locked(n, func() { dev.ChangeMTU(d, 1400) })
	wantLog(t, log, "PRECHANGEMTU d0", "CHANGEMTU d0")
	locked(n, func() { dev.SetAddr(d, []byte{2, 0, 0, 0, 0, 9}) })
	wantLog(t, log, "PRE_CHANGEADDR d0", "CHANGEADDR d0")
	locked(n, func() { dev.Rename(d, "e0") })
	wantLog(t, log, "CHANGENAME e0")
	locked(n, func() { dev.ChangeTxQueueLen(d, 10) })
	wantLog(t, log, "CHANGE_TX_QUEUE_LEN e0")
	locked(n, func() { dev.ChangeFlags(d, d.Flags()&^uint32(uapi.IFF_NOARP)) })
	wantLog(t, log, "CHANGE e0")
	locked(n, func() { dev.Close(d) })
	wantLog(t, log, "GOING_DOWN e0", "DOWN e0")
	locked(n, func() { dev.Open(d) })
	*log = nil
	locked(n, func() { dev.Unregister(d) })
	wantLog(t, log, "GOING_DOWN e0", "DOWN e0", "UNREGISTER e0")
}

func TestNewSubscriberIsReplayed(t *testing.T) {
	n := newLab(t, 1).net()
	d := newDummy(t, n, "d0")
	locked(n, func() { dev.Open(d) })
	wantLog(t, record(t, n, 0, nil), "REGISTER lo", "REGISTER d0", "UP d0")
}

func TestRefusedReplayIsTakenBack(t *testing.T) {
	n := newLab(t, 1).net()
	d := newDummy(t, n, "d0")
	newDummy(t, n, "d1")
	locked(n, func() { dev.Open(d) })
	var log []string
	_, err := dev.Notifiers(n).Add(0, func(e *dev.Event) error {
		log = append(log, e.Type.String()+" "+e.Dev.Name())
		if e.Dev.Name() == "d1" {
			return errno.ENOMEM
		}
		return nil
	})
	if !errors.Is(err, errno.ENOMEM) {
		t.Errorf("error %v", err)
	}
	wantLog(t, &log, "REGISTER lo", "REGISTER d0", "UP d0", "REGISTER d1",
		"GOING_DOWN d0", "DOWN d0", "UNREGISTER d0", "UNREGISTER lo")
}

func TestPriorityThenOrderOfRegistration(t *testing.T) {
	n := newLab(t, 1).net()
	var order []int
	add := func(id, prio int) {
		dev.Notifiers(n).Add(prio, func(e *dev.Event) error {
			if e.Type == dev.EventPostInit {
				order = append(order, id)
			}
			return nil
		})
	}
	add(1, 0)
	add(2, 0)
	add(3, 10)
	add(4, -10)
	newDummy(t, n, "d0")
	if !slices.Equal(order, []int{3, 1, 2, 4}) {
		t.Errorf("order %v", order)
	}
}

func TestVetoes(t *testing.T) {
	for _, c := range []struct {
		veto dev.EventType
		act  func(d *dev.Device) error
		same func(d *dev.Device) bool
	}{
		{dev.EventPreUp, dev.Open, func(d *dev.Device) bool { return !d.IsUp() }},
		{dev.EventPreChangeMTU, func(d *dev.Device) error { return dev.ChangeMTU(d, 900) }, func(d *dev.Device) bool { return d.MTU() == 1500 }},
		{dev.EventChangeMTU, func(d *dev.Device) error { return dev.ChangeMTU(d, 900) }, func(d *dev.Device) bool { return d.MTU() == 1500 }},
		{dev.EventPreChangeAddr, func(d *dev.Device) error { return dev.SetAddr(d, []byte{2, 1, 1, 1, 1, 1}) }, func(d *dev.Device) bool { return d.Addr()[1] != 1 || d.Addr()[2] != 1 }},
		{dev.EventChangeName, func(d *dev.Device) error { return dev.Rename(d, "z") }, func(d *dev.Device) bool {
			return d.Name() == "d0" && dev.ByName(d.Net(), "d0") == d && dev.ByName(d.Net(), "z") == nil
		}},
		{dev.EventChangeTxQueueLen, func(d *dev.Device) error { return dev.ChangeTxQueueLen(d, 1) }, func(d *dev.Device) bool { return d.TxQueueLen() == 1000 }},
	} {
		n := newLab(t, 1).net()
		d := newDummy(t, n, "d0")
		record(t, n, 0, func(e *dev.Event) error {
			if e.Type == c.veto {
				return errno.EPERM
			}
			return nil
		})
		locked(n, func() {
			if err := c.act(d); !errors.Is(err, errno.EPERM) {
				t.Errorf("%v: error %v", c.veto, err)
			}
		})
		if !c.same(d) {
			t.Errorf("%v: the change stayed", c.veto)
		}
	}
}

func TestRefusedRegistrationIsUndone(t *testing.T) {
	n := newLab(t, 1).net()
	first := record(t, n, 10, nil)
	record(t, n, 5, func(e *dev.Event) error {
		if e.Type == dev.EventRegister && e.Dev.Name() == "d0" {
			return errno.ENOSPC
		}
		return nil
	})
	last := record(t, n, 0, nil)
	*first, *last = nil, nil
	locked(n, func() {
		if _, err := dummy.New(n, "d0"); !errors.Is(err, errno.ENOSPC) {
			t.Errorf("error %v", err)
		}
	})
	wantLog(t, first, "POST_INIT d0", "REGISTER d0", "UNREGISTER d0")
	wantLog(t, last, "POST_INIT d0")
	if dev.ByName(n, "d0") != nil {
		t.Error("it stayed")
	}
}

func TestNames(t *testing.T) {
	n := newLab(t, 1).net()
	for _, c := range []struct {
		ask, want string
		err       error
	}{
		{"d%d", "d0", nil},
		{"d%d", "d1", nil},
		{"d0", "", errno.EEXIST},
		{"a%dx", "a0x", nil},
		{"%s", "", errno.EINVAL},
		{"%d%d", "", errno.EINVAL},
		{"", "", errno.EINVAL},
		{".", "", errno.EINVAL},
		{"..", "", errno.EINVAL},
		{"a/b", "", errno.EINVAL},
		{"a:b", "", errno.EINVAL},
		{"a b", "", errno.EINVAL},
		{strings.Repeat("a", 15), strings.Repeat("a", 15), nil},
		{strings.Repeat("b", 16), "", errno.EINVAL},
	} {
		locked(n, func() {
			d, err := dummy.New(n, c.ask)
			if !errors.Is(err, c.err) || err == nil && d.Name() != c.want {
				t.Errorf("%q: %v, %v", c.ask, d, err)
			}
		})
	}
}

func TestIfindexIsNotUsedAgainSoon(t *testing.T) {
	n := newLab(t, 1).net()
	a := newDummy(t, n, "a")
	locked(n, func() { dev.Unregister(a) })
	if b := newDummy(t, n, "b"); b.Ifindex() != 3 || a.Ifindex() != 2 {
		t.Errorf("indices %d and %d", a.Ifindex(), b.Ifindex())
	}
}

func TestPromiscuityIsACounter(t *testing.T) {
	n := newLab(t, 1).net()
	d := newDummy(t, n, "d0")
	locked(n, func() {
		dev.SetPromiscuity(d, 1)
		dev.SetPromiscuity(d, 1)
		if d.Promiscuity() != 2 || d.Flags()&uapi.IFF_PROMISC != 0 || d.RawFlags()&uapi.IFF_PROMISC == 0 {
			t.Errorf("count %d, flags %#x, raw %#x", d.Promiscuity(), d.Flags(), d.RawFlags())
		}
		dev.ChangeFlags(d, d.Flags()|uapi.IFF_PROMISC)
		if d.Promiscuity() != 3 || d.Flags()&uapi.IFF_PROMISC == 0 {
			t.Errorf("with the user's wish: count %d, flags %#x", d.Promiscuity(), d.Flags())
		}
		dev.SetPromiscuity(d, -2)
		dev.ChangeFlags(d, d.Flags()&^uint32(uapi.IFF_PROMISC))
		if d.Promiscuity() != 0 || d.RawFlags()&uapi.IFF_PROMISC != 0 {
			t.Errorf("in the end: count %d, raw %#x", d.Promiscuity(), d.RawFlags())
		}
	})
}

func TestMove(t *testing.T) {
	l := newLab(t, 1)
	n1, n2 := l.net(), l.net()
	newDummy(t, n2, "x") // takes index 2
	d := newDummy(t, n1, "d0")
	locked(n1, func() { dev.Open(d) })
	old, fresh := port(t, n1, uapi.RTNLGRP_LINK), port(t, n2, uapi.RTNLGRP_LINK)
	log := record(t, n1, 0, nil)
	*log = nil
	unlock := netns.LockAll(n1, n2)
	err := dev.Move(d, n2, "", 0)
	unlock()
	if err != nil || d.Net() != n2 || d.IsUp() || d.Ifindex() != 3 {
		t.Fatalf("%v: in %v, up %v, index %d", err, d.Net().ID(), d.IsUp(), d.Ifindex())
	}
	wantLog(t, log, "GOING_DOWN d0", "DOWN d0", "UNREGISTER d0")
	if types := messageTypes(read(old)); !slices.Equal(types, []uint16{uapi.RTM_NEWLINK, uapi.RTM_DELLINK}) {
		t.Errorf("messages in the old namespace %v", types)
	}
	if types := messageTypes(read(fresh)); !slices.Equal(types, []uint16{uapi.RTM_NEWLINK}) {
		t.Errorf("messages in the new namespace %v", types)
	}
	clash := newDummy(t, n1, "d0")
	unlock = netns.LockAll(n1, n2)
	defer unlock()
	if err := dev.Move(clash, n2, "", 0); !errors.Is(err, errno.EEXIST) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := dev.Move(clash, n2, "e%d", 3); !errors.Is(err, errno.EBUSY) {
		t.Errorf("an index that is taken: %v", err)
	}
	if err := dev.Move(clash, n2, "e%d", 0); err != nil || clash.Name() != "e0" {
		t.Errorf("with a pattern: %v, %s", err, clash)
	}
	var x *netlink.ExtAck
	if err := dev.Move(dev.Loopback(n1), n2, "", 0); !errors.As(err, &x) || x.Msg != "The interface netns is immutable" {
		t.Errorf("lo: %v", err)
	}
}

func messageTypes(list [][]byte) (types []uint16) {
	for _, m := range list {
		types = append(types, netlink.ParseHeader(m).Type)
	}
	return types
}

func TestUppers(t *testing.T) {
	n := newLab(t, 1).net()
	a, b, c := newDummy(t, n, "a"), newDummy(t, n, "b"), newDummy(t, n, "c")
	log := record(t, n, 0, nil)
	*log = nil
	locked(n, func() {
		if err := dev.LinkUpper(a, b, true, nil); err != nil || a.Master() != b {
			t.Fatalf("%v, master %v", err, a.Master())
		}
		for _, x := range []struct {
			name    string
			low, up *dev.Device
			master  bool
			want    error
		}{
			{"itself", c, c, false, errno.EBUSY},
			{"a loop", b, a, false, errno.EBUSY},
			{"a second master", a, c, true, errno.EBUSY},
			{"the same again", a, b, true, errno.EEXIST},
		} {
			if err := dev.LinkUpper(x.low, x.up, x.master, nil); !errors.Is(err, x.want) {
				t.Errorf("%s: %v", x.name, err)
			}
		}
		wantLog(t, log, "PRECHANGEUPPER a", "CHANGEUPPER a")
		dev.UnlinkUpper(a, b)
		if a.Master() != nil || len(b.Lowers()) != 0 {
			t.Error("still linked")
		}
	})
}

func TestThousandDevicesLeaveNothing(t *testing.T) {
	l := newLab(t, 1)
	n := l.net()
	for range 1000 {
		d := newDummy(t, n, "d%d")
		locked(n, func() { dev.Open(d); dev.Unregister(d) })
	}
	l.clock.Settle()
	if list := dev.List(n); len(list) != 1 || l.k.Timers() != 0 {
		t.Errorf("left: %v, %d timers", list, l.k.Timers())
	}
}

func TestProcFiles(t *testing.T) {
	n := newLab(t, 2).net()
	d := newDummy(t, n, "d0")
	d.AddMulticast([]byte{1, 0, 0x5e, 0, 0, 1})
	for path, want := range map[string]string{
		"dev": "Inter-|   Receive                                                |  Transmit\n" +
			" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
			"    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n" +
			"    d0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n",
		"dev_mcast": "2    d0              1     0     01005e000001\n",
		"ptype":     "Type Device      Function\n",
		"softnet_stat": strings.Repeat("00000000 ", 14) + "00000000\n" +
			strings.Repeat("00000000 ", 12) + "00000001 00000000 00000000\n",
	} {
		got, err := procfs.Of(n).Read(path)
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", path, err, got, want)
		}
	}
}

func TestSysfs(t *testing.T) {
	n := newLab(t, 1).net()
	d := newDummy(t, n, "d0")
	tree := dev.Sysfs(n)
	for path, want := range map[string]string{
		"class/net/d0/operstate":             "down\n",
		"class/net/lo/type":                  "772\n",
		"class/net/d0/statistics/rx_packets": "0\n",
		"class/net/d0/flags":                 "0x82\n",
		"devices/virtual/net/d0/mtu":         "1500\n",
	} {
		if got, err := tree.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if err := tree.WriteFile("class/net/d0/mtu", []byte("1300\n")); err != nil || d.MTU() != 1300 {
		t.Errorf("writing mtu: %v, %d", err, d.MTU())
	}
	if _, err := tree.Walk("class/net/d9", false); err == nil {
		t.Error("there is no d9")
	}
}

func TestIoctls(t *testing.T) {
	n := newLab(t, 1).net()
	d := newDummy(t, n, "d0")
	req := func(name string, data ...byte) []byte {
		b := make([]byte, dev.IfreqLen)
		copy(b, name)
		copy(b[16:], data)
		return b
	}
	for _, c := range []struct {
		name  string
		cmd   uint32
		ifr   []byte
		admin bool
		want  error
		data  string // of the answer, from byte 16
	}{
		{"index", uapi.SIOCGIFINDEX, req("d0"), false, nil, "\x02\x00\x00\x00"},
		{"index of an alias", uapi.SIOCGIFINDEX, req("d0:1"), false, nil, "\x02\x00\x00\x00"},
		{"flags", uapi.SIOCGIFFLAGS, req("d0"), false, nil, "\x82\x00"},
		{"MTU", uapi.SIOCGIFMTU, req("d0"), false, nil, "\xdc\x05\x00\x00"},
		{"address", uapi.SIOCGIFHWADDR, req("lo"), false, nil, "\x04\x03\x00\x00"},
		{"unknown device", uapi.SIOCGIFMTU, req("nodev"), false, errno.ENODEV, ""},
		{"set without right", uapi.SIOCSIFMTU, req("d0", 0x78, 5), false, errno.EPERM, ""},
		{"set MTU", uapi.SIOCSIFMTU, req("d0", 0x78, 5), true, nil, ""},
		{"set flags", uapi.SIOCSIFFLAGS, req("d0", 1), true, nil, ""},
		{"wrong kind of address", uapi.SIOCSIFHWADDR, req("d0", 9, 9), true, errno.EINVAL, ""},
		{"rename", uapi.SIOCSIFNAME, req("d0", 'e', '0'), true, nil, ""},
		{"name", uapi.SIOCGIFNAME, req("", 2), false, nil, ""},
		{"an address of IPv4", uapi.SIOCGIFADDR, req("e0"), false, errno.ENOTTY, ""},
		{"a short request", uapi.SIOCGIFMTU, make([]byte, 20), false, errno.EFAULT, ""},
	} {
		err := dev.Ioctl(n, c.cmd, c.ifr, c.admin)
		if !errors.Is(err, c.want) || err == nil && !strings.HasPrefix(string(c.ifr[16:]), c.data) {
			t.Errorf("%s: %v, %x", c.name, err, c.ifr)
		}
		if c.name == "name" && string(c.ifr[:3]) != "e0\x00" {
			t.Errorf("name: %q", c.ifr[:16])
		}
	}
	if d.MTU() != 1400 || !d.IsUp() || d.Name() != "e0" {
		t.Errorf("MTU %d, up %v, name %s", d.MTU(), d.IsUp(), d)
	}
}

func TestVethPeerInAnotherNamespaceByNetlink(t *testing.T) {
	l := newLab(t, 1)
	n1, n2 := l.net(), l.net()
	root := netlink.RootCreds(1)
	root.FindNet = func(pid, fd int) (*netns.Net, error) { return n2, nil }
	p := port(t, n1)
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE|uapi.NLM_F_EXCL)
	hdr := uapi.IfInfomsg{}
	m.Put(hdr.Append(nil))
	m.String(uapi.IFLA_IFNAME, "a0")
	info := m.Nest(uapi.IFLA_LINKINFO)
	m.String(uapi.IFLA_INFO_KIND, "veth")
	data := m.Nest(uapi.IFLA_INFO_DATA)
	peer := m.Nest(uapi.VETH_INFO_PEER)
	m.Put(hdr.Append(nil))
	m.String(uapi.IFLA_IFNAME, "b0")
	m.U32(uapi.IFLA_NET_NS_FD, 5)
	m.End(peer)
	m.End(data)
	m.End(info)
	if _, err := p.Send(m.Bytes(), nil, root); err != nil {
		t.Fatal(err)
	}
	a, b := dev.ByName(n1, "a0"), dev.ByName(n2, "b0")
	if a == nil || b == nil || veth.Peer(a) != b {
		t.Fatalf("a0 %v, b0 %v: %s", a, b, describeAll(read(p)))
	}
	if !wire.MAC(a.Addr()).IsValid() || string(a.Addr()) == string(b.Addr()) {
		t.Errorf("addresses %x and %x", a.Addr(), b.Addr())
	}
	del := netlink.NewMsg(uapi.RTM_DELLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	del.Put((&uapi.IfInfomsg{Index: int32(a.Ifindex())}).Append(nil))
	if _, err := p.Send(del.Bytes(), nil, root); err != nil || b.Registered() {
		t.Errorf("deleting: %v, the peer is registered %v", err, b.Registered())
	}
}

func TestXDPIsRefused(t *testing.T) {
	n := newLab(t, 1).net()
	p := port(t, n)
	for fd, want := range map[int32]errno.Errno{-1: 0, 5: errno.EOPNOTSUPP} {
		m := netlink.NewMsg(uapi.RTM_SETLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
		m.Put((&uapi.IfInfomsg{Index: 1}).Append(nil))
		x := m.Nest(uapi.IFLA_XDP)
		m.S32(uapi.IFLA_XDP_FD, fd)
		m.End(x)
		if _, err := p.Send(m.Bytes(), nil, netlink.RootCreds(1)); err != nil {
			t.Fatal(err)
		}
		answer := read(p)
		if len(answer) != 1 || -int32(binary.NativeEndian.Uint32(answer[0][16:])) != int32(want) {
			t.Errorf("descriptor %d: %s", fd, describeAll(answer))
		}
	}
}

func TestMulticastListCounts(t *testing.T) {
	n := newLab(t, 1).net()
	d := newDummy(t, n, "d0")
	a, b := []byte{1, 0, 0x5e, 0, 0, 1}, []byte{1, 0, 0x5e, 0, 0, 2}
	d.AddMulticast(a)
	d.AddMulticast(a)
	d.AddMulticast(b)
	if l := d.Multicasts(); len(l) != 2 || l[0].Refs != 2 || l[1].Refs != 1 {
		t.Errorf("%+v", l)
	}
	d.DelMulticast(a)
	d.DelMulticast(b)
	if l := d.Multicasts(); len(l) != 1 || l[0].Refs != 1 {
		t.Errorf("%+v", l)
	}
	if err := d.DelMulticast(b); !errors.Is(err, errno.ENOENT) {
		t.Errorf("removing what is not there: %v", err)
	}
}

func TestOperationalState(t *testing.T) { // RFC 2863
	l := newLab(t, 1)
	n := l.net()
	d := newDummy(t, n, "d0")
	locked(n, func() { dev.Open(d) })
	if d.OperState() != uapi.IF_OPER_UNKNOWN || d.Flags()&uapi.IFF_RUNNING == 0 {
		t.Errorf("up: state %d, flags %#x", d.OperState(), d.Flags())
	}
	for _, c := range []struct {
		name    string
		do      func()
		state   int
		running bool
	}{
		{"carrier gone", d.CarrierOff, uapi.IF_OPER_DOWN, false},
		{"carrier back", d.CarrierOn, uapi.IF_OPER_UP, true},
		{"dormant", func() { d.SetDormant(true) }, uapi.IF_OPER_DORMANT, false},
		{"awake", func() { d.SetDormant(false) }, uapi.IF_OPER_UP, true},
		{"testing", func() { d.SetTesting(true) }, uapi.IF_OPER_TESTING, false},
		{"tested", func() { d.SetTesting(false) }, uapi.IF_OPER_UP, true},
	} {
		c.do()
		l.clock.Settle()
		if d.OperState() != c.state || d.Flags()&uapi.IFF_RUNNING != 0 != c.running {
			t.Errorf("%s: state %d, flags %#x", c.name, d.OperState(), d.Flags())
		}
	}
	if up, down := d.CarrierChanges(); up != 1 || down != 1 {
		t.Errorf("carrier changes: %d up, %d down", up, down)
	}
}

// Package vrf is the VRF device, by which a host has several routing domains:
// packets by the device and by those that it is the master of are routed by a
// table of its own (Documentation/networking/vrf.rst).
//
// What comes in by a port is seen as coming in by the VRF; that is net/ipv4's
// work, as is the rule "from all lookup [l3mdev-table]", which comes with a
// namespace's first VRF. What this host sends to its own addresses in the VRF
// loops through the device.
//
// Linux files: drivers/net/vrf.c. Not done: a queueing discipline on the VRF, and packet sockets on it do not see what is sent by its ports.
package vrf

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/l3mdev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// vrf is the driver; the table is l3mdev's.
type vrf struct{}

// state is what a namespace holds for its VRFs.
type state struct {
	n      *netns.Net
	strict *sysctl.Int // net.vrf.strict_mode: a table belongs to one VRF at most
}

var key = netns.NewKey[state]("vrf")

// policy is what IFLA_INFO_DATA takes (vrf_nl_policy).
var policy = netlink.Policy{uapi.IFLA_VRF_TABLE: netlink.U32()}

// mtu is the largest that a VRF takes, and has: IPv6's longest packet and the
// longest header of it.
const mtu = 65535 + 40

// Pernet makes the link kind "vrf" known in a namespace.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*state, error) {
		st := &state{n: n}
		st.strict = sysctl.Of(n).Int("net/vrf/strict_mode", sysctl.Spec{Ranged: true, Max: 1, OnWrite: st.setStrict})
		dev.Kinds(n).Register(&rtnl.LinkKind[*dev.Device]{
			Name: "vrf", Policy: policy, Setup: setup, Validate: validate, New: newLink, Delete: deleteLink,
			Fill:      func(m *netlink.Msg, d *dev.Device) { m.U32(uapi.IFLA_VRF_TABLE, l3mdev.Table(d)) },
			SlaveFill: func(m *netlink.Msg, d, _ *dev.Device) { m.U32(uapi.IFLA_VRF_PORT_TABLE, l3mdev.Table(d)) },
		})
		return st, nil
	}, nil)
}

// New makes and registers a VRF with a table, down. The caller holds the RTNL.
func New(n *netns.Net, name string, table uint32) (*dev.Device, error) {
	d := dev.New(n, name, nil)
	d.Kind = "vrf"
	setup(d)
	l3mdev.SetTable(d, table)
	return d, dev.Register(d)
}

// setStrict refuses strict mode while two VRFs share a table
// (vrf_strict_mode_change).
func (st *state) setStrict(_, on int64) error {
	used := make(map[uint32]bool)
	for _, d := range dev.List(st.n) {
		if on == 0 || !l3mdev.Is(d) {
			continue
		}
		if table := l3mdev.Table(d); used[table] {
			return errno.EBUSY
		} else {
			used[table] = true
		}
	}
	return nil
}

// taken reports whether strict mode keeps a table from another VRF.
func (st *state) taken(table uint32) bool {
	for _, d := range dev.List(st.n) {
		if l3mdev.Is(d) && l3mdev.Table(d) == table {
			return st.strict.Bool()
		}
	}
	return false
}

func setup(d *dev.Device) {
	ethernet.Setup(d)
	d.Ops = vrf{}
	d.LLTX, d.NoQueue, d.NetnsImmut = true, true, true
	d.MinMTU, d.MaxMTU = 1280, mtu
	d.SetInitialMTU(mtu)
	d.TSOMaxSize = dev.GSOMaxSize
	d.SetInitialFlags(uapi.IFF_MASTER | uapi.IFF_NOARP)
	d.HWFeatures = dev.FeatSG | dev.FeatFragList | dev.FeatHWCsum | dev.FeatRxCsum | dev.FeatHighDMA | dev.FeatGSOSoftware
	d.SetInitialFeatures(d.HWFeatures | dev.FeatGSO | dev.FeatGRO)
	ethernet.RandomAddr(d)
}

// validate looks at the address of a new device (vrf_validate).
func validate(attrs, _ netlink.Attrs) error {
	a := attrs.Get(uapi.IFLA_ADDRESS)
	switch {
	case !a.Present():
		return nil
	case a.Len() != len(wire.MAC{}):
		return netlink.Errorf(errno.EINVAL, "Invalid hardware address")
	case ethernet.ValidMAC(a.Bytes()) != nil:
		return netlink.Errorf(errno.EADDRNOTAVAIL, "Invalid hardware address")
	}
	return nil
}

// newLink registers a VRF (vrf_newlink).
func newLink(l *rtnl.NewLink, d *dev.Device) error {
	if !l.Data.Has(uapi.IFLA_VRF_TABLE) {
		return netlink.Errorf(errno.EINVAL, "VRF table id is missing")
	}
	table := l.Data.U32(uapi.IFLA_VRF_TABLE)
	if table == uapi.RT_TABLE_UNSPEC {
		return netlink.ErrorAt(errno.EINVAL, l.Data.Get(uapi.IFLA_VRF_TABLE), "Invalid VRF table id")
	}
	if key.Of(d.Net()).taken(table) {
		return netlink.Errorf(errno.EBUSY, "Table is used by another VRF")
	}
	l3mdev.SetTable(d, table)
	return dev.Register(d)
}

// deleteLink releases the ports of a VRF that is removed (vrf_dellink).
func deleteLink(d *dev.Device) bool {
	for _, port := range d.Lowers() {
		vrf{}.DelSlave(d, port)
	}
	return true
}

// AddSlave makes port a port of d. Its routes move to d's table, for which it
// goes down and up (do_vrf_add_slave, cycle_netdev).
func (vrf) AddSlave(d, port *dev.Device) error {
	switch {
	case port.IsLoopback():
		return errno.EOPNOTSUPP
	case l3mdev.Is(port):
		return netlink.Errorf(errno.EINVAL, "Can not enslave an L3 master device to a VRF")
	case port.Master() != nil:
		return errno.EINVAL
	}
	if err := dev.LinkUpper(port, d, true, nil); err != nil {
		return err
	}
	return cycle(port)
}

// DelSlave releases port; its routes move back.
func (vrf) DelSlave(d, port *dev.Device) error {
	dev.UnlinkUpper(port, d)
	return cycle(port)
}

// cycle takes a device that is up down and up again.
func cycle(d *dev.Device) error {
	if !d.IsUp() {
		return nil
	}
	dev.Close(d)
	return dev.Open(d)
}

// Open does nothing.
func (vrf) Open(*dev.Device) error { return nil }

// Stop does nothing.
func (vrf) Stop(*dev.Device) {}

// SetMAC agrees to a station's address.
func (vrf) SetMAC(_ *dev.Device, addr []byte) error { return ethernet.ValidMAC(addr) }

// Xmit takes what this host sends to its own addresses in the VRF, and gives
// it back received (vrf_local_xmit). Nothing else has the VRF as its way out.
func (vrf) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	b.Orphan(c)
	n := b.Len()
	b.Tstamp = 0
	if !ethernet.TypeTrans(c, b, d) {
		return
	}
	b.PktType = skb.PacketLoopback // the taps saw it leave; IP makes it PacketHost
	if dev.Rx(c, d, b) {
		d.CountTx(c, n)
		d.CountRx(c, n)
	}
}

// Ethtool is what ethtool(8) sees of a VRF (vrf_ethtool_ops).
func (vrf) Ethtool(*dev.Device) dev.EthtoolInfo {
	return dev.EthtoolInfo{Driver: "vrf", Version: "1.1"}
}

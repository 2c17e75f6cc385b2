package dev

import (
	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// Ops is a driver's side of a device (struct net_device_ops). All but Xmit
// run under the RTNL. What more a driver can do it says by implementing the
// interfaces below.
type Ops interface {
	// Open starts the device: it was down and is brought up.
	Open(d *Device) error
	// Stop ends what Open began.
	Stop(d *Device)
	// Xmit sends b, whose data begins at its link header, and owns it from
	// then on. It counts what it sent and what it dropped.
	Xmit(c *kern.CPU, d *Device, b *skb.Buff)
}

// An Initer prepares a device that is being registered and cleans up behind
// one that was unregistered (ndo_init, ndo_uninit).
type Initer interface {
	Init(d *Device) error
	Uninit(d *Device)
}

// An MTUChanger has a say in the MTU (ndo_change_mtu); the core stores it.
type MTUChanger interface {
	ChangeMTU(d *Device, mtu int) error
}

// A MACSetter has a say in the hardware address (ndo_set_mac_address).
type MACSetter interface {
	SetMAC(d *Device, addr []byte) error
}

// A MACValidator refuses addresses when the device is brought up or its
// address set (ndo_validate_addr).
type MACValidator interface {
	ValidateMAC(d *Device, addr []byte) error
}

// A RxModer is told when flags or address lists changed (ndo_set_rx_mode).
type RxModer interface{ SetRxMode(d *Device) }

// An Iflinker has a lower or peer device: its index and its namespace
// (ndo_get_iflink, rtnl_link_ops.get_link_net).
type Iflinker interface {
	Iflink(d *Device) (index int, n *netns.Net)
}

// A CarrierChanger lets user space change the carrier (ndo_change_carrier).
type CarrierChanger interface {
	ChangeCarrier(d *Device, on bool) error
}

// A Master takes ports (ndo_add_slave, ndo_del_slave).
type Master interface {
	AddSlave(d, slave *Device) error
	DelSlave(d, slave *Device) error
}

// A StatsFiller changes or replaces the statistics that the core has counted
// (ndo_get_stats64).
type StatsFiller interface{ FillStats(d *Device, s *Stats) }

// A FeatureFixer limits the features that may be on (ndo_fix_features).
type FeatureFixer interface {
	FixFeatures(d *Device, f Features) Features
}

// A FeatureSetter is told of new features (ndo_set_features).
type FeatureSetter interface {
	SetFeatures(d *Device, f Features) error
}

// A ProtoDowner can keep its link down for a protocol (IFF_CHANGE_PROTO_DOWN).
type ProtoDowner interface{ CanProtoDown() bool }

// A Tunneller makes, shows, changes and removes the tunnels of its kind
// (ndo_tunnel_ctl, ndo_siocdevprivate).
type Tunneller interface {
	// TunnelNets returns the namespaces whose RTNL TunnelCtl needs for p.
	TunnelNets(d *Device, p *uapi.IPTunnelParm) []*netns.Net
	// TunnelCtl does cmd, one of uapi's SIOC*TUNNEL; p says which tunnel, and is
	// the answer. admin says that the caller has CAP_NET_ADMIN.
	TunnelCtl(d *Device, cmd uint32, p *uapi.IPTunnelParm, admin bool) error
}

// A SysAttrer has files of its own below /sys/class/net (dev->sysfs_groups).
type SysAttrer interface {
	SysAttrs(d *Device) map[string]func() string
}

// HeaderOps builds and reads the headers of a kind of link
// (struct header_ops). The functions run on the data path.
type HeaderOps struct {
	// Create pushes a header for proto (an EtherType) on b. A nil src is the
	// device's own address. With a nil dst it leaves the destination open and
	// reports false, unless the link needs none.
	Create func(d *Device, b *skb.Buff, proto uint16, dst, src []byte) bool
	// Parse returns the source address of b, whose link header is set, or nil.
	Parse func(b *skb.Buff) []byte
	// Cache returns a header that Create would build with d's own address, to
	// be pushed as it is on each packet to dst; nil when it cannot be kept.
	Cache func(d *Device, proto uint16, dst []byte) []byte
}

// Header pushes the link header for proto on b, to dst, from src (nil: d's
// own address), and reports whether it is complete (dev_hard_header). A link
// without headers needs none.
func (d *Device) Header(b *skb.Buff, proto uint16, dst, src []byte) bool {
	if d.HeaderOps == nil {
		return true
	}
	return d.HeaderOps.Create(d, b, proto, dst, src)
}

// HeaderCache returns the link header of every packet of proto to dst, for a
// neighbour to keep, or nil when there is none to keep. It is void when d's
// address changes (EventChangeAddr).
func (d *Device) HeaderCache(proto uint16, dst []byte) []byte {
	if d.HeaderOps == nil || d.HeaderOps.Cache == nil {
		return nil
	}
	return d.HeaderOps.Cache(d, proto, dst)
}

// HeaderSource returns the link source address of a received b, or nil
// (dev_parse_header).
func (d *Device) HeaderSource(b *skb.Buff) []byte {
	if d.HeaderOps == nil || d.HeaderOps.Parse == nil {
		return nil
	}
	return d.HeaderOps.Parse(b)
}

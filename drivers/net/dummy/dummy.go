// Package dummy is the dummy device, which swallows what is sent by it: a
// place for addresses.
//
// Linux files: drivers/net/dummy.c.
package dummy

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// dummy is the driver; it keeps nothing.
type dummy struct{}

// registered is the slot that says that the kind is known.
type registered struct{}

var key = netns.NewKey[registered]("dummy")

// Pernet makes the link kind "dummy" known in a namespace.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*registered, error) {
		dev.Kinds(n).Register(&rtnl.LinkKind[*dev.Device]{Name: "dummy", Setup: setup, Validate: validate})
		return new(registered), nil
	}, nil)
}

// New makes and registers a dummy device, down. The caller holds the RTNL.
func New(n *netns.Net, name string) (*dev.Device, error) {
	d := dev.New(n, name, nil)
	d.Kind = "dummy"
	setup(d)
	return d, dev.Register(d)
}

func setup(d *dev.Device) {
	ethernet.Setup(d)
	d.Ops = dummy{}
	d.LLTX, d.NoQueue = true, true
	d.MinMTU, d.MaxMTU = 0, 0
	d.TSOMaxSize = dev.GSOMaxSize
	d.SetInitialFlags(uapi.IFF_BROADCAST | uapi.IFF_NOARP)
	d.HWFeatures = dev.FeatSG | dev.FeatFragList | dev.FeatHWCsum | dev.FeatHighDMA | dev.FeatGSOSoftware
	d.SetInitialFeatures(d.HWFeatures | dev.FeatGSO | dev.FeatGRO)
	ethernet.RandomAddr(d)
}

// validate looks at the address of a new device (dummy_validate).
func validate(attrs, _ netlink.Attrs) error {
	a := attrs.Get(uapi.IFLA_ADDRESS)
	switch {
	case !a.Present():
		return nil
	case a.Len() != len(wire.MAC{}):
		return errno.EINVAL
	}
	return ethernet.ValidMAC(a.Bytes())
}

// Open does nothing.
func (dummy) Open(*dev.Device) error { return nil }

// Stop does nothing.
func (dummy) Stop(*dev.Device) {}

// SetMAC agrees to a station's address.
func (dummy) SetMAC(_ *dev.Device, addr []byte) error { return ethernet.ValidMAC(addr) }

// ValidateMAC refuses to bring up a device without a station's address.
func (dummy) ValidateMAC(_ *dev.Device, addr []byte) error { return ethernet.ValidMAC(addr) }

// ChangeCarrier lets user space switch the carrier.
func (dummy) ChangeCarrier(d *dev.Device, on bool) error {
	if on {
		d.CarrierOn()
	} else {
		d.CarrierOff()
	}
	return nil
}

// Xmit counts b and ends it.
func (dummy) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	d.CountTx(c, b.Len())
	b.Consume(c)
}

// Ethtool is what ethtool(8) sees of a dummy (dummy_ethtool_ops).
func (dummy) Ethtool(*dev.Device) dev.EthtoolInfo { return dev.EthtoolInfo{StampsTx: true} }

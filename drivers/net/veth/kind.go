package veth

import (
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// registered is the slot that says that the kind is known.
type registered struct{}

var key = netns.NewKey[registered]("veth")

// Pernet makes the link kind "veth" known in a namespace.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*registered, error) {
		dev.Kinds(n).Register(kind())
		return new(registered), nil
	}, nil)
}

func kind() *rtnl.LinkKind[*dev.Device] {
	return &rtnl.LinkKind[*dev.Device]{
		Name:           "veth",
		Policy:         netlink.Policy{uapi.VETH_INFO_PEER: netlink.Struct(uapi.SizeofIfInfomsg)},
		PeerPolicyAttr: uapi.VETH_INFO_PEER,
		Setup:          setup,
		Validate:       validate,
		New:            newLink,
	}
}

// validate looks at the attributes of either end (veth_validate).
func validate(tb, _ netlink.Attrs) error {
	if a := tb.Get(uapi.IFLA_ADDRESS); a.Present() {
		if a.Len() != len(wire.MAC{}) {
			return errno.EINVAL
		}
		if err := ethernet.ValidMAC(a.Bytes()); err != nil {
			return err
		}
	}
	if tb.Has(uapi.IFLA_MTU) {
		if mtu := tb.U32(uapi.IFLA_MTU); mtu < minMTU || mtu > maxMTU {
			return errno.EINVAL
		}
	}
	return nil
}

// newLink makes the peer and registers it, then d (veth_newlink).
func newLink(l *rtnl.NewLink, d *dev.Device) error {
	var h uapi.IfInfomsg
	tb, name := l.Attrs, "veth%d"
	if a := l.Data.Get(uapi.VETH_INFO_PEER); a.Present() {
		var err error
		if h, tb, err = dev.ParsePeer(a); err != nil {
			return err
		}
		if err := validate(tb, netlink.Attrs{}); err != nil {
			return err
		}
		if tb.Has(uapi.IFLA_IFNAME) {
			name = tb.Text(uapi.IFLA_IFNAME)
		}
	}
	peer, err := dev.CreateLink(l.Peer, kind(), name, tb)
	if err != nil {
		return err
	}
	index := 0
	if d.WantedIndex() != 0 {
		index = int(h.Index)
	}
	if err := dev.RegisterLink(peer, index); err != nil {
		return err
	}
	peer.CarrierOff()
	if err = dev.ConfigureLink(peer, h.Flags, h.Change, nil); err == nil {
		err = dev.RegisterLink(d, d.WantedIndex())
	}
	if err != nil {
		dev.Unregister(peer)
		return err
	}
	d.CarrierOff()
	join(d, peer)
	return nil
}

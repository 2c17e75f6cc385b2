package linen

import (
	"linen/drivers/net/veth"
	"linen/lib/impair"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// Link joins two Nets, or one with itself, by a virtual cable (a veth pair)
// whose ends are called aDev in a and bDev in b, and brings both up.
func (k *Kernel) Link(a *Net, aDev string, b *Net, bDev string) error {
	if _, _, err := veth.NewPair(a.ns, aDev, b.ns, bDev); err != nil {
		return opError("link "+a.name+":"+aDev+" "+b.name+":"+bDev, err)
	}
	if err := a.Up(aDev); err != nil {
		return err
	}
	return b.Up(bDev)
}

// AddLink makes a device of a kind that needs no more than a name: `ip link
// add NAME type KIND`.
func (n *Net) AddLink(name, kind string) error {
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE|uapi.NLM_F_EXCL)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, name)
	at := m.Nest(uapi.IFLA_LINKINFO)
	m.String(uapi.IFLA_INFO_KIND, kind)
	m.End(at)
	return n.request("add link "+name+" type "+kind, m)
}

// DelLink removes a device: `ip link del NAME`.
func (n *Net) DelLink(name string) error {
	m := netlink.NewMsg(uapi.RTM_DELLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, name)
	return n.request("del link "+name, m)
}

// SetMaster makes a device a port of a bridge: `ip link set NAME master M`; an
// empty master releases it.
func (n *Net) SetMaster(name, master string) error {
	index := 0
	if master != "" {
		var err error
		if index, err = n.index(master); err != nil {
			return opError("set master "+master, err)
		}
	}
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, name)
	m.U32(uapi.IFLA_MASTER, uint32(index))
	return n.request("set link "+name+" master "+master, m)
}

// SetMTU sets the MTU of a device, in bytes: `ip link set NAME mtu MTU`.
func (n *Net) SetMTU(name string, mtu int) error {
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, name)
	m.U32(uapi.IFLA_MTU, uint32(mtu))
	return n.request("set link "+name+" mtu", m)
}

// SetMAC sets the hardware address of a device.
func (n *Net) SetMAC(name string, addr []byte) error {
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, name)
	m.Attr(uapi.IFLA_ADDRESS, addr)
	return n.request("set link "+name+" address", m)
}

// Impairment makes what one end of a Link sends late, lost or slow: delay,
// jitter, loss, rate. The zero value is a perfect cable.
type Impairment = impair.Config

// Impair sets the Impairment of what the veth device name sends, from the next
// frame on. A Kernel's Seed makes the losses repeatable.
func (n *Net) Impair(name string, i Impairment) error {
	d := dev.ByName(n.ns, name)
	if d == nil {
		return opError("impair "+name, errno.ENODEV)
	}
	return opError("impair "+name, veth.Impair(d, i))
}

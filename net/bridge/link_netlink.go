package bridge

import (
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// registerLinks serves `bridge link`: RTM_GETLINK and RTM_SETLINK of PF_BRIDGE.
// dev answered the dump before, with nothing.
func registerLinks(n *netns.Net) {
	t := rtnl.Of(n)
	t.Handle(uapi.RTM_GETLINK, uapi.AF_BRIDGE, rtnl.Handler{Dump: dumpLinks, SplitDone: true})
	t.Handle(uapi.RTM_SETLINK, uapi.AF_BRIDGE, rtnl.Handler{Do: setLink})
}

// linkReqPolicy is what `bridge link` requests take.
var linkReqPolicy = netlink.Policy{
	uapi.IFLA_EXT_MASK: netlink.U32(),
	uapi.IFLA_PROTINFO: {},
	uapi.IFLA_AF_SPEC:  {},
}

// withBridges are the details for which a dump lists the bridges too.
const withBridges = uapi.RTEXT_FILTER_BRVLAN | uapi.RTEXT_FILTER_BRVLAN_COMPRESSED | uapi.RTEXT_FILTER_MRP |
	uapi.RTEXT_FILTER_CFM_CONFIG | uapi.RTEXT_FILTER_CFM_STATUS | uapi.RTEXT_FILTER_MST

// dumpLinks lists the ports (rtnl_bridge_getlink).
func dumpLinks(d *netlink.Dump) error {
	r := d.Request
	if r.Strict && len(r.Payload()) < uapi.SizeofIfInfomsg {
		return netlink.Errorf(errno.EINVAL, "Invalid header for bridge link dump")
	}
	var mask uint32
	if len(r.Payload()) >= uapi.SizeofIfInfomsg {
		a, err := r.Parse(uapi.SizeofIfInfomsg, linkReqPolicy, netlink.Liberal)
		if err != nil {
			return err
		}
		mask = a.U32(uapi.IFLA_EXT_MASK)
	}
	next, _ := d.State.(int)
	list := dev.List(r.Net)
	for ; next < len(list); next++ {
		x := list[next]
		if portOf(x) == nil && (of(x) == nil || mask&withBridges == 0) {
			continue
		}
		if !d.Put(uapi.RTM_NEWLINK, 0, func(m *netlink.Msg) { fillBridgeLink(m, x) }) {
			d.State = next
			return netlink.More
		}
	}
	return nil
}

// fillBridgeLink writes a port or a bridge as `bridge link` sees it
// (br_fill_ifinfo).
func fillBridgeLink(m *netlink.Msg, d *dev.Device) {
	h := uapi.IfInfomsg{Family: uapi.AF_BRIDGE, Type: d.Type, Index: int32(d.Ifindex()), Flags: d.Flags()}
	m.Put(h.Append(nil))
	m.String(uapi.IFLA_IFNAME, d.Name())
	p := portOf(d)
	master := d
	if p != nil {
		master = p.br.dev
	}
	m.U32(uapi.IFLA_MASTER, uint32(master.Ifindex()))
	m.U32(uapi.IFLA_MTU, uint32(d.MTU()))
	state := uint8(uapi.IF_OPER_DOWN)
	if d.Running() {
		state = uint8(d.OperState())
	}
	m.U8(uapi.IFLA_OPERSTATE, state)
	m.Attr(uapi.IFLA_ADDRESS, d.Addr())
	if index, _ := d.Iflink(); index != d.Ifindex() {
		m.U32(uapi.IFLA_LINK, uint32(index))
	}
	if p != nil {
		nest := m.Nest(uapi.IFLA_PROTINFO)
		fillPort(m, d)
		m.End(nest)
	}
}

// setLink serves `bridge link set` (rtnl_bridge_setlink, br_setlink).
func setLink(r *netlink.Request) error {
	a, err := r.Parse(uapi.SizeofIfInfomsg, linkReqPolicy, netlink.Liberal)
	if err != nil {
		return err
	}
	h, _ := uapi.ParseIfInfomsg(r.Payload())
	d := dev.ByIndex(r.Net, int(h.Index))
	if d == nil {
		return netlink.Errorf(errno.ENODEV, "unknown ifindex")
	}
	p := portOf(d)
	info := a.Get(uapi.IFLA_PROTINFO)
	switch {
	case p == nil:
		return errno.EOPNOTSUPP
	case !info.Present():
		return errno.EOPNOTSUPP // IFLA_AF_SPEC: VLANs
	}
	data, err := netlink.ParseNested(info, portPolicy, netlink.Liberal)
	if err != nil {
		return err
	}
	if err := changePort(nil, d, netlink.Attrs{}, data); err != nil {
		return err
	}
	if rtnl.Listening(r.Net, uapi.RTNLGRP_LINK, nil) {
		m := netlink.NewMsg(uapi.RTM_NEWLINK, 0)
		fillBridgeLink(m, d)
		rtnl.Notify(r.Net, uapi.RTNLGRP_LINK, m, nil)
	}
	return nil
}

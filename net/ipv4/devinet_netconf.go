package ipv4

import (
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// Indexes of RTM_*NETCONF that mean no single device.
const (
	netconfAll     = uapi.NETCONFA_IFINDEX_ALL
	netconfDefault = uapi.NETCONFA_IFINDEX_DEFAULT
)

// confGone, for notifyConf, says that the device's settings are gone.
const confGone Conf = 0

// confWhole, for notifyConf, means all settings that a message carries.
const confWhole Conf = numConf

// netconfAttrs are the settings that RTM_*NETCONF carries, in the kernel's
// order.
var netconfAttrs = [...]struct {
	c    Conf
	attr uint16
}{
	{ConfForwarding, uapi.NETCONFA_FORWARDING},
	{ConfRPFilter, uapi.NETCONFA_RP_FILTER},
	{ConfMcForwarding, uapi.NETCONFA_MC_FORWARDING},
	{ConfBcForwarding, uapi.NETCONFA_BC_FORWARDING},
	{ConfProxyARP, uapi.NETCONFA_PROXY_NEIGH},
	{ConfIgnoreRoutesWithLinkdown, uapi.NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN},
}

// fillNetconf writes the settings of an index; only one of them unless c is
// confWhole (inet_netconf_fill_devconf).
func fillNetconf(m *netlink.Msg, index int, g *sysctl.Group, c Conf) {
	m.Grow(1)[0] = uapi.AF_INET
	m.S32(uapi.NETCONFA_IFINDEX, int32(index))
	if g == nil {
		return
	}
	for _, a := range netconfAttrs {
		if c == confWhole || c == a.c {
			m.S32(a.attr, int32(g.Load(int(a.c))))
		}
	}
}

// notifyConf tells RTNLGRP_IPV4_NETCONF of a changed setting, if it is one of
// those that the messages carry; confGone of a device that is gone.
func (st *state) notifyConf(c Conf, index int) {
	known := c == confGone || c == confWhole
	for _, a := range netconfAttrs {
		known = known || a.c == c
	}
	if !known || !rtnl.Listening(st.n, uapi.RTNLGRP_IPV4_NETCONF, nil) {
		return
	}
	typ := uint16(uapi.RTM_NEWNETCONF)
	var g *sysctl.Group
	if c == confGone {
		typ = uapi.RTM_DELNETCONF
	} else {
		g = st.confOf(index)
	}
	m := netlink.NewMsg(typ, 0)
	fillNetconf(m, index, g, c)
	rtnl.Notify(st.n, uapi.RTNLGRP_IPV4_NETCONF, m, nil)
}

// confOf returns the settings of an index, or nil.
func (st *state) confOf(index int) *sysctl.Group {
	switch index {
	case netconfAll:
		return st.confAll
	case netconfDefault:
		return st.confDefault
	}
	if d := dev.ByIndex(st.n, index); d != nil {
		if in := InDev(d); in != nil {
			return in.conf
		}
	}
	return nil
}

// getNetconf serves RTM_GETNETCONF for one index (inet_netconf_get_devconf).
func (st *state) getNetconf(r *netlink.Request) error {
	policy := netlink.Policy{uapi.NETCONFA_IFINDEX: netlink.S32(), uapi.NETCONFA_BC_FORWARDING: {}}
	tb, err := r.Parse(1, policy, netlink.Liberal)
	if err != nil {
		return err
	}
	if !tb.Has(uapi.NETCONFA_IFINDEX) {
		return errno.EINVAL
	}
	index := int(tb.Get(uapi.NETCONFA_IFINDEX).S32())
	g := st.confOf(index)
	if g == nil {
		return errno.ENODEV
	}
	m := r.Message(uapi.RTM_NEWNETCONF, 0)
	fillNetconf(m, index, g, confWhole)
	r.Reply(m)
	return nil
}

// dumpNetconf serves a dump: the devices, then all and default.
func (st *state) dumpNetconf(d *netlink.Dump) error {
	next, _ := d.State.(int)
	indexes := make([]int, 0, 8)
	for _, o := range dev.List(st.n) {
		if InDev(o) != nil {
			indexes = append(indexes, o.Ifindex())
		}
	}
	indexes = append(indexes, netconfAll, netconfDefault)
	for ; next < len(indexes); next++ {
		index := indexes[next]
		g := st.confOf(index)
		if g == nil {
			continue
		}
		if !d.Put(uapi.RTM_NEWNETCONF, 0, func(m *netlink.Msg) { fillNetconf(m, index, g, confWhole) }) {
			d.State = next
			return netlink.More
		}
	}
	return nil
}

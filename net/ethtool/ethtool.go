// Package ethtool is what ethtool(8) asks of a device, over the generic netlink
// family "ethtool" and by the ioctl SIOCETHTOOL: features, link settings and
// state, queues, the driver's name and counters, time stamps. Drivers answer by
// [dev.Ethtooler].
//
// Linux files: net/ethtool/netlink.c, ioctl.c, bitset.c, features.c, strset.c,
// linkinfo.c, linkmodes.c, linkstate.c, channels.c, tsinfo.c, common.c;
// include/uapi/linux/ethtool.h, ethtool_netlink.h. Rings, coalescing, pause
// frames, energy, modules, wake-on-LAN and flow rules are EOPNOTSUPP, as for
// the kernel's own virtual devices. Not done: standard statistics
// (ETHTOOL_MSG_STATS_GET), names of strings but for features and counters.
package ethtool

import (
	"linen/net/dev"
	"linen/net/genl"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// state is a namespace's family.
type state struct {
	n      *netns.Net
	family *genl.Registered
}

var key = netns.NewKey[state]("ethtool")

// Pernet makes the family known in a namespace; genl and dev come before it.
func Pernet() netns.Subsys { return netns.Bind(key, initNet, nil) }

func initNet(n *netns.Net) (*state, error) {
	st := &state{n: n}
	f, err := genl.Register(n, genl.Family{
		Name: uapi.ETHTOOL_GENL_NAME, Version: uapi.ETHTOOL_GENL_VERSION, Groups: []string{uapi.ETHTOOL_MCGRP_MONITOR_NAME},
		Ops: append(st.queryOps(),
			genl.Op{Cmd: uapi.ETHTOOL_MSG_STRSET_GET, Policy: strsetPolicy, Do: st.getStrings},
			genl.Op{Cmd: uapi.ETHTOOL_MSG_FEATURES_SET, Flags: uapi.GENL_UNS_ADMIN_PERM, Policy: featuresPolicy, Do: st.setFeatures},
			genl.Op{Cmd: uapi.ETHTOOL_MSG_CHANNELS_SET, Flags: uapi.GENL_UNS_ADMIN_PERM, Policy: channelsPolicy, Do: st.setChannels}),
	})
	if err != nil {
		return nil, err
	}
	st.family = f
	_, err = dev.Notifiers(n).Add(0, st.event)
	return st, err
}

// headerAttr is the attribute with the header in every message.
const headerAttr = 1

var (
	headerPolicy = netlink.Policy{
		uapi.ETHTOOL_A_HEADER_DEV_INDEX: netlink.U32(),
		uapi.ETHTOOL_A_HEADER_DEV_NAME:  netlink.NulString(altNameSize - 1),
		uapi.ETHTOOL_A_HEADER_FLAGS:     netlink.U32().Mask(uapi.ETHTOOL_FLAG_ALL),
	}
	headerOnly = netlink.Policy{headerAttr: netlink.Nested(headerPolicy)}
)

// altNameSize is ALTIFNAMSIZ.
const altNameSize = 128

// A header is the common part of a request.
type header struct {
	d     *dev.Device // nil: none was named
	flags uint32      // ETHTOOL_FLAG_*
}

// parseHeader reads a request's header (ethnl_parse_header_dev_get): ENODEV
// for a device that is not there.
func parseHeader(r *netlink.Request, a netlink.Attrs) (h header, err error) {
	at := a.Get(headerAttr)
	if !at.Present() {
		return h, netlink.Missing(netlink.Attr{}, headerAttr)
	}
	t, err := netlink.ParseNested(at, headerPolicy, netlink.Full)
	if err != nil {
		return h, err
	}
	h.flags = t.U32(uapi.ETHTOOL_A_HEADER_FLAGS)
	index, name := t.Get(uapi.ETHTOOL_A_HEADER_DEV_INDEX), t.Get(uapi.ETHTOOL_A_HEADER_DEV_NAME)
	switch {
	case index.Present():
		if h.d = dev.ByIndex(r.Net, int(index.U32())); h.d == nil {
			return h, netlink.ErrorAt(errno.ENODEV, index, "no device matches ifindex")
		}
		if name.Present() && dev.ByName(r.Net, name.Text()) != h.d {
			return h, netlink.ErrorAt(errno.ENODEV, at, "netdevice name and ifindex do not match")
		}
	case name.Present():
		if h.d = dev.ByName(r.Net, name.Text()); h.d == nil {
			return h, netlink.ErrorAt(errno.ENODEV, name, "no device matches name")
		}
	}
	return h, nil
}

// device is parseHeader that needs a device.
func device(r *netlink.Request, a netlink.Attrs) (header, error) {
	h, err := parseHeader(r, a)
	if err == nil && h.d == nil {
		err = netlink.ErrorAt(errno.EINVAL, a.Get(headerAttr), "neither ifindex nor name specified")
	}
	return h, err
}

// putHeader writes the header of an answer about d, which may be nil.
func putHeader(m *netlink.Msg, d *dev.Device) {
	if d == nil {
		return
	}
	nest := m.Nest(headerAttr)
	m.U32(uapi.ETHTOOL_A_HEADER_DEV_INDEX, uint32(d.Ifindex()))
	m.String(uapi.ETHTOOL_A_HEADER_DEV_NAME, d.Name())
	m.End(nest)
}

package ethtool

import (
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// linkModeWords are the 32-bit words of a set of link modes.
const linkModeWords = (uapi.ETHTOOL_LINK_MODE_MASK_NBITS + 31) / 32

// putLinkInfo answers ETHTOOL_MSG_LINKINFO_GET (linkinfo.c). Nothing here has
// a PHY, or wires to cross.
func putLinkInfo(m *netlink.Msg, d *dev.Device, _ bool) error {
	link := d.EthtoolInfo().Link
	if link == nil {
		return errno.EOPNOTSUPP
	}
	m.U8(uapi.ETHTOOL_A_LINKINFO_PORT, link.Port)
	m.U8(uapi.ETHTOOL_A_LINKINFO_PHYADDR, 0)
	m.U8(uapi.ETHTOOL_A_LINKINFO_TP_MDIX, 0)
	m.U8(uapi.ETHTOOL_A_LINKINFO_TP_MDIX_CTRL, 0)
	m.U8(uapi.ETHTOOL_A_LINKINFO_TRANSCEIVER, 0) // internal
	return nil
}

// putLinkModes answers ETHTOOL_MSG_LINKMODES_GET (linkmodes.c). No device has
// modes to choose from.
func putLinkModes(m *netlink.Msg, d *dev.Device, compact bool) error {
	link := d.EthtoolInfo().Link
	if link == nil {
		return errno.EOPNOTSUPP
	}
	m.U8(uapi.ETHTOOL_A_LINKMODES_AUTONEG, 0)
	nest := m.Nest(uapi.ETHTOOL_A_LINKMODES_OURS)
	m.U32(uapi.ETHTOOL_A_BITSET_SIZE, uapi.ETHTOOL_LINK_MODE_MASK_NBITS)
	if compact {
		m.Attr(uapi.ETHTOOL_A_BITSET_VALUE, make([]byte, 4*linkModeWords))
		m.Attr(uapi.ETHTOOL_A_BITSET_MASK, make([]byte, 4*linkModeWords))
	} else {
		m.End(m.Nest(uapi.ETHTOOL_A_BITSET_BITS))
	}
	m.End(nest)
	m.U32(uapi.ETHTOOL_A_LINKMODES_SPEED, link.Speed)
	m.U8(uapi.ETHTOOL_A_LINKMODES_DUPLEX, link.Duplex)
	m.U8(uapi.ETHTOOL_A_LINKMODES_RATE_MATCHING, 0)
	return nil
}

// linkUp is the link's state as the driver says it, EOPNOTSUPP when it does
// not know (__ethtool_get_link).
func linkUp(d *dev.Device) (uint8, error) {
	switch {
	case !d.EthtoolInfo().HasLink:
		return 0, errno.EOPNOTSUPP
	case d.Running() && d.Carrier():
		return 1, nil
	}
	return 0, nil
}

// putLinkState answers ETHTOOL_MSG_LINKSTATE_GET (linkstate.c).
func putLinkState(m *netlink.Msg, d *dev.Device, _ bool) error {
	if up, err := linkUp(d); err == nil {
		m.U8(uapi.ETHTOOL_A_LINKSTATE_LINK, up)
	}
	return nil
}

// putModule answers ETHTOOL_MSG_MODULE_GET: no device has a module.
func putModule(*netlink.Msg, *dev.Device, bool) error { return nil }

// stampNames are the bits of SOF_TIMESTAMPING_* that a device here may have
// (sof_timestamping_names).
var stampNames = [...]struct {
	bit  uint32
	name string
}{{1, "software-transmit"}, {3, "software-receive"}, {4, "software-system-clock"}}

// stamps is which time stamps there are of d's frames, SOF_TIMESTAMPING_* bits
// (__ethtool_get_ts_info).
func stamps(d *dev.Device) uint32 {
	s := uint32(1<<3 | 1<<4)
	if d.EthtoolInfo().StampsTx {
		s |= 1 << 1
	}
	return s
}

// putStamps answers ETHTOOL_MSG_TSINFO_GET (tsinfo.c). There are no clocks in
// hardware.
func putStamps(m *netlink.Msg, d *dev.Device, compact bool) error {
	s := stamps(d)
	nest := m.Nest(uapi.ETHTOOL_A_TSINFO_TIMESTAMPING)
	m.Flag(uapi.ETHTOOL_A_BITSET_NOMASK)
	m.U32(uapi.ETHTOOL_A_BITSET_SIZE, uapi.ETHTOOL_SOF_TIMESTAMPING_CNT)
	if compact {
		m.U32(uapi.ETHTOOL_A_BITSET_VALUE, s)
	} else {
		all := m.Nest(uapi.ETHTOOL_A_BITSET_BITS)
		for _, n := range stampNames {
			if s>>n.bit&1 != 0 {
				one := m.Nest(uapi.ETHTOOL_A_BITSET_BITS_BIT)
				m.U32(uapi.ETHTOOL_A_BITSET_BIT_INDEX, n.bit)
				m.String(uapi.ETHTOOL_A_BITSET_BIT_NAME, n.name)
				m.End(one)
			}
		}
		m.End(all)
	}
	m.End(nest)
	return nil
}

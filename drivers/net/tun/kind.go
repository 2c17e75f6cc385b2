package tun

import (
	"fmt"
	"strconv"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// registered is the slot that says that the kind is known.
type registered struct{}

var key = netns.NewKey[registered]("tun")

// Pernet makes the link kind "tun" known in a namespace.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*registered, error) {
		dev.Kinds(n).Register(&rtnl.LinkKind[*dev.Device]{
			Name: "tun", Setup: setup, Validate: validate, Fill: fill,
		})
		return new(registered), nil
	}, nil)
}

// setup is of a device that validate refuses.
func setup(d *dev.Device) {}

// validate refuses rtnetlink's devices: they come by TUNSETIFF (tun_validate).
func validate(_, _ netlink.Attrs) error {
	return netlink.Errorf(errno.EOPNOTSUPP, "tun/tap creation via rtnetlink is not supported.")
}

// fill writes IFLA_INFO_DATA (tun_fill_info).
func fill(m *netlink.Msg, d *dev.Device) {
	l := of(d)
	if l == nil {
		return
	}
	flags := l.flags.Load()
	has := func(f uint32) uint8 {
		if flags&f != 0 {
			return 1
		}
		return 0
	}
	m.U8(uapi.IFLA_TUN_TYPE, uint8(flags&typeMask))
	if id := l.owner.Load(); id != noID {
		m.U32(uapi.IFLA_TUN_OWNER, uint32(id))
	}
	if id := l.group.Load(); id != noID {
		m.U32(uapi.IFLA_TUN_GROUP, uint32(id))
	}
	m.U8(uapi.IFLA_TUN_PI, 1-has(uapi.IFF_NO_PI))
	m.U8(uapi.IFLA_TUN_VNET_HDR, has(uapi.IFF_VNET_HDR))
	m.U8(uapi.IFLA_TUN_PERSIST, has(uapi.IFF_PERSIST))
	m.U8(uapi.IFLA_TUN_MULTI_QUEUE, has(uapi.IFF_MULTI_QUEUE))
	if flags&uapi.IFF_MULTI_QUEUE != 0 {
		l.mu.Lock()
		all, on := len(l.all), len(*l.queues.Load())
		l.mu.Unlock()
		m.U32(uapi.IFLA_TUN_NUM_QUEUES, uint32(on))
		m.U32(uapi.IFLA_TUN_NUM_DISABLED_QUEUES, uint32(all-on))
	}
}

// SysAttrs returns the device's own files below /sys/class/net.
func (l *link) SysAttrs(*dev.Device) map[string]func() string {
	return map[string]func() string{
		"tun_flags": func() string { return fmt.Sprintf("0x%x", l.flags.Load()) },
		"owner":     func() string { return strconv.FormatInt(l.owner.Load(), 10) },
		"group":     func() string { return strconv.FormatInt(l.group.Load(), 10) },
	}
}

// Ethtool is what ethtool(8) sees: a made-up copper wire (tun_get_drvinfo,
// tun_default_link_ksettings).
func (l *link) Ethtool(*dev.Device) dev.EthtoolInfo {
	bus := "tun"
	if l.tap() {
		bus = "tap"
	}
	return dev.EthtoolInfo{
		Driver: "tun", Version: "1.6", Bus: bus, HasLink: true,
		Link: &dev.LinkSettings{Speed: 10000, Duplex: uapi.DUPLEX_FULL, Port: uapi.PORT_TP},
	}
}

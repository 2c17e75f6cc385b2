package ipv4

import (
	"encoding/binary"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// initLinkAttrs registers IPv4's part of IFLA_AF_SPEC: the settings of a
// device as an array in the order of Conf.
func (st *state) initLinkAttrs() {
	dev.AFs(st.n).Register(&rtnl.AFOps[*dev.Device]{
		Family:   uapi.AF_INET,
		Fill:     fillLinkConf,
		Validate: validateLinkConf,
		Set:      st.setLinkConf,
	})
}

// fillLinkConf writes IFLA_INET_CONF (inet_fill_link_af).
func fillLinkConf(m *netlink.Msg, d *dev.Device, _ uint32) {
	in := InDev(d)
	if in == nil {
		return
	}
	p := m.Reserve(uapi.IFLA_INET_CONF, 4*(numConf-1))
	for c := ConfForwarding; c < numConf; c++ {
		binary.NativeEndian.PutUint32(p[4*(c-1):], uint32(in.conf.Load(int(c))))
	}
}

// eachConf calls f for the settings in an IFLA_AF_SPEC of AF_INET.
func eachConf(attr netlink.Attr, f func(c int, a netlink.Attr) error) (err error) {
	attr.Each(func(conf netlink.Attr) bool {
		if conf.Type() == uapi.IFLA_INET_CONF {
			conf.Each(func(a netlink.Attr) bool {
				err = f(int(a.Type()), a)
				return err == nil
			})
		}
		return err == nil
	})
	return err
}

// validateLinkConf checks them (inet_validate_link_af).
func validateLinkConf(d *dev.Device, attr netlink.Attr) error {
	if d != nil && InDev(d) == nil {
		return errno.EAFNOSUPPORT
	}
	return eachConf(attr, func(c int, a netlink.Attr) error {
		if a.Len() < 4 || c <= 0 || c >= numConf {
			return errno.EINVAL
		}
		return nil
	})
}

// setLinkConf applies them (inet_set_link_af).
func (st *state) setLinkConf(d *dev.Device, attr netlink.Attr) error {
	in := InDev(d)
	if in == nil {
		return errno.EAFNOSUPPORT
	}
	err := eachConf(attr, func(c int, a netlink.Attr) error {
		in.set.Or(1 << c)
		in.conf.Store(c, int64(a.S32()))
		return nil
	})
	st.flushCache()
	return err
}

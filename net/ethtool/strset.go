package ethtool

import (
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

var (
	strsetPolicy = netlink.Policy{
		uapi.ETHTOOL_A_STRSET_HEADER:      netlink.Nested(headerPolicy),
		uapi.ETHTOOL_A_STRSET_STRINGSETS:  netlink.Nested(nil),
		uapi.ETHTOOL_A_STRSET_COUNTS_ONLY: netlink.Flag(),
	}
	stringsetPolicy = netlink.Policy{uapi.ETHTOOL_A_STRINGSET_ID: netlink.U32()}
)

// getStrings serves ETHTOOL_MSG_STRSET_GET for the set of the features' names.
// EOPNOTSUPP: there is no such set here.
func (st *state) getStrings(r *netlink.Request, a netlink.Attrs) error {
	h, err := parseHeader(r, a)
	if err != nil {
		return err
	}
	asked := false
	a.Get(uapi.ETHTOOL_A_STRSET_STRINGSETS).Each(func(s netlink.Attr) bool {
		var t netlink.Attrs
		if t, err = netlink.ParseNested(s, stringsetPolicy, netlink.Full); err != nil {
			return false
		}
		id := t.Get(uapi.ETHTOOL_A_STRINGSET_ID)
		if !id.Present() {
			err = errno.EINVAL
		} else if id.U32() != uapi.ETH_SS_FEATURES {
			err = netlink.ErrorAt(errno.EOPNOTSUPP, id, "unknown string set id")
		}
		asked = true
		return err == nil
	})
	if err != nil {
		return err
	}
	m := st.family.Message(r, uapi.ETHTOOL_MSG_STRSET_GET)
	putHeader(m, h.d)
	sets := m.Nest(uapi.ETHTOOL_A_STRSET_STRINGSETS)
	if asked {
		putStrings(m, a.Has(uapi.ETHTOOL_A_STRSET_COUNTS_ONLY))
	}
	m.End(sets)
	r.Reply(m)
	return nil
}

// putStrings writes the set of the features' names, or how many there are.
func putStrings(m *netlink.Msg, count bool) {
	one := m.Nest(uapi.ETHTOOL_A_STRINGSETS_STRINGSET)
	m.U32(uapi.ETHTOOL_A_STRINGSET_ID, uapi.ETH_SS_FEATURES)
	m.U32(uapi.ETHTOOL_A_STRINGSET_COUNT, size)
	if !count {
		all := m.Nest(uapi.ETHTOOL_A_STRINGSET_STRINGS)
		for i, name := range names {
			nest := m.Nest(uapi.ETHTOOL_A_STRINGS_STRING)
			m.U32(uapi.ETHTOOL_A_STRING_INDEX, uint32(i))
			m.String(uapi.ETHTOOL_A_STRING_VALUE, name)
			m.End(nest)
		}
		m.End(all)
	}
	m.End(one)
}

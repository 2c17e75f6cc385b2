package ethtool

import (
	"linen/net/dev"
	"linen/net/genl"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// A query is a message that asks about one device, or in a dump about all.
type query struct {
	ask, answer uint8 // ETHTOOL_MSG_*_GET, ETHTOOL_MSG_*_GET_REPLY
	// fill writes the answer behind its header; compact: bitsets as words.
	// EOPNOTSUPP: the device has no such thing, a dump leaves it out. The RTNL
	// is held.
	fill func(m *netlink.Msg, d *dev.Device, compact bool) error
}

// queries are those that devices here have an answer to.
var queries = [...]query{
	{uapi.ETHTOOL_MSG_LINKINFO_GET, uapi.ETHTOOL_MSG_LINKINFO_GET, putLinkInfo},
	{uapi.ETHTOOL_MSG_LINKMODES_GET, uapi.ETHTOOL_MSG_LINKMODES_GET, putLinkModes},
	{uapi.ETHTOOL_MSG_LINKSTATE_GET, uapi.ETHTOOL_MSG_LINKSTATE_GET, putLinkState},
	{uapi.ETHTOOL_MSG_FEATURES_GET, uapi.ETHTOOL_MSG_FEATURES_GET, putFeatures},
	{uapi.ETHTOOL_MSG_CHANNELS_GET, uapi.ETHTOOL_MSG_CHANNELS_GET_REPLY, putChannels},
	{uapi.ETHTOOL_MSG_TSINFO_GET, uapi.ETHTOOL_MSG_TSINFO_GET_REPLY, putStamps},
	{uapi.ETHTOOL_MSG_MODULE_GET, uapi.ETHTOOL_MSG_MODULE_GET_REPLY, putModule},
}

// absent are the messages about what no device here has; they find the device
// and answer EOPNOTSUPP. That a family has them tells ethtool(8) not to try the
// ioctl.
var absent = [...]struct {
	cmd  uint8
	dump bool
	set  bool
}{
	{uapi.ETHTOOL_MSG_LINKINFO_SET, false, true}, {uapi.ETHTOOL_MSG_LINKMODES_SET, false, true},
	{uapi.ETHTOOL_MSG_DEBUG_GET, true, false}, {uapi.ETHTOOL_MSG_DEBUG_SET, false, true},
	{uapi.ETHTOOL_MSG_WOL_GET, true, true}, {uapi.ETHTOOL_MSG_WOL_SET, false, true},
	{uapi.ETHTOOL_MSG_PRIVFLAGS_GET, true, false}, {uapi.ETHTOOL_MSG_PRIVFLAGS_SET, false, true},
	{uapi.ETHTOOL_MSG_RINGS_GET, true, false}, {uapi.ETHTOOL_MSG_RINGS_SET, false, true},
	{uapi.ETHTOOL_MSG_COALESCE_GET, true, false}, {uapi.ETHTOOL_MSG_COALESCE_SET, false, true},
	{uapi.ETHTOOL_MSG_PAUSE_GET, true, false}, {uapi.ETHTOOL_MSG_PAUSE_SET, false, true},
	{uapi.ETHTOOL_MSG_EEE_GET, true, false}, {uapi.ETHTOOL_MSG_EEE_SET, false, true},
	{uapi.ETHTOOL_MSG_CABLE_TEST_ACT, false, true}, {uapi.ETHTOOL_MSG_CABLE_TEST_TDR_ACT, false, true},
	{uapi.ETHTOOL_MSG_TUNNEL_INFO_GET, true, false},
	{uapi.ETHTOOL_MSG_FEC_GET, true, false}, {uapi.ETHTOOL_MSG_FEC_SET, false, true},
	{uapi.ETHTOOL_MSG_MODULE_EEPROM_GET, true, true}, {uapi.ETHTOOL_MSG_MODULE_SET, false, true},
}

// queryOps makes operations of queries and of what is absent.
func (st *state) queryOps() (ops []genl.Op) {
	for _, q := range queries {
		ops = append(ops, genl.Op{
			Cmd: q.ask, Policy: headerOnly, Do: func(r *netlink.Request, a netlink.Attrs) error { return st.answer(&q, r, a) },
			Start: startQuery, Dump: func(d *netlink.Dump) error { return st.dump(&q, d) },
		})
	}
	for _, o := range absent {
		op := genl.Op{Cmd: o.cmd, Policy: headerOnly, Lax: true, Do: func(r *netlink.Request, a netlink.Attrs) error {
			if _, err := device(r, a); err != nil {
				return err
			}
			if o.cmd == uapi.ETHTOOL_MSG_TUNNEL_INFO_GET {
				return netlink.Errorf(errno.EOPNOTSUPP, "device does not report tunnel offload info")
			}
			return errno.EOPNOTSUPP
		}}
		if o.set {
			op.Flags = uapi.GENL_UNS_ADMIN_PERM
		}
		if o.dump {
			op.LaxDump = true
			op.Dump = func(*netlink.Dump) error { return nil }
		}
		ops = append(ops, op)
	}
	return ops
}

// answer serves a query about one device.
func (st *state) answer(q *query, r *netlink.Request, a netlink.Attrs) error {
	st.n.Lock()
	defer st.n.Unlock()
	h, err := device(r, a)
	if err != nil {
		return err
	}
	m := st.family.Message(r, q.answer)
	putHeader(m, h.d)
	if err := q.fill(m, h.d, h.compact()); err != nil {
		return err
	}
	r.Reply(m)
	return nil
}

func (h header) compact() bool { return h.flags&uapi.ETHTOOL_FLAG_COMPACT_BITSETS != 0 }

// A walk is a dump's state.
type walk struct {
	compact bool
	last    int // ifindex of the last device that is written
}

func startQuery(r *netlink.Request, a netlink.Attrs) (any, error) {
	h, err := parseHeader(r, a)
	return &walk{compact: h.compact()}, err
}

// dump writes the answers about all devices that have one
// (ethnl_default_dumpit).
func (st *state) dump(q *query, d *netlink.Dump) error {
	w := d.State.(*walk)
	st.n.Lock()
	defer st.n.Unlock()
	for _, x := range dev.List(st.n) {
		if x.Ifindex() <= w.last {
			continue
		}
		ok := d.Put(st.family.ID(), 0, func(m *netlink.Msg) {
			m.Put([]byte{q.answer, uapi.ETHTOOL_GENL_VERSION, 0, 0})
			putHeader(m, x)
			if q.fill(m, x, w.compact) != nil {
				m.Skip()
			}
		})
		if !ok {
			return netlink.More
		}
		w.last = x.Ifindex()
	}
	return nil
}

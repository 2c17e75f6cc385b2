package ethtool

import (
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

var channelsPolicy = netlink.Policy{
	headerAttr:                             netlink.Nested(headerPolicy),
	uapi.ETHTOOL_A_CHANNELS_RX_COUNT:       netlink.U32(),
	uapi.ETHTOOL_A_CHANNELS_TX_COUNT:       netlink.U32(),
	uapi.ETHTOOL_A_CHANNELS_OTHER_COUNT:    netlink.U32(),
	uapi.ETHTOOL_A_CHANNELS_COMBINED_COUNT: netlink.U32(),
}

// putChannels answers ETHTOOL_MSG_CHANNELS_GET (channels.c).
func putChannels(m *netlink.Msg, d *dev.Device, _ bool) error {
	if !d.EthtoolInfo().Channels {
		return errno.EOPNOTSUPP
	}
	tx, rx := d.Queues()
	m.U32(uapi.ETHTOOL_A_CHANNELS_RX_MAX, uint32(d.RxQueues))
	m.U32(uapi.ETHTOOL_A_CHANNELS_RX_COUNT, uint32(rx))
	m.U32(uapi.ETHTOOL_A_CHANNELS_TX_MAX, uint32(d.TxQueues))
	m.U32(uapi.ETHTOOL_A_CHANNELS_TX_COUNT, uint32(tx))
	return nil
}

// setChannels serves ETHTOOL_MSG_CHANNELS_SET (ethnl_set_channels), and tells
// the group "monitor".
func (st *state) setChannels(r *netlink.Request, a netlink.Attrs) error {
	st.n.Lock()
	defer st.n.Unlock()
	h, err := device(r, a)
	if err != nil {
		return err
	}
	if !h.d.EthtoolInfo().Channels {
		return errno.EOPNOTSUPP
	}
	tx, rx := h.d.Queues()
	oldTx, oldRx := tx, rx
	for _, c := range [...]struct {
		typ uint16
		n   *int
		max int
	}{
		{uapi.ETHTOOL_A_CHANNELS_RX_COUNT, &rx, h.d.RxQueues}, {uapi.ETHTOOL_A_CHANNELS_TX_COUNT, &tx, h.d.TxQueues},
		{uapi.ETHTOOL_A_CHANNELS_OTHER_COUNT, new(int), 0}, {uapi.ETHTOOL_A_CHANNELS_COMBINED_COUNT, new(int), 0},
	} {
		at := a.Get(int(c.typ))
		if !at.Present() {
			continue
		}
		if at.U32() > uint32(c.max) {
			return netlink.ErrorAt(errno.EINVAL, at, "requested channel count exceeds maximum")
		}
		*c.n = int(at.U32())
	}
	if tx == oldTx && rx == oldRx {
		return nil
	}
	if rx == 0 || tx == 0 {
		at := a.Get(uapi.ETHTOOL_A_CHANNELS_RX_COUNT)
		if rx > 0 {
			at = a.Get(uapi.ETHTOOL_A_CHANNELS_TX_COUNT)
		}
		return netlink.ErrorAt(errno.EINVAL, at, "requested channel counts would result in no RX or TX channel being configured")
	}
	if err := dev.ChangeQueues(h.d, tx, rx); err != nil {
		return err
	}
	if st.family.Listening(0) {
		m := st.family.Message(nil, uapi.ETHTOOL_MSG_CHANNELS_NTF)
		putHeader(m, h.d)
		putChannels(m, h.d, true)
		st.family.Notify(nil, 0, m, r)
	}
	return nil
}

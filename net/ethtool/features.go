package ethtool

import (
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// names are the features' names by bit, as 6.18 numbers them
// (netdev_features_strings). Programs read the numbers from here.
var names = [size]string{
	0: "tx-scatter-gather", 1: "tx-checksum-ipv4", 3: "tx-checksum-ip-generic", 4: "tx-checksum-ipv6", 5: "highdma",
	6: "tx-scatter-gather-fraglist", 7: "tx-vlan-hw-insert", 8: "rx-vlan-hw-parse", 9: "rx-vlan-filter", 10: "vlan-challenged",
	11: "tx-generic-segmentation", 14: "rx-gro", 15: "rx-lro", 16: "tx-tcp-segmentation", 17: "tx-gso-robust",
	18: "tx-tcp-ecn-segmentation", 19: "tx-tcp-mangleid-segmentation", 20: "tx-tcp6-segmentation", 21: "tx-fcoe-segmentation",
	22: "tx-gre-segmentation", 23: "tx-gre-csum-segmentation", 24: "tx-ipxip4-segmentation", 25: "tx-ipxip6-segmentation",
	26: "tx-udp_tnl-segmentation", 27: "tx-udp_tnl-csum-segmentation", 28: "tx-gso-partial", 29: "tx-tunnel-remcsum-segmentation",
	30: "tx-sctp-segmentation", 31: "tx-esp-segmentation", 33: "tx-udp-segmentation", 34: "tx-gso-list",
	35: "tx-tcp-accecn-segmentation", 36: "tx-checksum-fcoe-crc", 37: "tx-checksum-sctp", 38: "rx-ntuple-filter", 39: "rx-hashing",
	40: "rx-checksum", 41: "tx-nocache-copy", 42: "loopback", 43: "rx-fcs", 44: "rx-all", 45: "tx-vlan-stag-hw-insert",
	46: "rx-vlan-stag-hw-parse", 47: "rx-vlan-stag-filter", 48: "l2-fwd-offload", 49: "hw-tc-offload", 50: "esp-hw-offload",
	51: "esp-tx-csum-hw-offload", 52: "rx-udp_tunnel-port-offload", 53: "tls-hw-tx-offload", 54: "tls-hw-rx-offload",
	55: "rx-gro-hw", 56: "tls-hw-record", 57: "rx-gro-list", 58: "macsec-hw-offload", 59: "rx-udp-gro-forwarding",
	60: "hsr-tag-ins-offload", 61: "hsr-tag-rm-offload", 62: "hsr-fwd-offload", 63: "hsr-dup-offload",
}

// numbers are the bits of the features that this stack has.
var numbers = []struct {
	f   dev.Features
	bit int
}{
	{dev.FeatSG, 0}, {dev.FeatIPCsum, 1}, {dev.FeatHWCsum, 3}, {dev.FeatIPv6Csum, 4}, {dev.FeatHighDMA, 5}, {dev.FeatFragList, 6},
	{dev.FeatVLANTx, 7}, {dev.FeatVLANRx, 8}, {dev.FeatVLANFilter, 9}, {dev.FeatVLANChal, 10}, {dev.FeatGSO, 11}, {dev.FeatGRO, 14},
	{dev.FeatLRO, 15}, {dev.FeatTSO, 16}, {dev.FeatGSORobust, 17}, {dev.FeatTSOECN, 18}, {dev.FeatTSOMangleID, 19},
	{dev.FeatTSO6, 20}, {dev.FeatUDPSegment, 33}, {dev.FeatRxCsum, 40}, {dev.FeatLoopback, 42}, {dev.FeatGROUDPForward, 59},
}

// neverChange is what user space may never switch (NETIF_F_NEVER_CHANGE):
// vlan-challenged.
const neverChange set = 1 << 10

// toSet gives features their numbers.
func toSet(f dev.Features) (s set) {
	for _, n := range numbers {
		if f&n.f != 0 {
			s |= 1 << n.bit
		}
	}
	return s
}

// toFeatures is the way back; bits that the stack has not are left out.
func toFeatures(s set) (f dev.Features) {
	for _, n := range numbers {
		if s>>n.bit&1 != 0 {
			f |= n.f
		}
	}
	return f
}

var featuresPolicy = netlink.Policy{
	uapi.ETHTOOL_A_FEATURES_HEADER: netlink.Nested(headerPolicy),
	uapi.ETHTOOL_A_FEATURES_WANTED: netlink.Nested(nil),
}

// putFeatures writes what d has (features_fill_reply).
func putFeatures(m *netlink.Msg, d *dev.Device, compact bool) error {
	putSet(m, uapi.ETHTOOL_A_FEATURES_HW, toSet(d.Changeable()), ^set(0), compact)
	putList(m, uapi.ETHTOOL_A_FEATURES_WANTED, toSet(d.Wanted()), compact)
	putList(m, uapi.ETHTOOL_A_FEATURES_ACTIVE, toSet(d.Features()), compact)
	putList(m, uapi.ETHTOOL_A_FEATURES_NOCHANGE, neverChange, compact)
	return nil
}

// setFeatures serves ETHTOOL_MSG_FEATURES_SET (ethnl_set_features): features
// that cannot be changed are no error; the answer says what is not as it was
// asked for, and what has changed.
func (st *state) setFeatures(r *netlink.Request, a netlink.Attrs) error {
	wanted := a.Get(uapi.ETHTOOL_A_FEATURES_WANTED)
	if !wanted.Present() {
		return errno.EINVAL
	}
	st.n.Lock()
	defer st.n.Unlock()
	h, err := device(r, a)
	if err != nil {
		return err
	}
	value, mask, err := parseSet(wanted)
	if err != nil {
		return err
	}
	if mask&neverChange != 0 {
		return netlink.Errorf(errno.EINVAL, "attempt to change non-ethtool features")
	}
	old := toSet(h.d.Features())
	if err := dev.ChangeFeatures(h.d, toFeatures(value), toFeatures(mask)&h.d.Changeable()); err != nil {
		return err
	}
	if h.flags&uapi.ETHTOOL_FLAG_OMIT_REPLY != 0 {
		return nil
	}
	now := toSet(h.d.Features())
	other, changed := (value^now)&mask, old^now
	compact := h.compact()
	m := st.family.Message(r, uapi.ETHTOOL_MSG_FEATURES_SET)
	putHeader(m, h.d)
	putSet(m, uapi.ETHTOOL_A_FEATURES_WANTED, value&other, other, compact)
	putSet(m, uapi.ETHTOOL_A_FEATURES_ACTIVE, now&changed, changed, compact)
	r.Reply(m)
	return nil
}

// event tells the group "monitor" of changed features.
func (st *state) event(e *dev.Event) error {
	if e.Type == dev.EventFeatChange && st.family.Listening(0) {
		m := st.family.Message(nil, uapi.ETHTOOL_MSG_FEATURES_NTF)
		putHeader(m, e.Dev)
		putFeatures(m, e.Dev, true)
		st.family.Notify(nil, 0, m, e.Request)
	}
	return nil
}

package ipv4

import (
	"encoding/binary"
	"time"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// nexthopPolicy is what RTM_NEWNEXTHOP takes (rtm_nh_policy_new).
var nexthopPolicy = netlink.Policy{
	uapi.NHA_ID: netlink.U32(), uapi.NHA_GROUP: netlink.Binary(0), uapi.NHA_GROUP_TYPE: netlink.U16(),
	uapi.NHA_BLACKHOLE: netlink.Flag(), uapi.NHA_OIF: netlink.U32(), uapi.NHA_GATEWAY: netlink.Binary(0),
	uapi.NHA_ENCAP_TYPE: netlink.U16(), uapi.NHA_ENCAP: netlink.Nested(nil), uapi.NHA_FDB: netlink.Flag(),
	uapi.NHA_RES_GROUP: netlink.Nested(resGroupPolicy), uapi.NHA_HW_STATS_ENABLE: netlink.U32().Max(1),
}

// resGroupPolicy is what NHA_RES_GROUP takes.
var resGroupPolicy = netlink.Policy{
	uapi.NHA_RES_GROUP_BUCKETS: netlink.U16(), uapi.NHA_RES_GROUP_IDLE_TIMER: netlink.U32(),
	uapi.NHA_RES_GROUP_UNBALANCED_TIMER: netlink.U32(),
}

// defaultIdleTimer is how long a bucket must be unused before it moves.
const defaultIdleTimer = 120 * time.Second

// nexthopConfig is an object as it is asked for (struct nh_config).
type nexthopConfig struct {
	id        uint32
	family    uint8
	proto     uint8
	flags     uint32
	fdb       bool
	blackhole bool
	dev       *dev.Device
	gwFamily  uint8
	gw        uint32

	isGroup    bool
	members    []nhEntry
	resilient  bool
	buckets    int
	hasBuckets bool
	idle       time.Duration
	hasIdle    bool
	unbalanced time.Duration
	hasUnbal   bool
	hwStats    bool
	nlFlags    uint16
}

// nhMsgLen is the size of struct nhmsg in bytes.
const nhMsgLen = uapi.SizeofNhMsg

// parseNexthop reads RTM_NEWNEXTHOP (rtm_to_nh_config).
func (st *state) parseNexthop(r *netlink.Request) (*nexthopConfig, error) {
	tb, err := r.Parse(nhMsgLen, nexthopPolicy, netlink.Full)
	if err != nil {
		return nil, err
	}
	h, _ := uapi.ParseNhMsg(r.Payload())
	cfg := &nexthopConfig{
		id: tb.U32(uapi.NHA_ID), family: h.Family, proto: h.Protocol, flags: h.Flags,
		fdb: tb.Has(uapi.NHA_FDB), nlFlags: r.Flags, idle: defaultIdleTimer,
	}
	if h.Resvd != 0 || h.Scope != 0 {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid values in ancillary header")
	}
	if h.Flags&^uapi.RTNH_F_ONLINK != 0 {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid nexthop flags in ancillary header")
	}
	switch {
	case h.Family == uapi.AF_INET, h.Family == uapi.AF_INET6:
	case h.Family == uapi.AF_UNSPEC && tb.Has(uapi.NHA_GROUP):
	default:
		return nil, netlink.Errorf(errno.EINVAL, "Invalid address family")
	}
	if cfg.fdb {
		if tb.Has(uapi.NHA_ENCAP) || tb.Has(uapi.NHA_ENCAP_TYPE) || tb.Has(uapi.NHA_OIF) || tb.Has(uapi.NHA_BLACKHOLE) {
			return nil, netlink.Errorf(errno.EINVAL, "Fdb attribute can not be used with encap, oif or blackhole")
		}
		if h.Flags != 0 {
			return nil, netlink.Errorf(errno.EINVAL, "Unsupported nexthop flags in ancillary header")
		}
	}
	if tb.Has(uapi.NHA_GROUP) {
		return cfg, st.parseGroup(cfg, tb)
	}
	return cfg, st.parseSingle(cfg, tb)
}

// parseSingle reads the rest of a next hop.
func (st *state) parseSingle(cfg *nexthopConfig, tb netlink.Attrs) error {
	gw := tb.Get(uapi.NHA_GATEWAY)
	if tb.Has(uapi.NHA_BLACKHOLE) {
		if gw.Present() || tb.Has(uapi.NHA_OIF) || tb.Has(uapi.NHA_ENCAP) || tb.Has(uapi.NHA_ENCAP_TYPE) || cfg.fdb {
			return netlink.Errorf(errno.EINVAL, "Blackhole attribute can not be used with gateway, oif, encap or fdb")
		}
		cfg.blackhole = true
		if lo := dev.ByIndex(st.n, dev.LoopbackIndex); lo == nil || !lo.IsUp() {
			return netlink.Errorf(errno.ENETDOWN, "Device for nexthop is not up") // its device
		}
		return nil
	}
	if !cfg.fdb && !tb.Has(uapi.NHA_OIF) {
		return netlink.Errorf(errno.EINVAL, "Device attribute required for non-blackhole and non-fdb nexthops")
	}
	if tb.Has(uapi.NHA_OIF) {
		if cfg.dev = dev.ByIndex(st.n, int(int32(tb.U32(uapi.NHA_OIF)))); cfg.dev == nil {
			return netlink.Errorf(errno.EINVAL, "Invalid device index")
		}
		if !cfg.dev.IsUp() {
			return netlink.Errorf(errno.ENETDOWN, "Nexthop device is not up")
		}
		if !cfg.dev.Carrier() {
			return netlink.Errorf(errno.ENETDOWN, "Carrier for nexthop device is down")
		}
	}
	switch {
	case gw.Present() && cfg.family == uapi.AF_INET:
		if gw.Len() != 4 {
			return netlink.Errorf(errno.EINVAL, "Invalid gateway")
		}
		if cfg.gw = gw.BE32(); cfg.gw != 0 {
			cfg.gwFamily = uapi.AF_INET
		}
	case gw.Present():
		if gw.Len() != 16 {
			return netlink.Errorf(errno.EINVAL, "Invalid gateway")
		}
		cfg.gwFamily = uapi.AF_INET6
	case cfg.flags&uapi.RTNH_F_ONLINK != 0:
		return netlink.Errorf(errno.EINVAL, "ONLINK flag can not be set for nexthop without a gateway")
	}
	if err := nexthopEncap(tb); err != nil {
		return err
	}
	if tb.Has(uapi.NHA_HW_STATS_ENABLE) {
		return netlink.Errorf(errno.EINVAL, "Cannot enable nexthop hardware statistics for non-group nexthops")
	}
	return nil
}

// nexthopEncap refuses encapsulation: no light-weight tunnel is built.
func nexthopEncap(tb netlink.Attrs) error {
	typ := tb.Get(uapi.NHA_ENCAP_TYPE)
	switch {
	case tb.Has(uapi.NHA_ENCAP) && !typ.Present():
		return netlink.Errorf(errno.EINVAL, "LWT encapsulation type is missing")
	case !typ.Present():
		return nil
	case !tb.Has(uapi.NHA_ENCAP):
		return netlink.Errorf(errno.EINVAL, "LWT encapsulation attribute is missing")
	case typ.U16() == 0 || typ.U16() > maxEncap:
		return netlink.Errorf(errno.EINVAL, "Unknown lwt encapsulation type")
	}
	return netlink.Errorf(errno.EOPNOTSUPP, "lwt encapsulation type not supported")
}

// parseGroup reads the rest of a group (nh_check_attr_group).
func (st *state) parseGroup(cfg *nexthopConfig, tb netlink.Attrs) error {
	cfg.isGroup = true
	if cfg.family != uapi.AF_UNSPEC {
		return netlink.Errorf(errno.EINVAL, "Invalid family for group")
	}
	switch tb.Get(uapi.NHA_GROUP_TYPE).U16() {
	case uapi.NEXTHOP_GRP_TYPE_MPATH:
	case uapi.NEXTHOP_GRP_TYPE_RES:
		cfg.resilient = true
	default:
		return netlink.Errorf(errno.EINVAL, "Invalid group type")
	}
	list := tb.Get(uapi.NHA_GROUP).Bytes()
	if err := st.parseMembers(cfg, list); err != nil {
		return err
	}
	for i := uapi.NHA_GROUP_TYPE + 1; i <= tb.Max(); i++ {
		switch {
		case !tb.Has(i), i == uapi.NHA_FDB, i == uapi.NHA_HW_STATS_ENABLE, i == uapi.NHA_RES_GROUP && cfg.resilient:
		default:
			return netlink.Errorf(errno.EINVAL, "No other attributes can be set in nexthop groups")
		}
	}
	cfg.hwStats = tb.U32(uapi.NHA_HW_STATS_ENABLE) != 0
	if cfg.resilient {
		if err := cfg.parseRes(tb.Get(uapi.NHA_RES_GROUP)); err != nil {
			return err
		}
	}
	// What the members are is looked at when all that was written is right.
	for _, e := range cfg.members {
		if err := e.obj.checkMember(len(cfg.members), cfg.fdb); err != nil {
			return err
		}
	}
	return nil
}

// parseMembers reads struct nexthop_grp: a number, and the weight less one in
// two bytes, of which older kernels knew only the first.
func (st *state) parseMembers(cfg *nexthopConfig, list []byte) error {
	const size = 8
	if len(list) == 0 || len(list)%size != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid length for nexthop group attribute")
	}
	n := len(list) / size
	id := func(i int) uint32 { return binary.NativeEndian.Uint32(list[i*size:]) }
	for i := range n {
		p := list[i*size : i*size+size]
		if p[6] != 0 || p[7] != 0 {
			return netlink.Errorf(errno.EINVAL, "Reserved field in nexthop_grp must be 0")
		}
		w := int(uint16(p[5])<<8|uint16(p[4])) + 1
		if w > 0xffff {
			return netlink.Errorf(errno.EINVAL, "Invalid value for weight")
		}
		for j := i + 1; j < n; j++ {
			if id(i) == id(j) {
				return netlink.Errorf(errno.EINVAL, "Nexthop id can not be used twice in a group")
			}
		}
		cfg.members = append(cfg.members, nhEntry{obj: st.nexthops.byID[id(i)], weight: w})
	}
	return nil
}

// checkMember checks that a group of n next hops may have o.
func (o *nhObject) checkMember(n int, fdb bool) error {
	text := ""
	switch {
	case o == nil:
		text = "Invalid nexthop id"
	case o.group != nil && o.group.res != nil:
		text = "Resilient group can not be a nexthop within a group"
	case o.group != nil:
		text = "Hash-threshold group can not be a nexthop within a group"
	case o.blackhole && n > 1:
		text = "Blackhole nexthop can not be used in a group with more than 1 path"
	case fdb && !o.fdb:
		text = "FDB nexthop group can only have fdb nexthops"
	case !fdb && o.fdb:
		text = "Non FDB nexthop group cannot have fdb nexthops"
	default:
		return nil
	}
	return netlink.Errorf(errno.EINVAL, "%s", text)
}

// parseRes reads NHA_RES_GROUP; its times are in 1/100 s.
func (cfg *nexthopConfig) parseRes(a netlink.Attr) error {
	if !a.Present() {
		return nil
	}
	tb, err := netlink.ParseNested(a, resGroupPolicy, netlink.Full)
	if err != nil {
		return err
	}
	const tick = 10 * time.Millisecond
	if b := tb.Get(uapi.NHA_RES_GROUP_BUCKETS); b.Present() {
		cfg.buckets, cfg.hasBuckets = int(b.U16()), true
		if cfg.buckets == 0 {
			return netlink.Errorf(errno.EINVAL, "Number of buckets needs to be non-0")
		}
	}
	if t := tb.Get(uapi.NHA_RES_GROUP_IDLE_TIMER); t.Present() {
		cfg.idle, cfg.hasIdle = time.Duration(t.U32())*tick, true
	}
	if t := tb.Get(uapi.NHA_RES_GROUP_UNBALANCED_TIMER); t.Present() {
		cfg.unbalanced, cfg.hasUnbal = time.Duration(t.U32())*tick, true
	}
	return nil
}

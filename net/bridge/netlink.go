package bridge

import (
	"slices"
	"time"

	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// Attributes newer than this tree's uapi (linux/if_link.h of 6.18).
const (
	brFDBNLearned           = 48
	brFDBMaxLearned         = 49
	brPortMAB               = 40
	brPortNeighVLANSuppress = 43
	brPortBackupNHID        = 44
)

// linkPolicy is of IFLA_INFO_DATA (br_policy), for what is built.
var linkPolicy = netlink.Policy{
	uapi.IFLA_BR_FORWARD_DELAY:  netlink.U32(),
	uapi.IFLA_BR_HELLO_TIME:     netlink.U32(),
	uapi.IFLA_BR_MAX_AGE:        netlink.U32(),
	uapi.IFLA_BR_AGEING_TIME:    netlink.U32(),
	uapi.IFLA_BR_STP_STATE:      netlink.U32(),
	uapi.IFLA_BR_PRIORITY:       netlink.U16(),
	uapi.IFLA_BR_GROUP_FWD_MASK: netlink.U16(),
	uapi.IFLA_BR_GROUP_ADDR:     netlink.Binary(6),
	uapi.IFLA_BR_FDB_FLUSH:      netlink.Flag(),
	brFDBMaxLearned:             {}, // the last attribute the kernel knows
}

// portPolicy is of IFLA_INFO_SLAVE_DATA (br_port_policy), for what is built.
var portPolicy = netlink.Policy{
	uapi.IFLA_BRPORT_STATE:         netlink.U8(),
	uapi.IFLA_BRPORT_COST:          netlink.U32(),
	uapi.IFLA_BRPORT_PRIORITY:      netlink.U16(),
	uapi.IFLA_BRPORT_MODE:          netlink.U8(),
	uapi.IFLA_BRPORT_LEARNING:      netlink.U8(),
	uapi.IFLA_BRPORT_UNICAST_FLOOD: netlink.U8(),
	uapi.IFLA_BRPORT_FLUSH:         netlink.Flag(),
	uapi.IFLA_BRPORT_MCAST_FLOOD:   netlink.U8(),
	uapi.IFLA_BRPORT_BCAST_FLOOD:   netlink.U8(),
	uapi.IFLA_BRPORT_ISOLATED:      netlink.U8(),
	brPortBackupNHID:               {}, // the last attribute the kernel knows
}

// setup fills a bridge that is not registered (br_dev_setup).
func setup(d *dev.Device) {
	ethernet.Setup(d)
	br := &bridge{dev: d, forwardDelay: defaultForward, hello: defaultHello, maxAge: defaultMaxAge, priority: defaultPriority}
	br.ageing.Store(int64(defaultAgeing))
	group := wire.MAC{1, 0x80, 0xc2, 0, 0, defaultGroupAddr5}
	br.groupAddr.Store(&group)
	d.Ops = br
	d.LLTX, d.NoQueue, d.NetnsImmut = true, true, true
	d.MaxMTU = 65535
	br.fdb.init(br)
	d.HWFeatures = dev.FeatSG | dev.FeatFragList | dev.FeatHighDMA | dev.FeatHWCsum | dev.FeatVLANTx | dev.FeatGSOSoftware
	d.SetInitialFeatures(d.HWFeatures | dev.FeatGSO | dev.FeatGRO)
	ethernet.RandomAddr(d)
	d.SetInitialCarrier(false)
}

// validate looks at the attributes of a new bridge (br_validate).
func validate(attrs, _ netlink.Attrs) error {
	a := attrs.Get(uapi.IFLA_ADDRESS)
	switch {
	case !a.Present():
		return nil
	case a.Len() != 6:
		return errno.EINVAL
	}
	return ethernet.ValidMAC(a.Bytes())
}

// newLink registers a bridge (br_dev_newlink).
func newLink(l *rtnl.NewLink, d *dev.Device) error {
	br := of(d)
	br.addrSet = l.Attrs.Has(uapi.IFLA_ADDRESS)
	br.mtuSet = l.Attrs.Has(uapi.IFLA_MTU)
	if err := dev.Register(d); err != nil {
		return err
	}
	br.fdb.addLocal(nil, wire.MAC(d.Addr()))
	if err := changeLink(d, l.Attrs, l.Data); err != nil {
		dev.Unregister(d)
		return err
	}
	return nil
}

// changeLink applies IFLA_BR_* (br_changelink).
func changeLink(d *dev.Device, _, data netlink.Attrs) error {
	br := of(d)
	ticks := func(typ int) time.Duration { return ktime.FromClockT(data.U32(typ)) }
	if data.Has(uapi.IFLA_BR_FORWARD_DELAY) {
		br.forwardDelay = ticks(uapi.IFLA_BR_FORWARD_DELAY)
	}
	if data.Has(uapi.IFLA_BR_HELLO_TIME) {
		v := ticks(uapi.IFLA_BR_HELLO_TIME)
		if v < time.Second || v > 10*time.Second { // IEEE 802.1D table 17-1
			return errno.ERANGE
		}
		br.hello = v
	}
	if data.Has(uapi.IFLA_BR_MAX_AGE) {
		v := ticks(uapi.IFLA_BR_MAX_AGE)
		if v < 6*time.Second || v > 40*time.Second {
			return errno.ERANGE
		}
		br.maxAge = v
	}
	if data.Has(uapi.IFLA_BR_AGEING_TIME) {
		br.ageing.Store(int64(ticks(uapi.IFLA_BR_AGEING_TIME)))
	}
	if data.U32(uapi.IFLA_BR_STP_STATE) != 0 {
		return netlink.Errorf(errno.EOPNOTSUPP, "The spanning tree protocol is not built")
	}
	if data.Has(uapi.IFLA_BR_PRIORITY) {
		br.priority = data.U16(uapi.IFLA_BR_PRIORITY)
	}
	if data.Has(uapi.IFLA_BR_GROUP_FWD_MASK) {
		mask := data.U16(uapi.IFLA_BR_GROUP_FWD_MASK)
		if mask&restrictedGroups != 0 {
			return errno.EINVAL
		}
		br.groupFwdMask.Store(uint32(mask))
	}
	if data.Has(uapi.IFLA_BR_FDB_FLUSH) {
		br.fdb.flush()
	}
	return br.refuse(data)
}

// restrictedGroups are link-local groups never forwarded: STP, pause, LACP
// (BR_GROUPFWD_RESTRICTED).
const restrictedGroups = 1<<0 | 1<<1 | 1<<2

// notBuilt are attributes of parts of the kernel's bridge that linen lacks.
var notBuilt = map[int]string{
	uapi.IFLA_BR_VLAN_FILTERING:     "Bridge VLAN filtering is not built",
	uapi.IFLA_BR_VLAN_PROTOCOL:      "Bridge VLAN filtering is not built",
	uapi.IFLA_BR_VLAN_DEFAULT_PVID:  "Bridge VLAN filtering is not built",
	uapi.IFLA_BR_MCAST_SNOOPING:     "Bridge multicast snooping is not built",
	uapi.IFLA_BR_MCAST_QUERIER:      "Bridge multicast snooping is not built",
	uapi.IFLA_BR_NF_CALL_IPTABLES:   "Bridge netfilter is not built",
	uapi.IFLA_BR_NF_CALL_IP6TABLES:  "Bridge netfilter is not built",
	uapi.IFLA_BR_NF_CALL_ARPTABLES:  "Bridge netfilter is not built",
	uapi.IFLA_BR_VLAN_STATS_ENABLED: "Bridge VLAN filtering is not built",
}

// refuse answers for what is not built.
func (br *bridge) refuse(data netlink.Attrs) error {
	for typ := 0; typ <= data.Max(); typ++ {
		if text := notBuilt[typ]; text != "" && data.Has(typ) {
			return netlink.ErrorAt(errno.EOPNOTSUPP, data.Get(typ), "%s", text)
		}
	}
	return nil
}

// id returns a bridge identifier: priority and address.
func (br *bridge) id() []byte {
	id := make([]byte, 8)
	if len(br.portList()) > 0 || br.addrSet {
		copy(id[2:], br.dev.Addr())
	}
	id[0], id[1] = byte(br.priority>>8), byte(br.priority)
	return id
}

// fillLink writes IFLA_INFO_DATA (br_fill_info).
func fillLink(m *netlink.Msg, d *dev.Device) {
	br := of(d)
	for _, typ := range []uint16{uapi.IFLA_BR_HELLO_TIMER, uapi.IFLA_BR_TCN_TIMER, uapi.IFLA_BR_TOPOLOGY_CHANGE_TIMER, uapi.IFLA_BR_GC_TIMER} {
		m.U64(typ, 0)
	}
	m.U32(uapi.IFLA_BR_FORWARD_DELAY, ktime.ClockT(br.forwardDelay))
	m.U32(uapi.IFLA_BR_HELLO_TIME, ktime.ClockT(br.hello))
	m.U32(uapi.IFLA_BR_MAX_AGE, ktime.ClockT(br.maxAge))
	m.U32(uapi.IFLA_BR_AGEING_TIME, ktime.ClockT(time.Duration(br.ageing.Load())))
	m.U32(uapi.IFLA_BR_STP_STATE, 0)
	m.U16(uapi.IFLA_BR_PRIORITY, br.priority)
	m.U16(uapi.IFLA_BR_GROUP_FWD_MASK, uint16(br.groupFwdMask.Load()))
	m.Attr(uapi.IFLA_BR_BRIDGE_ID, br.id())
	m.Attr(uapi.IFLA_BR_ROOT_ID, br.id())
	m.U16(uapi.IFLA_BR_ROOT_PORT, 0)
	m.U32(uapi.IFLA_BR_ROOT_PATH_COST, 0)
	m.U8(uapi.IFLA_BR_TOPOLOGY_CHANGE, 0)
	m.U8(uapi.IFLA_BR_TOPOLOGY_CHANGE_DETECTED, 0)
	m.Attr(uapi.IFLA_BR_GROUP_ADDR, br.groupAddr.Load()[:])
	m.U32(brFDBNLearned, uint32(br.fdb.countLearned()))
	m.U32(brFDBMaxLearned, maxLearned)
}

// portFlag ties an attribute to a flag; 0: it only shows.
type portFlag struct {
	attr uint16
	flag uint32
}

// portFlags are the flags in the kernel's order of attributes.
var portFlags = []portFlag{
	{uapi.IFLA_BRPORT_MODE, flagHairpin},
	{uapi.IFLA_BRPORT_GUARD, flagGuard},
	{uapi.IFLA_BRPORT_PROTECT, flagRootBlock},
	{uapi.IFLA_BRPORT_FAST_LEAVE, flagFastLeave},
	{uapi.IFLA_BRPORT_MCAST_TO_UCAST, flagMcastToUcast},
	{uapi.IFLA_BRPORT_LEARNING, flagLearning},
	{uapi.IFLA_BRPORT_UNICAST_FLOOD, flagFlood},
	{uapi.IFLA_BRPORT_MCAST_FLOOD, flagMcastFlood},
	{uapi.IFLA_BRPORT_BCAST_FLOOD, flagBcastFlood},
	{uapi.IFLA_BRPORT_PROXYARP, flagProxyARP},
	{uapi.IFLA_BRPORT_PROXYARP_WIFI, flagProxyARPWifi},
}

// lateFlags are those whose attributes come after the port's numbers.
var lateFlags = []portFlag{
	{uapi.IFLA_BRPORT_NEIGH_SUPPRESS, flagNeighSuppress},
	{uapi.IFLA_BRPORT_MRP_RING_OPEN, 0},
	{uapi.IFLA_BRPORT_MRP_IN_OPEN, 0},
	{uapi.IFLA_BRPORT_ISOLATED, flagIsolated},
	{uapi.IFLA_BRPORT_LOCKED, flagLocked},
	{brPortMAB, flagMAB},
	{brPortNeighVLANSuppress, flagNeighVLANSuppress},
}

// settable are the flags with an effect here.
const settable = flagHairpin | flagLearning | flagFlood | flagMcastFlood | flagBcastFlood | flagIsolated

// fillPort writes IFLA_INFO_SLAVE_DATA (br_port_fill_attrs).
func fillPort(m *netlink.Msg, d *dev.Device) {
	p := portOf(d)
	if p == nil {
		return
	}
	m.U8(uapi.IFLA_BRPORT_STATE, uint8(p.state.Load()))
	m.U16(uapi.IFLA_BRPORT_PRIORITY, uint16(p.priority))
	m.U32(uapi.IFLA_BRPORT_COST, p.cost)
	for _, f := range portFlags {
		m.U8(f.attr, p.bit(f.flag))
	}
	id := uint16(p.priority)<<10 | p.no
	m.Attr(uapi.IFLA_BRPORT_ROOT_ID, p.br.id())
	m.Attr(uapi.IFLA_BRPORT_BRIDGE_ID, p.br.id())
	m.U16(uapi.IFLA_BRPORT_DESIGNATED_PORT, id)
	m.U16(uapi.IFLA_BRPORT_DESIGNATED_COST, 0)
	m.U16(uapi.IFLA_BRPORT_ID, id)
	m.U16(uapi.IFLA_BRPORT_NO, p.no)
	m.U8(uapi.IFLA_BRPORT_TOPOLOGY_CHANGE_ACK, 0)
	m.U8(uapi.IFLA_BRPORT_CONFIG_PENDING, 0)
	m.U8(uapi.IFLA_BRPORT_VLAN_TUNNEL, 0)
	m.U16(uapi.IFLA_BRPORT_GROUP_FWD_MASK, 0)
	for _, f := range lateFlags {
		m.U8(f.attr, p.bit(f.flag))
	}
	m.U64(uapi.IFLA_BRPORT_MESSAGE_AGE_TIMER, 0)
	m.U64(uapi.IFLA_BRPORT_FORWARD_DELAY_TIMER, uint64(ktime.ClockT(max(0, p.settled.Sub(d.Kernel().Now())))))
	m.U64(uapi.IFLA_BRPORT_HOLD_TIMER, 0)
}

// bit returns a flag as attributes have it.
func (p *port) bit(flag uint32) uint8 {
	if p.has(flag) {
		return 1
	}
	return 0
}

// setState changes the port's state by hand, which only a port with a link
// lets itself (br_set_port_state).
func (p *port) setState(state uint8) error {
	switch {
	case state > stateBlocking:
		return errno.EINVAL
	case state != stateDisabled && (!p.dev.IsUp() || !p.dev.Carrier()):
		return errno.ENETDOWN
	case state != stateDisabled && state != stateForwarding && state != stateBlocking:
		return netlink.Errorf(errno.EOPNOTSUPP, "The spanning tree protocol is not built")
	}
	p.state.Store(uint32(state))
	p.br.updateCarrier()
	return nil
}

// changePort applies IFLA_BRPORT_* (br_setport).
func changePort(_, d *dev.Device, _, data netlink.Attrs) error {
	p := portOf(d)
	if p == nil {
		return errno.EINVAL
	}
	for _, f := range slices.Concat(portFlags, lateFlags) {
		if f.flag == 0 || !data.Has(int(f.attr)) {
			continue
		}
		on := data.U8(int(f.attr)) != 0
		if on && f.flag&settable == 0 {
			return netlink.ErrorAt(errno.EOPNOTSUPP, data.Get(int(f.attr)), "The port flag is not built")
		}
		if on {
			p.flags.Or(f.flag)
		} else {
			p.flags.And(^f.flag)
		}
	}
	if data.Has(uapi.IFLA_BRPORT_COST) {
		cost := data.U32(uapi.IFLA_BRPORT_COST)
		if cost < 1 || cost > 65535 {
			return errno.ERANGE
		}
		p.cost = cost
	}
	if data.Has(uapi.IFLA_BRPORT_PRIORITY) {
		prio := data.U16(uapi.IFLA_BRPORT_PRIORITY)
		if prio > 63 {
			return errno.ERANGE
		}
		p.priority = uint8(prio)
	}
	if data.Has(uapi.IFLA_BRPORT_STATE) {
		if err := p.setState(data.U8(uapi.IFLA_BRPORT_STATE)); err != nil {
			return err
		}
	}
	if data.Has(uapi.IFLA_BRPORT_FLUSH) {
		p.br.fdb.dropPort(p, false)
	}
	return nil
}

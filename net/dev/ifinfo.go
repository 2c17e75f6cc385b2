package dev

import (
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
)

// ifinfoArgs are the parts of a link message that do not come from its device.
type ifinfoArgs struct {
	extMask  uint32     // RTEXT_FILTER_*
	event    uint32     // IFLA_EVENT_*, 0: none
	newNetns bool       // it leaves: nsid and newIndex say where to
	nsid     int        // IFLA_NEW_NETNSID
	newIndex int        // IFLA_NEW_IFINDEX
	src      *netns.Net // the reader's namespace, when it is another
	target   int        // ... and the id that it knows d's by
}

// rtmsg tells RTNLGRP_LINK of d (rtmsg_ifinfo); change are the flags that
// changed. Nothing is made while nobody listens.
func (d *Device) rtmsg(typ uint16, change uint32, r *netlink.Request) {
	d.rtmsgEvent(typ, change, 0, r)
}

func (d *Device) rtmsgEvent(typ uint16, change, event uint32, r *netlink.Request) {
	if d.reg.Load() == regNone || !rtnl.Listening(d.Net(), uapi.RTNLGRP_LINK, r) {
		return
	}
	d.send(d.ifinfo(typ, change, ifinfoArgs{event: event}), r)
}

func (d *Device) send(m *netlink.Msg, r *netlink.Request) {
	rtnl.Notify(d.Net(), uapi.RTNLGRP_LINK, m, r)
}

// eventCode returns what IFLA_EVENT says of an event, 0: nothing.
func eventCode(t EventType) uint32 {
	switch t {
	case EventReboot:
		return uapi.IFLA_EVENT_REBOOT
	case EventFeatChange:
		return uapi.IFLA_EVENT_FEATURES
	case EventBondingFailover:
		return uapi.IFLA_EVENT_BONDING_FAILOVER
	case EventNotifyPeers:
		return uapi.IFLA_EVENT_NOTIFY_PEERS
	case EventResendIGMP:
		return uapi.IFLA_EVENT_IGMP_RESEND
	case EventChangeInfoData:
		return uapi.IFLA_EVENT_BONDING_OPTIONS
	}
	return 0
}

// rtnetlinkEvent is the chain's subscriber that turns events into
// notifications; those that do it themselves are not here (rtnetlink_event).
func rtnetlinkEvent(e *Event) error {
	switch e.Type {
	case EventReboot, EventChangeMTU, EventChangeAddr, EventChangeName, EventFeatChange,
		EventBondingFailover, EventPostTypeChange, EventNotifyPeers, EventChangeUpper,
		EventResendIGMP, EventChangeInfoData, EventChangeLowerState, EventChangeTxQueueLen:
		e.Dev.rtmsgEvent(uapi.RTM_NEWLINK, 0, eventCode(e.Type), nil)
	}
	return nil
}

// ifinfo makes a link message of its own.
func (d *Device) ifinfo(typ uint16, change uint32, a ifinfoArgs) *netlink.Msg {
	m := netlink.NewMsg(typ, 0)
	d.fill(m, change, a)
	return m
}

// fill writes ifinfomsg and attributes in the kernel's order
// (rtnl_fill_ifinfo).
func (d *Device) fill(m *netlink.Msg, change uint32, a ifinfoArgs) {
	h := uapi.IfInfomsg{Type: d.Type, Index: int32(d.Ifindex()), Flags: d.Flags(), Change: change}
	m.Put(h.Append(nil))
	if a.src != nil && a.src != d.Net() {
		m.S32(uapi.IFLA_TARGET_NETNSID, int32(a.target))
	}
	d.fillNumbers(m)
	d.fillMaster(m)
	if a.event != 0 {
		m.U32(uapi.IFLA_EVENT, a.event)
	}
	if d.AddrLen > 0 {
		m.Attr(uapi.IFLA_ADDRESS, d.Addr())
		m.Attr(uapi.IFLA_BROADCAST, d.Broadcast())
	}
	counters := d.Counters()
	s := counters.uapi()
	s.Append(m.Reserve(uapi.IFLA_STATS64, uapi.SizeofLinkStats64)[:0])
	s.AppendStats32(m.Reserve(uapi.IFLA_STATS, uapi.SizeofLinkStats)[:0])
	xdp := m.NestOld(uapi.IFLA_XDP)
	m.U8(uapi.IFLA_XDP_ATTACHED, uapi.XDP_ATTACHED_NONE)
	m.End(xdp)
	d.fillLinkInfo(m)
	if a.newNetns {
		m.S32(uapi.IFLA_NEW_NETNSID, int32(a.nsid))
		if a.newIndex != 0 {
			m.S32(uapi.IFLA_NEW_IFINDEX, int32(a.newIndex))
		}
	}
	if p := d.PermAddr(); !allZero(p) {
		m.Attr(uapi.IFLA_PERM_ADDRESS, p)
	}
	d.fillLink(m, a)
	m.String(uapi.IFLA_QDISC, d.QueueName())
	d.fillAF(m, a.extMask)
	m.Reserve(uapi.IFLA_MAP, 32) // struct rtnl_link_ifmap: no memory or interrupt
	if alt := d.AltNames(); len(alt) > 0 {
		props := m.Nest(uapi.IFLA_PROP_LIST)
		for _, s := range alt {
			m.String(uapi.IFLA_ALT_IFNAME, s)
		}
		m.End(props)
	}
	m.End(m.Nest(uapi.IFLA_DEVLINK_PORT))
	m.End(m.Nest(uapi.IFLA_DPLL_PIN))
}

func allZero(p []byte) bool {
	for _, v := range p {
		if v != 0 {
			return false
		}
	}
	return true
}

// fillNumbers writes what comes before IFLA_MASTER.
func (d *Device) fillNumbers(m *netlink.Msg) {
	m.String(uapi.IFLA_IFNAME, d.Name())
	m.U32(uapi.IFLA_TXQLEN, uint32(d.TxQueueLen()))
	m.U8(uapi.IFLA_OPERSTATE, d.shownOperState())
	m.U8(uapi.IFLA_LINKMODE, uint8(d.LinkMode()))
	m.U8(uapi.IFLA_NETNS_IMMUTABLE, bit(d.NetnsImmut))
	m.U32(uapi.IFLA_MTU, uint32(d.MTU()))
	m.U32(uapi.IFLA_MIN_MTU, uint32(d.MinMTU))
	m.U32(uapi.IFLA_MAX_MTU, uint32(d.MaxMTU))
	m.U32(uapi.IFLA_GROUP, uint32(d.Group()))
	m.U32(uapi.IFLA_PROMISCUITY, uint32(d.Promiscuity()))
	m.U32(uapi.IFLA_ALLMULTI, uint32(d.AllMulti()))
	m.U32(uapi.IFLA_NUM_TX_QUEUES, uint32(d.TxQueues))
	m.U32(uapi.IFLA_GSO_MAX_SEGS, d.gsoMaxSegs.Load())
	m.U32(uapi.IFLA_GSO_MAX_SIZE, d.gsoMaxSize.Load())
	m.U32(uapi.IFLA_GRO_MAX_SIZE, d.groMaxSize.Load())
	m.U32(uapi.IFLA_GSO_IPV4_MAX_SIZE, d.gso4Max.Load())
	m.U32(uapi.IFLA_GRO_IPV4_MAX_SIZE, d.gro4Max.Load())
	m.U32(uapi.IFLA_TSO_MAX_SIZE, d.TSOMaxSize)
	m.U32(uapi.IFLA_TSO_MAX_SEGS, d.TSOMaxSegs)
	m.U32(uapi.IFLA_MAX_PACING_OFFLOAD_HORIZON, 0)
	m.U32(uapi.IFLA_NUM_RX_QUEUES, uint32(d.RxQueues))
}

// fillMaster writes the attributes from IFLA_MASTER to IFLA_PROTO_DOWN.
func (d *Device) fillMaster(m *netlink.Msg) {
	if up := d.Master(); up != nil {
		m.U32(uapi.IFLA_MASTER, uint32(up.Ifindex()))
	}
	m.U8(uapi.IFLA_CARRIER, bit(d.Carrier()))
	if s := d.Alias(); s != "" {
		m.String(uapi.IFLA_IFALIAS, s)
	}
	up, down := d.CarrierChanges()
	m.U32(uapi.IFLA_CARRIER_CHANGES, up+down)
	m.U32(uapi.IFLA_CARRIER_UP_COUNT, up)
	m.U32(uapi.IFLA_CARRIER_DOWN_COUNT, down)
	m.U16(uapi.IFLA_HEADROOM, uint16(d.Headroom))
	m.U16(uapi.IFLA_TAILROOM, 0)
	p := d.protoDown.Load()
	m.U8(uapi.IFLA_PROTO_DOWN, bit(p&protoIsDown != 0))
	if reasons := uint32(p); reasons != 0 {
		nest := m.Nest(uapi.IFLA_PROTO_DOWN_REASON)
		m.U32(uapi.IFLA_PROTO_DOWN_REASON_VALUE, reasons)
		m.End(nest)
	}
}

// protoIsDown is the bit of Device.protoDown above the reasons.
const protoIsDown = 1 << 32

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// shownOperState is the state that user space sees: a device that is not
// running is down.
func (d *Device) shownOperState() uint8 {
	if !d.Running() {
		return uapi.IF_OPER_DOWN
	}
	return uint8(d.OperState())
}

// fillLinkInfo writes IFLA_LINKINFO (rtnl_link_fill).
func (d *Device) fillLinkInfo(m *netlink.Msg) {
	s := stateOf(d.Net())
	kind := s.kinds.Lookup(d.Kind)
	up := d.Master()
	var master *rtnl.LinkKind[*Device]
	if up != nil {
		master = s.kinds.Lookup(up.Kind)
	}
	if kind == nil && master == nil {
		return
	}
	info := m.NestOld(uapi.IFLA_LINKINFO)
	if master != nil && master.SlaveFill != nil {
		m.String(uapi.IFLA_INFO_SLAVE_KIND, master.Name)
		data := m.NestOld(uapi.IFLA_INFO_SLAVE_DATA)
		master.SlaveFill(m, up, d)
		m.End(data)
	}
	if kind != nil {
		m.String(uapi.IFLA_INFO_KIND, kind.Name)
		if kind.FillXstats != nil {
			x := m.NestOld(uapi.IFLA_INFO_XSTATS)
			kind.FillXstats(m, d)
			m.End(x)
		}
		if kind.Fill != nil {
			data := m.NestOld(uapi.IFLA_INFO_DATA)
			kind.Fill(m, d)
			m.End(data)
		}
	}
	m.End(info)
}

// fillLink writes the namespace and index of the device that d is tied to.
func (d *Device) fillLink(m *netlink.Msg, a ifinfoArgs) {
	index, n := d.Iflink()
	src := a.src
	if src == nil {
		src = d.Net()
	}
	if n != nil && n != d.Net() {
		m.S32(uapi.IFLA_LINK_NETNSID, int32(rtnl.PeerID(src, n)))
	} else if index == d.Ifindex() {
		return
	}
	m.U32(uapi.IFLA_LINK, uint32(index))
}

// fillAF writes IFLA_AF_SPEC (rtnl_fill_link_af).
func (d *Device) fillAF(m *netlink.Msg, extMask uint32) {
	all := m.NestOld(uapi.IFLA_AF_SPEC)
	if d.reg.Load() == regRegistered && !d.leaving {
		for _, f := range stateOf(d.Net()).afs.All() {
			if f.Fill == nil {
				continue
			}
			mark := m.Mark()
			af := m.NestOld(uint16(f.Family))
			empty := m.Mark()
			if f.Fill(m, d, extMask); m.Mark() == empty {
				m.Cancel(mark)
				continue
			}
			m.End(af)
		}
	}
	m.End(all)
}

// uapi returns the counters as struct rtnl_link_stats64.
func (s *Stats) uapi() uapi.LinkStats64 {
	return uapi.LinkStats64{
		RxPackets: s.RxPackets, TxPackets: s.TxPackets, RxBytes: s.RxBytes, TxBytes: s.TxBytes,
		RxErrors: s.RxErrors, TxErrors: s.TxErrors, RxDropped: s.RxDropped, TxDropped: s.TxDropped,
		Multicast: s.Multicast, Collisions: s.Collisions, RxLengthErrors: s.RxLength,
		RxOverErrors: s.RxOver, RxCrcErrors: s.RxCRC, RxFrameErrors: s.RxFrame,
		RxFifoErrors: s.RxFIFO, RxMissedErrors: s.RxMissed, TxAbortedErrors: s.TxAborted,
		TxCarrierErrors: s.TxCarrier, TxFifoErrors: s.TxFIFO, TxHeartbeatErrors: s.TxHeartbeat,
		TxWindowErrors: s.TxWindow, RxCompressed: s.RxCompressed, TxCompressed: s.TxCompressed,
		RxNohandler: s.RxNoHandler, RxOtherhostDropped: s.RxOtherhost,
	}
}

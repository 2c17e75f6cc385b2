package uapi

// SizeofLinkStats64 is the size of struct rtnl_link_stats64 in bytes.
const SizeofLinkStats64 = 200

// LinkStats64 is struct rtnl_link_stats64 (IFLA_STATS64).
type LinkStats64 struct {
	RxPackets          uint64
	TxPackets          uint64
	RxBytes            uint64
	TxBytes            uint64
	RxErrors           uint64
	TxErrors           uint64
	RxDropped          uint64
	TxDropped          uint64
	Multicast          uint64
	Collisions         uint64
	RxLengthErrors     uint64
	RxOverErrors       uint64
	RxCrcErrors        uint64
	RxFrameErrors      uint64
	RxFifoErrors       uint64
	RxMissedErrors     uint64
	TxAbortedErrors    uint64
	TxCarrierErrors    uint64
	TxFifoErrors       uint64
	TxHeartbeatErrors  uint64
	TxWindowErrors     uint64
	RxCompressed       uint64
	TxCompressed       uint64
	RxNohandler        uint64
	RxOtherhostDropped uint64
}

// Append appends the structure to b.
func (m *LinkStats64) Append(b []byte) []byte {
	b, p := grow(b, 200)
	host.PutUint64(p[0:], m.RxPackets)
	host.PutUint64(p[8:], m.TxPackets)
	host.PutUint64(p[16:], m.RxBytes)
	host.PutUint64(p[24:], m.TxBytes)
	host.PutUint64(p[32:], m.RxErrors)
	host.PutUint64(p[40:], m.TxErrors)
	host.PutUint64(p[48:], m.RxDropped)
	host.PutUint64(p[56:], m.TxDropped)
	host.PutUint64(p[64:], m.Multicast)
	host.PutUint64(p[72:], m.Collisions)
	host.PutUint64(p[80:], m.RxLengthErrors)
	host.PutUint64(p[88:], m.RxOverErrors)
	host.PutUint64(p[96:], m.RxCrcErrors)
	host.PutUint64(p[104:], m.RxFrameErrors)
	host.PutUint64(p[112:], m.RxFifoErrors)
	host.PutUint64(p[120:], m.RxMissedErrors)
	host.PutUint64(p[128:], m.TxAbortedErrors)
	host.PutUint64(p[136:], m.TxCarrierErrors)
	host.PutUint64(p[144:], m.TxFifoErrors)
	host.PutUint64(p[152:], m.TxHeartbeatErrors)
	host.PutUint64(p[160:], m.TxWindowErrors)
	host.PutUint64(p[168:], m.RxCompressed)
	host.PutUint64(p[176:], m.TxCompressed)
	host.PutUint64(p[184:], m.RxNohandler)
	host.PutUint64(p[192:], m.RxOtherhostDropped)
	return b
}

// ParseLinkStats64 reads the structure at the start of b; false when b is shorter.
func ParseLinkStats64(b []byte) (LinkStats64, bool) {
	if len(b) < 200 {
		return LinkStats64{}, false
	}
	return LinkStats64{
		RxPackets:          host.Uint64(b[0:8]),
		TxPackets:          host.Uint64(b[8:16]),
		RxBytes:            host.Uint64(b[16:24]),
		TxBytes:            host.Uint64(b[24:32]),
		RxErrors:           host.Uint64(b[32:40]),
		TxErrors:           host.Uint64(b[40:48]),
		RxDropped:          host.Uint64(b[48:56]),
		TxDropped:          host.Uint64(b[56:64]),
		Multicast:          host.Uint64(b[64:72]),
		Collisions:         host.Uint64(b[72:80]),
		RxLengthErrors:     host.Uint64(b[80:88]),
		RxOverErrors:       host.Uint64(b[88:96]),
		RxCrcErrors:        host.Uint64(b[96:104]),
		RxFrameErrors:      host.Uint64(b[104:112]),
		RxFifoErrors:       host.Uint64(b[112:120]),
		RxMissedErrors:     host.Uint64(b[120:128]),
		TxAbortedErrors:    host.Uint64(b[128:136]),
		TxCarrierErrors:    host.Uint64(b[136:144]),
		TxFifoErrors:       host.Uint64(b[144:152]),
		TxHeartbeatErrors:  host.Uint64(b[152:160]),
		TxWindowErrors:     host.Uint64(b[160:168]),
		RxCompressed:       host.Uint64(b[168:176]),
		TxCompressed:       host.Uint64(b[176:184]),
		RxNohandler:        host.Uint64(b[184:192]),
		RxOtherhostDropped: host.Uint64(b[192:200]),
	}, true
}

// SizeofLinkIfmap is the size of struct rtnl_link_ifmap in bytes.
const SizeofLinkIfmap = 32

// LinkIfmap is struct rtnl_link_ifmap (IFLA_MAP).
type LinkIfmap struct {
	MemStart uint64
	MemEnd   uint64
	BaseAddr uint64
	IRQ      uint16
	DMA      uint8
	Port     uint8
}

// Append appends the structure to b.
func (m *LinkIfmap) Append(b []byte) []byte {
	b, p := grow(b, 32)
	host.PutUint64(p[0:], m.MemStart)
	host.PutUint64(p[8:], m.MemEnd)
	host.PutUint64(p[16:], m.BaseAddr)
	host.PutUint16(p[24:], m.IRQ)
	p[26] = m.DMA
	p[27] = m.Port
	return b
}

// ParseLinkIfmap reads the structure at the start of b; false when b is shorter.
func ParseLinkIfmap(b []byte) (LinkIfmap, bool) {
	if len(b) < 32 {
		return LinkIfmap{}, false
	}
	return LinkIfmap{
		MemStart: host.Uint64(b[0:8]),
		MemEnd:   host.Uint64(b[8:16]),
		BaseAddr: host.Uint64(b[16:24]),
		IRQ:      host.Uint16(b[24:26]),
		DMA:      b[26],
		Port:     b[27],
	}, true
}

// SizeofBridgeID is the size of struct ifla_bridge_id in bytes.
const SizeofBridgeID = 8

// BridgeID is struct ifla_bridge_id.
type BridgeID struct {
	Prio [2]byte // most significant byte first
	Addr [6]byte
}

// Append appends the structure to b.
func (m *BridgeID) Append(b []byte) []byte {
	b, p := grow(b, 8)
	copy(p[0:], m.Prio[:])
	copy(p[2:], m.Addr[:])
	return b
}

// ParseBridgeID reads the structure at the start of b; false when b is shorter.
func ParseBridgeID(b []byte) (BridgeID, bool) {
	if len(b) < 8 {
		return BridgeID{}, false
	}
	return BridgeID{
		Prio: [2]byte(b[0:2]),
		Addr: [6]byte(b[2:8]),
	}, true
}

// SizeofBridgeVlanInfo is the size of struct bridge_vlan_info in bytes.
const SizeofBridgeVlanInfo = 4

// BridgeVlanInfo is struct bridge_vlan_info (IFLA_BRIDGE_VLAN_INFO).
type BridgeVlanInfo struct {
	Flags uint16 // BRIDGE_VLAN_INFO_*
	Vid   uint16
}

// Append appends the structure to b.
func (m *BridgeVlanInfo) Append(b []byte) []byte {
	b, p := grow(b, 4)
	host.PutUint16(p[0:], m.Flags)
	host.PutUint16(p[2:], m.Vid)
	return b
}

// ParseBridgeVlanInfo reads the structure at the start of b; false when b is shorter.
func ParseBridgeVlanInfo(b []byte) (BridgeVlanInfo, bool) {
	if len(b) < 4 {
		return BridgeVlanInfo{}, false
	}
	return BridgeVlanInfo{
		Flags: host.Uint16(b[0:2]),
		Vid:   host.Uint16(b[2:4]),
	}, true
}

// SizeofVlanFlags is the size of struct ifla_vlan_flags in bytes.
const SizeofVlanFlags = 8

// VlanFlags is struct ifla_vlan_flags (IFLA_VLAN_FLAGS).
type VlanFlags struct {
	Flags uint32
	Mask  uint32
}

// Append appends the structure to b.
func (m *VlanFlags) Append(b []byte) []byte {
	b, p := grow(b, 8)
	host.PutUint32(p[0:], m.Flags)
	host.PutUint32(p[4:], m.Mask)
	return b
}

// ParseVlanFlags reads the structure at the start of b; false when b is shorter.
func ParseVlanFlags(b []byte) (VlanFlags, bool) {
	if len(b) < 8 {
		return VlanFlags{}, false
	}
	return VlanFlags{
		Flags: host.Uint32(b[0:4]),
		Mask:  host.Uint32(b[4:8]),
	}, true
}

// SizeofInetCacheinfo is the size of struct ifla_cacheinfo in bytes.
const SizeofInetCacheinfo = 16

// InetCacheinfo is struct ifla_cacheinfo (IFLA_INET6_CACHEINFO).
type InetCacheinfo struct {
	MaxReasmLen   uint32
	Tstamp        uint32 // clock_t since boot
	ReachableTime uint32 // milliseconds
	RetransTime   uint32 // milliseconds
}

// Append appends the structure to b.
func (m *InetCacheinfo) Append(b []byte) []byte {
	b, p := grow(b, 16)
	host.PutUint32(p[0:], m.MaxReasmLen)
	host.PutUint32(p[4:], m.Tstamp)
	host.PutUint32(p[8:], m.ReachableTime)
	host.PutUint32(p[12:], m.RetransTime)
	return b
}

// ParseInetCacheinfo reads the structure at the start of b; false when b is shorter.
func ParseInetCacheinfo(b []byte) (InetCacheinfo, bool) {
	if len(b) < 16 {
		return InetCacheinfo{}, false
	}
	return InetCacheinfo{
		MaxReasmLen:   host.Uint32(b[0:4]),
		Tstamp:        host.Uint32(b[4:8]),
		ReachableTime: host.Uint32(b[8:12]),
		RetransTime:   host.Uint32(b[12:16]),
	}, true
}

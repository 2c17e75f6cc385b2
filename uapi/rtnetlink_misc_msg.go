package uapi

// SizeofFibRuleHdr is the size of struct fib_rule_hdr in bytes.
const SizeofFibRuleHdr = 12

// FibRuleHdr is struct fib_rule_hdr, the body of RTM_*RULE.
type FibRuleHdr struct {
	Family uint8
	DstLen uint8 // bits
	SrcLen uint8 // bits
	TOS    uint8
	Table  uint8 // RT_TABLE_*; FRA_TABLE when above 255
	Res1   uint8
	Res2   uint8
	Action uint8  // FR_ACT_*
	Flags  uint32 // FIB_RULE_*
}

// Append appends the structure to b.
func (m *FibRuleHdr) Append(b []byte) []byte {
	b, p := grow(b, 12)
	p[0] = m.Family
	p[1] = m.DstLen
	p[2] = m.SrcLen
	p[3] = m.TOS
	p[4] = m.Table
	p[5] = m.Res1
	p[6] = m.Res2
	p[7] = m.Action
	host.PutUint32(p[8:], m.Flags)
	return b
}

// ParseFibRuleHdr reads the structure at the start of b; false when b is shorter.
func ParseFibRuleHdr(b []byte) (FibRuleHdr, bool) {
	if len(b) < 12 {
		return FibRuleHdr{}, false
	}
	return FibRuleHdr{
		Family: b[0],
		DstLen: b[1],
		SrcLen: b[2],
		TOS:    b[3],
		Table:  b[4],
		Res1:   b[5],
		Res2:   b[6],
		Action: b[7],
		Flags:  host.Uint32(b[8:12]),
	}, true
}

// SizeofRtGenmsg is the size of struct rtgenmsg in bytes.
const SizeofRtGenmsg = 1

// RtGenmsg is struct rtgenmsg, the body of the oldest dump requests and of RTM_*NSID.
type RtGenmsg struct {
	Family uint8
}

// Append appends the structure to b.
func (m *RtGenmsg) Append(b []byte) []byte {
	b, p := grow(b, 1)
	p[0] = m.Family
	return b
}

// ParseRtGenmsg reads the structure at the start of b; false when b is shorter.
func ParseRtGenmsg(b []byte) (RtGenmsg, bool) {
	if len(b) < 1 {
		return RtGenmsg{}, false
	}
	return RtGenmsg{
		Family: b[0],
	}, true
}

// SizeofNetconfMsg is the size of struct netconfmsg in bytes.
const SizeofNetconfMsg = 1

// NetconfMsg is struct netconfmsg, the body of RTM_*NETCONF.
type NetconfMsg struct {
	Family uint8
}

// Append appends the structure to b.
func (m *NetconfMsg) Append(b []byte) []byte {
	b, p := grow(b, 1)
	p[0] = m.Family
	return b
}

// ParseNetconfMsg reads the structure at the start of b; false when b is shorter.
func ParseNetconfMsg(b []byte) (NetconfMsg, bool) {
	if len(b) < 1 {
		return NetconfMsg{}, false
	}
	return NetconfMsg{
		Family: b[0],
	}, true
}

// SizeofPrefixMsg is the size of struct prefixmsg in bytes.
const SizeofPrefixMsg = 12

// PrefixMsg is struct prefixmsg, the body of RTM_NEWPREFIX.
type PrefixMsg struct {
	Family  uint8
	Ifindex int32
	Type    uint8
	Len     uint8 // bits
	Flags   uint8 // IF_PREFIX_*
}

// Append appends the structure to b.
func (m *PrefixMsg) Append(b []byte) []byte {
	b, p := grow(b, 12)
	p[0] = m.Family
	host.PutUint32(p[4:], uint32(m.Ifindex))
	p[8] = m.Type
	p[9] = m.Len
	p[10] = m.Flags
	return b
}

// ParsePrefixMsg reads the structure at the start of b; false when b is shorter.
func ParsePrefixMsg(b []byte) (PrefixMsg, bool) {
	if len(b) < 12 {
		return PrefixMsg{}, false
	}
	return PrefixMsg{
		Family:  b[0],
		Ifindex: int32(host.Uint32(b[4:8])),
		Type:    b[8],
		Len:     b[9],
		Flags:   b[10],
	}, true
}

// SizeofPrefixCacheinfo is the size of struct prefix_cacheinfo in bytes.
const SizeofPrefixCacheinfo = 8

// PrefixCacheinfo is struct prefix_cacheinfo (PREFIX_CACHEINFO).
type PrefixCacheinfo struct {
	Preferred uint32 // seconds
	Valid     uint32 // seconds
}

// Append appends the structure to b.
func (m *PrefixCacheinfo) Append(b []byte) []byte {
	b, p := grow(b, 8)
	host.PutUint32(p[0:], m.Preferred)
	host.PutUint32(p[4:], m.Valid)
	return b
}

// ParsePrefixCacheinfo reads the structure at the start of b; false when b is shorter.
func ParsePrefixCacheinfo(b []byte) (PrefixCacheinfo, bool) {
	if len(b) < 8 {
		return PrefixCacheinfo{}, false
	}
	return PrefixCacheinfo{
		Preferred: host.Uint32(b[0:4]),
		Valid:     host.Uint32(b[4:8]),
	}, true
}

// SizeofIfStatsMsg is the size of struct if_stats_msg in bytes.
const SizeofIfStatsMsg = 12

// IfStatsMsg is struct if_stats_msg, the body of RTM_*STATS.
type IfStatsMsg struct {
	Family     uint8
	Ifindex    uint32
	FilterMask uint32 // 1<<(IFLA_STATS_*-1)
}

// Append appends the structure to b.
func (m *IfStatsMsg) Append(b []byte) []byte {
	b, p := grow(b, 12)
	p[0] = m.Family
	host.PutUint32(p[4:], m.Ifindex)
	host.PutUint32(p[8:], m.FilterMask)
	return b
}

// ParseIfStatsMsg reads the structure at the start of b; false when b is shorter.
func ParseIfStatsMsg(b []byte) (IfStatsMsg, bool) {
	if len(b) < 12 {
		return IfStatsMsg{}, false
	}
	return IfStatsMsg{
		Family:     b[0],
		Ifindex:    host.Uint32(b[4:8]),
		FilterMask: host.Uint32(b[8:12]),
	}, true
}

// SizeofTcMsg is the size of struct tcmsg in bytes.
const SizeofTcMsg = 20

// TcMsg is struct tcmsg, the body of RTM_*QDISC, TCLASS and TFILTER.
type TcMsg struct {
	Family  uint8
	Ifindex int32
	Handle  uint32
	Parent  uint32
	Info    uint32
}

// Append appends the structure to b.
func (m *TcMsg) Append(b []byte) []byte {
	b, p := grow(b, 20)
	p[0] = m.Family
	host.PutUint32(p[4:], uint32(m.Ifindex))
	host.PutUint32(p[8:], m.Handle)
	host.PutUint32(p[12:], m.Parent)
	host.PutUint32(p[16:], m.Info)
	return b
}

// ParseTcMsg reads the structure at the start of b; false when b is shorter.
func ParseTcMsg(b []byte) (TcMsg, bool) {
	if len(b) < 20 {
		return TcMsg{}, false
	}
	return TcMsg{
		Family:  b[0],
		Ifindex: int32(host.Uint32(b[4:8])),
		Handle:  host.Uint32(b[8:12]),
		Parent:  host.Uint32(b[12:16]),
		Info:    host.Uint32(b[16:20]),
	}, true
}

// SizeofNhMsg is the size of struct nhmsg in bytes.
const SizeofNhMsg = 8

// NhMsg is struct nhmsg, the body of RTM_*NEXTHOP.
type NhMsg struct {
	Family   uint8
	Scope    uint8
	Protocol uint8 // RTPROT_*
	Resvd    uint8
	Flags    uint32 // RTNH_F_*
}

// Append appends the structure to b.
func (m *NhMsg) Append(b []byte) []byte {
	b, p := grow(b, 8)
	p[0] = m.Family
	p[1] = m.Scope
	p[2] = m.Protocol
	p[3] = m.Resvd
	host.PutUint32(p[4:], m.Flags)
	return b
}

// ParseNhMsg reads the structure at the start of b; false when b is shorter.
func ParseNhMsg(b []byte) (NhMsg, bool) {
	if len(b) < 8 {
		return NhMsg{}, false
	}
	return NhMsg{
		Family:   b[0],
		Scope:    b[1],
		Protocol: b[2],
		Resvd:    b[3],
		Flags:    host.Uint32(b[4:8]),
	}, true
}

// SizeofBrVlanMsg is the size of struct br_vlan_msg in bytes.
const SizeofBrVlanMsg = 8

// BrVlanMsg is struct br_vlan_msg, the body of RTM_*VLAN.
type BrVlanMsg struct {
	Family  uint8
	Ifindex uint32
}

// Append appends the structure to b.
func (m *BrVlanMsg) Append(b []byte) []byte {
	b, p := grow(b, 8)
	p[0] = m.Family
	host.PutUint32(p[4:], m.Ifindex)
	return b
}

// ParseBrVlanMsg reads the structure at the start of b; false when b is shorter.
func ParseBrVlanMsg(b []byte) (BrVlanMsg, bool) {
	if len(b) < 8 {
		return BrVlanMsg{}, false
	}
	return BrVlanMsg{
		Family:  b[0],
		Ifindex: host.Uint32(b[4:8]),
	}, true
}

// SizeofBrPortMsg is the size of struct br_port_msg in bytes.
const SizeofBrPortMsg = 8

// BrPortMsg is struct br_port_msg, the body of RTM_*MDB.
type BrPortMsg struct {
	Family  uint8
	Ifindex uint32
}

// Append appends the structure to b.
func (m *BrPortMsg) Append(b []byte) []byte {
	b, p := grow(b, 8)
	p[0] = m.Family
	host.PutUint32(p[4:], m.Ifindex)
	return b
}

// ParseBrPortMsg reads the structure at the start of b; false when b is shorter.
func ParseBrPortMsg(b []byte) (BrPortMsg, bool) {
	if len(b) < 8 {
		return BrPortMsg{}, false
	}
	return BrPortMsg{
		Family:  b[0],
		Ifindex: host.Uint32(b[4:8]),
	}, true
}

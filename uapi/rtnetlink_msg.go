package uapi

// SizeofRtMsg is the size of struct rtmsg in bytes.
const SizeofRtMsg = 12

// RtMsg is struct rtmsg, the body of RTM_*ROUTE.
type RtMsg struct {
	Family   uint8
	DstLen   uint8 // bits
	SrcLen   uint8 // bits
	TOS      uint8
	Table    uint8  // RT_TABLE_*; RTA_TABLE when above 255
	Protocol uint8  // RTPROT_*
	Scope    uint8  // RT_SCOPE_*
	Type     uint8  // RTN_*
	Flags    uint32 // RTM_F_*, RTNH_F_*
}

// Append appends the structure to b.
func (m *RtMsg) Append(b []byte) []byte {
	b, p := grow(b, 12)
	p[0] = m.Family
	p[1] = m.DstLen
	p[2] = m.SrcLen
	p[3] = m.TOS
	p[4] = m.Table
	p[5] = m.Protocol
	p[6] = m.Scope
	p[7] = m.Type
	host.PutUint32(p[8:], m.Flags)
	return b
}

// ParseRtMsg reads the structure at the start of b; false when b is shorter.
func ParseRtMsg(b []byte) (RtMsg, bool) {
	if len(b) < 12 {
		return RtMsg{}, false
	}
	return RtMsg{
		Family:   b[0],
		DstLen:   b[1],
		SrcLen:   b[2],
		TOS:      b[3],
		Table:    b[4],
		Protocol: b[5],
		Scope:    b[6],
		Type:     b[7],
		Flags:    host.Uint32(b[8:12]),
	}, true
}

// SizeofRtNexthop is the size of struct rtnexthop in bytes.
const SizeofRtNexthop = 8

// RtNexthop is struct rtnexthop, an element of RTA_MULTIPATH before its attributes.
type RtNexthop struct {
	Len     uint16 // length with the attributes
	Flags   uint8  // RTNH_F_*
	Hops    uint8  // weight-1
	Ifindex int32
}

// Append appends the structure to b.
func (m *RtNexthop) Append(b []byte) []byte {
	b, p := grow(b, 8)
	host.PutUint16(p[0:], m.Len)
	p[2] = m.Flags
	p[3] = m.Hops
	host.PutUint32(p[4:], uint32(m.Ifindex))
	return b
}

// ParseRtNexthop reads the structure at the start of b; false when b is shorter.
func ParseRtNexthop(b []byte) (RtNexthop, bool) {
	if len(b) < 8 {
		return RtNexthop{}, false
	}
	return RtNexthop{
		Len:     host.Uint16(b[0:2]),
		Flags:   b[2],
		Hops:    b[3],
		Ifindex: int32(host.Uint32(b[4:8])),
	}, true
}

// SizeofRtaCacheinfo is the size of struct rta_cacheinfo in bytes.
const SizeofRtaCacheinfo = 32

// RtaCacheinfo is struct rta_cacheinfo (RTA_CACHEINFO).
type RtaCacheinfo struct {
	Clntref uint32
	Lastuse uint32 // clock_t
	Expires int32  // clock_t
	Error   uint32 // errno
	Used    uint32
	ID      uint32
	Ts      uint32
	TsAge   uint32
}

// Append appends the structure to b.
func (m *RtaCacheinfo) Append(b []byte) []byte {
	b, p := grow(b, 32)
	host.PutUint32(p[0:], m.Clntref)
	host.PutUint32(p[4:], m.Lastuse)
	host.PutUint32(p[8:], uint32(m.Expires))
	host.PutUint32(p[12:], m.Error)
	host.PutUint32(p[16:], m.Used)
	host.PutUint32(p[20:], m.ID)
	host.PutUint32(p[24:], m.Ts)
	host.PutUint32(p[28:], m.TsAge)
	return b
}

// ParseRtaCacheinfo reads the structure at the start of b; false when b is shorter.
func ParseRtaCacheinfo(b []byte) (RtaCacheinfo, bool) {
	if len(b) < 32 {
		return RtaCacheinfo{}, false
	}
	return RtaCacheinfo{
		Clntref: host.Uint32(b[0:4]),
		Lastuse: host.Uint32(b[4:8]),
		Expires: int32(host.Uint32(b[8:12])),
		Error:   host.Uint32(b[12:16]),
		Used:    host.Uint32(b[16:20]),
		ID:      host.Uint32(b[20:24]),
		Ts:      host.Uint32(b[24:28]),
		TsAge:   host.Uint32(b[28:32]),
	}, true
}

// SizeofIfInfomsg is the size of struct ifinfomsg in bytes.
const SizeofIfInfomsg = 16

// IfInfomsg is struct ifinfomsg, the body of RTM_*LINK.
type IfInfomsg struct {
	Family uint8
	Type   uint16 // ARPHRD_*
	Index  int32
	Flags  uint32 // IFF_*
	Change uint32 // which flags to change
}

// Append appends the structure to b.
func (m *IfInfomsg) Append(b []byte) []byte {
	b, p := grow(b, 16)
	p[0] = m.Family
	host.PutUint16(p[2:], m.Type)
	host.PutUint32(p[4:], uint32(m.Index))
	host.PutUint32(p[8:], m.Flags)
	host.PutUint32(p[12:], m.Change)
	return b
}

// ParseIfInfomsg reads the structure at the start of b; false when b is shorter.
func ParseIfInfomsg(b []byte) (IfInfomsg, bool) {
	if len(b) < 16 {
		return IfInfomsg{}, false
	}
	return IfInfomsg{
		Family: b[0],
		Type:   host.Uint16(b[2:4]),
		Index:  int32(host.Uint32(b[4:8])),
		Flags:  host.Uint32(b[8:12]),
		Change: host.Uint32(b[12:16]),
	}, true
}

// SizeofIfAddrmsg is the size of struct ifaddrmsg in bytes.
const SizeofIfAddrmsg = 8

// IfAddrmsg is struct ifaddrmsg, the body of RTM_*ADDR.
type IfAddrmsg struct {
	Family    uint8
	Prefixlen uint8
	Flags     uint8 // IFA_F_*, the low eight
	Scope     uint8 // RT_SCOPE_*
	Index     uint32
}

// Append appends the structure to b.
func (m *IfAddrmsg) Append(b []byte) []byte {
	b, p := grow(b, 8)
	p[0] = m.Family
	p[1] = m.Prefixlen
	p[2] = m.Flags
	p[3] = m.Scope
	host.PutUint32(p[4:], m.Index)
	return b
}

// ParseIfAddrmsg reads the structure at the start of b; false when b is shorter.
func ParseIfAddrmsg(b []byte) (IfAddrmsg, bool) {
	if len(b) < 8 {
		return IfAddrmsg{}, false
	}
	return IfAddrmsg{
		Family:    b[0],
		Prefixlen: b[1],
		Flags:     b[2],
		Scope:     b[3],
		Index:     host.Uint32(b[4:8]),
	}, true
}

// SizeofIfaCacheinfo is the size of struct ifa_cacheinfo in bytes.
const SizeofIfaCacheinfo = 16

// IfaCacheinfo is struct ifa_cacheinfo (IFA_CACHEINFO).
type IfaCacheinfo struct {
	Prefered uint32 // seconds; all ones is for ever
	Valid    uint32 // seconds; all ones is for ever
	Cstamp   uint32 // created, clock_t since boot
	Tstamp   uint32 // updated, clock_t since boot
}

// Append appends the structure to b.
func (m *IfaCacheinfo) Append(b []byte) []byte {
	b, p := grow(b, 16)
	host.PutUint32(p[0:], m.Prefered)
	host.PutUint32(p[4:], m.Valid)
	host.PutUint32(p[8:], m.Cstamp)
	host.PutUint32(p[12:], m.Tstamp)
	return b
}

// ParseIfaCacheinfo reads the structure at the start of b; false when b is shorter.
func ParseIfaCacheinfo(b []byte) (IfaCacheinfo, bool) {
	if len(b) < 16 {
		return IfaCacheinfo{}, false
	}
	return IfaCacheinfo{
		Prefered: host.Uint32(b[0:4]),
		Valid:    host.Uint32(b[4:8]),
		Cstamp:   host.Uint32(b[8:12]),
		Tstamp:   host.Uint32(b[12:16]),
	}, true
}

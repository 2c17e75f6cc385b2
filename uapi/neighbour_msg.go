package uapi

// SizeofNdMsg is the size of struct ndmsg in bytes.
const SizeofNdMsg = 12

// NdMsg is struct ndmsg, the body of RTM_*NEIGH.
type NdMsg struct {
	Family  uint8
	Ifindex int32
	State   uint16 // NUD_*
	Flags   uint8  // NTF_*
	Type    uint8  // RTN_*
}

// Append appends the structure to b.
func (m *NdMsg) Append(b []byte) []byte {
	b, p := grow(b, 12)
	p[0] = m.Family
	host.PutUint32(p[4:], uint32(m.Ifindex))
	host.PutUint16(p[8:], m.State)
	p[10] = m.Flags
	p[11] = m.Type
	return b
}

// ParseNdMsg reads the structure at the start of b; false when b is shorter.
func ParseNdMsg(b []byte) (NdMsg, bool) {
	if len(b) < 12 {
		return NdMsg{}, false
	}
	return NdMsg{
		Family:  b[0],
		Ifindex: int32(host.Uint32(b[4:8])),
		State:   host.Uint16(b[8:10]),
		Flags:   b[10],
		Type:    b[11],
	}, true
}

// SizeofNdaCacheinfo is the size of struct nda_cacheinfo in bytes.
const SizeofNdaCacheinfo = 16

// NdaCacheinfo is struct nda_cacheinfo (NDA_CACHEINFO).
type NdaCacheinfo struct {
	Confirmed uint32 // clock_t ago
	Used      uint32 // clock_t ago
	Updated   uint32 // clock_t ago
	Refcnt    uint32
}

// Append appends the structure to b.
func (m *NdaCacheinfo) Append(b []byte) []byte {
	b, p := grow(b, 16)
	host.PutUint32(p[0:], m.Confirmed)
	host.PutUint32(p[4:], m.Used)
	host.PutUint32(p[8:], m.Updated)
	host.PutUint32(p[12:], m.Refcnt)
	return b
}

// ParseNdaCacheinfo reads the structure at the start of b; false when b is shorter.
func ParseNdaCacheinfo(b []byte) (NdaCacheinfo, bool) {
	if len(b) < 16 {
		return NdaCacheinfo{}, false
	}
	return NdaCacheinfo{
		Confirmed: host.Uint32(b[0:4]),
		Used:      host.Uint32(b[4:8]),
		Updated:   host.Uint32(b[8:12]),
		Refcnt:    host.Uint32(b[12:16]),
	}, true
}

// SizeofNdtMsg is the size of struct ndtmsg in bytes.
const SizeofNdtMsg = 4

// NdtMsg is struct ndtmsg, the body of RTM_*NEIGHTBL.
type NdtMsg struct {
	Family uint8
}

// Append appends the structure to b.
func (m *NdtMsg) Append(b []byte) []byte {
	b, p := grow(b, 4)
	p[0] = m.Family
	return b
}

// ParseNdtMsg reads the structure at the start of b; false when b is shorter.
func ParseNdtMsg(b []byte) (NdtMsg, bool) {
	if len(b) < 4 {
		return NdtMsg{}, false
	}
	return NdtMsg{
		Family: b[0],
	}, true
}

// SizeofNdtConfig is the size of struct ndt_config in bytes.
const SizeofNdtConfig = 32

// NdtConfig is struct ndt_config (NDTA_CONFIG).
type NdtConfig struct {
	KeyLen      uint16
	EntrySize   uint16
	Entries     uint32
	LastFlush   uint32 // milliseconds ago
	LastRand    uint32 // milliseconds ago
	HashRnd     uint32
	HashMask    uint32
	HashChainGc uint32
	ProxyQlen   uint32
}

// Append appends the structure to b.
func (m *NdtConfig) Append(b []byte) []byte {
	b, p := grow(b, 32)
	host.PutUint16(p[0:], m.KeyLen)
	host.PutUint16(p[2:], m.EntrySize)
	host.PutUint32(p[4:], m.Entries)
	host.PutUint32(p[8:], m.LastFlush)
	host.PutUint32(p[12:], m.LastRand)
	host.PutUint32(p[16:], m.HashRnd)
	host.PutUint32(p[20:], m.HashMask)
	host.PutUint32(p[24:], m.HashChainGc)
	host.PutUint32(p[28:], m.ProxyQlen)
	return b
}

// ParseNdtConfig reads the structure at the start of b; false when b is shorter.
func ParseNdtConfig(b []byte) (NdtConfig, bool) {
	if len(b) < 32 {
		return NdtConfig{}, false
	}
	return NdtConfig{
		KeyLen:      host.Uint16(b[0:2]),
		EntrySize:   host.Uint16(b[2:4]),
		Entries:     host.Uint32(b[4:8]),
		LastFlush:   host.Uint32(b[8:12]),
		LastRand:    host.Uint32(b[12:16]),
		HashRnd:     host.Uint32(b[16:20]),
		HashMask:    host.Uint32(b[20:24]),
		HashChainGc: host.Uint32(b[24:28]),
		ProxyQlen:   host.Uint32(b[28:32]),
	}, true
}

// SizeofNdtStats is the size of struct ndt_stats in bytes.
const SizeofNdtStats = 88

// NdtStats is struct ndt_stats (NDTA_STATS).
type NdtStats struct {
	Allocs         uint64
	Destroys       uint64
	HashGrows      uint64
	ResFailed      uint64
	Lookups        uint64
	Hits           uint64
	RcvProbesMcast uint64
	RcvProbesUcast uint64
	PeriodicGcRuns uint64
	ForcedGcRuns   uint64
	TableFulls     uint64
}

// Append appends the structure to b.
func (m *NdtStats) Append(b []byte) []byte {
	b, p := grow(b, 88)
	host.PutUint64(p[0:], m.Allocs)
	host.PutUint64(p[8:], m.Destroys)
	host.PutUint64(p[16:], m.HashGrows)
	host.PutUint64(p[24:], m.ResFailed)
	host.PutUint64(p[32:], m.Lookups)
	host.PutUint64(p[40:], m.Hits)
	host.PutUint64(p[48:], m.RcvProbesMcast)
	host.PutUint64(p[56:], m.RcvProbesUcast)
	host.PutUint64(p[64:], m.PeriodicGcRuns)
	host.PutUint64(p[72:], m.ForcedGcRuns)
	host.PutUint64(p[80:], m.TableFulls)
	return b
}

// ParseNdtStats reads the structure at the start of b; false when b is shorter.
func ParseNdtStats(b []byte) (NdtStats, bool) {
	if len(b) < 88 {
		return NdtStats{}, false
	}
	return NdtStats{
		Allocs:         host.Uint64(b[0:8]),
		Destroys:       host.Uint64(b[8:16]),
		HashGrows:      host.Uint64(b[16:24]),
		ResFailed:      host.Uint64(b[24:32]),
		Lookups:        host.Uint64(b[32:40]),
		Hits:           host.Uint64(b[40:48]),
		RcvProbesMcast: host.Uint64(b[48:56]),
		RcvProbesUcast: host.Uint64(b[56:64]),
		PeriodicGcRuns: host.Uint64(b[64:72]),
		ForcedGcRuns:   host.Uint64(b[72:80]),
		TableFulls:     host.Uint64(b[80:88]),
	}, true
}

package wire

import "net/netip"

// Types of IGMP messages (RFC 1112, 2236, 3376).
const (
	IGMPQuery    = 0x11
	IGMPv1Report = 0x12
	IGMPv2Report = 0x16
	IGMPv2Leave  = 0x17
	IGMPv3Report = 0x22
)

// Lengths of IGMP messages in bytes.
const (
	IGMPHdrLen     = 8  // every message of v1 and v2
	IGMPv3QueryLen = 12 // before the sources
	IGMPv3GrecLen  = 8  // a group record before its sources
)

// Types of the group records of an IGMPv3 report (RFC 3376 §4.2.12).
const (
	IGMPModeIsInclude   = 1
	IGMPModeIsExclude   = 2
	IGMPChangeToInclude = 3
	IGMPChangeToExclude = 4
	IGMPAllowNewSources = 5
	IGMPBlockOldSources = 6
)

// IGMPHdr is an IGMPv1 or v2 message, and the start of a v3 query (struct
// igmphdr).
type IGMPHdr [8]byte

// AsIGMP views the IGMP message at the start of b.
func AsIGMP(b []byte) (*IGMPHdr, bool) {
	if len(b) < IGMPHdrLen {
		return nil, false
	}
	return (*IGMPHdr)(b), true
}

// Type returns the type.
func (h *IGMPHdr) Type() uint8 { return h[0] }

// Code returns the maximum response code: tenths of a second, in v3 from 128
// on a floating-point number (see IGMPCode).
func (h *IGMPHdr) Code() uint8 { return h[1] }

// Check returns the checksum.
func (h *IGMPHdr) Check() uint16 { return be.Uint16(h[2:4]) }

// Group returns the group, host order.
func (h *IGMPHdr) Group() uint32 { return be.Uint32(h[4:8]) }

// GroupAddr returns the group.
func (h *IGMPHdr) GroupAddr() netip.Addr { return netip.AddrFrom4([4]byte(h[4:8])) }

// SetTypeCode sets type and maximum response code.
func (h *IGMPHdr) SetTypeCode(t, c uint8) { h[0], h[1] = t, c }

// SetCheck sets the checksum.
func (h *IGMPHdr) SetCheck(v uint16) { be.PutUint16(h[2:4], v) }

// SetGroup sets the group, host order.
func (h *IGMPHdr) SetGroup(g uint32) { be.PutUint32(h[4:8], g) }

// IGMPv3Query is the fixed part of an IGMPv3 query (struct igmpv3_query).
type IGMPv3Query [12]byte

// AsIGMPv3Query views the query at the start of b.
func AsIGMPv3Query(b []byte) (*IGMPv3Query, bool) {
	if len(b) < IGMPv3QueryLen {
		return nil, false
	}
	return (*IGMPv3Query)(b), true
}

// Hdr views the part that all versions have.
func (h *IGMPv3Query) Hdr() *IGMPHdr { return (*IGMPHdr)(h[0:8]) }

// Suppress reports the S flag.
func (h *IGMPv3Query) Suppress() bool { return h[8]&8 != 0 }

// QRV returns the querier's robustness variable.
func (h *IGMPv3Query) QRV() uint8 { return h[8] & 7 }

// QQIC returns the querier's query interval code, seconds in the form of
// IGMPCode.
func (h *IGMPv3Query) QQIC() uint8 { return h[9] }

// NSrcs returns how many sources follow.
func (h *IGMPv3Query) NSrcs() int { return int(be.Uint16(h[10:12])) }

// SetRest sets flags, interval code and number of sources.
func (h *IGMPv3Query) SetRest(suppress bool, qrv, qqic uint8, nsrcs int) {
	h[8] = qrv & 7
	if suppress {
		h[8] |= 8
	}
	h[9] = qqic
	be.PutUint16(h[10:12], uint16(nsrcs))
}

// IGMPv3ReportHdr is the fixed part of an IGMPv3 report (struct igmpv3_report).
type IGMPv3ReportHdr [8]byte

// AsIGMPv3Report views the report at the start of b.
func AsIGMPv3Report(b []byte) (*IGMPv3ReportHdr, bool) {
	if len(b) < IGMPHdrLen {
		return nil, false
	}
	return (*IGMPv3ReportHdr)(b), true
}

// Check returns the checksum.
func (h *IGMPv3ReportHdr) Check() uint16 { return be.Uint16(h[2:4]) }

// NGrec returns how many group records follow.
func (h *IGMPv3ReportHdr) NGrec() int { return int(be.Uint16(h[6:8])) }

// Set fills the header but for the checksum, which it clears.
func (h *IGMPv3ReportHdr) Set(ngrec int) {
	*h = IGMPv3ReportHdr{0: IGMPv3Report}
	be.PutUint16(h[6:8], uint16(ngrec))
}

// IGMPv3Grec is the fixed part of a group record (struct igmpv3_grec).
type IGMPv3Grec [8]byte

// AsIGMPv3Grec views the group record at the start of b.
func AsIGMPv3Grec(b []byte) (*IGMPv3Grec, bool) {
	if len(b) < IGMPv3GrecLen {
		return nil, false
	}
	return (*IGMPv3Grec)(b), true
}

// Type returns the record type.
func (h *IGMPv3Grec) Type() uint8 { return h[0] }

// NSrcs returns how many sources follow.
func (h *IGMPv3Grec) NSrcs() int { return int(be.Uint16(h[2:4])) }

// Group returns the group, host order.
func (h *IGMPv3Grec) Group() uint32 { return be.Uint32(h[4:8]) }

// Len returns the length of the record with sources and auxiliary data.
func (h *IGMPv3Grec) Len() int { return IGMPv3GrecLen + 4*h.NSrcs() + 4*int(h[1]) }

// Set fills the record without auxiliary data; group in host order.
func (h *IGMPv3Grec) Set(typ uint8, nsrcs int, group uint32) {
	h[0], h[1] = typ, 0
	be.PutUint16(h[2:4], uint16(nsrcs))
	be.PutUint32(h[4:8], group)
}

// IGMPCode decodes a maximum response code or query interval code of v3: below
// 128 the number itself, else a mantissa of 4 and an exponent of 3 bits
// (RFC 3376 §4.1.1).
func IGMPCode(c uint8) int {
	if c < 128 {
		return int(c)
	}
	return (int(c&15) | 16) << (c>>4&7 + 3)
}

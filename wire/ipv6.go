package wire

import "net/netip"

// Sizes of IPv6 in bytes.
const (
	IPv6HdrLen  = 40
	IPv6MinMTU  = 1280 // RFC 8200 §5
	FragHdrLen  = 8
	ExtHdrUnit  = 8 // extension headers come in multiples of it
	RouteHdrLen = 4 // of the part that every type of routing header has
)

// IPv6Hdr is an IPv6 header (struct ipv6hdr).
type IPv6Hdr [40]byte

// AsIPv6 views the IPv6 header at the start of b.
func AsIPv6(b []byte) (*IPv6Hdr, bool) {
	if len(b) < IPv6HdrLen {
		return nil, false
	}
	return (*IPv6Hdr)(b), true
}

// Version returns the version field, 6 in a right header.
func (h *IPv6Hdr) Version() uint8 { return h[0] >> 4 }

// TrafficClass returns DSCP and ECN.
func (h *IPv6Hdr) TrafficClass() uint8 { return h[0]<<4 | h[1]>>4 }

// FlowLabel returns the 20-bit flow label.
func (h *IPv6Hdr) FlowLabel() uint32 { return be.Uint32(h[0:4]) & 0xfffff }

// PayloadLen returns the length of what follows this header.
func (h *IPv6Hdr) PayloadLen() int { return int(be.Uint16(h[4:6])) }

// NextHdr returns the type of the next header.
func (h *IPv6Hdr) NextHdr() uint8 { return h[6] }

// HopLimit returns the hop limit.
func (h *IPv6Hdr) HopLimit() uint8 { return h[7] }

// Saddr views the source address.
func (h *IPv6Hdr) Saddr() *[16]byte { return (*[16]byte)(h[8:24]) }

// Daddr views the destination address.
func (h *IPv6Hdr) Daddr() *[16]byte { return (*[16]byte)(h[24:40]) }

// Src returns the source address.
func (h *IPv6Hdr) Src() netip.Addr { return netip.AddrFrom16([16]byte(h[8:24])) }

// Dst returns the destination address.
func (h *IPv6Hdr) Dst() netip.Addr { return netip.AddrFrom16([16]byte(h[24:40])) }

// SetVerFlow sets version 6, traffic class and flow label.
func (h *IPv6Hdr) SetVerFlow(class uint8, label uint32) {
	be.PutUint32(h[0:4], 6<<28|uint32(class)<<20|label&0xfffff)
}

// SetPayloadLen sets the length of what follows this header.
func (h *IPv6Hdr) SetPayloadLen(n int) { be.PutUint16(h[4:6], uint16(n)) }

// SetNextHdr sets the type of the next header.
func (h *IPv6Hdr) SetNextHdr(v uint8) { h[6] = v }

// SetHopLimit sets the hop limit.
func (h *IPv6Hdr) SetHopLimit(v uint8) { h[7] = v }

// SetSrc sets the source address; an IPv4 address goes in mapped.
func (h *IPv6Hdr) SetSrc(a netip.Addr) { *h.Saddr() = a.As16() }

// SetDst sets the destination address; an IPv4 address goes in mapped.
func (h *IPv6Hdr) SetDst(a netip.Addr) { *h.Daddr() = a.As16() }

// ExtHdr is the start of a hop-by-hop, destination options or routing header
// (struct ipv6_opt_hdr).
type ExtHdr [8]byte

// AsExtHdr views the first 8 bytes of the extension header at the start of b.
func AsExtHdr(b []byte) (*ExtHdr, bool) {
	if len(b) < ExtHdrUnit {
		return nil, false
	}
	return (*ExtHdr)(b), true
}

// NextHdr returns the type of the next header.
func (h *ExtHdr) NextHdr() uint8 { return h[0] }

// Len returns the length of this header in bytes (ipv6_optlen).
func (h *ExtHdr) Len() int { return (int(h[1]) + 1) * 8 }

// RoutingType returns the type of a routing header.
func (h *ExtHdr) RoutingType() uint8 { return h[2] }

// SegmentsLeft returns that field of a routing header.
func (h *ExtHdr) SegmentsLeft() uint8 { return h[3] }

// FragHdr is a fragment header (struct frag_hdr).
type FragHdr [8]byte

// AsFragHdr views the fragment header at the start of b.
func AsFragHdr(b []byte) (*FragHdr, bool) {
	if len(b) < FragHdrLen {
		return nil, false
	}
	return (*FragHdr)(b), true
}

// NextHdr returns the type of the first header of the fragmentable part.
func (h *FragHdr) NextHdr() uint8 { return h[0] }

// Offset returns the fragment offset in bytes.
func (h *FragHdr) Offset() int { return int(be.Uint16(h[2:4]) &^ 7) }

// MF reports the more-fragments flag.
func (h *FragHdr) MF() bool { return h[3]&1 != 0 }

// ID returns the identification.
func (h *FragHdr) ID() uint32 { return be.Uint32(h[4:8]) }

// Set fills the header; offset is in bytes, a multiple of 8.
func (h *FragHdr) Set(next uint8, offset int, more bool, id uint32) {
	v := uint16(offset) &^ 7
	if more {
		v |= 1
	}
	h[0], h[1] = next, 0
	be.PutUint16(h[2:4], v)
	be.PutUint32(h[4:8], id)
}

// IsExtHdr reports whether next header v is an extension header that an
// ExtHdr or FragHdr view fits (ipv6_ext_hdr, without AH).
func IsExtHdr(v uint8) bool {
	switch v {
	case ProtoHopByHop, ProtoRouting, ProtoFragment, ProtoDstOpts, ProtoMH:
		return true
	}
	return false
}

package wire

import "net/netip"

// Lengths of IPv4 headers in bytes.
const (
	IPv4HdrLen    = 20 // without options
	IPv4HdrLenMax = 60
	IPv4MinMTU    = 68 // RFC 791 §3.2
)

// The flags and offset word of an IPv4 header (IP_DF, IP_MF, IP_OFFSET).
const (
	IPv4RF         = 0x8000 // reserved
	IPv4DF         = 0x4000
	IPv4MF         = 0x2000
	IPv4OffsetMask = 0x1fff // in units of 8 bytes
)

// IPv4Hdr is the fixed part of an IPv4 header (struct iphdr).
type IPv4Hdr [20]byte

// AsIPv4 views the fixed part of the IPv4 header at the start of b.
func AsIPv4(b []byte) (*IPv4Hdr, bool) {
	if len(b) < IPv4HdrLen {
		return nil, false
	}
	return (*IPv4Hdr)(b), true
}

// Version returns the version field, 4 in a right header.
func (h *IPv4Hdr) Version() uint8 { return h[0] >> 4 }

// IHL returns the length of the header with its options in bytes: 0 to 60; less
// than 20 is malformed.
func (h *IPv4Hdr) IHL() int { return int(h[0]&15) * 4 }

// TOS returns the type of service: DSCP and ECN.
func (h *IPv4Hdr) TOS() uint8 { return h[1] }

// TotLen returns the length of the datagram with its header.
func (h *IPv4Hdr) TotLen() int { return int(be.Uint16(h[2:4])) }

// ID returns the identification.
func (h *IPv4Hdr) ID() uint16 { return be.Uint16(h[4:6]) }

// FragOff returns flags and fragment offset as they stand in the header.
func (h *IPv4Hdr) FragOff() uint16 { return be.Uint16(h[6:8]) }

// Offset returns the fragment offset in bytes.
func (h *IPv4Hdr) Offset() int { return int(h.FragOff()&IPv4OffsetMask) * 8 }

// DF reports the don't-fragment flag.
func (h *IPv4Hdr) DF() bool { return h[6]&0x40 != 0 }

// MF reports the more-fragments flag.
func (h *IPv4Hdr) MF() bool { return h[6]&0x20 != 0 }

// IsFragment reports whether this is a piece of a datagram (ip_is_fragment).
func (h *IPv4Hdr) IsFragment() bool { return h.FragOff()&(IPv4MF|IPv4OffsetMask) != 0 }

// TTL returns the time to live in hops.
func (h *IPv4Hdr) TTL() uint8 { return h[8] }

// Proto returns the protocol.
func (h *IPv4Hdr) Proto() uint8 { return h[9] }

// Check returns the header checksum.
func (h *IPv4Hdr) Check() uint16 { return be.Uint16(h[10:12]) }

// Saddr returns the source address in host order.
func (h *IPv4Hdr) Saddr() uint32 { return be.Uint32(h[12:16]) }

// Daddr returns the destination address in host order.
func (h *IPv4Hdr) Daddr() uint32 { return be.Uint32(h[16:20]) }

// Src returns the source address.
func (h *IPv4Hdr) Src() netip.Addr { return netip.AddrFrom4([4]byte(h[12:16])) }

// Dst returns the destination address.
func (h *IPv4Hdr) Dst() netip.Addr { return netip.AddrFrom4([4]byte(h[16:20])) }

// SetVerIHL sets version 4 and the header length, bytes in multiples of 4.
func (h *IPv4Hdr) SetVerIHL(n int) { h[0] = 4<<4 | byte(n/4)&15 }

// SetTOS sets the type of service.
func (h *IPv4Hdr) SetTOS(v uint8) { h[1] = v }

// SetTotLen sets the length of the datagram with its header.
func (h *IPv4Hdr) SetTotLen(n int) { be.PutUint16(h[2:4], uint16(n)) }

// SetID sets the identification.
func (h *IPv4Hdr) SetID(v uint16) { be.PutUint16(h[4:6], v) }

// SetFragOff sets flags and offset, the latter in units of 8 bytes.
func (h *IPv4Hdr) SetFragOff(v uint16) { be.PutUint16(h[6:8], v) }

// SetTTL sets the time to live.
func (h *IPv4Hdr) SetTTL(v uint8) { h[8] = v }

// SetProto sets the protocol.
func (h *IPv4Hdr) SetProto(v uint8) { h[9] = v }

// SetCheck sets the header checksum.
func (h *IPv4Hdr) SetCheck(v uint16) { be.PutUint16(h[10:12], v) }

// SetSaddr sets the source address, host order.
func (h *IPv4Hdr) SetSaddr(a uint32) { be.PutUint32(h[12:16], a) }

// SetDaddr sets the destination address, host order.
func (h *IPv4Hdr) SetDaddr(a uint32) { be.PutUint32(h[16:20], a) }

// SetSrc sets the source address, which must be IPv4.
func (h *IPv4Hdr) SetSrc(a netip.Addr) { *(*[4]byte)(h[12:16]) = a.As4() }

// SetDst sets the destination address, which must be IPv4.
func (h *IPv4Hdr) SetDst(a netip.Addr) { *(*[4]byte)(h[16:20]) = a.As4() }

// DecTTL lowers the TTL by one and updates the checksum (RFC 1624;
// ip_decrease_ttl).
func (h *IPv4Hdr) DecTTL() {
	// ~m + m' of the word that holds the TTL is -0x100, and the field is the
	// complement of the sum.
	h[8]--
	c := uint32(h.Check()) + 0x100
	if c >= 0xffff {
		c++
	}
	h.SetCheck(uint16(c))
}

// IPv4Options walks the options of the header at the start of b, whose length
// field the caller has checked; ends are cut to what b holds. Offset counts
// from the end of the fixed part.
func IPv4Options(b []byte) OptionIter {
	if len(b) < IPv4HdrLen {
		return OptionIter{}
	}
	n := min(int(b[0]&15)*4, len(b))
	if n <= IPv4HdrLen {
		return OptionIter{}
	}
	return OptionIter{b: b[IPv4HdrLen:n:n]}
}

// SendCheck4 sets the checksum of the header with its options at the start of
// b (ip_send_check); b that holds less than its length field says is left
// alone.
func SendCheck4(b []byte) {
	if n, ok := headerLen4(b); ok {
		h := (*IPv4Hdr)(b)
		h.SetCheck(0)
		h.SetCheck(^headerSum(b[:n]))
	}
}

// VerifyCheck4 reports whether the header at the start of b, options included,
// is whole and its checksum right.
func VerifyCheck4(b []byte) bool {
	n, ok := headerLen4(b)
	return ok && headerSum(b[:n]) == 0xffff
}

func headerLen4(b []byte) (int, bool) {
	if len(b) < IPv4HdrLen {
		return 0, false
	}
	n := int(b[0]&15) * 4
	return n, n >= IPv4HdrLen && n <= len(b)
}

// headerSum is the one's complement sum of 20 to 60 bytes, a multiple of 4.
func headerSum(b []byte) uint16 {
	if len(b) < IPv4HdrLen {
		return 0 // headerLen4 has looked; this tells the compiler
	}
	x, y := be.Uint64(b), be.Uint64(b[8:])
	s := x>>32 + x&0xffffffff + y>>32 + y&0xffffffff
	for b = b[16:]; len(b) >= 4; {
		s += uint64(be.Uint32(b))
		b = b[4:]
	}
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s + s>>16)
}

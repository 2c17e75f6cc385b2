package wire

// UDPHdrLen is the length of a UDP header in bytes.
const UDPHdrLen = 8

// UDPHdr is a UDP header (struct udphdr).
type UDPHdr [8]byte

// AsUDP views the UDP header at the start of b.
func AsUDP(b []byte) (*UDPHdr, bool) {
	if len(b) < UDPHdrLen {
		return nil, false
	}
	return (*UDPHdr)(b), true
}

// Source returns the source port.
func (h *UDPHdr) Source() uint16 { return be.Uint16(h[0:2]) }

// Dest returns the destination port.
func (h *UDPHdr) Dest() uint16 { return be.Uint16(h[2:4]) }

// Len returns the length of header and data; for UDP-Lite, the checksum
// coverage.
func (h *UDPHdr) Len() int { return int(be.Uint16(h[4:6])) }

// Check returns the checksum; 0 is none.
func (h *UDPHdr) Check() uint16 { return be.Uint16(h[6:8]) }

// SetSource sets the source port.
func (h *UDPHdr) SetSource(p uint16) { be.PutUint16(h[0:2], p) }

// SetDest sets the destination port.
func (h *UDPHdr) SetDest(p uint16) { be.PutUint16(h[2:4], p) }

// SetLen sets the length of header and data.
func (h *UDPHdr) SetLen(n int) { be.PutUint16(h[4:6], uint16(n)) }

// SetCheck sets the checksum. A computed 0 must go in as 0xffff (RFC 768).
func (h *UDPHdr) SetCheck(v uint16) { be.PutUint16(h[6:8], v) }

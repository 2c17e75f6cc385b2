package wire

// Lengths of TCP headers in bytes.
const (
	TCPHdrLen    = 20 // without options
	TCPHdrLenMax = 60
)

// Flags of a TCP header (RFC 9293 §3.1; AE: RFC 9768).
const (
	TCPFin = 0x001
	TCPSyn = 0x002
	TCPRst = 0x004
	TCPPsh = 0x008
	TCPAck = 0x010
	TCPUrg = 0x020
	TCPEce = 0x040
	TCPCwr = 0x080
	TCPAE  = 0x100
)

// Kinds of TCP options (TCPOPT_*).
const (
	TCPOptMSS       = 2
	TCPOptWScale    = 3
	TCPOptSACKPerm  = 4
	TCPOptSACK      = 5
	TCPOptTimestamp = 8
	TCPOptMD5       = 19
	TCPOptAO        = 29
	TCPOptMPTCP     = 30
	TCPOptFastopen  = 34
	TCPOptExp       = 254
)

// TCPHdr is the fixed part of a TCP header (struct tcphdr).
type TCPHdr [20]byte

// AsTCP views the fixed part of the TCP header at the start of b.
func AsTCP(b []byte) (*TCPHdr, bool) {
	if len(b) < TCPHdrLen {
		return nil, false
	}
	return (*TCPHdr)(b), true
}

// Source returns the source port.
func (h *TCPHdr) Source() uint16 { return be.Uint16(h[0:2]) }

// Dest returns the destination port.
func (h *TCPHdr) Dest() uint16 { return be.Uint16(h[2:4]) }

// Seq returns the sequence number.
func (h *TCPHdr) Seq() uint32 { return be.Uint32(h[4:8]) }

// AckSeq returns the acknowledgement number.
func (h *TCPHdr) AckSeq() uint32 { return be.Uint32(h[8:12]) }

// DataOff returns the length of the header with its options in bytes: 0 to 60;
// less than 20 is malformed.
func (h *TCPHdr) DataOff() int { return int(h[12]>>4) * 4 }

// Flags returns the flags, nine bits.
func (h *TCPHdr) Flags() uint16 { return be.Uint16(h[12:14]) & 0x1ff }

// Window returns the window as it stands, not scaled.
func (h *TCPHdr) Window() uint16 { return be.Uint16(h[14:16]) }

// Check returns the checksum.
func (h *TCPHdr) Check() uint16 { return be.Uint16(h[16:18]) }

// UrgPtr returns the urgent pointer.
func (h *TCPHdr) UrgPtr() uint16 { return be.Uint16(h[18:20]) }

// SetSource sets the source port.
func (h *TCPHdr) SetSource(p uint16) { be.PutUint16(h[0:2], p) }

// SetDest sets the destination port.
func (h *TCPHdr) SetDest(p uint16) { be.PutUint16(h[2:4], p) }

// SetSeq sets the sequence number.
func (h *TCPHdr) SetSeq(v uint32) { be.PutUint32(h[4:8], v) }

// SetAckSeq sets the acknowledgement number.
func (h *TCPHdr) SetAckSeq(v uint32) { be.PutUint32(h[8:12], v) }

// SetDataOffFlags sets the header length in bytes, a multiple of 4, and the
// flags.
func (h *TCPHdr) SetDataOffFlags(n int, flags uint16) {
	be.PutUint16(h[12:14], uint16(n/4)<<12|flags&0x1ff)
}

// SetWindow sets the window, already scaled down.
func (h *TCPHdr) SetWindow(v uint16) { be.PutUint16(h[14:16], v) }

// SetCheck sets the checksum.
func (h *TCPHdr) SetCheck(v uint16) { be.PutUint16(h[16:18], v) }

// SetUrgPtr sets the urgent pointer.
func (h *TCPHdr) SetUrgPtr(v uint16) { be.PutUint16(h[18:20], v) }

// TCPOptions walks the options of the header at the start of b; ends are cut to
// what b holds. Offset counts from the end of the fixed part.
func TCPOptions(b []byte) OptionIter {
	if len(b) < TCPHdrLen {
		return OptionIter{}
	}
	n := min(int(b[12]>>4)*4, len(b))
	if n <= TCPHdrLen {
		return OptionIter{}
	}
	return OptionIter{b: b[TCPHdrLen:n:n]}
}

package wire

// Types of ICMPv6 messages (RFC 4443, 4861, 2710, 3810).
const (
	ICMPv6DestUnreach     = 1
	ICMPv6PktTooBig       = 2
	ICMPv6TimeExceeded    = 3
	ICMPv6ParamProb       = 4
	ICMPv6EchoRequest     = 128
	ICMPv6EchoReply       = 129
	ICMPv6MLDQuery        = 130
	ICMPv6MLDReport       = 131
	ICMPv6MLDDone         = 132
	ICMPv6RouterSolicit   = 133
	ICMPv6RouterAdvert    = 134
	ICMPv6NeighborSolicit = 135
	ICMPv6NeighborAdvert  = 136
	ICMPv6Redirect        = 137
	ICMPv6MLD2Report      = 143
)

// ICMPv6Hdr is the fixed part of an ICMPv6 message (struct icmp6hdr).
type ICMPv6Hdr [8]byte

// AsICMPv6 views the ICMPv6 header at the start of b.
func AsICMPv6(b []byte) (*ICMPv6Hdr, bool) {
	if len(b) < ICMPHdrLen {
		return nil, false
	}
	return (*ICMPv6Hdr)(b), true
}

// Type returns the type.
func (h *ICMPv6Hdr) Type() uint8 { return h[0] }

// Code returns the code.
func (h *ICMPv6Hdr) Code() uint8 { return h[1] }

// Check returns the checksum.
func (h *ICMPv6Hdr) Check() uint16 { return be.Uint16(h[2:4]) }

// ID returns the identifier of an echo message.
func (h *ICMPv6Hdr) ID() uint16 { return be.Uint16(h[4:6]) }

// Sequence returns the sequence number of an echo message.
func (h *ICMPv6Hdr) Sequence() uint16 { return be.Uint16(h[6:8]) }

// Rest returns the four bytes after the checksum: MTU, pointer, flags.
func (h *ICMPv6Hdr) Rest() uint32 { return be.Uint32(h[4:8]) }

// SetTypeCode sets type and code.
func (h *ICMPv6Hdr) SetTypeCode(t, c uint8) { h[0], h[1] = t, c }

// SetCheck sets the checksum.
func (h *ICMPv6Hdr) SetCheck(v uint16) { be.PutUint16(h[2:4], v) }

// SetRest sets the four bytes after the checksum.
func (h *ICMPv6Hdr) SetRest(v uint32) { be.PutUint32(h[4:8], v) }

// ICMPv6IsError reports whether messages of type t report errors (RFC 4443
// §2.1: the high bit is clear).
func ICMPv6IsError(t uint8) bool { return t < 128 }

package wire

// ICMPHdrLen is the length in bytes of the part that every ICMP message has.
const ICMPHdrLen = 8

// Types of ICMP messages (ICMP_* of linux/icmp.h; RFC 792, 1256, 8335).
const (
	ICMPEchoReply     = 0
	ICMPDestUnreach   = 3
	ICMPSourceQuench  = 4
	ICMPRedirect      = 5
	ICMPEcho          = 8
	ICMPRouterAdvert  = 9
	ICMPRouterSolicit = 10
	ICMPTimeExceeded  = 11
	ICMPParamProb     = 12
	ICMPTimestamp     = 13
	ICMPTimestampRep  = 14
	ICMPInfoRequest   = 15
	ICMPInfoReply     = 16
	ICMPAddress       = 17
	ICMPAddressReply  = 18
	ICMPExtEcho       = 42
	ICMPExtEchoReply  = 43
)

// Codes of ICMPDestUnreach (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
const (
	ICMPNetUnreach    = 0
	ICMPHostUnreach   = 1
	ICMPProtUnreach   = 2
	ICMPPortUnreach   = 3
	ICMPFragNeeded    = 4
	ICMPSrFailed      = 5
	ICMPNetUnknown    = 6
	ICMPHostUnknown   = 7
	ICMPHostIsolated  = 8
	ICMPNetAno        = 9
	ICMPHostAno       = 10
	ICMPNetUnrTOS     = 11
	ICMPHostUnrTOS    = 12
	ICMPPktFiltered   = 13
	ICMPPrecViolation = 14
	ICMPPrecCutoff    = 15
)

// Codes of ICMPRedirect.
const (
	ICMPRedirNet     = 0
	ICMPRedirHost    = 1
	ICMPRedirNetTOS  = 2
	ICMPRedirHostTOS = 3
)

// Codes of ICMPTimeExceeded.
const (
	ICMPExcTTL      = 0
	ICMPExcFragTime = 1
)

// ICMPHdr is the fixed part of an ICMP message (struct icmphdr).
type ICMPHdr [8]byte

// AsICMP views the ICMP header at the start of b.
func AsICMP(b []byte) (*ICMPHdr, bool) {
	if len(b) < ICMPHdrLen {
		return nil, false
	}
	return (*ICMPHdr)(b), true
}

// Type returns the type.
func (h *ICMPHdr) Type() uint8 { return h[0] }

// Code returns the code.
func (h *ICMPHdr) Code() uint8 { return h[1] }

// Check returns the checksum.
func (h *ICMPHdr) Check() uint16 { return be.Uint16(h[2:4]) }

// ID returns the identifier of an echo, timestamp, information or address
// message.
func (h *ICMPHdr) ID() uint16 { return be.Uint16(h[4:6]) }

// Sequence returns the sequence number of the same messages.
func (h *ICMPHdr) Sequence() uint16 { return be.Uint16(h[6:8]) }

// Gateway returns the gateway of a redirect, host order.
func (h *ICMPHdr) Gateway() uint32 { return be.Uint32(h[4:8]) }

// MTU returns the next hop's MTU in ICMPFragNeeded (RFC 1191 §4).
func (h *ICMPHdr) MTU() uint16 { return be.Uint16(h[6:8]) }

// Pointer returns the pointer of ICMPParamProb.
func (h *ICMPHdr) Pointer() uint8 { return h[4] }

// Rest returns the four bytes after the checksum, whatever they mean.
func (h *ICMPHdr) Rest() uint32 { return be.Uint32(h[4:8]) }

// SetTypeCode sets type and code.
func (h *ICMPHdr) SetTypeCode(t, c uint8) { h[0], h[1] = t, c }

// SetCheck sets the checksum.
func (h *ICMPHdr) SetCheck(v uint16) { be.PutUint16(h[2:4], v) }

// SetID sets the identifier.
func (h *ICMPHdr) SetID(v uint16) { be.PutUint16(h[4:6], v) }

// SetSequence sets the sequence number.
func (h *ICMPHdr) SetSequence(v uint16) { be.PutUint16(h[6:8], v) }

// SetRest sets the four bytes after the checksum: gateway, MTU, pointer<<24.
func (h *ICMPHdr) SetRest(v uint32) { be.PutUint32(h[4:8], v) }

// ICMPIsError reports whether messages of type t report an error about another
// packet, so that they never cause an error themselves (RFC 1122 §3.2.2).
func ICMPIsError(t uint8) bool {
	switch t {
	case ICMPDestUnreach, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParamProb:
		return true
	}
	return false
}

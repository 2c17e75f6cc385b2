package inet

import (
	"encoding/binary"

	"linen/lib/csum"
	"linen/net/skb"
	"linen/wire"
)

// Sizes of RFC 4884, in bytes.
const (
	extHdrLen    = 4   // version, reserved, checksum
	extObjectLen = 4   // length, class, type
	minOriginal  = 128 // the least original datagram in front of extensions
)

// extInvalid is SO_EE_RFC4884_FLAG_INVALID.
const extInvalid = 1

// extensions finds the extensions of the ICMP error that b is a copy of: b's
// data is the payload of the quoted packet, its network header that of the
// error. It returns struct sock_ee_data_rfc4884, where the extensions begin in
// the payload and whether they are broken; 0 when there are none: the length
// field is 0, too short for RFC 4884 §4.6 or past the end.
func extensions(b *skb.Buff, typ uint8) (ee uint32) {
	switch typ {
	case wire.ICMPDestUnreach, wire.ICMPTimeExceeded, wire.ICMPParamProb:
	default:
		return 0
	}
	ip, ok := wire.AsIPv4(b.Network())
	if !ok {
		return 0
	}
	const icmpLen = 8
	quoted := b.NetworkOff() + ip.IHL() + icmpLen // of the quoted packet, from the data: negative
	l := b.Network()[ip.IHL():]
	if len(l) < icmpLen {
		return 0
	}
	at := 4 * int(l[5])
	if at < minOriginal || quoted+at < 0 || quoted+at+extHdrLen > b.HeadLen() {
		return 0
	}
	var raw [4]byte
	binary.NativeEndian.PutUint16(raw[:], uint16(quoted+at))
	if !validExtensions(b.Data()[quoted+at:]) {
		raw[2] = extInvalid
	}
	return binary.NativeEndian.Uint32(raw[:])
}

// validExtensions checks the checksum, unless it is 0, and the lengths of the
// objects (RFC 4884 §7, §8).
func validExtensions(p []byte) bool {
	if p[2]|p[3] != 0 && csum.Checksum(p) != 0 {
		return false
	}
	for p = p[extHdrLen:]; len(p) > 0; {
		if len(p) < extObjectLen {
			return false
		}
		n := int(binary.BigEndian.Uint16(p))
		if n < extObjectLen || n > len(p) {
			return false
		}
		p = p[n:]
	}
	return true
}

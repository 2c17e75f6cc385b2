package iptunnel

import (
	"linen/lib/csum"
	"linen/wire"
)

// ECN's codepoints (RFC 3168 §5).
const (
	ecnNot  = 0
	ecnECT1 = 1
	ecnECT0 = 2
	ecnCE   = 3
	ecnMask = 3
)

// encapsulateECN returns an outer TOS with the ECN field for a packet with the TOS
// in inside: the same, but that what is marked already begins anew as ECT(0). That
// is RFC 3168's full functionality, where RFC 6040 §4.1 copies CE; Linux has stayed
// with the former (INET_ECN_encapsulate).
func encapsulateECN(tos, in uint8) uint8 {
	e := in & ecnMask
	if e == ecnCE {
		e = ecnECT0
	}
	return tos&^ecnMask | e
}

// What RFC 6040 §4.2 says of the pair of an outer and an inner ECN field.
const (
	ecnFine = iota
	ecnOdd  // an outer mark that the inner packet did not ask for: it is worth a word
	ecnDrop // congestion that the inner packet cannot be told of
)

// decapsulateECN brings the outer header's ECN field into the inner one, whose
// checksum follows, and says what it thinks of them (INET_ECN_decapsulate).
func decapsulateECN(outer uint8, in *wire.IPv4Hdr) int {
	outer &= ecnMask
	now := in.TOS() & ecnMask
	if now == ecnNot {
		switch outer {
		case ecnNot:
			return ecnFine
		case ecnCE:
			return ecnDrop
		}
		return ecnOdd
	}
	if outer == ecnCE || outer == ecnECT1 && now == ecnECT0 {
		old := uint16(in[0])<<8 | uint16(in[1])
		in.SetTOS(in.TOS()&^ecnMask | outer)
		in.SetCheck(csum.Update16(in.Check(), old, uint16(in[0])<<8|uint16(in[1])))
	}
	return ecnFine
}

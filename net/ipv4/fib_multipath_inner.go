package ipv4

import (
	"encoding/binary"

	"linen/lib/jhash"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// maxHeaders is how many headers in a row are looked at
// (MAX_FLOW_DISSECT_HDRS).
const maxHeaders = 15

// innerKey returns the key of the innermost packet of a tunnel's, IPv4 or IPv6: of
// IP in IP, 6in4 and GRE, also with Ethernet or PPP, and of tunnels inside of those.
// A fragment is not looked into, the first neither, so that all go one way: then the
// packet that it is a fragment of counts (__skb_flow_dissect).
func innerKey(b *skb.Buff) (k hashKey, ok bool) {
	if b == nil {
		return k, false
	}
	p, ether := b.Network(), uint16(uapi.ETH_P_IP)
	for depth := range maxHeaders {
		var next uint8
		in, whole := hashKey{}, false
		switch ether {
		case uapi.ETH_P_IP:
			in, next, p, whole = keyOf4(p)
		case uapi.ETH_P_IPV6:
			in, next, p, whole = keyOf6(p)
		case uapi.ETH_P_8021Q, uapi.ETH_P_8021AD:
			if len(p) < wire.VLANHdrLen {
				return k, ok
			}
			ether, p = binary.BigEndian.Uint16(p[2:]), p[wire.VLANHdrLen:]
			continue
		default:
			return k, ok
		}
		if p == nil {
			return k, ok
		}
		k, ok = in, depth > 0
		switch {
		case !whole:
			return k, ok
		case next == uapi.IPPROTO_IPIP:
			ether = uapi.ETH_P_IP
		case next == uapi.IPPROTO_IPV6:
			ether = uapi.ETH_P_IPV6
		case next == uapi.IPPROTO_GRE:
			if ether, p = insideGRE(p); p == nil {
				return k, ok
			}
		default:
			s, d := transportPorts(next, p)
			k.ports = uint32(s)<<16 | uint32(d)
			return k, ok
		}
	}
	return k, ok
}

// keyOf4 returns the key of an IPv4 header and what stands behind it, nil when the
// header is not one; whole is false of a fragment.
func keyOf4(p []byte) (k hashKey, next uint8, rest []byte, whole bool) {
	h, ok := wire.AsIPv4(p)
	if !ok {
		return k, 0, nil, false
	}
	k = hashKey{src: h.Saddr(), dst: h.Daddr(), proto: h.Proto()}
	return k, h.Proto(), p[min(h.IHL(), len(p)):], !h.IsFragment()
}

// keyOf6 is keyOf4 of an IPv6 header with what extends it (RFC 8200 §4). The
// addresses count as what they hash to.
func keyOf6(p []byte) (k hashKey, next uint8, rest []byte, whole bool) {
	h, ok := wire.AsIPv6(p)
	if !ok {
		return k, 0, nil, false
	}
	k = hashKey{v6: true, src: jhash.Bytes(h.Saddr()[:], 0), dst: jhash.Bytes(h.Daddr()[:], 0), label: h.FlowLabel()}
	next, rest = h.NextHdr(), p[wire.IPv6HdrLen:]
	for range maxHeaders {
		switch next {
		case uapi.IPPROTO_HOPOPTS, uapi.IPPROTO_ROUTING, uapi.IPPROTO_DSTOPTS:
			if len(rest) < 8 {
				return k, next, rest, false
			}
			n := (int(rest[1]) + 1) * 8
			next, rest = rest[0], rest[min(n, len(rest)):]
			continue
		}
		break
	}
	k.proto = next
	return k, next, rest, next != uapi.IPPROTO_FRAGMENT
}

// Bits of a GRE header's first word (RFC 2784, RFC 2890, RFC 2637).
const (
	greCsum     = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSeq      = 0x1000
	greAck      = 0x0080
	greVersion  = 0x0007
	greEnhanced = 1      // PPTP's version
	greProtoPPP = 0x880b // what that one carries
)

// insideGRE returns the Ethernet type and the bytes of what a GRE header has
// behind it; nil: nothing that can be told (__skb_flow_dissect_gre).
func insideGRE(p []byte) (ether uint16, rest []byte) {
	if len(p) < 4 {
		return 0, nil
	}
	flags := binary.BigEndian.Uint16(p)
	ether = binary.BigEndian.Uint16(p[2:])
	n := 4
	for _, bit := range [...]uint16{greCsum, greKey, greSeq} {
		if flags&bit != 0 {
			n += 4
		}
	}
	enhanced := flags&greVersion == greEnhanced
	if enhanced && flags&greAck != 0 {
		n += 4
	}
	if flags&greRouting != 0 || flags&greVersion > greEnhanced || enhanced && (ether != greProtoPPP || flags&greKey == 0) || len(p) < n {
		return 0, nil
	}
	p = p[n:]
	switch {
	case enhanced:
		return insidePPP(p)
	case ether == uapi.ETH_P_TEB:
		if len(p) < wire.EthHdrLen {
			return 0, nil
		}
		return binary.BigEndian.Uint16(p[12:]), p[wire.EthHdrLen:]
	}
	return ether, p
}

// Protocol numbers of PPP (RFC 1332, RFC 5072).
const (
	pppIP   = 0x0021
	pppIPv6 = 0x0057
)

// insidePPP returns what a PPP frame carries as insideGRE does.
func insidePPP(p []byte) (ether uint16, rest []byte) {
	if len(p) < 4 {
		return 0, nil
	}
	switch binary.BigEndian.Uint16(p[2:]) { // behind address and control (RFC 1662)
	case pppIP:
		return uapi.ETH_P_IP, p[4:]
	case pppIPv6:
		return uapi.ETH_P_IPV6, p[4:]
	}
	return 0, nil
}

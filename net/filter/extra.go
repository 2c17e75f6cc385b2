package filter

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
)

// hardware is what a device says of its kind (dev.Device does).
type hardware interface{ HardwareType() uint16 }

// extra is a load of packet metadata, at SKF_AD_OFF + n.
func (s *machine) extra(c *kern.CPU, b *skb.Buff, n uint32) (uint32, bool) {
	switch n {
	case uapi.SKF_AD_PROTOCOL:
		return uint32(b.Protocol), true
	case uapi.SKF_AD_PKTTYPE:
		return uint32(b.PktType), true
	case uapi.SKF_AD_IFINDEX:
		if b.Dev == nil {
			return 0, false
		}
		return uint32(b.Dev.Ifindex()), true
	case uapi.SKF_AD_HATYPE:
		if d, ok := b.Dev.(hardware); ok {
			return uint32(d.HardwareType()), true
		}
		return 0, false
	case uapi.SKF_AD_NLATTR:
		return findAttr(b.Data(), s.a, s.x), true
	case uapi.SKF_AD_NLATTR_NEST:
		return findNested(b.Data(), s.a, s.x), true
	case uapi.SKF_AD_MARK:
		return b.Mark, true
	case uapi.SKF_AD_QUEUE:
		return uint32(b.Queue), true
	case uapi.SKF_AD_RXHASH:
		return b.Hash, true
	case uapi.SKF_AD_CPU:
		return uint32(c.ID()), true
	case uapi.SKF_AD_ALU_XOR_X:
		return s.a ^ s.x, true
	case uapi.SKF_AD_PAY_OFFSET:
		return payload(b), true
	case uapi.SKF_AD_RANDOM:
		return c.Uint32(), true
	}
	return vlan(b, n), true
}

// vlan loads what is known of the VLAN tag.
func vlan(b *skb.Buff, n uint32) uint32 {
	switch {
	case n == uapi.SKF_AD_VLAN_TAG:
		return uint32(b.VLANTCI)
	case n == uapi.SKF_AD_VLAN_TPID:
		return uint32(b.VLANProto)
	case n == uapi.SKF_AD_VLAN_TAG_PRESENT && b.VLANProto != 0:
		return 1
	}
	return 0
}

// attrHdr is sizeof(struct nlattr); attributes are aligned to 4.
const attrHdr = 4

// findAttr returns the offset of the first netlink attribute of a type in data
// from off on, or 0.
func findAttr(data []byte, off, typ uint32) uint32 {
	for off <= uint32(len(data)) && uint32(len(data))-off >= attrHdr {
		p := data[off:]
		n := uint32(binary.NativeEndian.Uint16(p))
		if n < attrHdr || n > uint32(len(p)) {
			return 0
		}
		if uint32(binary.NativeEndian.Uint16(p[2:])&0x3fff) == typ {
			return off
		}
		off += (n + 3) &^ 3
	}
	return 0
}

// findNested looks inside the attribute at off.
func findNested(data []byte, off, typ uint32) uint32 {
	if uint32(len(data)) < attrHdr || off > uint32(len(data))-attrHdr {
		return 0
	}
	n := uint32(binary.NativeEndian.Uint16(data[off:]))
	if n < attrHdr || n > uint32(len(data))-off {
		return 0
	}
	return findAttr(data[:off+n], off+attrHdr, typ)
}

// payload returns the offset of what follows the transport header
// (skb_get_poff), for IPv4 with TCP, UDP or ICMP; for others the offset of
// the part that is not understood.
func payload(b *skb.Buff) uint32 {
	base := b.NetworkOff()
	ip := b.Network()
	if b.Protocol != uapi.ETH_P_IP || len(ip) < 20 {
		return 0
	}
	n := int(ip[0]&15) * 4
	if n < 20 || binary.BigEndian.Uint16(ip[6:])&0x1fff != 0 {
		return uint32(base + n)
	}
	switch proto := ip[9]; {
	case proto == uapi.IPPROTO_UDP || proto == uapi.IPPROTO_UDPLITE || proto == uapi.IPPROTO_ICMP:
		n += 8
	case proto == uapi.IPPROTO_TCP && len(ip) > n+12:
		n += max(20, int(ip[n+12]>>4)*4)
	}
	return uint32(base + n)
}

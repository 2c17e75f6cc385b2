package packet

import (
	"encoding/binary"

	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
)

// addrOff is where sockaddr_ll's address begins.
const addrOff = 12

// hostOrder turns a number in network order, kept in a host's integer, into
// the number.
func hostOrder(v uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], v)
	return binary.BigEndian.Uint16(b[:])
}

// parseAddr reads a struct sockaddr_ll; false when it is none.
func parseAddr(sa []byte) (uapi.SockaddrLl, bool) {
	if len(sa) < 2 || binary.NativeEndian.Uint16(sa) != uapi.AF_PACKET {
		return uapi.SockaddrLl{}, false
	}
	return uapi.ParseSockaddrLl(sa)
}

// note is what a socket keeps of a frame for its reader: struct sockaddr_ll and
// what PACKET_AUXDATA tells (PACKET_SKB_CB).
type note struct {
	ifindex  int32
	protocol uint16 // host order
	hatype   uint16
	pktType  uint8
	halen    uint8
	netOff   uint16 // of the network header, bytes
	status   uint32 // TP_STATUS_*
	addr     [8]byte
	size     uint32 // before the filter cut it
}

// noteOf describes b as it is received by d, originally by orig.
func (s *Sock) noteOf(b *skb.Buff, d, orig *dev.Device) (n note) {
	n = note{ifindex: int32(d.Ifindex()), protocol: b.Protocol, hatype: d.Type, pktType: b.PktType, size: uint32(b.Len())}
	if s.opt.origDev.Load() {
		n.ifindex = int32(orig.Ifindex())
	}
	n.halen = uint8(copy(n.addr[:], d.HeaderSource(b)))
	n.netOff = uint16(max(b.NetworkOff(), 0))
	n.status = uapi.TP_STATUS_USER
	switch {
	case b.CsumState == skb.CsumPartial:
		n.status |= uapi.TP_STATUS_CSUMNOTREADY
	case b.PktType != skb.PacketOutgoing && b.CsumState != skb.CsumNone:
		n.status |= uapi.TP_STATUS_CSUM_VALID
	}
	if b.GSOType&(skb.GSOTCPv4|skb.GSOTCPv6) != 0 {
		n.status |= tpStatusGSOTCP
	}
	if b.VLANProto != 0 {
		n.status |= uapi.TP_STATUS_VLAN_VALID | uapi.TP_STATUS_VLAN_TPID_VALID
	}
	return n
}

// tpStatusGSOTCP is TP_STATUS_GSO_TCP, newer than the headers in uapi.
const tpStatusGSOTCP = 1 << 8

// save keeps n in b's notes, where sock leaves room.
func (n *note) save(b *skb.Buff) {
	b.CB[0] = uint64(uint32(n.ifindex)) | uint64(n.protocol)<<32 | uint64(n.hatype)<<48
	b.CB[1] = uint64(n.pktType) | uint64(n.halen)<<8 | uint64(n.netOff)<<16 | uint64(n.status)<<32
	b.CB[2] = binary.NativeEndian.Uint64(n.addr[:])
	b.CB[3] = uint64(n.size)
}

// load reads back what save kept.
func load(b *skb.Buff) (n note) {
	n.ifindex, n.protocol, n.hatype = int32(b.CB[0]), uint16(b.CB[0]>>32), uint16(b.CB[0]>>48)
	n.pktType, n.halen, n.netOff, n.status = uint8(b.CB[1]), uint8(b.CB[1]>>8), uint16(b.CB[1]>>16), uint32(b.CB[1]>>32)
	binary.NativeEndian.PutUint64(n.addr[:], b.CB[2])
	n.size = uint32(b.CB[3])
	return n
}

// sockaddr writes n as a struct sockaddr_ll.
func (n *note) sockaddr(p *[uapi.SizeofSockaddrLl]byte) {
	binary.NativeEndian.PutUint16(p[0:], uapi.AF_PACKET)
	binary.BigEndian.PutUint16(p[2:], n.protocol)
	binary.NativeEndian.PutUint32(p[4:], uint32(n.ifindex))
	binary.NativeEndian.PutUint16(p[8:], n.hatype)
	p[10], p[11] = n.pktType, n.halen
	copy(p[addrOff:], n.addr[:])
}

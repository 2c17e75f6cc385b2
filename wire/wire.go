// Package wire reads and writes packet headers: Ethernet, VLAN, ARP, IPv4 and
// IPv6 with their options and extension headers, ICMP, IGMP, UDP and TCP. It
// keeps no state, knows no namespace, and imports the standard library only.
//
// # Views
//
// The fixed part of a header is a pointer to an array over the packet's own
// bytes: AsUDP(b) gives a *UDPHdr, or false where b is too short, and nothing
// else can make one. So an accessor can never panic and costs no bounds check,
// and it allocates nothing. An As function checks the length of the fixed part
// only; whether the fields make sense (version, header length, total length)
// is for the protocol to judge, which must count the error.
//
// Getters return host order, setters (SetX) take it. Addresses are netip.Addr
// (Src, Dst), or for the forwarding path uint32 in host order (Saddr, Daddr)
// and *[16]byte.
//
// # Options
//
// Variable parts are iterators:
//
//	it := wire.TCPOptions(b)
//	for it.Next() { ... it.Kind() ... it.Data() ... }
//	if it.Err() != nil { ... }
//
// Kernel counterparts: include/uapi/linux/{if_ether,if_arp,ip,ipv6,icmp,icmpv6,
// igmp,udp,tcp}.h. RFCs: 791, 768, 792, 826, 8200, 4443, 9293, 1112, 2236,
// 3376. IEEE 802.3, 802.1Q. Not here: DHCP, DNS, routing protocols, and the
// bodies of ICMPv6 messages.
package wire

import "encoding/binary"

// be is the byte order of every header here.
var be = binary.BigEndian

// EtherTypes of the packets that this package knows (ETH_P_* in package uapi).
const (
	EtherTypeIPv4 = 0x0800
	EtherTypeARP  = 0x0806
	EtherTypeRARP = 0x8035
	EtherTypeVLAN = 0x8100 // 802.1Q
	EtherTypeIPv6 = 0x86dd
	EtherTypeQinQ = 0x88a8 // 802.1ad
	EtherTypeMPLS = 0x8847
	EtherTypeLoop = 0x9000

	// EtherTypeMin is the least EtherType; below, the field is the length of
	// an 802.3 frame (ETH_P_802_3_MIN).
	EtherTypeMin = 0x0600
)

// IP protocol numbers and IPv6 next headers (IPPROTO_* in package uapi).
const (
	ProtoHopByHop = 0 // IPv6 hop-by-hop options
	ProtoICMP     = 1
	ProtoIGMP     = 2
	ProtoIPIP     = 4
	ProtoTCP      = 6
	ProtoUDP      = 17
	ProtoDCCP     = 33
	ProtoIPv6     = 41
	ProtoRouting  = 43
	ProtoFragment = 44
	ProtoGRE      = 47
	ProtoESP      = 50
	ProtoAH       = 51
	ProtoICMPv6   = 58
	ProtoNone     = 59 // no next header
	ProtoDstOpts  = 60
	ProtoPIM      = 103
	ProtoSCTP     = 132
	ProtoMH       = 135 // mobility header
	ProtoUDPLite  = 136
	ProtoRaw      = 255
)

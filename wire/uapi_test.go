package wire

import (
	"testing"

	"linen/uapi"
)

// wire imports nothing, so it repeats a few numbers of the kernel's headers.
func TestNumbersEqualUAPI(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b int
	}{
		{"IPv4", EtherTypeIPv4, uapi.ETH_P_IP}, {"ARP", EtherTypeARP, uapi.ETH_P_ARP}, {"RARP", EtherTypeRARP, uapi.ETH_P_RARP},
		{"VLAN", EtherTypeVLAN, uapi.ETH_P_8021Q}, {"IPv6", EtherTypeIPv6, uapi.ETH_P_IPV6}, {"QinQ", EtherTypeQinQ, uapi.ETH_P_8021AD},
		{"MPLS", EtherTypeMPLS, uapi.ETH_P_MPLS_UC}, {"802.3", EtherTypeMin, uapi.ETH_P_802_3_MIN},
		{"ETH_HLEN", EthHdrLen, uapi.ETH_HLEN}, {"ETH_ZLEN", EthMinFrame, uapi.ETH_ZLEN}, {"ETH_DATA_LEN", EthDataLen, uapi.ETH_DATA_LEN},
		{"HOPOPTS", ProtoHopByHop, uapi.IPPROTO_HOPOPTS}, {"ICMP", ProtoICMP, uapi.IPPROTO_ICMP}, {"IGMP", ProtoIGMP, uapi.IPPROTO_IGMP},
		{"IPIP", ProtoIPIP, uapi.IPPROTO_IPIP}, {"TCP", ProtoTCP, uapi.IPPROTO_TCP}, {"UDP", ProtoUDP, uapi.IPPROTO_UDP},
		{"DCCP", ProtoDCCP, uapi.IPPROTO_DCCP}, {"IPV6", ProtoIPv6, uapi.IPPROTO_IPV6}, {"ROUTING", ProtoRouting, uapi.IPPROTO_ROUTING},
		{"FRAGMENT", ProtoFragment, uapi.IPPROTO_FRAGMENT}, {"GRE", ProtoGRE, uapi.IPPROTO_GRE}, {"ESP", ProtoESP, uapi.IPPROTO_ESP},
		{"AH", ProtoAH, uapi.IPPROTO_AH}, {"ICMPV6", ProtoICMPv6, uapi.IPPROTO_ICMPV6}, {"NONE", ProtoNone, uapi.IPPROTO_NONE},
		{"DSTOPTS", ProtoDstOpts, uapi.IPPROTO_DSTOPTS}, {"PIM", ProtoPIM, uapi.IPPROTO_PIM}, {"SCTP", ProtoSCTP, uapi.IPPROTO_SCTP},
		{"MH", ProtoMH, uapi.IPPROTO_MH}, {"UDPLITE", ProtoUDPLite, uapi.IPPROTO_UDPLITE}, {"RAW", ProtoRaw, uapi.IPPROTO_RAW},
		{"ARP request", ARPRequest, uapi.ARPOP_REQUEST}, {"ARP reply", ARPReply, uapi.ARPOP_REPLY},
		{"RR", IPOptRR, uapi.IPOPT_RR}, {"TS", IPOptTS, uapi.IPOPT_TIMESTAMP}, {"LSRR", IPOptLSRR, uapi.IPOPT_LSRR},
		{"SSRR", IPOptSSRR, uapi.IPOPT_SSRR}, {"RA", IPOptRA, uapi.IPOPT_RA}, {"CIPSO", IPOptCIPSO, uapi.IPOPT_CIPSO},
	} {
		if c.a != c.b {
			t.Errorf("%s: %#x, uapi has %#x", c.name, c.a, c.b)
		}
	}
}

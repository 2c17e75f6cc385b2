package uapi

// RTA_ENCAP_TYPE. Source: linux/lwtunnel.h.
const (
	LWTUNNEL_ENCAP_NONE       = 0
	LWTUNNEL_ENCAP_MPLS       = 1
	LWTUNNEL_ENCAP_IP         = 2
	LWTUNNEL_ENCAP_ILA        = 3
	LWTUNNEL_ENCAP_IP6        = 4
	LWTUNNEL_ENCAP_SEG6       = 5
	LWTUNNEL_ENCAP_BPF        = 6
	LWTUNNEL_ENCAP_SEG6_LOCAL = 7
	LWTUNNEL_ENCAP_RPL        = 8
	LWTUNNEL_ENCAP_IOAM6      = 9
	LWTUNNEL_ENCAP_XFRM       = 10
)

// Attributes in RTA_ENCAP of type ip. Source: linux/lwtunnel.h.
const (
	LWTUNNEL_IP_UNSPEC = 0
	LWTUNNEL_IP_ID     = 1
	LWTUNNEL_IP_DST    = 2
	LWTUNNEL_IP_SRC    = 3
	LWTUNNEL_IP_TTL    = 4
	LWTUNNEL_IP_TOS    = 5
	LWTUNNEL_IP_FLAGS  = 6
	LWTUNNEL_IP_PAD    = 7
	LWTUNNEL_IP_OPTS   = 8
)

// Attributes in RTA_ENCAP of type ip6. Source: linux/lwtunnel.h.
const (
	LWTUNNEL_IP6_UNSPEC   = 0
	LWTUNNEL_IP6_ID       = 1
	LWTUNNEL_IP6_DST      = 2
	LWTUNNEL_IP6_SRC      = 3
	LWTUNNEL_IP6_HOPLIMIT = 4
	LWTUNNEL_IP6_TC       = 5
	LWTUNNEL_IP6_FLAGS    = 6
	LWTUNNEL_IP6_PAD      = 7
	LWTUNNEL_IP6_OPTS     = 8
)

package uapi

// Route types, rtm_type. Source: linux/rtnetlink.h.
const (
	RTN_UNSPEC      = 0
	RTN_UNICAST     = 1
	RTN_LOCAL       = 2
	RTN_BROADCAST   = 3
	RTN_ANYCAST     = 4
	RTN_MULTICAST   = 5
	RTN_BLACKHOLE   = 6
	RTN_UNREACHABLE = 7
	RTN_PROHIBIT    = 8
	RTN_THROW       = 9
	RTN_NAT         = 10
	RTN_XRESOLVE    = 11
)

// Who installed a route, rtm_protocol. Source: linux/rtnetlink.h.
const (
	RTPROT_UNSPEC     = 0
	RTPROT_REDIRECT   = 1
	RTPROT_KERNEL     = 2
	RTPROT_BOOT       = 3
	RTPROT_STATIC     = 4
	RTPROT_GATED      = 8
	RTPROT_RA         = 9
	RTPROT_MRT        = 10
	RTPROT_ZEBRA      = 11
	RTPROT_BIRD       = 12
	RTPROT_DNROUTED   = 13
	RTPROT_XORP       = 14
	RTPROT_NTK        = 15
	RTPROT_DHCP       = 16
	RTPROT_MROUTED    = 17
	RTPROT_KEEPALIVED = 18
	RTPROT_BABEL      = 42
	RTPROT_OPENR      = 99
	RTPROT_BGP        = 186
	RTPROT_ISIS       = 187
	RTPROT_OSPF       = 188
	RTPROT_RIP        = 189
	RTPROT_EIGRP      = 192
)

// Scopes, rtm_scope and ifa_scope: the greater, the nearer. Source: linux/rtnetlink.h.
const (
	RT_SCOPE_UNIVERSE = 0
	RT_SCOPE_SITE     = 200
	RT_SCOPE_LINK     = 253
	RT_SCOPE_HOST     = 254
	RT_SCOPE_NOWHERE  = 255
)

// Flags of a route, rtm_flags. Source: linux/rtnetlink.h.
const (
	RTM_F_NOTIFY         = 0x100
	RTM_F_CLONED         = 0x200
	RTM_F_EQUALIZE       = 0x400
	RTM_F_PREFIX         = 0x800
	RTM_F_LOOKUP_TABLE   = 0x1000
	RTM_F_FIB_MATCH      = 0x2000
	RTM_F_OFFLOAD        = 0x4000
	RTM_F_TRAP           = 0x8000
	RTM_F_OFFLOAD_FAILED = 0x20000000
)

// Routing tables that have names. Source: linux/rtnetlink.h.
const (
	RT_TABLE_UNSPEC  = 0
	RT_TABLE_COMPAT  = 252
	RT_TABLE_DEFAULT = 253
	RT_TABLE_MAIN    = 254
	RT_TABLE_LOCAL   = 255
)

// Attributes of routes. Source: linux/rtnetlink.h.
const (
	RTA_UNSPEC        = 0
	RTA_DST           = 1
	RTA_SRC           = 2
	RTA_IIF           = 3
	RTA_OIF           = 4
	RTA_GATEWAY       = 5
	RTA_PRIORITY      = 6
	RTA_PREFSRC       = 7
	RTA_METRICS       = 8
	RTA_MULTIPATH     = 9
	RTA_PROTOINFO     = 10
	RTA_FLOW          = 11
	RTA_CACHEINFO     = 12
	RTA_SESSION       = 13
	RTA_MP_ALGO       = 14
	RTA_TABLE         = 15
	RTA_MARK          = 16
	RTA_MFC_STATS     = 17
	RTA_VIA           = 18
	RTA_NEWDST        = 19
	RTA_PREF          = 20
	RTA_ENCAP_TYPE    = 21
	RTA_ENCAP         = 22
	RTA_EXPIRES       = 23
	RTA_PAD           = 24
	RTA_UID           = 25
	RTA_TTL_PROPAGATE = 26
	RTA_IP_PROTO      = 27
	RTA_SPORT         = 28
	RTA_DPORT         = 29
	RTA_NH_ID         = 30
)

// Flags of a next hop, rtnh_flags and the low byte of rtm_flags. Source: linux/rtnetlink.h.
const (
	RTNH_F_DEAD       = 1
	RTNH_F_PERVASIVE  = 2
	RTNH_F_ONLINK     = 4
	RTNH_F_OFFLOAD    = 8
	RTNH_F_LINKDOWN   = 16
	RTNH_F_UNRESOLVED = 32
	RTNH_F_TRAP       = 64
	RTNH_COMPARE_MASK = 89
)

// Alignment of a struct rtnexthop in RTA_MULTIPATH, bytes. Source: linux/rtnetlink.h.
const (
	RTNH_ALIGNTO = 4
)

// Metrics, the attributes in RTA_METRICS. Source: linux/rtnetlink.h.
const (
	RTAX_UNSPEC             = 0
	RTAX_LOCK               = 1
	RTAX_MTU                = 2
	RTAX_WINDOW             = 3
	RTAX_RTT                = 4
	RTAX_RTTVAR             = 5
	RTAX_SSTHRESH           = 6
	RTAX_CWND               = 7
	RTAX_ADVMSS             = 8
	RTAX_REORDERING         = 9
	RTAX_HOPLIMIT           = 10
	RTAX_INITCWND           = 11
	RTAX_FEATURES           = 12
	RTAX_RTO_MIN            = 13
	RTAX_INITRWND           = 14
	RTAX_QUICKACK           = 15
	RTAX_CC_ALGO            = 16
	RTAX_FASTOPEN_NO_COOKIE = 17
)

// Bits of RTAX_FEATURES. Source: linux/rtnetlink.h.
const (
	RTAX_FEATURE_ECN       = 0x1
	RTAX_FEATURE_SACK      = 0x2
	RTAX_FEATURE_TIMESTAMP = 0x4
	RTAX_FEATURE_ALLFRAG   = 0x8
	RTAX_FEATURE_MASK      = 15
)

// Alignment of attributes in bytes. Source: linux/rtnetlink.h.
const (
	RTA_ALIGNTO = 4
)

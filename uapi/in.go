package uapi

// IP protocols. Source: linux/in.h.
const (
	IPPROTO_IP       = 0
	IPPROTO_ICMP     = 1
	IPPROTO_IGMP     = 2
	IPPROTO_IPIP     = 4
	IPPROTO_TCP      = 6
	IPPROTO_EGP      = 8
	IPPROTO_PUP      = 12
	IPPROTO_UDP      = 17
	IPPROTO_IDP      = 22
	IPPROTO_TP       = 29
	IPPROTO_DCCP     = 33
	IPPROTO_IPV6     = 41
	IPPROTO_RSVP     = 46
	IPPROTO_GRE      = 47
	IPPROTO_ESP      = 50
	IPPROTO_AH       = 51
	IPPROTO_MTP      = 92
	IPPROTO_BEETPH   = 94
	IPPROTO_ENCAP    = 98
	IPPROTO_PIM      = 103
	IPPROTO_COMP     = 108
	IPPROTO_L2TP     = 115
	IPPROTO_SCTP     = 132
	IPPROTO_UDPLITE  = 136
	IPPROTO_MPLS     = 137
	IPPROTO_ETHERNET = 143
	IPPROTO_RAW      = 255
	IPPROTO_MPTCP    = 262
)

// Options at level SOL_IP. Source: linux/in.h.
const (
	IP_TOS                    = 1
	IP_TTL                    = 2
	IP_HDRINCL                = 3
	IP_OPTIONS                = 4
	IP_ROUTER_ALERT           = 5
	IP_RECVOPTS               = 6
	IP_RETOPTS                = 7
	IP_PKTINFO                = 8
	IP_PKTOPTIONS             = 9
	IP_MTU_DISCOVER           = 10
	IP_RECVERR                = 11
	IP_RECVTTL                = 12
	IP_RECVTOS                = 13
	IP_MTU                    = 14
	IP_FREEBIND               = 15
	IP_IPSEC_POLICY           = 16
	IP_XFRM_POLICY            = 17
	IP_PASSSEC                = 18
	IP_TRANSPARENT            = 19
	IP_RECVRETOPTS            = 7
	IP_ORIGDSTADDR            = 20
	IP_RECVORIGDSTADDR        = 20
	IP_MINTTL                 = 21
	IP_NODEFRAG               = 22
	IP_CHECKSUM               = 23
	IP_BIND_ADDRESS_NO_PORT   = 24
	IP_RECVFRAGSIZE           = 25
	IP_RECVERR_RFC4884        = 26
	IP_MULTICAST_IF           = 32
	IP_MULTICAST_TTL          = 33
	IP_MULTICAST_LOOP         = 34
	IP_ADD_MEMBERSHIP         = 35
	IP_DROP_MEMBERSHIP        = 36
	IP_UNBLOCK_SOURCE         = 37
	IP_BLOCK_SOURCE           = 38
	IP_ADD_SOURCE_MEMBERSHIP  = 39
	IP_DROP_SOURCE_MEMBERSHIP = 40
	IP_MSFILTER               = 41
	IP_MULTICAST_ALL          = 49
	IP_UNICAST_IF             = 50
	IP_LOCAL_PORT_RANGE       = 51
	IP_PROTOCOL               = 52
	SO_ORIGINAL_DST           = 80 // linux/netfilter_ipv4.h
	IP_DEFAULT_MULTICAST_TTL  = 1
	IP_DEFAULT_MULTICAST_LOOP = 1
)

// Protocol-independent multicast options. Source: linux/in.h.
const (
	MCAST_JOIN_GROUP         = 42
	MCAST_BLOCK_SOURCE       = 43
	MCAST_UNBLOCK_SOURCE     = 44
	MCAST_LEAVE_GROUP        = 45
	MCAST_JOIN_SOURCE_GROUP  = 46
	MCAST_LEAVE_SOURCE_GROUP = 47
	MCAST_MSFILTER           = 48
	MCAST_EXCLUDE            = 0
	MCAST_INCLUDE            = 1
)

// IP_MTU_DISCOVER. Source: linux/in.h.
const (
	IP_PMTUDISC_DONT      = 0
	IP_PMTUDISC_WANT      = 1
	IP_PMTUDISC_DO        = 2
	IP_PMTUDISC_PROBE     = 3
	IP_PMTUDISC_INTERFACE = 4
	IP_PMTUDISC_OMIT      = 5
)

// Well-known numbers. Source: linux/in.h.
const (
	IN_MULTICAST_NET = 0xe0000000
	IN_LOOPBACKNET   = 127
)

// Addresses in host order. Source: linux/in.h.
const (
	INADDR_ANY               = 0x0
	INADDR_BROADCAST         = 0xffffffff
	INADDR_NONE              = 0xffffffff
	INADDR_DUMMY             = 0xc0000008
	INADDR_LOOPBACK          = 0x7f000001
	INADDR_UNSPEC_GROUP      = 0xe0000000
	INADDR_ALLHOSTS_GROUP    = 0xe0000001
	INADDR_ALLRTRS_GROUP     = 0xe0000002
	INADDR_ALLSNOOPERS_GROUP = 0xe000006a
	INADDR_MAX_LOCAL_GROUP   = 0xe00000ff
)

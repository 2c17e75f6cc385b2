package uapi

// IPv6 extension headers. Source: linux/in6.h.
const (
	IPPROTO_HOPOPTS  = 0
	IPPROTO_ROUTING  = 43
	IPPROTO_FRAGMENT = 44
	IPPROTO_ICMPV6   = 58
	IPPROTO_NONE     = 59
	IPPROTO_DSTOPTS  = 60
	IPPROTO_MH       = 135
)

// Options at level SOL_IPV6. Source: linux/in6.h.
const (
	IPV6_FLOWINFO_FLOWLABEL   = 0xfffff
	IPV6_FLOWINFO_PRIORITY    = 0xff00000
	IPV6_ADDRFORM             = 1
	IPV6_2292PKTINFO          = 2
	IPV6_2292HOPOPTS          = 3
	IPV6_2292DSTOPTS          = 4
	IPV6_2292RTHDR            = 5
	IPV6_2292PKTOPTIONS       = 6
	IPV6_CHECKSUM             = 7
	IPV6_2292HOPLIMIT         = 8
	IPV6_NEXTHOP              = 9
	IPV6_AUTHHDR              = 10
	IPV6_FLOWINFO             = 11
	IPV6_UNICAST_HOPS         = 16
	IPV6_MULTICAST_IF         = 17
	IPV6_MULTICAST_HOPS       = 18
	IPV6_MULTICAST_LOOP       = 19
	IPV6_ADD_MEMBERSHIP       = 20
	IPV6_DROP_MEMBERSHIP      = 21
	IPV6_ROUTER_ALERT         = 22
	IPV6_MTU_DISCOVER         = 23
	IPV6_MTU                  = 24
	IPV6_RECVERR              = 25
	IPV6_V6ONLY               = 26
	IPV6_JOIN_ANYCAST         = 27
	IPV6_LEAVE_ANYCAST        = 28
	IPV6_MULTICAST_ALL        = 29
	IPV6_ROUTER_ALERT_ISOLATE = 30
	IPV6_RECVERR_RFC4884      = 31
	IPV6_FLOWLABEL_MGR        = 32
	IPV6_FLOWINFO_SEND        = 33
	IPV6_IPSEC_POLICY         = 34
	IPV6_XFRM_POLICY          = 35
	IPV6_HDRINCL              = 36
	IPV6_RECVPKTINFO          = 49
	IPV6_PKTINFO              = 50
	IPV6_RECVHOPLIMIT         = 51
	IPV6_HOPLIMIT             = 52
	IPV6_RECVHOPOPTS          = 53
	IPV6_HOPOPTS              = 54
	IPV6_RTHDRDSTOPTS         = 55
	IPV6_RECVRTHDR            = 56
	IPV6_RTHDR                = 57
	IPV6_RECVDSTOPTS          = 58
	IPV6_DSTOPTS              = 59
	IPV6_RECVPATHMTU          = 60
	IPV6_PATHMTU              = 61
	IPV6_DONTFRAG             = 62
	IPV6_RECVTCLASS           = 66
	IPV6_TCLASS               = 67
	IPV6_AUTOFLOWLABEL        = 70
	IPV6_ADDR_PREFERENCES     = 72
	IPV6_MINHOPCOUNT          = 73
	IPV6_ORIGDSTADDR          = 74
	IPV6_RECVORIGDSTADDR      = 74
	IPV6_TRANSPARENT          = 75
	IPV6_UNICAST_IF           = 76
	IPV6_RECVFRAGSIZE         = 77
	IPV6_FREEBIND             = 78
)

// IPV6_MTU_DISCOVER. Source: linux/in6.h.
const (
	IPV6_PMTUDISC_DONT      = 0
	IPV6_PMTUDISC_WANT      = 1
	IPV6_PMTUDISC_DO        = 2
	IPV6_PMTUDISC_PROBE     = 3
	IPV6_PMTUDISC_INTERFACE = 4
	IPV6_PMTUDISC_OMIT      = 5
)

// struct in6_flowlabel_req. Source: linux/in6.h.
const (
	IPV6_FL_A_GET     = 0
	IPV6_FL_A_PUT     = 1
	IPV6_FL_A_RENEW   = 2
	IPV6_FL_F_CREATE  = 1
	IPV6_FL_F_EXCL    = 2
	IPV6_FL_F_REFLECT = 4
	IPV6_FL_F_REMOTE  = 8
	IPV6_FL_S_NONE    = 0
	IPV6_FL_S_EXCL    = 1
	IPV6_FL_S_PROCESS = 2
	IPV6_FL_S_USER    = 3
	IPV6_FL_S_ANY     = 255
)

// Options in hop-by-hop and destination headers. Source: linux/in6.h.
const (
	IPV6_TLV_PAD1        = 0
	IPV6_TLV_PADN        = 1
	IPV6_TLV_ROUTERALERT = 5
	IPV6_TLV_CALIPSO     = 7
	IPV6_TLV_IOAM        = 49
	IPV6_TLV_JUMBO       = 194
	IPV6_TLV_HAO         = 201
)

// IPV6_ADDR_PREFERENCES. Source: linux/in6.h.
const (
	IPV6_PREFER_SRC_TMP            = 0x1
	IPV6_PREFER_SRC_PUBLIC         = 0x2
	IPV6_PREFER_SRC_PUBTMP_DEFAULT = 0x100
	IPV6_PREFER_SRC_COA            = 0x4
	IPV6_PREFER_SRC_HOME           = 0x400
	IPV6_PREFER_SRC_CGA            = 0x8
	IPV6_PREFER_SRC_NONCGA         = 0x800
)

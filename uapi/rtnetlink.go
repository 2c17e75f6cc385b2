package uapi

// Pseudo families of multicast routing. Source: linux/rtnetlink.h.
const (
	RTNL_FAMILY_IPMR  = 128
	RTNL_FAMILY_IP6MR = 129
)

// rtnetlink message types. Source: linux/rtnetlink.h.
const (
	RTM_BASE             = 16
	RTM_NEWLINK          = 16
	RTM_DELLINK          = 17
	RTM_GETLINK          = 18
	RTM_SETLINK          = 19
	RTM_NEWADDR          = 20
	RTM_DELADDR          = 21
	RTM_GETADDR          = 22
	RTM_NEWROUTE         = 24
	RTM_DELROUTE         = 25
	RTM_GETROUTE         = 26
	RTM_NEWNEIGH         = 28
	RTM_DELNEIGH         = 29
	RTM_GETNEIGH         = 30
	RTM_NEWRULE          = 32
	RTM_DELRULE          = 33
	RTM_GETRULE          = 34
	RTM_NEWQDISC         = 36
	RTM_DELQDISC         = 37
	RTM_GETQDISC         = 38
	RTM_NEWTCLASS        = 40
	RTM_DELTCLASS        = 41
	RTM_GETTCLASS        = 42
	RTM_NEWTFILTER       = 44
	RTM_DELTFILTER       = 45
	RTM_GETTFILTER       = 46
	RTM_NEWACTION        = 48
	RTM_DELACTION        = 49
	RTM_GETACTION        = 50
	RTM_NEWPREFIX        = 52
	RTM_GETMULTICAST     = 58
	RTM_GETANYCAST       = 62
	RTM_NEWNEIGHTBL      = 64
	RTM_GETNEIGHTBL      = 66
	RTM_SETNEIGHTBL      = 67
	RTM_NEWNDUSEROPT     = 68
	RTM_NEWADDRLABEL     = 72
	RTM_DELADDRLABEL     = 73
	RTM_GETADDRLABEL     = 74
	RTM_GETDCB           = 78
	RTM_SETDCB           = 79
	RTM_NEWNETCONF       = 80
	RTM_DELNETCONF       = 81
	RTM_GETNETCONF       = 82
	RTM_NEWMDB           = 84
	RTM_DELMDB           = 85
	RTM_GETMDB           = 86
	RTM_NEWNSID          = 88
	RTM_DELNSID          = 89
	RTM_GETNSID          = 90
	RTM_NEWSTATS         = 92
	RTM_GETSTATS         = 94
	RTM_SETSTATS         = 95
	RTM_NEWCACHEREPORT   = 96
	RTM_NEWCHAIN         = 100
	RTM_DELCHAIN         = 101
	RTM_GETCHAIN         = 102
	RTM_NEWNEXTHOP       = 104
	RTM_DELNEXTHOP       = 105
	RTM_GETNEXTHOP       = 106
	RTM_NEWLINKPROP      = 108
	RTM_DELLINKPROP      = 109
	RTM_GETLINKPROP      = 110
	RTM_NEWVLAN          = 112
	RTM_DELVLAN          = 113
	RTM_GETVLAN          = 114
	RTM_NEWNEXTHOPBUCKET = 116
	RTM_DELNEXTHOPBUCKET = 117
	RTM_GETNEXTHOPBUCKET = 118
	RTM_NEWTUNNEL        = 120
	RTM_DELTUNNEL        = 121
	RTM_GETTUNNEL        = 122
)

// Multicast groups, numbers for NETLINK_ADD_MEMBERSHIP. Source: linux/rtnetlink.h.
const (
	RTNLGRP_NONE          = 0
	RTNLGRP_LINK          = 1
	RTNLGRP_NOTIFY        = 2
	RTNLGRP_NEIGH         = 3
	RTNLGRP_TC            = 4
	RTNLGRP_IPV4_IFADDR   = 5
	RTNLGRP_IPV4_MROUTE   = 6
	RTNLGRP_IPV4_ROUTE    = 7
	RTNLGRP_IPV4_RULE     = 8
	RTNLGRP_IPV6_IFADDR   = 9
	RTNLGRP_IPV6_MROUTE   = 10
	RTNLGRP_IPV6_ROUTE    = 11
	RTNLGRP_IPV6_IFINFO   = 12
	RTNLGRP_DECnet_IFADDR = 13
	RTNLGRP_NOP2          = 14
	RTNLGRP_DECnet_ROUTE  = 15
	RTNLGRP_DECnet_RULE   = 16
	RTNLGRP_NOP4          = 17
	RTNLGRP_IPV6_PREFIX   = 18
	RTNLGRP_IPV6_RULE     = 19
	RTNLGRP_ND_USEROPT    = 20
	RTNLGRP_PHONET_IFADDR = 21
	RTNLGRP_PHONET_ROUTE  = 22
	RTNLGRP_DCB           = 23
	RTNLGRP_IPV4_NETCONF  = 24
	RTNLGRP_IPV6_NETCONF  = 25
	RTNLGRP_MDB           = 26
	RTNLGRP_MPLS_ROUTE    = 27
	RTNLGRP_NSID          = 28
	RTNLGRP_MPLS_NETCONF  = 29
	RTNLGRP_IPV4_MROUTE_R = 30
	RTNLGRP_IPV6_MROUTE_R = 31
	RTNLGRP_NEXTHOP       = 32
	RTNLGRP_BRVLAN        = 33
	RTNLGRP_MCTP_IFADDR   = 34
	RTNLGRP_TUNNEL        = 35
	RTNLGRP_STATS         = 36
)

// Legacy group masks, bits of sockaddr_nl.nl_groups: 1<<(RTNLGRP-1). Source: linux/rtnetlink.h.
const (
	RTMGRP_LINK          = 1
	RTMGRP_NOTIFY        = 2
	RTMGRP_NEIGH         = 4
	RTMGRP_TC            = 8
	RTMGRP_IPV4_IFADDR   = 0x10
	RTMGRP_IPV4_MROUTE   = 0x20
	RTMGRP_IPV4_ROUTE    = 0x40
	RTMGRP_IPV4_RULE     = 0x80
	RTMGRP_IPV6_IFADDR   = 0x100
	RTMGRP_IPV6_MROUTE   = 0x200
	RTMGRP_IPV6_ROUTE    = 0x400
	RTMGRP_IPV6_IFINFO   = 0x800
	RTMGRP_DECnet_IFADDR = 0x1000
	RTMGRP_DECnet_ROUTE  = 0x4000
	RTMGRP_IPV6_PREFIX   = 0x20000
)

// IFLA_EXT_MASK filter bits. Source: linux/rtnetlink.h.
const (
	RTEXT_FILTER_VF                = 0x1
	RTEXT_FILTER_BRVLAN            = 0x2
	RTEXT_FILTER_BRVLAN_COMPRESSED = 0x4
	RTEXT_FILTER_SKIP_STATS        = 0x8
	RTEXT_FILTER_MRP               = 0x10
	RTEXT_FILTER_CFM_CONFIG        = 0x20
	RTEXT_FILTER_CFM_STATUS        = 0x40
	RTEXT_FILTER_MST               = 0x80
)

// Attributes of RTM_NEWPREFIX. Source: linux/rtnetlink.h.
const (
	PREFIX_UNSPEC    = 0
	PREFIX_ADDRESS   = 1
	PREFIX_CACHEINFO = 2
)

// Attributes of traffic control messages. Source: linux/rtnetlink.h.
const (
	TCA_UNSPEC         = 0
	TCA_KIND           = 1
	TCA_OPTIONS        = 2
	TCA_STATS          = 3
	TCA_XSTATS         = 4
	TCA_RATE           = 5
	TCA_FCNT           = 6
	TCA_STATS2         = 7
	TCA_STAB           = 8
	TCA_PAD            = 9
	TCA_DUMP_INVISIBLE = 10
	TCA_CHAIN          = 11
	TCA_HW_OFFLOAD     = 12
	TCA_INGRESS_BLOCK  = 13
	TCA_EGRESS_BLOCK   = 14
	TCA_DUMP_FLAGS     = 15
	TCA_EXT_WARN_MSG   = 16
)

// Attributes of RTM_NEWNDUSEROPT. Source: linux/rtnetlink.h.
const (
	NDUSEROPT_UNSPEC  = 0
	NDUSEROPT_SRCADDR = 1
)

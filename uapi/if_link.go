package uapi

// Attributes of links. Source: linux/if_link.h.
const (
	IFLA_UNSPEC              = 0
	IFLA_ADDRESS             = 1
	IFLA_BROADCAST           = 2
	IFLA_IFNAME              = 3
	IFLA_MTU                 = 4
	IFLA_LINK                = 5
	IFLA_QDISC               = 6
	IFLA_STATS               = 7
	IFLA_COST                = 8
	IFLA_PRIORITY            = 9
	IFLA_MASTER              = 10
	IFLA_WIRELESS            = 11
	IFLA_PROTINFO            = 12
	IFLA_TXQLEN              = 13
	IFLA_MAP                 = 14
	IFLA_WEIGHT              = 15
	IFLA_OPERSTATE           = 16
	IFLA_LINKMODE            = 17
	IFLA_LINKINFO            = 18
	IFLA_NET_NS_PID          = 19
	IFLA_IFALIAS             = 20
	IFLA_NUM_VF              = 21
	IFLA_VFINFO_LIST         = 22
	IFLA_STATS64             = 23
	IFLA_VF_PORTS            = 24
	IFLA_PORT_SELF           = 25
	IFLA_AF_SPEC             = 26
	IFLA_GROUP               = 27
	IFLA_NET_NS_FD           = 28
	IFLA_EXT_MASK            = 29
	IFLA_PROMISCUITY         = 30
	IFLA_NUM_TX_QUEUES       = 31
	IFLA_NUM_RX_QUEUES       = 32
	IFLA_CARRIER             = 33
	IFLA_PHYS_PORT_ID        = 34
	IFLA_CARRIER_CHANGES     = 35
	IFLA_PHYS_SWITCH_ID      = 36
	IFLA_LINK_NETNSID        = 37
	IFLA_PHYS_PORT_NAME      = 38
	IFLA_PROTO_DOWN          = 39
	IFLA_GSO_MAX_SEGS        = 40
	IFLA_GSO_MAX_SIZE        = 41
	IFLA_PAD                 = 42
	IFLA_XDP                 = 43
	IFLA_EVENT               = 44
	IFLA_NEW_NETNSID         = 45
	IFLA_IF_NETNSID          = 46
	IFLA_TARGET_NETNSID      = 46
	IFLA_CARRIER_UP_COUNT    = 47
	IFLA_CARRIER_DOWN_COUNT  = 48
	IFLA_NEW_IFINDEX         = 49
	IFLA_MIN_MTU             = 50
	IFLA_MAX_MTU             = 51
	IFLA_PROP_LIST           = 52
	IFLA_ALT_IFNAME          = 53
	IFLA_PERM_ADDRESS        = 54
	IFLA_PROTO_DOWN_REASON   = 55
	IFLA_PARENT_DEV_NAME     = 56
	IFLA_PARENT_DEV_BUS_NAME = 57
	IFLA_GRO_MAX_SIZE        = 58
	IFLA_TSO_MAX_SIZE        = 59
	IFLA_TSO_MAX_SEGS        = 60
	IFLA_ALLMULTI            = 61
)

// Attributes in IFLA_PROTO_DOWN_REASON. Source: linux/if_link.h.
const (
	IFLA_PROTO_DOWN_REASON_UNSPEC = 0
	IFLA_PROTO_DOWN_REASON_MASK   = 1
	IFLA_PROTO_DOWN_REASON_VALUE  = 2
)

// Attributes in IFLA_AF_SPEC, AF_INET. Source: linux/if_link.h.
const (
	IFLA_INET_UNSPEC = 0
	IFLA_INET_CONF   = 1
)

// Attributes in IFLA_AF_SPEC, AF_INET6. Source: linux/if_link.h.
const (
	IFLA_INET6_UNSPEC        = 0
	IFLA_INET6_FLAGS         = 1
	IFLA_INET6_CONF          = 2
	IFLA_INET6_STATS         = 3
	IFLA_INET6_MCAST         = 4
	IFLA_INET6_CACHEINFO     = 5
	IFLA_INET6_ICMP6STATS    = 6
	IFLA_INET6_TOKEN         = 7
	IFLA_INET6_ADDR_GEN_MODE = 8
	IFLA_INET6_RA_MTU        = 9
)

// IFLA_INET6_ADDR_GEN_MODE. Source: linux/if_link.h.
const (
	IN6_ADDR_GEN_MODE_EUI64          = 0
	IN6_ADDR_GEN_MODE_NONE           = 1
	IN6_ADDR_GEN_MODE_STABLE_PRIVACY = 2
	IN6_ADDR_GEN_MODE_RANDOM         = 3
)

// Attributes in IFLA_LINKINFO. Source: linux/if_link.h.
const (
	IFLA_INFO_UNSPEC     = 0
	IFLA_INFO_KIND       = 1
	IFLA_INFO_DATA       = 2
	IFLA_INFO_XSTATS     = 3
	IFLA_INFO_SLAVE_KIND = 4
	IFLA_INFO_SLAVE_DATA = 5
)

// IFLA_EVENT: why a link notification was sent. Source: linux/if_link.h.
const (
	IFLA_EVENT_NONE             = 0
	IFLA_EVENT_REBOOT           = 1
	IFLA_EVENT_FEATURES         = 2
	IFLA_EVENT_BONDING_FAILOVER = 3
	IFLA_EVENT_NOTIFY_PEERS     = 4
	IFLA_EVENT_IGMP_RESEND      = 5
	IFLA_EVENT_BONDING_OPTIONS  = 6
)

// Attributes of RTM_NEWSTATS; also bits of filter_mask, 1<<(n-1). Source: linux/if_link.h.
const (
	IFLA_STATS_UNSPEC              = 0
	IFLA_STATS_LINK_64             = 1
	IFLA_STATS_LINK_XSTATS         = 2
	IFLA_STATS_LINK_XSTATS_SLAVE   = 3
	IFLA_STATS_LINK_OFFLOAD_XSTATS = 4
	IFLA_STATS_AF_SPEC             = 5
)

// Attributes of RTM_GETSTATS and RTM_SETSTATS. Source: linux/if_link.h.
const (
	IFLA_STATS_GETSET_UNSPEC               = 0
	IFLA_STATS_GET_FILTERS                 = 1
	IFLA_STATS_SET_OFFLOAD_XSTATS_L3_STATS = 2
)

// Attributes in IFLA_STATS_LINK_XSTATS. Source: linux/if_link.h.
const (
	LINK_XSTATS_TYPE_UNSPEC = 0
	LINK_XSTATS_TYPE_BRIDGE = 1
	LINK_XSTATS_TYPE_BOND   = 2
)

// Attributes in IFLA_STATS_LINK_OFFLOAD_XSTATS. Source: linux/if_link.h.
const (
	IFLA_OFFLOAD_XSTATS_UNSPEC    = 0
	IFLA_OFFLOAD_XSTATS_CPU_HIT   = 1
	IFLA_OFFLOAD_XSTATS_HW_S_INFO = 2
	IFLA_OFFLOAD_XSTATS_L3_STATS  = 3
)

// Attributes in IFLA_XDP. Source: linux/if_link.h.
const (
	IFLA_XDP_UNSPEC      = 0
	IFLA_XDP_FD          = 1
	IFLA_XDP_ATTACHED    = 2
	IFLA_XDP_FLAGS       = 3
	IFLA_XDP_PROG_ID     = 4
	IFLA_XDP_DRV_PROG_ID = 5
	IFLA_XDP_SKB_PROG_ID = 6
	IFLA_XDP_HW_PROG_ID  = 7
	IFLA_XDP_EXPECTED_FD = 8
)

// IFLA_XDP_ATTACHED. Source: linux/if_link.h.
const (
	XDP_ATTACHED_NONE  = 0
	XDP_ATTACHED_DRV   = 1
	XDP_ATTACHED_SKB   = 2
	XDP_ATTACHED_HW    = 3
	XDP_ATTACHED_MULTI = 4
)

// IFLA_XDP_FLAGS. Source: linux/if_link.h.
const (
	XDP_FLAGS_UPDATE_IF_NOEXIST = 0x1
	XDP_FLAGS_SKB_MODE          = 0x2
	XDP_FLAGS_DRV_MODE          = 0x4
	XDP_FLAGS_HW_MODE           = 0x8
	XDP_FLAGS_REPLACE           = 0x10
	XDP_FLAGS_MODES             = 14
	XDP_FLAGS_MASK              = 31
)

// Attributes in IFLA_VFINFO_LIST. Source: linux/if_link.h.
const (
	IFLA_VF_INFO_UNSPEC = 0
	IFLA_VF_INFO        = 1
)

// Attributes in IFLA_VF_INFO. Source: linux/if_link.h.
const (
	IFLA_VF_UNSPEC       = 0
	IFLA_VF_MAC          = 1
	IFLA_VF_VLAN         = 2
	IFLA_VF_TX_RATE      = 3
	IFLA_VF_SPOOFCHK     = 4
	IFLA_VF_LINK_STATE   = 5
	IFLA_VF_RATE         = 6
	IFLA_VF_RSS_QUERY_EN = 7
	IFLA_VF_STATS        = 8
	IFLA_VF_TRUST        = 9
	IFLA_VF_IB_NODE_GUID = 10
	IFLA_VF_IB_PORT_GUID = 11
	IFLA_VF_VLAN_LIST    = 12
	IFLA_VF_BROADCAST    = 13
)

// Attributes in IFLA_VF_PORTS. Source: linux/if_link.h.
const (
	IFLA_VF_PORT_UNSPEC = 0
	IFLA_VF_PORT        = 1
)

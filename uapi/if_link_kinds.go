package uapi

// Attributes in IFLA_INFO_DATA of a vlan. Source: linux/if_link.h.
const (
	IFLA_VLAN_UNSPEC      = 0
	IFLA_VLAN_ID          = 1
	IFLA_VLAN_FLAGS       = 2
	IFLA_VLAN_EGRESS_QOS  = 3
	IFLA_VLAN_INGRESS_QOS = 4
	IFLA_VLAN_PROTOCOL    = 5
)

// Attributes in the two QoS maps of a vlan. Source: linux/if_link.h.
const (
	IFLA_VLAN_QOS_UNSPEC  = 0
	IFLA_VLAN_QOS_MAPPING = 1
)

// Attributes in IFLA_INFO_DATA of a macvlan or macvtap. Source: linux/if_link.h.
const (
	IFLA_MACVLAN_UNSPEC            = 0
	IFLA_MACVLAN_MODE              = 1
	IFLA_MACVLAN_FLAGS             = 2
	IFLA_MACVLAN_MACADDR_MODE      = 3
	IFLA_MACVLAN_MACADDR           = 4
	IFLA_MACVLAN_MACADDR_DATA      = 5
	IFLA_MACVLAN_MACADDR_COUNT     = 6
	IFLA_MACVLAN_BC_QUEUE_LEN      = 7
	IFLA_MACVLAN_BC_QUEUE_LEN_USED = 8
)

// IFLA_MACVLAN_MODE. Source: linux/if_link.h.
const (
	MACVLAN_MODE_PRIVATE  = 1
	MACVLAN_MODE_VEPA     = 2
	MACVLAN_MODE_BRIDGE   = 4
	MACVLAN_MODE_PASSTHRU = 8
	MACVLAN_MODE_SOURCE   = 16
)

// IFLA_MACVLAN_MACADDR_MODE. Source: linux/if_link.h.
const (
	MACVLAN_MACADDR_ADD   = 0
	MACVLAN_MACADDR_DEL   = 1
	MACVLAN_MACADDR_FLUSH = 2
	MACVLAN_MACADDR_SET   = 3
)

// IFLA_MACVLAN_FLAGS. Source: linux/if_link.h.
const (
	MACVLAN_FLAG_NOPROMISC = 1
	MACVLAN_FLAG_NODST     = 2
)

// Attributes in IFLA_INFO_DATA of a vrf. Source: linux/if_link.h.
const (
	IFLA_VRF_UNSPEC = 0
	IFLA_VRF_TABLE  = 1
)

// Attributes in IFLA_INFO_SLAVE_DATA of a vrf's port. Source: linux/if_link.h.
const (
	IFLA_VRF_PORT_UNSPEC = 0
	IFLA_VRF_PORT_TABLE  = 1
)

// Attributes in IFLA_INFO_DATA of an ipvlan. Source: linux/if_link.h.
const (
	IFLA_IPVLAN_UNSPEC = 0
	IFLA_IPVLAN_MODE   = 1
	IFLA_IPVLAN_FLAGS  = 2
)

// IFLA_IPVLAN_MODE. Source: linux/if_link.h.
const (
	IPVLAN_MODE_L2  = 0
	IPVLAN_MODE_L3  = 1
	IPVLAN_MODE_L3S = 2
)

// IFLA_IPVLAN_FLAGS. Source: linux/if_link.h.
const (
	IPVLAN_F_PRIVATE = 0x1
	IPVLAN_F_VEPA    = 0x2
)

// Attributes in IFLA_INFO_DATA of a vxlan. Source: linux/if_link.h.
const (
	IFLA_VXLAN_UNSPEC            = 0
	IFLA_VXLAN_ID                = 1
	IFLA_VXLAN_GROUP             = 2
	IFLA_VXLAN_LINK              = 3
	IFLA_VXLAN_LOCAL             = 4
	IFLA_VXLAN_TTL               = 5
	IFLA_VXLAN_TOS               = 6
	IFLA_VXLAN_LEARNING          = 7
	IFLA_VXLAN_AGEING            = 8
	IFLA_VXLAN_LIMIT             = 9
	IFLA_VXLAN_PORT_RANGE        = 10
	IFLA_VXLAN_PROXY             = 11
	IFLA_VXLAN_RSC               = 12
	IFLA_VXLAN_L2MISS            = 13
	IFLA_VXLAN_L3MISS            = 14
	IFLA_VXLAN_PORT              = 15
	IFLA_VXLAN_GROUP6            = 16
	IFLA_VXLAN_LOCAL6            = 17
	IFLA_VXLAN_UDP_CSUM          = 18
	IFLA_VXLAN_UDP_ZERO_CSUM6_TX = 19
	IFLA_VXLAN_UDP_ZERO_CSUM6_RX = 20
	IFLA_VXLAN_REMCSUM_TX        = 21
	IFLA_VXLAN_REMCSUM_RX        = 22
	IFLA_VXLAN_GBP               = 23
	IFLA_VXLAN_REMCSUM_NOPARTIAL = 24
	IFLA_VXLAN_COLLECT_METADATA  = 25
	IFLA_VXLAN_LABEL             = 26
	IFLA_VXLAN_GPE               = 27
	IFLA_VXLAN_TTL_INHERIT       = 28
	IFLA_VXLAN_DF                = 29
	IFLA_VXLAN_VNIFILTER         = 30
)

// IFLA_VXLAN_DF. Source: linux/if_link.h.
const (
	VXLAN_DF_UNSET   = 0
	VXLAN_DF_SET     = 1
	VXLAN_DF_INHERIT = 2
)

// Attributes in IFLA_INFO_DATA of a geneve. Source: linux/if_link.h.
const (
	IFLA_GENEVE_UNSPEC              = 0
	IFLA_GENEVE_ID                  = 1
	IFLA_GENEVE_REMOTE              = 2
	IFLA_GENEVE_TTL                 = 3
	IFLA_GENEVE_TOS                 = 4
	IFLA_GENEVE_PORT                = 5
	IFLA_GENEVE_COLLECT_METADATA    = 6
	IFLA_GENEVE_REMOTE6             = 7
	IFLA_GENEVE_UDP_CSUM            = 8
	IFLA_GENEVE_UDP_ZERO_CSUM6_TX   = 9
	IFLA_GENEVE_UDP_ZERO_CSUM6_RX   = 10
	IFLA_GENEVE_LABEL               = 11
	IFLA_GENEVE_TTL_INHERIT         = 12
	IFLA_GENEVE_DF                  = 13
	IFLA_GENEVE_INNER_PROTO_INHERIT = 14
)

// Attributes in IFLA_INFO_DATA of a bond. Source: linux/if_link.h.
const (
	IFLA_BOND_UNSPEC            = 0
	IFLA_BOND_MODE              = 1
	IFLA_BOND_ACTIVE_SLAVE      = 2
	IFLA_BOND_MIIMON            = 3
	IFLA_BOND_UPDELAY           = 4
	IFLA_BOND_DOWNDELAY         = 5
	IFLA_BOND_USE_CARRIER       = 6
	IFLA_BOND_ARP_INTERVAL      = 7
	IFLA_BOND_ARP_IP_TARGET     = 8
	IFLA_BOND_ARP_VALIDATE      = 9
	IFLA_BOND_ARP_ALL_TARGETS   = 10
	IFLA_BOND_PRIMARY           = 11
	IFLA_BOND_PRIMARY_RESELECT  = 12
	IFLA_BOND_FAIL_OVER_MAC     = 13
	IFLA_BOND_XMIT_HASH_POLICY  = 14
	IFLA_BOND_RESEND_IGMP       = 15
	IFLA_BOND_NUM_PEER_NOTIF    = 16
	IFLA_BOND_ALL_SLAVES_ACTIVE = 17
	IFLA_BOND_MIN_LINKS         = 18
	IFLA_BOND_LP_INTERVAL       = 19
	IFLA_BOND_PACKETS_PER_SLAVE = 20
	IFLA_BOND_AD_LACP_RATE      = 21
	IFLA_BOND_AD_SELECT         = 22
	IFLA_BOND_AD_INFO           = 23
	IFLA_BOND_AD_ACTOR_SYS_PRIO = 24
	IFLA_BOND_AD_USER_PORT_KEY  = 25
	IFLA_BOND_AD_ACTOR_SYSTEM   = 26
	IFLA_BOND_TLB_DYNAMIC_LB    = 27
	IFLA_BOND_PEER_NOTIF_DELAY  = 28
	IFLA_BOND_AD_LACP_ACTIVE    = 29
	IFLA_BOND_NS_IP6_TARGET     = 31
	IFLA_BOND_COUPLED_CONTROL   = 32
)

// Attributes in IFLA_BOND_AD_INFO. Source: linux/if_link.h.
const (
	IFLA_BOND_AD_INFO_UNSPEC      = 0
	IFLA_BOND_AD_INFO_AGGREGATOR  = 1
	IFLA_BOND_AD_INFO_NUM_PORTS   = 2
	IFLA_BOND_AD_INFO_ACTOR_KEY   = 3
	IFLA_BOND_AD_INFO_PARTNER_KEY = 4
	IFLA_BOND_AD_INFO_PARTNER_MAC = 5
)

// Attributes in IFLA_INFO_SLAVE_DATA of a bond's port. Source: linux/if_link.h.
const (
	IFLA_BOND_SLAVE_UNSPEC                     = 0
	IFLA_BOND_SLAVE_STATE                      = 1
	IFLA_BOND_SLAVE_MII_STATUS                 = 2
	IFLA_BOND_SLAVE_LINK_FAILURE_COUNT         = 3
	IFLA_BOND_SLAVE_PERM_HWADDR                = 4
	IFLA_BOND_SLAVE_QUEUE_ID                   = 5
	IFLA_BOND_SLAVE_AD_AGGREGATOR_ID           = 6
	IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE   = 7
	IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE = 8
	IFLA_BOND_SLAVE_PRIO                       = 9
	IFLA_BOND_SLAVE_ACTOR_PORT_PRIO            = 10
	IFLA_BOND_SLAVE_AD_CHURN_ACTOR_STATE       = 11
	IFLA_BOND_SLAVE_AD_CHURN_PARTNER_STATE     = 12
)

// Attributes in IFLA_INFO_DATA of a tun. Source: linux/if_link.h.
const (
	IFLA_TUN_UNSPEC              = 0
	IFLA_TUN_OWNER               = 1
	IFLA_TUN_GROUP               = 2
	IFLA_TUN_TYPE                = 3
	IFLA_TUN_PI                  = 4
	IFLA_TUN_VNET_HDR            = 5
	IFLA_TUN_PERSIST             = 6
	IFLA_TUN_MULTI_QUEUE         = 7
	IFLA_TUN_NUM_QUEUES          = 8
	IFLA_TUN_NUM_DISABLED_QUEUES = 9
)

// Attributes in IFLA_INFO_DATA of a ppp. Source: linux/if_link.h.
const (
	IFLA_PPP_UNSPEC = 0
	IFLA_PPP_DEV_FD = 1
)

// Attributes in IFLA_INFO_DATA of an hsr. Source: linux/if_link.h.
const (
	IFLA_HSR_UNSPEC           = 0
	IFLA_HSR_SLAVE1           = 1
	IFLA_HSR_SLAVE2           = 2
	IFLA_HSR_MULTICAST_SPEC   = 3
	IFLA_HSR_SUPERVISION_ADDR = 4
	IFLA_HSR_SEQ_NR           = 5
	IFLA_HSR_VERSION          = 6
	IFLA_HSR_PROTOCOL         = 7
)

package uapi

// Constants that the kernel got after 6.1, by header. No table checks them; the
// comment says which version has them first.

// linux/if_link.h: attributes of links.
const (
	IFLA_DEVLINK_PORT               = 62 // 6.2
	IFLA_GSO_IPV4_MAX_SIZE          = 63 // 6.3
	IFLA_GRO_IPV4_MAX_SIZE          = 64 // 6.3
	IFLA_DPLL_PIN                   = 65 // 6.7
	IFLA_MAX_PACING_OFFLOAD_HORIZON = 66 // 6.13
	IFLA_NETNS_IMMUTABLE            = 67 // 6.15
	IFLA_HEADROOM                   = 68 // 6.16
	IFLA_TAILROOM                   = 69 // 6.16
	IFLA_BR_FDB_N_LEARNED           = 48 // 6.7
	IFLA_BR_FDB_MAX_LEARNED         = 49 // 6.7
	IFLA_BRPORT_MAB                 = 40 // 6.2
	IFLA_BRPORT_MCAST_N_GROUPS      = 41 // 6.3
	IFLA_BRPORT_MCAST_MAX_GROUPS    = 42 // 6.3
	IFLA_BRPORT_NEIGH_VLAN_SUPPRESS = 43 // 6.4
	IFLA_BRPORT_BACKUP_NHID         = 44 // 6.6
	IFLA_MACVLAN_BC_CUTOFF          = 9  // 6.4
	IFLA_VXLAN_LOCALBYPASS          = 31 // 6.5
	IFLA_VXLAN_LABEL_POLICY         = 32 // 6.8
	IFLA_VXLAN_RESERVED_BITS        = 33 // 6.14
	IFLA_GENEVE_PORT_RANGE          = 15 // 6.16
	IFLA_BOND_BROADCAST_NEIGH       = 33 // 6.17
	IFLA_HSR_INTERLINK              = 8  // 6.10
	RTM_NEWMULTICAST                = 56 // 6.15
	RTM_DELMULTICAST                = 57 // 6.15
	RTM_NEWANYCAST                  = 60 // 6.15
	RTM_DELANYCAST                  = 61 // 6.15
	RTNLGRP_IPV4_MCADDR             = 37 // 6.15
	RTNLGRP_IPV6_MCADDR             = 38 // 6.15
	RTNLGRP_IPV6_ACADDR             = 39 // 6.15
	RTA_FLOWLABEL                   = 31 // 6.14
	NETCONFA_FORCE_FORWARDING       = 9  // 6.17
	FRA_DSCP                        = 25 // 6.13
	FRA_FLOWLABEL                   = 26 // 6.14
	FRA_FLOWLABEL_MASK              = 27 // 6.14
	FRA_SPORT_MASK                  = 28 // 6.15
	FRA_DPORT_MASK                  = 29 // 6.15
	FRA_DSCP_MASK                   = 30 // 6.15
	NL_ATTR_TYPE_SINT               = 16 // 6.7
	NL_ATTR_TYPE_UINT               = 17 // 6.7
)

// linux/neighbour.h: NDA_FLAGS_EXT.
const (
	NTF_EXT_LOCKED        = 1 << 1 // 6.2
	NTF_EXT_EXT_VALIDATED = 1 << 2 // 6.18
)

// Options of sockets.
const (
	SO_PASSPIDFD       = 76 // 6.5
	SO_PEERPIDFD       = 77 // 6.5
	SO_DEVMEM_LINEAR   = 78 // 6.12
	SO_DEVMEM_DMABUF   = 79 // 6.12
	SO_DEVMEM_DONTNEED = 80 // 6.12
	SCM_TS_OPT_ID      = 81 // 6.13
	SO_RCVPRIORITY     = 82 // 6.14
	SO_PASSRIGHTS      = 83 // 6.16
	SO_INQ             = 84 // 6.17
	TCP_AO_ADD_KEY     = 38 // 6.7
	TCP_AO_DEL_KEY     = 39 // 6.7
	TCP_AO_INFO        = 40 // 6.7
	TCP_AO_GET_KEYS    = 41 // 6.7
	TCP_AO_REPAIR      = 42 // 6.7
	TCP_IS_MPTCP       = 43 // 6.10
	TCP_RTO_MAX_MS     = 44 // 6.15
	TCP_RTO_MIN_US     = 45 // 6.15
	TCP_DELACK_MAX_US  = 46 // 6.15

	SOF_TIMESTAMPING_OPT_ID_TCP    = 1 << 16 // 6.2
	SOF_TIMESTAMPING_OPT_RX_FILTER = 1 << 17 // 6.12
	SOF_TIMESTAMPING_TX_COMPLETION = 1 << 18 // 6.15
)

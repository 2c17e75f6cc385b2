package uapi

// IFLA_BRPORT_STATE. Source: linux/if_bridge.h.
const (
	BR_STATE_DISABLED   = 0
	BR_STATE_LISTENING  = 1
	BR_STATE_LEARNING   = 2
	BR_STATE_FORWARDING = 3
	BR_STATE_BLOCKING   = 4
)

// Attributes in IFLA_AF_SPEC, AF_BRIDGE. Source: linux/if_bridge.h.
const (
	IFLA_BRIDGE_FLAGS            = 0
	IFLA_BRIDGE_MODE             = 1
	IFLA_BRIDGE_VLAN_INFO        = 2
	IFLA_BRIDGE_VLAN_TUNNEL_INFO = 3
	IFLA_BRIDGE_MRP              = 4
	IFLA_BRIDGE_CFM              = 5
	IFLA_BRIDGE_MST              = 6
)

// IFLA_BRIDGE_FLAGS. Source: linux/if_bridge.h.
const (
	BRIDGE_FLAGS_MASTER = 1
	BRIDGE_FLAGS_SELF   = 2
)

// struct bridge_vlan_info.flags. Source: linux/if_bridge.h.
const (
	BRIDGE_VLAN_INFO_MASTER      = 0x1
	BRIDGE_VLAN_INFO_PVID        = 0x2
	BRIDGE_VLAN_INFO_UNTAGGED    = 0x4
	BRIDGE_VLAN_INFO_RANGE_BEGIN = 0x8
	BRIDGE_VLAN_INFO_RANGE_END   = 0x10
	BRIDGE_VLAN_INFO_BRENTRY     = 0x20
	BRIDGE_VLAN_INFO_ONLY_OPTS   = 0x40
)

// Attributes of RTM_NEWMDB. Source: linux/if_bridge.h.
const (
	MDBA_UNSPEC = 0
	MDBA_MDB    = 1
	MDBA_ROUTER = 2
)

// Attributes in MDBA_MDB. Source: linux/if_bridge.h.
const (
	MDBA_MDB_UNSPEC = 0
	MDBA_MDB_ENTRY  = 1
)

// Attributes of RTM_NEWVLAN. Source: linux/if_bridge.h.
const (
	BRIDGE_VLANDB_UNSPEC         = 0
	BRIDGE_VLANDB_ENTRY          = 1
	BRIDGE_VLANDB_GLOBAL_OPTIONS = 2
)

// Attributes in BRIDGE_VLANDB_ENTRY. Source: linux/if_bridge.h.
const (
	BRIDGE_VLANDB_ENTRY_UNSPEC       = 0
	BRIDGE_VLANDB_ENTRY_INFO         = 1
	BRIDGE_VLANDB_ENTRY_RANGE        = 2
	BRIDGE_VLANDB_ENTRY_STATE        = 3
	BRIDGE_VLANDB_ENTRY_TUNNEL_INFO  = 4
	BRIDGE_VLANDB_ENTRY_STATS        = 5
	BRIDGE_VLANDB_ENTRY_MCAST_ROUTER = 6
)

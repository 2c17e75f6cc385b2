package uapi

// Family numbers; GENL_NAMSIZ is the size of a name with its NUL. Source: linux/genetlink.h.
const (
	GENL_NAMSIZ       = 16
	GENL_MIN_ID       = 16
	GENL_MAX_ID       = 1023
	GENL_ID_CTRL      = 16
	GENL_ID_VFS_DQUOT = 17
	GENL_ID_PMCRAID   = 18
	GENL_START_ALLOC  = 19
)

// CTRL_ATTR_OP_FLAGS. Source: linux/genetlink.h.
const (
	GENL_ADMIN_PERM     = 0x1
	GENL_CMD_CAP_DO     = 0x2
	GENL_CMD_CAP_DUMP   = 0x4
	GENL_CMD_CAP_HASPOL = 0x8
	GENL_UNS_ADMIN_PERM = 0x10
)

// Commands of the controller. Source: linux/genetlink.h.
const (
	CTRL_CMD_UNSPEC       = 0
	CTRL_CMD_NEWFAMILY    = 1
	CTRL_CMD_DELFAMILY    = 2
	CTRL_CMD_GETFAMILY    = 3
	CTRL_CMD_NEWOPS       = 4
	CTRL_CMD_DELOPS       = 5
	CTRL_CMD_GETOPS       = 6
	CTRL_CMD_NEWMCAST_GRP = 7
	CTRL_CMD_DELMCAST_GRP = 8
	CTRL_CMD_GETMCAST_GRP = 9
	CTRL_CMD_GETPOLICY    = 10
)

// Attributes of the controller. Source: linux/genetlink.h.
const (
	CTRL_ATTR_UNSPEC       = 0
	CTRL_ATTR_FAMILY_ID    = 1
	CTRL_ATTR_FAMILY_NAME  = 2
	CTRL_ATTR_VERSION      = 3
	CTRL_ATTR_HDRSIZE      = 4
	CTRL_ATTR_MAXATTR      = 5
	CTRL_ATTR_OPS          = 6
	CTRL_ATTR_MCAST_GROUPS = 7
	CTRL_ATTR_POLICY       = 8
	CTRL_ATTR_OP_POLICY    = 9
	CTRL_ATTR_OP           = 10
)

// Attributes in CTRL_ATTR_OPS. Source: linux/genetlink.h.
const (
	CTRL_ATTR_OP_UNSPEC = 0
	CTRL_ATTR_OP_ID     = 1
	CTRL_ATTR_OP_FLAGS  = 2
)

// Attributes in CTRL_ATTR_MCAST_GROUPS. Source: linux/genetlink.h.
const (
	CTRL_ATTR_MCAST_GRP_UNSPEC = 0
	CTRL_ATTR_MCAST_GRP_NAME   = 1
	CTRL_ATTR_MCAST_GRP_ID     = 2
)

// Attributes in CTRL_ATTR_OP_POLICY. Source: linux/genetlink.h.
const (
	CTRL_ATTR_POLICY_UNSPEC = 0
	CTRL_ATTR_POLICY_DO     = 1
	CTRL_ATTR_POLICY_DUMP   = 2
)

package uapi

// Attributes of RTM_NEWNSID. Source: linux/net_namespace.h.
const (
	NETNSA_NONE         = 0
	NETNSA_NSID         = 1
	NETNSA_PID          = 2
	NETNSA_FD           = 3
	NETNSA_TARGET_NSID  = 4
	NETNSA_CURRENT_NSID = 5
)

// NETNSA_NSID of a namespace without an id, as a __s32. Source: linux/net_namespace.h.
const (
	NETNSA_NSID_NOT_ASSIGNED = -1
)

package uapi

// Attributes of a netlink_diag answer. Source: linux/netlink_diag.h.
const (
	NETLINK_DIAG_MEMINFO = 0
	NETLINK_DIAG_GROUPS  = 1
	NETLINK_DIAG_RX_RING = 2
	NETLINK_DIAG_TX_RING = 3
	NETLINK_DIAG_FLAGS   = 4
)

// netlink_diag_req.ndiag_show and .sdiag_protocol. Source: linux/netlink_diag.h.
const (
	NDIAG_PROTO_ALL     = 255
	NDIAG_SHOW_MEMINFO  = 0x1
	NDIAG_SHOW_GROUPS   = 0x2
	NDIAG_SHOW_RING_CFG = 0x4
	NDIAG_SHOW_FLAGS    = 0x8
)

// NETLINK_DIAG_FLAGS. Source: linux/netlink_diag.h.
const (
	NDIAG_FLAG_CB_RUNNING      = 0x1
	NDIAG_FLAG_PKTINFO         = 0x2
	NDIAG_FLAG_BROADCAST_ERROR = 0x4
	NDIAG_FLAG_NO_ENOBUFS      = 0x8
	NDIAG_FLAG_LISTEN_ALL_NSID = 0x10
	NDIAG_FLAG_CAP_ACK         = 0x20
)

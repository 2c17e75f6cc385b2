package uapi

// packet_diag_req.pdiag_show. Source: linux/packet_diag.h.
const (
	PACKET_SHOW_INFO     = 0x1
	PACKET_SHOW_MCLIST   = 0x2
	PACKET_SHOW_RING_CFG = 0x4
	PACKET_SHOW_FANOUT   = 0x8
	PACKET_SHOW_MEMINFO  = 0x10
	PACKET_SHOW_FILTER   = 0x20
)

// Attributes of a packet_diag answer. Source: linux/packet_diag.h.
const (
	PACKET_DIAG_INFO    = 0
	PACKET_DIAG_MCLIST  = 1
	PACKET_DIAG_RX_RING = 2
	PACKET_DIAG_TX_RING = 3
	PACKET_DIAG_FANOUT  = 4
	PACKET_DIAG_UID     = 5
	PACKET_DIAG_MEMINFO = 6
	PACKET_DIAG_FILTER  = 7
)

// packet_diag_info.pdi_flags. Source: linux/packet_diag.h.
const (
	PDI_RUNNING = 0x1
	PDI_AUXDATA = 0x2
	PDI_ORIGDEV = 0x4
	PDI_VNETHDR = 0x8
	PDI_LOSS    = 0x10
)

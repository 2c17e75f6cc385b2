package uapi

// Attributes in IFLA_INFO_DATA of a veth. Source: linux/veth.h.
const (
	VETH_INFO_UNSPEC = 0
	VETH_INFO_PEER   = 1
)

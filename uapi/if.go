package uapi

// Sizes of names with their NUL. Source: linux/if.h.
const (
	IFNAMSIZ    = 16
	IFALIASZ    = 256
	ALTIFNAMSIZ = 128
)

// Flags of a device, ifi_flags and SIOCGIFFLAGS. Source: linux/if.h.
const (
	IFF_UP          = 0x1
	IFF_BROADCAST   = 0x2
	IFF_DEBUG       = 0x4
	IFF_LOOPBACK    = 0x8
	IFF_POINTOPOINT = 0x10
	IFF_NOTRAILERS  = 0x20
	IFF_RUNNING     = 0x40
	IFF_NOARP       = 0x80
	IFF_PROMISC     = 0x100
	IFF_ALLMULTI    = 0x200
	IFF_MASTER      = 0x400
	IFF_SLAVE       = 0x800
	IFF_MULTICAST   = 0x1000
	IFF_PORTSEL     = 0x2000
	IFF_AUTOMEDIA   = 0x4000
	IFF_DYNAMIC     = 0x8000
	IFF_LOWER_UP    = 0x10000
	IFF_DORMANT     = 0x20000
	IFF_ECHO        = 0x40000
)

// The flags that user space cannot change. Source: linux/if.h.
const (
	IFF_VOLATILE = 461914
)

// IFLA_MAP and SIOCWANDEV types. Source: linux/if.h.
const (
	IF_GET_IFACE            = 0x1
	IF_GET_PROTO            = 0x2
	IF_IFACE_V35            = 0x1000
	IF_IFACE_V24            = 0x1001
	IF_IFACE_X21            = 0x1002
	IF_IFACE_T1             = 0x1003
	IF_IFACE_E1             = 0x1004
	IF_IFACE_SYNC_SERIAL    = 0x1005
	IF_IFACE_X21D           = 0x1006
	IF_PROTO_HDLC           = 0x2000
	IF_PROTO_PPP            = 0x2001
	IF_PROTO_CISCO          = 0x2002
	IF_PROTO_FR             = 0x2003
	IF_PROTO_FR_ADD_PVC     = 0x2004
	IF_PROTO_FR_DEL_PVC     = 0x2005
	IF_PROTO_X25            = 0x2006
	IF_PROTO_HDLC_ETH       = 0x2007
	IF_PROTO_FR_ADD_ETH_PVC = 0x2008
	IF_PROTO_FR_DEL_ETH_PVC = 0x2009
	IF_PROTO_FR_PVC         = 0x200a
	IF_PROTO_FR_ETH_PVC     = 0x200b
	IF_PROTO_RAW            = 0x200c
)

// RFC 2863 operational states, IFLA_OPERSTATE. Source: linux/if.h.
const (
	IF_OPER_UNKNOWN        = 0
	IF_OPER_NOTPRESENT     = 1
	IF_OPER_DOWN           = 2
	IF_OPER_LOWERLAYERDOWN = 3
	IF_OPER_TESTING        = 4
	IF_OPER_DORMANT        = 5
	IF_OPER_UP             = 6
)

// IFLA_LINKMODE. Source: linux/if.h.
const (
	IF_LINK_MODE_DEFAULT = 0
	IF_LINK_MODE_DORMANT = 1
	IF_LINK_MODE_TESTING = 2
)

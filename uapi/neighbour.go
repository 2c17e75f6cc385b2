package uapi

// Attributes of neighbours and forwarding entries. Source: linux/neighbour.h.
const (
	NDA_UNSPEC         = 0
	NDA_DST            = 1
	NDA_LLADDR         = 2
	NDA_CACHEINFO      = 3
	NDA_PROBES         = 4
	NDA_VLAN           = 5
	NDA_PORT           = 6
	NDA_VNI            = 7
	NDA_IFINDEX        = 8
	NDA_MASTER         = 9
	NDA_LINK_NETNSID   = 10
	NDA_SRC_VNI        = 11
	NDA_PROTOCOL       = 12
	NDA_NH_ID          = 13
	NDA_FDB_EXT_ATTRS  = 14
	NDA_FLAGS_EXT      = 15
	NDA_NDM_STATE_MASK = 16
	NDA_NDM_FLAGS_MASK = 17
)

// Flags, ndm_flags. Source: linux/neighbour.h.
const (
	NTF_USE       = 0x1
	NTF_SELF      = 0x2
	NTF_MASTER    = 0x4
	NTF_PROXY     = 0x8
	NTF_OFFLOADED = 0x20
	NTF_STICKY    = 0x40
	NTF_ROUTER    = 0x80
)

// Flags in NDA_FLAGS_EXT. Source: linux/neighbour.h.
const (
	NTF_EXT_LEARNED = 0x10
	NTF_EXT_MANAGED = 0x1
)

// States, ndm_state. Source: linux/neighbour.h.
const (
	NUD_INCOMPLETE = 0x1
	NUD_REACHABLE  = 0x2
	NUD_STALE      = 0x4
	NUD_DELAY      = 0x8
	NUD_PROBE      = 0x10
	NUD_FAILED     = 0x20
	NUD_NOARP      = 0x40
	NUD_PERMANENT  = 0x80
	NUD_NONE       = 0x0
)

// Attributes in NDTA_PARMS; times in milliseconds. Source: linux/neighbour.h.
const (
	NDTPA_UNSPEC                 = 0
	NDTPA_IFINDEX                = 1
	NDTPA_REFCNT                 = 2
	NDTPA_REACHABLE_TIME         = 3
	NDTPA_BASE_REACHABLE_TIME    = 4
	NDTPA_RETRANS_TIME           = 5
	NDTPA_GC_STALETIME           = 6
	NDTPA_DELAY_PROBE_TIME       = 7
	NDTPA_QUEUE_LEN              = 8
	NDTPA_APP_PROBES             = 9
	NDTPA_UCAST_PROBES           = 10
	NDTPA_MCAST_PROBES           = 11
	NDTPA_ANYCAST_DELAY          = 12
	NDTPA_PROXY_DELAY            = 13
	NDTPA_PROXY_QLEN             = 14
	NDTPA_LOCKTIME               = 15
	NDTPA_QUEUE_LENBYTES         = 16
	NDTPA_MCAST_REPROBES         = 17
	NDTPA_PAD                    = 18
	NDTPA_INTERVAL_PROBE_TIME_MS = 19
)

// Attributes of neighbour tables. Source: linux/neighbour.h.
const (
	NDTA_UNSPEC      = 0
	NDTA_NAME        = 1
	NDTA_THRESH1     = 2
	NDTA_THRESH2     = 3
	NDTA_THRESH3     = 4
	NDTA_CONFIG      = 5
	NDTA_PARMS       = 6
	NDTA_STATS       = 7
	NDTA_GC_INTERVAL = 8
	NDTA_PAD         = 9
)

// Bits of NFEA_ACTIVITY_NOTIFY. Source: linux/neighbour.h.
const (
	FDB_NOTIFY_BIT          = 0x1
	FDB_NOTIFY_INACTIVE_BIT = 0x2
)

// Attributes in NDA_FDB_EXT_ATTRS. Source: linux/neighbour.h.
const (
	NFEA_UNSPEC          = 0
	NFEA_ACTIVITY_NOTIFY = 1
	NFEA_DONT_REFRESH    = 2
)

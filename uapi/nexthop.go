package uapi

// NHA_GROUP_TYPE. Source: linux/nexthop.h.
const (
	NEXTHOP_GRP_TYPE_MPATH = 0
	NEXTHOP_GRP_TYPE_RES   = 1
)

// Attributes of next hops. Source: linux/nexthop.h.
const (
	NHA_UNSPEC          = 0
	NHA_ID              = 1
	NHA_GROUP           = 2
	NHA_GROUP_TYPE      = 3
	NHA_BLACKHOLE       = 4
	NHA_OIF             = 5
	NHA_GATEWAY         = 6
	NHA_ENCAP_TYPE      = 7
	NHA_ENCAP           = 8
	NHA_GROUPS          = 9
	NHA_MASTER          = 10
	NHA_FDB             = 11
	NHA_RES_GROUP       = 12
	NHA_RES_BUCKET      = 13
	NHA_OP_FLAGS        = 14 // of Linux 6.9
	NHA_GROUP_STATS     = 15
	NHA_HW_STATS_ENABLE = 16
	NHA_HW_STATS_USED   = 17
)

// Attributes in NHA_RES_GROUP. Source: linux/nexthop.h.
const (
	NHA_RES_GROUP_UNSPEC           = 0
	NHA_RES_GROUP_PAD              = 0
	NHA_RES_GROUP_BUCKETS          = 1
	NHA_RES_GROUP_IDLE_TIMER       = 2
	NHA_RES_GROUP_UNBALANCED_TIMER = 3
	NHA_RES_GROUP_UNBALANCED_TIME  = 4
)

// Attributes in NHA_RES_BUCKET. Source: linux/nexthop.h.
const (
	NHA_RES_BUCKET_UNSPEC    = 0
	NHA_RES_BUCKET_PAD       = 0
	NHA_RES_BUCKET_INDEX     = 1
	NHA_RES_BUCKET_IDLE_TIME = 2
	NHA_RES_BUCKET_NH_ID     = 3
)

// Bits of NHA_OP_FLAGS. Source: linux/nexthop.h of Linux 6.12.
const (
	NHA_OP_FLAG_DUMP_STATS       = 1 << 0
	NHA_OP_FLAG_DUMP_HW_STATS    = 1 << 1
	NHA_OP_FLAG_RESP_GRP_RESVD_0 = 1 << 31 // answers: weights have 16 bits
)

// Attributes in NHA_GROUP_STATS and its entries. Source: linux/nexthop.h of
// Linux 6.9.
const (
	NHA_GROUP_STATS_ENTRY            = 1
	NHA_GROUP_STATS_ENTRY_ID         = 1
	NHA_GROUP_STATS_ENTRY_PACKETS    = 2
	NHA_GROUP_STATS_ENTRY_PACKETS_HW = 3
)

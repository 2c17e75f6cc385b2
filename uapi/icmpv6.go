package uapi

// Option at level SOL_ICMPV6. Source: linux/icmpv6.h.
const (
	ICMPV6_FILTER             = 1
	ICMPV6_FILTER_BLOCK       = 1
	ICMPV6_FILTER_PASS        = 2
	ICMPV6_FILTER_BLOCKOTHERS = 3
	ICMPV6_FILTER_PASSONLY    = 4
)

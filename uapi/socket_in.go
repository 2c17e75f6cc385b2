package uapi

// Option levels of IP. They equal the protocol numbers. Source: netinet/in.h.
const (
	SOL_IP     = 0
	SOL_IPV6   = 41
	SOL_ICMPV6 = 58
)

// The names of RFC 3493 and old names. Source: netinet/in.h.
const (
	IPV6_JOIN_GROUP  = 20
	IPV6_LEAVE_GROUP = 21
	IPV6_RXHOPOPTS   = 54
	IPV6_RXDSTOPTS   = 59
)

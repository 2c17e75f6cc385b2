package uapi

// The option of raw sockets, and RFC 8335 codes. Source: linux/icmp.h.
const (
	ICMP_EXT_ECHO              = 42
	ICMP_EXT_ECHOREPLY         = 43
	ICMP_EXT_CODE_MAL_QUERY    = 1
	ICMP_EXT_CODE_NO_IF        = 2
	ICMP_EXT_CODE_NO_TABLE_ENT = 3
	ICMP_EXT_CODE_MULT_IFS     = 4
	ICMP_EXT_ECHOREPLY_ACTIVE  = 0x4
	ICMP_EXT_ECHOREPLY_IPV4    = 0x2
	ICMP_EXT_ECHOREPLY_IPV6    = 1
	ICMP_EXT_ECHO_CTYPE_NAME   = 1
	ICMP_EXT_ECHO_CTYPE_INDEX  = 2
	ICMP_EXT_ECHO_CTYPE_ADDR   = 3
	ICMP_FILTER                = 1
)

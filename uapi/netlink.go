package uapi

// Netlink protocols, the third argument of socket(AF_NETLINK). Source: linux/netlink.h.
const (
	NETLINK_ROUTE          = 0
	NETLINK_UNUSED         = 1
	NETLINK_USERSOCK       = 2
	NETLINK_FIREWALL       = 3
	NETLINK_SOCK_DIAG      = 4
	NETLINK_NFLOG          = 5
	NETLINK_XFRM           = 6
	NETLINK_SELINUX        = 7
	NETLINK_ISCSI          = 8
	NETLINK_AUDIT          = 9
	NETLINK_FIB_LOOKUP     = 10
	NETLINK_CONNECTOR      = 11
	NETLINK_NETFILTER      = 12
	NETLINK_IP6_FW         = 13
	NETLINK_DNRTMSG        = 14
	NETLINK_KOBJECT_UEVENT = 15
	NETLINK_GENERIC        = 16
	NETLINK_SCSITRANSPORT  = 18
	NETLINK_ECRYPTFS       = 19
	NETLINK_RDMA           = 20
	NETLINK_CRYPTO         = 21
	NETLINK_SMC            = 22
	NETLINK_INET_DIAG      = 4
)

// Flags of a netlink message header. The values of GET, NEW and DELETE requests overlap. Source: linux/netlink.h.
const (
	NLM_F_REQUEST       = 0x1
	NLM_F_MULTI         = 0x2
	NLM_F_ACK           = 0x4
	NLM_F_ECHO          = 0x8
	NLM_F_DUMP_INTR     = 0x10
	NLM_F_DUMP_FILTERED = 0x20
	NLM_F_ROOT          = 0x100
	NLM_F_MATCH         = 0x200
	NLM_F_ATOMIC        = 0x400
	NLM_F_DUMP          = 768
	NLM_F_REPLACE       = 0x100
	NLM_F_EXCL          = 0x200
	NLM_F_CREATE        = 0x400
	NLM_F_APPEND        = 0x800
	NLM_F_NONREC        = 0x100
	NLM_F_BULK          = 0x200
	NLM_F_CAPPED        = 0x100
	NLM_F_ACK_TLVS      = 0x200
)

// Control message types; NLMSG_ALIGNTO is the alignment of messages and attributes in bytes. Source: linux/netlink.h.
const (
	NLMSG_ALIGNTO  = 4
	NLMSG_NOOP     = 0x1
	NLMSG_ERROR    = 0x2
	NLMSG_DONE     = 0x3
	NLMSG_OVERRUN  = 0x4
	NLMSG_MIN_TYPE = 0x10
)

// Attributes of an acknowledgement with NLM_F_ACK_TLVS: the extended ack. Source: linux/netlink.h.
const (
	NLMSGERR_ATTR_UNUSED    = 0
	NLMSGERR_ATTR_MSG       = 1
	NLMSGERR_ATTR_OFFS      = 2
	NLMSGERR_ATTR_COOKIE    = 3
	NLMSGERR_ATTR_POLICY    = 4
	NLMSGERR_ATTR_MISS_TYPE = 5
	NLMSGERR_ATTR_MISS_NEST = 6
)

// Options at level SOL_NETLINK. Source: linux/netlink.h.
const (
	NETLINK_ADD_MEMBERSHIP   = 1
	NETLINK_DROP_MEMBERSHIP  = 2
	NETLINK_PKTINFO          = 3
	NETLINK_BROADCAST_ERROR  = 4
	NETLINK_NO_ENOBUFS       = 5
	NETLINK_RX_RING          = 6
	NETLINK_TX_RING          = 7
	NETLINK_LISTEN_ALL_NSID  = 8
	NETLINK_LIST_MEMBERSHIPS = 9
	NETLINK_CAP_ACK          = 10
	NETLINK_EXT_ACK          = 11
	NETLINK_GET_STRICT_CHK   = 12
)

// Bits of an attribute's type. Source: linux/netlink.h.
const (
	NET_MAJOR           = 36
	NLA_F_NESTED        = 0x8000
	NLA_F_NET_BYTEORDER = 0x4000
	NLA_TYPE_MASK       = -49153
	NLA_ALIGNTO         = 4
)

// Attribute types in a policy dump. Source: linux/netlink.h.
const (
	NL_ATTR_TYPE_INVALID      = 0
	NL_ATTR_TYPE_FLAG         = 1
	NL_ATTR_TYPE_U8           = 2
	NL_ATTR_TYPE_U16          = 3
	NL_ATTR_TYPE_U32          = 4
	NL_ATTR_TYPE_U64          = 5
	NL_ATTR_TYPE_S8           = 6
	NL_ATTR_TYPE_S16          = 7
	NL_ATTR_TYPE_S32          = 8
	NL_ATTR_TYPE_S64          = 9
	NL_ATTR_TYPE_BINARY       = 10
	NL_ATTR_TYPE_STRING       = 11
	NL_ATTR_TYPE_NUL_STRING   = 12
	NL_ATTR_TYPE_NESTED       = 13
	NL_ATTR_TYPE_NESTED_ARRAY = 14
	NL_ATTR_TYPE_BITFIELD32   = 15
)

// Attributes of a policy dump. Source: linux/netlink.h.
const (
	NL_POLICY_TYPE_ATTR_UNSPEC          = 0
	NL_POLICY_TYPE_ATTR_TYPE            = 1
	NL_POLICY_TYPE_ATTR_MIN_VALUE_S     = 2
	NL_POLICY_TYPE_ATTR_MAX_VALUE_S     = 3
	NL_POLICY_TYPE_ATTR_MIN_VALUE_U     = 4
	NL_POLICY_TYPE_ATTR_MAX_VALUE_U     = 5
	NL_POLICY_TYPE_ATTR_MIN_LENGTH      = 6
	NL_POLICY_TYPE_ATTR_MAX_LENGTH      = 7
	NL_POLICY_TYPE_ATTR_POLICY_IDX      = 8
	NL_POLICY_TYPE_ATTR_POLICY_MAXTYPE  = 9
	NL_POLICY_TYPE_ATTR_BITFIELD32_MASK = 10
	NL_POLICY_TYPE_ATTR_PAD             = 11
	NL_POLICY_TYPE_ATTR_MASK            = 12
)

package uapi

// Ancillary offsets of loads. Source: linux/filter.h.
const (
	SKF_AD_OFF              = -4096
	SKF_AD_PROTOCOL         = 0
	SKF_AD_PKTTYPE          = 4
	SKF_AD_IFINDEX          = 8
	SKF_AD_NLATTR           = 12
	SKF_AD_NLATTR_NEST      = 16
	SKF_AD_MARK             = 20
	SKF_AD_QUEUE            = 24
	SKF_AD_HATYPE           = 28
	SKF_AD_RXHASH           = 32
	SKF_AD_CPU              = 36
	SKF_AD_ALU_XOR_X        = 40
	SKF_AD_VLAN_TAG         = 44
	SKF_AD_VLAN_TAG_PRESENT = 48
	SKF_AD_PAY_OFFSET       = 52
	SKF_AD_RANDOM           = 56
	SKF_AD_VLAN_TPID        = 60
	SKF_NET_OFF             = -1048576
	SKF_LL_OFF              = -2097152
)

// Classic BPF operations. Source: linux/filter.h.
const (
	BPF_A        = 0x10
	BPF_TAX      = 0x0
	BPF_TXA      = 0x80
	BPF_MEMWORDS = 16
)

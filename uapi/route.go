package uapi

// Flags of struct rtentry and /proc/net/route. Source: linux/route.h.
const (
	RTF_UP        = 0x1
	RTF_GATEWAY   = 0x2
	RTF_HOST      = 0x4
	RTF_REINSTATE = 0x8
	RTF_DYNAMIC   = 0x10
	RTF_MODIFIED  = 0x20
	RTF_MTU       = 0x40
	RTF_MSS       = 64
	RTF_WINDOW    = 0x80
	RTF_IRTT      = 0x100
	RTF_REJECT    = 0x200
)

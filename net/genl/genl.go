// Package genl is generic netlink: families found by name, their operations,
// policies and groups, and the controller nlctrl.
//
// Linux files: net/netlink/genetlink.c, net/netlink/policy.c,
// include/net/genetlink.h, include/uapi/linux/genetlink.h.
package genl

import (
	"linen/net/netlink"
	"linen/net/netns"
)

// HeaderLen is the size of struct genlmsghdr.
const HeaderLen = 4

// A Family is one generic netlink family.
type Family struct {
	Name    string // at most 15 bytes
	Version uint8
	HdrLen  int            // of the family's own header behind struct genlmsghdr
	Policy  netlink.Policy // of operations without their own; says CTRL_ATTR_MAXATTR
	MaxAttr int            // when there is no Policy
	Ops     []Op
	Groups  []string // multicast groups by name

	id    uint16 // assigned
	group int    // number of the first group
}

// An Op is one command of a family.
type Op struct {
	Cmd    uint8
	Flags  uint32 // GENL_ADMIN_PERM, GENL_UNS_ADMIN_PERM; the CAP flags follow from the functions
	Policy netlink.Policy
	Mode   netlink.Mode // 0: netlink.Full unless Lax
	Lax    bool         // GENL_DONT_VALIDATE_STRICT: netlink.Liberal
	Do     func(r *netlink.Request, a netlink.Attrs) error
	Dump   func(d *netlink.Dump, a netlink.Attrs) error
}

// Register adds f to n. Error: EEXIST.
func Register(n *netns.Net, f *Family) error { return nil }

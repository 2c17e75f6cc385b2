package sock

import "linen/net/netns"

// Capabilities that the network asks for, as bit numbers (linux/capability.h).
const (
	CapSetgid         = 6
	CapSetuid         = 7
	CapNetBindService = 10
	CapNetBroadcast   = 11
	CapNetAdmin       = 12
	CapNetRaw         = 13
	CapSysAdmin       = 21
)

// AllCaps is the capability set of root.
const AllCaps = 1<<41 - 1

// A Caller is who makes a socket call: the credentials that checks look at and
// that SO_PEERCRED and SCM_CREDENTIALS show. It is immutable once it is used.
type Caller struct {
	Caps   uint64   // effective capabilities, bit n = capability n
	UID    uint32   // effective user
	GID    uint32   // effective group
	Groups []uint32 // supplementary groups
	PID    int32    // process
	// FindNet returns the namespace that a process (fd < 0) or a descriptor of
	// the caller's (pid < 0) names (IFLA_NET_NS_PID, IFLA_NET_NS_FD). Errors:
	// ESRCH without the process, EBADF when the descriptor is not open, EINVAL
	// when it is no network namespace. nil finds none.
	FindNet func(pid, fd int) (*netns.Net, error)
}

// Root returns a Caller that may do everything.
func Root() *Caller { return &Caller{Caps: AllCaps, PID: 1} }

// Capable reports whether c has the capability (ns_capable). A nil Caller has
// none.
func (c *Caller) Capable(capability int) bool {
	return c != nil && c.Caps>>uint(capability)&1 != 0
}

// InGroup reports whether c's group or one of its supplementary groups is
// within lo..hi (net.ipv4.ping_group_range).
func (c *Caller) InGroup(lo, hi uint32) bool {
	if c == nil {
		return false
	}
	if c.GID >= lo && c.GID <= hi {
		return true
	}
	for _, g := range c.Groups {
		if g >= lo && g <= hi {
			return true
		}
	}
	return false
}

package netlink

import (
	"sync"

	"linen/kern"
	"linen/net/netns"
)

// maxProtocols is MAX_LINKS.
const maxProtocols = 32

// A Proto is the kernel side of one netlink protocol.
type Proto struct {
	// Groups is the number of multicast groups at first; see SetGroups.
	Groups int
	// Request handles one message, or is nil: users talk to users only. It
	// runs on the sender's goroutine, off every CPU, with no RTNL held. Its
	// error, nil too, is acknowledged.
	Request func(r *Request) error
	// OpenRecv lets users without CAP_NET_ADMIN join groups, OpenSend lets
	// them send to groups and other users (NL_CFG_F_NONROOT_*).
	OpenRecv, OpenSend bool
	// Bind, unless nil, may refuse a group to a socket.
	Bind func(group int, who *Creds) error
}

// A Table is a namespace's netlink: protocols, ports, groups.
type Table struct {
	n     *netns.Net
	mu    sync.RWMutex
	links [maxProtocols]*link
}

// A link is a protocol in a namespace.
type link struct {
	Proto
	num    int
	ports  map[uint32]*Port
	groups map[int][]*Port // members, in the order of joining
	open   []*Port         // all, bound or not
}

var key = netns.NewKey[Table]("netlink")

// Pernet makes a namespace's netlink, without protocols.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*Table, error) { return &Table{n: n}, nil }, nil)
}

// Of returns n's netlink.
func Of(n *netns.Net) *Table { return key.Of(n) }

// Register makes p the kernel side of the protocol num (NETLINK_*) in n.
func Register(n *netns.Net, num int, p Proto) {
	t := Of(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links[num] = &link{Proto: p, num: num, ports: map[uint32]*Port{}, groups: map[int][]*Port{}}
}

// Listening reports whether anybody in n is a member of the group; a
// notification need not be built otherwise.
func Listening(n *netns.Net, proto, group int) bool {
	t := Of(n)
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.links[proto]
	return l != nil && len(l.groups[group]) > 0 || listenersElsewhere(n)
}

// Multicast sends the finished message in data, which nobody may change any
// more, to the members of a group but the port except (0: nobody). c is the CPU
// the caller is on, or nil.
func Multicast(c *kern.CPU, n *netns.Net, proto, group int, data []byte, except uint32) {
	Of(n).multicast(c, proto, group, data, except)
}

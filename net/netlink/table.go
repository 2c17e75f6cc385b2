package netlink

import (
	"slices"
	"sync"

	"linen/kern"
	"linen/net/netns"
	"linen/uapi"
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
	// Bind, unless nil, may refuse a group to a user.
	Bind func(group int, who *Creds) error
}

// minGroups is how many groups every protocol has at least: those of nl_groups.
const minGroups = 32

// A Table is a namespace's netlink: protocols, ports, groups.
type Table struct {
	n     *netns.Net
	mu    sync.RWMutex // all of the links; taken before a Port's
	links [maxProtocols]*link
}

// A link is a protocol in a namespace.
type link struct {
	Proto
	num    int
	byID   map[uint32]*Port
	groups map[int][]*Port // members, in the order of joining
	open   []*Port         // all, bound or not, in the order of opening
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
	p.Groups = max(p.Groups, minGroups)
	t.links[num] = &link{Proto: p, num: num, byID: map[uint32]*Port{}, groups: map[int][]*Port{}}
}

// SetGroups changes the number of groups of a protocol that is registered;
// members of groups beyond it leave them.
func SetGroups(n *netns.Net, num, groups int) {
	t := Of(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.links[num]
	l.Groups = max(groups, minGroups)
	for g, members := range l.groups {
		if g > l.Groups {
			for _, p := range slices.Clone(members) {
				p.setMember(g, false)
			}
		}
	}
}

// Listening reports whether a member of the group might get what is sent in n;
// otherwise a notification need not be built.
func Listening(n *netns.Net, proto, group int) bool {
	t := Of(n)
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.links[proto]
	return l != nil && len(l.groups[group]) > 0 || len(elsewhere(n, proto, group)) > 0
}

// watchers are the Ports of a Kernel that listen to every namespace
// (NETLINK_LISTEN_ALL_NSID).
type watchers struct {
	mu   sync.Mutex
	list []*Port
}

var watchersKey = kern.NewKey[watchers]()

func watchersOf(k *kern.Kernel) *watchers {
	return watchersKey.Of(k, func(*kern.Kernel) *watchers { return new(watchers) })
}

func (w *watchers) set(p *Port, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = slices.DeleteFunc(w.list, func(o *Port) bool { return o == p })
	if on {
		w.list = append(w.list, p)
	}
}

// elsewhere returns the Ports of other namespaces that listen to the group in
// all of them.
func elsewhere(n *netns.Net, proto, group int) (list []*Port) {
	w := watchersOf(n.Kernel())
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.list {
		if p.n != n && p.link.num == proto && p.member(group) {
			list = append(list, p)
		}
	}
	return list
}

// Notify sends the finished m to the members of a group in n. The request r
// that caused it gives its port and sequence number to the message; with
// NLM_F_ECHO it gets a copy by unicast instead. r is nil for what the kernel
// did itself. c is the CPU that the caller is on, or nil; the caller may hold
// the RTNL (nlmsg_notify).
func Notify(c *kern.CPU, n *netns.Net, proto, group int, m *Msg, r *Request) {
	if r == nil {
		multicast(c, n, proto, group, datagram{data: m.Bytes(), nsid: -1}, 0)
		return
	}
	m.address(r.Seq, r.PortID())
	d := datagram{data: m.Bytes(), nsid: -1}
	echo := r.Has(uapi.NLM_F_ECHO)
	var except uint32
	if echo && r.Net == n {
		except = r.PortID()
	}
	multicast(c, n, proto, group, d, except)
	if echo {
		r.port.deliver(c, d)
	}
}

// multicast delivers d to the members of a group but the port except, and
// reports whether there were any and whether one that asked to be told of it
// (NETLINK_BROADCAST_ERROR) had no room.
func multicast(c *kern.CPU, n *netns.Net, proto, group int, d datagram, except uint32) (found, lost bool) {
	t := Of(n)
	t.mu.RLock()
	var members []*Port
	if l := t.links[proto]; l != nil {
		members = slices.Clone(l.groups[group])
	}
	t.mu.RUnlock()
	d.group, d.nsid = group, -1
	for _, p := range members {
		if id := p.ID(); id != 0 && id == except {
			continue
		}
		found = true
		lost = !p.deliver(c, d) && p.Option(OptBcastErr) || lost
	}
	for _, p := range elsewhere(n, proto, group) {
		id, ok := p.n.PeerID(n)
		if !ok || !p.opener.Capable(CapNetBroadcast) {
			continue
		}
		d.nsid = int32(id)
		found = true
		p.deliver(c, d)
	}
	return found, lost
}

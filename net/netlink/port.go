package netlink

import (
	"math"
	"slices"
	"sync"

	"linen/kern"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// An Option is a switch of a Port (the NETLINK_* socket options).
type Option uint8

// The options.
const (
	OptPktInfo   Option = iota // NETLINK_PKTINFO
	OptBcastErr                // NETLINK_BROADCAST_ERROR
	OptNoENOBUFS               // NETLINK_NO_ENOBUFS
	OptAllNSID                 // NETLINK_LISTEN_ALL_NSID
	OptCapAck                  // NETLINK_CAP_ACK
	OptExtAck                  // NETLINK_EXT_ACK
	OptStrict                  // NETLINK_GET_STRICT_CHK
	numOptions
)

// DefaultBuffer is the receive and send buffer of a new Port in bytes
// (net.core.rmem_default).
const DefaultBuffer = 212992

// A Port is one netlink socket: it sends requests, queues what is sent to it,
// and pulls its dump. Its methods are safe for concurrent use; the caller is on
// no CPU and holds no RTNL, but for Readable and ID.
type Port struct {
	n      *netns.Net
	link   *link
	opener *Creds
	wake   func(c *kern.CPU)
	filter func(c *kern.CPU, data []byte) (keep int)

	mu        sync.Mutex
	id        uint32
	bound     bool
	closed    bool
	dst       uint32 // where Send without an address goes
	dstGroup  int
	connected bool
	groups    []uint64 // bitmap, bit group-1
	options   [numOptions]bool
	queue     queue
	dump      *Dump
	owner     any

	pulling sync.Mutex // one page of the dump at a time; taken before the RTNL
}

// Open makes an unbound Port of a protocol (NETLINK_*) in n for the user who.
// wake, unless nil, is called when there is something to receive, with the CPU
// that the sender is on or nil; it may not block and may not call the Port.
// Error: EPROTONOSUPPORT.
func Open(n *netns.Net, proto int, who *Creds, wake func(c *kern.CPU)) (*Port, error) {
	if proto < 0 || proto >= maxProtocols {
		return nil, errno.EPROTONOSUPPORT
	}
	t := Of(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.links[proto]
	if l == nil {
		return nil, errno.EPROTONOSUPPORT
	}
	p := &Port{n: n, link: l, opener: who, wake: wake}
	p.queue.limit = DefaultBuffer
	l.open = append(l.open, p)
	return p, nil
}

// Close ends the Port: it leaves its groups, and its dump is given up.
func (p *Port) Close() {
	watchersOf(p.n.Kernel()).set(p, false)
	t := Of(p.n)
	t.mu.Lock()
	defer t.mu.Unlock()
	for g := range p.Groups() {
		p.setMember(g, false)
	}
	l := p.link
	l.open = slices.DeleteFunc(l.open, func(o *Port) bool { return o == p })
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bound && l.byID[p.id] == p {
		delete(l.byID, p.id)
	}
	p.closed = true
	p.queue.purge()
	p.dump = nil
}

// SetFilter makes f decide of each datagram before it is queued: how many bytes
// to keep, 0 for none. It is called as wake is; it is set before the Port is
// used.
func (p *Port) SetFilter(f func(c *kern.CPU, data []byte) (keep int)) { p.filter = f }

// SetOwner tells what socket stands in front of the Port.
func (p *Port) SetOwner(o any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owner = o
}

// Owner returns what SetOwner was given, or nil.
func (p *Port) Owner() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.owner
}

// ID returns the port id, or 0 before it is bound.
func (p *Port) ID() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

// Proto returns the number of the Port's protocol.
func (p *Port) Proto() int { return p.link.num }

// mayUse is netlink_allowed: the protocol lets everybody, or the user has
// CAP_NET_ADMIN.
func mayUse(open bool, who *Creds) bool { return open || who.Capable(CapNetAdmin) }

// Bind gives the Port the id, or for 0 one of the kernel's choice, and makes it
// a member of exactly those of the groups 1..32 whose bit is set in mask; with
// no bit set its groups stay. Errors: EPERM, EINVAL when it is bound to another
// id, EADDRINUSE.
func (p *Port) Bind(id, mask uint32, who *Creds) error {
	if mask != 0 {
		if !mayUse(p.link.OpenRecv, who) {
			return errno.EPERM
		}
		for g := 1; g <= minGroups && p.link.Bind != nil; g++ {
			if mask>>(g-1)&1 != 0 {
				if err := p.link.Bind(g, who); err != nil {
					return err
				}
			}
		}
	}
	t := Of(p.n)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := p.setID(id, who); err != nil {
		return err
	}
	old := p.mask()
	if mask == 0 && old == 0 {
		return nil
	}
	for g := 1; g <= minGroups; g++ {
		if on := mask>>(g-1)&1 != 0; on != (old>>(g-1)&1 != 0) {
			p.setMember(g, on)
		}
	}
	return nil
}

// setID binds the Port. The caller holds the table.
func (p *Port) setID(id uint32, who *Creds) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.link
	switch {
	case p.closed:
		return errno.EBADF
	case p.bound && id != 0 && id != p.id:
		return errno.EINVAL
	case p.bound:
		return nil
	case id != 0 && l.byID[id] != nil:
		return errno.EADDRINUSE
	case id == 0:
		id = p.choose(who)
	}
	p.id, p.bound = id, true
	l.byID[id] = p
	return nil
}

// choose returns a free id: the process's, else one of the upper half
// (netlink_autobind).
func (p *Port) choose(who *Creds) uint32 {
	if who != nil && who.PID > 0 && p.link.byID[uint32(who.PID)] == nil {
		return uint32(who.PID)
	}
	const lowest, span = 1 << 31, math.MaxUint32 - 4095 - 1<<31
	for {
		if id := lowest + p.n.Kernel().Uint32()%span; p.link.byID[id] == nil {
			return id
		}
	}
}

// autobind binds the Port unless it is.
func (p *Port) autobind(who *Creds) error {
	p.mu.Lock()
	bound := p.bound
	p.mu.Unlock()
	if bound {
		return nil
	}
	return p.Bind(0, 0, who)
}

// Connect sets where Send without an address goes: a user's port or a group's
// members. With unspec the kernel is meant again. Error: EPERM.
func (p *Port) Connect(id, mask uint32, unspec bool, who *Creds) error {
	if unspec {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.connected, p.dst, p.dstGroup = false, 0, 0
		return nil
	}
	if (id != 0 || mask != 0) && !mayUse(p.link.OpenSend, who) {
		return errno.EPERM
	}
	if err := p.autobind(who); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connected, p.dst, p.dstGroup = true, id, firstGroup(mask)
	return nil
}

// Peer returns what Connect set: a port and the groups' bitmap.
func (p *Port) Peer() (id, mask uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dst, GroupMask(p.dstGroup)
}

// firstGroup returns the lowest group in a bitmap, or 0.
func firstGroup(mask uint32) int {
	for g := 1; mask != 0; g++ {
		if mask&1 != 0 {
			return g
		}
		mask >>= 1
	}
	return 0
}

// GroupMask returns the bitmap of nl_groups for a group; 0 for those above 32.
func GroupMask(group int) uint32 {
	if group < 1 || group > minGroups {
		return 0
	}
	return 1 << (group - 1)
}

// member reports whether the Port is in a group.
func (p *Port) member(group int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.in(group)
}

func (p *Port) in(group int) bool {
	w := (group - 1) / 64
	return group > 0 && w < len(p.groups) && p.groups[w]>>((group-1)%64)&1 != 0
}

// setMember enters the Port into a group or takes it out. The caller holds the
// table.
func (p *Port) setMember(group int, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.in(group) == on || p.closed {
		return
	}
	w := (group - 1) / 64
	for len(p.groups) <= w {
		p.groups = append(p.groups, 0)
	}
	p.groups[w] ^= 1 << ((group - 1) % 64)
	l := p.link
	if on {
		l.groups[group] = append(l.groups[group], p)
		return
	}
	l.groups[group] = slices.DeleteFunc(l.groups[group], func(o *Port) bool { return o == p })
	if len(l.groups[group]) == 0 {
		delete(l.groups, group)
	}
}

// Join enters the Port into a group by number. Errors: EPERM, EINVAL.
func (p *Port) Join(group int, who *Creds) error {
	if !mayUse(p.link.OpenRecv, who) {
		return errno.EPERM
	}
	t := Of(p.n)
	t.mu.Lock()
	ok := group >= 1 && group <= p.link.Groups
	t.mu.Unlock()
	if !ok {
		return errno.EINVAL
	}
	if p.link.Bind != nil {
		if err := p.link.Bind(group, who); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p.setMember(group, true)
	return nil
}

// Leave takes the Port out of a group. Errors: EPERM, EINVAL.
func (p *Port) Leave(group int, who *Creds) error {
	if !mayUse(p.link.OpenRecv, who) {
		return errno.EPERM
	}
	t := Of(p.n)
	t.mu.Lock()
	defer t.mu.Unlock()
	if group < 1 || group > p.link.Groups {
		return errno.EINVAL
	}
	p.setMember(group, false)
	return nil
}

// Groups yields the groups that the Port is in.
func (p *Port) Groups() func(yield func(group int) bool) {
	p.mu.Lock()
	words := slices.Clone(p.groups)
	p.mu.Unlock()
	return func(yield func(group int) bool) {
		for g := 1; g <= 64*len(words); g++ {
			if words[(g-1)/64]>>((g-1)%64)&1 != 0 && !yield(g) {
				return
			}
		}
	}
}

// mask returns the bitmap of the groups 1..32.
func (p *Port) mask() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.groups) == 0 {
		return 0
	}
	return uint32(p.groups[0])
}

// GroupsMask returns the bitmap of the groups 1..32 (getsockname's nl_groups).
func (p *Port) GroupsMask() uint32 { return p.mask() }

// NumGroups returns how many groups the Port's protocol has.
func (p *Port) NumGroups() int {
	t := Of(p.n)
	t.mu.RLock()
	defer t.mu.RUnlock()
	return p.link.Groups
}

// SetOption turns a switch on or off. Error: EPERM for OptAllNSID without
// CAP_NET_BROADCAST.
func (p *Port) SetOption(o Option, on bool, who *Creds) error {
	if o == OptAllNSID {
		if !who.Capable(CapNetBroadcast) {
			return errno.EPERM
		}
		defer watchersOf(p.n.Kernel()).set(p, on)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.options[o] = on
	if o == OptNoENOBUFS && on {
		p.queue.congested = false
	}
	return nil
}

// Option reports whether a switch is on.
func (p *Port) Option(o Option) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.options[o]
}

// Info is what /proc/net/netlink shows of a Port.
type Info struct {
	Proto  int
	ID     uint32
	Groups uint32 // 1..32
	Rmem   int    // bytes queued, as charged
	Dump   bool   // a dump is in progress
	Drops  uint32
}

// Info returns the Port's row of /proc/net/netlink.
func (p *Port) Info() Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := Info{Proto: p.link.num, ID: p.id, Rmem: p.queue.charged, Dump: p.dump != nil, Drops: p.queue.drops}
	if len(p.groups) > 0 {
		i.Groups = uint32(p.groups[0])
	}
	return i
}

// Ports returns all open Ports of a namespace, by protocol, and the protocols
// that have a kernel side.
func Ports(n *netns.Net) (ports []*Port, kernel []int) {
	t := Of(n)
	t.mu.RLock()
	defer t.mu.RUnlock()
	for num, l := range t.links {
		if l == nil {
			continue
		}
		if l.Request != nil || num == uapi.NETLINK_KOBJECT_UEVENT {
			kernel = append(kernel, num)
		}
		ports = append(ports, l.open...)
	}
	return ports, kernel
}

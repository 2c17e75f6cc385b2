//go:build linux

package supervise

import (
	"slices"
	"strconv"

	"linen/net/sock"
)

// nested reports whether the process is in a user namespace that a program of
// the node made. Its credentials there are the host kernel's, which are as
// honest as anywhere: one id is mapped, or none.
func (p *process) nested() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.userNS() != 0
}

// userNS returns the user namespace of a process that is not in the node's,
// else 0; p.mu is held. A process changes it by calls that are notified
// (unshare, setns), so one look after each is enough.
func (p *process) userNS() uint64 {
	if p.moved.Swap(false) {
		p.user = 0
		ino, err := inodeOf("/proc/" + strconv.Itoa(p.tgid) + "/ns/user")
		if err == nil && ino != p.n.spaces.own.owners[0] {
			p.user = ino
			p.n.nested.Store(true)
		}
	}
	return p.user
}

// whoIn returns a thread's credentials as they count in a network namespace:
// capabilities of a nested user namespace have no power over what it does not
// own (security/commoncap.c cap_capable).
func (p *process) whoIn(sp *space, tid int) *sock.Caller {
	p.mu.Lock()
	user := p.userNS()
	p.mu.Unlock()
	who := p.who(tid)
	if user == 0 {
		return who
	}
	w := *who
	w.Caps = 0
	if sp != nil && slices.Contains(sp.owners, user) {
		w.Caps = sock.AllCaps
	}
	return &w
}

package inet

import (
	"slices"
	"sync/atomic"

	"linen/kern"
	"linen/net/filter"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Group is the sockets that share an address and a port by SO_REUSEPORT
// (struct sock_reuseport, socket(7)): what arrives is for one of them. A socket
// with a program has one before it has a port. State.groups guards changes.
type Group struct {
	now       atomic.Pointer[members]
	connected atomic.Bool // a member was connected, once
}

// members are a group at one moment; immutable.
type members struct {
	socks []*Sock      // in the order of joining
	prog  *filter.Prog // SO_ATTACH_REUSEPORT_CBPF, or nil
	byCPU bool         // a member has SO_INCOMING_CPU
}

// change publishes other members. The caller holds State.groups.
func (g *Group) change(edit func(m *members)) {
	m := *g.now.Load()
	edit(&m)
	m.byCPU = slices.ContainsFunc(m.socks, func(s *Sock) bool { return s.IncomingCPU() >= 0 })
	g.now.Store(&m)
}

// Group returns the group that s is in, or nil.
func (s *Sock) Group() *Group {
	if r := s.rare.Load(); r != nil {
		return r.group.Load()
	}
	return nil
}

// newGroup makes a group of s alone. The caller holds State.groups.
func (s *Sock) newGroup() *Group {
	g := new(Group)
	g.now.Store(&members{})
	g.add(s)
	return g
}

func (g *Group) add(s *Sock) {
	s.extra().group.Store(g)
	g.change(func(m *members) { m.socks = append(slices.Clip(m.socks), s) })
}

// JoinGroup puts s, which has SO_REUSEPORT, into the group of o, the socket that
// was the last to take the same address and port, or with a nil o into one of its
// own (reuseport_add_sock, reuseport_alloc). The caller keeps others from the port.
func (s *Sock) JoinGroup(o *Sock) {
	s.st.groups.Lock()
	defer s.st.groups.Unlock()
	if o == nil {
		if s.Group() == nil {
			s.newGroup()
		}
		return
	}
	g := o.Group()
	if g == nil { // SO_REUSEPORT came late, or it left when it was connected
		g = o.newGroup()
	}
	g.add(s)
}

// LeaveGroup takes s out of its group: the last member moves to its place
// (reuseport_detach_sock). It returns the group, or nil.
func (s *Sock) LeaveGroup() *Group {
	g := s.Group()
	if g == nil {
		return nil
	}
	s.st.groups.Lock()
	defer s.st.groups.Unlock()
	s.extra().group.Store(nil)
	g.change(func(m *members) {
		last := len(m.socks) - 1
		list := slices.Clone(m.socks)
		list[slices.Index(list, s)] = list[last]
		m.socks = list[:last]
	})
	return g
}

// InGroupWith reports whether s may be in the group of o, whose port is the same.
func (s *Sock) InGroupWith(o *Sock) bool {
	return s != o && s.SharesPort(o) && s.RcvAddr.Load() == o.RcvAddr.Load() && s.BoundDev.Load() == o.BoundDev.Load()
}

// Connected reports whether a member of g was connected since g began: then
// lookups compare its choice with other sockets (reuseport_has_conns).
func (g *Group) Connected() bool { return g.connected.Load() }

// Choose picks the member that a packet is for: by the program, which sees b, at
// its transport header, from hlen bytes on, or by hash; nil when there is none. b
// may be nil.
func (g *Group) Choose(c *kern.CPU, hash uint32, b *skb.Buff, hlen int) *Sock {
	m := g.now.Load()
	if m.prog != nil && b != nil {
		b.Pull(hlen)
		i := m.prog.Run(c, b)
		b.Push(hlen)
		if i < uint32(len(m.socks)) {
			return m.socks[i]
		}
	}
	return m.byHash(c.ID(), hash)
}

// byHash picks a member that is not connected: from the hash's on, the first whose
// SO_INCOMING_CPU is cpu, or the first (reuseport_select_sock_by_hash).
func (m *members) byHash(cpu int, hash uint32) (first *Sock) {
	n := len(m.socks)
	from := int(uint64(hash) * uint64(n) >> 32)
	for i := range n {
		s := m.socks[(from+i)%n]
		if s.State() == uapi.TCP_ESTABLISHED {
			continue
		}
		if !m.byCPU || s.IncomingCPU() == cpu {
			return s
		}
		if first == nil {
			first = s
		}
	}
	return first
}

// hashed reports whether packets find s: a stream that listens or is connected,
// another that has a port (sk_hashed).
func (s *Sock) hashed() bool {
	if s.Type() == uapi.SOCK_STREAM {
		return s.State() != uapi.TCP_CLOSE
	}
	return s.Num.Load() != 0
}

// attachSelector is SO_ATTACH_REUSEPORT_CBPF: one program for the whole group.
// EINVAL without SO_REUSEPORT at the time of bind.
func (s *Sock) attachSelector(val []byte) error {
	if s.Has(sock.FlagLockFilter) {
		return errno.EPERM
	}
	prog, err := sock.ParseFilter(val)
	if err != nil {
		return err
	}
	if int64(len(val)) > sock.Of(s.Net()).Sysctl.OptmemMax.Load() {
		return errno.ENOMEM
	}
	s.st.groups.Lock()
	defer s.st.groups.Unlock()
	g := s.Group()
	switch hashed := s.hashed(); {
	case !hashed && !s.Has(sock.FlagReusePort), hashed && g == nil:
		return errno.EINVAL
	case g == nil:
		g = s.newGroup()
	}
	g.change(func(m *members) { m.prog = prog })
	return nil
}

// detachSelector is SO_DETACH_REUSEPORT_BPF: ENOENT without a program, EINVAL
// without SO_REUSEPORT.
func (s *Sock) detachSelector(val []byte) error {
	if _, err := sock.Int(val); err != nil {
		return err
	}
	s.st.groups.Lock()
	defer s.st.groups.Unlock()
	g := s.Group()
	switch {
	case g == nil && !s.Has(sock.FlagReusePort):
		return errno.EINVAL
	case g == nil || g.now.Load().prog == nil:
		return errno.ENOENT
	}
	g.change(func(m *members) { m.prog = nil })
	return nil
}

// cpuChanged lets the group know of SO_INCOMING_CPU.
func (s *Sock) cpuChanged() {
	s.st.groups.Lock()
	defer s.st.groups.Unlock()
	if g := s.Group(); g != nil {
		g.change(func(*members) {})
	}
}

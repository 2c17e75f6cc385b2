package udp

import (
	"slices"

	"linen/kern"
	"linen/net/filter"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi/errno"
)

// A group is the sockets that share a port by SO_REUSEPORT (struct
// sock_reuseport). It is immutable; each member points to the current one.
type group struct {
	socks []*Sock
	prog  *filter.Prog // SO_ATTACH_REUSEPORT_CBPF, or nil
}

// choose picks the member for a packet: by the program, or by hash.
func (g *group) choose(c *kern.CPU, hash uint32, b *skb.Buff) *Sock {
	if g.prog != nil && b != nil {
		b.Pull(headerLen) // the program sees the payload
		i := g.prog.Run(c, b)
		b.Push(headerLen)
		if i < uint32(len(g.socks)) {
			return g.socks[i]
		}
	}
	return g.socks[uint64(hash)*uint64(len(g.socks))>>32]
}

// joinGroup puts s into the group of its address and port, if it has
// SO_REUSEPORT (udp_reuseport_add_sock). The caller holds p.bind.
func (s *Sock) joinGroup() {
	if !s.Has(sock.FlagReusePort) {
		return
	}
	g := &group{socks: []*Sock{s}, prog: s.selector}
	for n := s.p.ports.First(s.Num.Load()); n != nil; n = n.Next() {
		if o := n.Value; o != s && reuse(s, o) && o.group.Load() != nil {
			old := o.group.Load()
			g = &group{socks: append(slices.Clip(old.socks), s), prog: old.prog}
			break
		}
	}
	g.publish()
}

func (g *group) publish() {
	for _, s := range g.socks {
		s.group.Store(g)
	}
}

// leaveGroup takes s out: the last member moves to its place
// (reuseport_detach_sock). The caller holds p.bind.
func (s *Sock) leaveGroup() {
	old := s.group.Swap(nil)
	if old == nil {
		return
	}
	socks := slices.Clone(old.socks)
	i, last := slices.Index(socks, s), len(socks)-1
	socks[i] = socks[last]
	(&group{socks: socks[:last], prog: old.prog}).publish()
}

// attachSelector is SO_ATTACH_REUSEPORT_CBPF: one program for the whole group.
func (s *Sock) attachSelector(val []byte) error {
	if !s.Has(sock.FlagReusePort) {
		return errno.EINVAL
	}
	prog, err := sock.ParseFilter(val)
	if err != nil {
		return err
	}
	s.setSelector(prog)
	return nil
}

// detachSelector is SO_DETACH_REUSEPORT_BPF.
func (s *Sock) detachSelector() error {
	g := s.group.Load()
	if g == nil {
		return errno.EINVAL
	}
	if g.prog == nil {
		return errno.ENOENT
	}
	s.setSelector(nil)
	return nil
}

func (s *Sock) setSelector(prog *filter.Prog) {
	s.p.bind.Lock()
	defer s.p.bind.Unlock()
	s.selector = prog
	if old := s.group.Load(); old != nil {
		(&group{socks: old.socks, prog: prog}).publish()
	}
}

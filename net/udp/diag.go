package udp

import (
	"slices"

	"linen/kern"
	"linen/net/inet"
	"linen/net/sockdiag"
	"linen/uapi"
	"linen/uapi/errno"
)

// registerDiag shows p's sockets in sock_diag (net/ipv4/udp_diag.c).
func (p *proto) registerDiag() {
	sockdiag.RegisterInet(p.n, int(p.number), &sockdiag.InetProto{
		List: p.diagList, Find: p.diagFind, FromPeer: true, Destroy: destroy,
	})
}

// bound returns the bound sockets in the order of the kernel's buckets.
func (p *proto) bound() (list []*Sock) {
	p.ports.All(func(s *Sock) bool { list = append(list, s); return true })
	slices.SortStableFunc(list, func(a, b *Sock) int { return int(a.slot()) - int(b.slot()) })
	return list
}

func (p *proto) diagList() []sockdiag.InetSocket {
	bound := p.bound()
	list := make([]sockdiag.InetSocket, len(bound))
	for i, s := range bound {
		list[i] = s
	}
	return list
}

// diagFind returns the socket that a packet between the two ends would reach.
func (p *proto) diagFind(family, _ uint8, id *uapi.InetDiagSockID) sockdiag.InetSocket {
	own, peer, ok := inet.DiagEnds(family, id)
	if !ok {
		return nil
	}
	c := p.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	s := p.lookup(c, ends{saddr: peer, daddr: own, sport: id.DPort, dport: id.SPort, dif: int(id.If)}, nil)
	if s == nil {
		return nil
	}
	return s
}

// mourn tells those who listen for it that the socket is destroyed. Its memory is
// one byte less than none, as Linux shows it: what the socket held of itself is gone.
func (s *Sock) mourn() {
	if !sockdiag.Mourned(s.Net(), s.Family(), int(s.p.number)) {
		return
	}
	var d sockdiag.Inet
	s.Diag(&d)
	d.RQueue, d.WQueue = 0, ^uint32(0)
	sockdiag.Destroyed(nil, s.Net(), int(s.p.number), &d, nil)
}

// destroy ends a socket's association (udp_abort).
func destroy(v sockdiag.InetSocket) error {
	s, ok := v.(*Sock)
	if !ok {
		return errno.EOPNOTSUPP
	}
	s.Lock()
	defer s.Unlock()
	if s.Abort() {
		s.unbind()
	} else {
		s.rehash()
	}
	return nil
}

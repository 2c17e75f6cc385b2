package udp

import (
	"linen/kern"
	"linen/net/inet"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// bindPort gives s the port, or chooses one for 0 (udp_lib_get_port), and puts
// it into the tables. The caller owns s and has set its addresses.
func (s *Sock) bindPort(port int) error {
	p := s.p
	p.bind.Lock()
	defer p.bind.Unlock()
	if port == 0 {
		if port = s.PickPort(s.portFree); port == 0 {
			return errno.EADDRINUSE
		}
	} else if !s.portFree(port) {
		return errno.EADDRINUSE
	}
	s.Num.Store(uint32(port))
	s.join()
	s.insert()
	return nil
}

// portFree reports whether no socket in the way has the port. The caller holds
// p.bind.
func (s *Sock) portFree(port int) bool {
	for n := s.p.ports.First(uint32(port)); n != nil; n = n.Next() {
		if o := n.Value; o != s && s.Conflicts(&o.Sock) {
			return false
		}
	}
	return true
}

// join puts s into the group of its address and port, if it has SO_REUSEPORT
// (udp_reuseport_add_sock). The caller holds p.bind.
func (s *Sock) join() {
	if !s.Has(sock.FlagReusePort) {
		return
	}
	var mate *inet.Sock
	for n := s.p.ports.First(s.Num.Load()); n != nil && mate == nil; n = n.Next() {
		if o := &n.Value.Sock; s.InGroupWith(o) {
			mate = o
		}
	}
	s.JoinGroup(mate)
}

// insert puts a bound socket into the tables.
func (s *Sock) insert() {
	p, port := s.p, uint16(s.Num.Load())
	p.ports.Insert(&s.inPorts, uint32(port), s)
	p.addrs.Insert(&s.inAddrs, p.inet.Hash(s.RcvAddr.Load(), port, 0, 0), s)
	if s.Dport.Load() != 0 {
		p.conns.Insert(&s.inConns, p.inet.Hash(s.RcvAddr.Load(), port, s.Daddr.Load(), uint16(s.Dport.Load())), s)
	}
}

// remove takes s out of the tables.
func (s *Sock) remove() {
	s.p.conns.Remove(&s.inConns)
	s.p.addrs.Remove(&s.inAddrs)
	s.p.ports.Remove(&s.inPorts)
}

// rehash moves a bound socket whose addresses changed, and which thereby leaves
// its group (udp_lib_rehash).
func (s *Sock) rehash() {
	p := s.p
	p.bind.Lock()
	defer p.bind.Unlock()
	if !s.inPorts.In() {
		return
	}
	port := uint16(s.Num.Load())
	s.LeaveGroup()
	p.conns.Remove(&s.inConns)
	if h := p.inet.Hash(s.RcvAddr.Load(), port, 0, 0); !s.inAddrs.At(h) {
		p.addrs.Remove(&s.inAddrs)
		p.addrs.Insert(&s.inAddrs, h, s)
	}
	if s.Dport.Load() != 0 {
		p.conns.Insert(&s.inConns, p.inet.Hash(s.RcvAddr.Load(), port, s.Daddr.Load(), uint16(s.Dport.Load())), s)
	}
}

// unbind takes s off its port.
func (s *Sock) unbind() {
	s.p.bind.Lock()
	defer s.p.bind.Unlock()
	if s.inPorts.In() {
		s.remove()
		s.LeaveGroup()
	}
	s.Num.Store(0)
}

// A packet's ends, as lookups see them.
type ends struct {
	saddr, daddr uint32
	sport, dport uint16
	dif          int // interface it came in by
	sdif         int // the slave device under a VRF, or 0
}

// device says whether a socket bound to a device takes the packet, and how
// good a match it is (udp_sk_bound_dev_eq).
func (s *Sock) device(e *ends) (score int, ok bool) {
	bound := int(s.BoundDev.Load())
	if bound == 0 {
		return 0, e.sdif == 0 || Of(s.Net()).l3mdev.Bool()
	}
	return 4, bound == e.dif || bound == e.sdif
}

// score says how well s fits; negative: not at all (compute_score). Its port
// and address were matched by the table.
func (s *Sock) score(e *ends, cpu int) int {
	if s.Num.Load() != uint32(e.dport) || s.RcvAddr.Load() != e.daddr {
		return -1
	}
	score := 2
	if a := s.Daddr.Load(); a != 0 {
		if a != e.saddr {
			return -1
		}
		score += 4
	}
	if port := s.Dport.Load(); port != 0 {
		if port != uint32(e.sport) {
			return -1
		}
		score += 4
	}
	dev, ok := s.device(e)
	if !ok {
		return -1
	}
	if s.IncomingCPU() == cpu {
		score++
	}
	return score + dev
}

// lookup finds the socket of a unicast packet (__udp4_lib_lookup). b, at its
// UDP header, is for the program of a SO_REUSEPORT group, and may be nil.
func (p *proto) lookup(c *kern.CPU, e ends, b *skb.Buff) *Sock {
	if s := p.connected(c, &e); s != nil {
		return s
	}
	if s := p.lookupAddr(c, e, e.daddr, b); s != nil {
		return s
	}
	return p.lookupAddr(c, e, 0, b)
}

// lookupAddr looks among the sockets bound to addr: the best of them, or the
// choice of the first group (udp4_lib_lookup2).
func (p *proto) lookupAddr(c *kern.CPU, e ends, addr uint32, b *skb.Buff) *Sock {
	key := e
	key.daddr = addr
	var best *Sock
	most := -1
	for n := p.addrs.First(p.inet.Hash(addr, e.dport, 0, 0)); n != nil; n = n.Next() {
		s := n.Value
		score := s.score(&key, c.ID())
		if score <= most {
			continue
		}
		best, most = s, score
		g := s.Group()
		if g == nil || s.State() == uapi.TCP_ESTABLISHED || !s.Has(sock.FlagReusePort) {
			continue
		}
		if o := g.Choose(c, p.inet.Hash(e.daddr, e.dport, e.saddr, e.sport), b, headerLen); o != nil {
			best = o.Self().(*Sock)
		}
		if !g.Connected() {
			break
		}
		most = best.score(&key, c.ID())
	}
	return best
}

// multicast reports whether s takes a packet to a group or broadcast address
// (__udp_is_mcast_sock).
func (s *Sock) multicast(e *ends) bool {
	if s.Num.Load() != uint32(e.dport) {
		return false
	}
	if a := s.Daddr.Load(); a != 0 && a != e.saddr {
		return false
	}
	if port := s.Dport.Load(); port != 0 && port != uint32(e.sport) {
		return false
	}
	if a := s.RcvAddr.Load(); a != 0 && a != e.daddr {
		return false
	}
	if _, ok := s.device(e); !ok {
		return false
	}
	return s.Accepts(e.daddr, e.saddr, e.dif)
}

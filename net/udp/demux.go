package udp

import (
	"linen/kern"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/wire"
)

// An arrival is the way by which packets of a connected socket came: the route
// of the last one, from the device dif.
type arrival struct {
	rt  *ipv4.Route
	dif int
}

// demux attaches the connected socket of b, which is at its IP header, and the
// route that its last packet had, before a route is looked up
// (udp_v4_early_demux; net.ipv4.udp_early_demux).
func (p *proto) demux(c *kern.CPU, b *skb.Buff) {
	if !p.conns.Used() || b.IP.Sdif != 0 || b.PktType != skb.PacketHost {
		return
	}
	ip, ok := wire.AsIPv4(b.Data())
	if !ok {
		return
	}
	n := ip.IHL()
	if !b.MayPull(n + headerLen) {
		return
	}
	ip, _ = wire.AsIPv4(b.Data())
	h, _ := wire.AsUDP(b.Data()[n:])
	e := ends{saddr: ip.Saddr(), daddr: ip.Daddr(), sport: h.Source(), dport: h.Dest(), dif: int(b.Iif)}
	s := p.connected(c, &e)
	if s == nil {
		return
	}
	b.Sock = s
	if a := s.came.Load(); a != nil && a.dif == e.dif && a.rt.Valid(c.Now()) {
		b.Dst = a.rt
	}
}

// connected returns the connected socket of a packet, or nil.
func (p *proto) connected(c *kern.CPU, e *ends) *Sock {
	for n := p.conns.First(p.inet.Hash(e.daddr, e.dport, e.saddr, e.sport)); n != nil; n = n.Next() {
		s := n.Value
		if s.score(e, c.ID()) >= 0 && s.Daddr.Load() == e.saddr && s.Dport.Load() == uint32(e.sport) {
			return s
		}
	}
	return nil
}

// found returns the socket that demux attached to b, and takes it off.
func (p *proto) found(b *skb.Buff) *Sock {
	s, ok := b.Sock.(*Sock)
	if !ok {
		return nil
	}
	b.Sock = nil
	if s.p != p {
		return nil
	}
	return s
}

// keep remembers the way of a packet of a connected socket.
func (s *Sock) keep(b *skb.Buff, e *ends) {
	rt := ipv4.RouteOf(b)
	if rt == nil || s.p.lite {
		return
	}
	if a := s.came.Load(); a == nil || a.rt != rt || a.dif != e.dif {
		if inet.IsMulticast(e.daddr) || rt.Flags&(ipv4.RTCFBroadcast|ipv4.RTCFMulticast) != 0 {
			return
		}
		s.came.Store(&arrival{rt, e.dif})
	}
}

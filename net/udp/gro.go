package udp

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/dev"
	"linen/net/skb"
	"linen/wire"
)

// setGRO is UDP_GRO: while no socket has it, GRO looks for none.
func (s *Sock) setGRO(on bool) {
	if s.gro.Swap(on) == on {
		return
	}
	if on {
		s.p.merging.Add(1)
	} else {
		s.p.merging.Add(-1)
	}
}

// wantsGRO tells GRO whether the datagram b, at its IP header, is for a socket
// that takes several in one (udp4_gro_lookup_skb).
func (p *proto) wantsGRO(c *kern.CPU, b *skb.Buff, transport int) dev.UDPGRO {
	if p.merging.Load() == 0 {
		return dev.UDPNobody
	}
	ip, ok := wire.AsIPv4(b.Data())
	if !ok || ip.Version() != 4 {
		return dev.UDPNobody
	}
	l := b.Data()[transport:]
	e := ends{saddr: ip.Saddr(), daddr: ip.Daddr(), sport: binary.BigEndian.Uint16(l), dport: binary.BigEndian.Uint16(l[2:])}
	if b.Dev != nil {
		e.dif = b.Dev.Ifindex()
	}
	switch s := p.lookup(c, e, nil); {
	case s == nil:
		return dev.UDPNobody
	case s.gro.Load():
		return dev.UDPMerging
	}
	return dev.UDPPlain
}

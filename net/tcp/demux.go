package tcp

import (
	"linen/kern"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// earlyDemux attaches the connection of b, which is at its IP header, and the
// route that its last packet had, before a route is looked up
// (tcp_v4_early_demux; net.ipv4.tcp_early_demux).
func (st *State) earlyDemux(c *kern.CPU, b *skb.Buff) {
	if !st.conns.Used() || b.IP.Sdif != 0 || b.PktType != skb.PacketHost {
		return
	}
	n := (*wire.IPv4Hdr)(b.Data()).IHL()
	if !b.MayPull(n + wire.TCPHdrLen) {
		return
	}
	ip := (*wire.IPv4Hdr)(b.Data())
	h := (*wire.TCPHdr)(b.Data()[n:])
	e := ends{saddr: ip.Saddr(), daddr: ip.Daddr(), sport: h.Source(), dport: h.Dest(), dif: b.Iif}
	v := st.lookup(e)
	if v == nil || v.s == nil {
		return
	}
	b.Sock = v.s
	if rt := v.s.rxRoute(e.dif); rt != nil && rt.Valid(c.Now()) {
		b.Dst = rt
	}
}

// found returns the connection that earlyDemux attached to b, and takes it off.
// It looks at the ends again: a hook may have changed them, and a packet that
// came by loopback may have its sender's.
func (st *State) found(b *skb.Buff, e *ends) *Sock {
	s, ok := b.Sock.(*Sock)
	if !ok || s.st != st {
		return nil
	}
	b.Sock = nil
	if s.Daddr.Load() != e.saddr || s.RcvAddr.Load() != e.daddr || s.Dport.Load() != uint32(e.sport) || s.Num.Load() != uint32(e.dport) || !st.onDevice(s.BoundDev.Load(), e) {
		return nil
	}
	return s
}

// rxRoute returns the route of the last packet, if it came from the device dif.
func (s *Sock) rxRoute(dif int32) *ipv4.Route {
	if s.rxDif.Load() != dif {
		return nil
	}
	rt := s.rxDst.Load()
	if s.rxDif.Load() != dif {
		return nil
	}
	return rt
}

// keepRoute remembers the route of a packet of the connection (sk_rx_dst). The
// caller holds BHLock.
func (s *Sock) keepRoute(b *skb.Buff) {
	rt := ipv4.RouteOf(b)
	if rt == nil || s.rxDst.Load() == rt && s.rxDif.Load() == b.Iif || b.IP.Sdif != 0 || s.State() == uapi.TCP_LISTEN {
		return
	}
	s.rxDif.Store(-1)
	s.rxDst.Store(rt)
	s.rxDif.Store(b.Iif)
}

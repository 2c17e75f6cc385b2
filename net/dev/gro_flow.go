package dev

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/wire"
)

// tcp merges a segment (tcp_gro_receive). What ends a flow's packet: another
// acknowledgement, window, option or flag, a gap, a segment that is longer;
// behind it, a shorter one, PSH and FIN.
func (g *gro) tcp(c *kern.CPU, d *Device, p *segment) {
	const (
		ends  = wire.TCPFin | wire.TCPSyn | wire.TCPRst | wire.TCPPsh | wire.TCPUrg
		joins = wire.TCPFin | wire.TCPPsh // may differ: they end the packet
	)
	flags, seq := uint8(p.l[13]), binary.BigEndian.Uint32(p.l[4:])
	if p.size > 0 && !p.valid() {
		Receive(c, p.b) // TCP counts it
		return
	}
	if i := g.find(p); i >= 0 {
		h := &g.held[i]
		q := h.b.Data()[h.net:h.hdr]
		if p.size > 0 && p.size <= int(h.size) && seq == h.next && flags&wire.TCPCwr == 0 &&
			(flags^q[13])&^joins == 0 && sameTCP(q, p.l) && !p.b.IsGSO() && h.follows(p) && g.merge(c, d, h, p) {
			q[13] |= flags & joins
			h.next += uint32(p.size)
			p.b.Consume(c)
			if p.size < int(h.size) || flags&ends != 0 {
				g.release(c, i)
			}
			return
		}
		g.release(c, i)
	}
	if p.size == 0 || flags&ends != 0 || p.b.IsGSO() {
		Receive(c, p.b)
		return
	}
	g.hold(c, p, seq+uint32(p.size))
}

// sameTCP compares acknowledgement, header length, window and options.
func sameTCP(q, l []byte) bool {
	return len(q) == len(l) && [4]byte(q[8:12]) == [4]byte(l[8:12]) && q[12] == l[12] &&
		[2]byte(q[14:16]) == [2]byte(l[14:16]) && string(q[wire.TCPHdrLen:]) == string(l[wire.TCPHdrLen:])
}

// A UDPGRO is what the socket of a datagram says about merging it.
type UDPGRO uint8

// The answers.
const (
	UDPNobody  UDPGRO = iota // there is no such socket
	UDPPlain                 // it takes single datagrams
	UDPMerging               // it has UDP_GRO
)

// A UDPFinder looks for the socket of the datagram b, which begins with its
// network header; transport is the offset of the UDP header.
type UDPFinder func(c *kern.CPU, b *skb.Buff, transport int) UDPGRO

// SetUDPGRO makes f say which datagrams of n are merged by GRO; nil: none, but
// for those that rx-udp-gro-forwarding merges.
func SetUDPGRO(n *netns.Net, f UDPFinder) { storeFunc(&stateOf(n).udpGRO, f, f == nil) }

// wantsUDP reports whether p is to be merged: its socket has UDP_GRO, or no
// socket here wants it and the device has rx-udp-gro-forwarding.
func (d *Device) wantsUDP(c *kern.CPU, p *segment) bool {
	says := UDPNobody
	if f := d.home.Load().udpGRO.Load(); f != nil {
		says = (*f)(c, p.b, p.net)
	}
	return says == UDPMerging || says == UDPNobody && d.Features()&FeatGROUDPForward != 0
}

// udp merges a datagram (udp_gro_receive): those of one packet have the same
// length, but for a shorter last one, and a checksum each.
func (g *gro) udp(c *kern.CPU, d *Device, p *segment) {
	if p.size == 0 || int(binary.BigEndian.Uint16(p.l[4:])) != p.b.Len()-p.net || p.l[6]|p.l[7] == 0 ||
		p.b.IsGSO() || !d.wantsUDP(c, p) || !p.valid() {
		Receive(c, p.b)
		return
	}
	if i := g.find(p); i >= 0 {
		h := &g.held[i]
		if p.size <= int(h.size) && h.follows(p) && g.merge(c, d, h, p) {
			p.b.Consume(c)
			if p.size < int(h.size) || h.count == groMaxUDP {
				g.release(c, i)
			}
			return
		}
		g.release(c, i)
	}
	g.hold(c, p, 0)
}

// merge puts p's payload behind h's and reports whether there was room: GRO's
// size, and fragments of a Buff (skb_gro_receive). p's Buff stays to be ended.
func (g *gro) merge(c *kern.CPU, d *Device, h *held, p *segment) bool {
	limit := d.gro4Max.Load()
	if p.v6 {
		limit = d.groMaxSize.Load()
	}
	if uint32(h.b.Len()+p.size) >= limit {
		return false
	}
	linear := p.b.HeadLen() - p.hdr
	frags := p.b.Frags()
	if len(p.b.List()) > 0 || len(h.b.Frags())+len(frags)+1 > skb.MaxFrags {
		return false
	}
	if linear > 0 {
		g.copy(c, h.b, p.b.Data()[p.hdr:])
	}
	for i := range frags {
		h.b.Extend(frags[i])
	}
	h.count++
	return true
}

// copy appends a copy of payload to b, in the CPU's Block.
func (g *gro) copy(c *kern.CPU, b *skb.Buff, payload []byte) {
	n := uint32(len(payload))
	if g.block == nil || g.fill+n > skb.BlockSize {
		if g.block != nil {
			g.block.Release()
		}
		g.block, g.fill = skb.NewBlock(c.Kernel()), 0
	}
	copy(g.block.Data()[g.fill:], payload) // nobody else has this part of it
	b.Extend(skb.Frag{Block: g.block, Off: g.fill, Len: n})
	g.fill += n
}

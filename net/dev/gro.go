package dev

import (
	"encoding/binary"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// Generic receive offload (net/core/gro.c): segments of one flow that come in
// one poll go up the stack as one super-packet, which GSO cuts into the very
// same segments again when it is forwarded. Only devices that say NAPI take
// part; lo and bridges hand packets on as they are (netif_rx).
//
// Payload is not chained but laid end to end: fragments that continue each
// other become one again, and linear payload is copied, which frees its Buff at
// once and makes the reader's copy one piece.

// Limits of GRO.
const (
	groFlows  = 32 // packets held; the kernel's are 8 buckets of 8 (MAX_GRO_SKBS)
	groMaxUDP = 64 // UDP_GRO_CNT_MAX: datagrams in a packet
)

// held is a packet that waits for more of its flow.
type held struct {
	b     *skb.Buff
	next  uint32 // TCP: the sequence number that continues it
	net   uint16 // bytes of the network header
	hdr   uint16 // bytes of network and transport header
	size  uint16 // payload of its first segment
	count uint16 // segments
	fixed bool   // IPv4: its identification stays
}

// gro is what a CPU holds back.
type gro struct {
	n     int
	hash  [groFlows]uint32 // of the flows, to find one
	held  [groFlows]held   // the oldest first
	block *skb.Block       // where payload is copied to, or nil
	fill  uint32
}

// segment is a received packet as GRO sees it.
type segment struct {
	b     *skb.Buff
	ip, l []byte // network header; transport header with its options
	hash  uint32
	proto uint8
	v6    bool
	net   int // bytes of the network header
	hdr   int // of both
	size  int // payload
}

// input takes b from the backlog to GRO or straight up.
func (s *softnet) input(c *kern.CPU, b *skb.Buff) {
	d := Of(b)
	if d.Features()&FeatGRO == 0 || !d.NAPI {
		Receive(c, b)
		return
	}
	s.receiveGRO(c, d, b)
}

// receiveGRO merges b with what is held, or holds it, or passes it on
// (dev_gro_receive).
func (s *softnet) receiveGRO(c *kern.CPU, d *Device, b *skb.Buff) {
	if isVLAN(b.Protocol) && b.VLANProto == 0 && !untag(c, d.Net(), b) {
		return
	}
	p, ok := parseSegment(b)
	if !ok {
		Receive(c, b)
		return
	}
	if s.gro == nil {
		s.gro = new(gro)
	}
	g := s.gro
	if p.proto == uapi.IPPROTO_TCP {
		g.tcp(c, d, &p)
	} else {
		g.udp(c, d, &p)
	}
}

// parseSegment reads the headers of a packet that GRO may be able to merge: an
// unfragmented TCP segment or datagram behind an IP header without options,
// whose length is the frame's. Its checksum is not looked at.
func parseSegment(b *skb.Buff) (p segment, ok bool) {
	p.b = b
	switch b.Protocol {
	case uapi.ETH_P_IP:
		p.net = wire.IPv4HdrLen
	case uapi.ETH_P_IPV6:
		p.net, p.v6 = wire.IPv6HdrLen, true
	default:
		return p, false
	}
	if !b.MayPull(p.net + wire.UDPHdrLen) {
		return p, false
	}
	p.ip = b.Data()
	total := 0
	if p.v6 {
		h, _ := wire.AsIPv6(p.ip)
		p.proto, total = p.ip[6], wire.IPv6HdrLen+h.PayloadLen()
		p.hash = binary.LittleEndian.Uint32(p.ip[20:]) ^ binary.LittleEndian.Uint32(p.ip[36:])
	} else {
		h, _ := wire.AsIPv4(p.ip)
		if p.ip[0] != 0x45 || binary.BigEndian.Uint16(p.ip[6:])&^ipDF != 0 || csum.Fold(csum.Sum(p.ip[:wire.IPv4HdrLen], 0)) != 0 {
			return p, false
		}
		p.proto, total = p.ip[9], h.TotLen()
		p.hash = binary.LittleEndian.Uint32(p.ip[12:]) ^ binary.LittleEndian.Uint32(p.ip[16:])
	}
	p.hash ^= binary.LittleEndian.Uint32(p.ip[p.net:])
	return p, total == b.Len() && p.transport()
}

// ipDF is the bit of "don't fragment" (RFC 791 §3.1).
const ipDF = 0x4000

// transport reads the length of the transport header.
func (p *segment) transport() bool {
	switch p.proto {
	case uapi.IPPROTO_TCP:
		if !p.b.MayPull(p.net + wire.TCPHdrLen) {
			return false
		}
		p.hdr = p.net + int(p.b.Data()[p.net+12]>>4)*4
	case uapi.IPPROTO_UDP:
		p.hdr = p.net + wire.UDPHdrLen
	default:
		return false
	}
	if p.hdr < p.net+wire.UDPHdrLen || !p.b.MayPull(p.hdr) {
		return false
	}
	p.ip = p.b.Data()
	p.l = p.ip[p.net:p.hdr]
	p.size = p.b.Len() - p.hdr
	return p.proto == uapi.IPPROTO_UDP || len(p.l) >= wire.TCPHdrLen
}

// valid verifies the transport checksum, unless it is known to be right.
func (p *segment) valid() bool {
	if p.b.CsumState == skb.CsumPartial || p.b.CsumState == skb.CsumUnnecessary {
		return true
	}
	n := p.b.Len() - p.net
	if csum.Fold(p.b.Checksum(p.net, n, p.pseudo(n))) != 0 {
		return false
	}
	p.b.CsumState = skb.CsumUnnecessary
	return true
}

// pseudo returns the sum of the pseudo header of n bytes.
func (p *segment) pseudo(n int) uint32 {
	if p.v6 {
		h, _ := wire.AsIPv6(p.ip)
		return csum.Pseudo6(h.Saddr(), h.Daddr(), p.proto, n)
	}
	h, _ := wire.AsIPv4(p.ip)
	return csum.Pseudo4(h.Saddr(), h.Daddr(), p.proto, n)
}

// find returns the place of the held packet of p's flow, or -1: the same
// device, tag, link addresses, ends and protocol.
func (g *gro) find(p *segment) int {
	for i, hash := range g.hash[:g.n] {
		if hash != p.hash {
			continue
		}
		h := &g.held[i]
		o := h.b
		if o.Dev != p.b.Dev || o.Protocol != p.b.Protocol || o.VLANProto != p.b.VLANProto || o.VLANTCI != p.b.VLANTCI {
			continue
		}
		if int(h.net) == p.net && sameEnds(o.Data(), p) && sameLink(o, p.b) {
			return i
		}
	}
	return -1
}

// sameEnds compares protocol, addresses and ports.
func sameEnds(q []byte, p *segment) bool {
	if p.v6 {
		return q[6] == p.proto && [36]byte(q[8:44]) == [36]byte(p.ip[8:44]) && // addresses and ports
			(binary.BigEndian.Uint32(q)^binary.BigEndian.Uint32(p.ip))&0xf00fffff == 0 // version, flow label
	}
	return q[9] == p.proto && [12]byte(q[12:24]) == [12]byte(p.ip[12:24])
}

// sameLink compares the link headers.
func sameLink(a, b *skb.Buff) bool {
	x, xok := a.MacOff()
	y, yok := b.MacOff()
	if xok != yok || x != y {
		return false
	}
	if !xok || x >= 0 {
		return true
	}
	return string(a.Mac()[:-x]) == string(b.Mac()[:-y])
}

// follows reports whether p's network header continues h's packet: the same
// TTL, TOS and DF, and an identification that counts on, or stays (since 6.18
// without DF too).
func (h *held) follows(p *segment) bool {
	q := h.b.Data()
	if p.v6 {
		return q[7] == p.ip[7] && binary.BigEndian.Uint32(q) == binary.BigEndian.Uint32(p.ip)
	}
	if q[8] != p.ip[8] || q[1] != p.ip[1] || (q[6]^p.ip[6])&(ipDF>>8) != 0 {
		return false
	}
	ahead := binary.BigEndian.Uint16(p.ip[4:]) - binary.BigEndian.Uint16(q[4:])
	if h.count == 1 {
		h.fixed = ahead == 0
		return ahead <= 1
	}
	if h.fixed {
		return ahead == 0
	}
	return ahead == h.count
}

// hold keeps p as the first of its flow. When there are too many the oldest
// goes up.
func (g *gro) hold(c *kern.CPU, p *segment, next uint32) {
	if g.n == groFlows {
		g.release(c, 0)
	}
	g.hash[g.n] = p.hash
	g.held[g.n] = held{b: p.b, next: next, net: uint16(p.net), hdr: uint16(p.hdr), size: uint16(p.size), count: 1}
	g.n++
}

// release takes the packet at place i up the stack.
func (g *gro) release(c *kern.CPU, i int) {
	h := g.held[i]
	copy(g.held[i:g.n], g.held[i+1:g.n])
	copy(g.hash[i:g.n], g.hash[i+1:g.n])
	g.n--
	g.held[g.n] = held{}
	if h.count > 1 {
		h.complete()
	}
	Receive(c, h.b)
}

// flush takes everything up, in the order of the first frames: the poll has
// ended (napi_gro_flush).
func (g *gro) flush(c *kern.CPU) {
	for i := range g.n {
		h := g.held[i]
		g.held[i] = held{}
		if h.count > 1 {
			h.complete()
		}
		Receive(c, h.b)
	}
	g.n = 0
}

// complete makes h's packet a super-packet: its lengths are those of the whole,
// its checksum is left open (tcp_gro_complete, udp_gro_complete).
func (h *held) complete() {
	b := h.b
	p, n := b.Data(), b.Len()-int(h.net)
	proto, sum := p[6], uint32(0)
	if p[0]>>4 == 4 {
		ip, _ := wire.AsIPv4(p)
		proto = ip.Proto()
		ip.SetTotLen(b.Len())
		ip.SetCheck(0)
		ip.SetCheck(csum.Checksum(p[:wire.IPv4HdrLen]))
		sum = csum.Pseudo4(ip.Saddr(), ip.Daddr(), proto, n)
	} else {
		ip, _ := wire.AsIPv6(p)
		ip.SetPayloadLen(n)
		sum = csum.Pseudo6(ip.Saddr(), ip.Daddr(), proto, n)
	}
	b.GSOSize, b.GSOSegs = h.size, h.count
	at := 16
	if proto == uapi.IPPROTO_UDP {
		at = 6
		binary.BigEndian.PutUint16(p[h.net+4:], uint16(n))
		b.GSOType = skb.GSOUDPL4
	} else if p[0]>>4 == 4 {
		b.GSOType = skb.GSOTCPv4
	} else {
		b.GSOType = skb.GSOTCPv6
	}
	if h.fixed {
		b.GSOType |= skb.GSOTCPFixedID
	}
	binary.BigEndian.PutUint16(p[int(h.net)+at:], csum.Fold16(sum))
	b.SetTransportHeader(int(h.net))
	b.SetPartialCsum(int(h.net), at)
}

package badpackets

import (
	"encoding/binary"
	"net/netip"

	"linen/lib/csum"
	"linen/uapi"
	"linen/wire"
)

var be = binary.BigEndian

// ip is an IPv4 packet that may be wrong in many ways. Zero fields are what a
// good packet from 10.0.0.2 to 10.0.0.1 has.
type ip struct {
	src, dst string
	proto    uint8
	ttl      int // -1: 0
	tos      uint8
	frag     uint16 // the fragment field
	opts     []byte
	first    uint8 // version and IHL
	totLen   int   // -1: 0
	badSum   bool
	badL4    bool
	data     []byte // behind the header
	cut      int    // how many bytes arrive, if not all
	more     int    // bytes behind its end
	mac      string // destination of the frame
	id       uint16
}

const (
	mf = wire.IPv4MF
	df = wire.IPv4DF
)

func (p ip) addrs() (src, dst uint32) {
	if p.src == "" {
		p.src = "10.0.0.2"
	}
	if p.dst == "" {
		p.dst = "10.0.0.1"
	}
	return num(p.src), num(p.dst)
}

func num(s string) uint32 {
	b := netip.MustParseAddr(s).As4()
	return be.Uint32(b[:])
}

// bytes builds the packet.
func (p ip) bytes() []byte {
	src, dst := p.addrs()
	hlen := 20 + len(p.opts)
	b := make([]byte, hlen, hlen+len(p.data)+p.more)
	h := (*wire.IPv4Hdr)(b)
	h.SetVerIHL(hlen)
	if p.first != 0 {
		b[0] = p.first
	}
	h.SetTOS(p.tos)
	h.SetTotLen(hlen + len(p.data))
	if p.totLen != 0 {
		h.SetTotLen(max(p.totLen, 0))
	}
	h.SetID(77)
	if p.id != 0 {
		h.SetID(p.id)
	}
	h.SetFragOff(p.frag)
	h.SetTTL(64)
	if p.ttl != 0 {
		h.SetTTL(uint8(max(p.ttl, 0)))
	}
	h.SetProto(p.proto)
	h.SetSaddr(src)
	h.SetDaddr(dst)
	copy(b[20:], p.opts)
	if n := int(b[0]&15) * 4; n >= 20 && n <= len(b) {
		h.SetCheck(0)
		h.SetCheck(csum.Checksum(b[:n]))
	} else {
		h.SetCheck(csum.Checksum(b))
	}
	if p.badSum {
		h.SetCheck(h.Check() ^ 0x1234)
	}
	b = append(b, p.data...)
	b = append(b, make([]byte, p.more)...)
	if p.cut != 0 {
		b = b[:p.cut]
	}
	return b
}

// change alters bytes of a header before its checksum is computed.
type change func(b []byte)

func put8(at int, v uint8) change   { return func(b []byte) { b[at] = v } }
func put16(at int, v uint16) change { return func(b []byte) { be.PutUint16(b[at:], v) } }

// icmp fills p with a message; rest is its second word.
func (p ip) icmp(typ, code uint8, rest uint32, data []byte) ip {
	b := append(make([]byte, 8), data...)
	b[0], b[1] = typ, code
	be.PutUint32(b[4:], rest)
	return p.summed(uapi.IPPROTO_ICMP, b)
}

// summed fills p with a protocol whose checksum is at its third byte.
func (p ip) summed(proto uint8, b []byte) ip {
	if len(b) >= 4 {
		be.PutUint16(b[2:], csum.Checksum(b))
		if p.badL4 {
			b[2] ^= 0x55
		}
	}
	p.proto, p.data = proto, b
	return p
}

// echo is a ping.
func (p ip) echo() ip { return p.icmp(8, 0, 0x00010001, seq(16)) }

// seq is n bytes of payload.
func seq(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + i%26)
	}
	return b
}

// udp fills p with a datagram.
func (p ip) udp(sport, dport uint16, data []byte, changes ...change) ip {
	b := append(make([]byte, 8), data...)
	be.PutUint16(b, sport)
	be.PutUint16(b[2:], dport)
	be.PutUint16(b[4:], uint16(len(b)))
	for _, c := range changes {
		c(b)
	}
	return p.pseudo(uapi.IPPROTO_UDP, b, 6)
}

// Flags of TCP (RFC 9293 §3.1).
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
	ece
	cwr
)

// tcp fills p with a segment; data may begin with options.
func (p ip) tcp(sport, dport uint16, flags uint8, opts, data []byte, changes ...change) ip {
	b := make([]byte, 20)
	be.PutUint16(b, sport)
	be.PutUint16(b[2:], dport)
	be.PutUint32(b[4:], 1000)
	if flags&ack != 0 {
		be.PutUint32(b[8:], 5000)
	}
	b[12], b[13] = uint8(20+len(opts))<<2, flags
	be.PutUint16(b[14:], 8192)
	b = append(append(b, opts...), data...)
	for _, c := range changes {
		c(b)
	}
	return p.pseudo(uapi.IPPROTO_TCP, b, 16)
}

// pseudo sums with the pseudo header.
func (p ip) pseudo(proto uint8, b []byte, at int) ip {
	src, dst := p.addrs()
	if len(b) >= at+2 {
		be.PutUint16(b[at:], csum.Fold(csum.Sum(b, csum.Pseudo4(src, dst, proto, len(b)))))
		if p.badL4 {
			b[at] ^= 0x55
		}
	}
	p.proto, p.data = proto, b
	return p
}

// fragment is a piece of p: n bytes of its payload from at on.
func (p ip) fragment(at, n int, more bool) ip {
	p.data = p.data[at : at+n]
	p.frag |= uint16(at / 8)
	if more {
		p.frag |= mf
	}
	return p
}

// eth puts a link header in front.
func eth(dst, src wire.MAC, ether uint16, p []byte) []byte {
	b := append(append([]byte(nil), dst[:]...), src[:]...)
	return append(be.AppendUint16(b, ether), p...)
}

// arp is an Ethernet ARP packet (RFC 826).
type arp struct {
	op         uint16
	sha, tha   wire.MAC
	spa, tpa   string
	htype      uint16
	ptype      uint16
	hlen, plen uint8
	cut        int
}

func (a arp) bytes() []byte {
	set := func(v *uint16, d uint16) uint16 {
		if *v == 0 {
			*v = d
		}
		return *v
	}
	b := be.AppendUint16(nil, set(&a.htype, 1))
	b = be.AppendUint16(b, set(&a.ptype, uapi.ETH_P_IP))
	hlen, plen := a.hlen, a.plen
	if hlen == 0 {
		hlen = 6
	}
	if plen == 0 {
		plen = 4
	}
	b = be.AppendUint16(append(b, hlen, plen), a.op)
	b = be.AppendUint32(append(b, a.sha[:]...), num(a.spa))
	b = be.AppendUint32(append(b, a.tha[:]...), num(a.tpa))
	if a.cut != 0 {
		b = b[:a.cut]
	}
	return b
}

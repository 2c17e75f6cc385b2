package dev

import (
	"linen/kern"
	"linen/lib/csum"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// A segmenter cuts one super-packet (skb_gso_segment). The headers are copied
// in front of each piece of payload and then corrected.
type segmenter struct {
	b         *skb.Buff
	net, tran int // offsets of the headers from the data
	hdr       int // bytes of all headers
	size      int // payload bytes of a segment
	payload   int // payload bytes in all
	csum      bool
	payer     skb.Charger // pays for the segments instead of for b, or nil
	share     bool        // segments may refer to b's fragments
}

// minShare is the least payload, in bytes, that a segment shares instead of
// copying it.
const minShare = 512

// sendSegments cuts b and sends its segments by d, which has the features f.
func sendSegments(c *kern.CPU, d *Device, b *skb.Buff, f Features) bool {
	s, ok := newSegmenter(b)
	if !ok {
		return dropTx(c, d, b, skb.ReasonSkbGsoSeg)
	}
	s.payer = takeOver(b)
	s.csum, s.share = !f.canCsum(b.Protocol), f&FeatSG != 0 && s.size >= minShare
	sn := softnetOf(c)
	for off := 0; off < s.payload; off += s.size {
		o := s.segment(c, off)
		if o.VLANProto != 0 && f&FeatVLANTx == 0 {
			pushVLAN(o)
		}
		hand(c, d.Net(), sn, d, o)
	}
	b.Consume(c)
	return true
}

// Segment cuts the super-packet b, whose data begins at the link header or
// later, into packets that f gets no checksum help from, and calls each with
// them in order. It owns b, and reports false when b cannot be cut and was
// dropped.
func Segment(c *kern.CPU, d *Device, b *skb.Buff, each func(*skb.Buff)) bool {
	s, ok := newSegmenter(b)
	if !ok {
		b.Drop(c, d.Net(), skb.ReasonSkbGsoSeg)
		return false
	}
	s.csum, s.payer = true, takeOver(b)
	for off := 0; off < s.payload; off += s.size {
		each(s.segment(c, off))
	}
	b.Consume(c)
	return true
}

// newSegmenter looks at b's headers and reports whether they make sense.
func newSegmenter(b *skb.Buff) (s segmenter, ok bool) {
	s = segmenter{b: b, net: b.NetworkOff(), tran: b.TransportOff(), size: int(b.GSOSize)}
	if s.size == 0 || s.net < 0 || !b.HasTransport() || s.tran < s.net+wire.IPv4HdrLen {
		return s, false
	}
	switch {
	case b.GSOType&(skb.GSOTCPv4|skb.GSOTCPv6) != 0:
		if !b.MayPull(s.tran + wire.TCPHdrLen) {
			return s, false
		}
		h, _ := wire.AsTCP(b.Data()[s.tran:])
		if h.DataOff() < wire.TCPHdrLen {
			return s, false
		}
		s.hdr = s.tran + h.DataOff()
	case b.GSOType&skb.GSOUDPL4 != 0:
		s.hdr = s.tran + wire.UDPHdrLen
	default:
		return s, false
	}
	if !b.MayPull(s.hdr) || b.GSOType&skb.GSOTCPv6 != 0 && s.tran < s.net+wire.IPv6HdrLen {
		return s, false
	}
	s.payload = b.Len() - s.hdr
	switch b.Data()[s.net] >> 4 {
	case 4:
		return s, s.payload > 0
	case 6:
		return s, s.payload > 0 && s.tran >= s.net+wire.IPv6HdrLen
	}
	return s, false
}

// segment makes the packet with the payload from off on.
func (s *segmenter) segment(c *kern.CPU, off int) *skb.Buff {
	b := s.b
	n := min(s.size, s.payload-off)
	o := skb.Alloc(c, s.hdr+n)
	o.Append(b.Data()[:s.hdr])
	if !s.share || !b.Share(o, s.hdr+off, n) {
		b.CopyOut(s.hdr+off, o.Put(n))
	}
	o.Dev, o.Sock, o.Protocol, o.PktType = b.Dev, b.Sock, b.Protocol, b.PktType
	o.Mark, o.Priority, o.Hash, o.HashL4 = b.Mark, b.Priority, b.Hash, b.HashL4
	o.Queue, o.Tstamp, o.Iif, o.Ct = b.Queue, b.Tstamp, b.Iif, b.Ct
	o.VLANProto, o.VLANTCI = b.VLANProto, b.VLANTCI
	if mac, ok := b.MacOff(); ok {
		o.SetMacHeader(mac)
	}
	o.SetNetworkHeader(s.net)
	o.SetTransportHeader(s.tran)
	s.fixNetwork(o, off/s.size)
	if b.GSOType&skb.GSOUDPL4 != 0 {
		s.fixUDP(o, n)
	} else {
		s.fixTCP(o, off, n)
	}
	if s.payer != nil {
		s.payer.Charge(int(o.TrueSize))
		o.SetOwner(s.payer)
	}
	return o
}

// takeOver takes b from its owner, who will pay for the segments: he is to know
// of each as long as a device holds it (tcp_gso_segment's destructors).
func takeOver(b *skb.Buff) skb.Charger {
	o, ok := b.Owner().(skb.Charger)
	if !ok {
		return nil
	}
	o.Charge(-int(b.TrueSize))
	b.SetOwner(nil)
	return o
}

// fixNetwork sets length, identification and header checksum of segment i.
func (s *segmenter) fixNetwork(o *skb.Buff, i int) {
	p := o.Data()[s.net:]
	if p[0]>>4 == 6 {
		h, _ := wire.AsIPv6(p)
		h.SetPayloadLen(o.Len() - s.net - wire.IPv6HdrLen)
		return
	}
	h, _ := wire.AsIPv4(p)
	h.SetTotLen(o.Len() - s.net)
	if s.b.GSOType&skb.GSOTCPFixedID == 0 {
		h.SetID(h.ID() + uint16(i))
	}
	h.SetCheck(0)
	h.SetCheck(csum.Checksum(p[:s.tran-s.net]))
}

// fixTCP sets sequence number, flags and checksum: FIN and PSH stand on the
// last segment only, CWR on the first.
func (s *segmenter) fixTCP(o *skb.Buff, off, n int) {
	h, _ := wire.AsTCP(o.Data()[s.tran:])
	h.SetSeq(h.Seq() + uint32(off))
	flags := h.Flags()
	if off+n < s.payload {
		flags &^= wire.TCPFin | wire.TCPPsh
	}
	if off > 0 {
		flags &^= wire.TCPCwr
	}
	h.SetDataOffFlags(h.DataOff(), flags)
	h.SetCheck(s.pseudo(o, uapi.IPPROTO_TCP))
	s.finish(o, 16)
}

// fixUDP sets length and checksum.
func (s *segmenter) fixUDP(o *skb.Buff, n int) {
	h, _ := wire.AsUDP(o.Data()[s.tran:])
	h.SetLen(wire.UDPHdrLen + n)
	h.SetCheck(s.pseudo(o, uapi.IPPROTO_UDP))
	s.finish(o, 6)
}

// pseudo returns the folded sum of o's pseudo header.
func (s *segmenter) pseudo(o *skb.Buff, proto uint8) uint16 {
	p := o.Data()[s.net:]
	l := o.Len() - s.tran
	if p[0]>>4 == 6 {
		h, _ := wire.AsIPv6(p)
		return csum.Fold16(csum.Pseudo6(h.Saddr(), h.Daddr(), proto, l))
	}
	h, _ := wire.AsIPv4(p)
	return csum.Fold16(csum.Pseudo4(h.Saddr(), h.Daddr(), proto, l))
}

// finish leaves the checksum to the device or computes it.
func (s *segmenter) finish(o *skb.Buff, at int) {
	o.SetPartialCsum(s.tran, at)
	if s.csum {
		o.CompleteCsum()
	}
}

package udp

import (
	"encoding/binary"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/wire"
)

// receive takes a packet that IP delivers, at its UDP header (__udp4_lib_rcv).
func (p *proto) receive(c *kern.CPU, b *skb.Buff) {
	if !b.MayPull(headerLen) {
		p.drop(c, b, skb.ReasonHdrTrunc)
		return
	}
	ip, ok := wire.AsIPv4(b.Network())
	if !ok {
		p.drop(c, b, skb.ReasonHdrTrunc)
		return
	}
	h, _ := wire.AsUDP(b.Data())
	e := ends{saddr: ip.Saddr(), daddr: ip.Daddr(), sport: h.Source(), dport: h.Dest(), dif: int(b.Iif), sdif: int(b.IP.Sdif)}
	if e.dif == 0 && b.Dev != nil {
		e.dif = b.Dev.Ifindex()
	}
	if !p.verify(c, b, h, &e) {
		return
	}
	if rt := ipv4.RouteOf(b); inet.IsMulticast(e.daddr) || rt != nil && rt.Flags&(ipv4.RTCFBroadcast|ipv4.RTCFMulticast) != 0 {
		p.spread(c, b, &e)
		return
	}
	s := p.found(b)
	if s == nil {
		if s = p.lookup(c, e, b); s == nil {
			p.nobody(c, b)
			return
		}
	}
	if s.Dport.Load() != 0 {
		s.keep(b, &e)
	}
	s.deliver(c, b, &e)
}

// csumNote is the word of skb.CB that is 1 when this package has summed a
// datagram of at most checksumBreak bytes: IP_CHECKSUM tells of those only, as
// the kernel sums longer ones while it copies them to the reader.
const (
	csumNote      = 0
	checksumBreak = 76 // CHECKSUM_BREAK
)

// verify checks length and checksum; a bad packet is dropped, counted, and
// false returned.
func (p *proto) verify(c *kern.CPU, b *skb.Buff, h *wire.UDPHdr, e *ends) bool {
	n := h.Len()
	b.CB[csumNote] = 0
	if p.lite {
		return p.verifyLite(c, b, h, e)
	}
	if n < headerLen || n > b.Len() {
		p.drop(c, b, skb.ReasonPKTTooSmall)
		return false
	}
	if n < b.Len() {
		b.Trim(c, n)
	}
	if h.Check() == 0 || b.CsumState == skb.CsumPartial || b.CsumState == skb.CsumUnnecessary {
		return true
	}
	if n <= checksumBreak {
		b.CB[csumNote] = 1
	}
	return p.checked(c, b, csum.Fold(b.Checksum(0, n, csum.Pseudo4(e.saddr, e.daddr, p.number, n))) == 0)
}

// verifyLite checks a UDP-Lite packet: the coverage must be whole, or at least
// the header, and a checksum there must be (RFC 3828 §3.1).
func (p *proto) verifyLite(c *kern.CPU, b *skb.Buff, h *wire.UDPHdr, e *ends) bool {
	n, covered := b.Len(), h.Len()
	if covered == 0 {
		covered = n
	}
	if covered < headerLen || covered > n || h.Check() == 0 {
		p.drop(c, b, skb.ReasonPKTTooSmall)
		return false
	}
	if b.CsumState == skb.CsumPartial || b.CsumState == skb.CsumUnnecessary {
		return true
	}
	return p.checked(c, b, csum.Fold(b.Checksum(0, covered, csum.Pseudo4(e.saddr, e.daddr, p.number, n))) == 0)
}

// checked drops a packet whose checksum is wrong.
func (p *proto) checked(c *kern.CPU, b *skb.Buff, right bool) bool {
	if right {
		b.CsumState = skb.CsumUnnecessary
		return true
	}
	p.count(c, p.ids.csum)
	p.drop(c, b, skb.ReasonUDPCsum)
	return false
}

// nobody ends a packet for a port without a socket: the sender hears of it by
// ICMP (RFC 1122 §4.1.3.1).
func (p *proto) nobody(c *kern.CPU, b *skb.Buff) {
	p.count(c, p.ids.noPorts)
	p.inet.IP.Unreachable(c, b)
	b.Drop(c, p.n, skb.ReasonNoSocket)
}

// spread gives a packet to every socket that listens to the group or broadcast
// (__udp4_lib_mcast_deliver).
func (p *proto) spread(c *kern.CPU, b *skb.Buff, e *ends) {
	var last *Sock
	for n := p.ports.First(uint32(e.dport)); n != nil; n = n.Next() {
		s := n.Value
		if !s.multicast(e) {
			continue
		}
		if last != nil {
			last.deliver(c, b.Clone(c), e)
		}
		last = s
	}
	if last == nil {
		p.count(c, p.ids.ignored)
		b.Consume(c)
		return
	}
	last.deliver(c, b, e)
}

// deliver gives s a packet that is for it (udp_queue_rcv_skb).
func (s *Sock) deliver(c *kern.CPU, b *skb.Buff, e *ends) {
	if f := s.encap.Load(); f != nil && (*f)(c, s, b) {
		return
	}
	if b.IsGSO() && !s.gro.Load() {
		s.segments(c, b, e)
		return
	}
	s.enqueue(c, b, e)
}

// segments cuts a super-packet of UDP_SEGMENT for a reader that takes single
// datagrams (udp_rcv_segment).
func (s *Sock) segments(c *kern.CPU, b *skb.Buff, e *ends) {
	size, total := int(b.GSOSize), b.Len()-headerLen
	front := -b.NetworkOff() // the IP header goes with each
	for off := 0; off < total; off += size {
		n := min(size, total-off)
		o := skb.Alloc(c, front+headerLen+n)
		copy(o.Put(front+headerLen), b.Network()[:front+headerLen])
		b.CopyOut(headerLen+off, o.Put(n))
		o.SetNetworkHeader(0)
		o.SetTransportHeader(front)
		if ip, ok := wire.AsIPv4(o.Data()); ok {
			ip.SetTotLen(front + headerLen + n)
		}
		o.Pull(front)
		h, _ := wire.AsUDP(o.Data())
		h.SetLen(headerLen + n)
		o.Protocol, o.PktType, o.Iif, o.Dev, o.Dst = b.Protocol, b.PktType, b.Iif, b.Dev, b.Dst
		o.Mark, o.Priority, o.Hash, o.Tstamp = b.Mark, b.Priority, b.Hash, b.Tstamp
		o.CsumState = skb.CsumUnnecessary
		s.enqueue(c, o, e)
	}
	b.Consume(c)
}

// enqueue filters b, makes room for it in the receive buffer, and queues its
// payload.
func (s *Sock) enqueue(c *kern.CPU, b *skb.Buff, e *ends) {
	p := s.p
	if p.lite && !s.covers(b) {
		p.drop(c, b, skb.ReasonPKTTooSmall)
		s.Dropped()
		return
	}
	keep, ok := s.RunFilter(c, b, headerLen)
	if !ok {
		s.Dropped()
		p.drop(c, b, skb.ReasonSocketFilter)
		return
	}
	if keep < b.Len() {
		b.Trim(c, keep)
	}
	if s.Daddr.Load() != 0 {
		s.Arrived(c)
	}
	// An empty queue takes any packet (__udp_enqueue_schedule_skb).
	if rmem := s.RmemAlloc(); rmem != 0 && rmem+int64(b.TrueSize) > s.RcvBuf() {
		s.Dropped()
		p.count(c, p.ids.rcvbuf)
		p.drop(c, b, skb.ReasonSocketRcvbuff)
		return
	}
	if !p.mayQueue(s.RmemAlloc(), int64(b.TrueSize)) {
		p.count(c, p.ids.mem)
		p.drop(c, b, skb.ReasonProtoMem)
		return
	}
	if p.n.Tracing.Load() {
		skb.Trace(c, p.n, b, skb.Event{Point: skb.PointSocket, Verdict: "queued", By: p.base.Name})
	}
	b.SetTransportHeader(0)
	b.Pull(headerLen)
	s.Note(b, e.saddr, e.daddr)
	if s.Is(inet.CmsgChecksum) && b.CB[csumNote] != 0 {
		b.Linearize()
		b.CsumState, b.Csum = skb.CsumComplete, nativeSum(b.Data())
	}
	mib.Inc(c, p.n, p.ids.in)
	s.Enqueue(c, b)
}

// nativeSum is IP_CHECKSUM's value: the ones-complement sum of the payload in
// 32-bit words of the machine's order, not folded; zero as all ones.
func nativeSum(p []byte) uint32 {
	sum := uint64(0)
	for ; len(p) >= 4; p = p[4:] {
		sum += uint64(binary.NativeEndian.Uint32(p))
	}
	if len(p) > 0 {
		var last [4]byte
		copy(last[:], p)
		sum += uint64(binary.NativeEndian.Uint32(last[:]))
	}
	for sum>>32 != 0 {
		sum = sum>>32 + sum&0xffffffff
	}
	if sum == 0 {
		return ^uint32(0)
	}
	return uint32(sum)
}

// covers reports whether a UDP-Lite packet's coverage is what the reader asks
// for.
func (s *Sock) covers(b *skb.Buff) bool {
	want := int(s.recvCov.Load())
	h, ok := wire.AsUDP(b.Data())
	if want == 0 || !ok {
		return true
	}
	got := h.Len()
	if got == 0 {
		got = b.Len()
	}
	return got >= min(want, b.Len())
}

// fail gives the socket that sent a packet the ICMP error about it: b is at the
// IP header of that packet (__udp4_lib_err).
func (p *proto) fail(c *kern.CPU, b *skb.Buff, e inet.ICMPErr) {
	ip, ok := wire.AsIPv4(b.Data())
	if !ok {
		return
	}
	n := ip.IHL()
	h, ok := wire.AsUDP(b.Data()[min(n, b.HeadLen()):])
	if !ok {
		mib.Inc(c, p.n, mib.ICMPInErrors)
		return
	}
	key := ends{saddr: ip.Daddr(), daddr: ip.Saddr(), sport: h.Dest(), dport: h.Source(), dif: int(b.Iif), sdif: int(b.IP.Sdif)}
	s := p.lookup(c, key, nil)
	if s == nil {
		mib.Inc(c, p.n, mib.ICMPInErrors)
		return
	}
	if f := p.inet.IP.Learn; f != nil && (e.Type != wire.ICMPDestUnreach || s.PMTUDisc() < uapi.IP_PMTUDISC_INTERFACE) { // ip_sk_accept_pmtu
		f(c, p.n, b, e)
		s.CacheRoute(nil) // it may have another MTU or gateway now
	}
	if f := s.encapErr.Load(); f != nil {
		(*f)(c, s, b, e)
		return
	}
	dst := inet.Addr{IP: ip.Daddr(), Port: h.Dest()}
	b.Pull(n + headerLen)
	s.DatagramError(c, b, e, dst)
	b.Push(n + headerLen)
}

var _ sock.Socket = (*Sock)(nil)

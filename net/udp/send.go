package udp

import (
	"encoding/binary"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// maxSegments is UDP_MAX_SEGMENTS: parts of one send with UDP_SEGMENT.
const maxSegments = 128

// cork is a datagram under construction: UDP_CORK or MSG_MORE.
type cork struct {
	on   bool // UDP_CORK
	busy bool // bytes, or an empty send, are pending
	data []byte
	ck   inet.Cookie
	to   inet.Addr
	name bool   // to came with the send
	zc   uint32 // sends with MSG_ZEROCOPY
}

func (k *cork) clear() { *k = cork{on: k.on, data: k.data[:0]} }

// Sendmsg implements sock.Socket.
func (s *Sock) Sendmsg(who *sock.Caller, m *sock.Msg) (int, error) {
	if len(m.Data) > 65535 || len(m.Data) > maxPayload && s.PendingError() != 0 {
		return 0, errno.EMSGSIZE // before a pending error
	}
	if m.Flags&uapi.MSG_OOB != 0 {
		return 0, errno.EOPNOTSUPP
	}
	if err := s.ready(); err != nil {
		return 0, err
	}
	if m.Flags&uapi.MSG_MORE != 0 || s.corking.Load() {
		return s.sendCorked(who, m)
	}
	to, connected, err := s.Dest(m.Name, false)
	if err != nil {
		return 0, err
	}
	ck := s.NewCookie()
	ck.GSOSize = uint16(s.gsoSize.Load())
	ck.SetFlags(m.Flags)
	if len(m.Control) > 0 {
		if err := ck.Parse(&s.Sock, who, m.Control, true); err != nil {
			return 0, err
		}
		connected = false
	}
	if err := s.transmit(m.Data, &ck, to, connected, m.Flags); err != nil {
		return 0, err
	}
	if s.WantsZerocopy(m.Flags) {
		s.CompleteZerocopy(1)
	}
	return len(m.Data), nil
}

// ready gives the socket a port.
func (s *Sock) ready() error {
	if s.Num.Load() != 0 {
		return nil
	}
	s.Lock()
	defer s.Unlock()
	return s.autobind()
}

// sendCorked adds to the pending datagram and sends it when this part is the
// last.
func (s *Sock) sendCorked(who *sock.Caller, m *sock.Msg) (int, error) {
	s.Lock()
	defer s.Unlock()
	k := &s.cork
	if !k.busy {
		to, connected, err := s.Dest(m.Name, false)
		if err != nil {
			return 0, err
		}
		k.ck, k.to, k.name = s.NewCookie(), to, !connected
		k.ck.GSOSize = uint16(s.gsoSize.Load())
		if err := k.ck.Parse(&s.Sock, who, m.Control, true); err != nil {
			return 0, err
		}
		if err := s.begin(&k.ck); err != nil {
			return 0, err
		}
		k.busy = true
		k.ck.Cork(&s.Sock)
		s.corking.Store(true)
	}
	if len(k.data)+len(m.Data) > maxPayload {
		return 0, errno.EMSGSIZE
	}
	k.data = append(k.data, m.Data...)
	k.ck.SetFlags(m.Flags)
	if s.WantsZerocopy(m.Flags) {
		k.zc++
	}
	if k.on || m.Flags&uapi.MSG_MORE != 0 {
		return len(m.Data), nil
	}
	if err := s.push(m.Flags); err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

// begin admits a datagram under construction.
func (s *Sock) begin(ck *inet.Cookie) error {
	c := s.Net().Kernel().Enter(kern.Any)
	err := s.Admit(c, ck)
	c.Exit()
	return err
}

// push sends the pending datagram (udp_push_pending_frames). The caller owns s.
func (s *Sock) push(flags int) error {
	k := &s.cork
	err := s.transmit(k.data, &k.ck, k.to, !k.name, flags)
	s.CompleteZerocopy(k.zc)
	k.clear()
	s.corking.Store(k.on)
	return err
}

// setCork is UDP_CORK; taking it off sends what is pending.
func (s *Sock) setCork(_ *sock.Caller, on bool) error {
	s.Lock()
	defer s.Unlock()
	s.cork.on = on
	if on {
		s.corking.Store(true)
		return nil
	}
	s.corking.Store(false)
	if s.cork.busy {
		s.push(0) // its error is nobody's
	}
	return nil
}

// transmit sends one datagram.
func (s *Sock) transmit(data []byte, ck *inet.Cookie, to inet.Addr, connected bool, flags int) error {
	if flags&uapi.MSG_DONTROUTE != 0 {
		connected = false
	}
	switch {
	case connected:
	case inet.IsMulticast(to.IP):
		s.Multicast(ck)
	default:
		s.UnicastIF(ck)
	}
	k := s.Net().Kernel()
	var block *skb.Block
	if len(data)+headerLen > skb.Inline { // copied while on no CPU
		block = skb.NewBlock(k)
		copy(block.Data(), data)
	}
	c := k.Enter(kern.Any)
	err := s.output(c, data, block, ck, to, connected)
	c.Exit()
	return err
}

// output is transmit on a CPU.
func (s *Sock) output(c *kern.CPU, data []byte, block *skb.Block, ck *inet.Cookie, to inet.Addr, connected bool) error {
	rt, saddr, daddr, err := s.way(c, ck, to, connected)
	if err == nil {
		if ck.Confirm {
			s.Confirm(c, rt, daddr)
		}
		if !ck.Probe {
			err = s.fits(c, rt, len(data), ck, to)
		}
		if err == nil && !ck.Probe && !ck.Corked {
			err = s.Admit(c, ck)
		}
	}
	if err != nil || ck.Probe {
		if block != nil {
			block.Release()
		}
		if err == errno.ENOBUFS || err == errno.EAGAIN && ck.DontWait {
			s.p.count(c, s.p.ids.sndbuf)
		}
		return err
	}
	b := build(c, data, block)
	s.finish(c, b, rt, saddr, daddr, to.Port, ck)
	s.Prepare(c, b, ck)
	s.ChargeSend(b)
	err = s.Inet().IP.Send(c, b, rt, s.HeaderFor(ck, rt, saddr, daddr, s.p.number))
	if err == errno.ENOBUFS && !s.Is(inet.RecvErr) {
		s.p.count(c, s.p.ids.sndbuf)
		err = nil
	}
	if err == nil {
		s.p.count(c, s.p.ids.out)
	}
	return err
}

// way returns route and addresses: a connected socket keeps its route.
func (s *Sock) way(c *kern.CPU, ck *inet.Cookie, to inet.Addr, connected bool) (rt *ipv4.Route, saddr, daddr uint32, err error) {
	if connected {
		if rt = s.CachedRoute(c.Now()); rt != nil {
			return rt, s.Saddr.Load(), to.IP, nil
		}
	}
	rt, saddr, daddr, err = s.Route(c, ck, to.IP, uint16(s.Num.Load()), to.Port)
	if err == nil && connected {
		s.CacheRoute(rt)
	}
	return rt, saddr, daddr, err
}

// fits refuses what is too long: for a datagram, for a path that may not be
// fragmented, or for UDP_SEGMENT's rules (udp_send_skb).
func (s *Sock) fits(c *kern.CPU, rt *ipv4.Route, n int, ck *inet.Cookie, to inet.Addr) error {
	header := 20 + ck.Options.Len() + headerLen
	if n+header > 65535 {
		s.LocalError(c, errno.EMSGSIZE, to.IP, uint32(s.PathLimit(rt)))
		return errno.EMSGSIZE
	}
	limit := s.PathLimit(rt)
	if gso := int(ck.GSOSize); gso != 0 {
		switch {
		case header+min(gso, n) > limit, n > gso*maxSegments, s.Has(sock.FlagNoCheck):
			return errno.EINVAL
		case s.p.lite:
			return errno.EIO
		}
		return nil
	}
	if n+header > limit && !s.MayFragment() {
		s.LocalError(c, errno.EMSGSIZE, to.IP, uint32(limit))
		return errno.EMSGSIZE
	}
	return nil
}

// build makes a packet of the payload with room for the UDP header, which is
// its first bytes. The caller's hold on block goes to the packet.
func build(c *kern.CPU, data []byte, block *skb.Block) *skb.Buff {
	if block == nil {
		b := skb.Alloc(c, headerLen+len(data))
		b.Put(headerLen)
		b.Append(data)
		b.TrueSize = trueSize(len(data))
		return b
	}
	b := skb.Alloc(c, headerLen)
	b.Put(headerLen)
	b.AddFrag(skb.Frag{Block: block, Len: uint32(len(data))})
	b.TrueSize = trueSize(len(data))
	return b
}

// What the kernel allocates in front of a datagram's payload, and the longest
// one that it keeps in one piece, in bytes.
const (
	headRoom  = 16 + 15 + 20 + headerLen // link header, alignment, IP, UDP
	maxLinear = 16384 - 320              // SKB_MAX_ALLOC
)

// trueSize is what the kernel charges for a datagram of n bytes: one piece of
// memory, or headers with pages behind them (__ip_append_data).
func trueSize(n int) int32 {
	if n+headRoom < maxLinear {
		return skb.TrueSize(n + headRoom)
	}
	return skb.TrueSize(headRoom) + int32(n)
}

// finish writes the UDP header and its checksum. Like a device with checksum
// offload it leaves the sum to whoever needs it, unless IP will cut the
// datagram, or it came in parts.
func (s *Sock) finish(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, saddr, daddr uint32, dport uint16, ck *inet.Cookie) {
	n := b.Len()
	b.SetTransportHeader(0)
	h := b.Data()[:headerLen]
	binary.BigEndian.PutUint16(h, uint16(s.Num.Load()))
	binary.BigEndian.PutUint16(h[2:], dport)
	binary.BigEndian.PutUint16(h[4:], uint16(n))
	binary.BigEndian.PutUint16(h[6:], 0)
	if ck.Options != nil && ck.Options.FirstHop != 0 {
		daddr = ck.Options.FirstHop // as Linux has it; TCP's sum is of the final destination
	}
	if s.p.lite {
		s.finishLite(b, h, saddr, daddr)
		return
	}
	if s.Has(sock.FlagNoCheck) {
		b.CsumState = skb.CsumNone
		return
	}
	gso := int(ck.GSOSize)
	cut := gso != 0 && n-headerLen > gso
	if cut {
		b.GSOSize, b.GSOType = ck.GSOSize, skb.GSOUDPL4
		b.GSOSegs = uint16((n - headerLen + gso - 1) / gso)
	}
	pseudo := csum.Pseudo4(saddr, daddr, s.p.number, n)
	if !cut && (ck.Corked || n+20+ck.Options.Len() > s.Inet().IP.MTU(rt)) {
		binary.BigEndian.PutUint16(h[6:], nonzero(csum.Fold(b.Checksum(0, n, pseudo))))
		return
	}
	binary.BigEndian.PutUint16(h[6:], csum.Fold16(pseudo))
	b.SetPartialCsum(0, 6)
}

// finishLite writes UDP-Lite's coverage and checksum, which it always has.
func (s *Sock) finishLite(b *skb.Buff, h []byte, saddr, daddr uint32) {
	n := b.Len()
	covered := int(s.sendCov.Load())
	if covered == 0 || covered >= n {
		covered = n
		binary.BigEndian.PutUint16(h[4:], 0)
	} else {
		binary.BigEndian.PutUint16(h[4:], uint16(covered))
	}
	pseudo := csum.Pseudo4(saddr, daddr, s.p.number, n)
	binary.BigEndian.PutUint16(h[6:], nonzero(csum.Fold(b.Checksum(0, covered, pseudo))))
}

// nonzero sends the sum 0 as ffff: 0 means that there is none (RFC 768).
func nonzero(sum uint16) uint16 {
	if sum == 0 {
		return 0xffff
	}
	return sum
}

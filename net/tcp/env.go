package tcp

import (
	"math/bits"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// env is what a connection's machine sees of the stack: tcb.Env. c is the CPU
// of the call under way.
type env struct {
	s     *Sock
	c     *kern.CPU
	ratio int // payload bytes of 256 bytes of truesize (tp->scaling_ratio)
}

// emitRoom is what a segment's head holds: header, options, small payload.
const emitRoom = wire.TCPHdrLenMax + maxInline

// Emit implements tcb.Env (__tcp_transmit_skb).
func (e *env) Emit(o tcb.Out) {
	if e.s.tune.Signed && o.Len > o.MSS {
		e.emitParts(&o)
		return
	}
	e.emitOne(&o)
}

// emitOne builds the packet and sends it.
func (e *env) emitOne(o *tcb.Out) {
	s, c := e.s, e.c
	rt := s.route(c)
	if rt == nil {
		return
	}
	b := skb.Alloc(c, emitRoom)
	hlen := wire.TCPHdrLen + o.OptLen
	h := (*wire.TCPHdr)(b.Put(hlen))
	copy(b.Data()[wire.TCPHdrLen:], o.Opt[:o.OptLen])
	h.SetSource(uint16(s.Num.Load()))
	h.SetDest(uint16(s.Dport.Load()))
	h.SetSeq(o.Seq)
	h.SetAckSeq(o.Ack)
	h.SetDataOffFlags(hlen, o.Flags)
	h.SetWindow(o.Window)
	h.SetUrgPtr(o.Urg)
	first := o.Seq
	if o.Flags&tcb.Syn != 0 {
		first++
	}
	if o.Len > 0 && !s.tx.fill(b, first, o.Len) {
		b.Drop(c, s.st.n, skb.ReasonNotSpecified)
		return
	}
	if s.tune.Signed {
		if k := s.keyFor(s.Daddr.Load()); k != nil {
			s.st.sign(b, s.Saddr.Load(), s.Daddr.Load(), k)
		}
	}
	tos := s.TOS() &^ 3
	if o.ECT {
		tos |= 2
	}
	s.xmit(c, b, rt, tos, o.MSS, o.Len)
}

// xmit gives a segment to IPv4; more than mss of payload is a super-segment.
func (s *Sock) xmit(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, tos uint8, mss, n int) {
	h := (*wire.TCPHdr)(b.Data())
	saddr, daddr := s.Saddr.Load(), s.Daddr.Load()
	h.SetCheck(csum.Fold16(csum.Pseudo4(saddr, daddr, uapi.IPPROTO_TCP, b.Len())))
	b.SetPartialCsum(0, 16)
	send := ipv4.Send{
		Route: rt, Src: saddr, Dst: daddr, Proto: uapi.IPPROTO_TCP, TOS: tos, TTL: ipv4.DefaultTTL,
		PMTU: uint8(s.PMTUDisc()), Mark: s.Mark.Load(), Priority: s.Priority.Load(), ID: &s.IPID,
	}
	send.Options = s.IPOptions()
	if send.PMTU == uapi.IP_PMTUDISC_PROBE { // only datagrams have DF then (ip_dont_fragment)
		send.PMTU = uapi.IP_PMTUDISC_INTERFACE
	}
	if t := s.TTL(); t != 0 {
		send.TTL = int(t)
	}
	segs := uint64(1)
	if mss > 0 && n > mss {
		b.GSOSize, b.GSOType = uint16(mss), skb.GSOTCPv4
		b.GSOSegs = uint16((n + mss - 1) / mss)
		send.GSOSize = b.GSOSize
		segs = uint64(b.GSOSegs)
		s.IPID.Add(uint32(segs - 1))
	}
	b.Sock = sock.Socket(s)
	if n > 0 || h.Flags()&(wire.TCPSyn|wire.TCPFin) != 0 {
		s.chargeSend(b, n) // acknowledgements cost the kernel 2 bytes: nothing here
	}
	s.st.mib.Add(c, mib.TCPOutSegs, segs)
	send.Xmit(c, b) // a loss here is one as on the way
}

// route returns the connection's route, looked up again when it is stale; nil
// when there is none.
func (s *Sock) route(c *kern.CPU) *ipv4.Route {
	if rt := s.CachedRoute(c.Now()); rt != nil {
		return rt
	}
	ck := s.NewCookie()
	rt, _, _, err := s.Route(c, &ck, s.Daddr.Load(), uint16(s.Num.Load()), uint16(s.Dport.Load()))
	if err != nil {
		if e, ok := err.(errno.Errno); ok {
			s.SetSoftError(e)
		}
		return nil
	}
	s.CacheRoute(rt)
	return rt
}

// Deliver implements tcb.Env.
func (e *env) Deliver(p any, skip, n int) {
	b, s := p.(*skb.Buff), e.s
	if b.Owner() == nil {
		s.charge(e.c, b)
	}
	if seq, ok := s.conn.UrgentSeq(); ok && s.urgent.Load() == 1 {
		// RcvNxt is not moved yet or behind these bytes: count from the reader.
		off := int(int32(seq-s.conn.Copied())) - int(s.rxReady.Load())
		if off >= 0 && off < n {
			var v [1]byte
			b.CopyOut(skip+off, v[:])
			s.oob = v[0]
			s.urgent.Store(2)
			s.events |= uapi.POLLPRI
		}
	}
	if !s.coalesce(e.c, b, skip, n) {
		s.rx.push(b, skip, n)
	}
	if s.rxReady.Add(int64(n)) >= int64(s.RcvLowat()) {
		s.events |= uapi.POLLIN | uapi.POLLRDNORM
	}
}

func (s *Sock) charge(c *kern.CPU, b *skb.Buff) {
	b.Dst = nil
	s.ChargeRecv(c, b)
}

// Keep implements tcb.Env.
func (e *env) Keep(p any) {
	if b := p.(*skb.Buff); b.Owner() == nil {
		e.s.charge(e.c, b)
	}
}

// Room implements tcb.Env (tcp_try_rmem_schedule).
func (e *env) Room(any) bool {
	used := e.s.RmemAlloc()
	return used <= e.s.RcvBuf() && e.s.mayGrow(used, e.s.st.sys.rmem.Load(0))
}

// Discard implements tcb.Env.
func (e *env) Discard(p any, r tcb.Reason) {
	b := p.(*skb.Buff)
	c := e.c
	if c == nil {
		b.Consume(nil)
		return
	}
	if r == tcb.OK {
		b.Consume(c)
		return
	}
	b.Drop(c, e.s.st.n, reasonOf[r])
}

// defaultRatio is TCP_DEFAULT_SCALING_RATIO: half of memory is payload.
const defaultRatio = 128

func (e *env) scale() int64 {
	if e.ratio == 0 {
		return defaultRatio
	}
	return int64(e.ratio)
}

// window is the bytes of window in so much memory (tcp_win_from_space);
// forWindow the memory for so much window.
func (e *env) window(space int64) int64  { return space * e.scale() >> 8 }
func (e *env) forWindow(win int64) int64 { return win << 8 / e.scale() }

// Space implements tcb.Env (tcp_space, tcp_full_space).
func (e *env) Space() (free, full int) {
	s := e.s
	buf := s.RcvBuf()
	return int(e.window(buf - s.RmemAlloc())), int(e.window(buf))
}

// measure learns how much of a packet's memory is payload.
func (e *env) measure(b *skb.Buff, n int) {
	if n >= 512 && b.TrueSize > 0 {
		e.ratio = max(min(n<<8/int(b.TrueSize), 255), 1)
	}
}

// Count implements tcb.Env.
func (e *env) Count(st tcb.Stat, n int) {
	if e.c != nil {
		e.s.st.mib.Add(e.c, statIDs[st], uint64(n))
	}
}

// Failed implements tcb.Env (tcp_done with an error).
func (e *env) Failed(x errno.Errno) {
	s := e.s
	if x == errno.ETIMEDOUT {
		if soft := s.SoftError(); soft != 0 {
			x = soft
		}
	}
	if !s.closed {
		s.SetError(e.c, x)
	}
	s.events |= uapi.POLLERR | uapi.POLLHUP | uapi.POLLIN | uapi.POLLOUT
}

// Changed implements tcb.Env.
func (e *env) Changed(old uint8) {
	s := e.s
	now := s.conn.State
	s.SetState(uint32(now))
	if s.fast.unlearnt || s.fast.from != nil {
		s.fastChanged(s.st.n.Kernel().Now(), old, now)
	}
	up := func(v uint8) bool { return v == uapi.TCP_ESTABLISHED || v == uapi.TCP_CLOSE_WAIT }
	if up(now) != up(old) && e.c != nil {
		delta := uint64(1)
		if up(old) {
			delta = ^uint64(0)
		}
		s.st.mib.Add(e.c, mib.TCPCurrEstab, delta)
	}
	if e.c != nil && (now == uapi.TCP_TIME_WAIT || now == uapi.TCP_CLOSE && old == uapi.TCP_LAST_ACK) {
		s.remember(e.c.Now())
	}
	switch now {
	case uapi.TCP_ESTABLISHED:
		s.events |= uapi.POLLOUT | uapi.POLLWRNORM
		s.startBuffers()
	case uapi.TCP_CLOSE_WAIT:
		s.SetShut(sock.RcvShutdown)
		s.events |= uapi.POLLIN | uapi.POLLRDNORM | uapi.POLLRDHUP
	case uapi.TCP_CLOSING, uapi.TCP_TIME_WAIT:
		s.SetShut(sock.ShutdownMask)
		s.events |= uapi.POLLIN | uapi.POLLRDNORM | uapi.POLLRDHUP | uapi.POLLHUP
	case uapi.TCP_CLOSE:
		s.SetShut(sock.ShutdownMask)
		s.events |= uapi.POLLIN | uapi.POLLRDNORM | uapi.POLLRDHUP | uapi.POLLHUP | uapi.POLLOUT
	}
}

// startBuffers sizes the send buffer for the first window
// (tcp_init_buffer_space).
func (s *Sock) startBuffers() { s.growSend() }

// growSend makes the send buffer hold two windows (tcp_sndbuf_expand).
func (s *Sock) growSend() {
	if s.Has(sock.FlagSndBufLock) {
		return
	}
	// A power of two of the kernel's memory (headers, skb_shared_info), and its
	// sk_buff: programs see the sum.
	per := int64(1)<<bits.Len(uint(s.conn.LargestMSS()+320+320-1)) + 256
	want := min(s.conn.SendWindows()*int64(s.conn.Cwnd())*per, s.st.sys.wmem.Load(2))
	if want > s.SndBuf() {
		s.SetSndBuf(want)
	}
}

// Urgent implements tcb.Env.
func (e *env) Urgent() {
	e.s.urgent.Store(1)
	e.s.noteUrgent()
	e.s.events |= uapi.POLLPRI
	e.s.SignalUrgent()
}

// Learned implements tcb.Env: the way works.
func (e *env) Learned() {
	if e.s.noSpace.Load() {
		e.s.growSend()
	}
}

// Suspect implements tcb.Env: the route is looked up again.
func (e *env) Suspect() { e.s.CacheRoute(nil) }

// path describes a route to the machine.
func (s *Sock) path(rt *ipv4.Route) tcb.Path {
	mtu := s.Inet().IP.MTU(rt)
	if s.PMTUDisc() >= uapi.IP_PMTUDISC_PROBE {
		mtu = rt.Dev.MTU()
	}
	p := tcb.Path{MSS: mtu - 40, IPOpt: s.IPOptions().Len(), AdvMSS: rt.AdvMSS(), GSOMax: min(rt.Dev.GSOMaxSize(), 65536)}
	if s.tune.Signed {
		p.GSOMax = 0 // each packet has a signature of its own
	}
	routeMetrics(&p, rt)
	return p
}

// ownError reports whether the socket hears of soft errors at once.
func (s *Sock) ownError() bool { return s.Is(inet.RecvErr) }

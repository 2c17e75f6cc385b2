package tcb

import (
	"time"

	"linen/lib/ktime"
	"linen/uapi"
	"linen/uapi/errno"
)

// An Opening says how a connection begins.
type Opening struct {
	ISS      uint32
	TSOffset uint32
	Path     Path
	Space    int // bytes of window that the receive buffer gives
	ECN      bool
	Fast     *FastOpen // nil: a plain SYN
}

// Connect sends the SYN (tcp_connect).
func (c *Conn) Connect(now ktime.T, o Opening) {
	c.now = now
	s, r := &c.send, &c.recv
	s.iss, s.una, s.nxt, s.write = o.ISS, o.ISS, o.ISS, o.ISS+1
	s.pushed, s.small = s.write, o.ISS
	s.up = o.ISS
	c.stamp.offset = o.TSOffset
	c.setPath(o.Path)
	c.tsOK = c.set.Timestamps && !c.keep.t.Signed // there is no room for both
	c.sackOK = c.set.SACK
	c.wsOK = c.set.WindowScaling
	c.recv.advMSS = c.advMSS()
	clamp := c.keep.t.WindowClamp
	if clamp == 0 {
		clamp = o.Path.Window
	}
	w, limit, shift := InitialWindow(o.Space, clamp, r.advMSS, c.wsOK, c.set.SignedWindows, c.set.RmemMax)
	w = o.Path.InitialWindow(w, r.advMSS)
	r.wnd, r.clamp, r.ssthresh, c.rcvWS = uint32(w), uint32(limit), uint32(w), shift
	c.synWS = shift
	c.rtt.rto = initialRTO
	c.ecnOK = o.ECN
	c.setState(uapi.TCP_SYN_SENT)
	seg := txSeg{seq: o.ISS, end: o.ISS + 1, flags: Syn, packets: 1}
	if o.ECN {
		seg.flags |= Ece | Cwr
	}
	s.retransStamp = now
	s.nxt++
	s.packets = 1
	c.stampRate(&seg)
	c.fast = o.Fast
	if c.fast != nil {
		s.write += uint32(c.fast.Queued)
		s.pushed = s.write
	}
	if c.fast != nil && c.fast.Data > 0 {
		c.sendFastSyn(seg)
	} else {
		c.emitSeg(&seg, 0, false)
		s.q.push(seg)
	}
	c.armRTO(timerRTO, c.rtt.rto)
}

func (c *Conn) setPath(p Path) {
	c.send.path = p.keep()
	c.initialCwnd()
	if m := c.keep.t.UserMSS; m > 0 {
		c.send.clamp = m
	}
	c.syncMSS()
}

func (c *Conn) initialCwnd() {
	c.ca.cwnd = initCwnd
	if n := c.send.path.initCwnd; n > 0 {
		c.ca.cwnd = uint32(n)
	}
	c.clampCwnd()
}

// SetPath tells of a changed path MTU or route (tcp_sync_mss); with resend, what
// is too long now is sent again (tcp_simple_retransmit).
func (c *Conn) SetPath(now ktime.T, p Path, resend bool) {
	c.now = now
	old := c.send.mss
	c.send.path = p.keep()
	c.syncMSS()
	if !resend || c.send.mss >= old || c.State == uapi.TCP_CLOSE || c.State == uapi.TCP_SYN_SENT {
		return
	}
	s := &c.send
	for i := 0; i < s.q.len(); i++ {
		seg := s.q.at(i)
		n := packetsOf(int(seg.end-seg.seq), s.mss)
		if n <= seg.packets || seg.flags&Syn != 0 {
			continue
		}
		if seg.marks&txSacked == 0 {
			c.markLost(seg)
		}
		c.recount(seg.marks, int(n)-int(seg.packets))
		seg.packets = n
	}
	if s.lost == 0 {
		return
	}
	c.lostWithoutCongestion()
}

func (c *Conn) advMSS() int {
	m := int(c.send.path.advMSS)
	if u := c.keep.t.UserMSS; u > 0 {
		m = min(m, u)
	}
	return m
}

// synHeader fills the header of a SYN or SYN-ACK of our own.
func (c *Conn) synHeader(o *Out) {
	w := min(c.recv.wnd, 65535)
	o.Window = uint16(w)
	// In a simultaneous open the SYN-ACK offers what the SYN did, whatever the
	// peer's SYN had.
	so := SynOptions{
		MSS: uint16(c.recv.advMSS), SACK: c.set.SACK, TS: c.set.Timestamps && !c.keep.t.Signed, WS: c.set.WindowScaling, WScale: c.synWS,
		TSVal: c.tsNow(), TSEcr: c.stamp.recent, Signed: c.keep.t.Signed,
	}
	if o.Flags&Ack != 0 {
		o.Ack = c.recv.nxt
		c.recv.wup = c.recv.nxt
	}
	f := c.fast
	if c.passive != nil {
		f = c.passive
		so.SACK, so.TS, so.WS, so.WScale = c.sackOK, c.tsOK, c.wsOK, c.rcvWS
	}
	if f != nil && f.Ask && !o.Retrans {
		so.FastOn, so.FastExp, so.Fast = true, f.Exp, f.Cookie
	}
	o.OptLen = len(so.Append(o.Opt[:0]))
}

// A Request is what a listener learned from a SYN, and answered.
type Request struct {
	Opening
	IRS      uint32
	MSS      int // the peer's, 0 for none
	SndWS    uint8
	RcvWS    uint8
	WS       bool
	TS       bool
	SACK     bool
	ECN      bool
	TSRecent uint32
	Window   int // the first window announced
	Clamp    int
	RTT      int64   // microseconds of the SYN-ACK's round trip, -1: none
	Resent   int     // how often the SYN-ACK was sent again
	Timeouts int     // how often its timer ran out
	Since    ktime.T // when it was sent first
}

// Accept makes the connection of a request; the segment that ends the
// handshake comes next (tcp_create_openreq_child).
func (c *Conn) Accept(now ktime.T, q *Request) {
	c.now = now
	s, r := &c.send, &c.recv
	s.iss = q.ISS
	s.una, s.nxt, s.write = q.ISS+1, q.ISS+1, q.ISS+1
	s.pushed, s.small, s.up = s.write, q.ISS, q.ISS+1
	r.irs = q.IRS
	r.nxt, r.wup, r.copied = q.IRS+1, q.IRS+1, q.IRS+1
	r.up = r.nxt
	c.stamp.offset, c.stamp.recent, c.stamp.recentAt = q.TSOffset, q.TSRecent, now
	c.tsOK, c.sackOK, c.wsOK, c.ecnOK = q.TS, q.SACK, q.WS, q.ECN
	c.sndWS, c.rcvWS = q.SndWS, q.RcvWS
	s.clamp = q.MSS
	if s.clamp == 0 {
		s.clamp = defaultMSS
	}
	if m := c.keep.t.UserMSS; m > 0 {
		s.clamp = min(s.clamp, m)
	}
	c.setPath(q.Path)
	r.advMSS = c.advMSS()
	r.wnd, r.clamp, r.ssthresh = uint32(q.Window), uint32(q.Clamp), uint32(q.Window)
	if !q.WS {
		c.rcvWS = 0
		r.clamp = min(r.clamp, 65535)
	}
	c.fill.SegsIn = 1 // the SYN
	c.setState(uapi.TCP_SYN_RECV)
	if q.RTT >= 0 {
		c.rtt.sample(c, uint32(q.RTT))
		c.rtt.noteMin(c, uint32(max(q.RTT, 1)))
	} else if q.Resent > 0 {
		c.rtt.rto = min(fallbackRTO, c.rtoMax())
	}
	if q.Resent > 0 {
		c.trouble().Retrans = uint32(q.Resent)
	}
	if q.Timeouts > 0 {
		t := c.trouble()
		t.RTOs, t.RTORecoveries, t.RTOTime = uint32(q.Timeouts), 1, millis(now)-millis(q.Since)
	}
	if q.Resent > 1 {
		c.ca.cwnd = 1
	}
}

// established ends the handshake.
func (c *Conn) established(s *Segment) {
	c.transfer(s)
	c.setState(uapi.TCP_ESTABLISHED)
	c.armKeepalive()
}

// transfer begins the transfer (tcp_init_transfer).
func (c *Conn) transfer(s *Segment) {
	c.startProbing()
	r := &c.recv
	c.send.maxWnd = max(c.send.maxWnd, c.send.wnd)
	c.send.wl1 = s.Seq
	c.syncMSS()
	if c.tsOK {
		r.advMSS -= timestampLen
	}
	r.rcvMSS = max(min(r.advMSS, c.send.mss, int(r.wnd/2), defaultMSS), 88)
	r.quick = 0
	r.space = min(r.wnd, initCwnd*uint32(r.advMSS))
	r.spaceAt, r.spaceSeq = c.now, r.copied
	r.lastAt = c.now
	c.send.deliveredAt = c.now
	c.send.delivered++ // the SYN
	c.send.lastAt, c.fill.lastAckAt = c.now, c.now
	c.reserve()
	c.sow()
	c.updatePacing()
	c.ca.alg.start(c)
}

// WindowClamp is the largest window that may be announced, bytes.
func (c *Conn) WindowClamp() int { return int(c.recv.clamp) }

// reserve keeps a part of the buffer out of the window: a segment's worth, or
// what tcp_app_win says, 0 for none (tcp_init_buffer_space).
func (c *Conn) reserve() {
	r := &c.recv
	_, full := c.env.Space()
	clamp := min(int(r.clamp), full)
	if n := c.set.AppWin; n > 0 && clamp == full && full > 4*r.advMSS {
		clamp = max(full-full>>n, 4*r.advMSS)
	}
	if c.set.AppWin > 0 && clamp > 2*r.advMSS && clamp+r.advMSS > full {
		clamp = max(2*r.advMSS, full-r.advMSS)
	}
	r.clamp = uint32(max(clamp, 0))
	r.ssthresh = min(r.ssthresh, r.clamp)
}

// synSent takes a segment in SYN_SENT (RFC 9293 §3.10.7.3). reset asks for a
// RST in answer.
func (c *Conn) synSent(s *Segment) (why Reason, reset bool) {
	if s.Flags&Ack != 0 {
		if !after(s.Ack, c.send.una) || after(s.Ack, c.send.nxt) {
			return BadAck, s.Flags&Rst == 0
		}
		if s.Opt.HasTS && s.Opt.TSEcr != 0 && c.tsOK && int32(c.tsNow()-s.Opt.TSEcr) < 0 {
			return TSEcr, s.Flags&Rst == 0
		}
		if s.Flags&Rst != 0 {
			c.fail(errno.ECONNREFUSED)
			return Reset, false
		}
		if s.Flags&Syn == 0 {
			return BadFlags, false
		}
		c.synAcked(s)
		return OK, false
	}
	if s.Flags&Rst != 0 || s.Flags&Syn == 0 {
		return BadFlags, false
	}
	c.simultaneous(s)
	return OK, false
}

// negotiate settles the options of a connection that we opened.
func (c *Conn) negotiate(s *Segment) {
	c.tsOK = c.tsOK && s.Opt.HasTS
	c.sackOK = c.sackOK && s.Opt.SACKPerm
	c.wsOK = c.wsOK && s.Opt.HasWS
	if c.wsOK {
		c.sndWS = s.Opt.WS
	} else {
		c.sndWS, c.rcvWS = 0, 0
		c.recv.clamp = min(c.recv.clamp, 65535)
	}
	if c.tsOK {
		c.stamp.recent, c.stamp.recentAt = s.Opt.TSVal, c.now
	}
	mss := defaultMSS
	if s.Opt.HasMSS {
		mss = int(s.Opt.MSS)
	}
	if u := c.keep.t.UserMSS; u > 0 {
		mss = min(mss, u)
	}
	c.send.clamp = mss
	r := &c.recv
	r.irs = s.Seq
	r.nxt, r.wup, r.copied, r.up = s.Seq+1, s.Seq+1, s.Seq+1, s.Seq+1
	c.send.wnd = uint32(s.Window)
	c.send.maxWnd = c.send.wnd
	c.send.wl1 = s.Seq
}

// synAcked ends the handshake of the side that opened.
func (c *Conn) synAcked(s *Segment) {
	c.negotiate(s)
	c.ecnOK = c.ecnOK && s.Flags&Ece != 0 && s.Flags&Cwr == 0
	seg, first := c.send.q.at(0), c.send.retransStamp
	resent := seg.marks&txEver != 0
	us := int64(-1)
	if !resent {
		us = int64(c.now-seg.sentAt) / 1000
	}
	c.fill.BytesAcked += uint64(s.Ack - c.send.una)
	c.env.Count(StatDelivered, 1)
	var data txSeg
	fast := c.fast != nil && c.send.q.len() > 1
	if fast {
		data = *c.send.q.at(1)
	}
	if c.fast != nil {
		c.fastLearn(s, resent)
	}
	c.send.una = s.Ack
	c.send.q.clear()
	c.send.packets, c.send.retrans, c.send.lost, c.send.retransmits, c.send.backoff = 0, 0, 0, 0, 0
	c.send.retransStamp = 0
	c.rtx, c.kind = 0, timerNone
	if us < 0 && c.tsOK && s.Opt.TSEcr != 0 {
		us = int64(max(c.tsNow()-s.Opt.TSEcr, 1)) * 1000
	}
	switch {
	case us >= 0:
		c.rtt.sample(c, uint32(us))
		c.rtt.noteMin(c, uint32(max(us, 1)))
	case resent:
		c.rtt.rto = min(fallbackRTO, c.rtoMax())
	}
	spurious := c.tsOK && s.Opt.TSEcr == uint32(first/ktime.T(time.Millisecond))+c.stamp.offset
	c.initialCwnd()
	c.ca.ssthresh = infinite // a SYN that was lost says nothing of the path
	if c.retransmitted() > 1 && !spurious {
		c.ca.cwnd = 1 // RFC 6298 §5.7, RFC 5681 §3.1; Linux forgives the first
	}
	c.established(s)
	if fast && c.fastAnswer(data, s.Ack) {
		return
	}
	if c.send.nxt == c.send.write {
		c.sendAck()
		return
	}
	if c.xmit(c.keep.t.Cork, false, false) {
		c.sendAck()
		c.checkProbe()
	} else if c.send.packets == 0 {
		c.sendAck()
	}
}

// simultaneous answers a SYN in SYN_SENT (RFC 9293 §3.5).
func (c *Conn) simultaneous(s *Segment) {
	c.unsendFast()
	c.negotiate(s)
	c.ecnOK = c.ecnOK && s.Flags&(Ece|Cwr) == Ece|Cwr
	c.setState(uapi.TCP_SYN_RECV)
	c.syncMSS()
	seg := c.send.q.at(0)
	seg.flags = Syn | Ack
	if c.ecnOK {
		seg.flags |= Ece
	}
	c.emitSeg(seg, 0, false)
}

// synRecv takes the acknowledgement of our SYN.
func (c *Conn) synRecv(s *Segment) {
	if c.fastPending() {
		c.fastAccepted(s)
		if after(s.Ack, c.send.una) {
			c.ack(s)
		}
		return
	}
	c.pureAck(s)
	simultaneous := c.send.q.len() > 0
	if simultaneous {
		if seg := c.send.q.at(0); seg.marks&txEver == 0 && s.Ack == seg.end {
			us := uint32((c.now - seg.sentAt) / 1000)
			c.rtt.sample(c, us)
		}
		c.send.q.clear()
		c.send.packets, c.send.retrans, c.send.lost, c.send.retransmits, c.send.backoff = 0, 0, 0, 0, 0
		c.rtx, c.kind = 0, timerNone
	}
	c.send.una = s.Ack
	c.send.retransStamp = 0
	c.send.wnd = uint32(s.Window) << c.sndWS
	c.send.maxWnd = c.send.wnd
	c.established(s)
	if simultaneous {
		c.recv.lastAt = 0 // Linux notes no arrival here: what we send is no answer
	}
}

// synRTO is what tcp_syn_linear_timeouts makes of the SYN's backoff.
func (c *Conn) synRTO() time.Duration {
	if c.send.retransmits <= uint32(c.set.SynLinear) {
		return initialRTO
	}
	return min(initialRTO<<min(c.send.retransmits-uint32(c.set.SynLinear), 20), c.rtoMax())
}

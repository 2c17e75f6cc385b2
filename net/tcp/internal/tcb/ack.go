package tcb

import (
	"time"

	"linen/lib/ktime"
	"linen/uapi"
)

// What an acknowledgement brought.
const (
	flagAdvanced   = 1 << iota // it moved una
	flagAcked                  // it acknowledged data
	flagSynAcked               //
	flagRetrans                // of a retransmitted segment
	flagNotRetrans             // of one sent once
	flagSacked                 // new SACK information
	flagOrigSacked             // of a segment sent once
	flagWindow                 // the window changed
	flagData                   // the segment has payload
	flagECE
	flagDSACK
	flagDSACKTLP
	flagLostRetrans
	flagMaybeDelayed // of a lone small segment: the peer may have waited
	flagNotDup       = flagData | flagWindow | flagAcked
)

// An ackWork is what one acknowledgement does.
type ackWork struct {
	seg       *Segment
	flag      int
	priorUna  uint32
	priorFack uint32
	delivered uint64 // before
	lost      uint32
	inFlight  uint32 // before
	rate      rateSample
	firstAt   ktime.T // when the oldest segment acknowledged that was sent once was sent
	lastAt    ktime.T // the newest
	sackAt    ktime.T // the newest that SACK covers
	reord     uint32  // lowest number that was overtaken
	acked     uint32  // packets newly acknowledged
	rttOK     bool
	caRTT     int64 // microseconds, or -1
}

// ack takes the acknowledgement of a segment (tcp_ack).
func (c *Conn) ack(s *Segment) Reason {
	d := &c.send
	if before(s.Ack, d.una) {
		return c.oldAck(s)
	}
	if after(s.Ack, d.nxt) {
		c.challenge(StatChallengeACK)
		return AckUnsent
	}
	w := ackWork{seg: s, priorUna: d.una, priorFack: c.sackHigh(), delivered: d.delivered, inFlight: c.inFlight(), reord: d.nxt, caRTT: -1}
	lostBefore := c.rec.lostTotal
	if after(s.Ack, d.una) {
		w.flag |= flagAdvanced
		d.retransmits = 0
	}
	c.replaceTS(s)
	c.fill.lastEcr = s.Opt.TSEcr
	c.note(s, &w)
	d.probes = 0
	c.keep.probes = 0
	c.recvAlive()
	if d.packets == 0 {
		c.ackProbe()
		if d.q.len() == 0 && c.rec.tlpHigh != 0 {
			c.ackTLP(&w)
		}
		return OK
	}
	c.cleanQueue(&w)
	c.rackUpdate(&w)
	if c.rec.tlpHigh != 0 {
		c.ackTLP(&w)
	}
	if d := c.ca.dctcp(); d != nil {
		d.onAck(c)
	}
	rexmit := c.judge(&w)
	w.lost = c.rec.lostTotal - lostBefore
	if w.flag&flagAdvanced != 0 || w.flag&flagNotDup == 0 || d.packets == 0 {
		c.env.Learned()
	}
	c.rateDone(&w)
	c.control(&w)
	c.chronoIdle()
	switch rexmit {
	case rexmitLost:
		c.retransmitQueue()
	case rexmitNew:
		c.xmit(false, true, false)
	}
	return OK
}

// note reads what a segment says besides its number: window, SACK, ECN.
func (c *Conn) note(s *Segment, w *ackWork) {
	if c.pureAck(s); s.end() != s.Seq {
		w.flag |= flagData
	}
	if c.ecnOK && s.Flags&Ece != 0 && s.Flags&Syn == 0 {
		w.flag |= flagECE
	}
	c.windowUpdate(s, w)
	if s.Opt.NumSACK > 0 && c.sackOK {
		c.tagSack(w)
	}
}

// pureAck counts a segment that takes no room in the sequence.
func (c *Conn) pureAck(s *Segment) {
	if s.end() == s.Seq {
		c.env.Count(StatPureAcks, 1)
	}
}

// recvAlive puts the keepalive timer off.
func (c *Conn) recvAlive() { c.fill.lastAckAt = c.now }

// oldAck is an acknowledgement before una: its SACK blocks may be of use; one
// from far behind is suspect (RFC 5961 §5).
func (c *Conn) oldAck(s *Segment) Reason {
	d := &c.send
	if before(s.Ack, d.una-uint32(min(uint64(d.maxWnd), c.fill.BytesAcked))) {
		c.challenge(StatChallengeACK)
		return TooOldAck
	}
	if s.Opt.NumSACK > 0 && c.sackOK && d.packets > 0 {
		w := ackWork{seg: s, priorUna: d.una, priorFack: c.sackHigh(), delivered: d.delivered, inFlight: c.inFlight(), reord: d.nxt, caRTT: -1}
		c.tagSack(&w)
		c.rackUpdate(&w)
		rexmit := c.judge(&w)
		if rexmit == rexmitLost {
			c.retransmitQueue()
		}
	}
	return OK // its data may be good
}

// replaceTS keeps the peer's timestamp to echo (RFC 7323 §4.3).
func (c *Conn) replaceTS(s *Segment) {
	if !c.tsOK || !s.Opt.HasTS || after(s.Seq, c.recv.wup) {
		return
	}
	if int32(s.Opt.TSVal-c.stamp.recent) >= 0 || c.stamp.recent == 0 ||
		c.now-c.stamp.recentAt >= ktime.T(24*24*time.Hour) {
		c.stamp.recent, c.stamp.recentAt = s.Opt.TSVal, c.now
	}
}

// windowUpdate takes the peer's window (RFC 9293 §3.10.7.4).
func (c *Conn) windowUpdate(s *Segment, w *ackWork) {
	d := &c.send
	wnd := uint32(s.Window) << c.sndWS
	if after(s.Ack, d.una) || after(s.Seq, d.wl1) || s.Seq == d.wl1 && (wnd > d.wnd || wnd == 0) {
		d.wl1 = s.Seq
		if wnd != d.wnd {
			w.flag |= flagWindow
			d.wnd = wnd
			if wnd > d.maxWnd {
				d.maxWnd = wnd
				c.syncMSS()
			}
		}
	}
	if after(s.Ack, d.una) {
		c.fill.BytesAcked += uint64(s.Ack - d.una)
		d.una = s.Ack
	}
}

// ackProbe is an acknowledgement when nothing is in flight: a window may have
// opened.
func (c *Conn) ackProbe() {
	d := &c.send
	if d.nxt == d.write {
		return
	}
	if d.write-d.nxt > 0 && !after(d.nxt+uint32(min(int(d.write-d.nxt), c.curMSS())), c.windowEnd()) {
		d.backoff, d.probeStart = 0, 0
		if c.kind == timerProbe {
			c.rtx, c.kind = 0, timerNone
		}
	} else {
		c.armRTO(timerProbe, c.probeTime())
	}
}

// cleanQueue takes what is acknowledged off the queue (tcp_clean_rtx_queue).
func (c *Conn) cleanQueue(w *ackWork) {
	d := &c.send
	for d.q.len() > 0 {
		seg := d.q.at(0)
		if after(seg.end, d.una) {
			if !after(d.una, seg.seq) || seg.packets <= 1 {
				break
			}
			mss := uint32(max(d.mss, 1))
			cut := seg.seq + (d.una-seg.seq)/mss*mss // whole packets only
			if cut == seg.seq || !before(cut, seg.end) {
				break
			}
			c.split(0, cut)
			continue
		}
		c.ackSegment(seg, w)
		d.q.pop()
	}
	if w.flag&flagAcked == 0 && w.flag&flagSacked == 0 {
		return
	}
	c.measure(w)
	if w.flag&flagAcked != 0 {
		c.probeAcked()
		if after(d.una, d.up) {
			d.urg = false
		}
		c.rearmRTO()
		if !c.sackOK {
			if w.flag&flagRetrans != 0 { // it says nothing of the segments that were sent once
				w.flag &^= flagOrigSacked
			}
			c.renoAcked(w)
		} else if w.reord != d.nxt {
			c.noteReordering(w.reord, w.priorFack)
		}
	}
}

// ackSegment is one segment acknowledged in full.
func (c *Conn) ackSegment(seg *txSeg, w *ackWork) {
	d := &c.send
	n := uint32(seg.packets)
	switch {
	case seg.marks&txEver != 0:
		if seg.marks&txRetrans != 0 {
			d.retrans -= min(n, d.retrans)
		}
		w.flag |= flagRetrans
	case seg.marks&txSacked == 0:
		if w.firstAt == 0 {
			w.firstAt = seg.sentAt
		}
		w.lastAt = seg.sentAt
		if before(seg.seq, w.reord) {
			w.reord = seg.seq
		}
		if !after(seg.end, c.rec.highSeq) {
			w.flag |= flagOrigSacked
		}
		w.flag |= flagNotRetrans
	}
	if seg.marks&txSacked != 0 {
		d.sacked -= min(n, d.sacked)
	} else {
		c.deliver(int(n), w)
		c.rackAdvance(seg)
		c.rateSkb(seg, w)
	}
	if seg.marks&txLost != 0 {
		d.lost -= min(n, d.lost)
	}
	d.packets -= min(n, d.packets)
	w.acked += n
	if seg.flags&Syn == 0 {
		w.flag |= flagAcked
	} else {
		w.flag |= flagSynAcked
		d.retransStamp = 0
	}
}

// deliver counts packets that the peer has.
func (c *Conn) deliver(n int, w *ackWork) {
	c.send.delivered += uint64(n)
	c.env.Count(StatDelivered, n)
	if w.flag&flagECE != 0 {
		c.trouble().DeliveredCE += uint32(n)
		c.env.Count(StatDeliveredCE, n)
	}
}

// measure takes the round trips of what was acknowledged.
func (c *Conn) measure(w *ackWork) {
	if w.acked == 1 && w.inFlight == 1 && c.send.una-w.priorUna < uint32(c.send.mss) {
		w.flag |= flagMaybeDelayed
	}
	seq, sack := int64(-1), int64(-1)
	if w.firstAt != 0 && w.flag&flagRetrans == 0 {
		seq = int64(c.now-w.firstAt) / 1000
		w.caRTT = int64(c.now-w.lastAt) / 1000
	}
	if w.sackAt != 0 {
		sack = int64(c.now-w.sackAt) / 1000
		w.caRTT = sack
	}
	w.rttOK = c.ackRTT(seq, sack, w.caRTT, c.tsOK && w.seg.Opt.HasTS, w.seg.Opt.TSEcr, w.flag)
	if w.flag&flagAcked != 0 {
		c.ca.alg.acked(c, w.acked, w.caRTT)
	}
}

// control moves the congestion window (tcp_cong_control).
func (c *Conn) control(w *ackWork) {
	sackedNow := uint32(c.send.delivered - w.delivered)
	switch {
	case c.ca.ctl() != nil:
		c.ca.ctl().control(c, w.rate)
		return
	case c.inReduction():
		c.reduce(sackedNow, w.lost, w.flag)
	case c.mayRaise(w.flag):
		c.ca.alg.avoid(c, sackedNow)
		c.ca.stamp = c.now // also when it did not grow: only silence shrinks the window
		c.clampCwnd()
	}
	c.updatePacing()
}

// mayRaise says whether the window may grow (tcp_may_raise_cwnd).
func (c *Conn) mayRaise(flag int) bool {
	if c.rec.reordering > uint32(c.set.Reordering) {
		return flag&(flagAdvanced|flagSacked) != 0
	}
	return flag&(flagAcked|flagSynAcked) != 0 && c.ca.state != caCWR
}

// SendQueue returns the bytes not acknowledged and of these not sent yet.
func (c *Conn) SendQueue() (unacked, unsent uint32) {
	s := &c.send
	if c.State == uapi.TCP_CLOSE || c.State == uapi.TCP_LISTEN {
		return 0, 0
	}
	return s.write - s.una, s.write - s.nxt
}

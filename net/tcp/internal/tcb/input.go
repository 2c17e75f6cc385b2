package tcb

import (
	"time"

	"linen/lib/ktime"
	"linen/uapi"
	"linen/uapi/errno"
)

// Verdict is what became of a segment.
type Verdict struct {
	Kept  bool   // the Conn has the payload: it was delivered, or will be
	Reset bool   // answer with a RST made from the segment
	Why   Reason // why it was of no use, or OK
}

// Input takes a segment that arrived (tcp_rcv_established,
// tcp_rcv_state_process).
func (c *Conn) Input(now ktime.T, s *Segment) Verdict {
	c.now = now
	segs := uint32(1)
	if s.MSS > 0 {
		segs = uint32(packetsOf(s.Len, s.MSS))
	}
	c.fill.SegsIn += segs
	if s.Len > 0 {
		c.fill.DataSegsIn += segs
	}
	switch c.State {
	case uapi.TCP_CLOSE, uapi.TCP_LISTEN, uapi.TCP_TIME_WAIT:
		return Verdict{Why: Closed, Reset: s.Flags&Rst == 0}
	case uapi.TCP_SYN_SENT:
		why, reset := c.synSent(s)
		return Verdict{Why: why, Reset: reset}
	}
	if s.Flags&(Ack|Rst|Syn) == 0 {
		return Verdict{Why: BadFlags}
	}
	if c.fastPending() && s.Flags&(Ack|Rst|Syn) == Syn && s.Seq == c.recv.irs {
		c.resend(0) // it did not hear
		return Verdict{}
	}
	if why := c.validate(s); why != OK {
		return Verdict{Why: why}
	}
	if s.Flags&Ack == 0 {
		return Verdict{Why: BadFlags}
	}
	if c.State == uapi.TCP_ESTABLISHED {
		c.noteField(s, segs)
	}
	if c.State == uapi.TCP_SYN_RECV {
		if !between(s.Ack, c.send.una, c.send.nxt) || c.send.q.len() > 0 && s.Ack == c.send.una {
			return Verdict{Why: BadAck, Reset: true}
		}
		c.synRecv(s)
	} else if c.fastPending() && s.Ack != c.send.iss && between(s.Ack, c.send.una, c.send.nxt) {
		c.synRecv(s) // closed before the handshake was over
	} else if why := c.ack(s); why != OK {
		return Verdict{Why: why}
	}
	if v, over := c.closing(s); over {
		return v
	}
	c.urgent(s)
	kept, why := c.data(s)
	if c.State != uapi.TCP_CLOSE {
		c.pushPending()
		c.ackCheck()
	}
	return Verdict{Kept: kept, Why: why}
}

// pushPending sends what the acknowledgement allowed (tcp_data_snd_check).
func (c *Conn) pushPending() {
	if c.send.nxt != c.send.write {
		if c.xmit(c.keep.t.Cork, false, false) {
			c.checkProbe()
		}
	}
}

// validate is RFC 9293 §3.10.7.4, first to fourth, with RFC 7323 §5 and RFC
// 5961 §3, §4 (tcp_validate_incoming).
func (c *Conn) validate(s *Segment) Reason {
	if c.tsOK && s.Opt.HasTS && s.Flags&Rst == 0 {
		if why := c.paws(s); why != OK {
			if why == PAWS {
				c.env.Count(StatPAWSEstab, 1)
				if c.mayDupAck(s, StatSkippedPAWS) {
					c.dupAck(s)
				}
			}
			return why
		}
	}
	if why := c.sequence(s); why != OK {
		if s.Flags&Rst == 0 {
			if s.Flags&Syn != 0 {
				c.synChallenge()
				return BadSyn
			}
			if c.mayDupAck(s, StatSkippedSeq) {
				c.dupAck(s)
			}
		} else if c.believeReset(s) {
			c.reset()
			return Reset
		}
		return why
	}
	if s.Flags&Rst != 0 {
		if s.Seq == c.recv.nxt || c.believeReset(s) {
			c.reset()
			return Reset
		}
		c.challenge(StatChallengeACK)
		return Reset
	}
	if s.Flags&Syn != 0 {
		if c.State == uapi.TCP_SYN_RECV && c.send.q.len() > 0 && s.Seq == c.recv.irs && s.Flags&Ack != 0 {
			return OK // the SYN-ACK of a simultaneous open
		}
		c.synChallenge()
		return BadSyn
	}
	return OK
}

// paws looks at the timestamp (RFC 7323 §5.2, §5.5).
func (c *Conn) paws(s *Segment) Reason {
	const days24 = ktime.T(24 * 24 * time.Hour)
	if int32(c.stamp.recent-s.Opt.TSVal) <= 0 || c.now-c.stamp.recentAt >= days24 || c.stamp.recent == 0 {
		return OK
	}
	// A reordered pure ACK is no replay (tcp_disordered_ack).
	if s.Flags&(Syn|Fin|Rst) == 0 && s.Len == 0 && s.Seq == c.recv.nxt && s.Ack == c.send.una &&
		uint32(s.Window)<<c.sndWS == c.send.wnd && int32(c.stamp.recent-s.Opt.TSVal) <= int32(c.rtt.rto/time.Millisecond) {
		return OK
	}
	if s.Flags&(Syn|Fin|Rst) == 0 && s.Len == 0 && before(s.Seq, c.recv.nxt) {
		c.env.Count(StatPAWSOldAck, 1) // common, and no answer is due
		return PAWSAck
	}
	return PAWS
}

// sequence is the acceptability test (tcp_sequence).
func (c *Conn) sequence(s *Segment) Reason {
	end := s.end()
	if before(end, c.recv.wup) {
		return OldSequence
	}
	if after(s.Seq, c.recv.nxt+c.rcvWindow()) {
		c.env.Count(StatBeyondWindow, 1)
		return BadSequence
	}
	return OK
}

// believeReset accepts a RST at the right edge of SACKed data, or behind a FIN
// (RFC 5961 §3.2 with Linux's exceptions).
func (c *Conn) believeReset(s *Segment) bool {
	if s.Seq == c.recv.nxt-1 {
		switch c.State {
		case uapi.TCP_CLOSE_WAIT, uapi.TCP_LAST_ACK, uapi.TCP_CLOSING:
			return true
		}
	}
	if c.sackOK && c.recv.numSacks > 0 {
		most := c.recv.sacks[0].End
		for _, b := range c.recv.sacks[1:c.recv.numSacks] {
			if after(b.End, most) {
				most = b.End
			}
		}
		return s.Seq == most
	}
	return false
}

// reset is a believed RST (tcp_reset).
func (c *Conn) reset() {
	e := errno.ECONNRESET
	switch c.State {
	case uapi.TCP_CLOSE_WAIT:
		e = errno.EPIPE
	case uapi.TCP_SYN_RECV:
		if c.send.q.len() > 0 && c.passive == nil {
			e = errno.ECONNREFUSED
		}
	}
	c.send.q.clear()
	c.fail(e)
}

func (c *Conn) synChallenge() {
	c.env.Count(StatSYNChallenge, 1)
	c.challenge(StatChallengeACK)
}

// challenge answers a suspect segment, not too often (RFC 5961 §7).
func (c *Conn) challenge(count Stat) {
	if c.limited(StatSkippedChallenge) || !c.env.MayChallenge() {
		return
	}
	c.env.Count(count, 1)
	c.sendAck()
}

// limited is tcp_invalid_ratelimit.
func (c *Conn) limited(skipped Stat) bool {
	at := c.stamp.lastAckOff
	if at != 0 && time.Duration(c.now-at) < c.set.InvalidRatelimit {
		c.env.Count(skipped, 1)
		return true
	}
	c.stamp.lastAckOff = c.now
	return false
}

// mayDupAck reports whether an answer to a bad segment is due: always to data.
func (c *Conn) mayDupAck(s *Segment, skipped Stat) bool {
	if s.Len > 0 || s.Flags&Syn != 0 {
		return true
	}
	return !c.limited(skipped)
}

// dupAck sends an acknowledgement for a segment seen before, with DSACK
// (tcp_send_dupack).
func (c *Conn) dupAck(s *Segment) {
	end := s.end()
	if end != s.Seq && before(s.Seq, c.recv.nxt) {
		c.enterQuick(initQuick)
		if c.sackOK && c.set.DSACK {
			if after(end, c.recv.nxt) {
				end = c.recv.nxt
			}
			c.setDSACK(s.Seq, end)
		}
	}
	c.sendAck()
}

// closing is what an acknowledgement does to the states of closing; over says
// that the segment goes no further.
func (c *Conn) closing(s *Segment) (v Verdict, over bool) {
	acked := c.send.fin && c.send.una == c.send.write
	switch c.State {
	case uapi.TCP_FIN_WAIT1:
		if acked {
			c.setState(uapi.TCP_FIN_WAIT2)
			if c.Orphan {
				if c.keep.t.Linger2 < 0 {
					c.done()
					c.env.Count(StatAbortOnData, 1)
					return Verdict{Why: AbortOnData, Reset: true}, true
				}
				c.keepAt = c.now.Add(c.FinTime())
			}
		}
	case uapi.TCP_CLOSING:
		if acked {
			c.timeWait()
			return Verdict{}, true
		}
	case uapi.TCP_LAST_ACK:
		if acked {
			c.done()
			return Verdict{}, true
		}
	}
	if (c.Orphan || c.RcvShut) && (c.State == uapi.TCP_FIN_WAIT1 || c.State == uapi.TCP_FIN_WAIT2) &&
		s.Len > 0 && after(s.Seq+uint32(s.Len), c.recv.nxt) {
		if !c.Orphan {
			c.env.Count(StatAbortOnData, 1)
			c.reset()
			return Verdict{Why: AbortOnData, Reset: true}, true
		}
		if c.State == uapi.TCP_FIN_WAIT1 {
			c.env.Count(StatAbortOnData, 1) // FIN_WAIT2 is a mini-socket's in Linux, which does not count
		}
		c.done() // RFC 2525 §2.17: nobody will read it
		return Verdict{Why: AbortOnData, Reset: true}, true
	}
	return v, false
}

// FinTime is how long FIN_WAIT2 lasts for a closed socket.
func (c *Conn) FinTime() time.Duration {
	d := c.set.FinTimeout
	if c.keep.t.Linger2 > 0 {
		d = c.keep.t.Linger2
	}
	return max(d, 7*c.rtt.rto/2)
}

// timeWait ends the connection as such: the caller keeps what TimeWait tells.
func (c *Conn) timeWait() {
	c.stopTimers()
	c.setState(uapi.TCP_TIME_WAIT)
}

// urgent notes the urgent pointer (tcp_urg; RFC 6093).
func (c *Conn) urgent(s *Segment) {
	if s.Flags&Urg == 0 || s.Urg == 0 {
		return
	}
	at := s.Seq + uint32(s.Urg)
	if !c.set.StdUrg {
		at-- // the pointer names the byte behind: RFC 6093 §3.1
	}
	r := &c.recv
	if after(r.copied, at) || before(at, r.nxt) && r.urgSeen || r.urgSeen && !after(at, r.up) {
		return
	}
	r.up, r.urgSeen = at, true
	c.env.Urgent()
}

// UrgentSeq returns the number of the urgent byte, if there was any.
func (c *Conn) UrgentSeq() (seq uint32, ok bool) { return c.recv.up, c.recv.urgSeen }

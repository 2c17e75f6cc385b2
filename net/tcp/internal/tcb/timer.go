package tcb

import (
	"time"

	"linen/lib/ktime"
	"linen/uapi"
	"linen/uapi/errno"
)

// armRTO sets the timer of the sending side.
func (c *Conn) armRTO(kind uint8, d time.Duration) {
	c.kind = kind
	c.rtx = c.now.Add(min(max(d, timeoutMin), c.rtoMax()))
}

// backedOff is the timeout with its backoff.
func (c *Conn) backedOff() time.Duration {
	if c.State == uapi.TCP_SYN_SENT {
		return c.synRTO()
	}
	return min(c.rtt.rto<<min(c.send.backoff, 30), c.rtoMax())
}

// rearmRTO sets the timeout of the oldest segment (tcp_rearm_rto).
func (c *Conn) rearmRTO() {
	if c.send.packets == 0 {
		c.rtx, c.kind = 0, timerNone
		return
	}
	d := c.backedOff()
	if c.kind == timerReorder || c.kind == timerTLP {
		if left := c.rtoLeft(); left > 0 {
			d = left
		} else {
			d = timeoutMin
		}
	}
	c.armRTO(timerRTO, d)
}

// probeTime is the time to the next window probe.
func (c *Conn) probeTime() time.Duration {
	d := max(c.rtt.rto, 200*time.Millisecond) // TCP_RTO_MIN
	d = min(d<<min(c.send.backoff, 30), c.rtoMax())
	if limit := c.keep.t.UserTimeout; limit > 0 && c.send.probeStart != 0 { // tcp_clamp_probe0_to_user_timeout
		d = min(d, max(limit-time.Duration(c.now-c.send.probeStart), timeoutMin))
	}
	return d
}

// checkProbe arms the timer when data wait and nothing is in flight.
func (c *Conn) checkProbe() {
	if c.send.packets == 0 && c.kind == timerNone {
		c.armRTO(timerProbe, c.probeTime())
	}
}

// Timer runs what has expired.
func (c *Conn) Timer(now ktime.T) {
	c.now = now
	if c.delack != 0 && c.delack <= now {
		c.delackTimer()
	}
	if c.rtx != 0 && c.rtx <= now {
		kind := c.kind
		c.rtx, c.kind = 0, timerNone
		switch kind {
		case timerRTO:
			c.rtoTimer()
		case timerProbe:
			c.probeTimer()
		case timerTLP:
			c.sendTLP()
		case timerReorder:
			c.reorderTimer()
		}
	}
	if c.keepAt != 0 && c.keepAt <= now {
		c.keepAt = 0
		c.keepTimer()
	}
	if c.pace.timer != 0 && c.pace.timer <= now {
		c.paceTimer()
	}
	if c.comp != nil && c.comp.timer != 0 && c.comp.timer <= now {
		c.compTimer()
	}
}

// stopTimers stops every timer.
func (c *Conn) stopTimers() {
	c.rtx, c.delack, c.keepAt, c.kind = 0, 0, 0, timerNone
	c.pace.timer, c.comp = 0, nil
}

func (c *Conn) delackTimer() {
	c.delack = 0
	if c.ackPend&ackScheduled == 0 {
		return
	}
	if c.recv.pingpong {
		c.endPingpong()
		c.recv.ato = atoMin
	} else {
		c.recv.ato = min(c.recv.ato<<1, c.rtt.rto)
	}
	c.env.Count(StatDelayedACKs, 1)
	c.sendAck()
}

// reorderTimer is RACK's (RFC 8985 §6.3).
func (c *Conn) reorderTimer() {
	before := c.inFlight()
	wait := c.rackDetect()
	if c.inFlight() != before {
		if c.ca.state != caRecovery && !c.probeLost() {
			c.enterRecovery(false)
			if c.ca.ctl() == nil {
				c.reduce(1, 0, 0)
			}
		}
		c.retransmitQueue()
	}
	if c.kind != timerRTO && wait > 0 && c.inFlight() == before {
		c.armRTO(timerReorder, wait+timeoutMin)
		return
	}
	c.rearmRTO()
}

// rtoTimer is the retransmission timeout (tcp_retransmit_timer; RFC 6298 §5.4).
func (c *Conn) rtoTimer() {
	d := &c.send
	if d.packets == 0 || d.q.len() == 0 {
		return
	}
	if d.wnd == 0 && c.synced() && d.q.at(0).flags&Syn == 0 {
		c.shutWindowTimer()
		return
	}
	c.env.Count(StatTimeouts, 1)
	if c.gaveUp() {
		return
	}
	if c.synced() && c.hasRetries(c.set.Retries1) {
		c.blackhole()
	}
	if c.mtu != nil {
		c.mtu.size = 0 // that probe tells nothing
	}
	c.enterLoss()
	c.noteRTO()
	d.retransmits++
	c.resendHead()
	if c.linear() {
		d.backoff = 0
	} else {
		d.backoff++
	}
	if c.State == uapi.TCP_SYN_SENT {
		c.armRTO(timerRTO, c.userBound(c.synRTO()))
		return
	}
	c.armRTO(timerRTO, c.userBound(c.backedOff()))
	if c.hasRetries(c.set.Retries1 + 1) {
		c.env.Suspect()
	}
}

// resendHead sends one packet again, of the oldest.
func (c *Conn) resendHead() {
	d := &c.send
	seg := d.q.at(0)
	at := seg.seq
	if before(at, d.una) && seg.flags&Syn == 0 {
		at = d.una
	}
	if at += uint32(max(d.mss, 1)); seg.packets > 1 && before(at, seg.end) {
		c.split(0, at)
	}
	c.resend(0)
}

// userBound shortens a timeout that would end behind TCP_USER_TIMEOUT
// (tcp_clamp_rto_to_user_timeout).
func (c *Conn) userBound(d time.Duration) time.Duration {
	limit := c.keep.t.UserTimeout
	if limit == 0 || c.send.retransStamp == 0 {
		return d
	}
	return min(d, max(limit-time.Duration(c.now-c.send.retransStamp), timeoutMin))
}

// shutWindowTimer is the timeout while the peer's window is shut: it may last
// as long as the peer answers.
func (c *Conn) shutWindowTimer() {
	d := &c.send
	if since := time.Duration(c.now - max(c.fill.lastAckAt, d.q.at(0).sentAt)); since > 2*c.rtoMax() && c.fill.lastAckAt != 0 {
		c.timedOut()
		return
	}
	if c.gaveUpAfter(c.keep.t.UserTimeout) {
		return
	}
	c.enterLoss()
	c.resendHead()
	d.backoff++
	c.armRTO(timerRTO, c.backedOff())
}

// gaveUpAfter applies TCP_USER_TIMEOUT.
func (c *Conn) gaveUpAfter(limit time.Duration) bool {
	if limit > 0 && c.send.retransStamp != 0 && time.Duration(c.now-c.send.retransStamp) >= limit {
		c.timedOut()
		return true
	}
	return false
}

// gaveUp ends a connection that was retransmitted often enough
// (tcp_write_timeout; RFC 1122 §4.2.3.5).
func (c *Conn) gaveUp() bool {
	d := &c.send
	if c.State == uapi.TCP_SYN_SENT || c.State == uapi.TCP_SYN_RECV {
		n := c.set.SynRetries
		if c.keep.t.SynCnt > 0 {
			n = c.keep.t.SynCnt
		}
		if c.gaveUpAfter(c.keep.t.UserTimeout) {
			return true
		}
		if c.State == uapi.TCP_SYN_SENT {
			n += c.set.SynLinear
		}
		if c.passive != nil {
			n = c.set.SynackRetries + 1
		}
		if int(d.retransmits) >= n {
			c.timedOut()
			return true
		}
		return false
	}
	n := c.set.Retries2
	if c.Orphan {
		n = c.orphanRetries()
	}
	if limit := c.keep.t.UserTimeout; limit > 0 {
		return c.gaveUpAfter(limit)
	}
	if c.hasRetries(n) {
		c.timedOut()
		return true
	}
	return false
}

// hasRetries reports that n retransmissions' worth of time has passed
// (retransmits_timed_out).
func (c *Conn) hasRetries(n int) bool {
	if c.send.retransmits == 0 || c.send.retransStamp == 0 {
		return false
	}
	least, most := c.rtoMin(), c.rtoMax()
	limit := time.Duration(0)
	step := least
	for range n + 1 {
		limit += step
		step = min(2*step, most)
	}
	return time.Duration(c.now-c.send.retransStamp) >= limit
}

func (c *Conn) orphanRetries() int {
	if c.set.OrphanRetries == 0 {
		return 8
	}
	return c.set.OrphanRetries
}

// timedOut ends the connection without an answer.
func (c *Conn) timedOut() {
	c.env.Count(StatAbortOnTimeout, 1)
	c.send.q.clear()
	c.fail(errno.ETIMEDOUT)
}

// enterLoss is what a timeout means: everything may be lost (RFC 5681 §3.1).
func (c *Conn) enterLoss() {
	d, r := &c.send, &c.rec
	fresh := c.ca.state < caRecovery
	c.markAllLost()
	if c.ca.state <= caDisorder || !after(r.highSeq, d.una) || c.ca.state == caLoss && d.retransmits == 0 {
		r.priorSsthresh = c.currentSsthresh()
		r.priorCwnd = c.ca.cwnd
		c.ca.ssthresh = c.ca.alg.ssthresh(c)
		c.initUndo()
	}
	c.ca.cwnd = c.inFlight() + 1
	c.ca.count = 0
	c.ca.stamp = c.now
	if c.ca.state <= caDisorder && d.sacked >= uint32(c.set.Reordering) {
		r.reordering = min(r.reordering, uint32(c.set.Reordering))
	}
	c.setCA(caLoss)
	r.highSeq = d.nxt
	r.tlpHigh = 0
	if c.ecnOK {
		d.queueCWR = true
	}
	r.frto = c.set.FRTO && (fresh || d.retransmits > 0)
}

// markAllLost marks everything that the peer has not told it has; with RACK
// what was sent a moment ago is left.
func (c *Conn) markAllLost() {
	d := &c.send
	if d.q.len() > 0 && d.q.at(0).marks&txSacked != 0 { // it has reneged: RFC 2018 §8
		c.env.Count(StatSACKReneging, 1)
		for i := range d.q.len() {
			d.q.at(i).marks &^= txSacked
		}
		d.sacked, c.rec.fack = 0, d.una
	} else if !c.sackOK {
		d.sacked = 0
	}
	for i := range d.q.len() {
		seg := d.q.at(i)
		if i > 0 && c.sackOK && c.set.RACK && seg.marks&txSacked == 0 &&
			c.rec.rack.rtt+c.reorderWindow()-int64(c.now-seg.sentAt)/1000 > 0 {
			continue
		}
		c.markLost(seg)
	}
}

// probeTimer probes a window that is shut (tcp_probe_timer).
func (c *Conn) probeTimer() {
	d := &c.send
	if d.packets > 0 || d.nxt == d.write {
		d.probes, d.probeStart = 0, 0
		return
	}
	if d.probeStart == 0 {
		d.probeStart = c.now
	} else if limit := c.keep.t.UserTimeout; limit > 0 && time.Duration(c.now-d.probeStart) >= limit {
		c.timedOut()
		return
	}
	n := c.set.Retries2
	if c.Orphan {
		n = c.orphanRetries()
	}
	if int(d.probes) >= n {
		c.timedOut()
		return
	}
	c.wakeup()
	if d.packets > 0 || d.nxt == d.write {
		d.probes, d.backoff = 0, 0
		return
	}
	d.probes++
	if d.backoff < uint32(c.set.Retries2) {
		d.backoff++
	}
	c.armRTO(timerProbe, c.probeTime())
}

// wakeup sends what makes the peer tell its window: data if there is room, or
// a segment in front of the window (tcp_write_wakeup).
func (c *Conn) wakeup() {
	d := &c.send
	if d.nxt != d.write && before(d.nxt, c.windowEnd()) {
		n := min(int(d.write-d.nxt), int(c.windowEnd()-d.nxt), c.curMSS())
		end := d.write
		d.pushed = d.nxt + uint32(n) // whatever it is, it is pushed
		c.sendNew(n, c.curMSS())
		d.pushed = end
		return
	}
	c.sendControl(d.una-1, Ack)
	c.env.Count(StatWinProbe, 1)
}

// keepTime, keepIntvl and keepCnt are the socket's, or the namespace's.
func (c *Conn) keepTime() time.Duration {
	if d := c.keep.t.KeepIdle; d != 0 {
		return d
	}
	return c.set.KeepTime
}

func (c *Conn) keepIntvl() time.Duration {
	if d := c.keep.t.KeepIntvl; d != 0 {
		return d
	}
	return c.set.KeepIntvl
}

func (c *Conn) keepCnt() int {
	if n := c.keep.t.KeepCnt; n != 0 {
		return n
	}
	return c.set.KeepProbes
}

// armKeepalive starts or stops the keepalive timer as the option says.
func (c *Conn) armKeepalive() {
	if c.Orphan {
		return
	}
	c.keepAt = 0
	if c.keep.t.Keepalive && c.synced() && c.State != uapi.TCP_SYN_RECV {
		idle := time.Duration(c.now - max(c.recv.lastAt, c.fill.lastAckAt))
		c.keepAt = c.now.Add(max(c.keepTime()-idle, timeoutMin))
	}
}

// Rekeep looks at the keepalive options again.
func (c *Conn) Rekeep(now ktime.T) {
	c.now = now
	c.armKeepalive()
}

// keepTimer is the keepalive timer, and that of FIN_WAIT2 (tcp_keepalive_timer).
func (c *Conn) keepTimer() {
	if c.Orphan {
		if c.State == uapi.TCP_FIN_WAIT2 {
			c.done()
		}
		return
	}
	if !c.keep.t.Keepalive || c.State == uapi.TCP_CLOSE || c.State == uapi.TCP_SYN_SENT {
		return
	}
	if c.send.packets > 0 || c.send.nxt != c.send.write {
		c.keepAt = c.now.Add(c.keepTime())
		return
	}
	idle := time.Duration(c.now - max(c.recv.lastAt, c.fill.lastAckAt))
	if idle < c.keepTime() {
		c.keepAt = c.now.Add(c.keepTime() - idle)
		return
	}
	limit := c.keep.t.UserTimeout
	if limit > 0 && idle >= limit && c.keep.probes > 0 || limit == 0 && c.keep.probes >= c.keepCnt() {
		c.sendControl(c.send.nxt, Rst|Ack)
		c.timedOut()
		return
	}
	c.sendControl(c.send.una-1, Ack)
	c.env.Count(StatKeepAlive, 1)
	c.keep.probes++
	c.keepAt = c.now.Add(c.keepIntvl())
}

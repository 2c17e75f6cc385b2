package tcb

import (
	"time"

	"linen/lib/ktime"
)

// rack is the state of RFC 8985.
type rack struct {
	at        ktime.T // when the newest delivered segment was sent
	rtt       int64   // microseconds
	delivered uint64  // when it was last widened
	end       uint32
	advanced  bool
	steps     uint8 // of the reordering window
	persist   uint8 // recoveries for which it stays
}

// sentAfter orders two segments by the time they were sent.
func sentAfter(t1, t2 ktime.T, e1, e2 uint32) bool {
	return t1 > t2 || t1 == t2 && after(e1, e2)
}

// rackAdvance learns from a segment that was delivered (RFC 8985 §6.2 step 2).
func (c *Conn) rackAdvance(seg *txSeg) {
	r := &c.rec.rack
	us := int64(c.now-seg.sentAt) / 1000
	if seg.marks&txEver != 0 && us < int64(c.rtt.min) && c.rtt.min != ^uint32(0) {
		return // the original may have been what was acknowledged
	}
	r.advanced = true
	r.rtt = us
	if sentAfter(seg.sentAt, r.at, seg.end, r.end) {
		r.at, r.end = seg.sentAt, seg.end
	}
}

// rackUpdate adapts the reordering window to DSACKs, by one step a round trip
// (step 4).
func (c *Conn) rackUpdate(w *ackWork) {
	r := &c.rec.rack
	if w.rate.priorAt == 0 {
		return
	}
	if w.rate.prior < r.delivered {
		c.rec.dsackSeen = false // of the round trip that was acted on
	}
	if c.rec.dsackSeen {
		c.rec.dsackSeen = false
		r.steps = uint8(min(255, int(max(r.steps, 1))+1))
		r.delivered = c.send.delivered
		r.persist = 16
	} else if r.persist == 0 {
		r.steps = 1
	}
}

// reorderWindow is how long a segment may be late, in microseconds.
func (c *Conn) reorderWindow() int64 {
	if c.rec.reordSeen == 0 {
		if c.ca.state >= caRecovery || c.send.sacked >= c.rec.reordering {
			return 0
		}
	}
	if c.rtt.min == ^uint32(0) {
		return 0
	}
	return min(int64(c.rtt.min/4)*int64(max(c.rec.rack.steps, 1)), int64(c.rtt.srtt>>3))
}

// rackDetect marks what is late and returns when the next might be
// (RFC 8985 §6.2 step 5).
func (c *Conn) rackDetect() (wait time.Duration) {
	r := &c.rec.rack
	window := c.reorderWindow()
	for i := range c.send.q.len() {
		seg := c.send.q.at(i)
		if !before(seg.seq, c.sackHigh()) && seg.marks&txEver == 0 && seg.sentAt >= r.at {
			break
		}
		if seg.marks&txSacked != 0 || seg.marks&txLost != 0 && seg.marks&txRetrans == 0 {
			continue
		}
		if !sentAfter(r.at, seg.sentAt, r.end, seg.end) {
			continue
		}
		left := r.rtt + window - int64(c.now-seg.sentAt)/1000
		if left <= 0 {
			c.markLost(seg)
		} else {
			wait = max(wait, time.Duration(left)*time.Microsecond)
		}
	}
	return wait
}

// rackMark detects losses after an acknowledgement and arms the timer.
func (c *Conn) rackMark() {
	r := &c.rec.rack
	if !r.advanced {
		return
	}
	r.advanced = false
	if wait := c.rackDetect(); wait > 0 {
		c.armRTO(timerReorder, wait+timeoutMin)
	}
}

// markLost marks a segment, of which a retransmission may be in flight.
func (c *Conn) markLost(seg *txSeg) {
	d := &c.send
	n := uint32(seg.packets)
	if seg.marks&txSacked != 0 {
		return
	}
	if seg.marks&txLost != 0 {
		if seg.marks&txRetrans != 0 { // the retransmission is lost as well
			seg.marks &^= txRetrans
			d.retrans -= min(n, d.retrans)
			c.rec.lostTotal += n
			c.env.Count(StatLostRetransmit, int(n))
		}
		return
	}
	if seg.marks&txRetrans != 0 { // a probe's
		seg.marks &^= txRetrans
		d.retrans -= min(n, d.retrans)
	}
	seg.marks |= txLost
	d.lost += n
	c.rec.lostTotal += n
	c.limitReno()
}

// armTLP arms the probe for a lost tail (RFC 8985 §7.2). advance: only if it
// comes before the timeout that runs.
func (c *Conn) armTLP(advance bool) bool {
	d := &c.send
	if !c.set.TLP || !c.sackOK || d.packets == 0 || c.ca.state != caOpen && c.ca.state != caCWR || d.sacked != 0 || c.kind == timerReorder {
		return false
	}
	pto := time.Second
	if c.rtt.srtt != 0 {
		pto = 2 * c.rtt.smoothed()
		if d.packets == 1 {
			pto += c.rtoMin()
		} else {
			pto += timeoutMin
		}
	}
	left := c.rtoLeft()
	if advance { // the timeout begins anew
		left = c.backedOff()
	}
	if left > 0 {
		pto = min(pto, left)
	}
	c.armRTO(timerTLP, pto)
	return true
}

// rtoLeft is how long the head of the queue has until the timeout.
func (c *Conn) rtoLeft() time.Duration {
	if c.send.q.len() == 0 {
		return 0
	}
	return time.Duration(c.send.q.at(0).sentAt.Add(c.backedOff()) - c.now)
}

// sendTLP is the probe: new data, or the last segment again (RFC 8985 §7.3).
func (c *Conn) sendTLP() {
	d := &c.send
	if c.rec.tlpHigh != 0 {
		c.rearmRTO()
		return
	}
	c.rec.tlpRetrans = false
	before := d.nxt
	if d.nxt != d.write {
		c.xmit(false, true, true)
	}
	if d.nxt == before && d.q.len() > 0 {
		i := d.q.len() - 1
		seg := d.q.at(i)
		if seg.packets > 1 {
			mss := uint32(max(d.mss, 1))
			n := (seg.end - seg.seq - 1) / mss * mss
			c.split(i, seg.seq+n)
			i++
		}
		c.resend(i)
		c.rec.tlpRetrans = true
	}
	c.rec.tlpHigh = d.nxt
	c.env.Count(StatLossProbes, 1)
	c.armRTO(timerRTO, c.backedOff())
}

// ackTLP learns from the acknowledgement of a probe (RFC 8985 §7.4).
func (c *Conn) ackTLP(w *ackWork) {
	r := &c.rec
	ack := w.seg.Ack
	switch {
	case before(ack, r.tlpHigh):
	case !r.tlpRetrans:
		r.tlpHigh = 0
	case w.flag&flagDSACKTLP != 0:
		r.tlpHigh = 0 // the original had come too
	case after(ack, r.tlpHigh):
		c.startReduction() // the probe repaired a loss
		c.setCA(caCWR)
		c.endReduction()
		c.tryKeepOpen()
		c.env.Count(StatLossProbeRecovery, 1)
	case w.flag&(flagAdvanced|flagNotDup|flagSacked) == 0:
		r.tlpHigh = 0
	}
}

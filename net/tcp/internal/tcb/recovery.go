package tcb

// What to send after an acknowledgement was judged.
const (
	rexmitNone = iota
	rexmitLost
	rexmitNew
)

// recovery is the state of loss recovery.
type recovery struct {
	rack
	highSeq       uint32 // nxt when the episode began
	fack          uint32 // highest end in SACK
	reordering    uint32 // packets that may overtake
	reordSeen     uint32
	tlpHigh       uint32 // nxt when a probe was sent, 0: none
	lostTotal     uint32
	priorCwnd     uint32
	priorSsthresh uint32
	prrDelivered  uint32
	prrOut        uint32
	undoMarker    uint32 // una when the episode began, 0: nothing to undo
	undoRetrans   int    // retransmissions not shown unnecessary
	tlpRetrans    bool
	frto          bool
	dsackSeen     bool
}

// judge moves between the states of congestion control
// (tcp_fastretrans_alert).
func (c *Conn) judge(w *ackWork) int {
	d := &c.send
	dup := 0
	if w.flag&flagAdvanced == 0 && w.flag&(flagNotDup) == 0 && d.packets > 0 {
		dup = 1
	}
	if !c.dubious(w, dup) {
		if w.flag&flagAdvanced != 0 && c.kind != timerReorder {
			c.armTLP(true)
		}
		return rexmitNone
	}
	if d.packets == 0 {
		d.sacked = 0
	}
	if w.flag&flagECE != 0 {
		c.rec.priorSsthresh = 0
	}
	if c.reneged(w) {
		return rexmitNone
	}
	if c.leaveEpisode(w) {
		return rexmitNone
	}
	switch c.ca.state {
	case caRecovery:
		return c.inRecovery(w, dup)
	case caLoss:
		return c.inLoss(w, dup)
	}
	if !c.sackOK {
		c.renoDup(dup)
	}
	if c.ca.state <= caDisorder {
		c.undoDSACK()
	}
	c.identify(w)
	if !c.timeToRecover() {
		c.tryOpen(w)
		return rexmitNone
	}
	if c.probeLost() {
		return rexmitNone
	}
	c.enterRecovery(w.flag&flagECE != 0)
	return rexmitLost
}

// dubious says whether an acknowledgement needs a closer look
// (tcp_ack_is_dubious).
func (c *Conn) dubious(w *ackWork, dup int) bool {
	return w.flag&flagNotDup == 0 || dup > 0 || w.flag&(flagSacked|flagECE|flagDSACK) != 0 || c.ca.state != caOpen
}

// reneged sees that the peer has dropped what it had told it has.
func (c *Conn) reneged(w *ackWork) bool {
	d := &c.send
	if w.flag&flagAdvanced == 0 || d.q.len() == 0 || d.q.at(0).marks&txSacked == 0 {
		return false
	}
	c.armRTO(timerRTO, max(c.rtt.smoothed()/2, 10_000_000))
	return true
}

// leaveEpisode ends an episode when all that was out at its begin is
// acknowledged; it reports that nothing more is to be done.
func (c *Conn) leaveEpisode(w *ackWork) bool {
	d := &c.send
	if c.ca.state == caOpen {
		d.retransStamp = 0
		return false
	}
	if before(d.una, c.rec.highSeq) {
		return false
	}
	switch c.ca.state {
	case caCWR:
		if d.una != c.rec.highSeq {
			c.endReduction()
			c.setCA(caOpen)
		}
	case caRecovery:
		if !c.sackOK {
			d.sacked = 0
		}
		if c.undoRecovery() {
			return true
		}
		c.endReduction()
	}
	return false
}

// inRecovery is the Recovery state.
func (c *Conn) inRecovery(w *ackWork, dup int) int {
	if w.flag&flagAdvanced == 0 {
		if !c.sackOK {
			c.renoDup(dup)
		}
	} else if c.undoPartial(w) {
		return rexmitNone
	}
	if c.undoDSACK() {
		c.tryKeepOpen()
	}
	c.identify(w)
	if c.ca.state != caRecovery {
		if !c.timeToRecover() {
			c.tryOpen(w)
			return rexmitNone
		}
		c.enterRecovery(w.flag&flagECE != 0)
	}
	return rexmitLost
}

// inLoss is the Loss state, with F-RTO (RFC 5682).
func (c *Conn) inLoss(w *ackWork, dup int) int {
	r, d := &c.rec, &c.send
	recovered := !before(d.una, r.highSeq)
	if w.flag&flagAdvanced != 0 && c.undoLoss(false) {
		return rexmitNone
	}
	if r.frto {
		if w.flag&flagOrigSacked != 0 && c.undoLoss(true) {
			return rexmitNone
		}
		if after(d.nxt, r.highSeq) {
			if w.flag&flagSacked != 0 || dup > 0 {
				r.frto = false
			}
		} else if w.flag&flagAdvanced != 0 && !recovered {
			r.highSeq = d.nxt
			if d.nxt != d.write && after(c.windowEnd(), d.nxt) {
				return rexmitNew
			}
			r.frto = false
		}
	}
	if recovered {
		c.undoRecovery()
		if c.ca.state != caLoss {
			return rexmitNone
		}
	}
	if !c.sackOK && dup > 0 {
		if after(d.nxt, r.highSeq) {
			c.renoDup(dup)
		} else if w.flag&flagAdvanced != 0 {
			d.sacked = 0
		}
	}
	c.identify(w)
	return rexmitLost
}

// identify marks lost segments.
func (c *Conn) identify(w *ackWork) {
	if c.sackOK {
		before := c.send.lost
		c.rackMark()
		if c.send.lost > before && c.kind == timerReorder {
			c.rearmRTO()
		}
		return
	}
	d := &c.send
	switch {
	case c.ca.state < caRecovery && d.sacked >= c.rec.reordering,
		c.ca.state == caRecovery && w.flag&flagAdvanced != 0: // RFC 6582 §3.2
		if d.q.len() > 0 {
			if seg := d.q.at(0); seg.marks&txLost == 0 {
				if seg.packets > 1 {
					c.split(0, seg.seq+uint32(d.mss))
					seg = d.q.at(0)
				}
				c.markLost(seg)
			}
		}
	}
}

func (c *Conn) timeToRecover() bool { return c.send.lost > 0 }

// renoDup counts a duplicate acknowledgement as a packet received.
func (c *Conn) renoDup(n int) {
	d := &c.send
	if n == 0 {
		return
	}
	if d.sacked+d.lost < d.packets {
		d.sacked++
		d.delivered++
	}
}

// renoAcked takes back duplicates that a new acknowledgement explains.
func (c *Conn) renoAcked(w *ackWork) {
	d := &c.send
	if w.acked > 0 && d.sacked > 0 {
		n := w.acked - 1
		d.sacked -= min(n, d.sacked)
	}
	c.limitReno()
}

// limitReno keeps the guess of packets received below what is in flight.
func (c *Conn) limitReno() {
	if d := &c.send; !c.sackOK {
		d.sacked = min(d.sacked, d.packets-min(d.lost, d.packets))
	}
}

// enterRecovery begins fast recovery (RFC 6675 §5, RFC 6937).
func (c *Conn) enterRecovery(ece bool) {
	if c.sackOK {
		c.env.Count(StatSackRecovery, 1)
	} else {
		c.env.Count(StatRenoRecovery, 1)
	}
	c.rec.priorSsthresh = 0
	c.initUndo()
	if !c.inReduction() {
		if !ece {
			c.rec.priorSsthresh = c.currentSsthresh()
		}
		c.startReduction()
	}
	c.setCA(caRecovery)
}

// tryOpen is an acknowledgement that asks for no recovery (tcp_try_to_open).
func (c *Conn) tryOpen(w *ackWork) {
	if w.flag&flagECE != 0 {
		c.enterCWR()
	}
	if c.ca.state != caCWR {
		c.tryKeepOpen()
	}
}

func (c *Conn) tryKeepOpen() {
	state := uint8(caOpen)
	if c.send.sacked+c.send.lost > 0 || c.send.retrans > 0 || c.rec.undoMarker != 0 && c.ca.state == caDisorder {
		state = caDisorder
	}
	if c.ca.state != state {
		c.setCA(state)
		c.rec.highSeq = c.send.nxt
	}
}

// enterCWR reduces the window for ECN or a local congestion.
func (c *Conn) enterCWR() {
	c.rec.priorSsthresh = 0
	if c.ca.state < caCWR {
		c.rec.undoMarker = 0
		c.startReduction()
		c.setCA(caCWR)
	}
}

func (c *Conn) inReduction() bool { return c.ca.state == caCWR || c.ca.state == caRecovery }

func (c *Conn) currentSsthresh() uint32 {
	if c.inReduction() {
		return c.ca.ssthresh
	}
	return max(c.ca.ssthresh, c.ca.cwnd>>1+c.ca.cwnd>>2)
}

// startReduction sets PRR up (RFC 6937 §3).
func (c *Conn) startReduction() {
	r := &c.rec
	r.highSeq = c.send.nxt
	r.tlpHigh = 0
	c.ca.count = 0
	r.priorCwnd = c.ca.cwnd
	r.prrDelivered, r.prrOut = 0, 0
	c.ca.ssthresh = c.ca.alg.ssthresh(c)
	if c.ecnOK {
		c.send.queueCWR = true
	}
}

// reduce is PRR with slow start reduction bound.
func (c *Conn) reduce(delivered, lost uint32, flag int) {
	if delivered == 0 || c.rec.priorCwnd == 0 {
		return
	}
	r := &c.rec
	flight := int(c.inFlight())
	delta := int(c.ca.ssthresh) - flight
	r.prrDelivered += delivered
	n := 0
	if delta < 0 {
		n = int((uint64(c.ca.ssthresh)*uint64(r.prrDelivered)+uint64(r.priorCwnd)-1)/uint64(r.priorCwnd)) - int(r.prrOut)
	} else {
		n = max(int(r.prrDelivered)-int(r.prrOut), int(delivered))
		if flag&flagAdvanced != 0 && lost == 0 {
			n++
		}
		n = min(delta, n)
	}
	least := 0
	if r.prrOut == 0 {
		least = 1
	}
	c.ca.cwnd = uint32(max(flight+max(n, least), 1))
}

func (c *Conn) endReduction() {
	if c.ca.ctl() == nil && c.ca.ssthresh < infinite && (c.ca.state == caCWR || c.rec.undoMarker != 0) {
		c.ca.cwnd = c.ca.ssthresh
		c.ca.stamp = c.now
	}
}

// retransmitQueue sends what is lost again, as far as the window allows
// (tcp_xmit_retransmit_queue), then new data.
func (c *Conn) retransmitQueue() {
	d := &c.send
	if d.lost > d.retrans || d.lost > 0 {
		for i := 0; i < d.q.len(); i++ {
			if d.lost <= d.retrans || c.paced() {
				break
			}
			seg := d.q.at(i)
			if seg.marks&txLost == 0 || seg.marks&(txSacked|txRetrans) != 0 {
				continue
			}
			room := int(c.ca.cwnd) - int(c.inFlight())
			if room <= 0 {
				break
			}
			room = min(room, c.autosize(max(d.mss, 1)))
			if c.smallQueue(int(seg.end-seg.seq), 1) {
				return
			}
			if int(seg.packets) > room {
				c.split(i, seg.seq+uint32(room*max(d.mss, 1)))
			}
			if c.ca.state == caLoss {
				c.env.Count(StatSlowStartRetrans, 1)
			} else {
				c.env.Count(StatFastRetrans, 1)
			}
			first := i == 0
			c.resend(i)
			if first && c.kind != timerReorder {
				c.armRTO(timerRTO, c.backedOff())
			}
		}
	}
	c.xmit(c.keep.t.Cork, false, false)
}

// resend sends the i-th segment again.
func (c *Conn) resend(i int) bool {
	d := &c.send
	seg := d.q.at(i)
	if before(seg.seq, d.una) && seg.flags&Syn == 0 { // acknowledged in part
		c.recount(seg.marks, 0)
		seg.seq = d.una
	}
	if !before(seg.seq, c.windowEnd()) && seg.seq != d.una && seg.flags&Syn == 0 {
		return false // the window shrank
	}
	mss := max(c.send.mss, 1)
	c.collapse(i, mss)
	n := packetsOf(int(seg.end-seg.seq), mss)
	if n != seg.packets {
		c.recount(seg.marks, int(n)-int(seg.packets))
		seg.packets = n
	}
	if d.retransStamp == 0 {
		d.retransStamp = c.now
	}
	if c.set.ECNFallback && seg.flags&(Syn|Ack) == Syn {
		seg.flags &^= Ece | Cwr // something on the way may dislike them: RFC 3168 §6.1.1.1
	}
	c.env.Count(StatRetransSegs, int(n))
	t := c.trouble()
	t.Retrans += uint32(n)
	t.BytesRetrans += uint64(seg.end - seg.seq)
	if seg.flags&Syn != 0 {
		c.env.Count(StatSynRetrans, 1)
	}
	c.stampRate(seg)
	c.emitSeg(seg, mss, true)
	if seg.marks&txRetrans == 0 {
		seg.marks |= txRetrans
		d.retrans += uint32(n)
	}
	seg.marks |= txEver
	if c.rec.undoRetrans < 0 {
		c.rec.undoRetrans = 0
	}
	c.rec.undoRetrans += int(n)
	if c.inReduction() {
		c.rec.prrOut += uint32(n)
	}
	return true
}

package tcb

// initUndo remembers what an episode may have to take back.
func (c *Conn) initUndo() {
	c.rec.undoMarker = c.send.una
	c.rec.undoRetrans = int(c.send.retrans)
	if c.rec.undoRetrans == 0 {
		c.rec.undoRetrans = -1
	}
}

// delayed reports that the original came, by timestamp (RFC 4015, 3522).
func (c *Conn) delayed(ecr uint32, has bool) bool {
	if c.send.retransStamp == 0 || !c.tsOK || !has || ecr == 0 {
		return false
	}
	first := uint32(c.send.retransStamp/1000000) + c.stamp.offset
	return int32(ecr-first) < 0
}

func (c *Conn) mayUndo() bool {
	return c.rec.undoMarker != 0 && (c.rec.undoRetrans == 0 || c.delayed(c.fill.lastEcr, c.fill.lastEcr != 0))
}

// undo restores the window of before the episode.
func (c *Conn) undo(unmark bool) {
	d := &c.send
	if unmark {
		for i := range d.q.len() {
			d.q.at(i).marks &^= txLost
		}
		d.lost = 0
	}
	if c.rec.priorSsthresh != 0 {
		c.ca.cwnd = max(c.ca.cwnd, c.ca.alg.undo(c))
		if c.rec.priorSsthresh > c.ca.ssthresh {
			c.ca.ssthresh = c.rec.priorSsthresh
			c.send.queueCWR = false
		}
	}
	c.ca.stamp = c.now
	c.rec.undoMarker = 0
	c.rec.advanced = true
}

// undoRecovery ends Recovery or Loss, as a false alarm if it was one; it
// reports that the state is kept for now, for Reno's ambiguity.
func (c *Conn) undoRecovery() bool {
	if c.mayUndo() {
		if c.ca.state == caLoss {
			c.env.Count(StatLossUndo, 1)
		} else {
			c.env.Count(StatFullUndo, 1)
		}
		c.undo(false)
	} else if c.rec.persist > 0 {
		c.rec.persist--
	}
	if c.send.una == c.rec.highSeq && !c.sackOK {
		if c.send.retrans == 0 {
			c.send.retransStamp = 0
		}
		return true // RFC 6582 §4: wait for one more
	}
	if c.ca.state == caRecovery {
		c.endReduction()
	}
	c.setCA(caOpen)
	c.rec.frto = false
	return false
}

func (c *Conn) undoDSACK() bool {
	if c.rec.undoMarker == 0 || c.rec.undoRetrans != 0 {
		return false
	}
	c.rec.persist = min(16, c.rec.persist+1)
	c.env.Count(StatDSACKUndo, 1)
	c.undo(false)
	return true
}

// undoPartial is a partial acknowledgement in Recovery that shows that nothing
// was lost.
func (c *Conn) undoPartial(w *ackWork) bool {
	if c.rec.undoMarker == 0 || !c.delayed(w.seg.Opt.TSEcr, w.seg.Opt.HasTS) {
		return false
	}
	if c.send.retrans > 0 {
		return true
	}
	c.send.retransStamp = 0
	c.env.Count(StatPartialUndo, 1)
	c.undo(true)
	c.tryKeepOpen()
	return true
}

// undoLoss leaves Loss when the timeout was spurious.
func (c *Conn) undoLoss(byFRTO bool) bool {
	if !byFRTO && !c.mayUndo() {
		return false
	}
	c.env.Count(StatLossUndo, 1)
	if byFRTO {
		c.env.Count(StatSpuriousRTOs, 1)
	}
	c.undo(true)
	c.send.retransmits = 0
	c.rec.frto = false
	if byFRTO || c.sackOK {
		c.setCA(caOpen)
	}
	return true
}

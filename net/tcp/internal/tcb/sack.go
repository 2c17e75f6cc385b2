package tcb

// tagSack marks what the peer's blocks cover (tcp_sacktag_write_queue).
func (c *Conn) tagSack(w *ackWork) {
	d := &c.send
	o := &w.seg.Opt
	blocks := o.SACK[:o.NumSACK]
	if c.checkDSACK(w.seg, blocks, w.priorUna, w) {
		blocks = blocks[1:]
	}
	if d.packets == 0 {
		return
	}
	for _, b := range blocks {
		if !after(b.End, b.Start) || after(b.End, d.nxt) || before(b.Start, d.una) && !after(b.End, d.una) {
			continue // nonsense, or old
		}
		if before(b.Start, d.una) {
			b.Start = d.una
		}
		c.tagBlock(b, w)
	}
	if w.flag&flagSacked != 0 && w.reord != d.nxt && c.ca.state != caLoss {
		c.noteReordering(w.reord, c.sackHigh())
	}
}

// sackHigh is the end of the highest range in SACK, or what is acknowledged.
func (c *Conn) sackHigh() uint32 {
	if c.send.sacked == 0 {
		return c.send.una
	}
	return c.rec.fack
}

// checkDSACK looks for a block that tells of a duplicate (RFC 2883 §4).
func (c *Conn) checkDSACK(s *Segment, blocks []Block, priorUna uint32, w *ackWork) bool {
	if len(blocks) == 0 {
		return false
	}
	first := blocks[0]
	switch {
	case before(first.Start, s.Ack):
		c.env.Count(StatDSACKRecv, 1)
	case len(blocks) > 1 && !after(first.End, blocks[1].End) && !before(first.Start, blocks[1].Start):
		c.env.Count(StatDSACKOfoRecv, 1)
	default:
		return false
	}
	if !after(first.End, first.Start) || before(first.Start, c.send.una-max(c.send.maxWnd, 1)) {
		return true
	}
	n := uint32(packetsOf(int(first.End-first.Start), max(c.send.mss, 1)))
	c.env.Count(StatDSACKRecvSegs, int(n))
	c.trouble().DSACKs += n
	w.flag |= flagDSACK
	if c.troubles.DSACKs > c.troubles.Retrans {
		return true // the network duplicated, not we
	}
	c.deliver(int(n), w) // the retransmission, for nothing
	if c.rec.tlpHigh != 0 && c.rec.tlpRetrans && first.End == c.rec.tlpHigh {
		w.flag |= flagDSACKTLP
	} else if c.rec.reordSeen != 0 {
		c.rec.dsackSeen = true
	}
	if c.rec.undoMarker != 0 && c.rec.undoRetrans > 0 && after(first.End, c.rec.undoMarker) {
		c.rec.undoRetrans = max(0, c.rec.undoRetrans-int(n))
	}
	return true
}

// tagBlock marks the segments that a block covers; a super-segment covered in
// part is split at a packet's edge.
func (c *Conn) tagBlock(b Block, w *ackWork) {
	q := &c.send.q
	lo, hi := 0, q.len()
	for lo < hi { // the first segment that ends behind the block's start
		m := (lo + hi) / 2
		if after(q.at(m).end, b.Start) {
			hi = m
		} else {
			lo = m + 1
		}
	}
	for i := lo; i < q.len(); i++ {
		seg := q.at(i)
		if !before(seg.seq, b.End) {
			return
		}
		if before(seg.seq, b.Start) || after(seg.end, b.End) {
			if seg.packets <= 1 {
				continue
			}
			if !c.splitFor(i, b) {
				continue
			}
			seg = q.at(i)
			if before(seg.seq, b.Start) {
				continue
			}
			if after(seg.end, b.End) {
				return
			}
		}
		c.tagSegment(seg, w)
	}
}

// splitFor cuts the i-th segment at the block's edge, rounded to packets so
// that no more is marked than the peer has.
func (c *Conn) splitFor(i int, b Block) bool {
	seg := c.send.q.at(i)
	mss := uint32(max(c.send.mss, 1))
	if before(seg.seq, b.Start) {
		cut := seg.seq + (b.Start-seg.seq+mss-1)/mss*mss
		if !before(cut, seg.end) {
			return false
		}
		c.split(i, cut)
		return true
	}
	cut := seg.seq + (b.End-seg.seq)/mss*mss
	if cut == seg.seq || !before(cut, seg.end) {
		return false
	}
	c.split(i, cut)
	return true
}

// tagSegment marks one segment as received out of order.
func (c *Conn) tagSegment(seg *txSeg, w *ackWork) {
	d := &c.send
	n := uint32(seg.packets)
	if seg.marks&txSacked != 0 {
		return
	}
	c.rackAdvance(seg)
	if seg.marks&txRetrans != 0 {
		if seg.marks&txLost != 0 {
			d.lost -= min(n, d.lost)
			d.retrans -= min(n, d.retrans)
			seg.marks &^= txLost | txRetrans
		}
	} else {
		if seg.marks&txEver == 0 {
			if before(seg.seq, c.sackHigh()) && before(seg.seq, w.reord) {
				w.reord = seg.seq
			}
			if !after(seg.end, c.rec.highSeq) {
				w.flag |= flagOrigSacked
			}
			w.sackAt = max(w.sackAt, seg.sentAt)
		}
		if seg.marks&txLost != 0 {
			seg.marks &^= txLost
			d.lost -= min(n, d.lost)
		}
	}
	if seg.marks&txRetrans != 0 {
		seg.marks &^= txRetrans
		d.retrans -= min(n, d.retrans)
	}
	seg.marks |= txSacked
	w.flag |= flagSacked
	if d.sacked == 0 || after(seg.end, c.rec.fack) {
		c.rec.fack = seg.end
	}
	d.sacked += n
	c.deliver(int(n), w)
	c.rateSkb(seg, w)
}

// noteReordering learns how far packets overtook each other: low came late,
// high had come.
func (c *Conn) noteReordering(low, high uint32) {
	r := &c.rec
	if !after(high, low) {
		return
	}
	n := (high - low) / uint32(max(c.send.mss, 1))
	if n > r.reordering {
		r.reordering = min(n, uint32(c.set.MaxReordering))
	}
	r.reordSeen++
	c.env.Count(StatSACKReorder, 1)
}

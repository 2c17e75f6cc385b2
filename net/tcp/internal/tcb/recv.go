package tcb

import (
	"time"

	"linen/lib/ktime"
	"linen/uapi"
)

// What is due to be acknowledged (ICSK_ACK_*).
const (
	ackScheduled = 1 << iota
	ackPushed
	ackPushed2
	ackNow
	ackDeferred // one for all of the backlog
	ackNoMem    // the buffer is full: the window is shut, whatever was promised
)

// receiver is the receiving side.
type receiver struct {
	irs           uint32
	nxt, wup, wnd uint32
	copied        uint32 // read by the application
	ssthresh      uint32 // limits the window while the peer starts
	clamp         uint32
	advMSS        int
	rcvMSS        int // estimate of the peer's
	ato           time.Duration
	quick         int
	pingpong      bool
	answers       uint8 // until it is, see tcp_pingpong_thresh
	everZero      bool
	fin           bool
	dsack         bool
	urgSeen       bool
	numSacks      uint8
	lastAt        ktime.T
	ofo           []ofoSeg
	sacks         *[4]Block // nil before the first
	dup           Block
	up            uint32
	space         uint32 // of the last round trip's reading
	spaceSeq      uint32
	spaceAt       ktime.T
}

// ofoSeg is payload that came before its turn.
type ofoSeg struct {
	base, seq, end uint32 // base: the number of the payload's first byte
	fin            bool   // end counts a FIN
	p              any
}

// data takes the payload and the FIN (tcp_data_queue).
func (c *Conn) data(s *Segment) (kept bool, why Reason) {
	r := &c.recv
	end := s.end()
	if end == s.Seq {
		return false, OK
	}
	switch c.State {
	case uapi.TCP_CLOSE_WAIT, uapi.TCP_CLOSING, uapi.TCP_LAST_ACK:
		if !before(s.Seq, r.nxt) || after(end, r.nxt) {
			return false, OldData // RFC 9293 §3.10.7.4: ignored; what comes again is acknowledged
		}
	case uapi.TCP_CLOSE, uapi.TCP_TIME_WAIT:
		return false, OldData
	}
	if c.RcvShut && c.Orphan && after(end-uint32(s.Flags&Fin), r.nxt) && s.Len > 0 {
		c.env.Count(StatAbortOnData, 1)
		return false, AbortOnData
	}
	if c.ecnOK && s.Len > 0 {
		c.noteECN(s)
	}
	switch {
	case s.Seq == r.nxt || before(s.Seq, r.nxt) && after(end, r.nxt):
		return c.inOrder(s, end)
	case !after(end, r.nxt):
		c.env.Count(StatDelayedACKLost, 1)
		if c.sackOK && c.set.DSACK {
			c.setDSACK(s.Seq, end)
		}
		c.enterQuick(initQuick)
		c.ackPend |= ackScheduled
		c.sendAckNow()
		return false, OldData
	case !before(s.Seq, r.nxt+c.rcvWindow()):
		c.enterQuick(initQuick)
		c.ackPend |= ackScheduled | ackNow
		return false, OverWindow
	}
	return c.outOfOrder(s, end)
}

func (c *Conn) sendAckNow() { c.ackPend |= ackNow }

// inOrder takes a segment that holds the next byte.
func (c *Conn) inOrder(s *Segment, end uint32) (bool, Reason) {
	r := &c.recv
	if c.rcvWindow() == 0 && s.Len > 0 {
		c.env.Count(StatZeroWindowDrop, 1)
		c.ackPend |= ackScheduled | ackNow
		c.enterQuick(initQuick)
		return false, ZeroWindow
	}
	// What the reader waits for is taken in any case (tcp_data_queue).
	if s.Len > 0 && !c.room(s) && r.nxt != r.copied {
		c.env.Count(StatRcvQDrop, 1)
		c.ackPend |= ackScheduled | ackNow | ackNoMem
		return false, NoMemory
	}
	skip := int(r.nxt - s.Seq)
	if skip > 0 && c.sackOK && c.set.DSACK {
		c.setDSACK(s.Seq, r.nxt)
	}
	kept := false
	dataEnd := s.Seq + uint32(s.Len)
	c.ackPend |= ackScheduled
	if s.Len > 0 {
		c.received(s)
	}
	r.nxt = end
	if n := int(dataEnd - s.Seq - uint32(skip)); s.Len > 0 && n > 0 {
		c.fill.BytesReceived += uint64(n)
		c.env.Deliver(s.Payload, skip, n)
		kept = true
	}
	if s.Flags&Fin != 0 {
		c.gotFin()
	}
	if len(r.ofo) > 0 {
		c.drainOfo()
		if len(r.ofo) == 0 {
			c.ackPend |= ackNow // the hole is filled: RFC 5681 §4.2
		}
	}
	c.dropSacked()
	return kept, OK
}

// outOfOrder queues a segment that came before its turn.
func (c *Conn) outOfOrder(s *Segment, end uint32) (bool, Reason) {
	r := &c.recv
	c.ackPend |= ackScheduled
	c.env.Count(StatOFOQueue, 1)
	c.trouble().OOOPackets++
	if s.Len > 0 && !c.room(s) {
		c.env.Count(StatOFODrop, 1)
		return false, OfoDrop
	}
	i, dup := r.place(s.Seq, end)
	if dup {
		c.env.Count(StatOFOMerge, 1)
		if c.sackOK && c.set.DSACK {
			c.setDSACK(s.Seq, end)
		}
		if c.sackOK {
			c.noteSack(s.Seq, end) // the block that holds it comes next: RFC 2883 §4
		}
		return false, OldData
	}
	n := ofoSeg{base: s.Seq, seq: s.Seq, end: end, fin: s.Flags&Fin != 0, p: s.Payload}
	if i > 0 && after(r.ofo[i-1].end, n.seq) {
		if c.sackOK && c.set.DSACK {
			c.setDSACK(n.seq, r.ofo[i-1].end)
		}
		n.seq = r.ofo[i-1].end
	}
	j := i
	for j < len(r.ofo) && !after(r.ofo[j].end, end) { // covered by the new one
		if c.sackOK && c.set.DSACK {
			c.setDSACK(r.ofo[j].seq, r.ofo[j].end)
		}
		c.env.Count(StatOFOMerge, 1)
		c.env.Discard(r.ofo[j].p, OldData)
		j++
	}
	if j < len(r.ofo) && before(r.ofo[j].seq, n.end) {
		n.end = r.ofo[j].seq
		n.fin = false
	}
	c.env.Keep(s.Payload)
	if j == i {
		r.ofo = append(r.ofo, ofoSeg{})
		copy(r.ofo[i+1:], r.ofo[i:])
	} else {
		r.ofo = append(r.ofo[:i+1], r.ofo[j:]...)
	}
	r.ofo[i] = n
	if c.sackOK { // without SACK a new window would make it no duplicate
		c.growWindow(s)
		c.noteSack(n.seq, n.end)
	}
	return true, OK
}

// place finds where a range goes; dup: one segment holds all of it.
func (r *receiver) place(seq, end uint32) (i int, dup bool) {
	i = len(r.ofo)
	for i > 0 && after(r.ofo[i-1].seq, seq) {
		i--
	}
	if i > 0 && !before(r.ofo[i-1].end, end) {
		return i, true
	}
	if i < len(r.ofo) && r.ofo[i].seq == seq && !before(r.ofo[i].end, end) {
		return i, true
	}
	return i, false
}

// drainOfo delivers what is in order now.
func (c *Conn) drainOfo() {
	r := &c.recv
	n := 0
	for n < len(r.ofo) && !after(r.ofo[n].seq, r.nxt) {
		o := r.ofo[n]
		n++
		if !after(o.end, r.nxt) {
			c.env.Discard(o.p, OldData)
			continue
		}
		data := o.end
		if o.fin {
			data--
		}
		skip, size := int(r.nxt-o.base), int(data-r.nxt)
		r.nxt = o.end
		if size > 0 {
			c.fill.BytesReceived += uint64(size)
			c.env.Deliver(o.p, skip, size)
		} else {
			c.env.Discard(o.p, OK)
		}
		if o.fin {
			r.ofo = r.ofo[n:] // those are given away; gotFin discards the others
			c.gotFin()
			return
		}
	}
	m := copy(r.ofo, r.ofo[n:])
	clear(r.ofo[m:])
	r.ofo = r.ofo[:m]
	if m == 0 && cap(r.ofo) > 64 {
		r.ofo = nil
	}
}

// gotFin takes the peer's FIN in order (tcp_fin).
func (c *Conn) gotFin() {
	c.ackPend |= ackScheduled
	c.recv.fin = true
	switch c.State {
	case uapi.TCP_SYN_RECV, uapi.TCP_ESTABLISHED:
		c.setState(uapi.TCP_CLOSE_WAIT)
		c.recv.pingpong = true
	case uapi.TCP_FIN_WAIT1:
		c.sendAck() // a simultaneous close
		c.setState(uapi.TCP_CLOSING)
	case uapi.TCP_FIN_WAIT2:
		c.sendAck()
		c.timeWait()
	}
	c.purgeOfo(OK)
}

// received learns from data that arrived (tcp_event_data_recv).
func (c *Conn) received(s *Segment) {
	r := &c.recv
	c.measureMSS(s)
	if r.rcvMSS > 0 {
		c.rcvByWindow()
		if c.tsOK {
			c.rcvByTS(s)
		}
	}
	if r.ato == 0 {
		c.incrQuick(initQuick)
		r.ato = atoMin
	} else {
		switch m := time.Duration(c.now - r.lastAt); {
		case m <= atoMin/2:
			r.ato = r.ato/2 + atoMin/2
		case m < r.ato:
			r.ato = min(r.ato/2+m, c.rtt.rto)
		case m > c.rtt.rto: // the sender was idle and starts slowly
			c.incrQuick(initQuick)
		}
	}
	r.lastAt = c.now
	if s.Len >= 128 {
		c.growWindow(s)
	}
}

// measureMSS estimates the peer's MSS (tcp_measure_rcv_mss).
func (c *Conn) measureMSS(s *Segment) {
	n := s.Len
	if s.MSS > 0 {
		n = min(n, s.MSS)
	}
	r := &c.recv
	if n >= r.rcvMSS {
		r.rcvMSS = min(n, max(r.advMSS, 1))
	}
	if s.Flags&Psh != 0 {
		if c.ackPend&ackPushed != 0 {
			c.ackPend |= ackPushed2
		}
		c.ackPend |= ackPushed
	}
}

// growWindow opens the window as the peer starts (tcp_grow_window).
func (c *Conn) growWindow(s *Segment) {
	r := &c.recv
	free, _ := c.env.Space()
	room := min(int(r.clamp), free) - int(r.ssthresh)
	if room <= 0 {
		return
	}
	r.ssthresh += uint32(min(room, max(2*s.Len, 2*r.advMSS)))
	r.quick = max(r.quick, 1)
}

// incrQuick lets the next acknowledgements go at once.
func (c *Conn) incrQuick(most int) {
	r := &c.recv
	n := int(r.wnd) / max(2*r.rcvMSS, 1)
	if n == 0 {
		n = 2
	}
	if n = min(n, most); n > r.quick {
		r.quick = n
	}
}

func (c *Conn) enterQuickMode(most int) {
	c.incrQuick(most)
	c.endPingpong()
	c.recv.ato = atoMin
}

func (c *Conn) enterQuick(most int) { c.enterQuickMode(most) }

// ackCheck sends an acknowledgement, or arms the timer for it
// (__tcp_ack_snd_check; RFC 9293 §3.8.6.3).
func (c *Conn) ackCheck() {
	if c.ackPend&ackScheduled == 0 || c.State == uapi.TCP_CLOSE || c.State == uapi.TCP_TIME_WAIT {
		return
	}
	r := &c.recv
	quick := r.quick > 0 && !r.pingpong || c.send.path.quickAck
	two := r.nxt-r.wup > uint32(r.rcvMSS) && (int(r.nxt-r.copied) < c.keep.t.RcvLowat || c.freeWindow() >= r.wnd)
	if two || quick || c.ackPend&ackNow != 0 {
		if c.inBacklog && c.set.BacklogAckDefer {
			c.ackPend |= ackDeferred
			return
		}
		c.sendAck()
		return
	}
	switch {
	case len(r.ofo) == 0:
		c.delayAck()
	case !c.hold():
		c.sendAck()
	}
}

// Backlog tells that the segments to come are of a backlog, whose end SendDeferred
// follows, or that they are no more; it reports that an acknowledgement waits for
// that end (TCP_ACK_DEFERRED).
func (c *Conn) Backlog(on bool) (deferred bool) {
	c.inBacklog = on
	return c.ackPend&ackDeferred != 0
}

// SendDeferred acknowledges what the segments of a backlog brought, unless a
// segment has done so since.
func (c *Conn) SendDeferred(now ktime.T) {
	c.now = now
	if c.ackPend&ackScheduled != 0 {
		c.sendAck()
	}
}

// delayAck arms the timer of delayed acknowledgements (tcp_send_delayed_ack).
func (c *Conn) delayAck() {
	r := &c.recv
	ato := r.ato
	if ato > atoMin {
		most := 500 * time.Millisecond
		if r.pingpong || c.ackPend&ackPushed != 0 {
			most = delackMax
		}
		if c.rtt.srtt != 0 {
			most = min(most, max(c.rtt.smoothed(), atoMin))
		}
		ato = min(ato, most)
	}
	ato = min(ato, c.delackLimit())
	at := c.now.Add(ato)
	if c.delack != 0 {
		if c.delack <= c.now.Add(ato/4) {
			c.sendAck()
			return
		}
		at = min(at, c.delack)
	}
	c.delack = at
}

func (c *Conn) delackLimit() time.Duration {
	if d := c.keep.t.DelackMax; d != 0 {
		return d
	}
	return delackMax
}

// ackSent notes that a segment carried the acknowledgement.
func (c *Conn) ackSent() {
	if c.ackPend&ackScheduled != 0 && c.recv.quick > 0 {
		c.recv.quick--
	}
	if c.recv.quick == 0 && c.ackPend&ackScheduled != 0 {
		c.recv.ato = max(c.recv.ato, atoMin)
	}
	c.ackPend = 0
	c.delack = 0
	c.released()
}

// noteECN looks at the ECN field of data (RFC 3168 §6.1.3).
func (c *Conn) noteECN(s *Segment) {
	if s.Flags&Cwr != 0 && c.ca.dctcp() == nil {
		c.send.demandCWR = false
	}
	if d := c.ca.dctcp(); d != nil && d.on {
		d.ceChanged(c, s.ECN == 3)
	} else if s.ECN == 3 {
		if !c.send.demandCWR {
			c.enterQuick(2)
		}
		c.send.demandCWR = true
	}
}

// AckNow sends an acknowledgement: the reader made room.
func (c *Conn) AckNow(now ktime.T) {
	c.now = now
	c.sendAck()
}

// Read notes that the application has read n bytes and adapts the buffer
// (tcp_rcv_space_adjust): it returns the bytes that a round trip took, 0 when
// there is nothing to do.
func (c *Conn) Read(now ktime.T, n int) (perRTT int) {
	c.now = now
	r := &c.recv
	r.copied += uint32(n)
	if r.urgSeen && after(r.copied, r.up) {
		r.urgSeen = false
	}
	if c.rtt.rcv == 0 || time.Duration(c.now-r.spaceAt) < time.Duration(c.rtt.rcv>>3)*time.Microsecond {
		return 0
	}
	got := r.copied - r.spaceSeq
	defer func() { r.spaceSeq, r.spaceAt = r.copied, c.now }()
	if got <= r.space {
		return 0
	}
	grown := 2*uint64(got) + 16*uint64(max(r.advMSS, 0))
	grown += 2 * grown * uint64(got-r.space) / uint64(max(r.space, 1))
	r.space = got
	return int(min(grown, 1<<30))
}

// Widen lets the window grow to a buffer of full bytes.
func (c *Conn) Widen(full int) {
	if limit := c.keep.t.WindowClamp; limit > 0 {
		full = min(full, limit)
	}
	c.recv.clamp = uint32(min(full, 65535<<c.rcvWS))
}

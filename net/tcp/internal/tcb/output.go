package tcb

import (
	"encoding/binary"
	"time"

	"linen/lib/ktime"
	"linen/uapi"
	"linen/wire"
)

// sender is the sending side.
type sender struct {
	iss, una, nxt uint32
	write         uint32 // behind the last byte queued, and the FIN
	pushed        uint32 // behind the last byte that is to be pushed
	wl1           uint32 // segment of the last window update
	wnd, maxWnd   uint32
	mss           int // payload of a packet, with the usual options
	clamp         int // the peer's MSS option, TCP_MAXSEG
	path          route
	q             txq
	packets       uint32 // sent and not acknowledged
	sacked        uint32 // of these in SACK, or for duplicate acks
	lost, retrans uint32
	small         uint32 // end of the last small segment (Minshall)
	up            uint32 // urgent pointer
	fin           bool   // a FIN is queued at write-1
	urg           bool
	queueCWR      bool
	demandCWR     bool // our receiver side wants CWR: we echo ECE
	limitedUsed   bool
	lastAt        ktime.T // last data segment
	backoff       uint32
	retransmits   uint32
	probes        uint32
	probeStart    ktime.T
	retransStamp  ktime.T // first retransmission of the episode
	delivered     uint64
	deliveredAt   ktime.T
	firstSentAt   ktime.T
	appLimited    uint64
	rateDelivered uint64
	rateInterval  time.Duration
}

// Write takes n more bytes to send. more holds a last small segment back
// (MSG_MORE); push marks their end.
func (c *Conn) Write(now ktime.T, n int, more bool) {
	c.now = now
	c.noteLimited()
	c.chronoStart(chronoBusy)
	c.send.write += uint32(n)
	if !more {
		c.send.pushed = c.send.write
	}
	if n > 0 && c.State == uapi.TCP_SYN_SENT {
		return
	}
	if n > 0 && c.autocork() {
		return
	}
	c.push(more)
}

// Push sends what may be sent: an option changed, a buffer grew.
func (c *Conn) Push(now ktime.T) {
	c.now = now
	c.push(false)
}

// push is tcp_push: it sends, and arms the timer when nothing could be.
func (c *Conn) push(more bool) {
	if c.State == uapi.TCP_SYN_SENT || c.State == uapi.TCP_CLOSE || c.State == uapi.TCP_SYN_RECV && c.send.una == c.send.iss && c.passive == nil {
		return
	}
	hold := c.keep.t.Cork || more
	if c.xmit(hold, false, false) {
		c.checkProbe()
	}
}

// sendFin puts a FIN behind the data (tcp_send_fin).
func (c *Conn) sendFin() {
	if c.send.fin {
		return
	}
	c.send.fin = true
	c.send.write++
	if c.xmit(false, true, false) {
		c.checkProbe()
	}
}

// inFlight is the packets in the network (tcp_packets_in_flight).
func (c *Conn) inFlight() uint32 {
	s := &c.send
	return s.packets - s.sacked - s.lost + s.retrans
}

// windowEnd is the first number beyond the peer's window.
func (c *Conn) windowEnd() uint32 { return c.send.una + c.send.wnd }

// curMSS is the payload of a packet with the options it has now.
func (c *Conn) curMSS() int {
	m := c.send.mss
	if n := c.sackOptLen(); n > 0 {
		m -= n
	}
	return max(m, 8)
}

// syncMSS computes the MSS from the path and the peer (tcp_sync_mss).
func (c *Conn) syncMSS() {
	m := int(c.send.path.mss)
	if c.send.clamp > 0 {
		m = min(m, c.send.clamp)
	}
	m = max(c.probedMSS(m)-int(c.send.path.ipOpt), c.set.MinSndMSS)
	if c.tsOK {
		m -= timestampLen
	}
	m -= c.signatureLen()
	if c.send.maxWnd > 0 { // never more than half the largest window
		half := int(c.send.maxWnd)
		if half > 536 {
			half /= 2
		}
		m = min(m, max(half, 68-40))
	}
	c.send.mss = max(m, 8)
}

// holdSmall is Nagle's and Minshall's rule: should a small segment wait?
func (c *Conn) holdSmall(cork bool) bool {
	s := &c.send
	if cork {
		return true
	}
	if c.keep.t.NoDelay || s.packets == 0 {
		return false
	}
	return after(s.small, s.una) && !after(s.small, s.nxt)
}

// segmentSize says how many bytes the next segment has; 0: none now. nagleOff
// sends small segments; quota is what congestion allows, in packets.
func (c *Conn) segmentSize(mss, quota int, cork, nagleOff bool) int {
	s := &c.send
	avail := int(s.write - s.nxt)
	window := int(int32(c.windowEnd() - s.nxt))
	data := avail
	if s.fin {
		data--
	}
	if data == 0 && s.fin && window >= 1 {
		return 1
	}
	if data == 0 || min(data, mss) > window {
		return 0
	}
	most := min(mss*min(quota, c.autosize(mss)), 65535/mss*mss)
	n := min(data, window, most)
	part := n % mss
	if n == data { // the last bytes
		if part != 0 && !nagleOff && !s.fin && !c.urgentPending() && c.holdSmall(cork) {
			n -= part
			if n == 0 {
				return 0
			}
			return n
		}
		if s.fin && n < most+1 && n+1 <= max(window, 1) {
			n++
		}
		return n
	}
	if n > mss && part != 0 {
		n -= part
	}
	return n
}

func (c *Conn) urgentPending() bool { return c.send.urg && after(c.send.up, c.send.una) }

// xmit sends new data (tcp_write_xmit). probe sends one segment although
// congestion forbids. It reports whether data wait and nothing is in flight.
func (c *Conn) xmit(cork, nagleOff, probe bool) (stalled bool) {
	s := &c.send
	mss := c.curMSS()
	sent := uint32(0)
	limited := false
	if c.mtu != nil && !probe && s.nxt != s.write && c.probeMTU() {
		return false
	}
	for s.nxt != s.write && !c.paced() {
		quota := int(c.ca.cwnd) - int(c.inFlight())
		if quota <= 0 {
			limited = true
			if !probe {
				break
			}
			quota = 1
		}
		quota = min(quota, max(int(c.ca.cwnd)>>1, 1)) // two super-segments at least keep the path busy
		if probe {
			quota = 1
		}
		n := c.segmentSize(mss, quota, cork, nagleOff)
		if n == 0 || c.smallQueue(n, 0) {
			break
		}
		sent += uint32(c.sendNew(n, mss))
		if probe {
			break
		}
	}
	c.chronoWindow()
	if sent == 0 {
		return s.packets == 0 && s.nxt != s.write && c.pace.timer == 0
	}
	if c.inReduction() {
		c.rec.prrOut += sent
	}
	if !probe {
		c.armTLP(false)
	}
	c.ca.validate(c, limited || c.inFlight() >= c.ca.cwnd)
	return false
}

// sendNew sends the next n bytes, of which the last may be the FIN.
func (c *Conn) sendNew(n, mss int) (packets uint16) {
	s := &c.send
	seg := txSeg{seq: s.nxt, end: s.nxt + uint32(n), flags: Ack, packets: 1}
	data := n
	if s.fin && seg.end == s.write {
		seg.flags |= Fin
		data--
	}
	seg.packets = packetsOf(data, mss)
	if s.pushed != s.una && !after(s.pushed, seg.end) && after(s.pushed, seg.seq) || after(seg.end, s.pushed+s.maxWnd/2) {
		seg.flags |= Psh
	}
	if data == 0 {
		seg.flags &^= Psh
	}
	if data < mss && data > 0 {
		s.small = seg.end
	}
	c.beforeData(data)
	c.stampRate(&seg)
	c.emitSeg(&seg, mss, false)
	was := s.packets
	s.nxt = seg.end
	s.packets += uint32(seg.packets)
	s.q.push(seg)
	c.env.Count(StatOrigDataSent, int(seg.packets))
	if was == 0 || c.kind == timerTLP || c.kind == timerProbe || c.kind == timerNone {
		c.rearmRTO()
	}
	return seg.packets
}

// beforeData is what changes when data are sent: an idle connection forgets
// its window, an answer makes the session interactive.
func (c *Conn) beforeData(n int) {
	s := &c.send
	if s.packets == 0 && s.lastAt != 0 {
		c.ca.alg.began(c)
		if c.set.SlowStartAfterIdle && c.ca.ctl() == nil && time.Duration(c.now-s.lastAt) > c.rtt.rto {
			c.ca.restart(c, time.Duration(c.now-s.lastAt))
		}
	}
	if n > 0 {
		if c.recv.lastAt != 0 && time.Duration(c.now-c.recv.lastAt) < c.recv.ato {
			c.answered()
		}
		s.lastAt = c.now
	}
}

// emitSeg sends or sends again a segment of the queue.
func (c *Conn) emitSeg(seg *txSeg, mss int, again bool) {
	o := Out{Seq: seg.seq, Flags: seg.flags}
	n := int(seg.end - seg.seq)
	if seg.flags&Syn != 0 {
		n--
	}
	if seg.flags&Fin != 0 {
		n--
	}
	o.Len, o.MSS, o.Retrans = n, max(mss, 1), again
	if seg.packets > 1 {
		o.Flags |= Psh // of the last packet: the peer's GRO has no more to wait for
	}
	o.ECT = c.ecnOK && (n > 0 && !again || c.ca.dctcp() != nil)
	if o.ECT && n > 0 && !again && c.send.queueCWR {
		o.Flags |= Cwr
		c.send.queueCWR = false
	}
	if c.ecnOK && c.send.demandCWR {
		o.Flags |= Ece
	}
	c.emit(o)
	if n > 0 {
		c.paceSent(n)
	}
	seg.sentAt = c.now
}

// emit fills acknowledgement, window and options of o and sends it.
func (c *Conn) emit(o Out) {
	if o.Flags&Syn != 0 {
		c.synHeader(&o)
		c.fill.SegsOut++
		c.env.Emit(o)
		return
	}
	o.Ack = c.recv.nxt
	o.Window = c.selectWindow()
	if s := &c.send; s.urg && after(s.up, s.una) && before(o.Seq, s.up) && s.up-o.Seq <= 0xffff+uint32(o.Len) {
		o.Flags |= Urg
		o.Urg = uint16(min(s.up-o.Seq, 0xffff))
	}
	p := o.Opt[:0]
	if c.keep.t.Signed {
		p = AppendSignature(p)
	}
	if c.tsOK {
		p = appendTS(p, c.tsNow(), c.stamp.recent)
	}
	p = c.appendSACK(p)
	o.OptLen = len(p)
	c.ackSent()
	c.fill.SegsOut += uint32(packetsOf(o.Len, max(o.MSS, 1)))
	if o.Len > 0 {
		c.fill.DataSegsOut += uint32(packetsOf(o.Len, max(o.MSS, 1)))
		c.fill.BytesSent += uint64(o.Len)
	}
	c.env.Emit(o)
}

// sendControl sends a segment without payload.
func (c *Conn) sendControl(seq uint32, flags uint16) {
	o := Out{Seq: seq, Flags: flags}
	if c.ecnOK && c.send.demandCWR && flags&Rst == 0 {
		o.Flags |= Ece
	}
	c.emit(o)
}

// sendAck sends a bare acknowledgement now.
func (c *Conn) sendAck() {
	if c.State == uapi.TCP_CLOSE {
		return
	}
	c.sendControl(c.send.nxt, Ack)
}

// appendSACK writes the blocks that are to be told (RFC 2018 §4, 2883 §4).
func (c *Conn) appendSACK(p []byte) []byte {
	r := &c.recv
	n := c.sackBlocks()
	if n == 0 {
		return p
	}
	p = append(p, 1, 1, wire.TCPOptSACK, byte(2+8*n))
	put := func(b Block) {
		p = binary.BigEndian.AppendUint32(p, b.Start)
		p = binary.BigEndian.AppendUint32(p, b.End)
	}
	if r.dsack {
		put(r.dup)
		n--
		r.dsack = false
	}
	for i := range n {
		put(r.sacks[i])
	}
	return p
}

// sackBlocks is how many blocks a segment carries now.
func (c *Conn) sackBlocks() int {
	if !c.sackOK {
		return 0
	}
	n := int(c.recv.numSacks)
	if c.recv.dsack {
		n++
	}
	room := maxOptLen - 4 - c.signatureLen()
	if c.tsOK {
		room -= timestampLen
	}
	return min(n, room/8)
}

func (c *Conn) sackOptLen() int {
	if n := c.sackBlocks(); n > 0 {
		return 4 + 8*n
	}
	return 0
}

// WriteUrgentAfter marks the last of the n bytes written next as urgent
// (MSG_OOB).
func (c *Conn) WriteUrgentAfter(n int) {
	c.send.up, c.send.urg = c.send.write+uint32(n), true
}

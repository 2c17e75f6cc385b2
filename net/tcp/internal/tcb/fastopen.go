package tcb

import (
	"linen/lib/ktime"
	"linen/uapi"
)

// A FastOpen is TCP Fast Open on the side that opens: what the SYN carries, and
// what came of it (RFC 7413 §4.1.3).
type FastOpen struct {
	Ask    bool   // the SYN has the option: a request unless there is a cookie
	Exp    bool   // in its experimental form (kind 254, RFC 6994)
	Cookie []byte // known from before
	Data   int    // bytes of the stream in the SYN
	Queued int    // bytes of the stream written before the SYN

	MSS    int    // of the SYN-ACK, 0 before it
	Got    []byte // the cookie of the SYN-ACK, if any
	GotExp bool
	Resent bool // the SYN had to be sent again
	Acked  bool // the SYN-ACK acknowledged the data
	Failed bool // it did not: they were sent again
}

// Fast returns what Connect was given, or nil.
func (c *Conn) Fast() *FastOpen { return c.fast }

// sendFastSyn sends the SYN with data behind it; the queue has them as two
// segments, for a SYN that is lost is sent again alone.
func (c *Conn) sendFastSyn(syn txSeg) {
	s, n := &c.send, c.fast.Data
	whole := syn
	whole.end += uint32(n)
	c.emitSeg(&whole, n+1, false)
	syn.sentAt = whole.sentAt
	s.q.push(syn)
	data := txSeg{seq: syn.end, end: whole.end, flags: Ack | Psh, packets: packetsOf(n, c.curMSS()), sentAt: whole.sentAt}
	c.stampRate(&data)
	s.q.push(data)
	s.nxt = data.end
	s.packets += uint32(data.packets)
	s.lastAt = c.now
	c.fill.DataSegsOut += uint32(data.packets)
	c.fill.BytesSent += uint64(n)
	c.env.Count(StatOrigDataSent, int(data.packets))
}

// unsendFast takes the data of the SYN back: the peer's SYN crossed it.
func (c *Conn) unsendFast() {
	s := &c.send
	if c.fast == nil || s.q.len() < 2 {
		return
	}
	s.packets = uint32(s.q.at(0).packets)
	s.q.list = s.q.list[:s.q.head+1]
	s.nxt = s.iss + 1
	c.fast.Failed = true
	c.fast = nil
}

// fastAnswer settles what the SYN-ACK says of the data of the SYN, which were
// taken off the queue; it reports that they are sent again
// (tcp_rcv_fastopen_synack).
func (c *Conn) fastAnswer(data txSeg, ack uint32) (again bool) {
	s, f := &c.send, c.fast
	if !after(data.end, ack) {
		f.Acked = true
		c.env.Count(StatFastOpenActive, 1)
		w := ackWork{}
		c.deliver(int(data.packets), &w)
		return false
	}
	f.Failed = true
	c.env.Count(StatFastOpenActiveFail, 1)
	if before(data.seq, ack) {
		data.seq = ack
	}
	data.marks = 0
	data.packets = packetsOf(int(data.end-data.seq), s.mss)
	s.q.push(data)
	s.packets += uint32(data.packets)
	c.markLost(s.q.at(0))
	c.lostWithoutCongestion()
	return true
}

// lostWithoutCongestion sends again what is marked lost, for another reason
// than congestion (tcp_non_congestion_loss_retransmit).
func (c *Conn) lostWithoutCongestion() {
	if c.ca.state != caLoss {
		c.rec.highSeq = c.send.nxt
		c.ca.ssthresh = c.ca.alg.ssthresh(c)
		c.rec.priorSsthresh, c.rec.undoMarker = 0, 0
		c.setCA(caLoss)
	}
	c.retransmitQueue()
}

// fastLearn takes the option of the SYN-ACK.
func (c *Conn) fastLearn(s *Segment, resent bool) {
	f := c.fast
	f.MSS, f.Resent = defaultMSS, resent
	if s.Opt.HasMSS {
		f.MSS = int(s.Opt.MSS)
	}
	if f.Ask && len(s.Opt.Fast) > 0 {
		f.Got, f.GotExp = append(f.Got[:0], s.Opt.Fast...), s.Opt.FastExp
	}
}

// AcceptFast makes the connection of a request whose SYN s has a valid cookie:
// its data are delivered, the SYN-ACK goes out with cookie, if that is not
// empty, and the answer may begin before the handshake is over (RFC 7413
// §4.2.2; tcp_fastopen_create_child).
func (c *Conn) AcceptFast(now ktime.T, q *Request, s *Segment, cookie []byte, exp bool) (kept bool) {
	c.Accept(now, q)
	d := &c.send
	d.una = d.iss
	d.wnd = uint32(s.Window)
	d.maxWnd, d.wl1 = d.wnd, s.Seq
	c.passive = &FastOpen{Ask: len(cookie) > 0, Cookie: cookie, Exp: exp}
	c.syncMSS()
	if s.Len > 0 {
		g := *s
		g.Seq++
		g.Flags &^= Syn
		kept, _ = c.inOrder(&g, g.end())
		c.passive.Acked = kept
		c.fill.DataSegsIn++
	}
	c.fill.SegsIn++
	seg := txSeg{seq: d.iss, end: d.iss + 1, flags: Syn | Ack, packets: 1}
	if c.ecnOK {
		seg.flags |= Ece
	}
	d.packets = 1
	c.stampRate(&seg)
	c.emitSeg(&seg, 0, false)
	c.passive.Ask = false // a SYN-ACK that is sent again has no option
	c.ackSent()
	d.q.push(seg)
	c.armRTO(timerRTO, c.rtt.rto)
	return kept
}

// FastChild reports that the connection began by AcceptFast, and whether its
// handshake is still under way.
func (c *Conn) FastChild() (was, pending bool) { return c.passive != nil, c.fastPending() }

// FastData reports that the SYN of a connection that began by AcceptFast had
// data.
func (c *Conn) FastData() bool { return c.passive != nil && c.passive.Acked }

// fastPending reports that the SYN-ACK of AcceptFast is not acknowledged.
func (c *Conn) fastPending() bool {
	return c.passive != nil && c.send.una == c.send.iss && c.send.q.len() > 0
}

// fastAccepted takes the first acknowledgement after AcceptFast; what it
// acknowledges besides the SYN-ACK is left to ack.
func (c *Conn) fastAccepted(s *Segment) {
	d := &c.send
	seg := d.q.at(0)
	if seg.marks&txEver == 0 {
		us := uint32(max((c.now-seg.sentAt)/1000, 1))
		c.rtt.sample(c, us)
		c.rtt.noteMin(c, us)
	}
	if seg.marks&txRetrans != 0 {
		d.retrans -= min(1, d.retrans)
	}
	if seg.marks&txLost != 0 {
		d.lost -= min(1, d.lost)
	}
	d.packets -= min(1, d.packets)
	d.q.pop()
	d.una = d.iss + 1
	d.retransmits, d.backoff, d.retransStamp = 0, 0, 0
	c.endRTO()
	d.wnd = uint32(s.Window) << c.sndWS
	c.rearmRTO()
	if c.State == uapi.TCP_SYN_RECV {
		c.established(s)
		return
	}
	c.transfer(s)
}

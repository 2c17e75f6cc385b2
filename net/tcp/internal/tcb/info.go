package tcb

import (
	"time"

	"linen/lib/ktime"
)

// Counters are a connection's totals (TCP_INFO).
type Counters struct {
	SegsIn, SegsOut         uint32
	DataSegsIn, DataSegsOut uint32
	BytesAcked, BytesSent   uint64
	BytesReceived           uint64
	ECNSeen                 bool // an ECN field that was not 0 came
	lastAckAt               ktime.T
	lastEcr                 uint32
}

// Troubles are the totals of what few connections meet: loss, reordering,
// congestion marks (TCP_INFO).
type Troubles struct {
	BytesRetrans    uint64
	Retrans, DSACKs uint32
	OOOPackets      uint32
	RTOs            uint32        // timeouts, of SYN and SYN-ACK too
	RTORecoveries   uint32        // episodes that a timeout began
	RTOTime         time.Duration // that these took
	rtoAt           ktime.T       // the begin of the one under way, 0: none
	DeliveredCE     uint32
	// What came while the connection was established, by the ECN field.
	ReceivedCE                uint32 // packets
	BytesE1, BytesE0, BytesCE uint32 // payload
}

// trouble returns the totals of c to add to.
func (c *Conn) trouble() *Troubles {
	if c.troubles == nil {
		c.troubles = new(Troubles)
	}
	return c.troubles
}

// retransmitted is how many packets were sent again.
func (c *Conn) retransmitted() uint32 {
	if c.troubles == nil {
		return 0
	}
	return c.troubles.Retrans
}

// deliveredCE is how many packets were delivered with a congestion mark.
func (c *Conn) deliveredCE() uint32 {
	if c.troubles == nil {
		return 0
	}
	return c.troubles.DeliveredCE
}

// noteRTO counts a timeout; the first of an episode begins its time.
func (c *Conn) noteRTO() {
	t := c.trouble()
	if c.send.retransmits == 0 {
		t.RTORecoveries++
		t.rtoAt = c.now
	}
	t.RTOs++
}

// endRTO ends the episode that a timeout began (tcp_update_rto_time).
func (c *Conn) endRTO() {
	if t := c.troubles; t != nil && t.rtoAt != 0 {
		t.RTOTime += millis(c.now) - millis(t.rtoAt)
		t.rtoAt = 0
	}
}

// millis is a time in whole milliseconds, as these totals are taken.
func millis(t ktime.T) time.Duration { return time.Duration(t).Truncate(time.Millisecond) }

// noteField counts the ECN field of a segment that came, whether ECN is used or
// not (tcp_ecn_received_counters).
func (c *Conn) noteField(s *Segment, segs uint32) {
	if s.ECN == 0 {
		return
	}
	c.fill.ECNSeen = true
	t := c.trouble()
	switch s.ECN {
	case 1:
		t.BytesE1 += uint32(s.Len)
	case 2:
		t.BytesE0 += uint32(s.Len)
	case 3:
		t.ReceivedCE += segs
		t.BytesCE += uint32(s.Len)
	}
}

// An Info is a snapshot of a connection (struct tcp_info). Times are
// durations, windows in packets or bytes as there.
type Info struct {
	Counters
	Troubles
	State, CA                         uint8
	Retransmits, Probes, Backoff      uint8
	TS, SACK, WS, ECN                 bool
	SndWS, RcvWS                      uint8
	RTO, ATO                          time.Duration
	SndMSS, RcvMSS, AdvMSS            int
	Unacked, Sacked, Lost, RetransOut uint32
	LastSent, LastRecv, LastAck       time.Duration
	RcvSsthresh                       uint32
	RTT, RTTVar, MinRTT, RcvRTT       uint32 // microseconds
	SndSsthresh, SndCwnd              uint32
	Reordering, RcvSpace              uint32
	NotSent                           uint32
	PacingRate, DeliveryRate          uint64
	AppLimited                        bool
	Busy                              time.Duration // with data to send or not acknowledged
	WindowLimited, BufferLimited      time.Duration // of that: held up by the peer's window, by the send buffer
	ReorderSeen                       uint32
	Delivered                         uint32
	SndWnd, RcvWnd                    uint32
	Una, Nxt, RcvNxt                  uint32
	PMTU                              int
	Timer                             uint8 // kind shown by /proc: 0, 1 rto, 2 keepalive, 4 probe
	Expires                           ktime.T
	Quick                             uint32
	Pingpong                          bool
	UserMSS                           int
}

// Info returns a snapshot.
func (c *Conn) Info(now ktime.T) Info {
	s, r := &c.send, &c.recv
	i := Info{
		Counters: c.fill, State: c.State, CA: c.ca.state, Retransmits: uint8(s.retransmits), Probes: uint8(max(int(s.probes), c.keep.probes)),
		Backoff: uint8(s.backoff), TS: c.tsOK, SACK: c.sackOK, WS: c.wsOK, ECN: c.ecnOK, SndWS: c.sndWS, RcvWS: c.rcvWS,
		RTO: c.backedOff(), ATO: r.ato, SndMSS: s.mss, RcvMSS: r.rcvMSS, AdvMSS: r.advMSS,
		Unacked: s.packets, Sacked: s.sacked, Lost: s.lost, RetransOut: s.retrans,
		RcvSsthresh: r.ssthresh, RTT: c.rtt.srtt >> 3, RTTVar: c.rtt.mdev >> 2, MinRTT: c.rtt.min, RcvRTT: c.rtt.rcv >> 3,
		SndSsthresh: c.ca.ssthresh, SndCwnd: c.ca.cwnd, Reordering: c.rec.reordering, RcvSpace: r.space,
		NotSent: s.write - s.nxt, Delivered: uint32(s.delivered), SndWnd: s.wnd, RcvWnd: c.rcvWindow(),
		Una: s.una, Nxt: s.nxt, RcvNxt: r.nxt, Quick: uint32(r.quick), Pingpong: r.pingpong,
		AppLimited: s.limitedUsed, ReorderSeen: c.rec.reordSeen,
	}
	if c.troubles != nil {
		i.Troubles = *c.troubles
		if i.rtoAt != 0 {
			i.RTOTime += millis(now) - millis(i.rtoAt)
		}
	}
	if int(s.path.mss) > 0 {
		i.PMTU = int(s.path.mss) + 40
	}
	i.PacingRate, i.DeliveryRate = c.pace.rate, s.deliveryRate()
	i.Busy, i.WindowLimited, i.BufferLimited = c.chrono.times(now)
	since := func(t ktime.T) time.Duration { return jiffies(now) - jiffies(t) }
	i.LastSent, i.LastRecv, i.LastAck = since(s.lastAt), since(r.lastAt), since(c.fill.lastAckAt)
	switch {
	case c.kind == timerProbe:
		i.Timer, i.Expires = 4, c.rtx
	case c.kind != timerNone:
		i.Timer, i.Expires = 1, c.rtx
	case c.keepAt != 0:
		i.Timer, i.Expires = 2, c.keepAt
	}
	return i
}

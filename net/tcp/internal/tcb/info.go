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
	BytesRetrans            uint64
	Retrans, DSACKs, RTOs   uint32
	DeliveredCE             uint32
	OOOPackets              uint32
	ECNSeen                 bool
	lastAckAt               ktime.T
	lastEcr                 uint32
}

// An Info is a snapshot of a connection (struct tcp_info). Times are
// durations, windows in packets or bytes as there.
type Info struct {
	Counters
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

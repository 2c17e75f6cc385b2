package tcb

import (
	"time"
)

// A Seed is what earlier connections with the same host learned.
type Seed struct {
	Ssthresh   uint32 // packets, 0: unknown
	Reordering uint32 // packets, 0: unknown
	RTT        uint32 // microseconds, 8 times; 0: unknown
	CwndClamp  uint32 // the congestion window's bound, packets; 0: none
}

// SetSeed gives a connection that is being opened what is known of its peer.
func (c *Conn) SetSeed(s Seed) { c.seed = s }

// sow uses it (tcp_init_metrics). The round trip of the handshake is that of
// small packets: a longer one seeds the timeout, not the estimate.
func (c *Conn) sow() {
	s := c.seed
	if s.Ssthresh > 0 {
		c.ca.ssthresh = s.Ssthresh
		if n := c.seed.CwndClamp; n > 0 {
			c.ca.ssthresh = min(c.ca.ssthresh, n)
		}
	}
	if s.Reordering > 0 {
		c.rec.reordering = s.Reordering
	}
	if s.RTT > c.rtt.srtt {
		rtt := time.Duration(s.RTT/8) * time.Microsecond / jiffy * jiffy
		c.rtt.rto = rtt + max(2*rtt, c.rtoMin())
		c.rtt.bound(c)
	}
}

// A Harvest is what a connection learned, at its end.
type Harvest struct {
	RTT, MDev      uint32 // microseconds, 8 and 4 times; RTT 0: no estimate
	Cwnd, Ssthresh uint32
	Reordering     uint32
	FirstStart     bool // slow start has never ended
	SlowStart      bool
	Open           bool // nothing was lost of late
}

// Harvest returns what is worth remembering of the connection
// (tcp_update_metrics).
func (c *Conn) Harvest() Harvest {
	h := Harvest{
		RTT: c.rtt.srtt, MDev: c.rtt.mdev, Cwnd: c.ca.cwnd, Ssthresh: c.ca.ssthresh, Reordering: c.rec.reordering,
		FirstStart: c.ca.ssthresh >= infinite, SlowStart: c.ca.cwnd < c.ca.ssthresh, Open: c.ca.state == caOpen,
	}
	if c.send.backoff > 0 {
		h.RTT = 0
	}
	return h
}

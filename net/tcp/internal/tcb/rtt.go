package tcb

import (
	"time"

	"linen/lib/ktime"
)

// rtt is the round trip estimate, in microseconds (RFC 6298, with Linux's
// variance over a window: mdev_max is the largest of a round trip).
type rtt struct {
	srtt    uint32 // 8 times the smoothed round trip
	mdev    uint32 // 4 times the mean deviation
	mdevMax uint32
	rttvar  uint32
	seq     uint32 // end of the round trip over which mdevMax is taken
	rto     time.Duration
	min     uint32           // the least of tcp_min_rtt_wlen
	least   windowed[uint32] // by milliseconds
	rcv     uint32           // the receiver's estimate, 8 times
	rcvSeq  uint32
	rcvAt   ktime.T
	lastEcr uint32
}

// jiffy is the step of the timeout and of times that are shown, as with HZ=250.
const jiffy = 4 * time.Millisecond

// Ticks rounds a time up to whole steps.
func Ticks(d time.Duration) time.Duration { return (d + jiffy - 1) / jiffy * jiffy }

func (r *rtt) init(c *Conn) {
	r.mdev = uint32(initialRTO / time.Microsecond)
	r.rto = initialRTO
	r.min = ^uint32(0)
}

// rtoMin is the least timeout: the route's, if it is locked there.
func (c *Conn) rtoMin() time.Duration {
	if us := c.send.path.rtoMin; us != 0 {
		return time.Duration(us) * time.Microsecond
	}
	if c.keep.t.RTOMin != 0 {
		return c.keep.t.RTOMin
	}
	return c.set.RTOMin
}

func (c *Conn) rtoMax() time.Duration {
	if c.keep.t.RTOMax != 0 {
		return c.keep.t.RTOMax
	}
	return c.set.RTOMax
}

// sample takes a measured round trip of us microseconds.
func (r *rtt) sample(c *Conn, us uint32) {
	us = max(us, 1)
	least := uint32(c.rtoMin() / time.Microsecond)
	if r.srtt == 0 {
		r.srtt = us << 3
		r.mdev = us << 1
		r.rttvar = max(r.mdev, least)
		r.mdevMax = r.rttvar
		r.seq = c.send.nxt
		r.set(c)
		return
	}
	m := int32(us) - int32(r.srtt>>3)
	r.srtt = uint32(int32(r.srtt) + m)
	if m < 0 {
		m = -m - int32(r.mdev>>2)
		if m > 0 { // a decrease moves the deviation slowly
			m >>= 3
		}
	} else {
		m -= int32(r.mdev >> 2)
	}
	r.mdev = uint32(int32(r.mdev) + m)
	if r.mdev > r.mdevMax {
		r.mdevMax = r.mdev
		r.rttvar = max(r.rttvar, r.mdevMax)
	}
	if after(c.send.una, r.seq) {
		if r.mdevMax < r.rttvar {
			r.rttvar -= (r.rttvar - r.mdevMax) >> 2
		}
		r.seq = c.send.nxt
		r.mdevMax = least
	}
	r.srtt = max(r.srtt, 1)
	r.set(c)
}

// set computes the timeout without backoff (tcp_set_rto).
func (r *rtt) set(c *Conn) {
	r.rto = Ticks(time.Duration(r.srtt>>3+r.rttvar) * time.Microsecond)
	r.bound(c)
}

func (r *rtt) bound(c *Conn) { r.rto = min(r.rto, c.rtoMax()) }

// smoothed returns the round trip, 0 before a sample.
func (r *rtt) smoothed() time.Duration { return time.Duration(r.srtt>>3) * time.Microsecond }

// noteMin keeps the least round trip of tcp_min_rtt_wlen.
func (r *rtt) noteMin(c *Conn, us uint32) {
	const ms = ktime.T(time.Millisecond)
	r.least.add(uint32(c.now/ms), max(us, 1), uint32(c.set.MinRTTWindow/time.Millisecond))
	r.min = r.least.best(1)
}

// ackRTT takes the round trip that an acknowledgement shows: of a segment
// acknowledged, of one in SACK, or by timestamp; -1 is none. It reports
// whether there was any (tcp_ack_update_rtt).
func (c *Conn) ackRTT(seq, sack, ca int64, ts bool, ecr uint32, flag int) bool {
	if seq < 0 {
		seq = sack
	}
	if seq < 0 && ts && ecr != 0 && flag&flagAcked != 0 {
		if delta := int32(c.tsNow() - ecr); delta >= 0 {
			seq = max(int64(delta)*1000, 1000)
			ca = seq
		}
	}
	if seq < 0 {
		return false
	}
	if ca >= 0 {
		if flag&flagMaybeDelayed == 0 || uint32(ca) <= c.rtt.min {
			c.rtt.noteMin(c, uint32(ca))
		}
	}
	c.rtt.sample(c, uint32(min(seq, 1<<30)))
	c.send.backoff = 0
	return true
}

// rcvSample takes the receiver's estimate: window is not smoothed when the
// measure covers a window (tcp_rcv_rtt_update).
func (r *rtt) rcvSample(us uint32, windowDep bool) {
	us = max(us, 1)
	switch {
	case r.rcv == 0:
		r.rcv = us << 3
	case windowDep:
		if us<<3 < r.rcv {
			r.rcv = us << 3
		}
	default:
		r.rcv = r.rcv - r.rcv>>3 + us
	}
}

// rcvByWindow measures the time in which a window of data came.
func (c *Conn) rcvByWindow() {
	r := &c.rtt
	if r.rcvAt != 0 {
		if before(c.recv.nxt, r.rcvSeq) {
			return
		}
		r.rcvSample(uint32((c.now-r.rcvAt)/1000), true)
	}
	r.rcvSeq = c.recv.nxt + uint32(c.recv.wnd)
	r.rcvAt = c.now
}

// rcvByTS measures the echo of our own timestamps.
func (c *Conn) rcvByTS(s *Segment) {
	r := &c.rtt
	if !s.Opt.HasTS || s.Opt.TSEcr == 0 || s.Opt.TSEcr == r.lastEcr {
		return
	}
	r.lastEcr = s.Opt.TSEcr
	if s.Len >= c.recv.rcvMSS {
		if d := int32(c.tsNow() - s.Opt.TSEcr); d >= 0 {
			r.rcvSample(uint32(max(d, 1))*1000, false)
		}
	}
}

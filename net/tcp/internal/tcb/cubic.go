package tcb

import (
	"math"
	"time"

	"linen/lib/ktime"
)

// Parameters of CUBIC (RFC 9438 §4) and HyStart.
const (
	cubicC        = 0.4
	cubicBeta     = 717.0 / 1024
	hystartLow    = 16 // window at which HyStart begins to look
	hystartTrain  = 2 * time.Millisecond
	hystartMinRTT = 8
	hystartDelay  = 4000      // microseconds, at least
	hystartMost   = 16000     // and at most
	cubicPause    = 7 * jiffy // HZ/32: an unchanged window is not looked at more often
)

// cubic is CUBIC with HyStart's two signs to leave slow start.
type cubic struct {
	wmax    uint32  // window at the last reduction
	k       float64 // seconds until it is reached again
	origin  uint32
	epoch   ktime.T // begin of this growth, 0: none
	west    uint32  // what Reno would have
	acks    uint32  // packets acknowledged that west does not count yet
	n       uint32  // the last divisor, of lastCwnd at lastAt
	lastAt  ktime.T
	minRTT  int64 // least round trip, microseconds
	roundAt ktime.T
	lastAck ktime.T
	endSeq  uint32
	roundRT int64 // least of the round
	samples int
	found   bool

	lastCwnd uint32
}

// cubicSeed is CUBIC of a connection that has not sent anything: the state is
// made when the first data are acknowledged or lost.
type cubicSeed struct{}

// grow makes the state, as of the beginning.
func (cubicSeed) grow(c *Conn) *cubic {
	q := new(cubic)
	q.round(c)
	q.endSeq = c.send.iss
	c.ca.alg = q
	return q
}

func (cubicSeed) name() string              { return "cubic" }
func (cubicSeed) start(*Conn)               {}
func (cubicSeed) began(*Conn)               {}
func (cubicSeed) undo(c *Conn) uint32       { return max(c.ca.cwnd, c.ca.prior) }
func (s cubicSeed) ssthresh(c *Conn) uint32 { return s.grow(c).ssthresh(c) }

func (s cubicSeed) avoid(c *Conn, acked uint32) {
	if c.fill.BytesSent > 0 {
		s.grow(c).avoid(c, acked)
	}
}

func (s cubicSeed) acked(c *Conn, packets uint32, us int64) {
	if us >= 0 && c.fill.BytesSent > 0 { // not only a FIN
		s.grow(c).acked(c, packets, us)
	}
}

func (s cubicSeed) changed(c *Conn, state uint8) {
	if state == caLoss {
		s.grow(c).changed(c, state)
	}
}

func (*cubic) name() string { return "cubic" }

func (q *cubic) start(c *Conn) {
	*q = cubic{}
	q.round(c)
}

func (q *cubic) round(c *Conn) {
	q.roundAt, q.lastAck = c.now, c.now
	q.endSeq = c.send.nxt
	q.roundRT, q.samples = math.MaxInt64, 0
}

func (q *cubic) ssthresh(c *Conn) uint32 {
	cwnd := c.ca.cwnd
	c.ca.prior = cwnd
	q.epoch = 0
	if cwnd < q.wmax { // fast convergence: RFC 9438 §4.7
		q.wmax = uint32(float64(cwnd) * (1 + cubicBeta) / 2)
	} else {
		q.wmax = cwnd
	}
	return max(uint32(float64(cwnd)*cubicBeta), 2)
}

func (q *cubic) avoid(c *Conn, acked uint32) {
	if !c.isLimited() {
		return
	}
	if c.ca.cwnd < c.ca.ssthresh {
		if acked = c.ca.slowStart(acked); acked == 0 {
			return
		}
	}
	c.ca.additive(q.divisor(c, acked), acked)
}

// divisor is how many acknowledged packets make the window grow by one (RFC
// 9438 §4.2 to §4.5). Windows are whole packets here, as in Linux: of a few
// packets the fractions are much.
func (q *cubic) divisor(c *Conn, acked uint32) uint32 {
	cwnd := c.ca.cwnd
	q.acks += acked
	if cwnd == q.lastCwnd && time.Duration(c.now-q.lastAt) <= cubicPause {
		return q.n
	}
	q.lastCwnd, q.lastAt = cwnd, c.now
	if q.epoch == 0 {
		q.epoch = c.now
		q.acks, q.west = acked, cwnd
		q.k, q.origin = 0, cwnd
		if cwnd < q.wmax {
			q.k = math.Cbrt(float64(q.wmax-cwnd) / cubicC)
			q.origin = q.wmax
		}
	}
	n := 100 * cwnd
	if target := q.target(c); target > cwnd {
		n = cwnd / (target - cwnd)
	}
	if q.wmax == 0 {
		n = min(n, 20) // the first growth is at least 5 % a round trip
	}
	// A window that grew as Reno's grows by one for so many packets.
	for step := cwnd * 15 / 8; q.acks > step; q.acks -= max(step, 1) {
		q.west++
	}
	if q.west > cwnd {
		n = min(n, cwnd/(q.west-cwnd))
	}
	q.n = max(n, 2)
	return q.n
}

// target is the curve's window a round trip from now.
func (q *cubic) target(c *Conn) uint32 {
	d := float64(c.now-q.epoch)/1e9 + float64(q.minRTT)/1e6 - q.k
	off := uint32(min(cubicC*math.Abs(d*d*d), 1<<30))
	if d < 0 {
		return q.origin - min(off, q.origin)
	}
	return q.origin + off
}

func (q *cubic) acked(c *Conn, packets uint32, us int64) {
	if us < 0 || q.epoch != 0 && time.Duration(c.now-q.epoch) < time.Second {
		return
	}
	us = max(us, 1)
	if q.minRTT == 0 || us < q.minRTT {
		q.minRTT = us
	}
	if !q.found && c.ca.cwnd < c.ca.ssthresh && c.ca.cwnd >= hystartLow {
		q.hystart(c, us)
	}
}

// hystart looks for the end of slow start: a train of acknowledgements as long
// as half the round trip, or a rise of the round trip (RFC 9406's ancestor).
func (q *cubic) hystart(c *Conn, us int64) {
	if after(c.send.una, q.endSeq) {
		q.round(c)
	}
	if time.Duration(c.now-q.lastAck) <= hystartTrain {
		q.lastAck = c.now
		if int64(c.now-q.roundAt)/1000 > q.minRTT/2 && q.minRTT > 0 {
			q.leave(c, StatHystartTrain, StatHystartTrainCwnd)
			return
		}
	}
	q.roundRT = min(q.roundRT, us)
	if q.samples < hystartMinRTT {
		q.samples++
		return
	}
	if q.roundRT > q.minRTT+min(max(q.minRTT>>3, hystartDelay), hystartMost) {
		q.leave(c, StatHystartDelay, StatHystartDelayCwnd)
	}
}

func (q *cubic) leave(c *Conn, count, cwnd Stat) {
	q.found = true
	c.env.Count(count, 1)
	c.env.Count(cwnd, int(c.ca.cwnd))
	c.ca.ssthresh = c.ca.cwnd
}

func (q *cubic) changed(c *Conn, state uint8) {
	if state == caLoss {
		*q = cubic{wmax: q.wmax}
		q.round(c)
	}
}

// began moves the curve by the time that the connection was idle.
func (q *cubic) began(c *Conn) {
	if q.epoch != 0 && c.send.lastAt != 0 && c.now > c.send.lastAt {
		q.epoch = min(q.epoch+(c.now-c.send.lastAt), c.now)
	}
}

func (*cubic) undo(c *Conn) uint32 { return max(c.ca.cwnd, c.ca.prior) }

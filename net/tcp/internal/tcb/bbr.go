package tcb

import (
	"time"

	"linen/lib/ktime"
)

// Modes of BBR.
const (
	bbrStartup = iota
	bbrDrain
	bbrProbeBW
	bbrProbeRTT
)

// Parameters of BBR (draft-cardwell-iccrg-bbr-congestion-control-00 §4); gains
// are in 1/256.
const (
	bbrHighGain  = 256*2885/1000 + 1 // 2/ln 2
	bbrDrainGain = 256 * 1000 / 2885
	bbrCwndGain  = 512
	bbrUnit      = 256
	bbrBWShift   = 16 // bandwidth is in packets a second, with 16 bits of fraction
	bbrRounds    = 10 // round trips of the bandwidth's window
	bbrRTTWindow = 10 * time.Second
	bbrProbeTime = 200 * time.Millisecond
	bbrMinCwnd   = 4
	bbrMargin    = 99 // percent of the bandwidth that is used, to keep the queue short
	bbrFullRises = 3  // rounds without growth that mean a full pipe
	bbrSlowRate  = 1200000 / 8
)

// bbrCycle are the pacing gains of ProbeBW, a round trip each.
var bbrCycle = [...]uint64{bbrUnit * 5 / 4, bbrUnit * 3 / 4, bbrUnit, bbrUnit, bbrUnit, bbrUnit, bbrUnit, bbrUnit}

// bbr is BBR version 1: it models the path by its bandwidth and its round trip
// and sends at that rate, whatever is lost. Not here: the detection of policers
// and the allowance for aggregated acknowledgements of Linux's.
type bbr struct {
	mode      uint8
	bw        windowed[int64] // of the negative bandwidth, by rounds
	rtt       uint32          // least round trip, microseconds; 0: none
	rttAt     ktime.T
	seenRTT   bool
	rounds    int64
	nextRound uint64 // delivered when the round ends
	newRound  bool

	gain, cwndGain uint64
	full           int64 // bandwidth when it grew last
	fullRounds     int
	isFull         bool
	cycle          int
	cycleAt        ktime.T

	probeEnd   ktime.T // of ProbeRTT, 0: the queue is not drained yet
	probeRound bool
	saved      uint32 // window before ProbeRTT or recovery
	state      uint8  // of congestion control before
	conserve   bool   // one packet out for one that arrived, in recovery's first round
	restart    bool   // data follow a pause of the application
}

func (*bbr) name() string { return "bbr" }

func (b *bbr) start(c *Conn) {
	*b = bbr{mode: bbrStartup, gain: bbrHighGain, cwndGain: bbrHighGain, rttAt: c.now, nextRound: c.send.delivered, cycleAt: c.now}
	if c.rtt.min != ^uint32(0) {
		b.rtt = c.rtt.min
	}
	c.pace.on = true
	c.ca.ssthresh = infinite
	b.firstRate(c)
}

// firstRate paces the first window over a round trip, or a millisecond.
func (b *bbr) firstRate(c *Conn) {
	us := uint64(time.Millisecond / time.Microsecond)
	if c.rtt.srtt != 0 {
		us, b.seenRTT = uint64(max(c.rtt.srtt>>3, 1)), true
	}
	bw := int64(uint64(c.ca.cwnd) << bbrBWShift * 1000000 / us)
	c.pace.rate = b.rate(c, bw, bbrHighGain)
}

// rate is the pacing rate of a bandwidth, in bytes a second, headers counted.
func (b *bbr) rate(c *Conn, bw int64, gain uint64) uint64 {
	wire := uint64(c.send.mss + 40)
	if c.tsOK {
		wire += timestampLen
	}
	r := uint64(bw) * wire >> 8 * gain / bbrUnit * bbrMargin / 100 >> (bbrBWShift - 8)
	return min(r, c.pace.max)
}

func (b *bbr) bandwidth() int64 { return -b.bw.best(0) }

// control is what an acknowledgement does (BBRUpdateOnACK).
func (b *bbr) control(c *Conn, sample rateSample) {
	r := &sample
	b.updateBandwidth(c, r)
	b.updateCycle(c, r)
	b.checkFull(r)
	b.checkDrain(c)
	b.updateRTT(c, r)
	b.gains()
	b.setRate(c)
	b.setCwnd(c, r)
}

func (b *bbr) updateBandwidth(c *Conn, r *rateSample) {
	b.newRound = false
	if r.delivered < 0 || r.interval <= 0 {
		return
	}
	if r.prior >= b.nextRound {
		b.nextRound = c.send.delivered
		b.rounds++
		b.newRound = true
		b.conserve = false
	}
	bw := r.delivered << bbrBWShift * 1000000 / max(int64(r.interval/time.Microsecond), 1)
	if !r.limited || bw >= b.bandwidth() {
		b.bw.add(uint32(b.rounds), -bw, bbrRounds)
	}
}

// bdp is the packets that gain times the pipe holds, and room for what is
// aggregated on the way.
func (b *bbr) inflight(c *Conn, bw int64, gain uint64) uint32 {
	if b.rtt == 0 {
		return initCwnd
	}
	n := uint32((uint64(bw)*uint64(b.rtt)/1000000*gain/bbrUnit + 1<<bbrBWShift - 1) >> bbrBWShift)
	n += 3 * uint32(c.autosize(max(c.send.mss, 1)))
	n = (n + 1) &^ 1 // delayed acknowledgements come for two
	if b.mode == bbrProbeBW && b.cycle == 0 {
		n += 2
	}
	return n
}

// updateCycle moves through the gains of ProbeBW.
func (b *bbr) updateCycle(c *Conn, r *rateSample) {
	if b.mode != bbrProbeBW {
		return
	}
	long := time.Duration(c.send.deliveredAt-b.cycleAt) > time.Duration(b.rtt)*time.Microsecond
	switch gain := bbrCycle[b.cycle]; {
	case gain > bbrUnit: // until the queue is really there, or something is lost
		long = long && (r.losses > 0 || r.before >= b.inflight(c, b.bandwidth(), gain))
	case gain < bbrUnit: // until the queue is gone
		long = long || r.before <= b.inflight(c, b.bandwidth(), bbrUnit)
	}
	if long {
		b.cycle = (b.cycle + 1) % len(bbrCycle)
		b.cycleAt = c.send.deliveredAt
	}
}

func (b *bbr) checkFull(r *rateSample) {
	if b.isFull || !b.newRound || r.limited {
		return
	}
	if bw := b.bandwidth(); bw >= b.full*5/4 {
		b.full, b.fullRounds = bw, 0
		return
	}
	b.fullRounds++
	b.isFull = b.fullRounds >= bbrFullRises
}

func (b *bbr) checkDrain(c *Conn) {
	if b.mode == bbrStartup && b.isFull {
		b.mode = bbrDrain
		c.ca.ssthresh = b.inflight(c, b.bandwidth(), bbrUnit)
	}
	if b.mode == bbrDrain && c.inFlight() <= b.inflight(c, b.bandwidth(), bbrUnit) {
		b.probeBW(c)
	}
}

// probeBW begins the cycle anywhere but at the phase that drains.
func (b *bbr) probeBW(c *Conn) {
	b.mode = bbrProbeBW
	b.cycle = len(bbrCycle) - 1 - int((c.send.iss^uint32(c.now/1000))%7)
	b.cycle = (b.cycle + 1) % len(bbrCycle)
	b.cycleAt = c.send.deliveredAt
}

// updateRTT keeps the least round trip and lets the queue run dry when it has
// not been seen for long.
func (b *bbr) updateRTT(c *Conn, r *rateSample) {
	expired := time.Duration(c.now-b.rttAt) > bbrRTTWindow
	if r.rtt >= 0 && (b.rtt == 0 || uint32(r.rtt) < b.rtt || expired && !r.delayed) {
		b.rtt, b.rttAt = uint32(max(r.rtt, 1)), c.now
	}
	if expired && !b.restart && b.mode != bbrProbeRTT {
		b.mode = bbrProbeRTT
		b.save(c)
		b.probeEnd = 0
	}
	if b.mode == bbrProbeRTT {
		b.probeRTT(c)
	}
	if r.delivered > 0 {
		b.restart = false
	}
}

func (b *bbr) probeRTT(c *Conn) {
	c.send.appLimited = max(c.send.delivered+uint64(c.inFlight()), 1) // these samples are low
	switch {
	case b.probeEnd == 0:
		if c.inFlight() <= bbrMinCwnd {
			b.probeEnd = c.now.Add(bbrProbeTime)
			b.probeRound = false
			b.nextRound = c.send.delivered
		}
	default:
		b.probeRound = b.probeRound || b.newRound
		if b.probeRound {
			b.leaveProbeRTT(c)
		}
	}
}

func (b *bbr) leaveProbeRTT(c *Conn) {
	if b.probeEnd == 0 || c.now <= b.probeEnd {
		return
	}
	b.rttAt = c.now
	c.ca.cwnd = max(c.ca.cwnd, b.saved)
	if b.isFull {
		b.probeBW(c)
	} else {
		b.mode = bbrStartup
	}
}

func (b *bbr) gains() {
	switch b.mode {
	case bbrStartup:
		b.gain, b.cwndGain = bbrHighGain, bbrHighGain
	case bbrDrain:
		b.gain, b.cwndGain = bbrDrainGain, bbrHighGain
	case bbrProbeBW:
		b.gain, b.cwndGain = bbrCycle[b.cycle], bbrCwndGain
	case bbrProbeRTT:
		b.gain, b.cwndGain = bbrUnit, bbrUnit
	}
}

func (b *bbr) setRate(c *Conn) {
	if !b.seenRTT && c.rtt.srtt != 0 {
		b.firstRate(c)
	}
	if r := b.rate(c, b.bandwidth(), b.gain); b.isFull || r > c.pace.rate {
		c.pace.rate = r
	}
}

// save keeps the window that recovery or ProbeRTT will give back.
func (b *bbr) save(c *Conn) {
	if b.state < caRecovery && b.mode != bbrProbeRTT {
		b.saved = c.ca.cwnd
	} else {
		b.saved = max(b.saved, c.ca.cwnd)
	}
}

// recovering modulates the window in recovery; it reports that nothing else
// may change it.
func (b *bbr) recovering(c *Conn, r *rateSample) bool {
	if r.losses > 0 {
		c.ca.cwnd = uint32(max(int64(c.ca.cwnd)-int64(r.losses), 1))
	}
	state := c.ca.state
	switch {
	case state == caRecovery && b.state != caRecovery:
		b.conserve = true
		b.nextRound = c.send.delivered
		c.ca.cwnd = c.inFlight() + r.acked
	case b.state >= caRecovery && state < caRecovery:
		c.ca.cwnd = max(c.ca.cwnd, b.saved)
		b.conserve = false
	}
	b.state = state
	if b.conserve {
		c.ca.cwnd = max(c.ca.cwnd, c.inFlight()+r.acked)
	}
	return b.conserve
}

func (b *bbr) setCwnd(c *Conn, r *rateSample) {
	if r.acked > 0 && !b.recovering(c, r) {
		target := b.inflight(c, b.bandwidth(), b.cwndGain)
		cwnd := c.ca.cwnd
		if b.isFull {
			cwnd = min(cwnd+r.acked, target)
		} else if cwnd < target || c.send.delivered < initCwnd {
			cwnd += r.acked
		}
		c.ca.cwnd = max(cwnd, bbrMinCwnd)
	}
	if b.mode == bbrProbeRTT {
		c.ca.cwnd = min(c.ca.cwnd, bbrMinCwnd)
	}
}

// minTSO is two packets in a super-segment, one at a low rate.
func (b *bbr) minTSO(c *Conn) int {
	if c.pace.rate < bbrSlowRate {
		return 1
	}
	return 2
}

// ssthresh is asked for when recovery begins: the window is kept.
func (b *bbr) ssthresh(c *Conn) uint32 {
	b.save(c)
	return c.ca.ssthresh
}

func (*bbr) avoid(*Conn, uint32)        {}
func (*bbr) acked(*Conn, uint32, int64) {}

func (b *bbr) changed(c *Conn, state uint8) {
	if state == caLoss {
		b.state, b.full, b.newRound = caLoss, 0, true
	}
}

// began is the first segment after a pause: the rate is the path's, there is
// no queue.
func (b *bbr) began(c *Conn) {
	if c.send.appLimited == 0 {
		return
	}
	b.restart = true
	switch b.mode {
	case bbrProbeBW:
		c.pace.rate = b.rate(c, b.bandwidth(), bbrUnit)
	case bbrProbeRTT:
		b.leaveProbeRTT(c)
	}
}

// undo is a false alarm: a pipe thought full may not be.
func (b *bbr) undo(c *Conn) uint32 {
	b.full, b.fullRounds = 0, 0
	return c.ca.cwnd
}

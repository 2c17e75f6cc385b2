// Package impair decides what a bad link does to packets: delay, jitter, loss,
// duplication, corruption, reordering, a rate and a queue limit. It moves no
// packets and knows no clock: it says, for a packet offered now, when which
// copies of it arrive. The same seed and the same input give the same output.
//
// It has the model of tc-netem(8), whose kernel counterpart is
// net/sched/sch_netem.c; the test link uses it, and so will the netem queueing
// discipline. Not here: loss state models (Gilbert-Elliott), distribution
// tables, slots.
package impair

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Config is what a link does. The zero Config delivers everything at once.
type Config struct {
	Delay  time.Duration
	Jitter time.Duration // delays are spread evenly over Delay ± Jitter

	Loss      Chance
	Duplicate Chance
	Corrupt   Chance // one bit of the packet is flipped
	Reorder   Chance // these packets skip the delay and overtake
	Gap       int    // with Reorder: only every Gap'th packet may; 0 is any

	DelayCorr float64 // how much a delay resembles the last one, 0 to 1

	Rate  uint64 // bits a second; 0 is no limit
	Limit int    // packets on the way; more are dropped; 0 is no limit

	KeepOrder bool // jitter never lets a packet overtake
	Seed      uint64
}

// Chance is a probability.
type Chance struct {
	P    float64 // 0 to 1
	Corr float64 // how much the draw resembles the last one, 0 to 1
}

// Percent returns the chance of p percent without correlation.
func Percent(p float64) Chance { return Chance{P: p / 100} }

// Delivery is one copy of a packet that arrives.
type Delivery struct {
	At      int64 // nanoseconds, on the clock of the input
	Flip    int   // the bit to invert, counted from the first byte's highest; see Corrupt
	Corrupt bool
}

// Apply inverts the bit of a corrupt delivery in the packet.
func (d Delivery) Apply(packet []byte) {
	if d.Corrupt && d.Flip/8 < len(packet) {
		packet[d.Flip/8] ^= 0x80 >> (d.Flip % 8)
	}
}

// Fate says why nothing is delivered.
type Fate uint8

// Fates of a packet.
const (
	Delivered Fate = iota
	Lost           // by Loss
	Overlimit      // by Limit
)

// Stats counts what a link did, in packets.
type Stats struct {
	Offered, Delivered, Lost, Overlimit, Duplicated, Corrupted, Reordered uint64
}

// Link is the state of one direction of a link. It is not safe for concurrent
// use.
type Link struct {
	conf      Config
	rng       rand.PCG
	loss      draw
	dup       draw
	corrupt   draw
	reorder   draw
	delay     float64 // the last random part
	sinceGap  int
	busyUntil int64   // when the last bit of the last packet leaves
	lastAt    int64   // latest delivery so far
	pending   []int64 // delivery times still to come, sorted
	stats     Stats
}

// draw is one correlated source of decisions.
type draw struct{ last float64 }

// New returns a link.
func New(c Config) *Link {
	l := &Link{}
	l.rng.Seed(c.Seed, 0x6c696e656e) // the second word is arbitrary
	l.SetConfig(c)
	return l
}

// SetConfig changes what the link does from the next packet on. The seed stays.
func (l *Link) SetConfig(c Config) { l.conf = c }

// Config returns what the link does.
func (l *Link) Config() Config { return l.conf }

// Stats returns what the link did so far.
func (l *Link) Stats() Stats { return l.stats }

// Send appends to out the deliveries of a packet of size bytes offered at now,
// in nanoseconds; now never goes back. None are appended if it is lost or does
// not fit, as the Fate says.
func (l *Link) Send(now int64, size int, out []Delivery) ([]Delivery, Fate) {
	l.stats.Offered++
	copies := 1
	if l.hit(&l.dup, l.conf.Duplicate) {
		copies++
	}
	if l.hit(&l.loss, l.conf.Loss) {
		copies--
	}
	if copies == 0 {
		l.stats.Lost++
		return out, Lost
	}
	if copies == 2 {
		l.stats.Duplicated++
	}
	n := len(out)
	for range copies {
		if !l.room(now) {
			break
		}
		out = append(out, l.deliver(now, size))
	}
	if len(out) == n {
		l.stats.Overlimit++
		return out, Overlimit
	}
	return out, Delivered
}

// room forgets what has arrived and reports whether one more packet fits.
func (l *Link) room(now int64) bool {
	if l.conf.Limit <= 0 {
		l.pending = l.pending[:0]
		return true
	}
	i, _ := slices.BinarySearch(l.pending, now+1)
	l.pending = append(l.pending[:0], l.pending[i:]...)
	return len(l.pending) < l.conf.Limit
}

func (l *Link) deliver(now int64, size int) Delivery {
	at := l.serialize(now, size)
	if l.overtakes() {
		l.stats.Reordered++
	} else {
		at += l.latency()
		if l.conf.KeepOrder {
			at = max(at, l.lastAt)
		}
		l.lastAt = max(l.lastAt, at)
	}
	d := Delivery{At: at}
	if l.hit(&l.corrupt, l.conf.Corrupt) && size > 0 {
		d.Corrupt, d.Flip = true, int(l.uniform()*float64(size*8))
		l.stats.Corrupted++
	}
	if l.conf.Limit > 0 {
		i, _ := slices.BinarySearch(l.pending, at)
		l.pending = slices.Insert(l.pending, i, at)
	}
	l.stats.Delivered++
	return d
}

// serialize returns when the last bit of the packet has left: the rate serves
// one packet after the other.
func (l *Link) serialize(now int64, size int) int64 {
	if l.conf.Rate == 0 {
		return now
	}
	bits := float64(size) * 8
	l.busyUntil = max(l.busyUntil, now) + int64(bits*1e9/float64(l.conf.Rate))
	return l.busyUntil
}

// overtakes reports whether this packet skips the delay.
func (l *Link) overtakes() bool {
	if l.conf.Reorder.P == 0 {
		return false
	}
	if l.sinceGap < l.conf.Gap-1 || !l.hit(&l.reorder, l.conf.Reorder) {
		l.sinceGap++
		return false
	}
	l.sinceGap = 0
	return true
}

// latency draws a delay, never negative.
func (l *Link) latency() int64 {
	d := int64(l.conf.Delay)
	if l.conf.Jitter != 0 {
		l.delay = l.conf.DelayCorr*l.delay + (1-l.conf.DelayCorr)*l.uniform()
		d += int64((2*l.delay - 1) * float64(l.conf.Jitter))
	}
	return max(d, 0)
}

// hit draws once; a chance of zero draws nothing.
func (l *Link) hit(d *draw, c Chance) bool {
	if c.P <= 0 {
		return false
	}
	// tc-netem(8): Prob(n) = corr * Prob(n-1) + (1-corr) * Random.
	d.last = c.Corr*d.last + (1-c.Corr)*l.uniform()
	return d.last < c.P
}

// uniform returns a number in [0, 1).
func (l *Link) uniform() float64 { return float64(l.rng.Uint64()>>11) / (1 << 53) }

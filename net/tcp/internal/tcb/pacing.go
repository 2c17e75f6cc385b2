package tcb

import (
	"time"

	"linen/lib/ktime"
)

// pacer spreads segments over time.
type pacer struct {
	on    bool    // the algorithm or SO_MAX_PACING_RATE wants it
	asked bool    // by SO_MAX_PACING_RATE
	rate  uint64  // bytes a second (sk_pacing_rate)
	max   uint64  // SO_MAX_PACING_RATE, bytes a second
	at    ktime.T // the next segment may leave then (tcp_wstamp_ns)
	timer ktime.T // when sending goes on, 0: nothing waits
}

// unlimited is the rate of who does not pace.
const unlimited = ^uint64(0)

// unpaced are the first packets of a connection, which go at once.
const unpaced = 10

func (p *pacer) init() { p.rate, p.max = unlimited, unlimited }

// SetMaxPacing is SO_MAX_PACING_RATE, in bytes a second; ^0 is no limit.
func (c *Conn) SetMaxPacing(rate uint64) {
	p := &c.pace
	p.max = rate
	if rate != unlimited {
		p.asked, p.on = true, true // it stays so (cmpxchg of sk_pacing_status)
	}
	p.rate = min(p.rate, rate)
}

// updatePacing sets the rate a little above the window's, so that pacing does
// not hinder its growth (tcp_update_pacing_rate).
func (c *Conn) updatePacing() {
	if c.ca.ctl() != nil {
		return
	}
	ratio := c.set.PacingCA
	if c.ca.cwnd < c.ca.ssthresh/2 {
		ratio = c.set.PacingSS
	}
	rate := uint64(c.send.mss) * (uint64(time.Second/time.Microsecond) / 100 << 3) * uint64(ratio) * uint64(max(c.ca.cwnd, c.send.packets))
	if c.rtt.srtt != 0 {
		rate /= uint64(c.rtt.srtt)
	}
	c.pace.rate = min(rate, c.pace.max)
}

// paced reports that the next segment must wait, and sets the timer for it
// (tcp_pacing_check).
func (c *Conn) paced() bool {
	p := &c.pace
	if !p.on || p.at <= c.now {
		return false
	}
	if p.timer == 0 {
		p.timer = p.at
	}
	return true
}

// paceSent moves the time of the next segment by what n bytes take. What was
// sent late may be caught up with, by half (tcp_update_skb_after_send).
func (c *Conn) paceSent(n int) {
	p := &c.pace
	if !p.on {
		return
	}
	late := c.now - p.at
	p.at = max(p.at, c.now)
	if p.rate == unlimited || p.rate == 0 || c.fill.DataSegsOut < unpaced {
		return
	}
	took := ktime.T(uint64(n) * uint64(time.Second) / p.rate)
	if late > 0 {
		took -= min(took/2, late)
	}
	p.at += took
}

// paceTimer goes on with what waited.
func (c *Conn) paceTimer() {
	c.pace.timer = 0
	if c.synced() {
		c.goOn()
	}
}

// goOn sends what waited for a time or for the device.
func (c *Conn) goOn() {
	if c.send.lost > c.send.retrans && c.ca.cwnd > c.inFlight() {
		c.retransmitQueue() // it sends what is new behind
		return
	}
	c.xmit(c.keep.t.Cork, false, false)
}

// autosize is how many packets a super-segment may have: about a millisecond
// of the flow, more on a short path (tcp_tso_autosize).
func (c *Conn) autosize(mss int) int {
	most := max(int(c.send.path.gsoMax)-60, mss)
	bytes := most
	if c.pace.rate != unlimited {
		bytes = int(min(c.pace.rate>>10, uint64(most)))
	}
	if shift := c.rtt.min >> c.set.TSORTTLog; c.rtt.min == ^uint32(0) {
		bytes += most
	} else if shift < 32 {
		bytes += most >> shift
	}
	least := c.set.MinTSO
	if c.ca.ctl() != nil {
		least = c.ca.ctl().minTSO(c)
	}
	return max(min(bytes, most)/mss, min(least, most/mss), 1)
}

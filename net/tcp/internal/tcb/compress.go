package tcb

import (
	"time"

	"linen/lib/ktime"
)

// compressor holds acknowledgements of segments out of order back: three tell
// the peer of a hole, more of them tell the same again and again
// (tcp_comp_sack_*).
type compressor struct {
	nxt   uint32  // recv.nxt of the hole
	told  int32   // acknowledgements sent for it at once
	held  int32   // not sent
	timer ktime.T // when one is sent for those
}

// fastThreshold is how many duplicate acknowledgements a peer waits for.
const fastThreshold = 3

// hold reports whether the acknowledgement due may wait, and sees to it that
// it does not wait for ever (__tcp_ack_snd_check).
func (c *Conn) hold() bool {
	if !c.sackOK {
		return false
	}
	if c.comp == nil {
		c.comp = new(compressor)
	}
	k := c.comp
	if int(k.held) >= c.set.CompAcks {
		return false
	}
	if k.nxt != c.recv.nxt {
		k.nxt, k.told = c.recv.nxt, 0
	}
	if k.told < fastThreshold {
		k.told++
		return false
	}
	k.held++
	if k.timer != 0 {
		return true
	}
	rtt := c.rtt.rcv
	if c.rtt.srtt != 0 && c.rtt.srtt < rtt {
		rtt = c.rtt.srtt
	}
	// A twentieth of the round trip; the estimate is 8 times that.
	k.timer = c.now.Add(min(c.set.CompDelay, time.Duration(rtt)*time.Microsecond/8/20))
	return true
}

// released is an acknowledgement that stands for those held.
func (c *Conn) released() {
	if k := c.comp; k != nil && k.held > 0 {
		c.env.Count(StatAckCompressed, int(k.held))
		k.held, k.timer = 0, 0
	}
}

// compTimer sends one acknowledgement for those held (tcp_compressed_ack_kick).
func (c *Conn) compTimer() {
	c.comp.timer = 0
	if c.comp.held > 0 {
		c.comp.held-- // this one is sent
		c.sendAck()
	}
}

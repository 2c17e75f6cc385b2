package tcb

import "linen/lib/ktime"

// headSize is the truesize of a segment without its payload: SKB_TRUESIZE of a
// small head (832 = 256 + 576, as `ss -m` shows on 6.18).
const headSize = 832

// TrueSize is what a segment of n bytes costs the sender.
func TrueSize(n int) int { return headSize + n }

// pacingShift makes about a millisecond of the pacing rate (sk_pacing_shift).
const pacingShift = 10

// smallQueue reports that a segment of n bytes must wait, since queueing
// disciplines and devices hold enough of the connection's: two packets, or a
// millisecond of its rate, doubled shift times (tcp_small_queue_check).
func (c *Conn) smallQueue(n, shift int) bool {
	held := c.env.Held()
	if held == 0 {
		return false
	}
	limit := int(min(c.pace.rate>>pacingShift, 1<<40))
	limit = max(limit, 2*(headSize+n))
	if !c.pace.on {
		limit = min(limit, c.set.LimitOutput)
	}
	limit <<= shift
	// One packet may always be sent again: the network's acknowledgement may
	// come before the device frees it.
	if held < limit || // one less: the kernel's sk_wmem_alloc begins at 1
		c.send.q.len() <= 1 {
		return false
	}
	c.env.Throttle()
	return c.env.Held() >= limit
}

// autocork reports that a small write waits for an earlier packet of the
// connection to leave the device, in the hope of more (tcp_should_autocork).
func (c *Conn) autocork() bool {
	s := &c.send
	if !c.set.Autocorking || s.packets == 0 || !c.synced() {
		return false
	}
	n := int(s.write - s.nxt)
	if n >= c.sizeGoal() || c.env.Held() < headSize+n {
		return false
	}
	if !c.env.Throttle() {
		c.env.Count(StatAutoCorking, 1)
	}
	return c.env.Held() >= headSize+n
}

// sizeGoal is how many bytes a full super-segment has (tcp_send_mss).
func (c *Conn) sizeGoal() int {
	mss := max(c.curMSS(), 1)
	most := min(int(c.send.path.gsoMax)-60, 65535, max(int(c.send.maxWnd>>1), mss))
	return max(most/mss*mss, mss)
}

// Resume goes on with what waited for the device (tcp_tsq_write).
func (c *Conn) Resume(now ktime.T) {
	c.now = now
	c.goOn()
}

package tcb

// room makes room for the payload of s (tcp_try_rmem_schedule,
// tcp_prune_queue).
func (c *Conn) room(s *Segment) bool {
	if c.env.Room(s.Payload) {
		return true
	}
	if c.env.Pressure() {
		c.underPressure()
	}
	c.env.Collapse()
	if c.env.Room(s.Payload) {
		return true
	}
	if n := len(c.recv.ofo); n > 0 && before(s.Seq, c.recv.ofo[n-1].seq) {
		c.pruneOfo()
	}
	if c.env.Room(s.Payload) {
		return true
	}
	c.env.Count(StatRcvPruned, 1)
	return false
}

// underPressure keeps the window small while memory is short.
func (c *Conn) underPressure() {
	c.recv.ssthresh = min(c.recv.ssthresh, uint32(4*c.recv.advMSS))
}

// pruneOfo gives up half of what came before its turn, from the end
// (tcp_prune_ofo_queue).
func (c *Conn) pruneOfo() {
	r := &c.recv
	if len(r.ofo) == 0 {
		return
	}
	c.env.Count(StatOfoPruned, 1)
	keep := len(r.ofo) / 2
	for i := keep; i < len(r.ofo); i++ {
		c.env.Discard(r.ofo[i].p, OfoPrune)
		r.ofo[i] = ofoSeg{}
	}
	r.ofo = r.ofo[:keep]
	r.numSacks = 0 // the blocks are not kept up: reneging is allowed, RFC 2018 §8
}

func (c *Conn) purgeOfo(why Reason) {
	for i := range c.recv.ofo {
		c.env.Discard(c.recv.ofo[i].p, why)
	}
	c.recv.ofo, c.recv.numSacks = nil, 0
}

package tcb

// answered notes data sent soon after data came: after tcp_pingpong_thresh of
// them the session counts as interactive, and acknowledgements wait for answers.
func (c *Conn) answered() {
	r := &c.recv
	if r.pingpong {
		return
	}
	if r.answers++; int(r.answers) >= c.set.Pingpong {
		r.pingpong = true
	}
}

// setPingpong makes the session interactive, or not.
func (c *Conn) setPingpong(on bool) { c.recv.pingpong, c.recv.answers = on, 0 }

func (c *Conn) endPingpong() { c.setPingpong(false) }

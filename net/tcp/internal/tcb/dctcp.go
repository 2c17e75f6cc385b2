package tcb

// dctcp is Data Center TCP (RFC 8257): the window shrinks by the share of
// packets that met congestion.
type dctcp struct {
	reno
	alpha   uint32 // that share, smoothed, in 1/1024
	prior   uint64 // delivered, and of these marked, when the window of data began
	priorCE uint32
	end     uint32 // of the window of data
	on      bool   // the peers have agreed on ECN
	ce      bool   // our receiver saw CE last
	loss    uint32 // window at the last loss
}

const (
	dctcpAlphaMax  = 1024
	dctcpGainShift = 4 // g = 1/16: RFC 8257 §4.2
)

func (*dctcp) name() string { return "dctcp" }

// start begins with the most careful estimate. Without ECN it is Reno.
func (d *dctcp) start(c *Conn) {
	*d = dctcp{alpha: dctcpAlphaMax, on: c.ecnOK}
	d.reset(c)
}

func (d *dctcp) reset(c *Conn) {
	d.end, d.prior, d.priorCE = c.send.nxt, c.send.delivered, c.deliveredCE()
}

// ssthresh is RFC 8257 §3.3, step 9: cwnd * (1 - alpha/2).
func (d *dctcp) ssthresh(c *Conn) uint32 {
	if !d.on {
		return d.reno.ssthresh(c)
	}
	d.loss = c.ca.cwnd
	return max(c.ca.cwnd-c.ca.cwnd*d.alpha>>11, 2)
}

// onAck estimates the share of marked packets once a window (RFC 8257 §3.3,
// steps 1 to 8).
func (d *dctcp) onAck(c *Conn) {
	if !d.on || before(c.send.una, d.end) {
		return
	}
	marked := c.deliveredCE() - d.priorCE
	d.alpha -= min(max(d.alpha>>dctcpGainShift, 1), d.alpha)
	if marked > 0 {
		total := max(uint64(c.send.delivered-d.prior), 1)
		d.alpha = min(d.alpha+uint32(uint64(marked)<<(10-dctcpGainShift)/total), dctcpAlphaMax)
	}
	d.reset(c)
}

// ceChanged is the receiver's part: a change of CE is told at once, by an
// acknowledgement of what came before (RFC 8257 §3.2).
func (d *dctcp) ceChanged(c *Conn, ce bool) {
	if !d.on || d.ce == ce {
		return
	}
	if c.ackPend&ackScheduled != 0 {
		c.send.demandCWR = d.ce
		c.sendAck()
	}
	d.ce = ce
	c.ackPend |= ackNow
	c.send.demandCWR = ce
}

// changed treats a loss as any TCP does (RFC 8257 §3.5).
func (d *dctcp) changed(c *Conn, state uint8) {
	if d.on && (state == caRecovery && c.ca.state != caRecovery || state == caLoss && c.ca.state != caLoss) {
		d.loss = c.rec.priorCwnd
		c.ca.ssthresh = max(d.loss>>1, 2)
	}
}

func (d *dctcp) undo(c *Conn) uint32 {
	if !d.on {
		return d.reno.undo(c)
	}
	return max(c.ca.cwnd, d.loss)
}

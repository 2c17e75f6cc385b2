package tcb

import (
	"time"

	"linen/lib/ktime"
)

// mtuProbe searches for the largest segment of the path without ICMP (RFC 4821;
// icsk_mtup, tcp_mtu_probe), from when the search is on. Sizes are those of Path.MSS: payload with options.
type mtuProbe struct {
	low, high  int     // known to pass; not known not to
	size       int     // of the probe in flight, 0: none
	start, end uint32  // and its numbers
	at         ktime.T // when the search began
}

// startProbing sets the search up as tcp_mtu_probing says (tcp_mtup_init).
func (c *Conn) startProbing() {
	c.mtu = nil
	if c.set.MTUProbing > 1 {
		c.search()
	}
}

// search begins the search.
func (c *Conn) search() {
	c.mtu = &mtuProbe{high: int(c.send.path.mss), low: c.set.BaseMSS, at: c.now}
	if c.send.clamp > 0 {
		c.mtu.high = min(c.mtu.high, c.send.clamp)
	}
}

// probedMSS bounds an MSS by what the search has shown to pass.
func (c *Conn) probedMSS(mss int) int {
	m := c.mtu
	if m == nil {
		return mss
	}
	m.high = min(m.high, int(c.send.path.mss))
	return min(mss, m.low)
}

// blackhole makes segments smaller after timeouts in a row: the path may drop
// the long ones without a word (tcp_mtu_probing).
func (c *Conn) blackhole() {
	switch m := c.mtu; {
	case c.set.MTUProbing == 0:
		return
	case m == nil:
		c.search()
	default:
		m.low = max(min(c.set.BaseMSS, m.low>>1), c.set.MTUProbeFloor, c.set.MinSndMSS)
	}
	c.syncMSS()
}

// overhead is what options take of a packet's payload.
func (c *Conn) overhead() int {
	n := c.signatureLen() + int(c.send.path.ipOpt)
	if c.tsOK {
		n += timestampLen
	}
	return n
}

// probeMTU sends a longer segment than is known to pass, if there are data and
// room for one and for what tells of its loss; wait says that sending should
// wait for that room (tcp_mtu_probe).
func (c *Conn) probeMTU() (wait bool) {
	m, s := c.mtu, &c.send
	if m.size != 0 || c.ca.state != caOpen || c.ca.cwnd < 11 || c.sackBlocks() > 0 {
		return false
	}
	size := (m.high + m.low) >> 1
	if size > m.high || m.high-m.low < c.set.MTUProbeThreshold {
		c.probeAgain()
		return false
	}
	n := size - c.overhead()
	needed := n + (int(c.rec.reordering)+1)*c.curMSS()
	data := int(s.write - s.nxt)
	if s.fin {
		data--
	}
	if data < needed || int(s.wnd) < needed {
		return false
	}
	if int(int32(c.windowEnd()-s.nxt)) < needed || c.inFlight()+2 > c.ca.cwnd {
		return c.inFlight() > 0
	}
	m.start = s.nxt
	c.sendNew(n, n)
	m.end, m.size = s.nxt, size
	c.ca.cwnd-- // the probe counts apart
	return false
}

// probeAgain looks for a longer path every tcp_probe_interval seconds.
func (c *Conn) probeAgain() {
	m := c.mtu
	if c.set.MTUProbeInterval <= 0 || time.Duration(c.now-m.at) < c.set.MTUProbeInterval {
		return
	}
	m.size = 0
	c.startHigh()
	m.at = c.now
}

func (c *Conn) startHigh() {
	m := c.mtu
	m.high = int(c.send.path.mss)
	if c.send.clamp > 0 {
		m.high = min(m.high, c.send.clamp)
	}
	m.low = c.send.mss + c.overhead()
}

// probeAcked ends a probe that came through: that much passes.
func (c *Conn) probeAcked() {
	m := c.mtu
	if m == nil || m.size == 0 || after(m.end, c.send.una) {
		return
	}
	c.ca.cwnd = max(c.ca.cwnd*uint32(c.send.mss+c.overhead())/uint32(m.size), 1)
	m.low, m.size = m.size, 0
	c.syncMSS()
	c.env.Count(StatMTUPSuccess, 1)
}

// probeLost reports that what is lost is a probe: no sign of congestion. It is
// sent again in shorter segments.
func (c *Conn) probeLost() bool {
	m, s := c.mtu, &c.send
	if m == nil || m.size == 0 || s.una != m.start || c.ca.state >= caCWR || s.q.len() == 0 {
		return false
	}
	m.high, m.size = m.size-1, 0
	c.env.Count(StatMTUPFail, 1)
	c.ca.cwnd++
	seg := s.q.at(0)
	n := packetsOf(int(seg.end-seg.seq), s.mss)
	c.markLost(seg)
	c.recount(seg.marks, int(n)-int(seg.packets))
	seg.packets = n
	c.lostWithoutCongestion()
	return true
}

package tcb

import (
	"time"

	"linen/lib/ktime"
)

// An algorithm is a congestion control (struct tcp_congestion_ops).
type algorithm interface {
	name() string
	start(c *Conn)
	ssthresh(c *Conn) uint32
	avoid(c *Conn, acked uint32)
	acked(c *Conn, packets uint32, rtt int64)
	changed(c *Conn, state uint8)
	began(c *Conn) // data are sent while nothing is in flight
	undo(c *Conn) uint32
}

// A controller is an algorithm that sets window and pacing rate itself, from
// delivery rates, and wants no reduction but its own.
type controller interface {
	control(c *Conn, r rateSample) // an acknowledgement's sample
	minTSO(c *Conn) int            // packets of a super-segment, at least
}

// congestionState is the window.
type congestionState struct {
	alg      algorithm
	state    uint8
	locked   bool // chosen by the route
	limited  bool // the window, not the application, is the limit
	cwnd     uint32
	count    uint32 // fractions of the window
	ssthresh uint32
	prior    uint32 // window before the last reduction
	maxOut   uint32
	outSeq   uint32
	used     uint32
	stamp    ktime.T
}

func (a *congestionState) init() {
	a.alg = cubicSeed{}
	a.cwnd, a.ssthresh = initCwnd, infinite
}

// Algorithms are the names that TCP_CONGESTION takes.
func Algorithms() []string { return []string{"reno", "cubic", "bbr", "dctcp"} }

// ctl returns the algorithm if it is a controller, or nil.
func (a *congestionState) ctl() controller {
	if b, ok := a.alg.(*bbr); ok {
		return b
	}
	return nil
}

// dctcp returns the algorithm if it is DCTCP, or nil.
func (a *congestionState) dctcp() *dctcp {
	d, _ := a.alg.(*dctcp)
	return d
}

// SetCongestion chooses the algorithm; false: unknown.
func (c *Conn) SetCongestion(name string) bool {
	var alg algorithm
	switch name {
	case "cubic":
		alg = cubicSeed{}
	case "reno":
		alg = new(reno)
	case "bbr":
		alg = new(bbr)
	case "dctcp":
		alg = new(dctcp)
	default:
		return false
	}
	c.ca.alg = alg
	if c.ca.ctl() == nil && !c.pace.asked {
		c.pace.on = false
	}
	if c.synced() {
		alg.start(c)
	}
	return true
}

// SendWindows is how many congestion windows the send buffer is to hold: BBR
// sends on while a round trip's loss is repaired (sndbuf_expand).
func (c *Conn) SendWindows() int64 {
	if c.ca.ctl() != nil {
		return 3
	}
	return 2
}

// clampCwnd applies the bound that a route gave what is remembered of the peer.
func (c *Conn) clampCwnd() {
	if n := c.seed.CwndClamp; n > 0 {
		c.ca.cwnd = min(c.ca.cwnd, n)
	}
}

// LockCongestion forbids TCP_CONGESTION: the route decides.
func (c *Conn) LockCongestion(on bool) { c.ca.locked = on }

// CongestionLocked reports whether the route decides.
func (c *Conn) CongestionLocked() bool { return c.ca.locked }

// NeedsECN reports that the algorithm asks for ECN when a connection begins
// (TCP_CONG_NEEDS_ECN).
func (c *Conn) NeedsECN() bool { return c.ca.dctcp() != nil }

// NeedsECN reports the same of the algorithm with this name.
func NeedsECN(algorithm string) bool { return algorithm == (*dctcp)(nil).name() }

// Congestion returns the algorithm's name.
func (c *Conn) Congestion() string { return c.ca.alg.name() }

// setCA moves to a state of congestion control (tcp_set_ca_state).
func (c *Conn) setCA(state uint8) {
	c.ca.alg.changed(c, state)
	if c.ca.state == caLoss && state != caLoss {
		c.endRTO()
	}
	c.ca.state = state
}

// validate notes how much of the window was used (RFC 7661).
func (a *congestionState) validate(c *Conn, limited bool) {
	out := c.inFlight()
	if !before(c.send.una, a.outSeq) || limited || out > a.maxOut {
		a.limited, a.maxOut, a.outSeq = limited, out, c.send.nxt
	}
	if a.limited {
		a.used, a.stamp = 0, c.now
		return
	}
	a.used = max(a.used, c.send.packets)
	if time.Duration(c.now-a.stamp) >= c.rtt.rto && c.set.SlowStartAfterIdle && a.ctl() == nil {
		a.unused(c)
	}
}

// unused shrinks a window that the application does not fill
// (tcp_cwnd_application_limited).
func (a *congestionState) unused(c *Conn) {
	if a.state == caOpen {
		used := max(a.used, min(initCwnd, max(a.cwnd, 2)))
		if used < a.cwnd {
			a.ssthresh = c.currentSsthresh()
			a.cwnd = (a.cwnd + used) / 2
		}
		a.used = 0
	}
	a.stamp = c.now
}

// restart halves the window for each timeout that the connection was idle
// (RFC 5681 §4.1).
func (a *congestionState) restart(c *Conn, idle time.Duration) {
	a.ssthresh = c.currentSsthresh()
	least := min(uint32(initCwnd), a.cwnd)
	cwnd := a.cwnd
	for idle -= c.rtt.rto; idle > 0 && cwnd > least; idle -= c.rtt.rto {
		cwnd >>= 1
	}
	a.cwnd = max(cwnd, least)
	a.stamp, a.used = c.now, 0
}

// isLimited reports that the window is what limits (tcp_is_cwnd_limited).
func (c *Conn) isLimited() bool {
	if c.ca.limited {
		return true
	}
	return c.ca.cwnd < c.ca.ssthresh && c.ca.cwnd < 2*c.ca.maxOut
}

// slowStart grows the window by what was acknowledged and returns what is left
// over at the threshold.
func (a *congestionState) slowStart(acked uint32) uint32 {
	to := min(a.cwnd+acked, a.ssthresh)
	acked -= to - a.cwnd
	a.cwnd = to
	return acked
}

// additive grows the window by acked/w (tcp_cong_avoid_ai).
func (a *congestionState) additive(w, acked uint32) {
	w = max(w, 1)
	if a.count >= w {
		a.count = 0
		a.cwnd++
	}
	a.count += acked
	if a.count >= w {
		n := a.count / w
		a.count -= n * w
		a.cwnd += n
	}
}

// reno is RFC 5681's.
type reno struct{}

func (*reno) name() string  { return "reno" }
func (*reno) start(c *Conn) {}

func (*reno) ssthresh(c *Conn) uint32 {
	c.ca.prior = c.ca.cwnd
	return max(c.ca.cwnd>>1, 2)
}

func (*reno) avoid(c *Conn, acked uint32) {
	if !c.isLimited() {
		return
	}
	if c.ca.cwnd < c.ca.ssthresh {
		if acked = c.ca.slowStart(acked); acked == 0 {
			return
		}
	}
	c.ca.additive(c.ca.cwnd, acked)
}

func (*reno) acked(*Conn, uint32, int64) {}
func (*reno) changed(*Conn, uint8)       {}
func (*reno) began(*Conn)                {}
func (*reno) undo(c *Conn) uint32        { return max(c.ca.cwnd, c.ca.prior) }

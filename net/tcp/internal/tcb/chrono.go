package tcb

import (
	"time"

	"linen/lib/ktime"
)

// What holds the sender up while there is something to send or to be
// acknowledged; a later one goes before an earlier (enum tcp_chrono).
const (
	chronoNone = iota
	chronoBusy
	chronoRwnd   // the peer's window
	chronoBuffer // the socket's own buffer
)

// chrono adds up the time spent with each.
type chrono struct {
	kind  uint8
	since uint32 // all in jiffies
	spent [chronoBuffer + 1]uint32
}

func (k *chrono) set(now ktime.T, kind uint8) {
	at := uint32(time.Duration(now) / jiffy)
	if k.kind != chronoNone {
		k.spent[k.kind] += at - k.since
	}
	k.kind, k.since = kind, at
}

// jiffies is a time in whole jiffies.
func jiffies(t ktime.T) time.Duration { return time.Duration(t) / jiffy * jiffy }

// chronoStart notes a reason, unless there is a stronger one.
func (c *Conn) chronoStart(kind uint8) {
	if kind > c.chrono.kind {
		c.chrono.set(c.now, kind)
	}
}

// chronoStop takes a reason back: what is left is being busy.
func (c *Conn) chronoStop(kind uint8) {
	if k := &c.chrono; k.kind == kind && kind != chronoNone {
		c.chrono.set(c.now, chronoBusy)
	}
}

// chronoIdle ends everything when nothing is left to send or to be
// acknowledged.
func (c *Conn) chronoIdle() {
	if k := &c.chrono; k.kind != chronoNone && c.send.packets == 0 && c.send.nxt == c.send.write {
		k.set(c.now, chronoNone)
	}
}

// times returns how long the connection was busy in all, and of that held up by
// the peer's window and by its own buffer.
func (k *chrono) times(now ktime.T) (busy, window, buffer time.Duration) {
	at := *k
	at.set(now, k.kind)
	window, buffer = time.Duration(at.spent[chronoRwnd])*jiffy, time.Duration(at.spent[chronoBuffer])*jiffy
	return time.Duration(at.spent[chronoBusy])*jiffy + window + buffer, window, buffer
}

// chronoWindow looks what keeps the next data back, after what may be sent was
// sent.
func (c *Conn) chronoWindow() {
	s := &c.send
	switch {
	case s.nxt != s.write && c.ca.cwnd > c.inFlight() && int(int32(c.windowEnd()-s.nxt)) < min(int(s.write-s.nxt), s.mss):
		c.chronoStart(chronoRwnd)
	default:
		c.chronoStop(chronoRwnd)
		if s.nxt == s.write && c.Full && !c.ca.limited {
			c.chronoStart(chronoBuffer)
		} else {
			c.chronoStop(chronoBuffer)
		}
	}
}

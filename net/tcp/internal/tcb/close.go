package tcb

import (
	"linen/lib/ktime"
	"linen/uapi"
	"linen/uapi/errno"
)

// Shutdown ends the sending side: a FIN goes out behind the data (tcp_shutdown).
func (c *Conn) Shutdown(now ktime.T) {
	c.now = now
	if c.nextClosing() {
		c.sendFin()
	}
}

// nextClosing moves to the state after a close and reports that a FIN is due
// (RFC 9293 §3.10.4).
func (c *Conn) nextClosing() bool {
	switch c.State {
	case uapi.TCP_ESTABLISHED, uapi.TCP_SYN_RECV:
		c.setState(uapi.TCP_FIN_WAIT1)
	case uapi.TCP_CLOSE_WAIT:
		c.setState(uapi.TCP_LAST_ACK)
	default:
		return false
	}
	return true
}

// Close leaves the connection without a reader: unread says that data are lost
// with that, which the peer must know (RFC 2525 §2.17), abort that it ends at
// once (SO_LINGER 0). It reports that nothing is left to do.
func (c *Conn) Close(now ktime.T, unread, abort bool) (over bool) {
	c.now = now
	c.RcvShut = true
	switch {
	case c.State == uapi.TCP_CLOSE || c.State == uapi.TCP_TIME_WAIT:
		return true
	case c.State == uapi.TCP_SYN_SENT:
		c.Destroy()
		return true
	case unread:
		c.Abort(now)
		return true
	case abort:
		c.env.Count(StatAbortOnData, 1)
		c.Abort(now)
		return true
	}
	if c.nextClosing() {
		c.Orphan = true
		c.sendFin()
	}
	c.Orphan = true
	c.keepAt = 0
	if c.State == uapi.TCP_FIN_WAIT2 {
		if c.keep.t.Linger2 < 0 {
			c.Abort(now)
			return true
		}
		c.keepAt = now.Add(c.FinTime())
	}
	return c.State == uapi.TCP_CLOSE
}

// Abort sends a RST and closes.
func (c *Conn) Abort(now ktime.T) {
	c.now = now
	switch c.State {
	case uapi.TCP_CLOSE, uapi.TCP_LISTEN, uapi.TCP_SYN_SENT, uapi.TCP_TIME_WAIT:
	default:
		c.sendControl(c.send.nxt, Rst|Ack)
	}
	c.Destroy()
}

// ICMPError is an ICMP error about a segment with the number seq. A connection
// that is being opened fails by it; hard ends an established one when the socket
// wants to hear of it, which the caller decides.
func (c *Conn) ICMPError(now ktime.T, e errno.Errno, seq uint32, closed bool) (fatal bool) {
	c.now = now
	if c.State == uapi.TCP_SYN_SENT || c.State == uapi.TCP_SYN_RECV {
		if closed {
			c.send.q.clear()
			c.fail(e)
			return true
		}
	}
	return false
}

// InWindow reports whether seq is one of a segment in flight, as an ICMP error
// must quote (RFC 5927 §4).
func (c *Conn) InWindow(seq uint32) bool { return between(seq, c.send.una, c.send.nxt) }

// A Wait is what TIME_WAIT keeps of a connection.
type Wait struct {
	RcvNxt, SndNxt, RcvWnd uint32
	RcvWS                  uint8
	TSRecent, TSOffset     uint32
	TSRecentAt             ktime.T
	TS                     bool
}

// TimeWait returns what TIME_WAIT keeps.
func (c *Conn) TimeWait() Wait {
	return Wait{
		RcvNxt: c.recv.nxt, SndNxt: c.send.nxt, RcvWnd: c.rcvWindow(), RcvWS: c.rcvWS,
		TSRecent: c.stamp.recent, TSRecentAt: c.stamp.recentAt, TSOffset: c.stamp.offset, TS: c.tsOK,
	}
}

// Una returns the oldest number not acknowledged: payload before it may go.
func (c *Conn) Una() uint32 { return c.send.una }

// SendBase returns the number of the first byte of the stream to send.
func (c *Conn) SendBase() uint32 { return c.send.iss + 1 }

// RcvNxt returns the next number expected, Copied the next to be read.
func (c *Conn) RcvNxt() uint32 { return c.recv.nxt }

// Copied returns the number of the next byte that the application reads.
func (c *Conn) Copied() uint32 { return c.recv.copied }

// GotFin reports that the peer has closed its side, all data having come.
func (c *Conn) GotFin() bool { return c.recv.fin }

// MSS returns the payload of a packet.
func (c *Conn) MSS() int { return c.send.mss }

// LargestMSS returns the payload of a packet before the peer's window bounds
// it.
func (c *Conn) LargestMSS() int { return max(c.send.mss, c.send.clamp) }

// SetQuickAck is TCP_QUICKACK: 0 delays acknowledgements, an odd number ends
// that, an even one does for what waits (tcp_sock_set_quickack).
func (c *Conn) SetQuickAck(now ktime.T, v int) {
	c.now = now
	c.setPingpong(v == 0)
	if v == 0 || c.ackPend&ackScheduled == 0 || c.State != uapi.TCP_ESTABLISHED && c.State != uapi.TCP_CLOSE_WAIT {
		return
	}
	c.ackPend |= ackPushed
	if c.AfterRead(1, c.recv.nxt == c.recv.copied) {
		c.sendAck()
	}
	c.setPingpong(v&1 == 0)
}

// QuickAck reads TCP_QUICKACK.
func (c *Conn) QuickAck() bool { return !c.recv.pingpong }

// Cwnd returns the congestion window in packets, for the send buffer's growth.
func (c *Conn) Cwnd() int { return int(max(c.ca.cwnd, initCwnd, c.rec.reordering+1)) }

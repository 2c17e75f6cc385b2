package tcb

import "linen/uapi"

// rcvWindow is what is left of the window that was announced.
func (c *Conn) rcvWindow() uint32 {
	r := &c.recv
	if w := int32(r.wup + r.wnd - r.nxt); w > 0 {
		return uint32(w)
	}
	return 0
}

// selectWindow chooses the window to announce (tcp_select_window): what was
// promised is taken back only when there is no memory for it.
func (c *Conn) selectWindow() uint16 {
	r := &c.recv
	if c.ackPend&ackNoMem != 0 {
		r.wnd, r.wup, r.everZero = 0, r.nxt, true
		return 0
	}
	old := c.rcvWindow()
	w := c.freeWindow()
	if w < old && !c.mayShrink() {
		if w == 0 {
			c.env.Count(StatWantZeroWindowAdv, 1)
		}
		w = alignUp(old, c.rcvWS)
	}
	r.wnd, r.wup = w, r.nxt
	if c.rcvWS == 0 {
		w = min(w, c.unscaledMax())
	} else {
		w = min(w, 0xffff<<c.rcvWS)
	}
	r.wnd = min(r.wnd, w)
	w >>= c.rcvWS
	switch {
	case w == 0 && old != 0:
		c.env.Count(StatToZeroWindowAdv, 1)
	case w != 0 && old == 0 && r.everZero:
		c.env.Count(StatFromZeroWindowAdv, 1)
	}
	r.everZero = w == 0
	return uint16(w)
}

// freeWindow is the window that the buffer allows; silly small ones are zero
// (__tcp_select_window; RFC 9293 §3.8.6.2.2).
func (c *Conn) freeWindow() uint32 {
	r := &c.recv
	free, full := c.env.Space()
	allowed := full
	full = min(full, int(r.clamp))
	mss := min(r.rcvMSS, full)
	if mss <= 0 {
		return 0
	}
	if free < full/2 {
		r.quick = 0
		if c.env.Pressure() {
			c.underPressure()
		}
		free &^= 1<<c.rcvWS - 1
		if free < allowed>>4 || free < mss {
			return 0
		}
	}
	free = min(free, int(r.ssthresh))
	if c.rcvWS != 0 && c.mayShrink() {
		return uint32(max(free, 0)) &^ (1<<c.rcvWS - 1) // what is there, and no more
	}
	if c.rcvWS != 0 {
		return alignUp(uint32(max(free, 0)), c.rcvWS)
	}
	w := int(r.wnd)
	if w <= free-mss || w > free {
		w = free / mss * mss
	} else if mss == full && free > w+full/2 {
		w = free
	}
	return uint32(max(w, 0))
}

// unscaledMax is the largest window without window scaling: a peer that does not
// scale may take the field for a signed number (tcp_workaround_signed_windows).
func (c *Conn) unscaledMax() uint32 {
	if c.set.SignedWindows {
		return 0x7fff
	}
	return 0xffff
}

func alignUp(v uint32, shift uint8) uint32 {
	m := uint32(1)<<shift - 1
	return (v + m) &^ m
}

// InitialWindow chooses the first window and the shift for a receive buffer of
// space bytes (tcp_select_initial_window).
func InitialWindow(space, clamp, mss int, scaling, signed bool, most int) (window, limit int, shift uint8) {
	limit = 65535 << maxWScale
	if clamp > 0 {
		limit = clamp
	}
	space = min(space, limit)
	if space > mss && mss > 0 {
		space = space / mss * mss
	}
	window = min(space, 65535)
	if signed { // tcp_workaround_signed_windows
		window = min(space, 32767)
	}
	if scaling {
		n := min(max(space, most), limit)
		for n > 65535 && shift < maxWScale {
			n >>= 1
			shift++
		}
	}
	return window, min(65535<<shift, limit), shift
}

// InitialWindow limits the first window to the route's initrwnd.
func (p *Path) InitialWindow(window, mss int) int {
	if p.InitRwnd > 0 && mss > 0 {
		window = min(window, p.InitRwnd*mss)
	}
	return window
}

// AfterRead looks whether the peer should hear that the reader took n bytes
// (tcp_cleanup_rbuf); empty says that nothing waits any more.
func (c *Conn) AfterRead(n int, empty bool) (send bool) {
	r := &c.recv
	if c.ackPend&ackScheduled != 0 {
		if r.nxt-r.wup > uint32(r.rcvMSS) ||
			n > 0 && empty && (c.ackPend&ackPushed2 != 0 || c.ackPend&ackPushed != 0 && !r.pingpong) {
			return true
		}
	}
	if n > 0 && !c.RcvShut && c.State != uapi.TCP_CLOSE && c.State != uapi.TCP_SYN_SENT {
		now := c.rcvWindow()
		if 2*now <= r.clamp {
			if w := c.freeWindow(); w != 0 && w >= 2*now {
				return true
			}
		}
	}
	return false
}

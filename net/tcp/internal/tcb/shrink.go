package tcb

// mayShrink reports that a window that was announced is taken back when there is
// no room for it (tcp_shrink_window; RFC 7323 §2.4 says how a peer copes).
func (c *Conn) mayShrink() bool { return c.set.ShrinkWindow && c.rcvWS != 0 && c.synced() }

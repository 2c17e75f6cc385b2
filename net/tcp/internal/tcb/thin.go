package tcb

import "linen/uapi"

// How thin streams are treated (Documentation/networking/tcp-thin).
const (
	thinPackets = 4 // with fewer in flight, fast retransmission cannot work
	thinLinear  = 6 // timeouts that do not double
)

// linear reports that a timeout does not double: the stream is thin, and not
// in its first slow start (tcp_thin_linear_timeouts,
// TCP_THIN_LINEAR_TIMEOUTS).
func (c *Conn) linear() bool {
	return c.State == uapi.TCP_ESTABLISHED && (c.set.ThinLinear || c.keep.t.ThinLinear) &&
		c.send.packets < thinPackets && c.ca.ssthresh < infinite && c.send.retransmits <= thinLinear
}

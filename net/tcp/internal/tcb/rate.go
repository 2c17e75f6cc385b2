package tcb

import (
	"time"

	"linen/lib/ktime"
)

// rateSample is one measure of the delivery rate: what was delivered between
// the time the sampled packet was sent and its acknowledgement
// (draft-cheng-iccrg-delivery-rate-estimation §3.3).
type rateSample struct {
	prior   uint64  // delivered when the packet was sent
	priorAt ktime.T // and when that was delivered; 0: no sample
	sendAt  ktime.T
	firstAt ktime.T
	end     uint32
	limited bool // the application had no more to send then
	again   bool // of a retransmission

	delivered int64         // packets in interval; -1: none
	interval  time.Duration // 0: none
	acked     uint32        // packets that this acknowledgement delivered
	losses    uint32        // and found lost
	before    uint32        // in flight before it
	rtt       int64         // microseconds, -1: none
	delayed   bool          // the peer may have delayed it
}

// stampRate notes the connection's progress in a segment that is sent.
func (c *Conn) stampRate(seg *txSeg) {
	s := &c.send
	if s.packets == 0 {
		s.firstSentAt, s.deliveredAt = c.now, c.now
	}
	seg.firstAt, seg.deliverAt, seg.delivered = s.firstSentAt, s.deliveredAt, s.delivered
	seg.limited = s.appLimited != 0
}

// rateSkb takes the newest segment that was delivered as the sample's begin.
func (c *Conn) rateSkb(seg *txSeg, w *ackWork) {
	if seg.deliverAt == 0 {
		return
	}
	r := &w.rate
	if r.priorAt == 0 || sentAfter(seg.sentAt, c.send.firstSentAt, seg.end, r.end) {
		r.prior, r.priorAt, r.sendAt, r.firstAt, r.end = seg.delivered, seg.deliverAt, seg.sentAt, seg.firstAt, seg.end
		r.limited, r.again = seg.limited, seg.marks&txEver != 0
		c.send.firstSentAt = seg.sentAt
	}
	if seg.marks&txSacked != 0 {
		seg.deliverAt = 0 // it is not sampled again when it is acknowledged
	}
}

// rateDone ends the sample of an acknowledgement (tcp_rate_gen).
func (c *Conn) rateDone(w *ackWork) {
	s, r := &c.send, &w.rate
	r.acked, r.losses, r.before, r.rtt = uint32(s.delivered-w.delivered), w.lost, w.inFlight, w.caRTT
	r.delayed = w.flag&flagMaybeDelayed != 0
	r.delivered = -1
	if s.delivered > w.delivered {
		s.deliveredAt = c.now
	}
	if s.appLimited != 0 && s.delivered > s.appLimited {
		s.appLimited = 0
	}
	if r.priorAt == 0 {
		return
	}
	r.delivered = int64(s.delivered - r.prior)
	took := max(time.Duration(r.sendAt-r.firstAt), time.Duration(c.now-r.priorAt))
	// Less than a round trip is a burst that was acknowledged in parts.
	if took <= 0 || took/time.Microsecond < time.Duration(c.rtt.min) {
		return
	}
	r.interval = took
	if !r.limited || uint64(r.delivered)*uint64(s.rateInterval) >= s.rateDelivered*uint64(took) {
		s.rateDelivered, s.rateInterval, s.limitedUsed = uint64(r.delivered), took, r.limited
	}
}

// noteLimited marks that the application, not the network, is the limit: it
// has been slow to write (tcp_rate_check_app_limited).
func (c *Conn) noteLimited() {
	s := &c.send
	if int(s.write-s.nxt) < s.mss && c.inFlight() < c.ca.cwnd && s.lost <= s.retrans {
		s.appLimited = max(s.delivered+uint64(c.inFlight()), 1)
	}
}

// deliveryRate is what TCP_INFO shows, in bytes a second.
func (s *sender) deliveryRate() uint64 {
	if s.rateInterval <= 0 {
		return 0
	}
	return s.rateDelivered * uint64(s.mss) * uint64(time.Second/time.Microsecond) / max(uint64(s.rateInterval/time.Microsecond), 1)
}

package dev

import (
	"linen/kern"
	"linen/net/skb"
)

// A Queue is a device's queueing discipline as the core sees it (net/sched
// makes them). It is passed packets and calls SendDirect with each when its
// turn has come.
type Queue interface {
	Name() string // "pfifo_fast"
	// Enqueue owns b. A queue that is full drops it.
	Enqueue(c *kern.CPU, d *Device, b *skb.Buff)
}

// queue is the box that holds a Queue behind an atomic pointer.
type queue struct{ q Queue }

// SetQueue makes q d's queueing discipline; nil means none (noqueue). The
// caller holds the RTNL.
func (d *Device) SetQueue(q Queue) {
	if q == nil {
		d.qdisc.Store(nil)
		return
	}
	d.qdisc.Store(&queue{q})
}

// Xmit sends b by b.Dev (dev_queue_xmit). Its data begins at the link header.
// It owns b and reports whether b was sent or queued; a false has been counted.
func Xmit(c *kern.CPU, b *skb.Buff) bool {
	d := Of(b)
	if d.egress.Load() != nil && !(*d.egress.Load())(c, d, b) {
		return true
	}
	if q := d.qdisc.Load(); q != nil {
		q.q.Enqueue(c, d, b)
		return true
	}
	return SendDirect(c, d, b)
}

// SendDirect gives b to d's driver, past the queueing discipline: features,
// taps, Ops.Xmit (dev_hard_start_xmit). It owns b.
func SendDirect(c *kern.CPU, d *Device, b *skb.Buff) bool {
	d.Ops.Xmit(c, d, b)
	return true
}

// Package delay moves packets over a bad link: package impair says when which
// copies arrive, a Line keeps them until then.
//
// The kernel's counterpart is the watchdog part of net/sched/sch_netem.c.
package delay

import (
	"sync"

	"linen/kern"
	"linen/lib/impair"
	"linen/lib/ktime"
	"linen/net/netns"
	"linen/net/skb"
)

// A Line is one direction of a link. It is safe for use from several CPUs.
type Line struct {
	deliver func(c *kern.CPU, b *skb.Buff)
	timer   kern.Timer

	mu     sync.Mutex // guards what follows
	link   *impair.Link
	queue  queue
	seq    uint64
	closed bool
	plan   []impair.Delivery
}

// item is a packet on its way.
type item struct {
	at  ktime.T
	seq uint64
	b   *skb.Buff
}

// queue is a binary heap by arrival, then order of sending.
type queue []item

func (q queue) less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}

func (q *queue) push(it item) {
	*q = append(*q, it)
	h := *q
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (q *queue) pop() *skb.Buff {
	h := *q
	last := len(h) - 1
	b := h[0].b
	h[0] = h[last]
	h[last] = item{}
	h = h[:last]
	*q = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h.less(child, least) {
				least = child
			}
		}
		if least == i {
			return b
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// NewLine returns a Line on k that does what cfg says and hands arriving
// packets, each its own, to deliver.
func NewLine(k *kern.Kernel, cfg impair.Config, deliver func(c *kern.CPU, b *skb.Buff)) *Line {
	l := &Line{deliver: deliver, link: impair.New(cfg)}
	l.timer.Init(k, l.expire)
	return l
}

// Send takes b, of n bytes on the link. It is dropped in the namespace net
// when the link loses it.
func (l *Line) Send(c *kern.CPU, net *netns.Net, b *skb.Buff, n int) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		b.Drop(c, net, skb.ReasonDevReady)
		return
	}
	plan, fate := l.link.Send(int64(c.Now()), n, l.plan[:0])
	l.plan = plan
	if fate != impair.Delivered {
		l.mu.Unlock()
		reason := skb.ReasonLinkLoss
		if fate == impair.Overlimit {
			reason = skb.ReasonLinkQueue
		}
		b.Drop(c, net, reason)
		return
	}
	for i, p := range plan {
		o := b
		if i < len(plan)-1 {
			o = b.Clone(c)
		}
		if p.Corrupt {
			o.Linearize()
			p.Apply(o.Data())
		}
		l.seq++
		l.queue.push(item{ktime.T(p.At), l.seq, o})
	}
	l.mu.Unlock()
	l.expire(c)
}

// expire delivers what is due and arms the timer for the rest.
func (l *Line) expire(c *kern.CPU) {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.mu.Unlock()
			return
		}
		if at := l.queue[0].at; at > c.Now() {
			l.timer.Set(at)
			l.mu.Unlock()
			return
		}
		b := l.queue.pop()
		l.mu.Unlock()
		l.deliver(c, b)
	}
}

// Stats returns what the link did so far.
func (l *Line) Stats() impair.Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.link.Stats()
}

// Config returns what the link does.
func (l *Line) Config() impair.Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.link.Config()
}

// SetConfig changes what the link does from the next packet on.
func (l *Line) SetConfig(cfg impair.Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link.SetConfig(cfg)
}

// Close forgets what is on its way; nothing is delivered afterwards.
func (l *Line) Close() {
	l.timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.queue = nil
}

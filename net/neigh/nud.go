package neigh

import (
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/skb"
	"linen/uapi"
)

// shortest is the least time between two steps of an entry's timer (HZ/100).
const shortest = 10 * time.Millisecond

// UpdateFlags say how Update treats what is there (NEIGH_UPDATE_F_*).
type UpdateFlags uint32

// The flags of Update.
const (
	Override         UpdateFlags = 1 << 0 // a different address replaces the old one
	WeakOverride     UpdateFlags = 1 << 1 // ... makes a connected entry STALE instead
	OverrideIsRouter UpdateFlags = 1 << 2 // IsRouter is meant
	UseEntry         UpdateFlags = 1 << 3 // NTF_USE: resolve it
	Managed          UpdateFlags = 1 << 4 // NTF_MANAGED: keep it resolved
	ExtLearned       UpdateFlags = 1 << 5 // NTF_EXT_LEARNED
	IsRouter         UpdateFlags = 1 << 6 // the neighbour is a router
	ExtValidated     UpdateFlags = 1 << 7 // NTF_EXT_EXT_VALIDATED: somebody else tells when it goes
	Admin            UpdateFlags = 1 << 31
)

// Send asks for the neighbour to send b (neigh_event_send): it reports true
// when b waits in the queue or was dropped, false when the caller may send it
// with the address at hand. b may be nil: resolve only.
func (nb *Neigh) Send(c *kern.CPU, b *skb.Buff) (taken bool) {
	now := c.Now()
	nb.used.Store(int64(now))
	if nb.state.Load()&(Connected|uapi.NUD_DELAY|uapi.NUD_PROBE) != 0 {
		return false
	}
	nb.mu.Lock()
	if nb.dead {
		nb.mu.Unlock()
		nb.drop(c, b, skb.ReasonNeighDead)
		return true
	}
	probe := false
	switch state := nb.state.Load(); {
	case state&(Connected|uapi.NUD_DELAY|uapi.NUD_PROBE) != 0: // meanwhile
		nb.mu.Unlock()
		return false
	case state&uapi.NUD_STALE != 0:
		nb.setState(c, now, uapi.NUD_DELAY, now.Add(nb.Parms.Duration(DelayProbeTime)))
		nb.mu.Unlock()
		return false
	case state&uapi.NUD_INCOMPLETE == 0: // new, or failed before
		if nb.Parms.Int(McastProbes)+nb.Parms.Int(AppProbes) == 0 {
			nb.setState(c, now, uapi.NUD_FAILED, 0)
			nb.mu.Unlock()
			nb.drop(c, b, skb.ReasonNeighFailed)
			return true
		}
		nb.probes.Store(int32(nb.Parms.Int(UcastProbes)))
		nb.setState(c, now, uapi.NUD_INCOMPLETE, now.Add(max(nb.Parms.Duration(RetransTime), shortest)))
		probe = true
	}
	nb.enqueue(c, b)
	if probe {
		nb.solicit(c)
		return true
	}
	nb.mu.Unlock()
	return true
}

// drop ends b, if there is one.
func (nb *Neigh) drop(c *kern.CPU, b *skb.Buff, r skb.Reason) {
	if b != nil {
		b.Drop(c, nb.Table.n, r)
	}
}

// enqueue lets b wait; the oldest go when there are too many bytes. nb.mu is
// held.
func (nb *Neigh) enqueue(c *kern.CPU, b *skb.Buff) {
	if b == nil {
		return
	}
	limit := nb.Parms.Int(QueueLenBytes)
	for nb.queueBytes+int(b.TrueSize) > limit && len(nb.queue) > 0 {
		old := nb.queue[0]
		nb.queue[0] = nil
		nb.queue = nb.queue[1:]
		nb.queueBytes -= int(old.TrueSize)
		nb.Table.Stats.UnresDiscards.Add(1)
		old.Drop(c, nb.Table.n, skb.ReasonNeighQueuefull)
	}
	nb.queue = append(nb.queue, b)
	nb.queueBytes += int(b.TrueSize)
}

// solicit sends a solicitation, on behalf of the newest packet that waits, and
// releases nb.mu first.
func (nb *Neigh) solicit(c *kern.CPU) {
	probes := int(nb.probes.Add(1)) - 1
	var b *skb.Buff
	if last := len(nb.queue) - 1; last >= 0 {
		b = nb.queue[last].Clone(c) // the queue may be flushed meanwhile
	}
	nb.mu.Unlock()
	if nb.Table.ops.Solicit != nil {
		nb.Table.ops.Solicit(c, nb, b, probes)
	}
	if b != nil {
		b.Consume(c)
	}
}

// setState changes the state and arms the timer for at (0: none). nb.mu is
// held.
func (nb *Neigh) setState(c *kern.CPU, now ktime.T, state uint16, at ktime.T) {
	nb.state.Store(uint32(state))
	nb.updated.Store(int64(now))
	if at == 0 {
		nb.timer.Stop()
	} else {
		nb.timer.Set(at)
	}
	if nb.Table.n.Tracing.Load() && c != nil {
		nb.trace(c, nil)
	}
}

// trace reports the state, and b, which is sent to nb, or nil.
func (nb *Neigh) trace(c *kern.CPU, b *skb.Buff) {
	skb.Trace(c, nb.Table.n, b, skb.Event{Point: skb.PointNeigh, Device: nb.Dev.Name(), Verdict: StateName(nb.State()), By: nb.String(), Detail: nb})
}

// expire is the entry's timer (neigh_timer_handler).
func (nb *Neigh) expire(c *kern.CPU) {
	now := c.Now()
	nb.mu.Lock()
	if nb.dead || nb.state.Load()&InTimer == 0 {
		nb.mu.Unlock()
		return
	}
	next, changed := nb.step(c, now)
	if nb.state.Load()&(uapi.NUD_INCOMPLETE|uapi.NUD_PROBE) != 0 && nb.Probes() >= nb.maxProbes() {
		nb.giveUp(c, now) // releases nb.mu
		nb.changed(c, 0)
		return
	}
	if nb.state.Load()&InTimer != 0 {
		nb.timer.Set(max(next, now.Add(shortest)))
	}
	if nb.state.Load()&(uapi.NUD_INCOMPLETE|uapi.NUD_PROBE) != 0 {
		nb.solicit(c)
	} else {
		nb.mu.Unlock()
	}
	if changed {
		nb.changed(c, 0)
	}
}

// step moves an entry whose time has come and returns when to look again, and
// whether listeners want to know. nb.mu is held.
func (nb *Neigh) step(c *kern.CPU, now ktime.T) (next ktime.T, changed bool) {
	delay := nb.Parms.Duration(DelayProbeTime)
	reachable := nb.Confirmed().Add(nb.Parms.ReachableTime())
	switch nb.state.Load() {
	case uapi.NUD_REACHABLE:
		switch {
		case now <= reachable:
			return reachable, false
		case now <= nb.Used().Add(delay):
			next = now.Add(delay)
			nb.setState(c, now, uapi.NUD_DELAY, next)
			return next, false
		}
		nb.setState(c, now, uapi.NUD_STALE, 0)
		return 0, true
	case uapi.NUD_DELAY:
		if now <= nb.Confirmed().Add(delay) {
			nb.setState(c, now, uapi.NUD_REACHABLE, reachable)
			return reachable, true
		}
		nb.probes.Store(0)
		next = now.Add(max(nb.Parms.Duration(RetransTime), shortest))
		nb.setState(c, now, uapi.NUD_PROBE, next)
		return next, true
	}
	return now.Add(max(nb.Parms.Duration(RetransTime), shortest)), false
}

// maxProbes returns after how many solicitations an entry has failed.
func (nb *Neigh) maxProbes() int {
	n := nb.Parms.Int(UcastProbes) + nb.Parms.Int(AppProbes)
	if nb.state.Load()&uapi.NUD_PROBE != 0 {
		return n + nb.Parms.Int(McastReprobes)
	}
	return n + nb.Parms.Int(McastProbes)
}

// giveUp ends a resolution without an answer, and releases nb.mu. An entry
// that is validated elsewhere only becomes STALE.
func (nb *Neigh) giveUp(c *kern.CPU, now ktime.T) {
	if nb.state.Load()&uapi.NUD_PROBE != 0 && nb.flags.Load()&ntfValidated != 0 {
		nb.setState(c, now, uapi.NUD_STALE, 0)
		nb.mu.Unlock()
		return
	}
	nb.setState(c, now, uapi.NUD_FAILED, 0)
	queue := nb.takeQueue()
	nb.mu.Unlock()
	nb.fail(c, queue)
}

// fail reports and drops the packets of a neighbour that did not answer
// (neigh_invalidate). c may be nil for a caller on no CPU.
func (nb *Neigh) fail(c *kern.CPU, queue []*skb.Buff) {
	t := nb.Table
	t.Stats.ResFailed.Add(1)
	if len(queue) == 0 {
		return
	}
	t.onCPU(c, func(c *kern.CPU) {
		for _, b := range queue {
			if t.ops.Unreachable != nil {
				t.ops.Unreachable(c, b)
			}
			b.Drop(c, t.n, skb.ReasonNeighFailed)
		}
	})
}

package sock

import (
	"sync"

	"linen/kern"
	"linen/net/skb"
)

// ownership is lock_sock: a flag that one user call holds, and the backlog of
// packets that came meanwhile.
type ownership struct {
	mu      sync.Mutex // held by a softirq while it works on a free socket
	more    *backlog   // made by the first who needs it
	bytes   int32      // truesize on the backlog
	waiting uint16
	owned   bool
}

// backlog is the packets that came while a socket was owned, and who waits to
// own it.
type backlog struct {
	list, spare []*skb.Buff
	free        *sync.Cond // of ownership.mu; made by the first who waits
}

// later returns what contention needs. The caller holds mu.
func (o *ownership) later() *backlog {
	if o.more == nil {
		o.more = new(backlog)
	}
	return o.more
}

// Lock makes the caller the socket's owner (lock_sock). It may wait for another
// owner; the caller is on no CPU.
func (s *Sock) Lock() {
	o := &s.owner
	o.mu.Lock()
	for o.owned {
		m := o.later()
		if m.free == nil {
			m.free = sync.NewCond(&o.mu)
		}
		o.waiting++
		m.free.Wait()
		o.waiting--
	}
	o.owned = true
	o.mu.Unlock()
}

// Unlock processes the backlog and gives ownership up (release_sock). The
// caller is on no CPU. The protocol's Backlog gets each packet; its Release is
// called last, on a CPU, when the protocol has one.
func (s *Sock) Unlock() {
	o := &s.owner
	o.mu.Lock()
	for o.more != nil && len(o.more.list) > 0 {
		list := o.more.list
		o.more.list, o.more.spare = o.more.spare[:0], nil
		o.mu.Unlock()
		c := s.net.Kernel().Enter(kern.Any)
		for i, b := range list {
			list[i] = nil
			s.proto.Backlog(c, s, b)
		}
		c.Exit()
		o.mu.Lock()
		o.more.spare = list[:0]
		// Only now: packets that came during the loop were measured against it.
		if len(o.more.list) == 0 {
			o.bytes = 0
		}
	}
	if s.proto != nil && s.proto.Release != nil && s.proto.NeedRelease(s) {
		o.mu.Unlock()
		c := s.net.Kernel().Enter(kern.Any)
		o.mu.Lock()
		s.proto.Release(c, s)
		s.disown()
		c.Exit()
		return
	}
	s.disown()
}

// disown ends the ownership and the mutex.
func (s *Sock) disown() {
	o := &s.owner
	o.owned = false
	if o.waiting > 0 {
		o.more.free.Signal()
	}
	o.mu.Unlock()
}

// BHLock takes the socket's mutex for a softirq (bh_lock_sock) and reports
// whether nobody owns the socket. When somebody does, the softirq may only
// note things (AddBacklog, deferred-timer bits). BHUnlock ends it.
func (s *Sock) BHLock() (free bool) {
	s.owner.mu.Lock()
	return !s.owner.owned
}

// BHUnlock releases what BHLock took.
func (s *Sock) BHUnlock() { s.owner.mu.Unlock() }

// AddBacklog leaves b for the owner, who will process it on a CPU. It reports
// false, and takes nothing, when more than limit bytes of truesize wait there
// and in the receive queue (sk_add_backlog). The caller holds BHLock.
func (s *Sock) AddBacklog(b *skb.Buff, limit int64) bool {
	o := &s.owner
	if int64(o.bytes)+s.rmem.Load() > limit {
		return false
	}
	o.bytes += b.TrueSize
	m := o.later()
	m.list = append(m.list, b)
	return true
}

// BacklogLen returns the truesize on the backlog (SK_MEMINFO_BACKLOG).
func (s *Sock) BacklogLen() int64 {
	o := &s.owner
	o.mu.Lock()
	defer o.mu.Unlock()
	return int64(o.bytes)
}

package sock

import (
	"linen/kern"
	"linen/uapi"
)

// waitEntry is one blocked goroutine.
type waitEntry struct {
	w      *kern.Waiter
	events Events
}

// always are the events that wake everybody.
const always = Events(uapi.POLLERR | uapi.POLLHUP)

// Attach implements Socket.
func (s *Sock) Attach(w *kern.Waiter, events Events) {
	q := &s.queues
	q.mu.Lock()
	q.waiters = append(q.waiters, waitEntry{w, events | always})
	q.heard.Add(1)
	q.mu.Unlock()
}

// Detach implements Socket.
func (s *Sock) Detach(w *kern.Waiter) {
	q := &s.queues
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, e := range q.waiters {
		if e.w == w {
			last := len(q.waiters) - 1
			copy(q.waiters[i:], q.waiters[i+1:])
			q.waiters[last] = waitEntry{}
			q.waiters = q.waiters[:last]
			q.heard.Add(-1)
			return
		}
	}
}

// Watch implements Socket.
func (s *Sock) Watch(f func()) {
	q := &s.queues
	q.mu.Lock()
	defer q.mu.Unlock()
	if (q.watch == nil) != (f == nil) {
		if f == nil {
			q.heard.Add(-1)
		} else {
			q.heard.Add(1)
		}
	}
	q.watch = f
	if f != nil && q.fire == nil {
		q.fire = s.fire
	}
}

// fire calls the watcher; it runs off every CPU.
func (s *Sock) fire() {
	q := &s.queues
	q.mu.Lock()
	q.fired = false
	f := q.watch
	q.mu.Unlock()
	if f != nil {
		f()
	}
}

// Notify tells waiters and the watcher that events may have become true. On a
// CPU c the wakes happen after it is left; with a nil c, now.
func (s *Sock) Notify(c *kern.CPU, events Events) {
	if s.queues.heard.Load() == 0 {
		return
	}
	q := &s.queues
	q.mu.Lock()
	s.notifyLocked(c, events)
	q.mu.Unlock()
}

// notifyUser is Notify for calls off every CPU.
func (s *Sock) notifyUser(events Events) { s.Notify(nil, events) }

// notifyLocked is Notify under the queues' mutex.
func (s *Sock) notifyLocked(c *kern.CPU, events Events) {
	q := &s.queues
	for i := range q.waiters {
		e := &q.waiters[i]
		if e.events&events == 0 {
			continue
		}
		if c != nil {
			c.Wake(e.w)
		} else {
			e.w.Wake()
		}
	}
	if q.watch == nil || q.fired {
		return
	}
	q.fired = true
	if c != nil {
		c.After(q.fire)
	} else {
		s.net.Kernel().Queue(q.fire)
	}
}

package kern

import (
	"context"
	"sync"

	"linen/lib/ktime"
)

// A Waiter is what a user goroutine blocks on: a one-slot channel, taken from
// its Kernel's pool for the length of one wait and attached to a socket or a
// queue only while somebody blocks.
type Waiter struct {
	k     *Kernel
	ch    chan struct{}
	timer Timer
}

type waiterPool struct {
	sync.Mutex
	free []*Waiter
}

// maxFreeWaiters bounds the pool; more waiters than that are left to the
// garbage collector.
const maxFreeWaiters = 1024

// Waiter returns a Waiter that is not woken. The caller frees it after
// detaching it from wherever it might still be woken.
func (k *Kernel) Waiter() *Waiter {
	p := &k.waiters
	p.Lock()
	defer p.Unlock()
	if n := len(p.free); n > 0 {
		w := p.free[n-1]
		p.free = p.free[:n-1]
		return w
	}
	w := &Waiter{k: k, ch: make(chan struct{}, 1)}
	w.timer.Init(k, func(c *CPU) { c.Wake(w) })
	return w
}

// Free gives w back. A wake that arrives afterwards would reach its next
// user, which must therefore look at its condition again after every wake.
func (w *Waiter) Free() {
	w.timer.Stop()
	select {
	case <-w.ch:
	default:
	}
	p := &w.k.waiters
	p.Lock()
	defer p.Unlock()
	if len(p.free) < maxFreeWaiters {
		p.free = append(p.free, w)
	}
}

// Wake wakes w, now or when it next waits. It never blocks. Code on a CPU uses
// CPU.Wake instead.
func (w *Waiter) Wake() {
	select {
	case w.ch <- struct{}{}:
	default:
	}
}

// Wait blocks until w is woken. It may return without a wake: look again.
func (w *Waiter) Wait() { <-w.ch }

// WaitUntil blocks until w is woken or the clock reaches deadline; a deadline
// of 0 is none. The caller must be on no CPU.
func (w *Waiter) WaitUntil(deadline ktime.T) {
	if deadline != 0 {
		w.timer.Set(deadline)
	}
	<-w.ch
}

// WaitContext blocks until w is woken, the clock reaches deadline (0: none) or
// ctx is done; it returns ctx's error in the last case.
func (w *Waiter) WaitContext(ctx context.Context, deadline ktime.T) error {
	if deadline != 0 {
		w.timer.Set(deadline)
	}
	select {
	case <-w.ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

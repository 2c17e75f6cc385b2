package linen

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
)

// deadline is a time by which a direction's calls must end, and who waits.
type deadline struct {
	t       atomic.Int64 // a ktime.T, 0: none
	mu      sync.Mutex
	waiters []*kern.Waiter
}

// at returns the deadline on the Kernel's clock, 0 for none.
func (d *deadline) at() ktime.T { return ktime.T(d.t.Load()) }

// passed reports whether the deadline has come.
func (d *deadline) passed(k *kern.Kernel) bool {
	at := d.at()
	return at != 0 && at <= k.Now()
}

// set moves the deadline and makes those who wait look again.
func (d *deadline) set(k *kern.Kernel, t time.Time) {
	at := ktime.T(0)
	if !t.IsZero() {
		now := k.Now()
		at = max(now.Add(t.Sub(k.Wall(now))), 1)
	}
	d.t.Store(int64(at))
	d.wake()
}

// wake makes those who wait look again.
func (d *deadline) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.waiters {
		w.Wake()
	}
}

func (d *deadline) add(w *kern.Waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiters = append(d.waiters, w)
}

func (d *deadline) remove(w *kern.Waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiters = slices.DeleteFunc(d.waiters, func(o *kern.Waiter) bool { return o == w })
}

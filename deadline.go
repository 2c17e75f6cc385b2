package linen

import (
	"slices"
	"sync"
	"time"

	"linen/kern"
	"linen/lib/ktime"
)

// deadline is a time by which a direction's calls must end, and who waits.
type deadline struct {
	mu      sync.Mutex
	t       time.Time
	waiters []*kern.Waiter
}

// at returns the deadline on k's clock, 0 for none.
func (d *deadline) at(k *kern.Kernel) ktime.T {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.t.IsZero() {
		return 0
	}
	now := k.Now()
	return max(now.Add(d.t.Sub(k.Wall(now))), 1)
}

// passed reports whether the deadline has come.
func (d *deadline) passed(k *kern.Kernel) bool {
	at := d.at(k)
	return at != 0 && at <= k.Now()
}

// set moves the deadline and makes those who wait look again.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	d.t = t
	d.mu.Unlock()
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

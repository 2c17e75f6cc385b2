package kern

import (
	"sync"
	"time"

	"linen/lib/ktime"
)

// A Clock is a source of time: the machine's, which New uses by default, or a
// ManualClock.
type Clock interface {
	// Now returns the time since the clock began; it never goes back.
	Now() ktime.T
	// Wall returns the time of day at t.
	Wall(t ktime.T) time.Time

	wakeup(fire func()) wakeup
	attach(k *Kernel)
	detach(k *Kernel)
}

// A wakeup is one alarm of a clock.
type wakeup interface {
	set(at ktime.T) // call fire at the time at; replaces an earlier set
	stop()
}

// realClock is the machine's monotonic clock. It begins at 1 s, so that no
// moment of a Kernel's life is the zero time.
type realClock struct{ began time.Time }

const realStart = ktime.T(time.Second)

func newRealClock() *realClock { return &realClock{time.Now()} }

func (r *realClock) Now() ktime.T { return realStart + ktime.T(time.Since(r.began)) }

func (r *realClock) Wall(t ktime.T) time.Time { return r.began.Add(time.Duration(t - realStart)) }

func (r *realClock) attach(*Kernel) {}
func (r *realClock) detach(*Kernel) {}

func (r *realClock) wakeup(fire func()) wakeup { return &realWakeup{clock: r, fire: fire} }

// realWakeup is a runtime timer, made at its first use.
type realWakeup struct {
	clock *realClock
	fire  func()
	timer *time.Timer
}

func (w *realWakeup) set(at ktime.T) {
	d := time.Duration(at - w.clock.Now())
	if w.timer == nil {
		w.timer = time.AfterFunc(d, w.fire)
		return
	}
	w.timer.Reset(d)
}

func (w *realWakeup) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// A ManualClock stands still until Advance moves it: tests and simulations.
// The Kernels on one ManualClock share its time.
type ManualClock struct {
	mu      sync.Mutex
	now     ktime.T
	began   time.Time
	kernels []*Kernel
}

// NewManualClock returns a clock that stands at 1 s; that moment is
// 2001-01-01 00:00:01 UTC in time of day.
func NewManualClock() *ManualClock {
	return &ManualClock{now: realStart, began: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// Now returns the clock's time.
func (m *ManualClock) Now() ktime.T {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Wall returns the time of day at t.
func (m *ManualClock) Wall(t ktime.T) time.Time { return m.began.Add(time.Duration(t)) }

func (m *ManualClock) wakeup(func()) wakeup { return manualWakeup{} }

// manualWakeup does nothing: Advance asks the queues.
type manualWakeup struct{}

func (manualWakeup) set(ktime.T) {}
func (manualWakeup) stop()       {}

func (m *ManualClock) attach(k *Kernel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kernels = append(m.kernels, k)
}

func (m *ManualClock) detach(k *Kernel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, o := range m.kernels {
		if o == k {
			m.kernels = append(m.kernels[:i:i], m.kernels[i+1:]...)
			return
		}
	}
}

// Advance moves the clock by d, jumping from one timer to the next and
// running each, and all queued work, on the caller's goroutine. The caller
// must be on no CPU.
func (m *ManualClock) Advance(d time.Duration) {
	end := m.Now() + ktime.T(d)
	for {
		m.Settle()
		c, at := m.next()
		if c == nil || at > end {
			break
		}
		m.mu.Lock()
		m.now = max(m.now, at)
		m.mu.Unlock()
		c.fire()
	}
	m.mu.Lock()
	m.now = end
	m.mu.Unlock()
}

// Settle runs the work that is queued, without moving the clock.
func (m *ManualClock) Settle() {
	for again := true; again; {
		again = false
		for _, k := range m.attached() {
			again = k.work.runAll() || again
		}
	}
}

func (m *ManualClock) attached() []*Kernel {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*Kernel(nil), m.kernels...)
}

// next returns the CPU with the earliest timer; ties go to the Kernel attached
// first, then the lower CPU.
func (m *ManualClock) next() (first *CPU, at ktime.T) {
	for _, k := range m.attached() {
		for _, c := range k.cpus {
			if t := c.timers.first(); t != 0 && (first == nil || t < at) {
				first, at = c, t
			}
		}
	}
	return first, at
}

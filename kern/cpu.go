package kern

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"linen/lib/ktime"
)

const (
	exitBudget  = 300   // packets Exit polls on its caller's goroutine; net.core.netdev_budget
	drainBudget = 20000 // packets a hand-over drains before others may enter
	pollWeight  = 64    // packets one NAPI may take a round; net.core.dev_weight
)

// A NAPI is a source of packets that one CPU polls. It belongs to the CPU on
// which it is scheduled first and must not be scheduled on another.
type NAPI struct {
	// Poll processes up to budget packets on c and returns how many it took.
	// A return below budget completes it: it runs again when scheduled again.
	Poll func(c *CPU, budget int) int

	scheduled bool // on its CPU's poll list; guarded by the CPU
}

// A CPU is one virtual CPU of a Kernel. Its methods, but for ID and Kernel,
// are for the goroutine that holds it.
type CPU struct {
	id int
	k  *Kernel

	mu     sync.Mutex    // held by whoever runs on the CPU
	raised atomic.Bool   // the inbox has something
	slots  []any         // values of CPUKeys
	now    ktime.T       // the clock as read at Enter and once a poll round
	rnd    *rand.ChaCha8 // seeded from the Kernel's seed

	polls  []*NAPI       // scheduled, in order
	spare  []*NAPI       // the other buffer of polls
	wakes  []*Waiter     // to wake after the unlock
	after  []func()      // to run after the unlock
	kick   []*CPU        // other CPUs to look at after the unlock
	timers timers        // those that fire here
	squeez atomic.Uint64 // times a softirq run ended with work left

	inbox struct {
		sync.Mutex
		polls []*NAPI // raised by other CPUs
	}
	_ [64]byte // two CPUs never share a cache line
}

// ID returns the CPU's number, from 0.
func (c *CPU) ID() int { return c.id }

// Kernel returns the Kernel that c belongs to.
func (c *CPU) Kernel() *Kernel { return c.k }

// Now returns the time as read when the CPU was entered or its current poll
// round began: one reading serves a batch.
func (c *CPU) Now() ktime.T { return c.now }

// Uint32 returns a random number from the CPU's generator.
func (c *CPU) Uint32() uint32 { return uint32(c.rnd.Uint64() >> 32) }

// Uint64 returns a random number from the CPU's generator.
func (c *CPU) Uint64() uint64 { return c.rnd.Uint64() }

// Uint32n returns a random number in [0, n); n must not be 0.
func (c *CPU) Uint32n(n uint32) uint32 {
	return uint32(uint64(c.Uint32()) * uint64(n) >> 32)
}

// Schedule puts n on the CPU's poll list, as napi_schedule does. It runs at
// the outermost Exit at the latest.
func (c *CPU) Schedule(n *NAPI) {
	if !n.scheduled {
		n.scheduled = true
		c.polls = append(c.polls, n)
	}
}

// ScheduleOn schedules n, which belongs to CPU to, from this CPU; the batch
// for it must be visible to to's Poll under a lock of the caller's. The other
// CPU is looked at after this one is left.
func (c *CPU) ScheduleOn(to *CPU, n *NAPI) {
	if to == c {
		c.Schedule(n)
		return
	}
	to.inbox.Lock()
	to.inbox.polls = append(to.inbox.polls, n)
	to.inbox.Unlock()
	to.raised.Store(true)
	for _, k := range c.kick {
		if k == to {
			return
		}
	}
	c.kick = append(c.kick, to)
}

// Wake wakes w once the CPU is unlocked.
func (c *CPU) Wake(w *Waiter) { c.wakes = append(c.wakes, w) }

// After runs f on the same goroutine once the CPU is unlocked. It is for rare
// work (a host file descriptor to be poked); f may not block.
func (c *CPU) After(f func()) { c.after = append(c.after, f) }

// TimeSqueezes returns how many softirq runs ended with work left, the third
// column of /proc/net/softnet_stat. It may be called from anywhere.
func (c *CPU) TimeSqueezes() uint64 { return c.squeez.Load() }

// Exit runs what was raised on the CPU and leaves it.
func (c *CPU) Exit() { c.leave(exitBudget) }

// leave polls up to budget packets, then either hands the CPU over, still
// locked, or unlocks it, wakes and looks after the CPUs it raised.
func (c *CPU) leave(budget int) {
	for {
		if c.softirq(budget) {
			c.squeez.Add(1)
			go c.drain()
			return
		}
		if !c.unlock() {
			return
		}
		c.now = c.k.Now()
	}
}

// drain is the goroutine of a hand-over: it holds the CPU's lock.
func (c *CPU) drain() { c.leave(drainBudget) }

// unlock leaves the CPU, delivers what waits for that, and reports whether it
// has the CPU again because something was raised meanwhile.
func (c *CPU) unlock() (again bool) {
	if len(c.wakes)+len(c.after)+len(c.kick) == 0 {
		c.mu.Unlock()
		return c.raised.Load() && c.mu.TryLock()
	}
	wakes, after, kick := c.wakes, c.after, c.kick
	c.wakes, c.after, c.kick = nil, nil, nil
	c.mu.Unlock()
	for _, w := range wakes {
		w.Wake()
	}
	for _, f := range after {
		f()
	}
	for _, o := range kick {
		if o.raised.Load() && o.mu.TryLock() {
			o.now = c.k.Now()
			o.leave(exitBudget)
		}
	}
	if c.mu.TryLock() { // give the arrays back; or take up what was raised
		c.keep(wakes, after, kick)
		if c.raised.Load() || len(c.polls) > 0 {
			return true
		}
		c.mu.Unlock()
	}
	return c.raised.Load() && c.mu.TryLock()
}

// keep recycles the arrays of an unlock, emptied.
func (c *CPU) keep(wakes []*Waiter, after []func(), kick []*CPU) {
	clear(wakes)
	clear(after)
	if c.wakes == nil {
		c.wakes = wakes[:0]
	}
	if c.after == nil {
		c.after = after[:0]
	}
	if c.kick == nil {
		c.kick = kick[:0]
	}
}

// softirq polls until nothing is scheduled or budget packets were taken, and
// reports whether work is left.
func (c *CPU) softirq(budget int) (left bool) {
	for {
		if c.raised.Load() {
			c.takeInbox()
		}
		if len(c.polls) == 0 {
			return false
		}
		if budget <= 0 {
			return true
		}
		round := c.polls
		c.polls = c.spare[:0]
		for _, n := range round {
			n.scheduled = false // first: Poll may raise itself again
			done := n.Poll(c, pollWeight)
			budget -= max(done, 1)
			if done >= pollWeight {
				c.Schedule(n)
			}
		}
		clear(round)
		c.spare = round[:0]
	}
}

// takeInbox schedules what other CPUs raised here.
func (c *CPU) takeInbox() {
	c.raised.Store(false)
	c.inbox.Lock()
	for _, n := range c.inbox.polls {
		c.Schedule(n)
	}
	clear(c.inbox.polls)
	c.inbox.polls = c.inbox.polls[:0]
	c.inbox.Unlock()
}

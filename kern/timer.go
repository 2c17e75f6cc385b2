package kern

import (
	"sync"

	"linen/lib/ktime"
)

// A Timer calls a function on a CPU when the clock reaches its expiry. It is
// made with Init, belongs to one CPU from then on, and is safe for concurrent
// use. Moving a Timer to a later expiry only stores the wish: it is queued
// again when it comes up early, which makes the re-arming of a busy
// connection's timer a few nanoseconds.
type Timer struct {
	h     Handler
	c     *CPU
	want  ktime.T // when to call fn; 0: not armed
	at    ktime.T // the key in the heap; at <= want
	seq   uint64  // breaks ties in the order of arming
	index int     // in the heap, or -1
}

// A Handler is what a Timer calls on its CPU.
type Handler interface{ Fire(c *CPU) }

// function is a func as a Handler.
type function func(c *CPU)

func (f function) Fire(c *CPU) { f(c) }

// timers is a CPU's queue of armed timers: a heap by expiry, then order of
// arming. Its lock is the innermost but for the clock's.
type timers struct {
	mu     sync.Mutex
	c      *CPU
	heap   []*Timer
	seq    uint64
	wakeup wakeup // the runtime's timer, set to the first expiry
}

func (q *timers) init(c *CPU) {
	q.c = c
	q.wakeup = c.k.clock.wakeup(c.fire)
}

func (q *timers) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.heap {
		t.index, t.want = -1, 0
	}
	q.heap = nil
	q.wakeup.stop()
}

// Init prepares t to call fn, on one CPU of k, which fn is given.
func (t *Timer) Init(k *Kernel, fn func(c *CPU)) {
	t.InitHandler(k, function(fn))
}

// InitHandler is Init for a Handler, which unlike the method value of an object
// costs no allocation.
func (t *Timer) InitHandler(k *Kernel, h Handler) {
	t.InitHandlerOn(k.cpus[int(k.next.Add(1))%len(k.cpus)], h)
}

// InitOn prepares t to call fn on c.
func (t *Timer) InitOn(c *CPU, fn func(c *CPU)) {
	t.InitHandlerOn(c, function(fn))
}

// InitHandlerOn prepares t to call h on c.
func (t *Timer) InitHandlerOn(c *CPU, h Handler) {
	*t = Timer{h: h, c: c, index: -1}
}

// Set arms t for the time at, or moves it there (mod_timer). A time that has
// passed makes it fire as soon as its CPU can.
func (t *Timer) Set(at ktime.T) {
	q := &t.c.timers
	at = max(at, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	t.want = at
	if t.index >= 0 && at >= t.at {
		return // lazily: looked at again when it comes up
	}
	if t.index >= 0 {
		q.remove(t)
	}
	q.insert(t)
	if t.index == 0 {
		q.wakeup.set(t.at)
	}
}

// Stop disarms t and reports whether it was armed. fn may be running still.
func (t *Timer) Stop() bool {
	if t.c == nil {
		return false
	}
	q := &t.c.timers
	q.mu.Lock()
	defer q.mu.Unlock()
	armed := t.want != 0
	t.want = 0
	if t.index >= 0 {
		q.remove(t)
	}
	return armed
}

// Expires returns the time for which t is armed, or 0.
func (t *Timer) Expires() ktime.T {
	if t.c == nil {
		return 0
	}
	q := &t.c.timers
	q.mu.Lock()
	defer q.mu.Unlock()
	return t.want
}

// fire takes the CPU and runs what has expired: the runtime's timer calls it.
func (c *CPU) fire() {
	if c.k.gate != nil {
		c.k.Pass(GateKey{}) // before any call of the same moment
	}
	c.mu.Lock()
	c.now = c.k.Now()
	c.timers.run(c.now)
	c.Exit()
}

// run calls every timer that expires up to now, then sets the next wake-up.
// The caller holds the CPU.
func (q *timers) run(now ktime.T) {
	q.mu.Lock()
	for len(q.heap) > 0 && q.heap[0].at <= now {
		t := q.heap[0]
		q.remove(t)
		if t.want > now {
			q.insert(t)
			continue
		}
		t.want = 0
		q.mu.Unlock()
		t.h.Fire(q.c)
		q.mu.Lock()
	}
	if len(q.heap) > 0 {
		q.wakeup.set(q.heap[0].at)
	}
	q.mu.Unlock()
}

// first returns the expiry of the first timer, or 0.
func (q *timers) first() ktime.T {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.heap) > 0 {
		t := q.heap[0]
		if t.want == t.at {
			return t.at
		}
		q.remove(t)
		q.insert(t)
	}
	return 0
}

// Timers returns the number of armed timers, for tests of what is left behind.
func (k *Kernel) Timers() int {
	n := 0
	for _, c := range k.cpus {
		c.timers.mu.Lock()
		n += len(c.timers.heap)
		c.timers.mu.Unlock()
	}
	return n
}

func (q *timers) insert(t *Timer) {
	q.seq++
	t.at, t.seq = t.want, q.seq
	t.index = len(q.heap)
	q.heap = append(q.heap, t)
	q.up(t.index)
}

func (q *timers) remove(t *Timer) {
	i, last := t.index, len(q.heap)-1
	q.swap(i, last)
	q.heap[last] = nil
	q.heap = q.heap[:last]
	t.index = -1
	if i < last {
		q.down(i)
		q.up(i)
	}
}

func (q *timers) less(i, j int) bool {
	a, b := q.heap[i], q.heap[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (q *timers) swap(i, j int) {
	h := q.heap
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (q *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 4
		if !q.less(i, parent) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *timers) down(i int) {
	for {
		least := i
		for child := 4*i + 1; child <= 4*i+4 && child < len(q.heap); child++ {
			if q.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.swap(i, least)
		i = least
	}
}

package kern

import "sync"

// workQueue runs functions in order, each off every CPU, so that they may take
// the RTNL (the kernel's system_wq). A goroutine lives while there is work;
// under a ManualClock the clock's Advance and Settle run it instead.
type workQueue struct {
	mu      sync.Mutex
	idle    sync.Cond // the worker has gone
	todo    []func()
	running bool
	closed  bool
	manual  bool
}

func (q *workQueue) init(k *Kernel) {
	q.idle.L = &q.mu
	_, q.manual = k.clock.(*ManualClock)
}

// Queue runs f later, off every CPU, after what was queued before. It may be
// called anywhere. After Close it does nothing.
func (k *Kernel) Queue(f func()) {
	q := &k.work
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.todo = append(q.todo, f)
	if !q.running && !q.manual {
		q.running = true
		go q.worker()
	}
}

func (q *workQueue) worker() {
	q.runAll()
}

// runAll runs the queue until it is empty and reports whether it ran any.
func (q *workQueue) runAll() (ran bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.todo) > 0 {
		f := q.todo[0]
		q.todo[0] = nil
		q.todo = q.todo[1:]
		q.mu.Unlock()
		f()
		ran = true
		q.mu.Lock()
	}
	q.todo = nil
	q.running = false
	q.idle.Broadcast()
	return ran
}

// close waits for what is queued and takes nothing more.
func (q *workQueue) close() {
	if q.manual {
		q.runAll()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.running {
		q.idle.Wait()
	}
	q.closed = true
}

// Flush waits until the work that is queued now has run. The caller must hold
// nothing that the work may take.
func (k *Kernel) Flush() {
	q := &k.work
	if q.manual {
		q.runAll()
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.running {
		q.idle.Wait()
	}
}

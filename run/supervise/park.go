//go:build linux

package supervise

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi/errno"
)

// parked is a call that waits. It belongs to its file's list, under file.mu,
// until somebody takes it off, and only that one answers it.
type parked struct {
	c      *call
	f      *file
	events sock.Events // what may end the wait
	// try does the call once more, under file.mu; EAGAIN: it goes on waiting.
	try func() (int64, error)
	// late is the answer when the time is up, under file.mu; nil: EAGAIN.
	late     func() (int64, error)
	deadline time.Time // zero: none
	restart  bool      // a signal restarts the call although there is a deadline
	foreign  bool      // the pair has no such call: it cannot be executed natively
	doubts   int       // looks that found a signal which may be another thread's

	look time.Time     // when the caller is looked at next; parking.mu
	wait time.Duration // between looks
	off  bool          // no longer on the list; file.mu
}

// How often a parked caller is looked at for signals: at first soon, because a
// timer's signal shall end the call in time; later rarely.
const (
	firstLook = 10 * time.Millisecond
	lastLook  = 80 * time.Millisecond
)

// maxDoubts is how many looks in a row leave a signal to other threads.
const maxDoubts = 3

// anyChange is for calls that wait for the pair and not for the socket.
const anyChange = ^sock.Events(0)

// park puts the call on the file's list. The caller holds file.mu and found the
// socket not ready under it; timeout 0 means for ever.
func (f *file) park(c *call, events sock.Events, timeout time.Duration, try func() (int64, error)) *parked {
	p := &parked{c: c, f: f, events: events, try: try}
	if timeout > 0 {
		p.deadline = time.Now().Add(timeout)
	}
	f.waiting = append(f.waiting, p)
	f.n.host.parking.add(p)
	return p
}

// take removes p from its list and reports whether it was there. file.mu is
// held.
func (p *parked) take() bool {
	if p.off {
		return false
	}
	p.off = true
	for i, q := range p.f.waiting {
		if q == p {
			p.f.waiting = append(p.f.waiting[:i:i], p.f.waiting[i+1:]...)
			break
		}
	}
	p.f.n.host.parking.remove(p)
	return true
}

// retry tries the parked calls that the socket's readiness may end. file.mu is
// held.
func (f *file) retry() {
	if len(f.waiting) == 0 {
		return
	}
	for _, p := range append([]*parked(nil), f.waiting...) {
		if p.events != anyChange && f.s.Poll()&(p.events|pollAlways) == 0 && len(f.back) == 0 && !f.dead {
			continue
		}
		if !f.n.l.Valid(p.c.ID) {
			p.take() // the caller died: what waits is the next one's
			continue
		}
		v, err := p.try()
		if isEAGAIN(err) {
			continue
		}
		p.take()
		p.c.finish(v, err)
	}
}

// interrupted is the answer to a caller that has a signal to take: a wait with
// a time limit is not restarted after it (include/net/sock.h sock_intr_errno).
func (p *parked) interrupted() error {
	if p.deadline.IsZero() || p.restart {
		return seccomp.ERESTARTSYS
	}
	return unix.EINTR
}

func isEAGAIN(err error) bool { return err == errno.EAGAIN || err == unix.EAGAIN }

// parking looks after the parked calls of all nodes: signals, time limits and
// callers that died. They are few, so a list does.
type parking struct {
	mu     sync.Mutex
	set    map[*parked]struct{}
	wake   chan struct{}
	closed bool
}

func newParking() *parking {
	return &parking{set: map[*parked]struct{}{}, wake: make(chan struct{}, 1)}
}

func (k *parking) add(p *parked) {
	p.wait = firstLook
	p.look = time.Now().Add(p.wait)
	k.mu.Lock()
	k.set[p] = struct{}{}
	k.mu.Unlock()
	k.poke()
}

func (k *parking) remove(p *parked) {
	k.mu.Lock()
	delete(k.set, p)
	k.mu.Unlock()
}

func (k *parking) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *parking) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.poke()
}

// dropNode forgets the calls of a node whose programs have all ended.
func (k *parking) dropNode(n *Node) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p := range k.set {
		if p.c.n == n {
			delete(k.set, p)
		}
	}
}

func (k *parking) loop() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, next, closed := k.due(time.Now())
		if closed {
			return
		}
		for _, p := range due {
			p.c.n.guard(p.visit)
		}
		if next <= 0 {
			<-k.wake
			continue
		}
		timer.Reset(next)
		select {
		case <-k.wake:
		case <-timer.C:
		}
	}
}

// due returns the calls to look at now and how long until the next; 0 when
// none is parked.
func (k *parking) due(now time.Time) (due []*parked, next time.Duration, closed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p := range k.set {
		at := p.look
		if !p.deadline.IsZero() && p.deadline.Before(at) {
			at = p.deadline
		}
		if !at.After(now) {
			due = append(due, p)
			p.wait = min(2*p.wait, lastLook)
			p.look = now.Add(p.wait)
			at = p.look
		}
		if d := at.Sub(now); next == 0 || d < next {
			next = max(d, time.Millisecond)
		}
	}
	return due, next, k.closed
}

// visit ends a parked call whose time is up or whose caller has died or has a
// signal to take.
func (p *parked) visit() {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	if p.off {
		return
	}
	l := p.c.n.l
	if !l.Valid(p.c.ID) {
		p.take()
		return
	}
	if !p.deadline.IsZero() && !time.Now().Before(p.deadline) {
		p.take()
		v, err := int64(0), error(unix.EAGAIN)
		if p.late != nil {
			v, err = p.late()
		}
		p.c.finish(v, err)
		return
	}
	if !p.c.n.mode.Killable {
		return // a signal ends the wait by itself
	}
	st, err := p.c.target().Status()
	if err != nil || st.Deliverable() == 0 {
		p.doubts = 0
		return
	}
	if st.Private() {
		p.take()
		if p.late != nil {
			if v, err := p.late(); err == nil {
				p.c.finish(v, nil) // it has done a part
				return
			}
		}
		p.c.finish(0, p.interrupted())
		return
	}
	// Another thread may be the one that takes the signal. Executed for real,
	// the call is interrupted at once when it is ours, and waits natively on
	// the pair when it is not. Where that cannot be, a signal that nobody takes
	// for long is ours.
	if p.foreign {
		if p.doubts++; p.doubts > maxDoubts {
			p.take()
			p.c.finish(0, unix.EINTR)
		}
		return
	}
	p.take()
	p.c.finish(0, errContinue)
}

package tcp

import (
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/inet"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/sysctl"
)

const (
	pageShift = 12
	pageSlack = 4 // pages by which a socket's share may be off
	// coalesceMax is the payload that is copied behind the packet before it, and
	// coalesceRoom the linear bytes that a packet collects so: its head stays
	// in 2 KiB of the kernel's memory.
	coalesceMax  = 256
	coalesceRoom = 1728
	minSndBuf    = 4608 // SOCK_MIN_SNDBUF
)

// memory is what the queues of a machine's connections hold (tcp_memory_allocated),
// and how many of them have no owner (tcp_orphan_count).
type memory struct {
	orphans atomic.Int64
	limits  *sysctl.List // tcp_mem: pages, low, pressure, high
	pages   atomic.Int64
	pressed atomic.Bool
	since   atomic.Int64 // of the pressure, ktime
}

func (m *memory) register(t *sysctl.Tree) {
	m.limits = t.List64("net/ipv4/tcp_mem", sysctl.Spec{Unit: sysctl.Long, Scope: sysctl.OfMachine}, inet.MemoryLimits(16), nil)
}

// account keeps the machine's sum of memory up to date, to a few pages, and
// notes pressure (tcp_enter_memory_pressure, tcp_leave_memory_pressure). The
// caller owns s.
func (s *Sock) account(c *kern.CPU) {
	n := (s.RmemAlloc() + s.queued() + 1<<pageShift - 1) >> pageShift
	if s.over {
		n = 0
	}
	d := n - s.memPages
	if d == 0 || n != 0 && d < pageSlack && d > -pageSlack {
		return
	}
	s.memPages = n
	m := s.st.mem
	total := m.pages.Add(d)
	switch {
	case d > 0 && total > m.limits.Load(1) && !m.pressed.Load():
		if m.pressed.CompareAndSwap(false, true) {
			m.since.Store(int64(c.Now()))
			s.st.mib.Inc(c, mib.TCPExtTCPMemoryPressures)
		}
	case d < 0 && m.pressed.Load() && total < m.limits.Load(0):
		if m.pressed.CompareAndSwap(true, false) {
			ms := time.Duration(c.Now()-ktime.T(m.since.Load())) / time.Millisecond
			s.st.mib.Add(c, mib.TCPExtTCPMemoryPressuresChrono, uint64(ms))
		}
	}
}

// mayGrow reports whether the machine's memory allows the socket to hold more
// than it does: always least bytes of a queue that has used; under pressure its
// share of the limit (__sk_mem_raise_allocated).
func (s *Sock) mayGrow(used, least int64) bool {
	m := s.st.mem
	if !m.pressed.Load() || used < least {
		return true
	}
	high := m.limits.Load(2)
	if m.pages.Load() > high {
		return false
	}
	own := (s.RmemAlloc() + s.queued() + 1<<pageShift - 1) >> pageShift
	return high > int64(s.st.base.InUse())*own
}

// outOfMemory reports that an orphan has to go (tcp_out_of_memory).
func (s *Sock) outOfMemory() bool {
	return s.queued() > minSndBuf && s.st.mem.pages.Load() > s.st.mem.limits.Load(2)
}

// Pressure implements tcb.Env (tcp_under_memory_pressure).
func (e *env) Pressure() bool { return e.s.st.mem.pressed.Load() }

// coalesce copies a small payload, n bytes of b from off on, behind the bytes
// that were received last, and reports that it did so: packets of a few bytes
// would fill the buffer with their headers (tcp_try_coalesce).
func (s *Sock) coalesce(c *kern.CPU, b *skb.Buff, off, n int) bool {
	q := &s.rx
	if n > coalesceMax || q.head == len(q.list) || !s.join(&q.list[len(q.list)-1], b, off, n) {
		return false
	}
	s.st.mib.Inc(c, mib.TCPExtTCPRcvCoalesce)
	b.Consume(c)
	return true
}

// join appends n bytes of b to the item, if they find room.
func (s *Sock) join(it *rxItem, b *skb.Buff, off, n int) bool {
	d := it.b
	if d.DataLen() != 0 || it.off+it.n != d.Len() || d.Len()+n > min(coalesceRoom, d.Len()+d.TailRoom()) {
		return false
	}
	b.CopyOut(off, d.Put(n))
	it.n += n
	if size := skb.TrueSize(d.Len()); size > d.TrueSize {
		s.Recharge(d, size)
	}
	if b.Tstamp != 0 {
		d.Tstamp = b.Tstamp
	}
	return true
}

// Collapse implements tcb.Env: it puts payloads together that take much less
// than the memory of their packets (tcp_prune_queue, tcp_collapse).
func (e *env) Collapse() {
	s, c := e.s, e.c
	s.st.mib.Inc(c, mib.TCPExtPruneCalled)
	q := &s.rx
	out := q.list[:q.head]
	for _, it := range q.list[q.head:] {
		bloated := it.n < int(it.b.TrueSize)/2
		if bloated && len(out) > q.head {
			last := &out[len(out)-1]
			s.flatten(c, last)
			if s.join(last, it.b, it.off, it.n) {
				s.st.mib.Inc(c, mib.TCPExtTCPRcvCollapsed)
				it.b.Consume(c)
				continue
			}
		}
		out = append(out, it)
	}
	clear(q.list[len(out):])
	q.list = out
}

// flatten copies the item, if it is one of fragments and small, to a packet with
// room for more.
func (s *Sock) flatten(c *kern.CPU, it *rxItem) {
	if it.b.DataLen() == 0 || it.n > coalesceRoom/2 {
		return
	}
	b := skb.Alloc(c, it.n)
	it.b.CopyOut(it.off, b.Put(it.n))
	b.Tstamp = it.b.Tstamp
	s.ChargeRecv(c, b)
	it.b.Consume(c)
	it.b, it.off = b, 0
}

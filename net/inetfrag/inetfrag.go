// Package inetfrag holds the fragments of packets until they are whole: queues
// by key, their memory limit, their timer, and the order of what arrived. What
// a fragment is and what its packet looks like is its family's business.
//
// Linux file: net/ipv4/inet_fragment.c. RFC 5722 in spirit: fragments that
// overlap end their packet.
package inetfrag

import (
	"sync"
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/skb"
)

// A Limits says how much and how long a Table holds.
type Limits struct {
	High    func() int64         // bytes; above, every fragment is refused
	Timeout func() time.Duration // from a packet's first fragment on
}

// A Table is the incomplete packets of a namespace, by a key K of the family.
type Table[K comparable] struct {
	k      *kern.Kernel
	limits Limits
	expire func(c *kern.CPU, q *Queue[K])
	bytes  atomic.Int64

	mu     sync.Mutex // guards what follows; after a Queue's
	queues map[K]*Queue[K]
	closed bool
}

// queueSize is what an empty queue is charged, bytes (sizeof(struct ipq)).
const queueSize = 256

// NewTable returns an empty Table. expire is called on a CPU with a Queue whose
// time is over and which it owns alone; its fragments end when it returns.
func NewTable[K comparable](k *kern.Kernel, l Limits, expire func(c *kern.CPU, q *Queue[K])) *Table[K] {
	return &Table[K]{k: k, limits: l, expire: expire, queues: make(map[K]*Queue[K])}
}

// Bytes returns the memory in use; Len the number of queues.
func (t *Table[K]) Bytes() int64 { return t.bytes.Load() }

// Len returns the number of incomplete packets.
func (t *Table[K]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queues)
}

// Close drops everything. The caller is on no CPU.
func (t *Table[K]) Close() {
	t.mu.Lock()
	t.closed = true
	queues := make([]*Queue[K], 0, len(t.queues))
	for _, q := range t.queues {
		queues = append(queues, q)
	}
	t.mu.Unlock()
	for _, q := range queues {
		q.Lock()
		q.Kill()
		q.frags = nil // left to the collector: no CPU is held
		q.Unlock()
	}
}

// Find returns the queue of k, locked, making it when it is not there; nil when
// there is too much memory in use.
func (t *Table[K]) Find(k K) *Queue[K] {
	if high := t.limits.High(); high == 0 || t.bytes.Load() > high {
		return nil
	}
	for {
		q := t.get(k)
		if q == nil {
			return nil
		}
		q.Lock()
		if !q.dead {
			return q
		}
		q.Unlock() // it ended between the two locks
	}
}

func (t *Table[K]) get(k K) *Queue[K] {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q := t.queues[k]; q != nil {
		return q
	}
	if t.closed {
		return nil
	}
	q := &Queue[K]{Key: k, table: t}
	q.timer.Init(t.k, q.timeout)
	q.timer.Set(t.k.Now().Add(t.limits.Timeout()))
	q.charge(queueSize)
	t.queues[k] = q
	return q
}

// A Queue is one incomplete packet. Its holder has locked it.
type Queue[K comparable] struct {
	sync.Mutex
	Key     K
	Len     int     // bytes of the whole packet's payload, known once HasLast; before, the largest end
	Meat    int     // bytes that have arrived
	HasLast bool    // the last fragment is there
	MaxSize int     // the largest fragment, bytes
	Stamp   ktime.T // arrival of the latest fragment
	Iif     int32   // index of the device it came in by
	User    Notes   // the family's

	table   *Table[K]
	timer   kern.Timer
	frags   []run
	charged int64
	dead    bool
}

// Notes are the family's notes about a queue.
type Notes struct {
	ECN     uint8  // a bit for every ECN code point that was seen
	MaxDF   int    // the largest fragment that might not be cut
	Counter uint32 // of the sender's fragments when the latest came
}

// A run is fragments that follow each other without a gap, in order of
// arrival.
type run struct {
	off, end int
	frags    []*skb.Buff
}

// A Result says what became of a fragment.
type Result uint8

// The results of Insert.
const (
	Inserted  Result = iota // it is in the queue, which owns it
	Duplicate               // what it holds is there already
	Overlap                 // it holds some of what is there: the packet is bad
)

// Insert puts the fragment b, which holds the payload's bytes from off to end,
// in its place.
func (q *Queue[K]) Insert(b *skb.Buff, off, end int) Result {
	n := len(q.frags)
	if n > 0 && q.frags[n-1].end == off { // the usual case: in order
		r := &q.frags[n-1]
		r.end = end
		r.frags = append(r.frags, b)
		q.account(b, off, end)
		return Inserted
	}
	at, hi := 0, n
	for at < hi {
		mid := (at + hi) / 2
		switch r := &q.frags[mid]; {
		case end <= r.off:
			hi = mid
		case off >= r.end:
			at = mid + 1
		case off >= r.off && end <= r.end:
			return Duplicate
		default:
			return Overlap
		}
	}
	q.frags = append(q.frags, run{})
	copy(q.frags[at+1:], q.frags[at:])
	q.frags[at] = run{off: off, end: end, frags: []*skb.Buff{b}}
	q.account(b, off, end)
	return Inserted
}

func (q *Queue[K]) account(b *skb.Buff, off, end int) {
	q.Meat += end - off
	q.charge(int64(b.TrueSize))
}

func (q *Queue[K]) charge(n int64) {
	q.charged += n
	q.table.bytes.Add(n)
}

// First returns the fragment with offset 0, or nil.
func (q *Queue[K]) First() *skb.Buff {
	if len(q.frags) > 0 && q.frags[0].off == 0 {
		return q.frags[0].frags[0]
	}
	return nil
}

// Complete reports whether nothing is missing.
func (q *Queue[K]) Complete() bool { return q.HasLast && q.Meat == q.Len && q.First() != nil }

// Empty reports whether nothing has arrived.
func (q *Queue[K]) Empty() bool { return len(q.frags) == 0 }

// Kill takes the queue out of the table; its fragments stay in it.
func (q *Queue[K]) Kill() {
	if q.dead {
		return
	}
	q.dead = true
	q.timer.Stop()
	q.charge(-q.charged)
	t := q.table
	t.mu.Lock()
	delete(t.queues, q.Key)
	t.mu.Unlock()
}

// Drop gives every fragment to end.
func (q *Queue[K]) Drop(end func(b *skb.Buff)) {
	for i := range q.frags {
		for _, b := range q.frags[i].frags {
			end(b)
		}
	}
	q.frags = nil
}

// Restart empties the queue and gives it its whole time again; its fragments go
// to end.
func (q *Queue[K]) Restart(end func(b *skb.Buff)) {
	q.Drop(end)
	q.charge(queueSize - q.charged)
	q.Len, q.Meat, q.HasLast, q.MaxSize = 0, 0, false, 0
	q.User.ECN, q.User.MaxDF = 0, 0
	q.timer.Set(q.table.k.Now().Add(q.table.limits.Timeout()))
}

// Join makes one packet of a complete queue's fragments, whose data begin at
// their payload: the first one with the others in its list. The queue is empty
// then.
func (q *Queue[K]) Join() *skb.Buff {
	head := q.First()
	for i := range q.frags {
		for _, b := range q.frags[i].frags {
			if b != head {
				head.AddList(b)
			}
		}
	}
	q.frags = nil
	return head
}

// timeout is the queue's timer.
func (q *Queue[K]) timeout(c *kern.CPU) {
	q.Lock()
	if q.dead {
		q.Unlock()
		return
	}
	q.Kill()
	q.Unlock() // nobody else finds it now
	q.table.expire(c, q)
	q.Drop(func(b *skb.Buff) { b.Consume(c) })
}

package netlink

import (
	"linen/kern"
	"linen/net/skb"
	"linen/uapi/errno"
)

// A datagram waits in a queue.
type datagram struct {
	data  []byte
	from  uint32
	group int
	nsid  int32
	creds *Creds
	size  int // charged
}

// A Datagram is what a Port received.
type Datagram struct {
	Data  []byte // one or more messages; not to be changed
	From  uint32 // the sender's port; 0: the kernel
	Group int    // the multicast group it came by, or 0
	NSID  int32  // id of the namespace it came from; -1: the Port's own
	Creds *Creds // the sender's; nil: the kernel's
}

// A queue is a Port's receive queue; the Port's lock guards it.
type queue struct {
	ring      []datagram
	head, n   int
	charged   int // sk_rmem_alloc
	limit     int // sk_rcvbuf
	maxRead   int // the largest buffer it was read with
	congested bool
	err       errno.Errno // told once by the next Recv
	drops     uint32
}

func (q *queue) push(d datagram) {
	if q.n == len(q.ring) {
		ring := make([]datagram, max(4, 2*q.n))
		for i := range q.n {
			ring[i] = q.ring[(q.head+i)%q.n]
		}
		q.ring, q.head = ring, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = d
	q.n++
	q.charged += d.size
}

func (q *queue) pop() {
	q.charged -= q.ring[q.head].size
	q.ring[q.head] = datagram{}
	q.head = (q.head + 1) % len(q.ring)
	if q.n--; q.n == 0 {
		q.congested = false
		q.head = 0
		if len(q.ring) > 64 {
			q.ring = nil
		}
	}
}

func (q *queue) purge() { q.ring, q.head, q.n, q.charged = nil, 0, 0, 0 }

// deliver queues d and reports whether there was room; otherwise the reader
// learns of it by ENOBUFS (netlink_overrun).
func (p *Port) deliver(c *kern.CPU, d datagram) bool {
	if p.filter != nil {
		keep := p.filter(c, d.data)
		if keep <= 0 {
			return true
		}
		d.data = d.data[:min(keep, len(d.data))]
	}
	d.size = int(skb.TrueSize(len(d.data)))
	p.mu.Lock()
	q := &p.queue
	ok := !p.closed && q.charged <= q.limit && !q.congested
	switch {
	case p.closed:
	case ok:
		q.push(d)
	default:
		if !p.options[OptNoENOBUFS] && !q.congested {
			q.congested = true
			q.err = errno.ENOBUFS
		}
		q.drops++
	}
	p.mu.Unlock()
	if p.wake != nil {
		p.wake(c)
	}
	return ok
}

// SetBuffer sets the receive buffer's size in bytes (sk_rcvbuf).
func (p *Port) SetBuffer(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.limit = n
}

// TakeError returns the error that waits, and forgets it (SO_ERROR).
func (p *Port) TakeError() errno.Errno {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.queue.err
	p.queue.err = 0
	return e
}

// Readable reports whether Recv would return something, and whether that is an
// error. It may be called anywhere.
func (p *Port) Readable() (ready, failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.n > 0 || p.queue.err != 0, p.queue.err != 0
}

// Waiting returns the length of the first datagram in the queue, or 0.
func (p *Port) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queue.n == 0 {
		return 0
	}
	return len(p.queue.ring[p.queue.head].data)
}

// Recv returns the next datagram for a reader whose buffer has size bytes, and
// pulls the next page of a dump when there is room. With peek it stays. Errors:
// EAGAIN when there is none; what waits, such as ENOBUFS, comes first, once.
func (p *Port) Recv(size int, peek bool) (Datagram, error) {
	if e := p.TakeError(); e != 0 {
		return Datagram{}, e
	}
	return p.RecvPast(size, peek)
}

// RecvPast is Recv that looks past an error and leaves it.
func (p *Port) RecvPast(size int, peek bool) (Datagram, error) {
	p.mu.Lock()
	q := &p.queue
	if q.n == 0 {
		p.mu.Unlock()
		return Datagram{}, errno.EAGAIN
	}
	q.maxRead = min(max(q.maxRead, size), maxPage)
	d := q.ring[q.head]
	if !peek {
		q.pop()
	}
	pull := p.dump != nil && q.charged <= q.limit/2
	p.mu.Unlock()
	if pull {
		p.pull(nil)
	}
	return Datagram{d.data, d.from, d.group, d.nsid, d.creds}, nil
}

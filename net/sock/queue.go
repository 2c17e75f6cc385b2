package sock

import (
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// queues holds what softirqs and readers exchange; its mutex is the innermost
// of the socket's.
type queues struct {
	mu       sync.Mutex
	*packets // made by the first packet
	waiters  []waitEntry
	watch    func()
	fire     func()
	heard    atomic.Int32 // waiters and watcher: 0 means nobody listens
	nrecv    atomic.Int32 // length of recv
	nerrs    atomic.Int32 // length of errs
	fired    bool         // fire is under way
}

// packets are the queues of packets, which a stream may never use.
type packets struct {
	recv  ring
	errs  ring // the error queue
	spent []*skb.Buff
}

// hold makes the queues of packets. The caller holds the mutex.
func (q *queues) hold() {
	if q.packets == nil {
		q.packets = new(packets)
	}
}

// ring is a queue of packets that reuses its array.
type ring struct {
	list []*skb.Buff
	head int
}

func (r *ring) len() int { return len(r.list) - r.head }

func (r *ring) at(i int) *skb.Buff { return r.list[r.head+i] }

func (r *ring) push(b *skb.Buff) {
	if r.head > 0 && len(r.list) == cap(r.list) {
		n := copy(r.list, r.list[r.head:])
		clear(r.list[n:])
		r.list, r.head = r.list[:n], 0
	}
	r.list = append(r.list, b)
}

func (r *ring) pushFront(b *skb.Buff) {
	if r.head == 0 {
		r.list = append(r.list, nil)
		copy(r.list[1:], r.list)
		r.list[0] = b
		return
	}
	r.head--
	r.list[r.head] = b
}

func (r *ring) pop() *skb.Buff {
	b := r.list[r.head]
	r.list[r.head] = nil
	r.head++
	if r.head == len(r.list) {
		r.list, r.head = r.list[:0], 0
	}
	return b
}

// Uncharge implements skb.Owner for the receive queue.
func (o *rxOwner) Uncharge(_ *kern.CPU, b *skb.Buff) { (*Sock)(o).addRmem(-int64(b.TrueSize)) }

// addRmem changes what the receive queue holds, and what the protocol's do.
func (s *Sock) addRmem(n int64) {
	s.rmem.Add(n)
	if s.proto != nil && s.proto.CountMem {
		s.proto.mem.Add(n)
	}
}

// Uncharge implements skb.Owner for packets on their way out (sock_wfree).
func (o *txOwner) Uncharge(c *kern.CPU, b *skb.Buff) {
	s := (*Sock)(o)
	left := s.wmem.Add(-int64(b.TrueSize))
	if s.queues.heard.Load() != 0 && left <= s.SndBuf()/2 {
		s.Notify(c, uapi.POLLOUT|uapi.POLLWRNORM|uapi.POLLWRBAND)
	}
	if s.WriteSpace != nil {
		s.WriteSpace(c)
	}
}

// ChargeSend makes s pay for b until it leaves (skb_set_owner_w).
func (s *Sock) ChargeSend(b *skb.Buff) {
	s.wmem.Add(int64(b.TrueSize))
	b.SetOwner((*txOwner)(s))
	b.Sock = s.self
}

// ChargeRecv makes s pay for b while it waits to be read (skb_set_owner_r).
func (s *Sock) ChargeRecv(c *kern.CPU, b *skb.Buff) {
	b.Orphan(c)
	s.addRmem(int64(b.TrueSize))
	b.SetOwner((*rxOwner)(s))
}

// SendSpace reports whether another packet may be sent (sock_alloc_send_skb's
// test).
func (s *Sock) SendSpace() bool { return s.wmem.Load() < s.SndBuf() }

// Writeable reports whether poll shows POLLOUT (sock_writeable).
func (s *Sock) Writeable() bool { return s.wmem.Load() < s.SndBuf()>>1 }

// Receive runs s's filter on b and queues it (sock_queue_rcv_skb_reason). It
// returns 0 when s took b; else b is still the caller's, who drops it for the
// reason. A full queue is counted in Drops.
func (s *Sock) Receive(c *kern.CPU, b *skb.Buff) skb.Reason {
	if keep, ok := s.RunFilter(c, b, 0); !ok {
		return skb.ReasonSocketFilter
	} else if keep < b.Len() {
		b.Trim(c, keep)
	}
	if s.rmem.Load() >= s.RcvBuf() {
		s.drops.Add(1)
		return skb.ReasonSocketRcvbuff
	}
	s.Enqueue(c, b)
	return 0
}

// Enqueue appends b, which passed every test, to the receive queue and wakes
// readers.
func (s *Sock) Enqueue(c *kern.CPU, b *skb.Buff) {
	s.ChargeRecv(c, b)
	b.Dst = nil
	if b.Tstamp == 0 && s.wantStamps() {
		b.Tstamp = c.Now()
	}
	b.CB[ovflNote] = uint64(s.drops.Load())
	q := &s.queues
	q.mu.Lock()
	if s.Has(FlagDead) {
		q.mu.Unlock()
		b.Drop(c, s.net, skb.ReasonSocketClose)
		return
	}
	q.hold()
	for i, done := range q.spent {
		done.Consume(c)
		q.spent[i] = nil
	}
	q.spent = q.spent[:0]
	q.recv.push(b)
	q.nrecv.Add(1)
	if q.heard.Load() != 0 {
		s.notifyLocked(c, uapi.POLLIN|uapi.POLLRDNORM)
	}
	q.mu.Unlock()
}

// ovflNote is the word of skb.CB that holds the drop count at arrival
// (SOCK_SKB_CB's dropcount); protocols use the words below it.
const ovflNote = 5

// maxSpent bounds the read packets kept for the next softirq to recycle.
const maxSpent = 8

// Done ends b, which was read from the queue by Dequeue. The packet itself is
// recycled by the next softirq that delivers here, so that an idle reader
// needs no CPU.
func (s *Sock) Done(b *skb.Buff) {
	if b.Owner() != nil { // a copy made by MSG_PEEK has none
		s.addRmem(-int64(b.TrueSize))
		b.SetOwner(nil)
	}
	if b.DataLen() == 0 {
		q := &s.queues
		q.mu.Lock()
		if q.packets != nil && len(q.spent) < maxSpent && !s.Has(FlagDead) {
			q.spent = append(q.spent, b)
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
	}
	c := s.net.Kernel().Enter(kern.Any)
	b.Consume(c)
	c.Exit()
}

// Dequeue takes the next packet out of the receive queue; with MSG_PEEK it
// leaves it there and returns a copy, and where SO_PEEK_OFF begins in it. Done
// ends either. It returns the pending error first, EAGAIN when there is
// nothing, and a nil packet after shutdown.
func (s *Sock) Dequeue(m *Msg) (b *skb.Buff, off int, err error) {
	if m.Flags&MsgSkipErr == 0 {
		if err := s.TakeError(); err != nil {
			return nil, 0, err
		}
	}
	if m.Flags&uapi.MSG_PEEK != 0 {
		c := s.net.Kernel().Enter(kern.Any)
		b, off, err = s.peek(c, m)
		c.Exit()
		return b, off, err
	}
	q := &s.queues
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.nrecv.Load() == 0 {
		return nil, 0, s.emptyError(m)
	}
	b = q.recv.pop()
	q.nrecv.Add(-1)
	if s.peekOff.Load() > 0 {
		s.peekOff.Store(max(0, s.peekOff.Load()-int32(b.Len())))
	}
	return b, 0, nil
}

// emptyError is what an empty queue answers: after shutdown nothing, but only
// to who would have waited, as on Linux.
func (s *Sock) emptyError(m *Msg) error {
	if m.Flags&(uapi.MSG_DONTWAIT|MsgSkipErr) != uapi.MSG_DONTWAIT && s.shutdown.Load()&RcvShutdown != 0 {
		return nil
	}
	return errno.EAGAIN
}

// peek copies the packet that MSG_PEEK shows while the queue is locked:
// afterwards somebody may have taken it.
func (s *Sock) peek(c *kern.CPU, m *Msg) (*skb.Buff, int, error) {
	q := &s.queues
	q.mu.Lock()
	defer q.mu.Unlock()
	moves := s.peekOff.Load() >= 0 && m.Flags&MsgSkipErr == 0 // a look that is not the program's moves nothing
	off := 0
	if moves {
		off = int(s.peekOff.Load())
	}
	for i := range int(q.nrecv.Load()) {
		b := q.recv.at(i)
		if off > 0 && off >= b.Len() { // SO_PEEK_OFF has passed it
			off -= b.Len()
			continue
		}
		o := b.Copy(c)
		o.SetOwner(nil)
		if moves {
			s.peekOff.Add(int32(min(len(m.Data), b.Len()-off)))
		}
		return o, off, nil
	}
	return nil, 0, s.emptyError(m)
}

// Requeue puts b, taken by Dequeue, back in front: a reply that the program
// never saw.
func (s *Sock) Requeue(b *skb.Buff) {
	q := &s.queues
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hold()
	q.recv.pushFront(b)
	q.nrecv.Add(1)
}

// Queued returns how many packets wait, and the bytes of the first (SIOCINQ on
// datagrams).
func (s *Sock) Queued() (packets, first int) {
	q := &s.queues
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := int(q.nrecv.Load()); n > 0 {
		return n, q.recv.at(0).Len()
	}
	return 0, 0
}

// Each calls f for the waiting packets, oldest first, until it returns false.
// f runs under the queue's lock.
func (s *Sock) Each(f func(b *skb.Buff) bool) {
	q := &s.queues
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range int(q.nrecv.Load()) {
		if !f(q.recv.at(i)) {
			return
		}
	}
}

// purge empties every queue of a closed socket and returns what they held.
func (s *Sock) purge() (gone []*skb.Buff) {
	q := &s.queues
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.packets == nil {
		return nil
	}
	for q.recv.len() > 0 {
		gone = append(gone, q.recv.pop())
	}
	for q.errs.len() > 0 {
		gone = append(gone, q.errs.pop())
	}
	gone = append(gone, q.spent...)
	q.spent = nil
	q.nrecv.Store(0)
	q.nerrs.Store(0)
	return gone
}

// PollDatagram is Poll of a datagram socket (datagram_poll).
func (s *Sock) PollDatagram() Events {
	var ev Events
	if s.err.Load() != 0 || s.queues.nerrs.Load() != 0 {
		ev |= uapi.POLLERR
		if s.Has(FlagSelectErr) {
			ev |= uapi.POLLPRI
		}
	}
	shut := s.shutdown.Load()
	if shut&RcvShutdown != 0 {
		ev |= uapi.POLLRDHUP | uapi.POLLIN | uapi.POLLRDNORM
	}
	if shut == ShutdownMask {
		ev |= uapi.POLLHUP
	}
	if s.queues.nrecv.Load() != 0 {
		ev |= uapi.POLLIN | uapi.POLLRDNORM
	}
	if s.Writeable() {
		ev |= uapi.POLLOUT | uapi.POLLWRNORM | uapi.POLLWRBAND
	}
	return ev
}

package tcb

import "linen/lib/ktime"

// Marks of a sent segment (TCPCB_*).
const (
	txSacked  = 1 << iota // in a SACK block
	txLost                // thought lost
	txRetrans             // retransmitted, the copy is in flight
	txEver                // retransmitted at some time
)

// A txSeg is a segment that was sent and is not acknowledged. Its payload is
// the caller's, by sequence number.
type txSeg struct {
	seq, end  uint32
	flags     uint16
	marks     uint8
	packets   uint16  // of MSS
	limited   bool    // sent when the application had no more
	sentAt    ktime.T // the last time
	delivered uint64  // the connection's count then
	deliverAt ktime.T // and its time
	firstAt   ktime.T // when the sample's first segment was sent
}

// txq is the segments sent, in the order of their numbers.
type txq struct {
	list []txSeg
	head int
}

func (q *txq) len() int { return len(q.list) - q.head }

func (q *txq) at(i int) *txSeg { return &q.list[q.head+i] }

func (q *txq) push(s txSeg) {
	if q.head > 0 && len(q.list) == cap(q.list) {
		n := copy(q.list, q.list[q.head:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, s)
}

func (q *txq) pop() {
	q.head++
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
}

func (q *txq) clear() { q.list, q.head = nil, 0 }

// split cuts the i-th segment at a sequence number inside it; the counts of
// packets are settled by the caller's refigure.
func (c *Conn) split(i int, at uint32) {
	q := &c.send.q
	s := q.at(i)
	old := s.packets
	rest := *s
	rest.seq = at
	s.end = at
	s.flags &^= Fin | Psh
	mss := max(c.send.mss, 1)
	s.packets = packetsOf(int(s.end-s.seq), mss)
	rest.packets = packetsOf(int(rest.end-rest.seq), mss)
	q.push(txSeg{})
	l := q.list[q.head:]
	copy(l[i+2:], l[i+1:])
	l[i+1] = rest
	c.recount(rest.marks, int(l[i].packets)+int(rest.packets)-int(old))
}

// recount adds d packets to the counts that a segment with marks is in.
func (c *Conn) recount(marks uint8, d int) {
	if d == 0 {
		return
	}
	s := &c.send
	add := func(v *uint32) { *v = uint32(max(int(*v)+d, 0)) }
	add(&s.packets)
	if marks&txSacked != 0 {
		add(&s.sacked)
	}
	if marks&txLost != 0 {
		add(&s.lost)
	}
	if marks&txRetrans != 0 {
		add(&s.retrans)
	}
}

// packetsOf is how many packets of mss n bytes make; at least one.
func packetsOf(n, mss int) uint16 {
	return uint16(max((n+mss-1)/mss, 1))
}

package tcp

import (
	"linen/kern"
	"linen/net/skb"
)

// An extent is a run of the stream to send, in a block.
type extent struct {
	end   uint32 // number behind its last byte
	off   uint32
	n     uint32
	block *skb.Block
}

// sendQueue is the bytes that are not acknowledged. Segments and their
// retransmissions point into its blocks.
type sendQueue struct {
	list []extent
	last *skb.Block // the block that has room, with a hold of its own
	head int
	end  uint32 // number of the next byte to be written
	used uint32 // of last
}

// start begins the stream at a number.
func (q *sendQueue) start(seq uint32) { q.end = seq }

// append copies p to the queue.
func (q *sendQueue) append(k *kern.Kernel, p []byte) {
	for len(p) > 0 {
		if q.last == nil || q.used == skb.BlockSize {
			if q.last != nil {
				q.last.Release()
			}
			q.last, q.used = skb.NewBlock(k), 0
		}
		n := uint32(copy(q.last.Data()[q.used:], p))
		q.add(n)
		p = p[n:]
	}
}

// add notes that n bytes of the last block were written.
func (q *sendQueue) add(n uint32) {
	if i := len(q.list) - 1; i >= q.head {
		if e := &q.list[i]; e.block == q.last && e.off+e.n == q.used {
			e.n += n
			e.end += n
			q.used, q.end = q.used+n, q.end+n
			return
		}
	}
	if q.head > 0 && len(q.list) == cap(q.list) {
		m := copy(q.list, q.list[q.head:])
		clear(q.list[m:])
		q.list, q.head = q.list[:m], 0
	}
	q.end += n
	q.list = append(q.list, extent{end: q.end, off: q.used, n: n, block: q.last.Hold()})
	q.used += n
}

// trim gives up everything in front of una.
func (q *sendQueue) trim(una uint32) {
	for q.head < len(q.list) && int32(q.list[q.head].end-una) <= 0 {
		q.list[q.head].block.Release()
		q.list[q.head] = extent{}
		q.head++
	}
	if q.head > 0 && q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
		if q.last != nil { // nobody else points into it: begin it again
			q.last.Release()
			q.last, q.used = nil, 0
		}
	}
}

// clear gives up everything.
func (q *sendQueue) clear() {
	for _, e := range q.list[q.head:] {
		e.block.Release()
	}
	if q.last != nil {
		q.last.Release()
	}
	*q = sendQueue{end: q.end}
}

// maxInline is how many bytes are copied behind the header rather than
// pointed to.
const maxInline = 256

// fill adds n bytes of the stream from seq on to b. It reports false when b
// has no place for so many pieces.
func (q *sendQueue) fill(b *skb.Buff, seq uint32, n int) bool {
	lo, hi := q.head, len(q.list)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if int32(q.list[m].end-seq) > 0 {
			hi = m
		} else {
			lo = m + 1
		}
	}
	for ; n > 0; lo++ {
		if lo == len(q.list) {
			return false
		}
		e := &q.list[lo]
		skip := seq - (e.end - e.n)
		take := min(e.n-skip, uint32(n))
		if n <= maxInline && b.DataLen() == 0 {
			b.Append(e.block.Data()[e.off+skip : e.off+skip+take])
		} else if !b.AddFrag(skb.Frag{Block: e.block.Hold(), Off: e.off + skip, Len: take}) {
			e.block.Release()
			return false
		}
		seq += take
		n -= int(take)
	}
	return true
}

// rxItem is a part of a received packet: n bytes from off on.
type rxItem struct {
	b      *skb.Buff
	off, n int
}

// recvQueue is the bytes in order that are not read.
type recvQueue struct {
	list []rxItem
	head int
}

func (q *recvQueue) push(b *skb.Buff, off, n int) {
	if q.head > 0 && len(q.list) == cap(q.list) {
		m := copy(q.list, q.list[q.head:])
		clear(q.list[m:])
		q.list, q.head = q.list[:m], 0
	}
	q.list = append(q.list, rxItem{b, off, n})
}

// copy copies to dst from the skip-th byte on and returns how many.
func (q *recvQueue) copy(dst []byte, skip int) int {
	n := 0
	for i := q.head; i < len(q.list) && n < len(dst); i++ {
		it := &q.list[i]
		if skip >= it.n {
			skip -= it.n
			continue
		}
		m := min(it.n-skip, len(dst)-n)
		n += it.b.CopyOut(it.off+skip, dst[n:n+m])
		skip = 0
	}
	return n
}

// consume takes n bytes off.
func (q *recvQueue) consume(c *kern.CPU, n int) {
	for n > 0 && q.head < len(q.list) {
		it := &q.list[q.head]
		if n < it.n {
			it.off += n
			it.n -= n
			return
		}
		n -= it.n
		it.b.Consume(c)
		*it = rxItem{}
		q.head++
	}
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
}

// clear gives everything up.
func (q *recvQueue) clear(c *kern.CPU) {
	for _, it := range q.list[q.head:] {
		it.b.Consume(c)
	}
	*q = recvQueue{}
}

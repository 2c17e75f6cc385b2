package port

import "iter"

// A Batch is some frames in one piece of memory, which is used again.
type Batch struct {
	buf     []byte
	ends    []int
	refused int
}

// batchBytes is what a Batch holds before it grows.
const batchBytes = 1 << 17

// NewBatch returns an empty Batch.
func NewBatch() *Batch {
	return &Batch{buf: make([]byte, 0, batchBytes), ends: make([]int, 0, maxBatch)}
}

// Len returns the number of frames.
func (b *Batch) Len() int { return len(b.ends) }

// Full reports that a received batch should go on its way.
func (b *Batch) Full() bool {
	return len(b.ends) >= maxBatch || len(b.ends) > 0 && cap(b.buf)-len(b.buf) < MaxFrame
}

// All ranges over the frames, which are the Batch's.
func (b *Batch) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := 0
		for _, end := range b.ends {
			if !yield(b.buf[start:end:end]) {
				return
			}
			start = end
		}
	}
}

// Room returns MaxFrame bytes to read the next frame into; Commit adds it.
func (b *Batch) Room() []byte {
	n := len(b.buf)
	if cap(b.buf)-n < MaxFrame {
		b.buf = append(make([]byte, 0, 2*cap(b.buf)), b.buf...)
	}
	return b.buf[n : n+MaxFrame : n+MaxFrame]
}

// Commit makes the first n bytes of Room a frame.
func (b *Batch) Commit(n int) {
	b.buf = b.buf[:len(b.buf)+n]
	b.ends = append(b.ends, len(b.buf))
}

// Refuse counts a frame that the host did not take.
func (b *Batch) Refuse() { b.refused++ }

// grow adds a frame of n bytes and returns it, to be filled.
func (b *Batch) grow(n int) []byte {
	start := len(b.buf)
	if need := start + n; need > cap(b.buf) {
		b.buf = append(make([]byte, 0, max(2*cap(b.buf), need)), b.buf...)
	}
	b.buf = b.buf[:start+n]
	b.ends = append(b.ends, start+n)
	return b.buf[start:]
}

func (b *Batch) reset() { b.buf, b.ends, b.refused = b.buf[:0], b.ends[:0], 0 }

package tcb

// A windowed keeps the best value of a window: the least, or with negated values
// the greatest. It remembers three candidates, each worse and younger than the
// one before, so that the best of the rest takes over when the best grows too
// old.
type windowed[T uint32 | int64] struct {
	v  [3]T
	at [3]uint32
	n  uint8
}

// add takes a value at a time; times never go back, but may begin again at 0.
func (w *windowed[T]) add(at uint32, v T, window uint32) {
	for w.n > 0 && at-w.at[0] > window {
		w.n--
		copy(w.v[:], w.v[1:])
		copy(w.at[:], w.at[1:])
	}
	for w.n > 0 && w.v[w.n-1] >= v {
		w.n--
	}
	if int(w.n) == len(w.v) {
		// Candidates a quarter of the window apart serve it all.
		if w.at[w.n-1]-w.at[w.n-2] >= window/4 {
			return
		}
		w.n--
	}
	w.v[w.n], w.at[w.n] = v, at
	w.n++
}

// best returns the best value, or none when there was none.
func (w *windowed[T]) best(none T) T {
	if w.n == 0 {
		return none
	}
	return w.v[0]
}

// reset forgets everything but one value.
func (w *windowed[T]) reset(at uint32, v T) { w.n, w.v[0], w.at[0] = 1, v, at }

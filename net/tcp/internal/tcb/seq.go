package tcb

// before reports a < b in sequence space (RFC 9293 §3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// after reports a > b in sequence space.
func after(a, b uint32) bool { return int32(b-a) < 0 }

// between reports low <= v <= high.
func between(v, low, high uint32) bool { return high-low >= v-low }

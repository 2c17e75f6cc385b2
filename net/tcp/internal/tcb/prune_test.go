package tcb

import "testing"

// A tight end has room for so many payloads.
type tight struct {
	*end
	room      int
	collapsed int
	pruned    int
}

func (e *tight) Room(any) bool { return e.kept+e.queued < e.room }
func (e *tight) Collapse()     { e.collapsed++ }
func (e *tight) Discard(p any, r Reason) {
	if r == OfoPrune {
		e.kept -= p.(piece).n
		e.pruned++
	}
}

// TestRoom: what came before its turn is given up for what came in its turn,
// unless the newcomer is behind all of it (tcp_prune_queue).
func TestRoom(t *testing.T) {
	for _, c := range []struct {
		name       string
		offsets    []int // of segments of 100 bytes, behind the next one
		room       int
		pruned     int
		drop       int // OFO drops
		rcvPruned  int
		rcvQDrop   int
		inOrderEnd int // bytes delivered
	}{
		{"all fits", []int{1, 2, 3, 0}, 1000, 0, 0, 0, 0, 400},
		{"the last goes for the first", []int{1, 2, 3, 4, 0}, 400, 2, 0, 0, 0, 300},
		{"the newest is behind all: dropped", []int{1, 2, 3, 4}, 300, 0, 1, 1, 0, 0},
		{"in order, nothing to prune, nothing unread: taken all the same", []int{0}, 0, 0, 0, 1, 0, 100},
		{"in order behind unread bytes: dropped", []int{0, 1}, 100, 0, 0, 1, 1, 100},
	} {
		s := newSim(t, 1, link{}, nil)
		s.open()
		e := s.ends[1]
		w := &tight{end: e, room: c.room}
		e.c.env = w
		e.hold = true
		base := e.c.RcvNxt()
		before := e.queued
		for _, k := range c.offsets {
			g := Segment{Seq: base + uint32(100*k), Ack: e.c.send.nxt, Flags: Ack, Window: 1000, Len: 100, Payload: piece{off: 100 * k, n: 100}}
			e.c.Input(s.now, &g)
		}
		if w.pruned != c.pruned || e.stats[StatOFODrop] != c.drop || e.stats[StatRcvPruned] != c.rcvPruned || e.stats[StatRcvQDrop] != c.rcvQDrop || e.queued-before != c.inOrderEnd {
			t.Errorf("%s: pruned %d, drops %d, RcvPruned %d, RcvQDrop %d, delivered %d", c.name, w.pruned, e.stats[StatOFODrop], e.stats[StatRcvPruned], e.stats[StatRcvQDrop], e.queued-before)
		}
	}
}

package tcb

import (
	"fmt"
	"testing"
	"time"

	"linen/uapi"
)

// TestGrid moves bytes through every kind of bad link: the stream must come
// whole, nothing may stall, and both ends must close.
func TestGrid(t *testing.T) {
	ms := time.Millisecond
	links := []struct {
		name string
		link link
	}{
		{"clean", link{delay: 5 * ms}},
		{"zero delay", link{}},
		{"slow", link{delay: 20 * ms, rate: 1 << 20, limit: 100 * ms}},
		{"short queue", link{delay: 20 * ms, rate: 4 << 20, limit: 5 * ms}},
		{"loss 1", link{delay: 10 * ms, loss: 0.01}},
		{"loss 10", link{delay: 10 * ms, loss: 0.1}},
		{"reorder", link{delay: 10 * ms, jitter: 5 * ms}},
		{"dup", link{delay: 10 * ms, dup: 0.05}},
		{"all", link{delay: 10 * ms, jitter: 5 * ms, loss: 0.02, dup: 0.02, rate: 8 << 20, limit: 50 * ms}},
	}
	kinds := []struct {
		name   string
		change func(*Settings)
		gso    int
	}{
		{"usual", nil, 1500},
		{"super", nil, 65536},
		{"no sack", func(s *Settings) { s.SACK = false }, 1500},
		{"no options", func(s *Settings) { s.SACK, s.Timestamps, s.WindowScaling = false, false, false }, 1500},
		{"ecn", func(s *Settings) { s.ECN = 1 }, 1500},
	}
	var met encounters
	for _, l := range links {
		for _, k := range kinds {
			t.Run(l.name+"/"+k.name, func(t *testing.T) {
				for seed := range uint64(8) {
					first := runCell(t, 7+seed, l.link, k.change, k.gso, &met)
					if again := runCell(t, 7+seed, l.link, k.change, k.gso, &met); again != first {
						t.Errorf("seed %d gave %s, then %s", 7+seed, first, again)
					}
				}
			})
		}
	}
	for name, n := range map[string]int{
		"a FIN before the data in front of it": met.earlyFin, "a lost FIN": met.lostFin, "a lost SYN or SYN-ACK": met.lostSyn,
		"data and a FIN in one segment": met.dataFin, "a simultaneous close": met.closing,
		"a timeout": met.stats[StatTimeouts], "a lost tail probed": met.stats[StatLossProbes], "recovery by SACK": met.stats[StatSackRecovery],
		"recovery without SACK": met.stats[StatRenoRecovery], "a lost retransmission": met.stats[StatLostRetransmit],
		"DSACK": met.stats[StatDSACKRecv], "undo": met.stats[StatPartialUndo] + met.stats[StatFullUndo] + met.stats[StatDSACKUndo],
		"reordering": met.stats[StatSACKReorder], "compressed acknowledgements": met.stats[StatAckCompressed],
		"segments out of order": met.stats[StatOFOQueue], "a spurious timeout": met.stats[StatSpuriousRTOs] + met.stats[StatLossUndo],
		"an end of slow start by delay": met.stats[StatHystartDelay],
	} {
		if n == 0 {
			t.Errorf("no cell met %s", name)
		}
	}
}

// encounters counts what happened in the cells of the grid.
type encounters struct {
	earlyFin, lostFin, lostSyn, dataFin, closing int
	stats                                        [NumStats]int
}

// watch looks at what the links do.
func (m *encounters) watch(s *sim) {
	s.log = func(from int, o *Out) {
		if o.Flags&Fin != 0 && o.Len > 0 {
			m.dataFin++
		}
		for _, e := range s.ends {
			if e.c.State == uapi.TCP_CLOSING {
				m.closing++
			}
		}
	}
	s.lost = func(g *Segment) {
		switch {
		case g.Flags&Fin != 0:
			m.lostFin++
		case g.Flags&Syn != 0:
			m.lostSyn++
		}
	}
	s.came = func(e *end, g *Segment) {
		if g.Flags&Fin != 0 && after(g.Seq, e.c.RcvNxt()) {
			m.earlyFin++
		}
	}
}

func runCell(t *testing.T, seed uint64, l link, change func(*Settings), gso int, met *encounters) string {
	s := newSim(t, seed, l, change)
	met.watch(s)
	if gso > 1500 {
		p := simPath
		p.GSOMax = gso
		defer func(old Path) { simPath = old }(simPath)
		simPath = p
	}
	s.connect() // the server's end may hear of it only by the first data
	if !s.run(5*time.Minute, func() bool { return s.ends[0].c.State == uapi.TCP_ESTABLISHED }) {
		t.Fatalf("not open: %d", s.ends[0].c.State)
	}
	took := s.transfer(0, 1<<20, 10*time.Minute)
	back := s.transfer(1, 100000, 5*time.Minute)
	a, b := s.ends[0], s.ends[1]
	want := [2]int{b.got + 20000, a.got + 3000}
	a.c.Write(s.now, 20000, false) // the FINs are right behind data
	a.c.Shutdown(s.now)
	b.c.Write(s.now, 3000, false)
	b.c.Shutdown(s.now)
	if !s.run(5*time.Minute, func() bool { return a.c.State == uapi.TCP_TIME_WAIT || a.c.State == uapi.TCP_CLOSE }) {
		t.Fatalf("not closed: %d %d", a.c.State, b.c.State)
	}
	if b.got != want[0] || a.got != want[1] {
		t.Fatalf("%d and %d bytes of %v", b.got, a.got, want)
	}
	for i := range met.stats {
		met.stats[i] += a.stats[i] + b.stats[i]
	}
	if a.failed != 0 || b.failed != 0 {
		t.Fatalf("failed: %v %v", a.failed, b.failed)
	}
	if testing.Verbose() {
		t.Logf("%v there, %v back, %d retransmissions, %d timeouts", took, back, a.stats[StatRetransSegs], a.stats[StatTimeouts])
	}
	return fmt.Sprint(took, back, a.stats, b.stats)
}

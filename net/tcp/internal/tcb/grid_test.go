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
	for _, l := range links {
		for _, k := range kinds {
			t.Run(l.name+"/"+k.name, func(t *testing.T) {
				first := runCell(t, l.link, k.change, k.gso)
				if again := runCell(t, l.link, k.change, k.gso); again != first {
					t.Errorf("the same seed gave %s, then %s", first, again)
				}
			})
		}
	}
}

func runCell(t *testing.T, l link, change func(*Settings), gso int) string {
	s := newSim(t, 7, l, change)
	if gso > 1500 {
		p := simPath
		p.GSOMax = gso
		defer func(old Path) { simPath = old }(simPath)
		simPath = p
	}
	s.open()
	took := s.transfer(0, 1<<20, 10*time.Minute)
	back := s.transfer(1, 100000, 5*time.Minute)
	a, b := s.ends[0], s.ends[1]
	a.c.Shutdown(s.now)
	s.run(time.Minute, func() bool { return b.c.State == uapi.TCP_CLOSE_WAIT })
	b.c.Shutdown(s.now)
	if !s.run(5*time.Minute, func() bool { return a.c.State == uapi.TCP_TIME_WAIT || a.c.State == uapi.TCP_CLOSE }) {
		t.Fatalf("not closed: %d %d", a.c.State, b.c.State)
	}
	if a.failed != 0 || b.failed != 0 {
		t.Fatalf("failed: %v %v", a.failed, b.failed)
	}
	if testing.Verbose() {
		t.Logf("%v there, %v back, %d retransmissions, %d timeouts", took, back, a.stats[StatRetransSegs], a.stats[StatTimeouts])
	}
	return fmt.Sprint(took, back, a.stats, b.stats)
}

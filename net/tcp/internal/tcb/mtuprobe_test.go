package tcb

import (
	"testing"
	"time"
)

// TestMTUProbing: packets longer than the path takes vanish without a word (RFC
// 4821; spec 11.74).
func TestMTUProbing(t *testing.T) {
	for _, c := range []struct {
		name          string
		mode, takes   int // bytes of payload and options that the path takes
		low, high     int // where the segments' size must be at the end
		ends          bool
		success, fail bool
	}{
		{"off: it hangs", 0, 1200, 1400, 1460, false, false, false},
		{"after a black hole", 1, 1200, 1000, 1200, true, true, true},
		{"always", 2, 1460, 1400, 1460, true, true, false},
		{"always, a short path", 2, 1200, 1024, 1200, true, true, true},
		{"below the first size", 1, 600, 48, 600, true, true, true},
	} {
		s := newSim(t, 1, link{delay: 5 * time.Millisecond}, func(set *Settings) {
			set.MTUProbing, set.BaseMSS, set.MTUProbeFloor, set.MTUProbeThreshold, set.MTUProbeInterval = c.mode, 1024, 48, 8, 10*time.Minute
		})
		s.open()
		s.drop = func(from int, o *Out) bool { return min(o.Len, o.MSS)+timestampLen > c.takes }
		e := s.ends[0]
		e.c.Write(s.now, 400000, false)
		done := s.run(3*time.Minute, func() bool { return s.ends[1].got+s.ends[1].queued >= 400000 })
		size := e.c.MSS() + timestampLen
		if done != c.ends || size < c.low || size > c.high {
			t.Errorf("%s: done %v, segments of %d", c.name, done, size)
		}
		if got := e.stats[StatMTUPSuccess] > 0; got != c.success {
			t.Errorf("%s: %d probes succeeded", c.name, e.stats[StatMTUPSuccess])
		}
		if got := e.stats[StatMTUPFail] > 0; got != c.fail {
			t.Errorf("%s: %d probes failed", c.name, e.stats[StatMTUPFail])
		}
	}
}

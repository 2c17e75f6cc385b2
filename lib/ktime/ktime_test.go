package ktime

import (
	"testing"
	"time"
)

func TestAddStopsAtNever(t *testing.T) {
	if got := (Never - 5).Add(10); got != Never {
		t.Errorf("got %d", got)
	}
	if got := T(5).Add(-10); got != -5 {
		t.Errorf("got %d", got)
	}
	if d := T(7).Sub(3); d != 4 {
		t.Errorf("Sub: %d", d)
	}
	if !T(1).Before(2) || !T(2).After(1) {
		t.Error("order")
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint32
	}{
		{"clock_t is 10 ms", ClockT(1999 * time.Millisecond), 199},
		{"negative is 0", ClockT(-time.Hour), 0},
		{"too long is the maximum", ClockT(600 * 24 * time.Hour), 1<<32 - 1},
		{"a jiffy is 1 ms", Jiffies(30 * time.Second), 30000},
		{"milliseconds", Millis(1500 * time.Microsecond), 1},
		{"seconds", Seconds(1999 * time.Millisecond), 1},
		{"stamp", T(12345 * time.Millisecond).Stamp(), 1234},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %d want %d", c.name, c.got, c.want)
		}
	}
	if FromClockT(250) != 2500*time.Millisecond || FromJiffies(250) != 250*time.Millisecond {
		t.Error("conversion to Duration")
	}
}

package impair

import (
	"reflect"
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

// run offers n packets of 1000 bytes, one every step.
func run(l *Link, n int, step int64) []Delivery {
	var out []Delivery
	for i := range n {
		out, _ = l.Send(int64(i)*step, 1000, out)
	}
	return out
}

func TestZeroConfigDeliversAtOnce(t *testing.T) {
	l := New(Config{})
	out, fate := l.Send(5, 100, nil)
	if fate != Delivered || !reflect.DeepEqual(out, []Delivery{{At: 5}}) {
		t.Errorf("%v %v", out, fate)
	}
}

func TestSameSeedSameDecisions(t *testing.T) {
	c := Config{Delay: 10e6, Jitter: 5e6, Loss: Chance{0.1, 0.5}, Duplicate: Percent(5), Corrupt: Percent(5), Reorder: Percent(20), Rate: 1e8, Limit: 50, Seed: 7}
	a, b := run(New(c), 5000, ms), run(New(c), 5000, ms)
	if !reflect.DeepEqual(a, b) {
		t.Error("two runs differ")
	}
	c.Seed = 8
	if reflect.DeepEqual(a, run(New(c), 5000, ms)) {
		t.Error("another seed gives the same")
	}
}

func TestChancesComeOut(t *testing.T) {
	const n = 20000
	l := New(Config{Delay: time.Second, Loss: Percent(10), Duplicate: Percent(5), Corrupt: Percent(20), Seed: 1})
	run(l, n, ms)
	s := l.Stats()
	for _, c := range []struct {
		name string
		got  uint64
		want float64
	}{
		// A lost duplicate leaves one copy: netem's count goes up, then down.
		{"lost", s.Lost, n * 0.1 * 0.95},
		{"duplicated", s.Duplicated, n * 0.05 * 0.9},
		{"corrupted", s.Corrupted, float64(s.Delivered) * 0.2},
	} {
		if f := float64(c.got); f < c.want*0.9 || f > c.want*1.1 {
			t.Errorf("%s: %d, expected about %.0f", c.name, c.got, c.want)
		}
	}
	if s.Offered != n || s.Delivered != n-s.Lost+s.Duplicated {
		t.Errorf("%+v does not add up", s)
	}
}

func TestAllOrNothing(t *testing.T) {
	l := New(Config{Loss: Percent(100)})
	if out := run(l, 100, ms); len(out) != 0 {
		t.Errorf("%d got through", len(out))
	}
	l = New(Config{Duplicate: Percent(100)})
	if out := run(l, 100, ms); len(out) != 200 {
		t.Errorf("%d copies of 100", len(out))
	}
}

func TestDelayAndJitterStayInBounds(t *testing.T) {
	l := New(Config{Delay: 10e6, Jitter: 4e6, Seed: 3})
	overtaken := false
	var last int64
	for i, d := range run(l, 2000, ms) {
		if lat := d.At - int64(i)*ms; lat < 6*ms || lat > 14*ms {
			t.Fatalf("packet %d: %d ns", i, lat)
		}
		overtaken = overtaken || d.At < last
		last = d.At
	}
	if !overtaken {
		t.Error("jitter above the spacing let no packet overtake")
	}
	c := l.Config()
	c.KeepOrder = true
	last = 0
	for _, d := range run(New(c), 2000, ms) {
		if d.At < last {
			t.Fatal("KeepOrder let a packet overtake")
		}
		last = d.At
	}
}

func TestRateSerializes(t *testing.T) {
	l := New(Config{Rate: 8e6}) // 1000 bytes take 1 ms
	for i, d := range run(l, 10, 0) {
		if d.At != int64(i+1)*ms {
			t.Errorf("packet %d arrives at %d", i, d.At)
		}
	}
	if out, _ := l.Send(100*ms, 1000, nil); out[0].At != 101*ms {
		t.Error("an idle link keeps a debt")
	}
}

func TestLimitCountsPacketsOnTheWay(t *testing.T) {
	l := New(Config{Delay: 10e6, Limit: 3})
	for i := range 5 {
		_, fate := l.Send(0, 100, nil)
		if want := i >= 3; (fate == Overlimit) != want {
			t.Errorf("packet %d: %v", i, fate)
		}
	}
	if _, fate := l.Send(10*ms, 100, nil); fate != Delivered {
		t.Error("arrived packets still count")
	}
}

func TestReorderSkipsTheDelay(t *testing.T) {
	l := New(Config{Delay: 10e6, Reorder: Percent(100), Gap: 5})
	for i, d := range run(l, 50, ms) {
		want := int64(i) * ms
		if i%5 != 4 {
			want += 10 * ms
		}
		if d.At != want {
			t.Errorf("packet %d arrives at %d, want %d", i, d.At, want)
		}
	}
}

func TestCorruptFlipsOneBit(t *testing.T) {
	l := New(Config{Corrupt: Percent(100)})
	for range 200 {
		out, _ := l.Send(0, 3, nil)
		p := make([]byte, 3)
		out[0].Apply(p)
		ones := 0
		for _, b := range p {
			for ; b != 0; b &= b - 1 {
				ones++
			}
		}
		if ones != 1 {
			t.Fatalf("% x", p)
		}
	}
}

func TestSendDoesNotAllocate(t *testing.T) {
	l := New(Config{Delay: 1e6, Jitter: 1e5, Loss: Percent(1), Limit: 10})
	out := make([]Delivery, 0, 2)
	now := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += ms
		l.Send(now, 100, out[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

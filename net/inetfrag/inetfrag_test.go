package inetfrag

import (
	"testing"
	"time"

	"linen/kern"
	"linen/net/skb"
)

// table is a Table on a manual clock that notes which queues expired.
func table(t *testing.T, high int64) (*kern.ManualClock, *kern.Kernel, *Table[int], *[]int) {
	clock := kern.NewManualClock()
	k := kern.New(kern.Config{Clock: clock, Seed: 1})
	t.Cleanup(k.Close)
	expired := new([]int)
	tb := NewTable(k, Limits{
		High:    func() int64 { return high },
		Timeout: func() time.Duration { return time.Second },
	}, func(_ *kern.CPU, q *Queue[int]) { *expired = append(*expired, q.Key) })
	return clock, k, tb, expired
}

// insert puts a fragment with the bytes from off to end into queue key.
func insert(c *kern.CPU, tb *Table[int], key, off, end int) Result {
	q := tb.Find(key)
	defer q.Unlock()
	return q.Insert(skb.From(c, make([]byte, end-off)), off, end)
}

func TestInsert(t *testing.T) {
	_, k, tb, _ := table(t, 1<<20)
	c := k.Enter(kern.Any)
	defer c.Exit()
	for i, step := range []struct {
		off, end int
		want     Result
	}{
		{16, 24, Inserted},
		{0, 8, Inserted},
		{0, 8, Duplicate},
		{24, 40, Inserted}, // behind the last: its run grows
		{18, 30, Duplicate},
		{8, 24, Overlap},
		{4, 12, Overlap},
		{32, 48, Overlap},
		{0, 40, Overlap},
		{8, 16, Inserted},
		{4, 12, Overlap}, // in two runs, which Linux does not join
	} {
		if got := insert(c, tb, 1, step.off, step.end); got != step.want {
			t.Errorf("step %d, %d to %d: %d, want %d", i, step.off, step.end, got, step.want)
		}
	}
	q := tb.Find(1)
	defer q.Unlock()
	q.HasLast, q.Len = true, 40
	if !q.Complete() || q.Join().Len() != 40 {
		t.Error("not whole")
	}
	q.Kill()
	if tb.Bytes() != 0 || tb.Len() != 0 {
		t.Errorf("%d bytes in %d queues stay", tb.Bytes(), tb.Len())
	}
}

func TestExpiry(t *testing.T) {
	clock, k, tb, expired := table(t, 1<<20)
	c := k.Enter(kern.Any)
	insert(c, tb, 1, 0, 8)
	c.Exit()
	clock.Advance(500 * time.Millisecond)
	c = k.Enter(kern.Any)
	insert(c, tb, 1, 8, 16) // the time counts from the first
	insert(c, tb, 2, 0, 8)
	c.Exit()
	clock.Advance(600 * time.Millisecond)
	if len(*expired) != 1 || (*expired)[0] != 1 || tb.Len() != 1 {
		t.Errorf("expired %v", *expired)
	}
	clock.Advance(time.Second)
	if tb.Bytes() != 0 || k.Timers() != 0 {
		t.Errorf("%d bytes, %d timers", tb.Bytes(), k.Timers())
	}
}

func TestMemoryLimit(t *testing.T) {
	_, k, tb, _ := table(t, 10_000)
	c := k.Enter(kern.Any)
	defer c.Exit()
	refused := 0
	for key := range 100 {
		q := tb.Find(key)
		if q == nil {
			refused++
			continue
		}
		q.Insert(skb.From(c, make([]byte, 64)), 0, 64)
		q.Unlock()
	}
	if tb.Bytes() > 12_000 || refused < 80 {
		t.Errorf("%d bytes, %d refused", tb.Bytes(), refused)
	}
	tb.Close()
	if tb.Bytes() != 0 || tb.Find(1) != nil {
		t.Error("used after Close")
	}
}

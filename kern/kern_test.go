package kern

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"linen/lib/ktime"
)

// counter is a NAPI that has left packets to poll.
func counter(left *int, polled *[]int) *NAPI {
	return &NAPI{Poll: func(_ *CPU, budget int) int {
		n := min(budget, *left)
		*left -= n
		*polled = append(*polled, n)
		return n
	}}
}

func TestExitPollsInRoundsOf64(t *testing.T) { // net.core.dev_weight
	k := New(Config{})
	defer k.Close()
	a, b := 100, 10
	var polled []int
	c := k.Enter(Any)
	c.Schedule(counter(&a, &polled))
	c.Schedule(counter(&b, &polled))
	c.Exit()
	if want := []int{64, 10, 36}; !slices.Equal(polled, want) {
		t.Errorf("polled %v, want %v: one flooding device must not starve another", polled, want)
	}
}

func TestPollThatRaisesItselfRunsAgain(t *testing.T) {
	k := New(Config{})
	defer k.Close()
	runs := 0
	n := &NAPI{}
	n.Poll = func(c *CPU, _ int) int {
		if runs++; runs < 5 {
			c.Schedule(n)
		}
		return 1
	}
	c := k.Enter(Any)
	c.Schedule(n)
	c.Exit()
	if runs != 5 {
		t.Errorf("ran %d times, want 5", runs)
	}
}

func TestPastTheBudgetTheCPUIsHandedOverLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Config{})
		defer k.Close()
		left := 5000
		var polled []int
		c := k.Enter(Any)
		c.Schedule(counter(&left, &polled))
		c.Exit()
		c = k.Enter(0) // waits for the drain
		if left != 0 {
			t.Errorf("entered with %d packets left", left)
		}
		c.Exit()
		if c.TimeSqueezes() != 1 {
			t.Errorf("time squeezes = %d, want 1", c.TimeSqueezes())
		}
	})
}

func TestScheduleOnAnotherCPURunsThere(t *testing.T) {
	k := New(Config{CPUs: 2})
	defer k.Close()
	ran := make(chan int, 1)
	n := &NAPI{Poll: func(c *CPU, _ int) int { ran <- c.ID(); return 1 }}
	c := k.EnterCPU(0)
	c.ScheduleOn(k.CPU(1), n)
	c.Exit()
	if id := <-ran; id != 1 {
		t.Errorf("ran on CPU %d, want 1", id)
	}
}

func TestScheduleOnALockedCPUIsNotLost(t *testing.T) {
	k := New(Config{CPUs: 2})
	defer k.Close()
	const rounds = 2000
	var ran atomic.Int64
	var busy sync.WaitGroup
	for g := range 2 {
		busy.Go(func() {
			for range rounds {
				c := k.EnterCPU(g)
				n := &NAPI{Poll: func(*CPU, int) int { ran.Add(1); return 1 }}
				c.ScheduleOn(k.CPU(1-g), n)
				c.Exit()
			}
		})
	}
	busy.Wait()
	k.Synchronize()
	if ran.Load() != 2*rounds {
		t.Errorf("ran %d of %d raised polls", ran.Load(), 2*rounds)
	}
}

func TestWakeComesAfterTheUnlock(t *testing.T) {
	k := New(Config{})
	defer k.Close()
	w := k.Waiter()
	defer w.Free()
	c := k.Enter(Any)
	c.Wake(w)
	select {
	case <-w.ch:
		t.Fatal("woken while the CPU was held")
	default:
	}
	c.Exit()
	w.Wait()
}

func TestTimersFireInOrderOnTheManualClock(t *testing.T) {
	clock := NewManualClock()
	k := New(Config{CPUs: 2, Clock: clock})
	defer k.Close()
	start := clock.Now()
	var fired []int
	timers := make([]Timer, 5)
	for i, ms := range []int{30, 10, 20, 10, 40} {
		timers[i].InitOn(k.CPU(0), func(c *CPU) { fired = append(fired, i) })
		timers[i].Set(start.Add(time.Duration(ms) * time.Millisecond))
	}
	timers[4].Stop()
	clock.Advance(25 * time.Millisecond)
	if want := []int{1, 3, 2}; !slices.Equal(fired, want) {
		t.Errorf("fired %v, want %v", fired, want)
	}
	clock.Advance(time.Hour)
	if want := []int{1, 3, 2, 0}; !slices.Equal(fired, want) {
		t.Errorf("fired %v, want %v", fired, want)
	}
}

func TestTimerMovedLaterFiresOnceThen(t *testing.T) {
	clock := NewManualClock()
	k := New(Config{Clock: clock})
	defer k.Close()
	var at []ktime.T
	var tm Timer
	tm.Init(k, func(c *CPU) { at = append(at, c.Now()) })
	start := clock.Now()
	tm.Set(start.Add(time.Second))
	tm.Set(start.Add(3 * time.Second)) // lazily
	clock.Advance(2 * time.Second)
	tm.Set(start.Add(5 * time.Second))
	clock.Advance(10 * time.Second)
	if want := []ktime.T{start.Add(5 * time.Second)}; !slices.Equal(at, want) {
		t.Errorf("fired at %v, want %v", at, want)
	}
	tm.Set(clock.Now().Add(2 * time.Second))
	tm.Set(clock.Now().Add(time.Second)) // earlier
	clock.Advance(time.Second)
	if len(at) != 2 {
		t.Error("a timer moved earlier did not fire then")
	}
	if k.Timers() != 0 {
		t.Errorf("%d timers left", k.Timers())
	}
}

func TestTimerHeapAgainstASlowOracle(t *testing.T) {
	clock := NewManualClock()
	k := New(Config{Clock: clock, Seed: 7})
	defer k.Close()
	const n = 200
	want := make([]ktime.T, n)
	timers := make([]Timer, n)
	for i := range timers {
		timers[i].Init(k, func(c *CPU) {
			if want[i] == 0 || want[i] > c.Now() {
				t.Errorf("timer %d fired at %d, wanted at %d", i, c.Now(), want[i])
			}
			want[i] = 0
		})
	}
	for range 5000 {
		i := int(k.Uint32() % n)
		switch k.Uint32() % 4 {
		case 0:
			timers[i].Stop()
			want[i] = 0
		case 1:
			clock.Advance(time.Duration(k.Uint32()%50) * time.Millisecond)
			for i, w := range want {
				if w != 0 && w <= clock.Now() {
					t.Fatalf("timer %d is late", i)
				}
			}
		default:
			want[i] = clock.Now().Add(time.Duration(k.Uint32()%1000+1) * time.Millisecond)
			timers[i].Set(want[i])
		}
	}
}

func TestTimersInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Config{})
		defer k.Close()
		w := k.Waiter()
		defer w.Free()
		before := time.Now()
		w.WaitUntil(k.Now().Add(time.Hour))
		if d := time.Since(before); d != time.Hour {
			t.Errorf("waited %v of bubble time, want 1h", d)
		}
	})
}

func TestWaitContextReturnsItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Config{})
		defer k.Close()
		w := k.Waiter()
		defer w.Free()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.WaitContext(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestWorkRunsInOrderOffEveryCPU(t *testing.T) {
	k := New(Config{})
	var got []int
	c := k.Enter(Any)
	for i := range 3 {
		k.Queue(func() {
			k.Synchronize() // would deadlock on a CPU
			got = append(got, i)
		})
	}
	c.Exit()
	k.Close() // waits
	if !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("ran %v", got)
	}
}

func TestSameSeedSameNumbers(t *testing.T) {
	draw := func(seed uint64) (out []uint64) {
		k := New(Config{CPUs: 2, Seed: seed})
		defer k.Close()
		k.Each(func(c *CPU) { out = append(out, c.Uint64()) })
		return append(out, k.Uint64())
	}
	if !slices.Equal(draw(1), draw(1)) {
		t.Error("one seed gave different numbers")
	}
	if slices.Equal(draw(1), draw(2)) || slices.Equal(draw(0), draw(0)) {
		t.Error("different seeds gave the same numbers")
	}
	if d := draw(1); d[0] == d[1] {
		t.Error("two CPUs draw the same numbers")
	}
}

func TestGateOrdersCallsByKey(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			k := New(Config{Quiesce: synctest.Wait})
			defer k.Close()
			var mu sync.Mutex
			var order []uint64
			var all sync.WaitGroup
			for _, id := range []uint64{3, 1, 2, 5, 4} {
				all.Go(func() {
					k.Pass(GateKey{Net: id})
					mu.Lock()
					defer mu.Unlock()
					order = append(order, id)
				})
			}
			all.Wait()
			if !slices.Equal(order, []uint64{1, 2, 3, 4, 5}) {
				t.Errorf("order %v", order)
			}
		})
	}
}

func TestLocalKeepsCPUsApart(t *testing.T) {
	k := New(Config{CPUs: 2})
	defer k.Close()
	l := NewLocal[uint64](k)
	k.Each(func(c *CPU) { *l.At(c) += uint64(c.ID()) + 1 })
	sum := uint64(0)
	k.Each(func(c *CPU) { sum += *l.At(c) })
	if sum != 3 {
		t.Errorf("sum %d, want 3", sum)
	}
}

func BenchmarkEnterExit(b *testing.B) {
	k := New(Config{})
	defer k.Close()
	for b.Loop() {
		k.Enter(0).Exit()
	}
}

func BenchmarkTimerMovedLater(b *testing.B) {
	clock := NewManualClock()
	k := New(Config{Clock: clock})
	defer k.Close()
	var tm Timer
	tm.Init(k, func(*CPU) {})
	at := clock.Now()
	for b.Loop() {
		at++
		tm.Set(at)
	}
}

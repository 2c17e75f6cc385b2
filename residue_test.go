package linen_test

import (
	"runtime"
	"testing"
	"testing/synctest"

	"linen"
	"linen/net/netns"
	"linen/net/skb"
)

// heap returns the bytes that are live.
func heap() int {
	runtime.GC()
	runtime.GC() // the first one runs finalizers and empties pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// In a bubble, a goroutine that stays fails the test by itself.
func TestAThousandNetsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := linen.New(linen.Config{Seed: 1})
		defer k.Close()
		churn := func(n int) {
			for range n {
				a, b := newNet(t, k, "a"), newNet(t, k, "b")
				ok(t, k.Link(a, "eth0", b, "eth0"))
				ok(t, a.Close())
				ok(t, b.Close())
			}
		}
		churn(10)
		before, timers := heap(), k.Engine().Timers()
		const rounds = 500
		churn(rounds)
		if n := netns.All(k.Engine()); len(n) != 0 {
			t.Errorf("%d namespaces", len(n))
		}
		if n := k.Engine().Timers(); n != timers {
			t.Errorf("%d timers, %d before", n, timers)
		}
		if n := skb.BlocksInUse(k.Engine()); n != 0 {
			t.Errorf("%d blocks", n)
		}
		// A device or a namespace that stayed would weigh kilobytes.
		left := (heap() - before) / (2 * rounds)
		if t.Logf("%d bytes a Net left", left); left > 512 {
			t.Errorf("%d bytes a Net left", left)
		}
		runtime.KeepAlive(k)
	})
}

func TestANetWeighsLessThan64KiB(t *testing.T) {
	k := linen.New(linen.Config{Seed: 1, Clock: linen.NewManualClock()})
	defer k.Close()
	newNet(t, k, "first")
	const nets = 100
	before := heap()
	for range nets {
		newNet(t, k, "x")
	}
	each := (heap() - before) / nets
	t.Logf("%d bytes", each)
	if each > 64<<10 {
		t.Errorf("%d bytes", each)
	}
	runtime.KeepAlive(k)
}

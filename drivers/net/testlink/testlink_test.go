package testlink_test

import (
	"encoding/binary"
	"testing"
	"time"

	"linen/drivers/net/loopback"
	"linen/drivers/net/testlink"
	"linen/kern"
	"linen/lib/impair"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
)

func newNet(t *testing.T, k *kern.Kernel) *netns.Net {
	t.Helper()
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func up(t *testing.T, d *dev.Device) {
	t.Helper()
	d.Net().Lock()
	defer d.Net().Unlock()
	if err := dev.Open(d); err != nil {
		t.Fatal(err)
	}
}

// arrivals sends count numbered frames over a wire, one a millisecond, and
// returns the numbers in the order in which they came, and when, in ms.
func arrivals(t *testing.T, cfg impair.Config, count int) (order []int, at []time.Duration) {
	clock := kern.NewManualClock()
	k := kern.New(kern.Config{Clock: clock, Seed: 1})
	defer k.Close()
	n1, n2 := newNet(t, k), newNet(t, k)
	a, b, err := testlink.NewPair(n1, "a", n2, "b", cfg)
	if err != nil {
		t.Fatal(err)
	}
	up(t, a)
	up(t, b)
	began := clock.Now()
	dev.AddPacketType(n2, &dev.PacketType{Proto: uapi.ETH_P_802_EX1, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		order = append(order, int(binary.BigEndian.Uint32(b.Data())))
		at = append(at, clock.Now().Sub(began))
		b.Consume(c)
	}})
	for i := range count {
		c := k.Enter(kern.Any)
		p := skb.Alloc(c, 100)
		binary.BigEndian.PutUint32(p.Put(100), uint32(i))
		p.Dev, p.Protocol = a, uapi.ETH_P_802_EX1
		p.SetNetworkHeader(0)
		a.Header(p, uapi.ETH_P_802_EX1, b.Addr(), nil)
		dev.Xmit(c, p)
		c.Exit()
		clock.Advance(time.Millisecond)
	}
	clock.Advance(time.Minute)
	if s := testlink.Stats(a); int(s.Delivered) != len(order) {
		t.Errorf("the wire delivered %d, %d came", s.Delivered, len(order))
	}
	n1.Close()
	n2.Close()
	if k.Timers() != 0 {
		t.Errorf("%d timers left", k.Timers())
	}
	return order, at
}

func TestDelay(t *testing.T) {
	order, at := arrivals(t, impair.Config{Delay: 5 * time.Millisecond}, 3)
	if len(order) != 3 || at[0] != 5*time.Millisecond || at[2] != 7*time.Millisecond {
		t.Errorf("%v at %v", order, at)
	}
}

func TestLossIsSeeded(t *testing.T) {
	cfg := impair.Config{Loss: impair.Percent(30), Seed: 7}
	first, _ := arrivals(t, cfg, 200)
	again, _ := arrivals(t, cfg, 200)
	if len(first) < 100 || len(first) > 180 || len(first) != len(again) {
		t.Fatalf("%d and %d of 200 came", len(first), len(again))
	}
	for i := range first {
		if first[i] != again[i] {
			t.Fatal("the same seed lost other frames")
		}
	}
}

func TestReordering(t *testing.T) {
	order, _ := arrivals(t, impair.Config{Delay: 10 * time.Millisecond, Reorder: impair.Percent(25), Seed: 3}, 100)
	late := 0
	for i := 1; i < len(order); i++ {
		if order[i] < order[i-1] {
			late++
		}
	}
	if len(order) != 100 || late == 0 {
		t.Errorf("%d came, %d late", len(order), late)
	}
}

func TestRate(t *testing.T) {
	// 114 bytes at 91200 bit/s take 10 ms.
	_, at := arrivals(t, impair.Config{Rate: 91200}, 5)
	if len(at) != 5 || at[4] != 50*time.Millisecond {
		t.Errorf("came at %v", at)
	}
}

func TestEveryCopyIsItsOwn(t *testing.T) {
	order, _ := arrivals(t, impair.Config{Duplicate: impair.Percent(100), Seed: 2}, 10)
	if len(order) != 20 {
		t.Errorf("%d came", len(order))
	}
}

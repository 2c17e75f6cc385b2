package netfilter

import (
	"slices"
	"testing"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
)

func setUp(t *testing.T) (*netns.Net, *kern.CPU) {
	k := kern.New(kern.Config{})
	n, err := netns.New(k, skb.Pernet(), Pernet())
	if err != nil {
		t.Fatal(err)
	}
	c := k.Enter(kern.Any)
	t.Cleanup(func() { c.Exit(); n.Close(); k.Close() })
	return n, c
}

func TestHooksRunByPriorityThenOrder(t *testing.T) {
	n, c := setUp(t)
	p := PointsOf(n)
	var ran []string
	add := func(name string, pri int, v Verdict) func() {
		return p.Add(&Hook{Family: IPv4, Num: Forward, Priority: pri, Name: name,
			Fn: func(*kern.CPU, *skb.Buff, State) Verdict { ran = append(ran, name); return v }})
	}
	add("b", 0, Accept)
	removeC := add("c", 0, Accept)
	add("a", -100, Accept)
	st := State{Net: n, Family: IPv4, Hook: Forward}
	b := skb.From(c, []byte("x"))
	if !p.Run(c, b, st) || !slices.Equal(ran, []string{"a", "b", "c"}) {
		t.Errorf("ran %v", ran)
	}
	removeC()
	add("drop", 50, Drop)
	add("never", 60, Accept)
	ran = nil
	if p.Run(c, b, st) || !slices.Equal(ran, []string{"a", "b", "drop"}) {
		t.Errorf("ran %v", ran)
	}
}

func TestAStolenPacketResumesBehindTheThief(t *testing.T) {
	n, c := setUp(t)
	p := PointsOf(n)
	var ran []string
	cont := p.Continue(func(c *kern.CPU, b *skb.Buff, st State) { ran = append(ran, "okfn"); b.Consume(c) })
	var kept State
	p.Add(&Hook{Family: IPv4, Num: LocalIn, Name: "queue", Fn: func(_ *kern.CPU, _ *skb.Buff, st State) Verdict {
		ran, kept = append(ran, "queue"), st
		return Stolen
	}})
	p.Add(&Hook{Family: IPv4, Num: LocalIn, Priority: 1, Name: "later", Fn: func(*kern.CPU, *skb.Buff, State) Verdict {
		ran = append(ran, "later")
		return Accept
	}})
	b := skb.From(c, []byte("x"))
	if p.Run(c, b, State{Net: n, Family: IPv4, Hook: LocalIn, Cont: cont}) {
		t.Fatal("a stolen packet went on")
	}
	p.Resume(c, b, kept)
	if !slices.Equal(ran, []string{"queue", "later", "okfn"}) {
		t.Errorf("ran %v", ran)
	}
}

func TestEmptyPoint(t *testing.T) {
	n, _ := setUp(t)
	p := PointsOf(n)
	if !p.Empty(IPv4, PreRouting) {
		t.Error("a new point is not empty")
	}
	remove := p.Add(&Hook{Family: IPv4, Num: PreRouting, Fn: func(*kern.CPU, *skb.Buff, State) Verdict { return Accept }})
	if p.Empty(IPv4, PreRouting) {
		t.Error("empty with a hook")
	}
	remove()
	if !p.Empty(IPv4, PreRouting) {
		t.Error("not empty after its hook went")
	}
}

func TestHooksDoNotAllocate(t *testing.T) {
	n, c := setUp(t)
	p := PointsOf(n)
	p.Add(&Hook{Family: IPv4, Num: Forward, Fn: func(*kern.CPU, *skb.Buff, State) Verdict { return Accept }})
	b := skb.From(c, []byte("x"))
	if a := testing.AllocsPerRun(100, func() { p.Run(c, b, State{Net: n, Family: IPv4, Hook: Forward}) }); a != 0 {
		t.Errorf("%v allocations a hook", a)
	}
}

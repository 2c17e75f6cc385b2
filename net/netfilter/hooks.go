// Package netfilter holds the hook points of the data path. An empty point
// costs one load and one branch; what registers there runs in priority order.
//
// A traversal is data, never a Go call stack: a hook that keeps a packet
// (NFQUEUE) takes the Buff and the State, whose Next and Cont say where Resume
// goes on.
//
// Linux files: net/netfilter/core.c, include/linux/netfilter.h. Not done:
// ingress and egress hooks of devices; conntrack, NAT and the rule engines
// come in packages of their own.
package netfilter

import (
	"slices"
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
)

// A Family is a protocol family with hooks (NFPROTO_*).
type Family uint8

// The families.
const (
	IPv4   Family = 2
	ARP    Family = 3
	Bridge Family = 7
	IPv6   Family = 10

	numFamilies = 11
)

// A HookNum is a place on the path (NF_INET_*; NF_ARP_IN, OUT, FORWARD are 0, 1
// and 2).
type HookNum uint8

// The hooks of IPv4, IPv6 and the bridge.
const (
	PreRouting  HookNum = 0
	LocalIn     HookNum = 1
	Forward     HookNum = 2
	LocalOut    HookNum = 3
	PostRouting HookNum = 4

	numHooks = 5
)

// String returns the hook's name as nft spells it.
func (h HookNum) String() string {
	return [...]string{"prerouting", "input", "forward", "output", "postrouting"}[min(h, 4)]
}

// A Verdict is what a hook says of a packet.
type Verdict uint8

// The verdicts (NF_DROP and so on).
const (
	Drop   Verdict = 0 // the packet ends; the caller of the hook drops it
	Accept Verdict = 1 // the next hook sees it
	Stolen Verdict = 2 // the hook has taken the packet
	Repeat Verdict = 4 // the same hook sees it again
	Stop   Verdict = 5 // no further hook sees it
)

// State is where a packet stands. It is passed by value: a pointer through a
// function value would escape, an allocation a hook.
type State struct {
	Net     *netns.Net
	In, Out skb.Device // nil where there is none
	Sock    any        // the sending socket, or nil
	Family  Family
	Hook    HookNum
	Next    uint8        // index of the hook to go on with
	Cont    Continuation // what follows the last hook
}

// A Continuation names what follows a traversal; see Points.Continue.
type Continuation uint8

// A Hook is one function at one point.
type Hook struct {
	Family   Family
	Num      HookNum
	Priority int    // lower runs first (NF_IP_PRI_*)
	Name     string // for traces
	Fn       func(c *kern.CPU, b *skb.Buff, st State) Verdict
}

// Points is a namespace's hook points.
type Points struct {
	mu    sync.Mutex
	hooks [numFamilies][numHooks]atomic.Pointer[[]*Hook]
	conts []func(c *kern.CPU, b *skb.Buff, st State)
}

var key = netns.NewKey[Points]("netfilter")

// Pernet makes a namespace's hook points, all empty.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(*netns.Net) (*Points, error) {
		return &Points{conts: make([]func(*kern.CPU, *skb.Buff, State), 1)}, nil
	}, nil)
}

// PointsOf returns n's hook points.
func PointsOf(n *netns.Net) *Points { return key.Of(n) }

// Continue registers what follows a traversal and returns its name, for the
// layers that own hook points, at their init.
func (p *Points) Continue(f func(c *kern.CPU, b *skb.Buff, st State)) Continuation {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conts = append(p.conts, f)
	return Continuation(len(p.conts) - 1)
}

// Add registers h until remove is called.
func (p *Points) Add(h *Hook) (remove func()) {
	p.change(h, func(l []*Hook) []*Hook {
		at, _ := slices.BinarySearchFunc(l, h.Priority+1, func(o *Hook, pri int) int { return o.Priority - pri })
		return slices.Insert(l, at, h)
	})
	return func() {
		p.change(h, func(l []*Hook) []*Hook {
			return slices.DeleteFunc(l, func(o *Hook) bool { return o == h })
		})
	}
}

func (p *Points) change(h *Hook, f func([]*Hook) []*Hook) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := &p.hooks[h.Family][h.Num]
	var list []*Hook
	if old := at.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = f(list); len(list) == 0 {
		at.Store(nil)
		return
	}
	at.Store(&list)
}

// Empty reports whether nothing is registered at a point: the branch that the
// data path takes before it builds a State.
func (p *Points) Empty(f Family, h HookNum) bool { return p.hooks[f][h].Load() == nil }

// Hooks returns what is registered at a point, in order.
func (p *Points) Hooks(f Family, h HookNum) []*Hook {
	if l := p.hooks[f][h].Load(); l != nil {
		return *l
	}
	return nil
}

// Run passes b through the hooks of st's point, from st.Next on. It reports
// whether b goes on with the caller; otherwise b has been dropped or taken.
func (p *Points) Run(c *kern.CPU, b *skb.Buff, st State) bool {
	return p.Verdict(c, b, st) == Accept
}

// Verdict is Run for a caller who tells his own caller of a drop (EPERM): it
// returns Accept, b goes on; Drop, b was dropped; or Stolen, b was taken.
func (p *Points) Verdict(c *kern.CPU, b *skb.Buff, st State) Verdict {
	hooks := p.Hooks(st.Family, st.Hook)
	for int(st.Next) < len(hooks) {
		h := hooks[st.Next]
		st.Next++
		v := h.Fn(c, b, st)
		if v != Stolen && st.Net.Tracing.Load() {
			skb.Trace(c, st.Net, b, skb.Event{Point: skb.PointHook, Verdict: v.String(), By: st.Hook.String() + " hook " + h.Name})
		}
		switch v {
		case Accept:
		case Stop:
			return Accept
		case Repeat:
			st.Next--
		case Stolen:
			return Stolen
		default:
			b.Drop(c, st.Net, skb.ReasonNetfilterDrop)
			return Drop
		}
	}
	return Accept
}

// Resume goes on with a packet that a hook had taken: the remaining hooks see
// it, then the point's continuation.
func (p *Points) Resume(c *kern.CPU, b *skb.Buff, st State) {
	if p.Run(c, b, st) {
		p.conts[st.Cont](c, b, st)
	}
}

// String returns the verdict in a word.
func (v Verdict) String() string {
	switch v {
	case Drop:
		return "drop"
	case Accept:
		return "accept"
	case Stolen:
		return "stolen"
	case Repeat:
		return "repeat"
	case Stop:
		return "stop"
	}
	return "unknown"
}

package dev

import (
	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
)

// A Merger joins received packets of a flow into super-packets (GRO). It runs
// on the CPU in front of Receive.
type Merger interface {
	// Merge is given each frame of a device with FeatGRO. It reports whether
	// it has taken b.
	Merge(c *kern.CPU, b *skb.Buff) bool
	// Flush ends a poll: what is held goes to Receive now.
	Flush(c *kern.CPU)
}

// mergerBox holds a Merger behind an atomic pointer.
type mergerBox struct{ m Merger }

// SetMerger makes m merge the packets of n's devices that have FeatGRO; nil
// ends that.
func SetMerger(n *netns.Net, m Merger) {
	if m == nil {
		stateOf(n).merger.Store(nil)
		return
	}
	stateOf(n).merger.Store(&mergerBox{m})
}

// input takes b from the backlog to its Merger or straight up.
func (s *softnet) input(c *kern.CPU, b *skb.Buff) {
	d := Of(b)
	box := d.home.Load().merger.Load()
	if box == nil || d.Features()&FeatGRO == 0 {
		Receive(c, b)
		return
	}
	s.touch(box.m)
	if !box.m.Merge(c, b) {
		Receive(c, b)
	}
}

// touch remembers that m may hold packets.
func (s *softnet) touch(m Merger) {
	for _, o := range s.mergers {
		if o == m {
			return
		}
	}
	s.mergers = append(s.mergers, m)
}

// flush ends a poll for the Mergers that took part.
func (s *softnet) flush(c *kern.CPU) {
	for i, m := range s.mergers {
		s.mergers[i] = nil
		m.Flush(c)
	}
	s.mergers = s.mergers[:0]
}

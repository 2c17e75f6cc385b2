package dev

import (
	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
)

// softnet is what a CPU holds for this package (struct softnet_data).
type softnet struct {
	napi  kern.NAPI
	queue []*skb.Buff // the backlog, from head on
	head  int
	depth int // nested transmissions

	gro *gro // made by the first device that has it

	processed uint64
	dropped   uint64
}

var softnetKey = kern.NewCPUKey[softnet]()

func softnetOf(c *kern.CPU) *softnet {
	if s := softnetKey.Of(c); s != nil {
		return s
	}
	s := new(softnet)
	s.napi.Poll = s.poll
	softnetKey.Set(c, s)
	return s
}

// Rx hands b, received by d, to the backlog of c (netif_rx) and reports
// whether it took it. The driver has called ethernet.TypeTrans or what its
// link has instead: b's data begins behind the link header, its Mac header,
// Protocol and PktType are set. A full backlog (net.core.netdev_max_backlog)
// drops it.
func Rx(c *kern.CPU, d *Device, b *skb.Buff) bool {
	b.Dev = d
	if !d.Running() {
		d.Stats.At(c).RxDropped++
		b.Drop(c, d.Net(), skb.ReasonDevReady)
		return false
	}
	if b.Tstamp == 0 {
		b.Tstamp = c.Now()
	}
	if d.rps.Load() != nil && d.steer(c, b) {
		return true
	}
	s := softnetOf(c)
	if len(s.queue)-s.head >= d.home.Load().maxBacklog() {
		s.dropped++
		d.Stats.At(c).RxDropped++
		b.Drop(c, d.Net(), skb.ReasonCpuBacklog)
		return false
	}
	s.push(b)
	c.Schedule(&s.napi)
	return true
}

// push appends b. A full array whose front half is free is emptied to the
// front instead of grown.
func (s *softnet) push(b *skb.Buff) {
	if len(s.queue) == cap(s.queue) && s.head > len(s.queue)/2 {
		n := copy(s.queue, s.queue[s.head:])
		clear(s.queue[n:])
		s.queue, s.head = s.queue[:n], 0
	}
	s.queue = append(s.queue, b)
}

// poll processes up to budget frames of the backlog (process_backlog).
func (s *softnet) poll(c *kern.CPU, budget int) int {
	done := 0
	for done < budget && s.head < len(s.queue) {
		b := s.queue[s.head]
		s.queue[s.head] = nil
		if s.head++; s.head == len(s.queue) {
			s.queue, s.head = s.queue[:0], 0
		}
		done++
		s.processed++
		s.input(c, b)
	}
	if s.gro != nil && s.gro.n > 0 && s.head == len(s.queue) {
		s.gro.flush(c)
	}
	return done
}

// flushBacklog drops the frames of a device that was closed for good
// (flush_backlog). The caller holds c.
func flushBacklog(c *kern.CPU, d *Device) {
	s := softnetOf(c)
	inboxesOf(d.k).all[c.ID()].flush(c, d)
	if s.gro != nil && s.gro.n > 0 {
		s.gro.flush(c)
	}
	left := s.queue[:s.head]
	for _, b := range s.queue[s.head:] {
		if Of(b) == d {
			b.Drop(c, d.Net(), skb.ReasonDevReady)
			continue
		}
		left = append(left, b)
	}
	clear(s.queue[len(left):])
	s.queue = left
}

// isVLAN reports whether t announces a VLAN tag.
func isVLAN(t uint16) bool { return t == uapi.ETH_P_8021Q || t == uapi.ETH_P_8021AD }

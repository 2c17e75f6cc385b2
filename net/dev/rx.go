package dev

import (
	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
)

// DefaultBacklog is how many frames wait for a CPU at most
// (net.core.netdev_max_backlog).
const DefaultBacklog = 1000

// softnet is what a CPU holds for this package (struct softnet_data).
type softnet struct {
	napi  kern.NAPI
	queue []*skb.Buff // the backlog, from head on
	head  int
	depth int // nested transmissions

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

// Rx hands b, received by d, to the backlog of c (netif_rx). The driver has
// called ethernet.TypeTrans or what its link has instead: b's data begins
// behind the link header, its Mac header, Protocol and PktType are set. A full
// backlog drops it.
func Rx(c *kern.CPU, d *Device, b *skb.Buff) bool {
	b.Dev = d
	s := softnetOf(c)
	if len(s.queue)-s.head >= DefaultBacklog {
		s.dropped++
		d.Stats.At(c).RxDropped++
		b.Drop(c, d.Net(), skb.ReasonCpuBacklog)
		return false
	}
	s.push(b)
	c.Schedule(&s.napi)
	return true
}

// push appends b, moving the queue to its array's front when that is full.
func (s *softnet) push(b *skb.Buff) {
	if s.head > 0 && len(s.queue) == cap(s.queue) {
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
		Receive(c, b)
	}
	return done
}

// An RxResult is what a handler made of a frame (rx_handler_result_t).
type RxResult uint8

// The results.
const (
	RxConsumed RxResult = iota // the handler has taken it
	RxAnother                  // b.Dev has changed: another round
	RxExact                    // only packet types of its device may have it
	RxPass                     // as if there were no handler
)

// An RxHandler takes the frames of a port to its master (rx_handler_func_t).
type RxHandler func(c *kern.CPU, b *skb.Buff) RxResult

// A Classifier decides about frames that enter or leave a device, before the
// protocols or before the queueing discipline (tc, netfilter's ingress and
// egress). It reports whether the frame goes on; otherwise it has taken or
// dropped it.
type Classifier func(c *kern.CPU, d *Device, b *skb.Buff) bool

// SetIngress makes f see each frame that d receives, behind the taps; nil
// ends that.
func (d *Device) SetIngress(f Classifier) { storeFunc(&d.ingress, f, f == nil) }

// SetEgress makes f see each packet that is to be sent by d; nil ends that.
func (d *Device) SetEgress(f Classifier) { storeFunc(&d.egress, f, f == nil) }

// Receive takes b up the stack (__netif_receive_skb_core): it is where polling
// drivers and the backlog deliver. It owns b.
func Receive(c *kern.CPU, b *skb.Buff) {
	d := Of(b)
	if d.state.Load()&stateRunning == 0 {
		b.Drop(c, d.Net(), skb.ReasonDevReady)
		return
	}
	_ = uapi.ETH_P_ALL
	b.Drop(c, d.Net(), skb.ReasonUnhandledProto)
}

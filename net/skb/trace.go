package skb

import (
	"slices"
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/net/netns"
)

// A Point names a place where the stack decides about a packet.
type Point string

// The trace points.
const (
	PointDevRx    Point = "dev_rx"     // a device received a frame
	PointDevTx    Point = "dev_tx"     // a frame goes to a device
	PointHook     Point = "hook"       // a netfilter hook gave its verdict
	PointRule     Point = "rule"       // a policy rule chose a table
	PointRoute    Point = "route"      // the FIB chose a route
	PointRPFilter Point = "rp_filter"  // the reverse path was looked at
	PointForward  Point = "forward"    // forwarding was decided
	PointDeliver  Point = "deliver"    // it goes to this host
	PointNeigh    Point = "neigh"      // the neighbour's state
	PointFragment Point = "fragment"   // it was cut into fragments
	PointReasm    Point = "reassemble" // fragments became a packet
	PointBridge   Point = "bridge"     // a bridge chose ports
	PointSocket   Point = "socket"     // a socket took it
	PointICMP     Point = "icmp"       // an ICMP message was made or refused
	PointLink     Point = "link"       // an impaired link's choice
)

// An Event is what a trace point reports. It is made only while n.Tracing.
type Event struct {
	Point   Point
	Device  string // where, if anywhere
	Verdict string // what was decided, in a word: "unicast", "accept", "REACHABLE"
	By      string // what decided it: a route, a rule, a neighbour, a sysctl with its value
	Detail  any    // the thing itself, for programs
}

// A Sink listens to a namespace. Its methods run on a CPU: they may not block,
// and they may not keep the Buff.
type Sink interface {
	// Trace is called at a trace point; b may be nil.
	Trace(c *kern.CPU, n *netns.Net, b *Buff, e Event)
	// Drop is called before a dropped packet ends.
	Drop(c *kern.CPU, n *netns.Net, b *Buff, r Reason)
}

// traces is a namespace's drop counters and its listeners.
type traces struct {
	mu    sync.Mutex
	sinks atomic.Pointer[[]Sink]
	drops kern.Local[[NumReasons]uint64]
}

var traceKey = netns.NewKey[traces]("trace")

// Pernet makes a namespace's drop counters and trace points. It stands first
// in the list: everything may drop.
func Pernet() netns.Subsys {
	return netns.Bind(traceKey, func(n *netns.Net) (*traces, error) {
		return &traces{drops: kern.NewLocal[[NumReasons]uint64](n.Kernel())}, nil
	}, nil)
}

// Observe makes s listen to n until cancel is called.
func Observe(n *netns.Net, s Sink) (cancel func()) {
	t := traceKey.Of(n)
	t.change(n, func(l []Sink) []Sink { return append(l, s) })
	return func() {
		t.change(n, func(l []Sink) []Sink {
			return slices.DeleteFunc(l, func(o Sink) bool { return o == s })
		})
	}
}

func (t *traces) change(n *netns.Net, f func([]Sink) []Sink) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Sink
	if p := t.sinks.Load(); p != nil {
		list = slices.Clone(*p)
	}
	list = f(list)
	t.sinks.Store(&list)
	n.Tracing.Store(len(list) > 0)
}

// Trace reports e to n's listeners. Callers look at n.Tracing first, so that
// making the Event costs nothing when nobody listens.
func Trace(c *kern.CPU, n *netns.Net, b *Buff, e Event) {
	if p := traceKey.Of(n).sinks.Load(); p != nil {
		for _, s := range *p {
			s.Trace(c, n, b, e)
		}
	}
}

// Drop ends b in n for the reason r: it is counted, reported and released
// (kfree_skb_reason).
func (b *Buff) Drop(c *kern.CPU, n *netns.Net, r Reason) {
	t := traceKey.Of(n)
	t.drops.At(c)[r]++
	if n.Tracing.Load() {
		if p := t.sinks.Load(); p != nil {
			for _, s := range *p {
				s.Drop(c, n, b, r)
			}
		}
	}
	b.release(c)
}

// Drops returns how many packets n dropped, by reason. The caller is on no
// CPU.
func Drops(n *netns.Net) (by [NumReasons]uint64) {
	t := traceKey.Of(n)
	n.Kernel().Each(func(c *kern.CPU) {
		for r, v := range t.drops.At(c) {
			by[r] += v
		}
	})
	return by
}

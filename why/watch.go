package why

import (
	"context"
	"sync"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/wire"
)

// queueLen is how many events wait for a slow reader before the newest are
// lost.
const queueLen = 4096

// A Watcher collects what happens in some nodes, from NewWatcher on.
type Watcher struct {
	scope
	filter Filter
	hist   *History
	cancel []func()
	ready  chan struct{} // one token: there are events

	mu    sync.Mutex // guards what follows; taken on CPUs, held briefly
	queue []Event
	lost  uint64
	ids   flowIDs
	done  bool
}

// sink is the Watcher's ear in one node.
type sink struct {
	w    *Watcher
	node Node
}

// NewWatcher listens to nodes until Close. hist, which may be nil, says who
// set what decided.
func NewWatcher(nodes []Node, filter Filter, hist *History) *Watcher {
	w := &Watcher{scope: scope{nodes}, filter: filter, hist: hist, ready: make(chan struct{}, 1)}
	for _, n := range nodes {
		w.cancel = append(w.cancel, skb.Observe(n.Net, &sink{w, n}))
	}
	return w
}

// Watch calls out with each event of nodes that filter takes, on the caller's
// goroutine, until ctx is done. It returns how many events were lost because
// out was too slow.
func Watch(ctx context.Context, nodes []Node, filter Filter, out func(Event)) (lost uint64) {
	w := NewWatcher(nodes, filter, nil)
	defer w.Close()
	w.Run(ctx, out)
	return w.Lost()
}

// Run calls out with each event until ctx is done or the Watcher closed, and
// then with those that are left.
func (w *Watcher) Run(ctx context.Context, out func(Event)) {
	for {
		for _, e := range w.Take() {
			out(e)
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			for _, e := range w.Take() {
				out(e)
			}
			return
		}
		if w.closed() {
			return
		}
	}
}

// Take returns the events so far and forgets them.
func (w *Watcher) Take() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.queue
	w.queue = nil
	return q
}

// Lost returns how many events found the queue full.
func (w *Watcher) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

func (w *Watcher) closed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done && len(w.queue) == 0
}

// Close stops listening. It may be called again.
func (w *Watcher) Close() {
	for _, f := range w.cancel {
		f()
	}
	w.mu.Lock()
	w.done = true
	w.mu.Unlock()
	w.wake()
}

func (w *Watcher) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// Trace takes a decision (skb.Sink).
func (s *sink) Trace(c *kern.CPU, n *netns.Net, b *skb.Buff, t skb.Event) {
	e := Event{Node: s.node.Name, Device: t.Device, Kind: KindStep, Point: t.Point, Verdict: t.Verdict, By: t.By}
	s.put(c, n, b, e)
}

// Drop takes a packet's end (skb.Sink).
func (s *sink) Drop(c *kern.CPU, n *netns.Net, b *skb.Buff, r skb.Reason) {
	e := Event{Node: s.node.Name, Kind: KindDrop, Reason: r.String(), Explain: r.Explain()}
	if b.Dev != nil {
		e.Device = b.Dev.Name()
	}
	ca := s.causeOf(b, r)
	e.By, e.Change = ca.by, ca.change
	s.put(c, n, b, e)
}

// put completes e and queues it, if it is wanted and fits.
func (s *sink) put(c *kern.CPU, n *netns.Net, b *skb.Buff, e Event) {
	w := s.w
	e.Packet = packetOf(b)
	w.mu.Lock()
	w.ids.of(b, &e)
	w.mu.Unlock()
	if !w.filter.Match(&e) {
		return
	}
	e.Time = n.Kernel().Wall(c.Now())
	e.SetBy = w.hist.setBy(s.node.Name, e.By)
	w.mu.Lock()
	if w.done || len(w.queue) >= queueLen {
		w.lost++
	} else {
		w.queue = append(w.queue, e)
	}
	w.mu.Unlock()
	w.wake()
}

// flowIDs numbers packets. A Buff is no packet: it is recycled, cloned, cut
// and copied. So a packet is known by what does not change on its way; a
// second packet that looks just the same is told apart when it is where the
// first one began, or has more hops to live.
type flowIDs struct {
	last  uint64
	known map[flowKey]*flowID
}

// flowKey is what stays the same on a packet's way.
type flowKey struct {
	proto    uint16
	src, dst uint32
	id       uint16
	head     uint64 // the first 8 bytes of the transport: ports, ICMP id and sequence
}

type flowID struct {
	id    uint64
	ttl   uint8
	first startPoint
	hook  string // the last that saw it
}

type startPoint struct {
	node, device string
	kind         Kind
	point        skb.Point
}

// maxFlows bounds what is remembered.
const maxFlows = 1024

// of gives e the number of b, 0 for none, and a drop by a hook the hook's
// name.
func (f *flowIDs) of(b *skb.Buff, e *Event) {
	if b == nil {
		return
	}
	k, ttl, ok := keyOf(b)
	if !ok {
		return
	}
	start := startPoint{e.Node, e.Device, e.Kind, e.Point}
	known := f.known[k]
	if known == nil || ttl > known.ttl || start == known.first {
		if f.known == nil || len(f.known) >= maxFlows {
			f.known = make(map[flowKey]*flowID)
		}
		f.last++
		known = &flowID{id: f.last, first: start}
		f.known[k] = known
	}
	known.ttl = ttl
	e.ID = known.id
	if e.Point == skb.PointHook {
		known.hook = e.By
	}
	if e.Reason == skb.ReasonNetfilterDrop.String() && known.hook != "" {
		e.By = known.hook
	}
}

// keyOf reads what identifies b.
func keyOf(b *skb.Buff) (k flowKey, ttl uint8, ok bool) {
	var buf [wire.IPv4HdrLen + 48]byte
	if b.Network() == nil {
		return k, 0, false
	}
	p := buf[:copyFrom(b, b.NetworkOff(), buf[:])]
	k.proto = b.Protocol
	if a, ok := wire.AsARPEth(p); ok && b.Protocol == wire.EtherTypeARP {
		k.src, k.dst, k.id = a.Saddr(), a.Daddr(), a.Op()
		return k, 0, true
	}
	h, ok := wire.AsIPv4(p)
	if !ok || h.Version() != 4 {
		return k, 0, false
	}
	k.src, k.dst, k.id = h.Saddr(), h.Daddr(), h.ID()
	if h.Offset() != 0 || h.IHL() < wire.IPv4HdrLen {
		return k, h.TTL(), true
	}
	for _, v := range p[min(h.IHL(), len(p)):min(h.IHL()+8, len(p))] {
		k.head = k.head<<8 | uint64(v)
	}
	return k, h.TTL(), true
}

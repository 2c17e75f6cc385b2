package why

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
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
	if f, ok := t.Detail.(ipv4.Flow); ok && b == nil { // routing decides before there is a packet
		e.Packet = packetOfFlow(&f)
		if t.Point == skb.PointRoute && t.Verdict == "unreachable" {
			s.refused(&e, f)
		}
	}
	s.put(c, n, b, e)
}

// refused makes e, a route that was not found, the refusal of a send.
func (s *sink) refused(e *Event, fl ipv4.Flow) {
	f := facts{
		scope: s.w.scope, node: s.node, src: fl.Saddr, dst: fl.Daddr, proto: fl.Proto, ether: uapi.ETH_P_IP,
		sport: fl.SPort, dport: fl.DPort, tos: fl.TOS, mark: fl.Mark,
	}
	l := ipv4.ExplainOutput(s.node.Net, &fl)
	if l.Err == 0 {
		return
	}
	r := refusalOf(&l)
	ca := f.explain(r)
	*e = Event{
		Node: e.Node, Kind: KindRefuse, Reason: r.String(), Explain: r.Explain(), By: ca.by, Change: ca.change,
		Answer: "the sender gets " + l.Err.Error(), Packet: e.Packet,
	}
}

// refusalOf says why a lookup refuses a packet of our own.
func refusalOf(l *ipv4.Lookup) skb.Reason {
	switch {
	case l.Err == errno.EHOSTUNREACH:
		return skb.ReasonIPUnreachable
	case l.Err == errno.EACCES:
		return skb.ReasonIPProhibit
	case l.Err == errno.EINVAL:
		return skb.ReasonIPBlackhole
	case l.Err == errno.ENETUNREACH && len(l.Rules) > 0 && l.Rules[len(l.Rules)-1].Decided:
		return skb.ReasonIPUnreachable
	}
	return skb.ReasonIPOutnoroutes
}

// packetOfFlow describes a packet that is still to be made.
func packetOfFlow(f *ipv4.Flow) *Packet {
	p := &Packet{Proto: protoName(f.Proto), Src: addr4(f.Saddr), Dst: addr4(f.Daddr)}
	if hasPorts(p) {
		p.SPort, p.DPort = f.SPort, f.DPort
		p.Text = fmt.Sprintf("IP %v.%d > %v.%d: %s", p.Src, p.SPort, p.Dst, p.DPort, strings.ToUpper(p.Proto))
		return p
	}
	p.Text = fmt.Sprintf("IP %v > %v: %s", p.Src, p.Dst, protoText(f.Proto))
	return p
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
	if b != nil {
		e.Packet = packetOf(b)
	}
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

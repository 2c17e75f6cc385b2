package kern

import (
	"cmp"
	"sync"
)

// A GateKey orders the calls that wait at the gate of a deterministic Kernel:
// by namespace, object (a socket, a link) and operation. The zero key is the
// timers'.
type GateKey struct{ Net, Object, Op uint64 }

func (a GateKey) compare(b GateKey) int {
	return cmp.Or(cmp.Compare(a.Net, b.Net), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Op, b.Op))
}

// A gate lets calls into a deterministic Kernel through one at a time: when
// everything waits, the one with the smallest key goes on. The runtime's
// choice of which goroutine runs first then no longer matters.
type gate struct {
	quiesce func()
	mu      sync.Mutex
	pending []*pass
	running bool
}

type pass struct {
	key GateKey
	ch  chan struct{}
}

func newGate(quiesce func()) *gate { return &gate{quiesce: quiesce} }

// Pass blocks until the call named by key may go on. Every call of a user
// goroutine into the Kernel passes here before it enters a CPU, and again when
// it returns from a wait. On a Kernel without Quiesce it returns at once. Two
// goroutines that pass with one key stay in the runtime's order.
func (k *Kernel) Pass(key GateKey) {
	g := k.gate
	if g == nil {
		return
	}
	p := &pass{key, make(chan struct{})}
	g.mu.Lock()
	g.pending = append(g.pending, p)
	if !g.running {
		g.running = true
		go g.run()
	}
	g.mu.Unlock()
	<-p.ch
}

// run lives while calls are pending.
func (g *gate) run() {
	for {
		g.quiesce()
		g.mu.Lock()
		if len(g.pending) == 0 {
			g.running = false
			g.mu.Unlock()
			return
		}
		least := 0
		for i, p := range g.pending {
			if p.key.compare(g.pending[least].key) < 0 {
				least = i
			}
		}
		p := g.pending[least]
		g.pending = append(g.pending[:least], g.pending[least+1:]...)
		g.mu.Unlock()
		close(p.ch)
	}
}

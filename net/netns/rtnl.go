package netns

import (
	"slices"
	"sync"
	"sync/atomic"
)

// rtnl is a namespace's RTNL: it serialises the control plane. Deferred
// functions run after it is released.
type rtnl struct {
	mu       sync.Mutex
	held     atomic.Bool
	deferred []func()
}

// Lock takes n's RTNL. The caller holds no CPU and no socket.
func (n *Net) Lock() {
	n.rtnl.mu.Lock()
	n.rtnl.held.Store(true)
}

// Unlock releases n's RTNL and then runs, on the same goroutine, what Defer
// collected, in order.
func (n *Net) Unlock() {
	for _, f := range n.release() {
		f()
	}
}

// release unlocks and hands the deferred functions out.
func (n *Net) release() []func() {
	deferred := n.rtnl.deferred
	n.rtnl.deferred = nil
	n.rtnl.held.Store(false)
	n.rtnl.mu.Unlock()
	return deferred
}

// Defer runs f once n's RTNL, which the caller holds, is released: work that
// must not run under it, such as waiting for a closed device's last packets.
func (n *Net) Defer(f func()) {
	n.MustHold()
	n.rtnl.deferred = append(n.rtnl.deferred, f)
}

// MustHold panics when nobody holds n's RTNL (ASSERT_RTNL).
func (n *Net) MustHold() {
	if !n.rtnl.held.Load() {
		panic("netns: RTNL not held")
	}
}

// LockAll takes the RTNLs of several namespaces, in the order of their IDs,
// each once, and returns the function that releases them. Nil entries are
// ignored.
func LockAll(nets ...*Net) (unlock func()) {
	nets = slices.DeleteFunc(slices.Clone(nets), func(n *Net) bool { return n == nil })
	slices.SortFunc(nets, func(a, b *Net) int { return int(int64(a.id) - int64(b.id)) })
	nets = slices.Compact(nets)
	for _, n := range nets {
		n.Lock()
	}
	return func() {
		var deferred []func()
		for _, n := range slices.Backward(nets) {
			deferred = append(deferred, n.release()...)
		}
		for _, f := range deferred {
			f()
		}
	}
}

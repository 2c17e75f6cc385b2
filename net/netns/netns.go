// Package netns is the network namespace: a [Net] is one host or router, built
// from an explicit list of subsystems, each with a typed slot.
//
// A package that keeps state per namespace declares a [Key] in a variable and
// a Pernet function that binds it to the functions that make and unmake the
// state:
//
//	var key = netns.NewKey[State]("tcp")
//
//	func Pernet() netns.Subsys { return netns.Bind(key, initNet, exitNet) }
//	func Of(n *netns.Net) *State { return key.Of(n) }
//
// New calls the inits in the order of the list and Close the exits backwards.
// No init() function registers anything; a test lists only what it needs.
//
// Linux files: net/core/net_namespace.c, include/net/net_namespace.h,
// include/net/netns/generic.h.
package netns

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"linen/kern"
)

// A Net is one network namespace.
type Net struct {
	k     *kern.Kernel
	id    uint64
	first *Net // that its machine began with; itself, unless it is a child
	by    *Net // the one whose process makes it, until New is done
	slots []any
	subs  []Subsys // initialised, in order
	dead  atomic.Bool

	// Tracing says that somebody listens to the trace points of this Net. Off,
	// a trace point costs this one load.
	Tracing atomic.Bool

	rtnl  rtnl
	peers peers
}

// A Subsys is one entry of the list a Net is built from; Bind makes it.
type Subsys struct {
	name  string
	index int
	init  func(*Net) (any, error)
	exit  func(*Net, any)
}

// Name returns the subsystem's name.
func (s Subsys) Name() string { return s.name }

// keyCount numbers the keys; it only grows, while packages initialise.
var keyCount atomic.Int32

// A Key names the slot that holds a *T in every Net.
type Key[T any] struct {
	index int
	name  string
}

// NewKey returns a new Key. It belongs in a package-level variable.
func NewKey[T any](name string) Key[T] {
	return Key[T]{int(keyCount.Add(1)) - 1, name}
}

// Of returns n's value, or nil when n was built without the subsystem.
func (k Key[T]) Of(n *Net) *T {
	if k.index >= len(n.slots) {
		return nil
	}
	v, _ := n.slots[k.index].(*T)
	return v
}

// Bind makes the entry of a Net's list that fills k's slot with what init
// returns and gives it to exit, which may be nil, when the Net closes.
func Bind[T any](k Key[T], init func(*Net) (*T, error), exit func(*Net, *T)) Subsys {
	s := Subsys{name: k.name, index: k.index}
	s.init = func(n *Net) (any, error) { return init(n) }
	if exit != nil {
		s.exit = func(n *Net, v any) { exit(n, v.(*T)) }
	}
	return s
}

// kernelNets is the Kernel's table of namespaces.
type kernelNets struct {
	mu   sync.Mutex
	last uint64
	nets map[uint64]*Net
}

var kernelKey = kern.NewKey[kernelNets]()

func netsOf(k *kern.Kernel) *kernelNets {
	return kernelKey.Of(k, func(*kern.Kernel) *kernelNets {
		return &kernelNets{nets: make(map[uint64]*Net)}
	})
}

// New builds the first namespace of a machine on k from subs, in order
// (init_net). When an init fails, those before it are undone and its error is
// returned.
func New(k *kern.Kernel, subs ...Subsys) (*Net, error) {
	n := &Net{k: k, slots: make([]any, keyCount.Load())}
	n.first = n
	return n.build(subs)
}

// NewChild builds a further namespace of the machine that parent is one of, as
// unshare(CLONE_NEWNET) of a process of parent does. What a machine has once is
// the first namespace's; see [Net.First]. Errors are New's.
func NewChild(parent *Net, subs ...Subsys) (*Net, error) {
	n := &Net{k: parent.k, slots: make([]any, keyCount.Load()), first: parent.first, by: parent}
	return n.build(subs)
}

// build makes what is in a namespace.
func (n *Net) build(subs []Subsys) (*Net, error) {
	k := n.k
	all := netsOf(k)
	all.mu.Lock()
	all.last++
	n.id = all.last
	all.nets[n.id] = n
	all.mu.Unlock()
	for _, s := range subs {
		v, err := s.init(n)
		if err != nil {
			n.Close()
			return nil, fmt.Errorf("netns: %s: %w", s.name, err)
		}
		n.slots[s.index] = v
		n.subs = append(n.subs, s)
	}
	n.by = nil
	return n, nil
}

// Close ends the namespace: the subsystems' exits run in reverse order. The
// caller holds neither an RTNL nor a CPU. Close may be called again.
func (n *Net) Close() {
	if n.dead.Swap(true) {
		return
	}
	for _, s := range slices.Backward(n.subs) {
		if s.exit != nil {
			s.exit(n, n.slots[s.index])
		}
	}
	n.k.Flush()       // work that the exits queued
	n.k.Synchronize() // packets that still saw the namespace
	n.forgetPeers()
	all := netsOf(n.k)
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.nets, n.id)
}

// Closing reports whether Close has begun.
func (n *Net) Closing() bool { return n.dead.Load() }

// First returns the namespace that n's machine began with: init_net of a kernel
// of its own. It is n itself unless NewChild made n, and may be closed.
func (n *Net) First() *Net { return n.first }

// Maker returns, while n is being built by NewChild, the namespace of the process
// that makes it; else nil.
func (n *Net) Maker() *Net { return n.by }

// Kernel returns the Kernel that n lives on.
func (n *Net) Kernel() *kern.Kernel { return n.k }

// ID returns n's number, from 1, unique in its Kernel and never used again. It
// orders the locks of two namespaces and is the namespace's cookie
// (SO_NETNS_COOKIE).
func (n *Net) ID() uint64 { return n.id }

// All returns the namespaces of k in the order of their IDs.
func All(k *kern.Kernel) []*Net {
	all := netsOf(k)
	all.mu.Lock()
	defer all.mu.Unlock()
	nets := make([]*Net, 0, len(all.nets))
	for _, n := range all.nets {
		nets = append(nets, n)
	}
	slices.SortFunc(nets, func(a, b *Net) int { return int(int64(a.id) - int64(b.id)) })
	return nets
}

package dev

import (
	"slices"
	"sync"
	"sync/atomic"

	"linen/net/netns"
	"linen/net/rtnl"
	"linen/net/sysctl"
)

// state is what a namespace holds for this package.
type state struct {
	n     *netns.Net
	chain Chain
	ifx   table

	taps, ptypes ptypeList
	ptMu         sync.Mutex // changes of taps and ptypes, also of the devices'

	udpGRO       atomic.Pointer[UDPFinder]
	kinds        rtnl.Kinds[*Device]
	afs          rtnl.AFs[*Device]
	defaultQueue func(d *Device) Queue // of a device that queues, or nil
	backlog      *sysctl.Int           // net.core.netdev_max_backlog
	loads        []autoloader          // fixed once the namespace is made
}

// table is a namespace's devices. Its lock is held for moments only, so that
// code on a CPU may look up too.
type table struct {
	mu      sync.RWMutex
	byIndex map[int]*Device
	byName  map[string]*Device // names and alternative names
	list    []*Device          // by index; replaced, never changed
	stale   bool               // list has to be made again
	last    int                // the last index given
}

var stateKey = netns.NewKey[state]("dev")

// maxBacklog returns how many frames wait for a CPU at most.
func (s *state) maxBacklog() int { return int(s.backlog.Load()) }

func stateOf(n *netns.Net) *state { return stateKey.Of(n) }

// ByIndex returns n's device number i, or nil.
func ByIndex(n *netns.Net, i int) *Device {
	t := &stateOf(n).ifx
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byIndex[i]
}

// ByName returns n's device with the name or alternative name s, or nil.
func ByName(n *netns.Net, s string) *Device {
	t := &stateOf(n).ifx
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byName[s]
}

// List returns n's devices by index; the caller does not change it.
func List(n *netns.Net) []*Device { return stateOf(n).ifx.all() }

func (t *table) all() []*Device {
	t.mu.RLock()
	list, stale := t.list, t.stale
	t.mu.RUnlock()
	if !stale {
		return list
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stale {
		t.list = make([]*Device, 0, len(t.byIndex))
		for _, d := range t.byIndex {
			t.list = append(t.list, d)
		}
		slices.SortFunc(t.list, func(a, b *Device) int { return a.Ifindex() - b.Ifindex() })
		t.stale = false
	}
	return t.list
}

// Loopback returns n's lo, or nil.
func Loopback(n *netns.Net) *Device {
	d := ByIndex(n, LoopbackIndex)
	if d == nil || !d.IsLoopback() {
		return nil
	}
	return d
}

// LoopbackIndex is the number of lo in every namespace.
const LoopbackIndex = 1

// maxIndex is the largest ifindex.
const maxIndex = 1<<31 - 1

// add puts d, whose name and index are set, into the table.
func (t *table) add(d *Device) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byIndex[d.Ifindex()] = d
	t.byName[d.Name()] = d
	for _, a := range d.AltNames() {
		t.byName[a] = d
	}
	t.stale = true
}

// remove takes d out of the table.
func (t *table) remove(d *Device) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byIndex, d.Ifindex())
	for _, s := range append([]string{d.Name()}, d.AltNames()...) {
		if t.byName[s] == d {
			delete(t.byName, s)
		}
	}
	t.stale = true
}

// rename moves d from one name to another; an empty one is none.
func (t *table) rename(d *Device, old, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old != "" && t.byName[old] == d {
		delete(t.byName, old)
	}
	if name != "" {
		t.byName[name] = d
	}
}

// reserve returns a free index: want, or when that is 0 the next one, which
// is not used again soon (dev_index_reserve). 0: want is taken.
func (t *table) reserve(want int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if want != 0 {
		if t.byIndex[want] != nil {
			return 0
		}
		return want
	}
	for {
		if t.last++; t.last >= maxIndex || t.last <= 0 {
			t.last = 1
		}
		if t.byIndex[t.last] == nil {
			return t.last
		}
	}
}

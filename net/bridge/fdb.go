package bridge

import (
	"sync"
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/wire"
)

// maxLearned bounds what a bridge learns: the kernel has no bound by default
// (fdb_max_learned 0), user space must.
const maxLearned = 1 << 16

// fdb is a bridge's forwarding database.
type fdb struct {
	mu      sync.RWMutex
	br      *bridge
	entries map[wire.MAC]*entry
	learned int
	timer   kern.Timer
	running bool
}

// entry is one station.
type entry struct {
	mac     wire.MAC
	port    atomic.Pointer[port] // nil: the bridge itself
	updated atomic.Int64         // ktime.T when last seen as a source
	used    atomic.Int64         // ktime.T when last looked up, coarsely
	local   bool                 // an address of the bridge or a port
	static  bool                 // set by an administrator
}

func (f *fdb) init(br *bridge) {
	f.br, f.entries = br, make(map[wire.MAC]*entry)
	f.timer.Init(br.dev.Kernel(), f.age)
}

// find returns the entry for a destination, or nil.
func (f *fdb) find(mac wire.MAC) *entry {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.entries[mac]
}

// learn notes that mac is behind p (br_fdb_update).
func (f *fdb) learn(c *kern.CPU, p *port, mac wire.MAC) {
	now := int64(c.Now())
	if e := f.find(mac); e != nil {
		if e.local {
			return // our own address as a source: a loop, or a liar
		}
		if !e.static && e.port.Load() != p {
			e.port.Store(p)
			f.announce(c, e, uapi.RTM_NEWNEIGH, nil)
		}
		e.updated.Store(now)
		return
	}
	f.mu.Lock()
	if f.entries[mac] != nil || f.learned >= maxLearned {
		f.mu.Unlock()
		return
	}
	e := &entry{mac: mac}
	e.port.Store(p)
	e.updated.Store(now)
	e.used.Store(now)
	f.entries[mac] = e
	f.learned++
	if f.learned == 1 && f.running {
		f.timer.Set(c.Now().Add(f.ageing()))
	}
	f.mu.Unlock()
	f.announce(c, e, uapi.RTM_NEWNEIGH, nil)
}

func (f *fdb) ageing() time.Duration { return max(time.Duration(f.br.ageing.Load()), time.Second) }

// age removes what was not seen for the ageing time (br_fdb_cleanup).
func (f *fdb) age(c *kern.CPU) {
	ageing := time.Duration(f.br.ageing.Load())
	next := c.Now().Add(f.ageing())
	var gone []*entry
	f.mu.Lock()
	for mac, e := range f.entries {
		if e.local || e.static {
			continue
		}
		due := ktime.T(e.updated.Load()).Add(ageing)
		if due <= c.Now() {
			delete(f.entries, mac)
			f.learned--
			gone = append(gone, e)
		} else {
			next = min(next, due)
		}
	}
	if f.learned > 0 && f.running {
		f.timer.Set(max(next, c.Now().Add(10*time.Millisecond)))
	}
	f.mu.Unlock()
	for _, e := range gone {
		f.announce(c, e, uapi.RTM_DELNEIGH, nil)
	}
}

// countLearned returns how many entries were learned.
func (f *fdb) countLearned() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.learned
}

func (f *fdb) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = true
	if f.learned > 0 {
		f.timer.Set(f.br.dev.Kernel().Now().Add(f.ageing()))
	}
}

func (f *fdb) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = false
	f.timer.Stop()
}

// close empties the database without a word.
func (f *fdb) close() {
	f.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.entries)
	f.learned = 0
}

// addLocal enters an address of the port p (nil: of the bridge).
func (f *fdb) addLocal(p *port, mac wire.MAC) {
	f.mu.Lock()
	old := f.entries[mac]
	if old != nil && old.local {
		f.mu.Unlock()
		return
	}
	if old != nil && !old.static {
		f.learned--
	}
	e := &entry{mac: mac, local: true, static: true}
	e.port.Store(p)
	f.entries[mac] = e
	f.mu.Unlock()
	f.announce(nil, e, uapi.RTM_NEWNEIGH, nil)
}

// dropLocal removes the local addresses of p (nil: of the bridge).
func (f *fdb) dropLocal(p *port) {
	f.drop(func(e *entry) bool { return e.local && e.port.Load() == p })
}

// moveLocal replaces a local address of p.
func (f *fdb) moveLocal(p *port, old, mac []byte) {
	f.drop(func(e *entry) bool { return e.local && e.port.Load() == p && len(old) == 6 && e.mac == wire.MAC(old) })
	f.addLocal(p, wire.MAC(mac))
}

// dropPort removes what was learned on p; all removes static and local
// entries too.
func (f *fdb) dropPort(p *port, all bool) {
	f.drop(func(e *entry) bool { return e.port.Load() == p && (all || !e.static) })
}

// flush removes everything that was learned.
func (f *fdb) flush() { f.drop(func(e *entry) bool { return !e.static }) }

// drop removes the entries that which chooses.
func (f *fdb) drop(which func(e *entry) bool) {
	var gone []*entry
	f.mu.Lock()
	for mac, e := range f.entries {
		if which(e) {
			delete(f.entries, mac)
			if !e.static {
				f.learned--
			}
			gone = append(gone, e)
		}
	}
	f.mu.Unlock()
	for _, e := range gone {
		f.announce(nil, e, uapi.RTM_DELNEIGH, nil)
	}
}

// announce tells RTNLGRP_NEIGH of an entry; c is nil off a CPU.
func (f *fdb) announce(c *kern.CPU, e *entry, typ uint16, r *netlink.Request) {
	n := f.br.dev.Net()
	if !rtnl.Listening(n, uapi.RTNLGRP_NEIGH, r) {
		return
	}
	m := netlink.NewMsg(typ, 0)
	f.fill(m, e, f.br.dev.Kernel().Now())
	if c != nil {
		rtnl.NotifyOn(c, n, uapi.RTNLGRP_NEIGH, m)
		return
	}
	rtnl.Notify(n, uapi.RTNLGRP_NEIGH, m, r)
}

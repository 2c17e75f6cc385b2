package neigh

import (
	"sync"
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// Ops is what a protocol gives its table.
type Ops struct {
	// Construct decides about a new entry: it sets nb.Type and, for an address
	// that needs no resolution, calls nb.Init. EINVAL refuses the key.
	Construct func(nb *Neigh) error
	// Solicit sends a solicitation; b is the oldest waiting packet or nil, and
	// stays the entry's. probes were sent before in this state.
	Solicit func(c *kern.CPU, nb *Neigh, b *skb.Buff, probes int)
	// Unreachable answers for a packet whose neighbour failed; b stays the
	// caller's.
	Unreachable func(c *kern.CPU, b *skb.Buff)
	// EvictNoCarrier says whether d's entries go when its carrier does; nil:
	// yes.
	EvictNoCarrier func(d *dev.Device) bool
	// MulticastKey says whether a key is a group: such entries are the first
	// to be collected.
	MulticastKey func(k *Key) bool
}

// Stats counts what /proc/net/stat/arp_cache shows.
type Stats struct {
	Allocs, Destroys, HashGrows, ResFailed, Lookups, Hits   atomic.Uint64
	RcvProbesMcast, RcvProbesUcast                          atomic.Uint64
	PeriodicGCRuns, ForcedGCRuns, UnresDiscards, TableFulls atomic.Uint64
}

// A Table is the neighbours of one family in one namespace.
type Table struct {
	Name      string // "arp_cache"
	Family    uint8  // AF_*
	KeyLen    int    // bytes of a key
	EtherType uint16 // of the packets that it sends
	Default   *Parms // of new devices
	Stats     Stats

	GCThresh1, GCThresh2, GCThresh3 atomic.Int32 // net.ipv4.neigh.default.gc_thresh*
	GCInterval                      atomic.Int64 // gc_interval, nanoseconds

	n      *netns.Net
	ops    Ops
	parms  dev.Key[Parms]
	notify atomic.Pointer[func(nb *Neigh, event uint16, port uint32)]
	watch  atomic.Pointer[[]func(c *kern.CPU, nb *Neigh)]
	hash   atomic.Pointer[hash]

	mu        sync.Mutex // guards the hash's changes and what follows
	entries   int
	gcEntries int
	lastFlush ktime.T
	lastDraw  ktime.T
	gc        kern.Timer
	closed    bool
}

// Defaults of the collection's thresholds (neigh.default.gc_*).
const (
	gcThresh1  = 128
	gcThresh2  = 512
	gcThresh3  = 1024
	gcInterval = 30 * time.Second
	drawEvery  = 300 * time.Second // reachable_time is drawn anew
	forcedAge  = 5 * time.Second   // entries younger than this survive a forced collection
)

func newTable(n *netns.Net, name string, family uint8, keyLen int, proto uint16, parms dev.Key[Parms]) *Table {
	t := &Table{Name: name, Family: family, KeyLen: keyLen, EtherType: proto, n: n, parms: parms}
	t.Default = new(Parms)
	for i, v := range parmDefaults {
		t.Default.values[i].Store(v)
	}
	now := n.Kernel().Now()
	t.Default.draw(n.Kernel(), now)
	t.lastDraw, t.lastFlush = now, now
	t.GCThresh1.Store(gcThresh1)
	t.GCThresh2.Store(gcThresh2)
	t.GCThresh3.Store(gcThresh3)
	t.GCInterval.Store(int64(gcInterval))
	t.hash.Store(newHash(minBuckets, n.Kernel().Uint32()|1))
	t.gc.Init(n.Kernel(), func(*kern.CPU) { n.Kernel().Queue(t.periodicGC) })
	return t
}

// SetOps gives the table its protocol, at the protocol's init.
func (t *Table) SetOps(o Ops) { t.ops = o }

// SetNotify installs who announces a change of an entry: event is RTM_NEWNEIGH
// or RTM_DELNEIGH, port the requester's netlink port or 0. It may be called on
// a CPU.
func (t *Table) SetNotify(f func(nb *Neigh, event uint16, port uint32)) { t.notify.Store(&f) }

// Net returns the table's namespace.
func (t *Table) Net() *netns.Net { return t.n }

// ParmsOf returns d's parameters, made from the defaults at first use.
func (t *Table) ParmsOf(d *dev.Device) *Parms {
	if p := t.parms.Of(d); p != nil {
		return p
	}
	return t.Default
}

// addParms gives a new device a copy of the defaults.
func (t *Table) addParms(d *dev.Device) {
	p := new(Parms)
	for i := range t.Default.values {
		p.values[i].Store(t.Default.values[i].Load())
	}
	p.draw(t.n.Kernel(), t.n.Kernel().Now())
	t.parms.Set(d, p)
}

func (t *Table) parmsList() (list []*Parms) {
	for _, d := range dev.List(t.n) {
		if p := t.parms.Of(d); p != nil {
			list = append(list, p)
		}
	}
	return list
}

// Lookup4 returns the neighbour addr on d, made when it is not there; nil when
// the table is full. c is the caller's CPU.
func (t *Table) Lookup4(c *kern.CPU, d *dev.Device, addr uint32) *Neigh {
	if nb := t.hash.Load().find4(d, addr); nb != nil {
		return nb
	}
	nb, _ := t.create(d, Key4(addr), 0, true)
	return nb
}

// Find returns the neighbour k on d, or nil.
func (t *Table) Find(d *dev.Device, k Key) *Neigh { return t.hash.Load().find(d, &k) }

// Create returns the neighbour k on d, made when it is not there
// (neigh_create). flags are NTF_* of a new entry. Errors: ENOBUFS the table is
// full, EINVAL the key cannot be a neighbour, ENODEV d is on its way out.
func (t *Table) Create(d *dev.Device, k Key, flags uint32, countGC bool) (*Neigh, error) {
	if nb := t.Find(d, k); nb != nil {
		return nb, nil
	}
	return t.create(d, k, flags, countGC)
}

func (t *Table) create(d *dev.Device, k Key, flags uint32, countGC bool) (*Neigh, error) {
	now := t.n.Kernel().Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if nb := t.hash.Load().find(d, &k); nb != nil {
		return nb, nil
	}
	if t.closed || !d.Registered() {
		return nil, errno.ENODEV
	}
	if countGC && !t.makeRoom(now) {
		t.Stats.TableFulls.Add(1)
		return nil, errno.ENOBUFS
	}
	nb := &Neigh{Table: t, Dev: d, Key: k, Parms: t.ParmsOf(d), counted: countGC, Type: uapi.RTN_UNICAST}
	nb.flags.Store(flags)
	nb.used.Store(int64(now))
	nb.updated.Store(int64(now))
	nb.timer.Init(t.n.Kernel(), nb.expire)
	if t.ops.Construct != nil {
		if err := t.ops.Construct(nb); err != nil {
			return nil, err
		}
	}
	// As if last confirmed long ago: it is not reachable by being made.
	nb.confirmed.Store(int64(now.Add(-2 * nb.Parms.Duration(BaseReachableTime))))
	t.add(nb)
	return nb, nil
}

// add puts nb into the table; t.mu is held.
func (t *Table) add(nb *Neigh) {
	h := t.hash.Load()
	if t.entries > len(h.buckets) {
		h = h.grown(t.n.Kernel().Uint32() | 1)
		t.hash.Store(h)
		t.Stats.HashGrows.Add(1)
	}
	h.insert(nb)
	t.Stats.Allocs.Add(1)
	t.entries++
	if nb.counted {
		t.gcEntries++
	}
	if t.entries == 1 {
		t.gc.Set(t.n.Kernel().Now().Add(t.gcEvery()))
	}
}

// gcEvery is half the base reachable time, as the kernel's periodic work.
func (t *Table) gcEvery() time.Duration {
	return max(t.Default.Duration(BaseReachableTime)/2, time.Second)
}

// Init sets a new entry's state and address, in Ops.Construct only.
func (nb *Neigh) Init(state uint16, ha []byte) {
	nb.state.Store(uint32(state))
	if ha != nil {
		nb.setAddr(ha)
	}
}

// Len returns the number of entries.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entries
}

// Each calls f with every entry until it returns false; entries that come and
// go meanwhile may be missed.
func (t *Table) Each(f func(nb *Neigh) bool) { t.hash.Load().each(f) }

// Remove takes nb out of the table (neigh_remove_one): its queue is dropped
// and RTM_DELNEIGH announced for port. It reports whether it was there.
func (t *Table) Remove(nb *Neigh, port uint32) bool {
	nb.mu.Lock()
	if nb.dead {
		nb.mu.Unlock()
		return false
	}
	queue := nb.kill()
	nb.mu.Unlock()
	t.mu.Lock()
	t.unlink(nb)
	t.mu.Unlock()
	t.release(queue, skb.ReasonNeighDead)
	t.announce(nb, uapi.RTM_DELNEIGH, port)
	return true
}

// kill marks nb dead and takes its queue; nb.mu is held.
func (nb *Neigh) kill() []*skb.Buff {
	nb.dead = true
	nb.timer.Stop()
	queue := nb.queue
	nb.queue, nb.queueBytes = nil, 0
	if nb.state.Load()&Valid == 0 {
		return queue
	}
	if nb.state.Load()&(uapi.NUD_NOARP|uapi.NUD_PERMANENT) == 0 {
		nb.hh.Store(nil)
	}
	return queue
}

// unlink takes nb out of the hash; t.mu is held.
func (t *Table) unlink(nb *Neigh) {
	t.hash.Load().remove(nb)
	t.Stats.Destroys.Add(1)
	t.entries--
	if nb.counted {
		t.gcEntries--
	}
	if t.entries == 0 {
		t.gc.Stop()
	}
}

// release drops queued packets from a goroutine that may hold the RTNL and is
// on no CPU, or leaves them to the collector when there are none.
func (t *Table) release(queue []*skb.Buff, r skb.Reason) {
	if len(queue) == 0 {
		return
	}
	t.n.Kernel().Queue(func() {
		c := t.n.Kernel().Enter(kern.Any)
		defer c.Exit()
		for _, b := range queue {
			b.Drop(c, t.n, r)
		}
	})
}

// announce tells the listeners of a change.
func (t *Table) announce(nb *Neigh, event uint16, port uint32) {
	if f := t.notify.Load(); f != nil {
		(*f)(nb, event, port)
	}
}

// Watch makes f told of every change of an entry's address or state
// (NETEVENT_NEIGH_UPDATE), at an init. f may be called on a CPU; c may be nil.
func (t *Table) Watch(f func(c *kern.CPU, nb *Neigh)) {
	var list []func(*kern.CPU, *Neigh)
	if p := t.watch.Load(); p != nil {
		list = append(list, *p...)
	}
	list = append(list, f)
	t.watch.Store(&list)
}

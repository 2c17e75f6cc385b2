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
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// Ops is what a protocol gives its table.
type Ops struct {
	// Construct decides about a new entry: it sets nb.Type and, for an address
	// that needs no resolution, calls nb.Init. It may change nb.Key: to zero
	// where the link has one neighbour only. EINVAL refuses the key.
	Construct func(nb *Neigh) error
	// Solicit sends a solicitation; b is the newest waiting packet or nil, and
	// stays the entry's. probes were sent before in this state.
	Solicit func(c *kern.CPU, nb *Neigh, b *skb.Buff, probes int)
	// Unreachable answers for a packet whose neighbour failed; b stays the
	// caller's.
	Unreachable func(c *kern.CPU, b *skb.Buff)
	// ProxyRedo processes, and owns, a request given to ProxyLater.
	ProxyRedo func(c *kern.CPU, b *skb.Buff)
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

	n     *netns.Net
	path  string       // of its sysctls
	vars  []sysctl.Var // of its parameters
	gcSet gcSettings
	ops   Ops
	parms dev.Key[Parms]
	watch atomic.Pointer[[]func(c *kern.CPU, nb *Neigh)]
	hash  atomic.Pointer[hash]
	proxy proxies

	mu        sync.Mutex // guards the hash's changes and what follows
	entries   int
	gcEntries int     // those that count against the thresholds
	lastFlush ktime.T // the last forced collection
	lastDraw  ktime.T
	vain      ktime.T // a forced collection freed nothing then
	managed   map[*Neigh]bool
	gc        kern.Timer
	manage    kern.Timer
	closed    bool
}

func newTable(n *netns.Net, name string, family uint8, keyLen int, proto uint16, parms dev.Key[Parms]) *Table {
	t := &Table{Name: name, Family: family, KeyLen: keyLen, EtherType: proto, n: n, parms: parms, path: "net/ipv4/neigh", vars: arpVars}
	t.initSysctl()
	now := n.Kernel().Now()
	t.lastDraw, t.lastFlush = now, now
	t.managed = make(map[*Neigh]bool)
	t.hash.Store(newHash(minBuckets, n.Kernel().Uint32()|1))
	t.gc.Init(n.Kernel(), func(*kern.CPU) { n.Kernel().Queue(t.periodicGC) })
	t.manage.Init(n.Kernel(), t.probeManaged)
	t.proxy.init(t)
	return t
}

// SetOps gives the table its protocol, at the protocol's init.
func (t *Table) SetOps(o Ops) { t.ops = o }

// Net returns the table's namespace.
func (t *Table) Net() *netns.Net { return t.n }

// Lookup4 returns the neighbour addr on d, made when it is not there; nil when
// the table is full. c is the caller's CPU.
func (t *Table) Lookup4(c *kern.CPU, d *dev.Device, addr uint32) *Neigh {
	if d.RawFlags()&(uapi.IFF_LOOPBACK|uapi.IFF_POINTOPOINT) != 0 {
		addr = 0 // there is nobody to choose from: all share one entry
	}
	if nb := t.hash.Load().find4(d, addr); nb != nil {
		return nb
	}
	nb, _ := t.create(c, d, Key4(addr), 0, false)
	return nb
}

// Find returns the neighbour k on d, or nil.
func (t *Table) Find(d *dev.Device, k Key) *Neigh {
	t.Stats.Lookups.Add(1)
	nb := t.hash.Load().find(d, &k)
	if nb != nil {
		t.Stats.Hits.Add(1)
	}
	return nb
}

// Create returns the neighbour k on d, made when it is not there
// (neigh_create). flags are NTF_* of a new entry; exempt ones are not counted
// against the thresholds. The caller is on no CPU. Errors: ENOBUFS the table
// is full, EINVAL the key cannot be a neighbour, ENODEV d is on its way out.
func (t *Table) Create(d *dev.Device, k Key, flags uint32, exempt bool) (*Neigh, error) {
	if nb := t.Find(d, k); nb != nil {
		return nb, nil
	}
	return t.create(nil, d, k, flags, exempt)
}

// create makes an entry; c may be nil for a caller on no CPU.
func (t *Table) create(c *kern.CPU, d *dev.Device, k Key, flags uint32, exempt bool) (*Neigh, error) {
	now := t.n.Kernel().Now()
	t.mu.Lock()
	if nb := t.hash.Load().find(d, &k); nb != nil {
		t.mu.Unlock()
		return nb, nil
	}
	var gone []buried
	fits := true
	if !exempt {
		fits, gone = t.makeRoom(now)
	}
	nb, err := (*Neigh)(nil), error(errno.ENODEV)
	switch {
	case !fits:
		t.Stats.TableFulls.Add(1)
		err = errno.ENOBUFS
	case !t.closed && d.Registered():
		nb, err = t.construct(now, d, k, flags, exempt)
	}
	t.mu.Unlock()
	t.bury(c, gone, 0)
	return nb, err
}

// construct makes an entry and puts it into the table; t.mu is held.
func (t *Table) construct(now ktime.T, d *dev.Device, k Key, flags uint32, exempt bool) (*Neigh, error) {
	nb := &Neigh{Table: t, Dev: d, Key: k, Parms: t.ParmsOf(d), counted: !exempt, Type: uapi.RTN_UNICAST}
	nb.flags.Store(flags)
	nb.used.Store(int64(now))
	nb.updated.Store(int64(now))
	nb.timer.Init(t.n.Kernel(), nb.expire)
	if t.ops.Construct != nil {
		if err := t.ops.Construct(nb); err != nil {
			return nil, err
		}
		if nb.Key != k {
			if o := t.hash.Load().find(d, &nb.Key); o != nil {
				return o, nil
			}
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
	nb.Parms.entries.Add(1)
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
// and RTM_DELNEIGH announced. It reports whether it was there. The caller is
// on no CPU.
func (t *Table) Remove(nb *Neigh) bool {
	t.mu.Lock()
	b, ok := t.evict(nb)
	t.mu.Unlock()
	if ok {
		t.bury(nil, []buried{b}, 0)
	}
	return ok
}

// buried is an entry that was taken out of the table, and its packets.
type buried struct {
	nb    *Neigh
	queue []*skb.Buff
}

// evict takes nb out of the table, unless it is gone; t.mu is held. The caller
// passes it to bury when it has released t.mu.
func (t *Table) evict(nb *Neigh) (buried, bool) {
	nb.mu.Lock()
	defer nb.mu.Unlock()
	if nb.dead {
		return buried{}, false
	}
	nb.dead = true
	nb.timer.Stop()
	b := buried{nb, nb.takeQueue()}
	t.hash.Load().remove(nb)
	delete(t.managed, nb)
	t.Stats.Destroys.Add(1)
	nb.Parms.entries.Add(-1)
	t.entries--
	if nb.counted {
		t.gcEntries--
	}
	if t.entries == 0 {
		t.gc.Stop()
	}
	return b, true
}

// takeQueue empties the queue; nb.mu is held.
func (nb *Neigh) takeQueue() []*skb.Buff {
	queue := nb.queue
	nb.queue, nb.queueBytes = nil, 0
	return queue
}

// bury drops the packets of entries that are gone and announces their end. c
// is the caller's CPU, or nil when it is on none.
func (t *Table) bury(c *kern.CPU, gone []buried, port uint32) {
	for _, b := range gone {
		if len(b.queue) > 0 {
			t.onCPU(c, func(c *kern.CPU) {
				for _, p := range b.queue {
					p.Drop(c, t.n, skb.ReasonNeighDead)
				}
			})
		}
		b.nb.announce(c, uapi.RTM_DELNEIGH, 0, port)
	}
}

// onCPU calls f on the CPU c, or on any when c is nil.
func (t *Table) onCPU(c *kern.CPU, f func(c *kern.CPU)) {
	if c == nil {
		c = t.n.Kernel().Enter(kern.Any)
		defer c.Exit()
	}
	f(c)
}

// recount makes nb count against the thresholds, or not, and be kept resolved,
// or not, by its state and flags (neigh_update_gc_list,
// neigh_update_managed_list).
func (t *Table) recount(nb *Neigh) {
	t.mu.Lock()
	defer t.mu.Unlock()
	nb.mu.Lock()
	defer nb.mu.Unlock()
	if nb.dead {
		return
	}
	if counts := !exempt(nb.State(), nb.Flags()); counts != nb.counted {
		nb.counted = counts
		t.gcEntries += map[bool]int{true: 1, false: -1}[counts]
	}
	if nb.Flags()&ntfManaged == 0 {
		delete(t.managed, nb)
		return
	}
	t.managed[nb] = true
	if len(t.managed) == 1 {
		t.manage.Set(t.n.Kernel().Now().Add(t.manageEvery()))
	}
}

// exempt reports whether an entry does not count against the thresholds.
func exempt(state uint16, flags uint32) bool {
	return state&uapi.NUD_PERMANENT != 0 || flags&(uapi.NTF_EXT_LEARNED|ntfValidated) != 0
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

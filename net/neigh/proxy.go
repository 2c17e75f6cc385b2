package neigh

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
)

// A Proxy is an address that this host answers for (struct pneigh_entry).
type Proxy struct {
	Table     *Table
	Dev       *dev.Device // by which requests come; nil: any
	Key       Key
	Flags     uint32 // NTF_*
	Protocol  uint8  // RTPROT_* of who made it
	permanent bool   // stays when the carrier goes
}

// IP returns the address.
func (p *Proxy) IP() netip.Addr { return p.Table.ipOf(p.Key) }

// proxyKey names a Proxy.
type proxyKey struct {
	d *dev.Device
	k Key
}

// proxies are a table's Proxies and the requests that wait for an answer.
type proxies struct {
	t     *Table
	mu    sync.RWMutex
	set   map[proxyKey]*Proxy
	timer kern.Timer
	queue []waiting // in no order
}

type waiting struct {
	at ktime.T
	b  *skb.Buff
}

func (x *proxies) init(t *Table) {
	x.t = t
	x.set = make(map[proxyKey]*Proxy)
	x.timer.Init(t.n.Kernel(), x.due)
}

// FindProxy returns the Proxy for k on d or on any device, or nil
// (pneigh_lookup).
func (t *Table) FindProxy(d *dev.Device, k Key) *Proxy {
	t.proxy.mu.RLock()
	defer t.proxy.mu.RUnlock()
	if p := t.proxy.set[proxyKey{d, k}]; p != nil {
		return p
	}
	return t.proxy.set[proxyKey{nil, k}]
}

// AddProxy makes this host answer for k on d (nil: on every device), or
// changes how; permanent ones stay when the carrier goes (pneigh_create).
func (t *Table) AddProxy(d *dev.Device, k Key, flags uint32, permanent bool, protocol uint8) {
	t.proxy.mu.Lock()
	defer t.proxy.mu.Unlock()
	at := proxyKey{d, k}
	if t.proxy.set[at] == nil && d != nil && t.proxy.set[proxyKey{nil, k}] != nil {
		at.d, d = nil, nil // the one for every device is meant
	}
	p := &Proxy{t, d, k, flags, protocol, permanent}
	if old := t.proxy.set[at]; old != nil && protocol == 0 {
		p.Protocol = old.Protocol
	}
	t.proxy.set[at] = p
}

// DropProxy ends a Proxy on exactly d and reports whether there was one
// (pneigh_delete).
func (t *Table) DropProxy(d *dev.Device, k Key) bool {
	t.proxy.mu.Lock()
	defer t.proxy.mu.Unlock()
	at := proxyKey{d, k}
	_, ok := t.proxy.set[at]
	delete(t.proxy.set, at)
	return ok
}

// Proxies returns the table's Proxies, by address and device.
func (t *Table) Proxies() []*Proxy {
	t.proxy.mu.RLock()
	list := make([]*Proxy, 0, len(t.proxy.set))
	for _, p := range t.proxy.set {
		list = append(list, p)
	}
	t.proxy.mu.RUnlock()
	slices.SortFunc(list, func(a, b *Proxy) int {
		if c := a.IP().Compare(b.IP()); c != 0 {
			return c
		}
		return a.ifindex() - b.ifindex()
	})
	return list
}

func (p *Proxy) ifindex() int {
	if p.Dev == nil {
		return 0
	}
	return p.Dev.Ifindex()
}

// dropDevice ends d's Proxies, with keep but for the permanent ones, and the
// requests that came by d and wait (pneigh_ifdown, pneigh_queue_purge).
func (x *proxies) dropDevice(d *dev.Device, keep bool) {
	x.mu.Lock()
	for at, p := range x.set {
		if (d == nil || p.Dev == d) && !(keep && p.permanent) {
			delete(x.set, at)
		}
	}
	var gone []*skb.Buff
	x.queue = slices.DeleteFunc(x.queue, func(w waiting) bool {
		mine := d == nil || dev.Of(w.b) == d
		if mine {
			gone = append(gone, w.b)
		}
		return mine
	})
	x.mu.Unlock()
	if len(gone) > 0 {
		x.t.onCPU(nil, func(c *kern.CPU) { x.drop(c, gone) })
	}
}

func (x *proxies) drop(c *kern.CPU, list []*skb.Buff) {
	for _, b := range list {
		b.Drop(c, x.t.n, skb.ReasonNeighDead)
	}
}

func (x *proxies) close() {
	x.dropDevice(nil, false)
	x.timer.Stop()
}

// ProxyLater keeps b, a request that this host answers for another, for a
// random time below proxy_delay, so that the other may answer itself; then
// Ops.ProxyRedo is given it. It owns b, and drops it when proxy_qlen others
// wait (pneigh_enqueue).
func (t *Table) ProxyLater(c *kern.CPU, p *Parms, b *skb.Buff) {
	x := &t.proxy
	delay := p.Duration(ProxyDelay)
	at := c.Now()
	if delay > 0 {
		at = at.Add(time.Duration(c.Uint64() % uint64(delay)))
	}
	x.mu.Lock()
	if len(x.queue) > p.Int(ProxyQlen) || t.n.Closing() {
		x.mu.Unlock()
		b.Drop(c, t.n, skb.ReasonNeighQueuefull)
		return
	}
	x.queue = append(x.queue, waiting{at, b})
	if e := x.timer.Expires(); e == 0 || at < e {
		x.timer.Set(at)
	}
	x.mu.Unlock()
}

// due processes the requests whose time has come (neigh_proxy_process).
func (x *proxies) due(c *kern.CPU) {
	var ready []waiting
	next := ktime.Never
	x.mu.Lock()
	x.queue = slices.DeleteFunc(x.queue, func(w waiting) bool {
		if w.at <= c.Now() {
			ready = append(ready, w)
			return true
		}
		next = min(next, w.at)
		return false
	})
	if next != ktime.Never {
		x.timer.Set(next)
	}
	x.mu.Unlock()
	for _, w := range ready {
		if x.t.ops.ProxyRedo == nil || dev.Of(w.b).Flags()&uapi.IFF_UP == 0 {
			w.b.Drop(c, x.t.n, skb.ReasonNeighDead)
			continue
		}
		x.t.ops.ProxyRedo(c, w.b)
	}
}

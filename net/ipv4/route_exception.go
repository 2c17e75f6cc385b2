package ipv4

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/jhash"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/l3mdev"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// toAddr returns a numeric address as a netip.Addr.
func toAddr(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, a)))
}

// Bounds of what is learned (RFC 1191 §6.3 asks for ten minutes).
const (
	exceptionBuckets = 2048              // FNHE_HASH_SIZE
	exceptionDepth   = 5                 // FNHE_RECLAIM_DEPTH
	redirectExpires  = 300 * time.Second // ip_rt_gc_timeout
)

// An exception is what was learned about one destination at a next hop: a
// path MTU, a better gateway (struct fib_nh_exception). It does not change: news
// put another in its place.
type exception struct {
	daddr    uint32
	pmtu     uint32
	locked   bool
	gw       uint32
	redirect bool
	expires  ktime.T
	made     ktime.T // the oldest makes room
	flushed  uint32  // the namespace's count of flushes when it was made

	in, out atomic.Pointer[Route] // that were made of it
}

// exceptions are those of one next hop. Few next hops have any.
type exceptions struct {
	mu      sync.Mutex
	seed    uint32
	buckets [exceptionBuckets][]*exception
}

// learnedFor returns what is known of daddr at the next hop, or nil.
func (nh *nextHop) learnedFor(daddr uint32, now ktime.T) *exception {
	t := nh.learned.Load()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.buckets[t.bucket(daddr)] {
		if e.daddr == daddr && now < e.expires && e.flushed == nh.info.st.flushes.Load() {
			return e
		}
	}
	return nil
}

func (t *exceptions) bucket(daddr uint32) uint32 {
	return jhash.Words1(daddr, t.seed) % exceptionBuckets
}

// apply puts what was learned into a route; a nil e changes nothing.
func (e *exception) apply(rt *Route) {
	if e == nil {
		return
	}
	rt.expires = e.expires
	if e.pmtu != 0 {
		rt.pmtu, rt.pmtuLock = min(e.pmtu, uint32(rt.Dev.MTU())), e.locked
	}
	if e.redirect {
		rt.redirect = true
		rt.Flags |= RTCFRedirected
		rt.GwFamily, rt.Gateway = uapi.AF_INET, e.gw
	}
}

// learn notes e at the next hop; the oldest of a full bucket goes.
func (st *state) learn(nh *nextHop, e *exception) {
	t := nh.learned.Load()
	if t == nil {
		t = &exceptions{seed: st.n.Kernel().Uint32()}
		if !nh.learned.CompareAndSwap(nil, t) {
			t = nh.learned.Load()
		}
	}
	e.flushed = st.flushes.Load()
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &t.buckets[t.bucket(e.daddr)]
	oldest := 0
	for i, o := range *l {
		if o.daddr == e.daddr && o.flushed == e.flushed {
			if e.pmtu == 0 {
				e.pmtu, e.locked = o.pmtu, o.locked
			}
			if !e.redirect {
				e.redirect, e.gw = o.redirect, o.gw
			}
			(*l)[i] = e
			return
		}
		if o.made < (*l)[oldest].made {
			oldest = i
		}
	}
	if len(*l) >= exceptionDepth {
		(*l)[oldest] = e
		return
	}
	*l = append(*l, e)
}

// follow moves the path MTUs that were learned at the next hop after its
// device's, which was old (RFC 1191 §6.3): none stays above it, and one that
// was the device's own is so again.
func (nh *nextHop) follow(old, mtu int) {
	t := nh.learned.Load()
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for b := range t.buckets {
		l := t.buckets[b]
		for i, e := range l {
			pmtu := int(e.pmtu)
			if pmtu == 0 || mtu > pmtu && (e.locked || pmtu != old) || mtu == pmtu && !e.locked {
				continue
			}
			l[i] = &exception{daddr: e.daddr, pmtu: uint32(mtu), gw: e.gw, redirect: e.redirect, expires: e.expires, made: e.made, flushed: e.flushed}
		}
	}
}

// followMTU does so at every next hop of d, routes' own and those of objects
// (fib_sync_mtu, nexthop_sync_mtu).
func (st *state) followMTU(d *dev.Device, old int) {
	follow := func(fi *info) {
		for _, nh := range fi.hops() {
			if nh.dev == d {
				nh.follow(old, d.MTU())
			}
		}
	}
	for fi := range st.infos.byDev[d] {
		follow(fi)
	}
	for _, o := range st.nexthops.byID {
		for _, fi := range o.routes {
			follow(fi)
		}
	}
}

// UpdatePMTU notes that packets to daddr by rt may have at most mtu bytes, for
// net.ipv4.route.mtu_expires (ip_rt_update_pmtu). Smaller than min_pmtu it is
// raised to that, and packets may then be fragmented on their way. Where the
// route has several next hops, each of them notes it: the sender's next packets
// may go by any.
func UpdatePMTU(c *kern.CPU, n *netns.Net, rt *Route, daddr uint32, mtu int) {
	st := of(n)
	if rt.nh == nil || mtu > rt.MTU() || rt.Metrics.Locked(uapi.RTAX_MTU) {
		return
	}
	now, life := st.now(c), ktime.T(st.set.mtuExpires.Duration())
	low := int(st.set.minPMTU.Load())
	if int(rt.pmtu) == mtu && mtu >= low && now < rt.expires-life/2 {
		return // it is known, and not about to be forgotten
	}
	e := &exception{daddr: daddr}
	if mtu < low {
		e.locked, mtu = true, min(rt.MTU(), low)
	}
	e.pmtu, e.made = uint32(mtu), now
	e.expires = now + life
	for _, nh := range rt.nh.info.hops() {
		if nh != rt.nh {
			other := &exception{daddr: daddr, locked: e.locked, pmtu: e.pmtu, made: now, expires: e.expires}
			st.learn(nh, other)
		}
	}
	st.learn(rt.nh, e)
}

// Redirect notes that packets to daddr by rt shall go to gateway instead
// (ip_do_redirect). The caller has checked the message; d is the device that it
// came in by.
func Redirect(c *kern.CPU, n *netns.Net, rt *Route, daddr, gateway uint32, d *dev.Device) {
	st := of(n)
	if rt.nh == nil || rt.nh.dev != d && (rt.nh.dev == nil || l3mdev.Master(rt.nh.dev) != d) {
		return
	}
	now := st.now(c)
	st.learn(rt.nh, &exception{
		daddr: daddr, redirect: true, gw: gateway, made: now, expires: now + ktime.T(redirectExpires),
	})
}

// traceRoute is the trace point of a chosen route; its Detail is the Flow.
func (res *result) traceRoute(f *Flow, typ uint8, d *dev.Device) skb.Event {
	e := skb.Event{Point: skb.PointRoute, Verdict: typeName(typ), By: "no route", Detail: *f}
	if d != nil {
		e.Device = d.Name()
		e.By = "on the link of " + e.Device
	}
	if res.alias != nil {
		e.By = res.text(f.Daddr) + " table " + fibrules.TableName(res.table.id)
	}
	return e
}

// traceRPF is the trace point of the reverse path filter.
func traceRPF(r sourceCheck, in *InDevice) skb.Event {
	e := skb.Event{Point: skb.PointRPFilter, Device: in.dev.Name(), Verdict: "accept"}
	e.By = in.Setting(ConfRPFilter)
	if r.reason != 0 {
		e.Verdict = "drop"
	}
	return e
}

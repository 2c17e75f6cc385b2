package mroute

import (
	"encoding/binary"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// Limits of what waits for an entry. The number of (S,G) that wait is bounded by
// the daemon's receive buffer: what it cannot be told of does not wait.
const (
	pendingTime    = 10 * time.Second
	pendingPackets = 4
)

// pending is the packets of one origin and group that wait for an entry.
type pending struct {
	origin, group uint32
	until         ktime.T
	packets       []*skb.Buff
	newer, older  *pending
}

// A queue is what waits for entries: found by origin and group, and in the order
// of its coming.
type queue struct {
	named          map[[2]uint32]*pending
	newest, oldest *pending
}

func (q *queue) add(p *pending) {
	if q.named == nil {
		q.named = make(map[[2]uint32]*pending)
	}
	q.named[[2]uint32{p.origin, p.group}] = p
	if p.older = q.newest; p.older != nil {
		p.older.newer = p
	} else {
		q.oldest = p
	}
	q.newest = p
}

func (q *queue) remove(p *pending) {
	delete(q.named, [2]uint32{p.origin, p.group})
	if p.newer != nil {
		p.newer.older = p.older
	} else {
		q.newest = p.older
	}
	if p.older != nil {
		p.older.newer = p.newer
	} else {
		q.oldest = p.newer
	}
	p.newer, p.older = nil, nil
}

// list returns all, the newest first.
func (q *queue) list() (all []*pending) {
	for p := q.newest; p != nil; p = p.older {
		all = append(all, p)
	}
	return all
}

// park lets a packet without entry wait, and asks the daemon once
// (ipmr_cache_unresolved). It owns b.
func (t *table) park(c *kern.CPU, b *skb.Buff, in int, saddr, daddr uint32) {
	t.mu.Lock()
	p := t.waitingFor(saddr, daddr)
	t.mu.Unlock()
	fresh := p == nil
	if fresh {
		if !t.upcall(c, b, in, uapi.IGMPMSG_NOCACHE) {
			b.Drop(c, t.st.n, skb.ReasonMcastNoDaemon)
			return
		}
		p = &pending{origin: saddr, group: daddr, until: c.Now().Add(pendingTime)}
	}
	b.Orphan(c)
	t.mu.Lock()
	if m := t.find(saddr, daddr, -1); m != nil { // it came in between
		t.mu.Unlock()
		t.forward(c, b, m, in)
		return
	}
	if fresh {
		t.waiting.add(p)
		if p.older == nil {
			t.expiry.Set(p.until)
		}
	}
	full := len(p.packets) >= pendingPackets
	if !full {
		p.packets = append(p.packets, b)
	}
	t.mu.Unlock()
	if full {
		b.Drop(c, t.st.n, skb.ReasonMcastQueue)
	}
	if fresh {
		t.notifyPending(c, uapi.RTM_NEWROUTE, p)
	}
}

// waitingFor returns what waits for an entry, or nil. t.mu is held.
func (t *table) waitingFor(origin, group uint32) *pending {
	return t.waiting.named[[2]uint32{origin, group}]
}

// takeWaiting takes out what waits for an entry. t.mu is held.
func (t *table) takeWaiting(origin, group uint32) *pending {
	p := t.waitingFor(origin, group)
	if p != nil {
		t.waiting.remove(p)
	}
	return p
}

// resolve sends what waited for an entry (ipmr_cache_resolve).
func (t *table) resolve(m *mfc, p *pending) {
	c := t.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	for _, b := range p.packets {
		t.forward(c, b, m, t.vifOf(dev.Of(b)))
	}
}

// expire is the timer: the daemon did not answer in time (ipmr_expire_process).
func (t *table) expire(c *kern.CPU) {
	t.mu.Lock()
	var late []*pending
	for t.waiting.oldest != nil && t.waiting.oldest.until <= c.Now() {
		late = append(late, t.waiting.oldest)
		t.waiting.remove(t.waiting.oldest)
	}
	if t.waiting.oldest != nil {
		t.expiry.Set(t.waiting.oldest.until)
	}
	t.mu.Unlock()
	for _, p := range late {
		t.notifyPending(c, uapi.RTM_DELROUTE, p)
		t.drop(c, p)
	}
}

// dropWaiting ends all that waits. The caller is on no CPU.
func (t *table) dropWaiting() {
	t.mu.Lock()
	list := t.waiting.list()
	t.waiting = queue{}
	t.expiry.Stop()
	t.mu.Unlock()
	if len(list) == 0 {
		return
	}
	c := t.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	for _, p := range list {
		t.notifyPending(c, uapi.RTM_DELROUTE, p)
		t.drop(c, p)
	}
}

func (t *table) drop(c *kern.CPU, p *pending) {
	for _, b := range p.packets {
		b.Drop(c, t.st.n, skb.ReasonMcastNoDaemon)
	}
}

// upcall tells the daemon of a packet, which stays the caller's
// (ipmr_cache_report): a struct igmpmsg with the packet's header, or with the
// whole packet behind it. It reports whether the daemon's queue took it.
func (t *table) upcall(c *kern.CPU, b *skb.Buff, in, kind int) bool {
	s := t.owner.Load()
	if s == nil {
		return false
	}
	whole := kind == uapi.IGMPMSG_WHOLEPKT || kind == uapi.IGMPMSG_WRVIFWHOLE
	h := (*wire.IPv4Hdr)(b.Data())
	if kind == uapi.IGMPMSG_WHOLEPKT {
		in = int(t.regVif.Load())
	}
	hlen := h.IHL()
	if whole {
		if hlen = wire.IPv4HdrLen; b.CsumState == skb.CsumPartial {
			b.CompleteCsum() // the daemon sends it on
		}
	}
	o := skb.Alloc(c, hlen+max(wire.IGMPHdrLen, b.Len()))
	o.Append(b.Data()[:hlen])
	if whole {
		b.CopyOut(0, o.Put(b.Len()))
	} else {
		clear(o.Put(wire.IGMPHdrLen))
		o.Data()[hlen] = uint8(kind)
	}
	m := (*wire.IPv4Hdr)(o.Data())
	m.SetVerIHL(hlen)
	m.SetTotLen(o.Len())
	m[8], m[9] = uint8(kind), 0 // im_msgtype, im_mbz
	m[10], m[11] = uint8(in), uint8(in>>8)
	o.Dev, o.Iif, o.Protocol, o.PktType = b.Dev, b.Iif, b.Protocol, b.PktType
	o.Dst = b.Dst
	o.SetNetworkHeader(0)
	o.SetTransportHeader(0)
	t.notifyReport(c, o, kind, in)
	return s.sink.Packet(c, o, binary.BigEndian.Uint32(m[12:]), binary.BigEndian.Uint32(m[16:]))
}

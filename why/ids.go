package why

import (
	"linen/net/skb"
	"linen/wire"
)

// flowIDs numbers packets. A Buff is no packet: it is recycled, cloned, cut
// and copied. So a packet is known by what does not change on its way; a
// second packet that looks just the same is told apart when it is where the
// first one began, or has more hops to live.
type flowIDs struct {
	last  uint64
	known map[flowKey]*flowID
}

// flowKey is what stays the same on a packet's way.
type flowKey struct {
	proto    uint16
	src, dst uint32
	id       uint16
	head     uint64 // the first 8 bytes of the transport: ports, ICMP id and sequence
}

type flowID struct {
	id    uint64
	ttl   uint8
	first startPoint
	hook  string // the last that saw it
}

type startPoint struct {
	node, device string
	kind         Kind
	point        skb.Point
}

// maxFlows bounds what is remembered.
const maxFlows = 1024

// of gives e the number of b, 0 for none, and a drop by a hook the hook's
// name.
func (f *flowIDs) of(b *skb.Buff, e *Event) {
	if b == nil {
		return
	}
	k, ttl, ok := keyOf(b)
	if !ok {
		return
	}
	start := startPoint{e.Node, e.Device, e.Kind, e.Point}
	known := f.known[k]
	if known == nil || ttl > known.ttl || start == known.first {
		if f.known == nil || len(f.known) >= maxFlows {
			f.known = make(map[flowKey]*flowID)
		}
		f.last++
		known = &flowID{id: f.last, first: start}
		f.known[k] = known
	}
	known.ttl = ttl
	e.ID = known.id
	if e.Point == skb.PointHook {
		known.hook = e.By
	}
	if e.Reason == skb.ReasonNetfilterDrop.String() && known.hook != "" {
		e.By = known.hook
	}
}

// keyOf reads what identifies b.
func keyOf(b *skb.Buff) (k flowKey, ttl uint8, ok bool) {
	var buf [wire.IPv4HdrLen + 48]byte
	if b.Network() == nil {
		return k, 0, false
	}
	p := buf[:copyFrom(b, b.NetworkOff(), buf[:])]
	k.proto = b.Protocol
	if a, ok := wire.AsARPEth(p); ok && b.Protocol == wire.EtherTypeARP {
		k.src, k.dst, k.id = a.Saddr(), a.Daddr(), a.Op()
		return k, 0, true
	}
	h, ok := wire.AsIPv4(p)
	if !ok || h.Version() != 4 {
		return k, 0, false
	}
	k.src, k.dst, k.id = h.Saddr(), h.Daddr(), h.ID()
	if h.Offset() != 0 || h.IHL() < wire.IPv4HdrLen {
		return k, h.TTL(), true
	}
	for _, v := range p[min(h.IHL(), len(p)):min(h.IHL()+8, len(p))] {
		k.head = k.head<<8 | uint64(v)
	}
	return k, h.TTL(), true
}

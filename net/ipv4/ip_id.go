package ipv4

import (
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/lib/siphash"
	"linen/net/netns"
)

// idBuckets is how many generators of identifications there are (IP_IDENTS_SZ
// of a small machine).
const idBuckets = 2048

// idGenerators make the identifications of packets without a socket's own
// counter (ip_idents_reserve): one counter for many tuples of addresses and
// protocol, chosen by a secret hash, which moves on with the time as well, so
// that who sees the ids of one flow learns little about another's rate.
type idGenerators struct {
	key     siphash.Key
	buckets atomic.Pointer[[idBuckets]idGenerator] // made at first use: 32 KiB
}

type idGenerator struct {
	next atomic.Uint32
	used atomic.Int64 // jiffies
}

func (g *idGenerators) init(k *kern.Kernel) { g.key = newKey(k) }

// table returns the generators.
func (g *idGenerators) table(c *kern.CPU) *[idBuckets]idGenerator {
	if t := g.buckets.Load(); t != nil {
		return t
	}
	t := new([idBuckets]idGenerator)
	for i := range t {
		t[i].next.Store(c.Uint32())
	}
	if !g.buckets.CompareAndSwap(nil, t) {
		return g.buckets.Load()
	}
	return t
}

// next reserves segs identifications and returns the first.
func (g *idGenerators) next(c *kern.CPU, src, dst uint32, proto uint8, segs uint32) uint16 {
	hash := siphash.Words13(g.key, uint64(src)<<32|uint64(dst), uint64(proto))
	e := &g.table(c)[hash%idBuckets]
	now := int64(time.Duration(c.Now()) / ktime.Jiffy)
	delta := uint32(0)
	if old := e.used.Load(); old != now && e.used.CompareAndSwap(old, now) {
		delta = c.Uint32n(uint32(min(now-old, 1<<31)))
	}
	return uint16(e.next.Add(segs+delta) - segs)
}

// SelectID reserves segs identifications for packets from src to dst and
// returns the first (__ip_select_ident).
func SelectID(c *kern.CPU, n *netns.Net, src, dst uint32, proto uint8, segs int) uint16 {
	return of(n).path.ids.next(c, src, dst, proto, uint32(segs))
}

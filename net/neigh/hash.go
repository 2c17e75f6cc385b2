package neigh

import (
	"sync/atomic"

	"linen/net/dev"
)

// hash is a table of neighbours that readers walk without locks. It is
// replaced as a whole when it grows; its nodes belong to it alone.
type hash struct {
	mask    uint32
	secret  uint32
	buckets []atomic.Pointer[node]
}

type node struct {
	nb   *Neigh
	next atomic.Pointer[node]
}

// minBuckets is the size of a new table (1 << 3, as the kernel begins).
const minBuckets = 8

func newHash(size int, secret uint32) *hash {
	return &hash{uint32(size - 1), secret, make([]atomic.Pointer[node], size)}
}

func (h *hash) bucket(d *dev.Device, k *Key) *atomic.Pointer[node] {
	x := k.IP4() ^ h.secret
	x = (x ^ uint32(d.Ifindex())*0x9e3779b1) * 0x85ebca6b
	for i := 4; i < len(k); i += 4 { // zero for IPv4
		w := uint32(k[i])<<24 | uint32(k[i+1])<<16 | uint32(k[i+2])<<8 | uint32(k[i+3])
		if w != 0 {
			x = (x ^ w) * 0xc2b2ae35
		}
	}
	x ^= x >> 15
	return &h.buckets[x&h.mask]
}

// find4 is find for an IPv4 key, on the data path.
func (h *hash) find4(d *dev.Device, a uint32) *Neigh {
	x := a ^ h.secret
	x = (x ^ uint32(d.Ifindex())*0x9e3779b1) * 0x85ebca6b
	x ^= x >> 15
	for e := h.buckets[x&h.mask].Load(); e != nil; e = e.next.Load() {
		if e.nb.Dev == d && e.nb.Key.IP4() == a {
			return e.nb
		}
	}
	return nil
}

func (h *hash) find(d *dev.Device, k *Key) *Neigh {
	for e := h.bucket(d, k).Load(); e != nil; e = e.next.Load() {
		if e.nb.Dev == d && e.nb.Key == *k {
			return e.nb
		}
	}
	return nil
}

func (h *hash) insert(nb *Neigh) {
	at := h.bucket(nb.Dev, &nb.Key)
	e := &node{nb: nb}
	e.next.Store(at.Load())
	at.Store(e)
}

func (h *hash) remove(nb *Neigh) {
	at := h.bucket(nb.Dev, &nb.Key)
	for e := at.Load(); e != nil; e = at.Load() {
		if e.nb == nb {
			at.Store(e.next.Load())
			return
		}
		at = &e.next
	}
}

// each calls f with every neighbour until it returns false.
func (h *hash) each(f func(nb *Neigh) bool) {
	for i := range h.buckets {
		for e := h.buckets[i].Load(); e != nil; e = e.next.Load() {
			if !f(e.nb) {
				return
			}
		}
	}
}

// grown returns a hash of twice the size with the same neighbours.
func (h *hash) grown(secret uint32) *hash {
	g := newHash(2*len(h.buckets), secret)
	h.each(func(nb *Neigh) bool { g.insert(nb); return true })
	return g
}

package neigh

import (
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
)

// ntfExtLearned is NTF_EXT_LEARNED as Neigh.flags keeps it.
const ntfExtLearned = uapi.NTF_EXT_LEARNED

// makeRoom collects what may go when the table is near its limits, and
// reports whether one more entry fits (neigh_alloc). t.mu is held.
func (t *Table) makeRoom(now ktime.T) bool {
	full := t.gcEntries >= int(t.GCThresh3.Load())
	if !full && (t.gcEntries < int(t.GCThresh2.Load()) || now < t.lastFlush.Add(forcedAge)) {
		return true
	}
	t.Stats.ForcedGCRuns.Add(1)
	t.lastFlush = now
	excess := t.gcEntries - int(t.GCThresh2.Load())
	young := now.Add(-forcedAge)
	t.collect(excess, func(nb *Neigh) bool {
		state := nb.state.Load()
		return state == uapi.NUD_FAILED || state&uapi.NUD_NOARP != 0 ||
			t.ops.MulticastKey != nil && t.ops.MulticastKey(&nb.Key) ||
			nb.Updated() < young
	})
	return t.gcEntries < int(t.GCThresh3.Load())
}

// collect removes up to limit counted entries, those without a timer that may
// satisfies. t.mu is held.
func (t *Table) collect(limit int, may func(nb *Neigh) bool) {
	var gone []*Neigh
	t.hash.Load().each(func(nb *Neigh) bool {
		if nb.counted && nb.state.Load()&(InTimer|uapi.NUD_PERMANENT) == 0 && may(nb) {
			gone = append(gone, nb)
		}
		return len(gone) < limit
	})
	for _, nb := range gone {
		t.evict(nb)
	}
}

// evict removes nb in a collection; t.mu is held.
func (t *Table) evict(nb *Neigh) {
	nb.mu.Lock()
	if nb.dead {
		nb.mu.Unlock()
		return
	}
	queue := nb.kill()
	nb.mu.Unlock()
	t.unlink(nb)
	t.release(queue, skb.ReasonNeighDead)
	t.n.Kernel().Queue(func() { t.announce(nb, uapi.RTM_DELNEIGH, 0) })
}

// periodicGC draws new reachable times every 300 s and, above gc_thresh1,
// removes entries that failed or that nobody used for gc_stale_time.
func (t *Table) periodicGC() {
	now := t.n.Kernel().Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.Stats.PeriodicGCRuns.Add(1)
	if now > t.lastDraw.Add(drawEvery) {
		t.lastDraw = now
		t.Default.draw(t.n.Kernel(), now)
		for _, p := range t.parmsList() {
			p.draw(t.n.Kernel(), now)
		}
	}
	if t.entries >= int(t.GCThresh1.Load()) {
		t.collect(t.entries, func(nb *Neigh) bool {
			if nb.flags.Load()&ntfExtLearned != 0 {
				return false
			}
			used := max(nb.Used(), nb.Confirmed())
			return nb.state.Load() == uapi.NUD_FAILED || now > used.Add(nb.Parms.Duration(GCStaleTime))
		})
	}
	if t.entries > 0 {
		t.gc.Set(now.Add(t.gcEvery()))
	}
}

// flush removes d's entries (nil: all); with keep, not the permanent ones.
func (t *Table) flush(d *dev.Device, keep bool) {
	var gone []*Neigh
	t.Each(func(nb *Neigh) bool {
		if (d == nil || nb.Dev == d) && !(keep && nb.state.Load()&uapi.NUD_PERMANENT != 0) {
			gone = append(gone, nb)
		}
		return true
	})
	for _, nb := range gone {
		t.Remove(nb, 0)
	}
}

// FlushDevice removes d's entries; with keepPermanent, not those that user
// space made permanent.
func (t *Table) FlushDevice(d *dev.Device, keepPermanent bool) { t.flush(d, keepPermanent) }

package neigh

import (
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/uapi"
)

// Defaults of the collection's thresholds (neigh.default.gc_*), and its pace.
const (
	gcThresh1  = 128
	gcThresh2  = 512
	gcThresh3  = 1024
	gcInterval = 30 * time.Second
	drawEvery  = 300 * time.Second     // reachable_time is drawn anew
	forcedAge  = 5 * time.Second       // entries younger than this survive a forced collection
	vainPause  = 10 * time.Millisecond // a full table is not searched again before
)

// makeRoom collects what may go when the table is near its limits, and
// reports whether one more entry fits (neigh_alloc). t.mu is held.
func (t *Table) makeRoom(now ktime.T) (fits bool, gone []buried) {
	limit := int(t.gcSet.thresh3.Load())
	full := t.gcEntries >= limit
	soft := int(t.gcSet.thresh2.Load())
	if !full && (t.gcEntries < soft || now <= t.lastFlush.Add(forcedAge)) {
		return true, nil
	}
	if full && t.vain != 0 && now < t.vain.Add(vainPause) {
		return false, nil
	}
	t.Stats.ForcedGCRuns.Add(1)
	t.lastFlush = now
	young := now.Add(-forcedAge)
	gone = t.collect(t.gcEntries+1-soft, func(nb *Neigh) bool {
		state := nb.state.Load()
		return nb.counted && (state == uapi.NUD_FAILED || state == uapi.NUD_NOARP ||
			t.ops.MulticastKey != nil && t.ops.MulticastKey(&nb.Key) || nb.Updated() < young)
	})
	t.vain = 0
	if len(gone) == 0 {
		t.vain = now
	}
	return !full || len(gone) > 0, gone
}

// collect removes up to limit entries without a timer that may satisfies.
// t.mu is held.
func (t *Table) collect(limit int, may func(nb *Neigh) bool) (gone []buried) {
	var list []*Neigh
	if limit <= 0 {
		return nil
	}
	t.hash.Load().each(func(nb *Neigh) bool {
		if nb.state.Load()&(InTimer|uapi.NUD_PERMANENT) == 0 && may(nb) {
			list = append(list, nb)
		}
		return len(list) < limit
	})
	for _, nb := range list {
		if b, ok := t.evict(nb); ok {
			gone = append(gone, b)
		}
	}
	return gone
}

// periodicGC draws new reachable times every 300 s and, above gc_thresh1,
// removes entries that failed or that nobody used for gc_stale_time
// (neigh_periodic_work). It runs off every CPU.
func (t *Table) periodicGC() {
	now := t.n.Kernel().Now()
	t.mu.Lock()
	if t.closed || t.entries == 0 {
		t.mu.Unlock()
		return
	}
	t.Stats.PeriodicGCRuns.Add(1)
	if now > t.lastDraw.Add(drawEvery) {
		t.lastDraw = now
		t.Default.draw(t.n.Kernel())
		for _, p := range t.parmsList() {
			p.draw(t.n.Kernel())
		}
	}
	var gone []buried
	if t.entries >= int(t.gcSet.thresh1.Load()) {
		gone = t.collect(t.entries, func(nb *Neigh) bool {
			if nb.flags.Load()&(uapi.NTF_EXT_LEARNED|ntfValidated) != 0 {
				return false
			}
			used := max(nb.Used(), nb.Confirmed())
			return nb.state.Load() == uapi.NUD_FAILED || now >= used.Add(nb.Parms.Duration(GCStaleTime))
		})
	}
	if t.entries > 0 {
		t.gc.Set(now.Add(t.gcEvery()))
	}
	t.mu.Unlock()
	t.bury(nil, gone, 0)
}

// probeManaged keeps the entries with NTF_EXT_MANAGED resolved
// (neigh_managed_work).
func (t *Table) probeManaged(c *kern.CPU) {
	t.mu.Lock()
	list := make([]*Neigh, 0, len(t.managed))
	for nb := range t.managed {
		list = append(list, nb)
	}
	if len(list) > 0 && !t.closed {
		t.manage.Set(c.Now().Add(t.manageEvery()))
	}
	t.mu.Unlock()
	for _, nb := range list {
		nb.Send(c, nil)
	}
}

// manageEvery is the pace of probeManaged.
func (t *Table) manageEvery() time.Duration {
	return max(t.Default.Duration(IntervalProbeTime), shortest)
}

// flush removes d's entries (nil: all); with keep, not the permanent ones. The
// caller is on no CPU.
func (t *Table) flush(d *dev.Device, keep bool) {
	var gone []buried
	t.mu.Lock()
	var list []*Neigh
	t.hash.Load().each(func(nb *Neigh) bool {
		if (d == nil || nb.Dev == d) && !(keep && nb.state.Load()&uapi.NUD_PERMANENT != 0) {
			list = append(list, nb)
		}
		return true
	})
	for _, nb := range list {
		if b, ok := t.evict(nb); ok {
			gone = append(gone, b)
		}
	}
	t.mu.Unlock()
	t.bury(nil, gone, 0)
}

// DeviceDown forgets everything about d, proxies too (neigh_ifdown). The
// caller is on no CPU.
func (t *Table) DeviceDown(d *dev.Device) {
	t.flush(d, false)
	t.proxy.dropDevice(d, false)
}

// FlushDevice removes d's entries; with keepPermanent, not those that user
// space made permanent. The caller is on no CPU.
func (t *Table) FlushDevice(d *dev.Device, keepPermanent bool) { t.flush(d, keepPermanent) }

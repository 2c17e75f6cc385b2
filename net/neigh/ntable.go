package neigh

import (
	"time"

	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// ntblPolicy is what RTM_SETNEIGHTBL takes (nl_neightbl_policy).
func ntblPolicy() netlink.Policy {
	return netlink.Policy{
		uapi.NDTA_NAME:    netlink.String(0),
		uapi.NDTA_THRESH1: netlink.U32(), uapi.NDTA_THRESH2: netlink.U32(), uapi.NDTA_THRESH3: netlink.U32(),
		uapi.NDTA_PARMS: netlink.Nested(nil), uapi.NDTA_GC_INTERVAL: netlink.U64(),
	}
}

// ntblParmPolicy is what NDTA_PARMS takes (nl_ntbl_parm_policy).
func ntblParmPolicy() netlink.Policy {
	p := make(netlink.Policy, uapi.NDTPA_INTERVAL_PROBE_TIME_MS+1)
	for _, i := range []int{
		uapi.NDTPA_IFINDEX, uapi.NDTPA_QUEUE_LEN, uapi.NDTPA_QUEUE_LENBYTES, uapi.NDTPA_PROXY_QLEN,
		uapi.NDTPA_APP_PROBES, uapi.NDTPA_UCAST_PROBES, uapi.NDTPA_MCAST_PROBES, uapi.NDTPA_MCAST_REPROBES,
	} {
		p[i] = netlink.U32()
	}
	for _, x := range ntblTimes {
		p[x.typ] = netlink.U64()
	}
	return p
}

// ntblCounts and ntblTimes are the parameters that NDTA_PARMS carries, in the
// order of the kernel's messages; REACHABLE_TIME stands between them.
var (
	ntblCounts = [...]struct {
		typ uint16
		p   Parm
	}{
		{uapi.NDTPA_PROXY_QLEN, ProxyQlen}, {uapi.NDTPA_APP_PROBES, AppProbes}, {uapi.NDTPA_UCAST_PROBES, UcastProbes},
		{uapi.NDTPA_MCAST_PROBES, McastProbes}, {uapi.NDTPA_MCAST_REPROBES, McastReprobes},
	}
	ntblTimes = [...]struct {
		typ uint16
		p   Parm
	}{
		{uapi.NDTPA_BASE_REACHABLE_TIME, BaseReachableTime}, {uapi.NDTPA_GC_STALETIME, GCStaleTime},
		{uapi.NDTPA_DELAY_PROBE_TIME, DelayProbeTime}, {uapi.NDTPA_RETRANS_TIME, RetransTime},
		{uapi.NDTPA_ANYCAST_DELAY, AnycastDelay}, {uapi.NDTPA_PROXY_DELAY, ProxyDelay},
		{uapi.NDTPA_LOCKTIME, LockTime}, {uapi.NDTPA_INTERVAL_PROBE_TIME_MS, IntervalProbeTime},
	}
)

// fillParms writes NDTA_PARMS; d is nil for the defaults
// (neightbl_fill_parms).
func (t *Table) fillParms(m *netlink.Msg, p *Parms, d *dev.Device) {
	nest := m.NestOld(uapi.NDTA_PARMS)
	if d != nil {
		m.U32(uapi.NDTPA_IFINDEX, uint32(d.Ifindex()))
	}
	m.U32(uapi.NDTPA_REFCNT, uint32(p.entries.Load())+1)
	m.U32(uapi.NDTPA_QUEUE_LENBYTES, uint32(p.Int(QueueLenBytes)))
	m.U32(uapi.NDTPA_QUEUE_LEN, uint32(p.Int(QueueLenBytes)/packetSize))
	for _, x := range ntblCounts {
		m.U32(x.typ, uint32(p.Int(x.p)))
	}
	m.U64(uapi.NDTPA_REACHABLE_TIME, uint64(p.ReachableTime().Milliseconds()))
	for _, x := range ntblTimes {
		m.U64(x.typ, uint64(p.Duration(x.p).Milliseconds()))
	}
	m.End(nest)
}

// header writes what each message about the table begins with.
func (t *Table) header(m *netlink.Msg) {
	m.Put((&uapi.NdtMsg{Family: t.Family}).Append(nil))
	m.String(uapi.NDTA_NAME, t.Name)
}

// fill writes the table with its defaults (neightbl_fill_info).
func (t *Table) fill(m *netlink.Msg) {
	now := t.n.Kernel().Now()
	t.header(m)
	m.U64(uapi.NDTA_GC_INTERVAL, uint64(t.gcSet.interval.Duration().Milliseconds()))
	m.U32(uapi.NDTA_THRESH1, uint32(t.gcSet.thresh1.Load()))
	m.U32(uapi.NDTA_THRESH2, uint32(t.gcSet.thresh2.Load()))
	m.U32(uapi.NDTA_THRESH3, uint32(t.gcSet.thresh3.Load()))
	h := t.hash.Load()
	t.mu.Lock()
	cfg := uapi.NdtConfig{
		KeyLen: uint16(t.KeyLen), EntrySize: entrySize + uint16(t.KeyLen), Entries: uint32(t.entries),
		LastFlush: millis(now, t.lastFlush), LastRand: millis(now, t.lastDraw),
		HashRnd: h.secret, HashMask: h.mask, ProxyQlen: uint32(t.proxy.waiting()),
	}
	t.mu.Unlock()
	m.Attr(uapi.NDTA_CONFIG, cfg.Append(nil))
	s := &t.Stats
	stats := uapi.NdtStats{
		Allocs: s.Allocs.Load(), Destroys: s.Destroys.Load(), HashGrows: s.HashGrows.Load(),
		ResFailed: s.ResFailed.Load(), Lookups: s.Lookups.Load(), Hits: s.Hits.Load(),
		RcvProbesMcast: s.RcvProbesMcast.Load(), RcvProbesUcast: s.RcvProbesUcast.Load(),
		PeriodicGcRuns: s.PeriodicGCRuns.Load(), ForcedGcRuns: s.ForcedGCRuns.Load(), TableFulls: s.TableFulls.Load(),
	}
	m.Attr(uapi.NDTA_STATS, stats.Append(nil))
	t.fillParms(m, t.Default, nil)
}

// entrySize is what NDTA_CONFIG tells of an entry's size, without its key:
// sizeof(struct neighbour) on a 64-bit kernel.
const entrySize = 332

func millis(now, t ktime.T) uint32 { return uint32(now.Sub(t) / time.Millisecond) }

// waiting returns how many proxied requests wait.
func (x *proxies) waiting() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.queue)
}

// tableListing is a dump of tables in progress.
type tableListing struct{ todo []func(m *netlink.Msg) }

// dumpTables serves RTM_GETNEIGHTBL: a message for each table and its
// defaults, then one for each device (neightbl_dump_info).
func (s *State) dumpTables(d *netlink.Dump) error {
	l, _ := d.State.(*tableListing)
	if l == nil {
		r := d.Request
		p := r.Payload()
		switch {
		case !r.Strict:
		case len(p) < uapi.SizeofNdtMsg:
			return netlink.Errorf(errno.EINVAL, "Invalid header for neighbor table dump request")
		case p[1]|p[2]|p[3] != 0:
			return netlink.Errorf(errno.EINVAL, "Invalid values in header for neighbor table dump request")
		case len(p) > uapi.SizeofNdtMsg:
			return netlink.Errorf(errno.EINVAL, "Invalid data after header in neighbor table dump request")
		}
		l = s.listTables(p[0])
		d.State = l
	}
	for ; len(l.todo) > 0; l.todo = l.todo[1:] {
		if !d.Put(uapi.RTM_NEWNEIGHTBL, 0, l.todo[0]) {
			return netlink.More
		}
	}
	return nil
}

func (s *State) listTables(family uint8) *tableListing {
	l := new(tableListing)
	for _, t := range s.tables(family) {
		l.todo = append(l.todo, t.fill)
		list := dev.List(t.n)
		for i := len(list) - 1; i >= 0; i-- { // the newest first
			d := list[i]
			if p := t.parms.Of(d); p != nil {
				l.todo = append(l.todo, func(m *netlink.Msg) {
					t.header(m)
					t.fillParms(m, p, d)
				})
			}
		}
	}
	return l
}

// setTable serves RTM_SETNEIGHTBL (neightbl_set).
func (s *State) setTable(r *netlink.Request) error {
	tb, err := r.Parse(uapi.SizeofNdtMsg, ntblPolicy(), netlink.Liberal)
	if err != nil {
		return err
	}
	if !tb.Has(uapi.NDTA_NAME) {
		return errno.EINVAL
	}
	var t *Table
	for _, o := range s.tables(r.Payload()[0]) {
		if o.Name == tb.Text(uapi.NDTA_NAME) {
			t = o
		}
	}
	if t == nil {
		return errno.ENOENT
	}
	if nest := tb.Get(uapi.NDTA_PARMS); nest.Present() {
		if err := t.setParms(r, nest); err != nil {
			return err
		}
	}
	for typ, v := range map[int]interface{ Store(int64) }{
		uapi.NDTA_THRESH1: t.gcSet.thresh1, uapi.NDTA_THRESH2: t.gcSet.thresh2, uapi.NDTA_THRESH3: t.gcSet.thresh3,
	} {
		if tb.Has(typ) {
			v.Store(int64(int32(tb.U32(typ))))
		}
	}
	if g := tb.Get(uapi.NDTA_GC_INTERVAL); g.Present() {
		t.gcSet.interval.Store(int64(g.U64()))
	}
	return nil
}

// setParms sets what NDTA_PARMS tells.
func (t *Table) setParms(r *netlink.Request, nest netlink.Attr) error {
	tb, err := netlink.ParseNested(nest, ntblParmPolicy(), netlink.Liberal)
	if err != nil {
		return err
	}
	p := t.Default
	if i := int(tb.Get(uapi.NDTPA_IFINDEX).S32()); i != 0 {
		d := dev.ByIndex(r.Net, i)
		if d == nil || t.parms.Of(d) == nil {
			return errno.ENOENT
		}
		p = t.parms.Of(d)
	}
	if tb.Has(uapi.NDTPA_QUEUE_LEN) {
		t.SetParm(p, QueueLenBytes, int64(tb.U32(uapi.NDTPA_QUEUE_LEN))*packetSize)
	}
	if tb.Has(uapi.NDTPA_QUEUE_LENBYTES) {
		t.SetParm(p, QueueLenBytes, int64(tb.U32(uapi.NDTPA_QUEUE_LENBYTES)))
	}
	for _, x := range ntblCounts {
		if tb.Has(int(x.typ)) {
			t.SetParm(p, x.p, int64(tb.U32(int(x.typ))))
		}
	}
	for _, x := range ntblTimes {
		if a := tb.Get(int(x.typ)); a.Present() {
			t.SetParm(p, x.p, int64(min(a.U64(), 1<<31-1)))
		}
	}
	return nil
}

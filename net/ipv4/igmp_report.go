package ipv4

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// reported reports whether routers are told of a group (RFC 3376 §6).
func (m *mcDevice) reported(addr uint32) bool {
	return addr != groupAllHosts && (!isLocalMcast(addr) || m.st.path.igmp.linkLocalMcReports.Bool())
}

// added tells the device and the routers of a new group (igmp_group_added).
func (m *mcDevice) added(g *group) {
	if m.d.Type == uapi.ARPHRD_ETHER {
		m.d.AddMulticast(hwGroup(g.addr))
	}
	if !m.reported(g.addr) || m.d.IsLoopback() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.st.n.Kernel()
	now := k.Now()
	if v := m.version(now); v < 3 {
		g.unsolicited = m.robust()
		g.running = true
		g.timer.Set(now.Add(ktimeShare(k.Uint32(), m.unsolicitedInterval(v))))
		return
	}
	m.addedV3(g)
	m.schedule()
}

// addedV3 has a new group reported by version 3: one that excludes by its mode, one that includes by its sources alone,
// as it comes from including none (RFC 3376 §5.1). m.mu is held.
func (m *mcDevice) addedV3(g *group) {
	exclude, sources := g.filter.Load().mode()
	if exclude {
		g.modeLeft = m.robust()
	} else {
		g.allow, g.block = make(map[uint32]int), make(map[uint32]int)
		for _, a := range sources {
			g.allow[a] = m.robust()
		}
	}
	m.gone = slices.DeleteFunc(m.gone, func(o goneGroup) bool {
		if o.addr == g.addr && !exclude {
			for _, a := range missing(o.blocked, sources) {
				g.block[a] = o.left
			}
		}
		return o.addr == g.addr
	})
}

// removed tells the device, and if tell the routers, that a group was left
// (igmp_group_dropped).
func (m *mcDevice) removed(g *group, tell bool) {
	if m.d.Type == uapi.ARPHRD_ETHER {
		m.d.DelMulticast(hwGroup(g.addr)) // it may be gone with the device
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	g.timer.Stop()
	g.running = false
	if !tell || !m.reported(g.addr) || m.d.IsLoopback() {
		return
	}
	n := m.st.n
	switch m.version(n.Kernel().Now()) {
	case 1:
	case 2:
		if g.reporter {
			n.Kernel().Queue(func() {
				c := n.Kernel().Enter(kern.Any)
				defer c.Exit()
				m.sendV2(c, wire.IGMPv2Leave, g.addr, groupAllRouters)
			})
		}
	default:
		gone := goneGroup{addr: g.addr, left: m.robust()}
		if exclude, sources := g.filter.Load().mode(); !exclude {
			gone.blocked = append(slices.Sorted(maps.Keys(g.block)), sources...)
		}
		m.gone = append(m.gone, gone)
		m.schedule()
	}
}

// changed has a change of a group's filter reported (ip_mc_add_src).
func (m *mcDevice) changed(g *group, old, f *mcFilter) {
	if !m.reported(g.addr) || m.d.IsLoopback() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version(m.st.n.Kernel().Now()) < 3 {
		return
	}
	wasExclude, before := old.mode()
	exclude, after := f.mode()
	if wasExclude != exclude {
		g.modeLeft = m.robust()
		g.allow, g.block = nil, nil
		m.schedule()
		return
	}
	more, fewer := missing(after, before), missing(before, after)
	if exclude { // to exclude more is to block
		more, fewer = fewer, more
	}
	if len(more)+len(fewer) == 0 {
		return
	}
	if g.allow == nil {
		g.allow, g.block = make(map[uint32]int), make(map[uint32]int)
	}
	for _, a := range more {
		g.allow[a] = m.robust()
		delete(g.block, a)
	}
	for _, a := range fewer {
		g.block[a] = m.robust()
		delete(g.allow, a)
	}
	m.schedule()
}

// missing returns what is in a and not in b.
func missing(a, b []uint32) (list []uint32) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			list = append(list, s)
		}
	}
	return list
}

// schedule has the changes sent, robust times (igmp_ifc_event). m.mu is held.
func (m *mcDevice) schedule() {
	m.left = m.robust()
	m.changes.Set(m.st.n.Kernel().Now().Add(10 * time.Millisecond))
}

// ktimeShare returns a random part of d.
func ktimeShare(random uint32, d time.Duration) time.Duration {
	return time.Duration(uint64(random) * uint64(d/time.Microsecond) >> 32 * uint64(time.Microsecond))
}

// sendChanges is the timer of the state changes (igmp_ifc_timer_expire,
// igmpv3_send_cr).
func (m *mcDevice) sendChanges(c *kern.CPU) {
	m.mu.Lock()
	if !m.up || m.left == 0 {
		m.mu.Unlock()
		return
	}
	r := m.newRecords()
	for i := range m.gone {
		r.gone(&m.gone[i])
		m.gone[i].left--
	}
	m.gone = slices.DeleteFunc(m.gone, func(o goneGroup) bool { return o.left <= 0 })
	for _, g := range m.list() {
		r.changes(g)
	}
	if m.left--; m.left > 0 {
		m.changes.Set(c.Now().Add(ktimeShare(c.Uint32(), m.unsolicitedInterval(3))))
	}
	m.mu.Unlock()
	m.sendV3(c, r)
}

// A recordList is group records in as many reports as they need.
type recordList struct {
	room    int // bytes of records in one report
	reports []igmpReport
}

type igmpReport struct {
	n       int // records
	records []byte
}

// alertLen is the length of the router alert option.
const alertLen = 4

// newRecords returns an empty list for reports that fit m's device.
func (m *mcDevice) newRecords() *recordList {
	return &recordList{room: int(m.d.MTU()) - wire.IPv4HdrLen - alertLen - wire.IGMPHdrLen}
}

// add adds a record. One that does not fit a report is cut where sources are excluded, so that more is taken than was
// asked for, and goes on in a further report otherwise (RFC 3376 §4.2.16).
func (r *recordList) add(typ uint8, addr uint32, sources []uint32) {
	whole := typ == wire.IGMPModeIsExclude || typ == wire.IGMPChangeToExclude
	for {
		least := len(sources)
		if !whole {
			least = min(least, 1)
		}
		report := r.last(wire.IGMPv3GrecLen + 4*least)
		part := sources[:max(0, min(len(sources), (r.room-len(report.records)-wire.IGMPv3GrecLen)/4))]
		var h wire.IGMPv3Grec
		h.Set(typ, len(part), addr)
		report.records = append(report.records, h[:]...)
		for _, s := range part {
			report.records = binary.BigEndian.AppendUint32(report.records, s)
		}
		report.n++
		sources = sources[len(part):]
		if len(sources) == 0 || whole || len(part) == 0 {
			return
		}
	}
}

// last returns the report with room for n bytes more, or a new one.
func (r *recordList) last(n int) *igmpReport {
	if len(r.reports) == 0 || len(r.reports[len(r.reports)-1].records)+n > r.room {
		r.reports = append(r.reports, igmpReport{})
	}
	return &r.reports[len(r.reports)-1]
}

// gone adds that a group was left.
func (r *recordList) gone(o *goneGroup) {
	if len(o.blocked) > 0 {
		r.add(wire.IGMPBlockOldSources, o.addr, o.blocked)
	} else {
		r.add(wire.IGMPChangeToInclude, o.addr, nil)
	}
}

// changes adds what of a group has changed.
func (r *recordList) changes(g *group) {
	if g.modeLeft > 0 {
		g.modeLeft--
		exclude, sources := g.filter.Load().mode()
		typ := uint8(wire.IGMPChangeToInclude)
		if exclude {
			typ = wire.IGMPChangeToExclude
		}
		r.add(typ, g.addr, sources)
		return
	}
	for _, c := range []struct {
		typ     uint8
		sources map[uint32]int
	}{{wire.IGMPAllowNewSources, g.allow}, {wire.IGMPBlockOldSources, g.block}} {
		if len(c.sources) == 0 {
			continue
		}
		r.add(c.typ, g.addr, slices.Sorted(maps.Keys(c.sources)))
		for a := range c.sources {
			if c.sources[a]--; c.sources[a] <= 0 {
				delete(c.sources, a)
			}
		}
	}
}

// current adds a group's present state, or the part of it that was asked for.
func (r *recordList) current(g *group, asked []uint32) {
	exclude, sources := g.filter.Load().mode()
	typ := uint8(wire.IGMPModeIsInclude)
	switch {
	case exclude:
		typ = wire.IGMPModeIsExclude
	case len(asked) > 0: // RFC 3376 §5.2: of the sources asked for, those wanted
		sources = slices.DeleteFunc(sources, func(a uint32) bool { return !slices.Contains(asked, a) })
		if len(sources) == 0 {
			return
		}
	}
	r.add(typ, g.addr, sources)
}

// answerAll is the timer of the answer to a general query (igmp_gq_timer_expire).
func (m *mcDevice) answerAll(c *kern.CPU) {
	r := m.newRecords()
	for _, g := range m.list() {
		if m.reported(g.addr) {
			r.current(g, nil)
		}
	}
	m.sendV3(c, r)
}

// groupTimer is a group's timer: a report, solicited or not
// (igmp_timer_expire).
func (m *mcDevice) groupTimer(c *kern.CPU, g *group) {
	m.mu.Lock()
	if !m.up || !g.running {
		m.mu.Unlock()
		return
	}
	v := m.version(c.Now())
	g.running = false
	if g.unsolicited > 1 && v < 3 {
		g.unsolicited--
		g.running = true
		g.timer.Set(c.Now().Add(ktimeShare(c.Uint32(), m.unsolicitedInterval(v))))
	}
	g.reporter = true
	asked := g.asked
	g.asked = nil
	m.mu.Unlock()
	m.report(c, v, g, asked)
}

// report tells the routers of a group, in the version that they speak; asked
// are the sources that a query named, nil for all.
func (m *mcDevice) report(c *kern.CPU, version int, g *group, asked []uint32) {
	switch version {
	case 1:
		m.sendV2(c, wire.IGMPv1Report, g.addr, g.addr)
	case 2:
		m.sendV2(c, wire.IGMPv2Report, g.addr, g.addr)
	default:
		r := m.newRecords()
		r.current(g, asked)
		m.sendV3(c, r)
	}
}

// sendV2 sends a message of version 1 or 2 about a group.
func (m *mcDevice) sendV2(c *kern.CPU, typ uint8, addr, dst uint32) {
	b := skb.Alloc(c, wire.IGMPHdrLen)
	h := (*wire.IGMPHdr)(b.Put(wire.IGMPHdrLen))
	*h = wire.IGMPHdr{}
	h.SetTypeCode(typ, 0)
	h.SetGroup(addr)
	h.SetCheck(csum.Checksum(b.Data()))
	m.send(c, b, dst)
}

// sendV3 sends the reports of a list.
func (m *mcDevice) sendV3(c *kern.CPU, r *recordList) {
	for _, report := range r.reports {
		b := skb.Alloc(c, wire.IGMPHdrLen+len(report.records))
		h := (*wire.IGMPv3ReportHdr)(b.Put(wire.IGMPHdrLen))
		h.Set(report.n)
		b.Append(report.records)
		binary.BigEndian.PutUint16(b.Data()[2:], csum.Checksum(b.Data()))
		m.send(c, b, groupReports)
	}
}

// send sends an IGMP message by the device: TTL 1, network control, router
// alert, not to be fragmented.
func (m *mcDevice) send(c *kern.CPU, b *skb.Buff, dst uint32) {
	f := Flow{OIF: m.d.Ifindex(), Daddr: dst, Proto: uapi.IPPROTO_IGMP}
	rt, err := RouteOutput(c, m.st.n, &f)
	if err != nil {
		b.Consume(c)
		return
	}
	s := Send{
		Route: rt, Src: f.Saddr, Dst: dst, Proto: uapi.IPPROTO_IGMP, TOS: precInternetControl, TTL: 1,
		PMTU: uapi.IP_PMTUDISC_DO, Options: m.st.path.igmp.alert, Priority: 7, // TC_PRIO_CONTROL
	}
	s.Xmit(c, b) // what cannot be sent now is repeated
}

package ipv4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/skb"
	"linen/wire"
)

// igmpRcv takes an IGMP message (igmp_rcv); routers' parts of the protocol are
// their daemons', by raw sockets.
func igmpRcv(c *kern.CPU, b *skb.Buff) {
	d := dev.Of(b)
	m := mcSlot.Of(d)
	st := of(d.Net())
	if m == nil || !b.MayPull(wire.IGMPHdrLen) || csum.Fold(b.Checksum(0, b.Len(), 0)) != 0 {
		b.Drop(c, st.n, skb.ReasonNotSpecified)
		return
	}
	h := *(*wire.IGMPHdr)(b.Data())
	switch h.Type() {
	case wire.IGMPQuery:
		b.Linearize()
		m.heardQuery(c, b.Data())
	case wire.IGMPv1Report, wire.IGMPv2Report:
		if b.PktType == skb.PacketMulticast || b.PktType == skb.PacketBroadcast { // routers need not have heard another
			m.heardReport(h.Group())
		}
	}
	if f := st.path.igmp.pim; f != nil && h.Type() == igmpPIM {
		f(c, b)
		return
	}
	b.Consume(c)
}

// igmpPIM is the type of PIM version 1 messages.
const igmpPIM = 0x14

// heardReport saves us our own: another member has reported the group
// (RFC 2236 §3).
func (m *mcDevice) heardReport(addr uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g := m.find(addr); g != nil && g.running {
		g.timer.Stop()
		g.running, g.reporter, g.unsolicited = false, false, 0
	}
}

// heardQuery has a query answered within its time (igmp_heard_query).
func (m *mcDevice) heardQuery(c *kern.CPU, p []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.up {
		return
	}
	h := (*wire.IGMPHdr)(p)
	limit := time.Duration(h.Code()) * 100 * time.Millisecond
	var asked []uint32
	now := c.Now()
	switch {
	case len(p) == wire.IGMPHdrLen && h.Code() == 0:
		limit = 10 * time.Second
		m.v1Until = now.Add(m.presentTime(limit))
		m.forgetChanges()
	case len(p) == wire.IGMPHdrLen || now < m.v1Until:
		if m.version(now) == 3 {
			m.v2Until = now.Add(m.presentTime(limit))
		}
		m.forgetChanges()
	case len(p) < wire.IGMPv3QueryLen:
		return
	default:
		q := (*wire.IGMPv3Query)(p)
		if len(p) < wire.IGMPv3QueryLen+4*q.NSrcs() {
			return
		}
		limit = max(time.Duration(wire.IGMPCode(h.Code()))*100*time.Millisecond, ktimeTick)
		if q.QRV() > 0 {
			m.qrv = int(q.QRV())
		}
		if h.Group() == 0 && m.version(now) == 3 {
			if q.NSrcs() == 0 {
				m.answer.Set(now.Add(ktimeShare(c.Uint32(), limit)))
			}
			return
		}
		for i := range q.NSrcs() {
			asked = append(asked, binary.BigEndian.Uint32(p[wire.IGMPv3QueryLen+4*i:]))
		}
	}
	for _, g := range m.list() {
		if (h.Group() == 0 || g.addr == h.Group()) && m.reported(g.addr) {
			m.askGroup(c, g, asked, limit)
		}
	}
}

// ktimeTick is the least time to answer in.
const ktimeTick = 10 * time.Millisecond

// presentTime is how long an older querier is taken to be there (RFC 3376
// §8.12).
func (m *mcDevice) presentTime(limit time.Duration) time.Duration {
	return time.Duration(m.robust())*125*time.Second + limit
}

// forgetChanges stops what only version 3 reports. m.mu is held.
func (m *mcDevice) forgetChanges() {
	m.changes.Stop()
	m.answer.Stop()
	m.left, m.gone = 0, nil
}

// askGroup arms a group's timer, to answer within limit; an earlier answer
// that is due serves as well, unless it was about other sources.
func (m *mcDevice) askGroup(c *kern.CPU, g *group, asked []uint32, limit time.Duration) {
	if !g.mark(asked) {
		return
	}
	at := c.Now().Add(ktimeShare(c.Uint32(), limit))
	if g.running && g.timer.Expires() <= at {
		return
	}
	g.running = true
	g.timer.Set(at)
}

// mark notes which of the group's sources are asked for, or that all of it is,
// and reports whether that wants an answer (igmp_marksources,
// igmp_xmarksources). A group that takes all sources but some answers with its
// whole state, where RFC 3376 §5.2 has it name sources.
func (g *group) mark(asked []uint32) bool {
	if len(asked) == 0 || g.running && len(g.asked) == 0 {
		g.asked = nil
		return true
	}
	exclude, sources := g.filter.Load().mode()
	var named []uint32
	for _, s := range sources {
		if slices.Contains(asked, s) {
			named = append(named, s)
		}
	}
	switch {
	case exclude:
		g.asked = nil
		return len(named) < len(asked)
	case len(named) == 0:
		g.asked = nil
		return false
	}
	g.asked = append(g.asked, missing(named, g.asked)...)
	return true
}

// writeIGMP writes /proc/net/igmp (igmp_mc_seq_show): addresses in network
// order as the machine reads them, little-endian here.
func (st *state) writeIGMP(w *bytes.Buffer) {
	w.WriteString("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n")
	now := st.n.Kernel().Now()
	for _, d := range dev.List(st.n) {
		m := mcSlot.Of(d)
		if m == nil || len(m.list()) == 0 {
			continue
		}
		m.mu.Lock()
		fmt.Fprintf(w, "%d\t%-10s: %5d      V%d\n", d.Ifindex(), d.Name(), len(m.list()), m.version(now))
		for _, g := range m.list() {
			left, running, reporter := int64(0), 0, 0
			if g.running {
				running = 1
				left = max(0, int64(g.timer.Expires()-now)/int64(10*time.Millisecond))
			}
			if g.reporter {
				reporter = 1
			}
			fmt.Fprintf(w, "\t\t\t\t%08X %5d %d:%08X\t\t%d\n", swap32(g.addr), g.users(m), running, left, reporter)
		}
		m.mu.Unlock()
	}
}

// writeMcFilter writes /proc/net/mcfilter.
func (st *state) writeMcFilter(w *bytes.Buffer) {
	fmt.Fprintf(w, "%3s %6s %10s %10s %6s %6s\n", "Idx", "Device", "MCA", "SRC", "INC", "EXC")
	for _, d := range dev.List(st.n) {
		m := mcSlot.Of(d)
		if m == nil {
			continue
		}
		for _, g := range m.list() {
			for _, s := range g.filter.Load().sources {
				fmt.Fprintf(w, "%3d %6.6s 0x%08x 0x%08x %6d %6d\n", d.Ifindex(), d.Name(), g.addr, s.addr, s.include, s.exclude)
			}
		}
	}
}

// swap32 reverses the bytes of a.
func swap32(a uint32) uint32 {
	return a<<24 | a>>24 | a>>8&0xff00 | a<<8&0xff0000
}

package ipv4

import (
	"strconv"

	"linen/kern"
	"linen/net/dev"
	"linen/net/inetfrag"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// A DefragUser is who wants a packet whole; the fragments of one are not those
// of another (enum ip_defrag_users).
type DefragUser uint32

// The users. Conntrack's and a bridge's are numbered from these on, by zone.
const (
	DefragLocal        DefragUser = 0 // local delivery
	DefragRouterAlert  DefragUser = 1
	DefragConntrackIn  DefragUser = 0x10000
	DefragConntrackOut DefragUser = 0x20000
	DefragBridge       DefragUser = 0x30000
)

// fragKey names a packet that is incomplete (RFC 791 §3.2).
type fragKey struct {
	saddr, daddr uint32
	id           uint16
	proto        uint8
	user         DefragUser
}

// newFrags makes the namespace's table of fragments.
func (st *state) newFrags() *inetfrag.Table[fragKey] {
	s := &st.path.set
	return inetfrag.NewTable(st.n.Kernel(), inetfrag.Limits{High: s.fragHigh.Load, Timeout: s.fragTime.Duration}, st.fragExpired)
}

// FragMemory returns how many incomplete packets n holds, and the bytes of
// their fragments: the FRAG line of /proc/net/sockstat.
func FragMemory(n *netns.Net) (queues int, bytes int64) {
	t := of(n).path.frags
	return t.Len(), t.Bytes()
}

// Defragment takes a fragment, whose data begin at the IP header, and returns
// the packet when it is whole, else nil (ip_defrag). It owns b.
func Defragment(c *kern.CPU, n *netns.Net, b *skb.Buff, user DefragUser) *skb.Buff {
	return of(n).defragment(c, b, user)
}

func (st *state) defragment(c *kern.CPU, b *skb.Buff, user DefragUser) *skb.Buff {
	m := st.path.mib
	m.Inc(c, mib.IPReasmReqds)
	b.Orphan(c)
	h := (*wire.IPv4Hdr)(b.Data())
	q := st.path.frags.Find(fragKey{h.Saddr(), h.Daddr(), h.ID(), h.Proto(), user})
	if q == nil {
		m.Inc(c, mib.IPReasmFails)
		b.Drop(c, st.n, skb.ReasonFragMem)
		return nil
	}
	defer q.Unlock()
	return st.queueFragment(c, q, b)
}

// queueFragment adds b to its queue, which is locked (ip_frag_queue).
func (st *state) queueFragment(c *kern.CPU, q *inetfrag.Queue[fragKey], b *skb.Buff) *skb.Buff {
	if st.tooFar(c, q, b) {
		q.Restart(func(o *skb.Buff) { o.Drop(c, st.n, skb.ReasonFragTooFar) })
	}
	h := (*wire.IPv4Hdr)(b.Data())
	tos, df, mf, off, hlen, size := h.TOS(), h.DF(), h.MF(), h.Offset(), h.IHL(), b.Len()
	end := off + size - hlen
	switch {
	case !mf: // the last: its end is the packet's, nothing may stand behind
		if end < q.Len || q.HasLast && end != q.Len {
			return st.badFragment(c, q, b, skb.ReasonFragInvalid)
		}
		q.HasLast, q.Len = true, end
	default:
		if end&7 != 0 { // cut to a multiple of 8
			end &^= 7
			b.Trim(c, hlen+end-off)
			if b.CsumState == skb.CsumComplete {
				b.CsumState = skb.CsumNone
			}
		}
		if end > q.Len {
			if q.HasLast {
				return st.badFragment(c, q, b, skb.ReasonFragInvalid)
			}
			q.Len = end
		}
	}
	if end == off {
		return st.badFragment(c, q, b, skb.ReasonFragInvalid)
	}
	iif := b.Iif
	b.Pull(hlen)
	switch q.Insert(b, off, end) {
	case inetfrag.Duplicate:
		b.Drop(c, st.n, skb.ReasonDupFrag)
		return nil
	case inetfrag.Overlap:
		st.path.mib.Inc(c, mib.IPExtReasmOverlaps)
		return st.badFragment(c, q, b, skb.ReasonFragOverlap)
	}
	q.Iif, q.Stamp = iif, b.Tstamp
	q.User.ECN |= 1 << (tos & 3)
	q.MaxSize = max(q.MaxSize, size)
	if df {
		q.User.MaxDF = max(q.User.MaxDF, size)
	}
	if !q.Complete() {
		b.Dst = nil
		return nil
	}
	return st.reassemble(c, q, b)
}

// badFragment ends the whole queue and the fragment that spoiled it.
func (st *state) badFragment(c *kern.CPU, q *inetfrag.Queue[fragKey], b *skb.Buff, r skb.Reason) *skb.Buff {
	q.Kill()
	q.Drop(func(o *skb.Buff) { o.Drop(c, st.n, r) })
	st.path.mib.Inc(c, mib.IPReasmFails)
	b.Drop(c, st.n, r)
	return nil
}

// tooFar reports whether so many other fragments of the sender came since the
// queue's last that the packet cannot be the one it was: the id was used again
// (net.ipv4.ipfrag_max_dist).
func (st *state) tooFar(c *kern.CPU, q *inetfrag.Queue[fragKey], b *skb.Buff) bool {
	dist := uint32(st.path.set.fragDist.Load())
	if dist == 0 {
		return false
	}
	peer := st.path.peers.Get(c.Now(), q.Key.saddr, 0)
	if peer == nil {
		return false
	}
	start, end := q.User.Counter, peer.NextFragment()
	q.User.Counter = end
	if q.Empty() || end-start <= dist {
		return false
	}
	st.path.mib.Inc(c, mib.IPReasmFails)
	return true
}

// ecnBad marks the sets of ECN code points, a bit each, that no packet has
// whose sender follows RFC 3168 §5.3: Not-ECT beside another.
func ecnBad(set uint8) bool { return set&1 != 0 && set != 1 }

// reassemble makes the packet of a complete queue (ip_frag_reasm); last is the
// fragment that completed it.
func (st *state) reassemble(c *kern.CPU, q *inetfrag.Queue[fragKey], last *skb.Buff) *skb.Buff {
	m := st.path.mib
	head := q.First()
	dst, d := last.Dst, last.Dev
	ihl := head.TransportOff() - head.NetworkOff()
	if ecnBad(q.User.ECN) || ihl+q.Len > maxMTU {
		q.Kill()
		q.Drop(func(o *skb.Buff) { o.Drop(c, st.n, skb.ReasonFragInvalid) })
		m.Inc(c, mib.IPReasmFails)
		return nil
	}
	q.Kill()
	q.Join()
	head.Push(ihl)
	head.Dst, head.Dev, head.Iif, head.Tstamp = dst, d, q.Iif, q.Stamp
	head.CsumState = skb.CsumNone
	head.IP.FragMaxSize = uint16(q.MaxSize)
	head.IgnoreDF = true // it may be cut again, to the sizes that it came in
	h := (*wire.IPv4Hdr)(head.Data())
	h.SetTotLen(ihl + q.Len)
	h.SetFragOff(0)
	if q.User.MaxDF == q.MaxSize { // the largest one had DF: keep to its size
		head.IP.Flags |= SKBFragPMTU
		h.SetFragOff(wire.IPv4DF)
	}
	if q.User.ECN&(1<<3) != 0 && q.User.ECN != 1<<3 {
		h.SetTOS(h.TOS() | 3) // RFC 3168 §5.3: one CE marks the packet
	}
	wire.SendCheck4(head.Data()[:ihl])
	m.Inc(c, mib.IPReasmOKs)
	if st.n.Tracing.Load() {
		skb.Trace(c, st.n, head, skb.Event{Point: skb.PointReasm, Device: d.Name(), Verdict: "complete", By: strconv.Itoa(head.Len()) + " bytes"})
	}
	return head
}

// fragExpired ends a packet whose fragments did not come in time
// (net.ipv4.ipfrag_time); its sender is told if the first one did, and if the
// packet was for this host (ip_expire; RFC 792, RFC 1122 §3.3.2).
func (st *state) fragExpired(c *kern.CPU, q *inetfrag.Queue[fragKey]) {
	m := st.path.mib
	m.Inc(c, mib.IPReasmFails)
	m.Inc(c, mib.IPReasmTimeout)
	end := func(o *skb.Buff) { o.Drop(c, st.n, skb.ReasonFragReasmTimeout) }
	defer q.Drop(end)
	head, d := q.First(), dev.ByIndex(st.n, int(q.Iif))
	if head == nil || d == nil {
		return
	}
	h := (*wire.IPv4Hdr)(head.Network())
	head.Push(head.TransportOff() - head.NetworkOff())
	head.Dev, head.Dst = d, nil
	if RouteInput(c, st.n, head, h.Daddr(), h.Saddr(), h.TOS(), d) != 0 {
		return
	}
	if rt := RouteOf(head); q.Key.user != DefragLocal && (rt == nil || rt.Type != uapi.RTN_LOCAL) {
		return
	}
	ICMPSend(c, head, wire.ICMPTimeExceeded, wire.ICMPExcFragTime, 0)
}

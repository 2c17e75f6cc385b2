package tcp

import (
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/wire"
)

// A request is a connection that a listener has answered with a SYN-ACK
// (struct request_sock). It is used by the listener's owner or under its
// BHLock.
type request struct {
	node
	place   inet.Node[*node]
	q       tcb.Request
	l       *Sock
	timer   kern.Timer
	rt      *ipv4.Route
	from    ends
	retries int
	stamps  [2]uint32 // timestamps of the first SYN-ACK and the last
	spoke   ktime.T   // when a segment out of place was answered
	acked   bool      // the handshake is over, the accept queue was full or data are awaited
	sentAt  ktime.T
	gone    bool
	mark    uint32 // of the connection to be
	tos     uint8
	opts    *ipv4.Options // an answer's, to those of the SYN; or nil
	syn     []byte        // its headers, for TCP_SAVED_SYN
	// cookie is the Fast Open cookie to hand out, in the form that was asked.
	cookie    []byte
	cookieExp bool
}

// synInput answers a SYN (tcp_conn_request).
func (s *Sock) synInput(c *kern.CPU, b *skb.Buff, e ends) {
	st := s.st
	if rt := ipv4.RouteOf(b); rt != nil && rt.Flags&(ipv4.RTCFBroadcast|ipv4.RTCFMulticast) != 0 {
		b.Drop(c, st.n, skb.ReasonTCPFlags)
		return
	}
	if s.full() {
		s.overflow(c)
		b.Drop(c, st.n, skb.ReasonTCPListenOverflow)
		return
	}
	var g tcb.Segment
	parse(b, &g)
	queue := len(s.listen().requests)
	cookie := false
	switch mode := st.sys.syncookies.Load(); {
	case mode == 2, queue > s.listen().backlog && mode != 0:
		cookie = true
		s.flooded("Sending cookies")
	case queue > s.listen().backlog:
		s.flooded("Dropping request")
		st.mib.Inc(c, mib.TCPExtTCPReqQFullDrop)
		st.mib.Inc(c, mib.TCPExtListenDrops)
		b.Drop(c, st.n, skb.ReasonTCPListenOverflow)
		return
	}
	r := s.newRequest(c, b, &g, e)
	if r != nil && !cookie {
		r.syn = s.savedHeaders(b)
	}
	if r == nil {
		b.Drop(c, st.n, skb.ReasonIPOutnoroutes)
		return
	}
	if st.keepsRoom(c, b, r, queue) {
		return
	}
	if !cookie && (g.Opt.HasFast || g.Len > 0) && s.tryFast(c, b, &g, r) {
		return
	}
	if cookie {
		st.mib.Inc(c, mib.TCPExtTCPReqQFullDoCookies)
		s.sendCookie(c, r, &g)
	} else {
		s.listen().requests[r] = struct{}{}
		st.bind.Lock()
		st.insertAt(&r.place, &r.node)
		st.bind.Unlock()
		r.timer.InitHandlerOn(c, r)
		r.timer.Set(c.Now().Add(time.Second))
		r.send(c)
	}
	b.Consume(c)
}

// newRequest reads what the SYN says; nil: there is no way back.
func (s *Sock) newRequest(c *kern.CPU, b *skb.Buff, g *tcb.Segment, e ends) *request {
	st := s.st
	r := &request{l: s, from: e, opts: ipv4.EchoOptions(st.n, b)}
	r.likeSyn(b)
	bound := s.BoundDev.Load()
	if bound == 0 && e.sdif != 0 { // tcp_l3mdev_accept: the connection is the VRF's
		bound = e.dif
	}
	r.node = node{laddr: e.daddr, raddr: e.saddr, lport: e.dport, rport: e.sport, dev: bound, req: r}
	f := ipv4.Flow{
		Saddr: e.daddr, Daddr: e.saddr, Proto: uapi.IPPROTO_TCP, SPort: e.dport, DPort: e.sport, Mark: r.mark, TOS: r.tos,
		OIF: int(bound), Flags: ipv4.FlowAnySrc,
	}
	if r.opts != nil && r.opts.FirstHop != 0 {
		f.Daddr = r.opts.FirstHop
	}
	rt, err := st.inet.IP.RouteOutput(c, st.n, &f)
	if err != nil {
		st.mib.Inc(c, mib.IPOutNoRoutes)
		return nil
	}
	r.rt = rt
	set := st.settings()
	q := &r.q
	q.ISS = st.initialSeq(c.Now(), e.daddr, e.saddr, e.dport, e.sport)
	q.TSOffset = st.tsOffset(e.daddr, e.saddr)
	q.Path = s.path(rt)
	q.Path.IPOpt = r.opts.Len()
	q.IRS, q.RTT = g.Seq, -1
	q.MSS = 536
	if g.Opt.HasMSS {
		q.MSS = int(g.Opt.MSS)
	}
	q.TS, q.TSRecent = g.Opt.HasTS && set.Timestamps, g.Opt.TSVal
	q.SACK = g.Opt.SACKPerm && set.SACK
	if q.SACK && s.keyFor(e.saddr) != nil {
		q.TS = false // no room for SACK blocks beside signature and timestamp
	}
	q.WS, q.SndWS = g.Opt.HasWS && set.WindowScaling, g.Opt.WS
	q.ECN = s.takesECN(b, g, rt)
	mss := q.Path.AdvMSS
	if s.tune.UserMSS > 0 {
		mss = min(mss, s.tune.UserMSS)
	}
	if q.TS {
		mss -= 12
	}
	var shift uint8
	clamp := s.tune.WindowClamp
	if clamp == 0 {
		clamp = q.Path.Window
	}
	q.Window, q.Clamp, shift = tcb.InitialWindow(int(s.env.window(s.RcvBuf())), clamp, mss, q.WS, set.SignedWindows, set.RmemMax)
	q.Window = q.Path.InitialWindow(q.Window, mss)
	if q.WS {
		q.RcvWS = shift
	}
	return r
}

// send sends the SYN-ACK.
func (r *request) send(c *kern.CPU) {
	q := &r.q
	r.sentAt = c.Now()
	a := answer{ends: r.from, seq: q.ISS, ack: q.IRS + 1, flags: wire.TCPSyn | wire.TCPAck, window: uint16(q.Window), mark: r.mark, tos: r.tos, opts: r.opts}
	if q.ECN {
		a.flags |= wire.TCPEce
	}
	mss := q.Path.AdvMSS
	if u := r.l.tune.UserMSS; u > 0 {
		mss = min(mss, u)
	}
	o := tcb.SynOptions{
		MSS: uint16(mss), SACK: q.SACK, TS: q.TS, WS: q.WS, WScale: q.RcvWS,
		TSVal: uint32(c.Now()/ktime.T(time.Millisecond)) + q.TSOffset, TSEcr: q.TSRecent,
	}
	if r.q.Resent == 0 {
		r.stamps[0] = o.TSVal
	}
	r.stamps[1] = o.TSVal
	if len(r.cookie) > 0 { // once: a SYN-ACK that is sent again has none
		o.FastOn, o.Fast, o.FastExp = true, r.cookie, r.cookieExp
		r.cookie = nil
	}
	k := r.l.keyFor(r.from.saddr)
	o.Signed = k != nil
	a.optLen = len(o.Append(a.opt[:0]))
	a.key = k
	r.l.st.replyBy(c, &a, r.rt)
}

// ack answers b, a segment that is out of place, not too often
// (tcp_v4_reqsk_send_ack, tcp_oow_rate_limited).
func (r *request) ack(c *kern.CPU, b *skb.Buff) {
	st, q := r.l.st, &r.q
	if r.spoke != 0 && time.Duration(c.Now()-r.spoke) < st.settings().InvalidRatelimit {
		return
	}
	r.spoke = c.Now()
	a := answer{ends: r.from, seq: q.ISS + 1, ack: q.IRS + 1, flags: wire.TCPAck, window: uint16(q.Window >> q.RcvWS), mark: r.mark, tos: r.tos}
	if q.TS {
		a.optLen = len(tcb.AppendTimestamp(a.opt[:0], uint32(c.Now()/ktime.T(time.Millisecond))+q.TSOffset, q.TSRecent))
	}
	a.signAnswer(r.l.keyFor(r.from.saddr))
	if a.opts = ipv4.EchoOptions(st.n, b); a.opts != nil {
		st.reply(c, &a) // a source route has a way of its own
		return
	}
	st.replyBy(c, &a, r.rt)
}

// Fire implements kern.Handler: the timer of the SYN-ACK (reqsk_timer_handler).
func (r *request) Fire(c *kern.CPU) {
	l := r.l
	free := l.BHLock()
	defer l.BHUnlock()
	if r.gone {
		return
	}
	if !free {
		r.timer.Set(c.Now().Add(10 * time.Millisecond))
		return
	}
	most := int(l.st.sys.synackRetries.Load())
	if l.tune.SynCnt > 0 {
		most = l.tune.SynCnt
	}
	if r.retries >= max(most, l.deferRetries()) {
		r.drop()
		return
	}
	if !r.acked || r.retries >= l.deferRetries()-1 {
		r.send(c)
		r.q.Resent++
		l.st.countResent(c)
	}
	r.retries++
	r.timer.Set(c.Now().Add(min(time.Second<<r.retries, 120*time.Second)))
}

// deferRetries is TCP_DEFER_ACCEPT as a number of SYN-ACKs.
func (s *Sock) deferRetries() int { return s.listen().deferAccept }

// drop forgets a request. The caller owns the listener or holds its BHLock.
func (r *request) drop() {
	r.gone = true
	r.timer.Stop()
	delete(r.l.listen().requests, r)
	st := r.l.st
	st.bind.Lock()
	st.conns.Remove(&r.node.entry)
	st.bind.Unlock()
}

// input takes a segment for a request (tcp_check_req).
func (r *request) input(c *kern.CPU, b *skb.Buff) {
	st := r.l.st
	var g tcb.Segment
	parse(b, &g)
	q := &r.q
	paws := q.TS && g.Opt.HasTS && g.Flags&tcb.Rst == 0 && int32(q.TSRecent-g.Opt.TSVal) > 0
	switch {
	case g.Flags&(tcb.Syn|tcb.Rst|tcb.Ack) == tcb.Syn && g.Seq == q.IRS && !paws:
		r.send(c) // it did not hear
		r.q.Resent++
		st.countResent(c)
		b.Consume(c)
		return
	case g.Flags&tcb.Ack != 0 && g.Ack != q.ISS+1 && g.Flags&tcb.Rst == 0:
		st.sendReset(c, b, r.l)
		b.Drop(c, st.n, skb.ReasonTCPFlags)
		return
	case q.TS && g.Opt.HasTS && g.Flags&tcb.Rst == 0 && g.Opt.TSEcr != 0 && (int32(g.Opt.TSEcr-r.stamps[0]) < 0 || int32(g.Opt.TSEcr-r.stamps[1]) > 0):
		st.mib.Inc(c, mib.TCPExtTSEcrRejected) // an echo of what was never said
		r.ack(c, b)
		b.Drop(c, st.n, skb.ReasonTCPInvalidSequence)
		return
	case paws || int32(g.Seq-(q.IRS+1)) < 0 && g.Flags&tcb.Syn == 0 && g.Len == 0 && g.Seq != q.IRS || int32(g.Seq-(q.IRS+1)-uint32(q.Window)) > 0:
		if g.Flags&tcb.Rst == 0 {
			r.ack(c, b)
		}
		b.Drop(c, st.n, outOfWindow(paws))
		return
	case g.Flags&tcb.Rst != 0 && g.Seq == q.IRS+1, g.Flags&tcb.Syn != 0 && g.Flags&tcb.Rst == 0:
		st.mib.Inc(c, mib.TCPExtEmbryonicRsts)
		st.mib.Inc(c, mib.TCPAttemptFails)
		if g.Flags&tcb.Syn != 0 {
			st.sendReset(c, b, r.l)
		}
		r.drop()
		b.Drop(c, st.n, skb.ReasonTCPReset)
		return
	case g.Flags&tcb.Rst != 0: // RFC 5961 §3.2
		r.ack(c, b)
		b.Drop(c, st.n, skb.ReasonTCPReset)
		return
	case g.Flags&tcb.Ack == 0:
		b.Drop(c, st.n, skb.ReasonTCPFlags)
		return
	}
	if r.retries < r.l.deferRetries() && g.Len == 0 && g.Flags&tcb.Fin == 0 {
		r.acked = true
		st.mib.Inc(c, mib.TCPExtTCPDeferAcceptDrop)
		b.Consume(c)
		return
	}
	if q.TS && g.Opt.HasTS && int32(g.Seq-(q.IRS+1)) <= 0 {
		q.TSRecent = g.Opt.TSVal
	}
	r.complete(c, b)
}

// complete makes the connection, unless the accept queue is full.
func (r *request) complete(c *kern.CPU, b *skb.Buff) {
	l := r.l
	if l.full() {
		l.overflow(c)
		r.acked = true
		if l.st.sys.abortOverflow.Bool() {
			l.st.sendReset(c, b, l)
			r.drop()
		}
		b.Drop(c, l.st.n, skb.ReasonTCPListenOverflow)
		return
	}
	if r.q.Resent == 0 && r.sentAt != 0 {
		r.q.RTT = int64(c.Now()-r.sentAt) / 1000
	}
	r.q.Timeouts, r.q.Since = r.retries, r.sentAt
	r.drop()
	l.birth(c, b, r)
}

// birth makes the socket of a request, gives it the segment b, and queues it.
func (s *Sock) birth(c *kern.CPU, b *skb.Buff, r *request) {
	st := s.st
	a := s.child(r.from)
	a.synHeaders = r.syn
	r.passOn(a)
	a.IPID.Store(c.Uint32())
	a.CacheRoute(r.rt)
	a.routeCongestion(r.rt)
	a.tx.start(r.q.ISS + 1)
	a.BHLock() // it is nobody's yet
	st.bind.Lock()
	a.bind = a.bindingOf(r.from.dport)
	st.ports.Insert(&a.bind.entry, uint32(r.from.dport), &a.bind)
	a.enter()
	st.bind.Unlock()
	st.mib.Inc(c, mib.TCPPassiveOpens)
	a.Arrived(c)
	a.Opened(b.Iif, b.Network()[8], b.Network()[1])
	a.begin(c)
	a.seed(c.Now(), r.rt.Metrics)
	a.conn.Accept(c.Now(), &r.q)
	a.input(c, b)
	dead := a.conn.State == uapi.TCP_CLOSE && a.PendingError() == 0
	if dead {
		a.closed = true
		a.destroy(c)
	}
	a.BHUnlock()
	if dead {
		return
	}
	s.listen().queue = append(s.listen().queue, a)
	s.listen().ready.Add(1)
	s.Notify(c, uapi.POLLIN|uapi.POLLRDNORM)
}

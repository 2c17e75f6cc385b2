package tcp

import (
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/wire"
)

// timeWaitLen is TCP_TIMEWAIT_LEN.
const timeWaitLen = 60 * time.Second

// A timeWait is what is left of a connection (struct tcp_timewait_sock).
type timeWait struct {
	node
	bind  binding
	place struct { // in the tables
		conn inet.Node[*node]
		port inet.Node[*binding]
	}
	w     tcb.Wait
	st    *State
	timer kern.Timer
	mark  uint32
	tos   uint8
	// cookie is the socket's, for sock_diag.
	cookie uint64
	since  ktime.T
	spoke  ktime.T // when a bare segment was answered
	key    *md5Key // for segments to the peer
}

// toTimeWait leaves a TIME_WAIT in the connection's place; the socket is
// closed (tcp_time_wait).
func (s *Sock) toTimeWait(c *kern.CPU) {
	st := s.st
	w := s.conn.TimeWait()
	s.conn.Destroy()
	s.SetState(uapi.TCP_CLOSE)
	if st.waits.Load() >= st.sys.maxTW.Load() {
		st.mib.Inc(c, mib.TCPExtTCPTimeWaitOverflow)
		s.ended(c)
		return
	}
	t := &timeWait{w: w, st: st, mark: s.Mark.Load(), tos: s.TOS(), cookie: s.Cookie(), since: c.Now(), key: s.keyFor(s.Daddr.Load())}
	t.node = s.node
	t.node.s, t.node.tw = nil, t
	t.node.entry = inet.Entry[*node]{}
	t.bind = binding{port: s.bind.port, addr: s.RcvAddr.Load(), dev: s.BoundDev.Load(), reuse: s.Has(sock.FlagReuseAddr), reusePort: s.Has(sock.FlagReusePort), uid: s.UID}
	t.timer.InitHandlerOn(c, t)
	st.bind.Lock()
	st.conns.Remove(&s.node.entry)
	st.insertAt(&t.place.conn, &t.node)
	st.ports.InsertAt(&t.place.port, &t.bind.entry, uint32(t.bind.port), &t.bind)
	st.bind.Unlock()
	st.waits.Add(1)
	st.mib.Inc(c, mib.TCPExtTW)
	t.timer.Set(c.Now().Add(timeWaitLen))
	s.ended(c)
}

// Fire implements kern.Handler.
func (t *timeWait) Fire(*kern.CPU) { t.end() }

// end frees the ends of the connection.
func (t *timeWait) end() {
	t.st.bind.Lock()
	t.drop()
	t.st.bind.Unlock()
}

// drop is end for who holds st.bind.
func (t *timeWait) drop() {
	if !t.node.entry.In() {
		return
	}
	t.timer.Stop()
	t.st.conns.Remove(&t.node.entry)
	t.st.ports.Remove(&t.bind.entry)
	t.st.waits.Add(-1)
}

// giveWay lets a new connection of our own take the place, if its timestamps
// will be newer (RFC 6191; tcp_twsk_unique). The caller holds st.bind.
func (t *timeWait) giveWay(c *kern.CPU, s *Sock) bool {
	mode := t.st.sys.twReuse.Load()
	loop := inet.IsLoopback(t.node.laddr) || inet.IsLoopback(t.node.raddr)
	if mode == 0 || mode == 2 && !loop || !t.w.TS || time.Duration(c.Now()-t.w.TSRecentAt) < time.Duration(t.st.sys.more.twReuseDelay.Load())*time.Millisecond {
		return false
	}
	t.drop()
	return true
}

// timeWaitInput takes a segment for TIME_WAIT (tcp_timewait_state_process).
func (st *State) timeWaitInput(c *kern.CPU, b *skb.Buff, t *timeWait, e ends) {
	var g tcb.Segment
	parse(b, &g)
	w := &t.w
	paws := w.TS && g.Opt.HasTS && int32(w.TSRecent-g.Opt.TSVal) > 0
	empty := g.Len == 0 && g.Flags&(tcb.Syn|tcb.Fin) == 0
	if !paws && g.Seq == w.RcvNxt && (empty || g.Flags&tcb.Rst != 0) {
		if g.Flags&tcb.Rst == 0 {
			t.timer.Set(c.Now().Add(timeWaitLen))
			if w.TS && g.Opt.HasTS {
				w.TSRecent, w.TSRecentAt = g.Opt.TSVal, c.Now()
			}
		} else if !st.sys.rfc1337.Bool() {
			t.end()
		}
		b.Consume(c)
		return
	}
	if g.Flags&(tcb.Syn|tcb.Rst|tcb.Ack) == tcb.Syn && !paws &&
		(int32(g.Seq-w.RcvNxt) > 0 || w.TS && g.Opt.HasTS && int32(w.TSRecent-g.Opt.TSVal) < 0) {
		if l := st.lookupListener(c, e, b); l != nil { // a new incarnation
			t.end()
			l.softirq(c, b)
			return
		}
	}
	if paws {
		st.mib.Inc(c, mib.TCPExtPAWSTimewait)
	}
	if g.Flags&tcb.Rst == 0 {
		if paws || g.Flags&tcb.Ack != 0 {
			t.timer.Set(c.Now().Add(timeWaitLen))
		}
		if t.mayAnswer(c, empty || g.Flags&tcb.Syn != 0) {
			t.ack(c, b, e)
		}
	}
	b.Consume(c)
}

// mayAnswer is tcp_invalid_ratelimit, for what could be half of an endless
// exchange.
func (t *timeWait) mayAnswer(c *kern.CPU, bare bool) bool {
	if !bare {
		return true
	}
	if t.spoke != 0 && time.Duration(c.Now()-t.spoke) < t.st.settings().InvalidRatelimit {
		t.st.mib.Inc(c, mib.TCPExtTCPACKSkippedTimeWait)
		return false
	}
	t.spoke = c.Now()
	return true
}

// ack acknowledges again, for a peer that did not hear: b is from it.
func (t *timeWait) ack(c *kern.CPU, b *skb.Buff, e ends) {
	a := answer{ends: e, seq: t.w.SndNxt, ack: t.w.RcvNxt, flags: wire.TCPAck, window: uint16(t.w.RcvWnd >> t.w.RcvWS), mark: t.mark, tos: t.tos}
	if t.w.TS {
		a.optLen = len(tcb.AppendTimestamp(a.opt[:0], uint32(c.Now()/ktime.T(time.Millisecond))+t.w.TSOffset, t.w.TSRecent))
	}
	a.signAnswer(t.key)
	a.opts = ipv4.EchoOptions(t.st.n, b)
	t.st.reply(c, &a)
}

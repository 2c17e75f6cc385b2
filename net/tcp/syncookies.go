package tcp

import (
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/lib/siphash"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/tcp/internal/tcb"
)

// cookieMSS are the values that a cookie tells apart (net/ipv4/syncookies.c's
// documented table: 536, 1300, 1440, 1460).
var cookieMSS = [4]int{536, 1300, 1440, 1460}

const (
	cookiePeriod = 60 * time.Second
	cookieAge    = 2  // periods for which a cookie holds
	tsBits       = 6  // of the timestamp that carry options
	tsWScale     = 15 // no window scaling
	tsSACK       = 1 << 4
	tsECN        = 1 << 5
)

// cookie makes the initial sequence number of a SYN that nobody remembers
// (RFC 4987 §3.6): a count of minutes and the MSS, under a secret.
func (st *State) cookie(now ktime.T, e ends, irs uint32, mss uint32) uint32 {
	count := uint32(now / ktime.T(cookiePeriod))
	return st.cookieHash(e, 0, 0) + irs + count<<24 + (st.cookieHash(e, count, 1)+mss)&0xffffff
}

func (st *State) cookieHash(e ends, count uint32, kind uint64) uint32 {
	return uint32(siphash.Words24(st.secret, uint64(e.saddr)<<32|uint64(e.daddr), uint64(e.sport)<<48|uint64(e.dport)<<32|uint64(count), 0xc00c1e+kind))
}

// checkCookie reads what cookie made; false: it is none, or too old.
func (st *State) checkCookie(now ktime.T, e ends, irs, cookie uint32) (mss int, ok bool) {
	cookie -= st.cookieHash(e, 0, 0) + irs
	count := uint32(now / ktime.T(cookiePeriod))
	age := (count - cookie>>24) & 0xff
	if age >= cookieAge {
		return 0, false
	}
	i := (cookie - st.cookieHash(e, count-age, 1)) & 0xffffff
	if i >= uint32(len(cookieMSS)) {
		return 0, false
	}
	return cookieMSS[i], true
}

// sendCookie answers a SYN without remembering it. The options that the
// timestamp cannot carry are not offered.
func (s *Sock) sendCookie(c *kern.CPU, r *request, g *tcb.Segment) {
	i := uint32(len(cookieMSS) - 1)
	for i > 0 && r.q.MSS < cookieMSS[i] {
		i--
	}
	q := &r.q
	q.ISS = s.st.cookie(c.Now(), r.from, g.Seq, i)
	if q.TS {
		bits := uint32(tsWScale)
		if q.WS {
			bits = uint32(q.SndWS)
		}
		if q.SACK {
			bits |= tsSACK
		}
		if q.ECN {
			bits |= tsECN
		}
		now := uint32(c.Now() / ktime.T(time.Millisecond))
		ts := (now+q.TSOffset)&^(1<<tsBits-1) | bits
		if int32(ts-(now+q.TSOffset)) > 0 {
			ts -= 1 << tsBits
		}
		q.TSOffset = ts - now
	} else {
		q.WS, q.SACK, q.ECN = false, false, false
	}
	s.st.mib.Inc(c, mib.TCPExtSyncookiesSent)
	s.st.mibCookies.Add(1)
	r.send(c)
}

// cookieInput looks whether an ACK for the listener answers a cookie, and makes
// the connection; it reports that it took b (cookie_v4_check).
func (s *Sock) cookieInput(c *kern.CPU, b *skb.Buff, e ends) bool {
	st := s.st
	if st.sys.syncookies.Load() == 0 || st.mibCookies.Load() == 0 {
		return false
	}
	var g tcb.Segment
	parse(b, &g)
	mss, ok := st.checkCookie(c.Now(), e, g.Seq-1, g.Ack-1)
	if !ok {
		st.mib.Inc(c, mib.TCPExtSyncookiesFailed)
		return false
	}
	syn := g
	syn.Seq--
	syn.Flags = tcb.Syn
	syn.Opt = tcb.Options{HasMSS: true, MSS: uint16(mss)}
	if g.Opt.HasTS {
		syn.Opt.HasTS, syn.Opt.TSVal = true, g.Opt.TSVal
		bits := g.Opt.TSEcr & (1<<tsBits - 1)
		syn.Opt.SACKPerm = bits&tsSACK != 0
		if ws := bits & 15; ws != tsWScale {
			syn.Opt.HasWS, syn.Opt.WS = true, uint8(ws)
		}
		if bits&tsECN != 0 {
			syn.Flags |= tcb.Ece | tcb.Cwr
			syn.ECN = 0
		}
	}
	r := s.newRequest(c, b, &syn, e)
	if r == nil {
		return false
	}
	st.mib.Inc(c, mib.TCPExtSyncookiesRecv)
	r.q.ISS = g.Ack - 1
	if s.full() {
		s.overflow(c)
		b.Drop(c, st.n, skb.ReasonTCPListenOverflow)
		return true
	}
	s.birth(c, b, r)
	return true
}

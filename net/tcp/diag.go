package tcp

import (
	"cmp"
	"slices"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/inet"
	"linen/net/netlink"
	"linen/net/sockdiag"
	"linen/uapi"
	"linen/uapi/errno"
)

// Timers as inet_diag numbers them, besides those of tcb.Info.
const (
	diagRetransmit = 1
	diagTimeWait   = 3
)

// registerDiag shows TCP in sock_diag (net/ipv4/tcp_diag.c).
func (st *State) registerDiag() {
	sockdiag.RegisterInet(st.n, uapi.IPPROTO_TCP, &sockdiag.InetProto{
		List: st.diagList, Find: st.diagFind, Extend: diagExtend, Destroy: st.diagDestroy,
	})
}

// diagList returns listeners by port, then what has two ends. Sockets that are
// closed are not shown.
func (st *State) diagList() (list []sockdiag.InetSocket) {
	var listeners []*Sock
	st.listeners.All(func(s *Sock) bool { listeners = append(listeners, s); return true })
	slices.SortStableFunc(listeners, func(a, b *Sock) int { return cmp.Compare(a.Num.Load(), b.Num.Load()) })
	for _, s := range listeners {
		list = append(list, s)
	}
	st.conns.All(func(v *node) bool {
		if s := v.diag(); s != nil {
			list = append(list, s)
		}
		return true
	})
	return list
}

// diag returns what stands at a place among the connections.
func (v *node) diag() sockdiag.InetSocket {
	switch {
	case v.s != nil:
		return v.s
	case v.req != nil:
		return v.req
	case v.tw != nil:
		return v.tw
	}
	return nil
}

// diagFind returns the connection between two ends, else who listens
// (inet_diag_find_one_icsk).
func (st *State) diagFind(family, _ uint8, id *uapi.InetDiagSockID) sockdiag.InetSocket {
	own, peer, ok := inet.DiagEnds(family, id)
	if !ok {
		return nil
	}
	e := ends{saddr: peer, daddr: own, sport: id.DPort, dport: id.SPort, dif: int32(id.If)}
	if v := st.lookup(e); v != nil {
		return v.diag()
	}
	c := st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	if s := st.lookupListener(c, e, nil); s != nil {
		return s
	}
	return nil
}

// millis is what is left until a time, for idiag_expires.
func millis(until, now ktime.T) uint32 {
	return uint32(max(time.Duration(until-now), 0) / time.Millisecond)
}

// mourn tells those who listen for it that the socket is destroyed. The caller
// holds the lock.
func (s *Sock) mourn(c *kern.CPU) {
	if !sockdiag.Mourned(s.st.n, s.Family(), uapi.IPPROTO_TCP) {
		return
	}
	var d sockdiag.Inet
	s.Sock.Diag(&d)
	d.State, d.RQueue, d.WQueue = uapi.TCP_CLOSE, uint32(s.unread()), uint32(s.txBytes.Load())
	var info [infoSize]byte
	s.info(info[:])
	info[0] = uapi.TCP_CLOSE
	sockdiag.Destroyed(c, s.st.n, uapi.IPPROTO_TCP, &d, info[:])
}

// Diag implements sockdiag.InetSocket.
func (s *Sock) Diag(d *sockdiag.Inet) {
	s.Lock()
	defer s.Unlock()
	s.Sock.Diag(d)
	d.Options |= sockdiag.OptConnection
	if s.closed { // an orphan has no file
		d.Inode = 0
	}
	if s.State() == uapi.TCP_LISTEN {
		d.RQueue, d.WQueue = uint32(len(s.listen().queue)), uint32(s.listen().backlog)
		return
	}
	now := s.st.n.Kernel().Now()
	i := s.conn.Info(now)
	d.RQueue, d.WQueue = uint32(s.unread()), uint32(s.txBytes.Load())
	if d.Timer = i.Timer; i.Timer == 0 {
		return
	}
	d.Expires, d.Retrans = millis(i.Expires, now), i.Probes
	if i.Timer == diagRetransmit {
		d.Retrans = i.Retransmits
	}
}

// place fills what a request and a TIME_WAIT have: their ends.
func (v *node) place(d *sockdiag.Inet) {
	a, b := inet.Addr{IP: v.laddr, Port: v.lport}, inet.Addr{IP: v.raddr, Port: v.rport}
	d.Family = uapi.AF_INET
	d.ID.SPort, d.ID.DPort, d.ID.If = a.Port, b.Port, uint32(v.dev)
	d.ID.Src, d.ID.Dst = inet.DiagAddr(a.IP), inet.DiagAddr(b.IP)
}

// Diag implements sockdiag.InetSocket (inet_req_diag_fill).
func (r *request) Diag(d *sockdiag.Inet) {
	r.l.Lock()
	defer r.l.Unlock()
	r.node.place(d)
	d.State, d.Timer, d.Retrans = uapi.TCP_SYN_RECV, diagRetransmit, uint8(r.retries)
	d.Expires = millis(r.timer.Expires(), r.l.st.n.Kernel().Now())
	// The initial number tells this handshake from an earlier one.
	d.ID.Cookie, d.Mark = r.l.Cookie()<<32|uint64(r.q.ISS), r.l.Mark.Load()
}

// Diag implements sockdiag.InetSocket (inet_twsk_diag_fill).
func (t *timeWait) Diag(d *sockdiag.Inet) {
	t.node.place(d)
	d.State, d.Timer = uapi.TCP_TIME_WAIT, diagTimeWait
	d.Expires = millis(t.timer.Expires(), t.st.n.Kernel().Now())
	d.ID.Cookie, d.Mark = t.cookie, t.mark
}

// diagExtend appends INFO and CONG.
func diagExtend(m *netlink.Msg, v sockdiag.InetSocket, ext uint8, admin bool) {
	s, ok := v.(*Sock)
	if !ok {
		return
	}
	s.Lock()
	defer s.Unlock()
	if sockdiag.Wants(ext, uapi.INET_DIAG_INFO) {
		s.info(m.Reserve(uapi.INET_DIAG_INFO, infoSize))
	}
	if sockdiag.Wants(ext, uapi.INET_DIAG_VEGASINFO) {
		if kind, p := s.conn.CongestionInfo(); p != nil {
			m.Attr(kind, p)
		}
	}
	if sockdiag.Wants(ext, uapi.INET_DIAG_CONG) {
		m.String(uapi.INET_DIAG_CONG, s.conn.Congestion())
	}
	if admin {
		s.putMD5(m)
	}
}

// diagDestroy is SOCK_DESTROY (tcp_abort): the user's socket fails with
// ECONNABORTED, the peer gets a reset.
func (st *State) diagDestroy(v sockdiag.InetSocket) error {
	switch o := v.(type) {
	case *timeWait:
		o.end()
	case *request:
		o.l.Lock()
		defer o.l.Unlock()
		if !o.gone {
			o.drop()
		}
	case *Sock:
		o.abort()
	}
	return nil
}

// abort ends a listener or a connection from outside.
func (s *Sock) abort() {
	s.Lock()
	defer s.Unlock()
	listening := s.State() == uapi.TCP_LISTEN
	if listening {
		s.stopListening()
		s.SetState(uapi.TCP_CLOSE)
	}
	c := s.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	s.fast.deferred = false
	s.begin(c)
	if !listening {
		old := s.conn.State
		s.conn.Abort(c.Now())
		s.env.Changed(old)
	}
	s.env.Failed(errno.ECONNABORTED)
	s.finish(c)
}

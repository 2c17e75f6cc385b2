package tcp

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/inet"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// listener is the listening part of a socket, used by the owner or under
// BHLock.
type listener struct {
	backlog     int
	queue       []*Sock      // accepted by us, not by the program
	ready       atomic.Int32 // its length
	requests    map[*request]struct{}
	deferAccept int // SYN-ACKs, from TCP_DEFER_ACCEPT
	fast        fastQueue
	floodTold   bool // its requests were too many, and the log says so
}

// listen returns the listening part, which few sockets have. The caller owns s,
// or s listens.
func (s *Sock) listen() *listener {
	if s.lsn == nil {
		s.lsn = new(listener)
	}
	return s.lsn
}

// Listen implements sock.Socket (inet_listen).
func (s *Sock) Listen(_ *sock.Caller, backlog int) error {
	most := int(sock.Of(s.st.n).Sysctl.Somaxconn.Load())
	if backlog < 0 || backlog > most {
		backlog = most
	}
	s.Lock()
	defer s.Unlock()
	s.listen().backlog = backlog
	switch s.State() {
	case uapi.TCP_LISTEN:
		return nil
	case uapi.TCP_CLOSE:
	default:
		return errno.EINVAL
	}
	if s.Num.Load() == 0 {
		if err := s.bindPort(0); err != nil {
			return err
		}
	}
	s.listen().requests = make(map[*request]struct{})
	s.SetState(uapi.TCP_LISTEN)
	if err := s.enterListeners(); err != nil {
		s.SetState(uapi.TCP_CLOSE)
		return err
	}
	s.fastAnyListener()
	s.Set(sock.FlagListening, true)
	return nil
}

// enterListeners puts s into the table, and with SO_REUSEPORT into the group of its
// address and port, unless somebody took the port since bind (inet_csk_listen_start,
// inet_reuseport_add_sock). The caller owns s, which is a listener already.
func (s *Sock) enterListeners() error {
	st := s.st
	st.bind.Lock()
	defer st.bind.Unlock()
	if !s.portFree(int(s.Num.Load())) {
		return errno.EADDRINUSE
	}
	if s.Has(sock.FlagReusePort) {
		var mate *inet.Sock
		for n := st.listeners.First(s.Num.Load()); n != nil && mate == nil; n = n.Next() {
			if o := &n.Value.Sock; s.InGroupWith(o) {
				mate = o
			}
		}
		s.JoinGroup(mate)
	}
	st.listeners.Insert(&s.inList, s.Num.Load(), s)
	return nil
}

// Accept implements sock.Socket.
func (s *Sock) Accept(*sock.Caller) (sock.Socket, error) {
	s.Lock()
	defer s.Unlock()
	if s.State() != uapi.TCP_LISTEN {
		return nil, errno.EINVAL
	}
	if len(s.listen().queue) == 0 {
		return nil, errno.EAGAIN
	}
	l := s.listen()
	a := l.queue[0]
	l.queue[0] = nil
	if len(l.queue) == 1 {
		l.queue = l.queue[:0]
	} else {
		l.queue = l.queue[1:]
	}
	s.listen().ready.Add(-1)
	return a, nil
}

// stopListening ends the requests and the connections that nobody accepted, but
// for those that others take over. The caller owns s and is on no CPU.
func (s *Sock) stopListening() {
	s.st.bind.Lock()
	s.st.listeners.Remove(&s.inList)
	heirs := s.LeaveGroup()
	s.st.bind.Unlock()
	s.Set(sock.FlagListening, false)
	s.migrate(heirs)
	c := s.st.n.Kernel().Enter(kern.Any)
	for r := range s.listen().requests {
		r.drop()
	}
	for _, a := range s.listen().queue {
		a.BHLock() // nobody else knows it: it is free
		a.abandon(c)
		a.BHUnlock()
	}
	c.Exit()
	s.listen().queue, s.listen().requests = nil, nil
	s.listen().ready.Store(0)
}

// abandon ends a connection that was never accepted.
func (s *Sock) abandon(c *kern.CPU) {
	s.closed = true
	s.begin(c)
	s.conn.Abort(c.Now())
	s.SetState(uapi.TCP_CLOSE)
	s.finish(c)
}

// listenInput takes a segment for a listener or for one of its requests
// (tcp_rcv_state_process in LISTEN, tcp_check_req).
func (s *Sock) listenInput(c *kern.CPU, b *skb.Buff) {
	st := s.st
	e, h := endsOf(b)
	if v := st.lookup(e); v != nil { // since the lookup, or a request's
		switch {
		case v.req != nil && v.req.l == s:
			v.req.input(c, b)
		case v.s != nil:
			v.s.softirq(c, b)
		default:
			b.Drop(c, st.n, skb.ReasonTCPFlags)
		}
		return
	}
	flags := h.Flags()
	switch {
	case flags&(wire.TCPRst|wire.TCPAck) == wire.TCPRst:
		b.Drop(c, st.n, skb.ReasonTCPReset)
	case flags&wire.TCPRst != 0:
		b.Drop(c, st.n, skb.ReasonTCPFlags)
	case flags&wire.TCPAck != 0:
		if s.cookieInput(c, b, e) {
			return
		}
		st.sendReset(c, b, s)
		b.Drop(c, st.n, skb.ReasonTCPFlags)
	case flags&wire.TCPSyn == 0 || flags&wire.TCPFin != 0:
		b.Drop(c, st.n, skb.ReasonTCPFlags)
	default:
		s.synInput(c, b, e)
	}
}

// overflow counts a SYN or an ACK that the accept queue has no room for.
func (s *Sock) overflow(c *kern.CPU) {
	s.st.mib.Inc(c, mib.TCPExtListenOverflows)
	s.st.mib.Inc(c, mib.TCPExtListenDrops)
	s.Dropped()
}

// full reports that the accept queue takes no more (sk_acceptq_is_full).
func (s *Sock) full() bool { return len(s.listen().queue) > s.listen().backlog }

// child makes the socket of a connection (inet_csk_clone_lock).
func (s *Sock) child(e ends) *Sock {
	a := s.st.newSock(nil, s.Protocol())
	a.Sock.Inherit(&s.Sock)
	if e.sdif != 0 && s.BoundDev.Load() == 0 { // tcp_l3mdev_accept: the connection is the VRF's
		a.BoundDev.Store(e.dif)
	}
	a.tune = s.tune
	a.lowat.Store(s.tune.NotsentLowat)
	a.childCongestion(s)
	a.conn.SetMaxPacing(a.PacingRate.Load())
	a.inheritKey(s, e.saddr)
	a.conn.Tune(a.tune)
	a.RcvAddr.Store(e.daddr)
	a.Saddr.Store(e.daddr)
	a.Daddr.Store(e.saddr)
	a.Num.Store(uint32(e.dport))
	a.Dport.Store(uint32(e.sport))
	a.SetIs(inet.BindLockPort, false)
	a.connected = true
	a.feat = s.feat
	a.fast = fastOpts{noCookie: s.fast.noCookie}
	return a
}

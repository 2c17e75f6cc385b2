package tcp

import (
	"linen/kern"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/sock"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/uapi/errno"
)

// Connect implements sock.Socket (inet_stream_connect, tcp_v4_connect).
func (s *Sock) Connect(_ *sock.Caller, sa []byte) error {
	unspec, err := inet.IsUnspec(sa)
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	if unspec {
		return s.disconnect()
	}
	switch s.State() {
	case uapi.TCP_LISTEN:
		return errno.EISCONN
	case uapi.TCP_SYN_SENT, uapi.TCP_SYN_RECV:
		if s.fast.deferred {
			return errno.EISCONN
		}
		return errno.EALREADY
	case uapi.TCP_CLOSE:
		if s.syn { // the attempt failed: told once, then a new one
			s.syn = false
			err := s.TakeError()
			if err == nil {
				err = errno.ECONNABORTED
			}
			s.reopen()
			return err
		}
		return s.open(sa, false)
	}
	if !s.connected {
		if err := s.TakeError(); err != nil {
			return err
		}
		s.connected = true
		if s.syn {
			return nil
		}
	}
	return errno.EISCONN
}

// reopen makes a closed socket fresh, for another connect.
func (s *Sock) reopen() {
	name := s.conn.Congestion()
	s.conn.Init(&s.env, s.st.settings(), s.tune)
	s.conn.SetCongestion(name)
	s.conn.SetMaxPacing(s.PacingRate.Load())
	s.conn.Tune(s.tune)
	s.connected = false
	s.over = false
	s.ClearShut()
	s.tx.clear()
}

// disconnect is connect to AF_UNSPEC (tcp_disconnect).
func (s *Sock) disconnect() error {
	s.fast.deferred = false
	listening := s.State() == uapi.TCP_LISTEN
	if listening {
		s.stopListening()
		s.SetState(uapi.TCP_CLOSE)
	}
	c := s.st.n.Kernel().Enter(kern.Any)
	if !listening {
		s.begin(c)
		if s.conn.State != uapi.TCP_CLOSE {
			s.SetError(c, errno.ECONNRESET)
		}
		s.conn.Abort(c.Now())
		s.SetState(uapi.TCP_CLOSE)
		s.finish(c)
	}
	s.rx.clear(c)
	c.Exit()
	s.rxReady.Store(0)
	s.unhash()
	s.syn = false
	s.reopen()
	s.Daddr.Store(0)
	s.Dport.Store(0)
	if !s.Is(inet.BindLockAddr) {
		s.Saddr.Store(0)
		s.RcvAddr.Store(0)
	}
	// The port stays, also one that connect chose (6.18).
	return nil
}

// open begins the handshake; fast sends data with it.
func (s *Sock) open(sa []byte, fast bool) error {
	family, a, err := inet.ParseAddr(sa)
	if err != nil {
		return err
	}
	if family != uapi.AF_INET {
		return errno.EAFNOSUPPORT
	}
	c := s.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	ck := s.NewCookie() // IP_UNICAST_IF is not for connections
	rt, saddr, daddr, err := s.Route(c, &ck, a.IP, uint16(s.Num.Load()), a.Port)
	if err != nil {
		if err == errno.EACCES {
			return errno.ENETUNREACH // a broadcast
		}
		return err
	}
	if rt.Flags&(ipv4.RTCFMulticast|ipv4.RTCFBroadcast) != 0 {
		return errno.ENETUNREACH
	}
	bound := s.RcvAddr.Load() != 0
	if s.Saddr.Load() == 0 {
		s.Saddr.Store(saddr)
	}
	if !bound {
		s.RcvAddr.Store(saddr)
	}
	s.Daddr.Store(daddr)
	s.Dport.Store(uint32(a.Port))
	if s.used {
		s.reopen()
	}
	s.used = true
	if err := s.hashConnect(c); err != nil {
		s.Dport.Store(0)
		s.Daddr.Store(0)
		if !bound {
			s.Saddr.Store(0)
			s.RcvAddr.Store(0)
		}
		return err
	}
	s.CacheRoute(rt)
	s.syn = true
	if !fast && s.deferConnect() {
		return nil
	}
	s.sendSyn(c, rt, fast || s.fast.connect)
	return errno.EINPROGRESS
}

// sendSyn starts the machine; fast asks for, or uses, a Fast Open cookie.
func (s *Sock) sendSyn(c *kern.CPU, rt *ipv4.Route, fast bool) {
	st := s.st
	laddr, raddr := s.Saddr.Load(), s.Daddr.Load()
	iss := st.initialSeq(c.Now(), laddr, raddr, uint16(s.Num.Load()), uint16(s.Dport.Load()))
	s.IPID.Store(c.Uint32())
	s.tx.start(iss + 1)
	if signed := s.keyFor(raddr) != nil; signed != s.tune.Signed {
		s.ownTune()
		s.tune.Signed = signed
	}
	s.conn.Tune(s.tune)
	s.routeCongestion(rt)
	st.mib.Inc(c, mib.TCPActiveOpens)
	_, full := s.env.Space()
	o := tcb.Opening{ISS: iss, TSOffset: st.tsOffset(laddr, raddr), Path: s.path(rt), Space: full, ECN: st.sys.ecn.Load() == 1 || s.conn.NeedsECN() || routeECN(rt)}
	if fast {
		o.Fast = s.prepareFast(o.Path, rt)
	}
	s.begin(c)
	s.seed(c.Now(), rt.Metrics)
	s.conn.Connect(c.Now(), o)
	s.finish(c)
}

// unhash takes the socket out of the connections.
func (s *Sock) unhash() {
	s.st.bind.Lock()
	defer s.st.bind.Unlock()
	s.st.conns.Remove(&s.node.entry)
}

// ended is what the end of a connection leaves to do.
func (s *Sock) ended(c *kern.CPU) {
	if s.node.s != nil && s.node.entry.In() {
		s.unhash()
	}
	s.tx.clear()
	s.txBytes.Store(0)
	if s.closed && !s.over {
		s.destroy(c)
	}
}

// destroy is the end of a socket that nobody holds.
func (s *Sock) destroy(c *kern.CPU) {
	s.over = true
	s.mourn(c)
	if s.isOrphan {
		s.st.mem.orphans.Add(-1)
	}
	s.rx.clear(c)
	s.account(c)
	s.timer.Stop()
	s.armed = 0
	s.st.bind.Lock()
	s.st.conns.Remove(&s.node.entry)
	s.st.ports.Remove(&s.bind.entry)
	s.st.bind.Unlock()
	s.EndOn(c)
}

// Shutdown implements sock.Socket (inet_shutdown).
func (s *Sock) Shutdown(_ *sock.Caller, how int) error {
	if how < 0 || how > 2 {
		return errno.EINVAL
	}
	s.Lock()
	defer s.Unlock()
	how++
	switch s.State() {
	case uapi.TCP_CLOSE:
		return errno.ENOTCONN
	case uapi.TCP_LISTEN:
		if how&sock.RcvShutdown == 0 {
			return nil
		}
		s.stopListening()
		s.SetState(uapi.TCP_CLOSE)
		s.Notify(nil, uapi.POLLIN|uapi.POLLHUP)
		return nil
	case uapi.TCP_SYN_SENT: // it is given up (inet_shutdown)
		return s.disconnect()
	}
	s.SetShut(uint32(how))
	c := s.st.n.Kernel().Enter(kern.Any)
	s.begin(c)
	if how&sock.RcvShutdown != 0 {
		s.conn.RcvShut = true
	}
	if how&sock.SendShutdown != 0 {
		s.conn.Shutdown(c.Now())
	}
	s.events |= uapi.POLLIN | uapi.POLLOUT | uapi.POLLRDHUP | uapi.POLLHUP
	s.finish(c)
	c.Exit()
	return nil
}

// Close implements sock.Socket (tcp_close).
func (s *Sock) Close() error {
	s.LeaveAll()
	s.Lock()
	if s.closed {
		s.Unlock()
		return nil
	}
	s.closed = true
	if s.State() == uapi.TCP_LISTEN {
		s.stopListening()
		s.SetState(uapi.TCP_CLOSE)
	}
	c := s.st.n.Kernel().Enter(kern.Any)
	s.begin(c)
	unread := s.rxReady.Load() > 0
	if unread {
		s.st.mib.Inc(c, mib.TCPExtTCPAbortOnClose)
	}
	s.conn.Close(c.Now(), unread, s.LingerZero() && s.conn.State != uapi.TCP_CLOSE)
	s.orphaned(c)
	s.SetShut(sock.ShutdownMask)
	s.rx.clear(c)
	s.rxReady.Store(0)
	s.SetState(uint32(s.conn.State))
	s.finish(c)
	c.Exit()
	s.Unlock()
	return nil
}

// orphaned counts a connection that lives on without its socket; too many of
// them, and it is reset (tcp_check_oom).
func (s *Sock) orphaned(c *kern.CPU) {
	if s.conn.State == uapi.TCP_CLOSE || s.conn.State == uapi.TCP_TIME_WAIT {
		return
	}
	s.isOrphan = true
	if s.st.mem.orphans.Add(1) > s.st.sys.maxOrphans.Load() || s.outOfMemory() {
		s.st.mib.Inc(c, mib.TCPExtTCPAbortOnMemory)
		s.conn.Abort(c.Now())
	}
}

// Getpeername implements sock.Socket: ENOTCONN unless there is a connection.
func (s *Sock) Getpeername() ([]byte, error) {
	switch s.State() {
	case uapi.TCP_CLOSE, uapi.TCP_LISTEN, uapi.TCP_SYN_SENT:
		return nil, errno.ENOTCONN
	}
	return s.Sock.Getpeername()
}

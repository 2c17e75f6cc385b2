package inet

import (
	"linen/kern"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// A Scratch is a CPU's space for a route lookup, so that a send allocates
// nothing.
type Scratch struct{ Flow ipv4.Flow }

var scratchKey = kern.NewCPUKey[Scratch]()

// ScratchOf returns c's Scratch, for one use at a time.
func ScratchOf(c *kern.CPU) *Scratch {
	s := scratchKey.Of(c)
	if s == nil {
		s = new(Scratch)
		scratchKey.Set(c, s)
	}
	return s
}

// Route finds the way of a send to daddr: it returns the route with the
// addresses it chose, and counts a send without one. EACCES: a broadcast without
// SO_BROADCAST.
func (s *Sock) Route(c *kern.CPU, ck *Cookie, daddr uint32, sport, dport uint16) (rt *ipv4.Route, saddr, dst uint32, err error) {
	rt, saddr, dst, err = s.Uncounted(c, ck, daddr, sport, dport)
	if err == errno.ENETUNREACH {
		mib.Inc(c, s.Net(), mib.IPOutNoRoutes)
	}
	return rt, saddr, dst, err
}

// Uncounted is Route for sends that Ip.OutNoRoutes does not count: a raw
// socket's.
func (s *Sock) Uncounted(c *kern.CPU, ck *Cookie, daddr uint32, sport, dport uint16) (rt *ipv4.Route, saddr, dst uint32, err error) {
	f := &ScratchOf(c).Flow
	*f = s.SendFlow(ck, daddr, sport, dport)
	if ck.Options != nil && ck.Options.FirstHop != 0 { // a source route begins there
		f.Daddr = ck.Options.FirstHop
	}
	rt, err = s.st.IP.RouteOutput(c, s.Net(), f)
	if err != nil {
		return nil, 0, 0, err
	}
	if rt.Flags&ipv4.RTCFBroadcast != 0 && !s.Has(sock.FlagBroadcast) {
		return nil, 0, 0, errno.EACCES
	}
	if ck.Options != nil && ck.Options.FirstHop != 0 {
		return rt, f.Saddr, daddr, nil
	}
	return rt, f.Saddr, f.Daddr, nil
}

// ConnectDatagram connects a datagram socket to sa: the route is looked up, the
// addresses settle, later sends may name no address (ip4_datagram_connect). The
// caller owns s, has bound it, and hashes it again.
func (s *Sock) ConnectDatagram(sa []byte) error {
	family, a, err := ParseAddr(sa)
	if err != nil {
		return err
	}
	if family != uapi.AF_INET {
		return errno.EAFNOSUPPORT
	}
	ck := s.NewCookie()
	if IsMulticast(a.IP) {
		s.Multicast(&ck)
	} else {
		s.UnicastIF(&ck)
	}
	c := s.Net().Kernel().Enter(kern.Any)
	rt, saddr, daddr, err := s.Route(c, &ck, a.IP, uint16(s.Num.Load()), a.Port)
	id := c.Uint32()
	c.Exit()
	if err != nil {
		return err
	}
	if s.Saddr.Load() == 0 {
		s.Saddr.Store(saddr)
	}
	if s.RcvAddr.Load() == 0 {
		s.RcvAddr.Store(saddr)
	}
	s.Daddr.Store(daddr)
	s.Dport.Store(uint32(a.Port))
	if g := s.Group(); g != nil {
		g.connected.Store(true)
	}
	s.IPID.Store(id)
	s.SetState(uapi.TCP_ESTABLISHED)
	s.CacheRoute(rt)
	return nil
}

// Disconnect dissolves a datagram socket's association (__udp_disconnect); the
// caller owns s and hashes it again. Unless bind gave them, address and port go
// too: unbind reports the latter.
func (s *Sock) Disconnect() (unbind bool) {
	s.SetState(uapi.TCP_CLOSE)
	s.Daddr.Store(0)
	s.Dport.Store(0)
	s.BoundDev.Store(0)
	s.CacheRoute(nil)
	if !s.Is(BindLockAddr) {
		s.Saddr.Store(0)
		s.RcvAddr.Store(0)
	}
	return !s.Is(BindLockPort)
}

// IsUnspec reports whether a connect's address asks to dissolve the
// association. EINVAL: too short for a family.
func IsUnspec(sa []byte) (bool, error) {
	if len(sa) < 2 {
		return false, errno.EINVAL
	}
	return sa[0] == 0 && sa[1] == 0, nil
}

// Dest reads the destination of a send: from name, or the peer. EDESTADDRREQ
// without either; EINVAL for port 0 when zero is false.
func (s *Sock) Dest(name []byte, zero bool) (a Addr, connected bool, err error) {
	if name == nil {
		if s.State() != uapi.TCP_ESTABLISHED {
			return a, false, errno.EDESTADDRREQ
		}
		return s.Peer(), true, nil
	}
	family, a, err := ParseAddr(name)
	if err != nil {
		return a, false, err
	}
	if family != uapi.AF_INET && family != uapi.AF_UNSPEC {
		return a, false, errno.EAFNOSUPPORT
	}
	if a.Port == 0 && !zero {
		return a, false, errno.EINVAL
	}
	return a, false, nil
}

// Admit says whether a packet may be made now: the pending error, EPIPE after
// a shutdown, EAGAIN while too much is under way (sock_alloc_send_pskb). A
// refusal counts as a packet that was discarded, unless the caller may wait.
func (s *Sock) Admit(c *kern.CPU, ck *Cookie) (err error) {
	switch {
	case s.PendingError() != 0:
		err = s.TakeError()
	case s.Shut()&sock.SendShutdown != 0:
		err = errno.EPIPE
	case !s.SendSpace():
		err = errno.EAGAIN
	}
	if err != nil && (err != errno.EAGAIN || ck.DontWait) {
		mib.Inc(c, s.Net(), mib.IPOutDiscards)
	}
	return err
}

// AdmitMore is Admit where a protocol has no header of its own (__ip_append_data):
// only memory counts, and none is ENOBUFS.
func (s *Sock) AdmitMore(c *kern.CPU) error {
	if s.WmemAlloc() < 2*s.SndBuf() {
		return nil
	}
	mib.Inc(c, s.Net(), mib.IPOutDiscards)
	return errno.ENOBUFS
}

// PathLimit returns the largest packet by rt as IP_MTU_DISCOVER sees it: the
// path's MTU, or the device's for PROBE, INTERFACE and OMIT.
func (s *Sock) PathLimit(rt *ipv4.Route) int {
	if s.PMTUDisc() >= uapi.IP_PMTUDISC_PROBE {
		return rt.Dev.MTU()
	}
	return s.st.IP.MTU(rt)
}

// MayFragment reports whether a packet longer than the limit may be cut
// (ip_sk_ignore_df).
func (s *Sock) MayFragment() bool {
	return s.PMTUDisc() < uapi.IP_PMTUDISC_DO || s.PMTUDisc() == uapi.IP_PMTUDISC_OMIT
}

// RecvDatagram is recvmsg of a datagram socket. describe fills in the sender and
// the control messages.
func (s *Sock) RecvDatagram(m *sock.Msg, describe func(m *sock.Msg, b *skb.Buff)) (int, error) {
	m.Reset()
	if m.Flags&uapi.MSG_ERRQUEUE != 0 {
		return s.RecvError(m)
	}
	b, off, err := s.Dequeue(m)
	if err != nil || b == nil {
		return 0, err
	}
	size := b.Len() - off
	n := b.CopyOut(off, m.Data)
	if n < size {
		m.OutFlags |= uapi.MSG_TRUNC
	}
	describe(m, b)
	s.Done(b)
	if m.Flags&uapi.MSG_TRUNC != 0 {
		return size, nil
	}
	return n, nil
}

// RecvPacket is RecvDatagram where senders have no ports, and nothing is urgent.
func (s *Sock) RecvPacket(m *sock.Msg) (int, error) {
	if m.Flags&uapi.MSG_OOB != 0 {
		m.Reset()
		return 0, errno.EOPNOTSUPP
	}
	return s.RecvDatagram(m, s.describePacket)
}

func (s *Sock) describePacket(m *sock.Msg, b *skb.Buff) {
	s.RecvCmsgs(m, b)
	if ip, ok := wire.AsIPv4(b.Network()); ok {
		if m.Name != nil {
			sa := Addr{IP: ip.Saddr()}.Sockaddr()
			m.SetName(sa[:])
		}
		s.RecvIPCmsgs(m, b)
	}
}

// Shutdown implements sock.Socket for datagram sockets: ENOTCONN when it is not
// connected, though the directions are shut all the same (inet_shutdown).
func (s *Sock) Shutdown(_ *sock.Caller, how int) error {
	if how < 0 || how > 2 {
		return errno.EINVAL
	}
	if s.State() != uapi.TCP_ESTABLISHED {
		if s.Type() == uapi.SOCK_DGRAM || s.Type() == uapi.SOCK_RAW {
			s.SetShut(uint32(how + 1))
			s.Notify(nil, uapi.POLLIN|uapi.POLLRDHUP|uapi.POLLHUP)
		}
		return errno.ENOTCONN
	}
	s.SetShut(uint32(how + 1))
	s.Notify(nil, uapi.POLLIN|uapi.POLLRDHUP|uapi.POLLHUP)
	return nil
}

// Poll implements sock.Socket for datagram sockets.
func (s *Sock) Poll() sock.Events { return s.PollDatagram() }

// Ioctl implements sock.Socket for datagram sockets.
func (s *Sock) Ioctl(who *sock.Caller, cmd uint32, arg []byte) error {
	if done, err := s.DatagramIoctl(cmd, arg); done {
		return err
	}
	return s.NetIoctl(who, cmd, arg)
}

// NetIoctl does the network ioctls that any inet socket takes: those of
// devices, addresses and routes.
func (s *Sock) NetIoctl(who *sock.Caller, cmd uint32, arg []byte) error {
	return s.st.IP.Ioctl(s.Net(), who, cmd, arg)
}

// Package ping is ICMP sockets for ordinary users: SOCK_DGRAM sockets that send
// echo requests under an identifier of their own, which plays the port, and
// receive the replies to them.
//
// Linux files: net/ipv4/ping.c. Man page: icmp(7), net.ipv4.ping_group_range.
// Not done: ICMPv6, ICMP_EXT_ECHO.
package ping

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/inet"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// ICMP types and sizes.
const (
	echoReply   = 0
	echoRequest = 8
	headerLen   = 8
)

// State is a namespace's ping sockets.
type State struct {
	n      *netns.Net
	inet   *inet.State
	base   sock.Proto
	bind   sync.Mutex
	table  inet.Table[*Sock] // by identifier
	rover  uint32            // the identifier given last
	groups *sysctl.List      // ping_group_range
}

var key = netns.NewKey[State]("ping")

// Pernet makes a namespace's ping sockets.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*State, error) {
		st := &State{n: n, inet: inet.Of(n)}
		st.base = sock.Proto{Name: "PING", Size: 1016, Has: "yyynnynnyyyyyynyyn"}
		// 1 0 is an empty range: nobody, by default.
		st.groups = sysctl.Of(n).List64("net/ipv4/ping_group_range", sysctl.Spec{Min: 0, Max: 1<<31 - 1, Ranged: true}, []int64{1, 0}, nil)
		sock.AddProto(n, &st.base)
		inet.RegisterProto(n, &inet.ProtoSW{Type: uapi.SOCK_DGRAM, Protocol: uapi.IPPROTO_ICMP, Create: st.create})
		procfs.Of(n).File("icmp", st.show)
		st.inet.IP.SetPing(n, st.receive, st.fail)
		return st, nil
	}, nil)
}

// A Sock is a ping socket. Its Num is the identifier.
type Sock struct {
	inet.Sock
	sock.Datagram
	st    *State
	entry inet.Entry[*Sock]
}

// create makes a socket for members of the groups in ping_group_range; EACCES
// for others.
func (st *State) create(who *sock.Caller, n *netns.Net, protocol int) (sock.Socket, error) {
	lo, hi := st.groups.Load(0), st.groups.Load(1)
	if lo > hi || !who.InGroup(uint32(lo), uint32(hi)) {
		return nil, errno.EACCES
	}
	s := &Sock{st: st}
	s.InitInet(who, n, s, &st.base, uapi.SOCK_DGRAM, protocol)
	s.Set(sock.FlagReuseAddr, true) // as inetsw says of ping sockets
	return s, nil
}

// getID gives s an identifier: id, or for 0 the next free one after the last
// (ping_get_port). The caller owns s.
func (s *Sock) getID(id int) error {
	st := s.st
	st.bind.Lock()
	defer st.bind.Unlock()
	if id == 0 {
		for range 1 << 16 {
			st.rover = (st.rover + 1) & 0xffff
			if st.rover != 0 && st.table.First(st.rover) == nil {
				id = int(st.rover)
				break
			}
		}
		if id == 0 {
			return errno.EADDRINUSE
		}
	}
	for n := st.table.First(uint32(id)); n != nil; n = n.Next() {
		if o := n.Value; o != s && !(s.Has(sock.FlagReuseAddr) && o.Has(sock.FlagReuseAddr)) {
			return errno.EADDRINUSE
		}
	}
	s.Num.Store(uint32(id))
	st.table.Insert(&s.entry, uint32(id), s)
	return nil
}

// Bind implements sock.Socket.
func (s *Sock) Bind(who *sock.Caller, sa []byte) error {
	family, a, err := inet.ParseAddr(sa)
	if err != nil {
		return err
	}
	if family != uapi.AF_INET && (family != uapi.AF_UNSPEC || a.IP != 0) {
		return errno.EAFNOSUPPORT
	}
	s.Lock()
	defer s.Unlock()
	if s.Num.Load() != 0 {
		return errno.EINVAL
	}
	typ, err := s.CheckAddr(a.IP)
	if err != nil {
		return err
	}
	if a.IP != 0 && (typ == uapi.RTN_MULTICAST || typ == uapi.RTN_BROADCAST) {
		return errno.EADDRNOTAVAIL
	}
	s.RcvAddr.Store(a.IP)
	s.Saddr.Store(a.IP)
	if err := s.getID(int(a.Port)); err != nil {
		s.RcvAddr.Store(0)
		s.Saddr.Store(0)
		return err
	}
	s.SetIs(inet.BindLockAddr, a.IP != 0)
	s.SetIs(inet.BindLockPort, a.Port != 0)
	return nil
}

func (s *Sock) autobind() error {
	if s.Num.Load() != 0 {
		return nil
	}
	if s.getID(0) != nil {
		return errno.EAGAIN
	}
	return nil
}

// Connect implements sock.Socket.
func (s *Sock) Connect(_ *sock.Caller, sa []byte) error {
	unspec, err := inet.IsUnspec(sa)
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	if unspec {
		if s.Disconnect() {
			s.st.table.Remove(&s.entry)
			s.Num.Store(0)
		}
		return nil
	}
	if err := s.autobind(); err != nil {
		return err
	}
	return s.ConnectDatagram(sa)
}

// Close implements sock.Socket.
func (s *Sock) Close() error {
	s.LeaveAll()
	s.Lock()
	s.st.table.Remove(&s.entry)
	s.Unlock()
	s.End()
	return nil
}

// Setsockopt implements sock.Socket.
func (s *Sock) Setsockopt(who *sock.Caller, level, name int, val []byte) error {
	_, err := s.SetOption(who, level, name, val)
	return err
}

// Getsockopt implements sock.Socket.
func (s *Sock) Getsockopt(_ *sock.Caller, level, name int, val []byte) (int, error) {
	_, n, err := s.GetOption(level, name, val)
	return n, err
}

// Sendmsg implements sock.Socket: an echo request whose identifier and checksum
// are filled here.
func (s *Sock) Sendmsg(who *sock.Caller, m *sock.Msg) (int, error) {
	switch {
	case len(m.Data) > 65535:
		return 0, errno.EMSGSIZE
	case len(m.Data) < headerLen:
		return 0, errno.EINVAL
	case m.Flags&uapi.MSG_OOB != 0:
		return 0, errno.EOPNOTSUPP
	case m.Data[0] != echoRequest || m.Data[1] != 0:
		return 0, errno.EINVAL
	}
	if err := s.ready(); err != nil {
		return 0, err
	}
	to, _, err := s.Dest(m.Name, true)
	if err != nil {
		return 0, err
	}
	ck := s.NewCookie()
	ck.SetFlags(m.Flags)
	if err := ck.Parse(&s.Sock, who, m.Control, false); err != nil {
		return 0, err
	}
	if inet.IsMulticast(to.IP) {
		s.Multicast(&ck)
	} else {
		s.UnicastIF(&ck)
	}
	c := s.Net().Kernel().Enter(kern.Any)
	err = s.output(c, m.Data, &ck, to)
	c.Exit()
	if err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

// ready binds.
func (s *Sock) ready() error {
	if s.Num.Load() != 0 {
		return nil
	}
	s.Lock()
	defer s.Unlock()
	return s.autobind()
}

func (s *Sock) output(c *kern.CPU, data []byte, ck *inet.Cookie, to inet.Addr) error {
	rt, saddr, daddr, err := s.Route(c, ck, to.IP, echoRequest, 0)
	if err != nil {
		return err
	}
	limit, n := s.PathLimit(rt), len(data)+20+ck.Options.Len()
	if n > 65535 || n > limit && !s.MayFragment() {
		s.LocalError(c, errno.EMSGSIZE, to.IP, uint32(limit))
		return errno.EMSGSIZE
	}
	if ck.Confirm {
		s.Confirm(c, rt, daddr)
	}
	if ck.Probe {
		return nil
	}
	if err := s.Admit(c, ck); err != nil {
		return err
	}
	b := skb.Alloc(c, len(data))
	b.Append(data)
	p := b.Data()
	binary.BigEndian.PutUint16(p[2:], 0)
	binary.BigEndian.PutUint16(p[4:], uint16(s.Num.Load()))
	binary.BigEndian.PutUint16(p[2:], csum.Checksum(p))
	b.SetTransportHeader(0)
	s.Prepare(c, b, ck)
	s.ChargeSend(b)
	err = s.st.inet.IP.Send(c, b, rt, s.HeaderFor(ck, rt, saddr, daddr, uapi.IPPROTO_ICMP))
	if err == errno.ENOBUFS && !s.Is(inet.RecvErr) {
		err = nil
	}
	return err
}

// Recvmsg implements sock.Socket: the ICMP message of a reply.
func (s *Sock) Recvmsg(_ *sock.Caller, m *sock.Msg) (int, error) { return s.RecvPacket(m) }

// lookup finds the socket with an identifier that a packet to daddr is for
// (ping_lookup).
func (st *State) lookup(id uint16, daddr uint32, dif, sdif int) *Sock {
	for n := st.table.First(uint32(id)); n != nil; n = n.Next() {
		s := n.Value
		if a := s.RcvAddr.Load(); a != 0 && a != daddr {
			continue
		}
		if bound := int(s.BoundDev.Load()); bound != 0 && bound != dif && (sdif == 0 || bound != sdif) {
			continue
		}
		return s
	}
	return nil
}

// receive takes an echo reply, at its ICMP header, if it answers one of the
// sockets (ping_rcv).
func (st *State) receive(c *kern.CPU, b *skb.Buff) bool {
	ip, ok := wire.AsIPv4(b.Network())
	if !ok || !b.MayPull(headerLen) {
		return false
	}
	h, _ := wire.AsICMP(b.Data())
	if h.Type() != echoReply {
		return false
	}
	s := st.lookup(h.ID(), ip.Daddr(), int(b.Iif), int(b.IP.Sdif))
	if s == nil {
		return false
	}
	s.Note(b, ip.Saddr(), ip.Daddr())
	if r := s.Receive(c, b); r != 0 {
		b.Drop(c, st.n, r)
	}
	return true
}

// fail gives the socket that sent an echo request the ICMP error about it; b is
// at that packet's IP header (ping_err). The error queue gets the request's
// ICMP header too.
func (st *State) fail(c *kern.CPU, b *skb.Buff, e inet.ICMPErr) {
	ip, ok := wire.AsIPv4(b.Data())
	if !ok {
		return
	}
	n := min(ip.IHL(), b.HeadLen())
	h, ok := wire.AsICMP(b.Data()[n:])
	if !ok || h.Type() != echoRequest {
		return
	}
	s := st.lookup(h.ID(), ip.Saddr(), int(b.Iif), int(b.IP.Sdif))
	if s == nil {
		return
	}
	dst := inet.Addr{IP: ip.Daddr()}
	b.Pull(n)
	s.DatagramError(c, b, e, dst)
	b.Push(n)
}

// show writes /proc/net/icmp.
func (st *State) show(w *bytes.Buffer) {
	const width, buckets = 127, 64 // PING_HTABLE_SIZE
	inet.ProcHead(w, "  ", width)
	var list []*Sock
	st.table.All(func(s *Sock) bool { list = append(list, s); return true })
	slices.SortFunc(list, func(a, b *Sock) int { return int(a.Num.Load()) - int(b.Num.Load()) })
	for _, s := range list {
		s.ProcLine(w, int(s.Num.Load()%buckets), width)
	}
}

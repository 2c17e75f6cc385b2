// Package raw is raw sockets of AF_INET.
//
// Every packet for this host is shown, with its IP header, to the raw sockets
// of its protocol before the protocol itself gets it. What a socket sends gets
// an IP header, or with IP_HDRINCL brings its own.
//
// A socket of IGMP may be a multicast routing daemon's: see net/mroute.
//
// Linux files: net/ipv4/raw.c. Man page: raw(7).
package raw

import (
	"bytes"
	"sync/atomic"

	"linen/kern"
	"linen/net/inet"
	"linen/net/mroute"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// icmpFilter is ICMP_FILTER, the option of level SOL_RAW.
const icmpFilter = 1

// buckets is how many chains /proc/net/raw numbers (RAW_HTABLE_SIZE).
const buckets = 256

// State is a namespace's raw sockets.
type State struct {
	n      *netns.Net
	inet   *inet.State
	base   sock.Proto
	table  inet.Table[*Sock] // by protocol
	l3mdev *sysctl.Int       // raw_l3mdev_accept
}

var key = netns.NewKey[State]("raw")

// Pernet makes a namespace's raw sockets. It stands behind the other protocols
// of AF_INET, whose types it takes none of.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*State, error) {
		st := &State{n: n, inet: inet.Of(n)}
		st.base = sock.Proto{Name: "RAW", Size: 1152, Has: "yyynyyynyyyyyyyynn"}
		st.l3mdev = sysctl.Of(n).Int("net/ipv4/raw_l3mdev_accept", sysctl.Spec{Unit: sysctl.Byte, Default: 1, Max: 1, Ranged: true})
		sock.AddProto(n, &st.base)
		inet.RegisterProto(n, &inet.ProtoSW{Type: uapi.SOCK_RAW, Protocol: uapi.IPPROTO_IP, Create: st.create})
		procfs.Of(n).File("raw", st.show)
		st.registerDiag()
		st.inet.IP.SetRaw(n, st.receive, st.fail)
		if set := st.inet.IP.SetRouterAlert; set != nil {
			set(n, st.wantsAlert, st.takeAlert)
		}
		return st, nil
	}, nil)
}

// A Sock is a raw socket. Its Num is the protocol.
type Sock struct {
	inet.Sock
	sock.Datagram
	st     *State
	entry  inet.Entry[*Sock]
	filter atomic.Uint32  // ICMP_FILTER: bit n refuses ICMP type n
	mroute *mroute.Socket // of an IGMP socket; else nil

	corked atomic.Bool // a packet is pending
	cork   cork        // guarded by ownership
}

func (st *State) create(who *sock.Caller, n *netns.Net, protocol int) (sock.Socket, error) {
	s := &Sock{st: st}
	s.InitInet(who, n, s, &st.base, uapi.SOCK_RAW, protocol)
	s.Set(sock.FlagReuseAddr, true) // as inetsw says of raw sockets
	s.Num.Store(uint32(protocol))
	if protocol == uapi.IPPROTO_RAW {
		s.SetIs(inet.HdrIncl, true)
	}
	if mr := mroute.Of(n); mr != nil && protocol == uapi.IPPROTO_IGMP {
		s.mroute = mr.NewSocket(s)
	}
	st.table.Insert(&s.entry, uint32(protocol), s)
	return s, nil
}

// Bind implements sock.Socket: an address without a port.
func (s *Sock) Bind(_ *sock.Caller, sa []byte) error {
	family, a, err := inet.ParseAddr(sa)
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	if s.State() != uapi.TCP_CLOSE {
		return errno.EINVAL
	}
	if family != uapi.AF_INET {
		return errno.EINVAL
	}
	typ, err := s.CheckAddr(a.IP)
	if err != nil {
		return err
	}
	s.RcvAddr.Store(a.IP)
	s.Saddr.Store(a.IP)
	if typ == uapi.RTN_MULTICAST || typ == uapi.RTN_BROADCAST {
		s.Saddr.Store(0)
	}
	s.CacheRoute(nil)
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
		s.Disconnect()
		return nil
	}
	return s.ConnectDatagram(sa)
}

// Getpeername implements sock.Socket: a raw socket's peer has any port.
func (s *Sock) Getpeername() ([]byte, error) {
	if s.State() != uapi.TCP_ESTABLISHED {
		return nil, errno.ENOTCONN
	}
	return s.Peer().Bytes(), nil
}

// Close implements sock.Socket.
func (s *Sock) Close() error {
	if s.mroute != nil {
		s.mroute.Close()
	}
	s.LeaveAll()
	s.Lock()
	s.drop()
	s.st.table.Remove(&s.entry)
	s.Unlock()
	s.End()
	return nil
}

// Ioctl implements sock.Socket.
func (s *Sock) Ioctl(who *sock.Caller, cmd uint32, arg []byte) error {
	if done, err := s.DatagramIoctl(cmd, arg); done {
		return err
	}
	return s.mrouteIoctl(who, cmd, arg)
}

// Setsockopt implements sock.Socket.
func (s *Sock) Setsockopt(who *sock.Caller, level, name int, val []byte) error {
	if s.mrouteOption(level, name) {
		return s.mroute.Set(who.Capable(sock.CapNetAdmin), name, val)
	}
	if done, err := s.SetOption(who, level, name, val); done {
		return err
	}
	if level != uapi.SOL_RAW || name != icmpFilter {
		return errno.ENOPROTOOPT
	}
	if s.Protocol() != uapi.IPPROTO_ICMP {
		return errno.EOPNOTSUPP
	}
	v, err := sock.Int(val)
	if err != nil {
		return err
	}
	s.filter.Store(uint32(v))
	return nil
}

// Getsockopt implements sock.Socket.
func (s *Sock) Getsockopt(_ *sock.Caller, level, name int, val []byte) (int, error) {
	if s.mrouteOption(level, name) {
		return s.mroute.Get(name, val)
	}
	if done, n, err := s.GetOption(level, name, val); done {
		return n, err
	}
	if level != uapi.SOL_RAW {
		return 0, errno.EOPNOTSUPP
	}
	if name != icmpFilter {
		return 0, errno.ENOPROTOOPT
	}
	if s.Protocol() != uapi.IPPROTO_ICMP {
		return 0, errno.EOPNOTSUPP
	}
	return sock.PutInt(val, int(s.filter.Load()))
}

// show writes /proc/net/raw.
func (st *State) show(w *bytes.Buffer) {
	inet.ProcHead(w, "  ", 0)
	for _, s := range st.sockets() {
		var line bytes.Buffer
		s.ProcLine(&line, int(s.Num.Load()), 0)
		w.Write(line.Bytes()[1:]) // the slot is one column narrower than UDP's
	}
}

// match reports whether s takes a packet (raw_v4_match).
func (s *Sock) match(saddr, daddr uint32, dif, sdif int) bool {
	if a := s.Daddr.Load(); a != 0 && a != saddr {
		return false
	}
	if a := s.RcvAddr.Load(); a != 0 && a != daddr {
		return false
	}
	bound := int(s.BoundDev.Load())
	if bound == 0 {
		return sdif == 0 || s.st.l3mdev.Bool()
	}
	return bound == dif || sdif != 0 && bound == sdif
}

// receive shows a packet for this host, at its transport header, to the raw
// sockets of its protocol (raw_v4_input). It reports whether one took it.
func (st *State) receive(c *kern.CPU, b *skb.Buff, proto uint8) bool {
	n := st.table.First(uint32(proto))
	if n == nil {
		return false
	}
	ip, ok := wire.AsIPv4(b.Network())
	if !ok {
		return false
	}
	saddr, daddr, dif, sdif := ip.Saddr(), ip.Daddr(), int(b.Iif), int(b.IP.Sdif)
	took := false
	for ; n != nil; n = n.Next() {
		s := n.Value
		if !s.match(saddr, daddr, dif, sdif) || !s.Accepts(daddr, saddr, dif) {
			continue
		}
		took = true
		if proto == uapi.IPPROTO_ICMP && s.refuses(b) {
			continue
		}
		s.deliver(c, b.Clone(c), saddr, daddr)
	}
	return took
}

// refuses looks at ICMP_FILTER; a type above 31 always passes.
func (s *Sock) refuses(b *skb.Buff) bool {
	if !b.MayPull(1) {
		return true
	}
	typ := b.Data()[0]
	return typ < 32 && s.filter.Load()>>typ&1 != 0
}

// deliver queues o, whose data becomes the packet from its IP header on.
func (s *Sock) deliver(c *kern.CPU, o *skb.Buff, saddr, daddr uint32) {
	o.Push(-o.NetworkOff())
	if o.CsumState == skb.CsumPartial {
		o.CompleteCsum()
	}
	s.Note(o, saddr, daddr)
	if r := s.Receive(c, o); r != 0 {
		o.Drop(c, s.st.n, r)
	}
}

// fail gives every raw socket that may have sent a packet the ICMP error about
// it; b is at that packet's IP header (raw_icmp_error).
func (st *State) fail(c *kern.CPU, b *skb.Buff, proto uint8, e inet.ICMPErr) {
	n := st.table.First(uint32(proto))
	ip, ok := wire.AsIPv4(b.Data())
	if n == nil || !ok {
		return
	}
	saddr, daddr, skip := ip.Saddr(), ip.Daddr(), min(ip.IHL(), b.HeadLen())
	for ; n != nil; n = n.Next() {
		s := n.Value
		if !s.match(daddr, saddr, int(b.Iif), int(b.IP.Sdif)) {
			continue
		}
		if f := st.inet.IP.Learn; f != nil {
			f(c, st.n, b, e)
		}
		// A socket with IP_HDRINCL knows the IP header: it gets it back.
		pull := skip
		if s.Is(inet.HdrIncl) {
			pull = 0
		}
		b.Pull(pull)
		s.DatagramError(c, b, e, inet.Addr{IP: daddr})
		b.Push(pull)
	}
}

// Package packet is AF_PACKET: sockets that see and send whole frames, or with
// SOCK_DGRAM packets without their link header, beside the protocols.
//
// A socket is a tap (ETH_P_ALL) or a packet type (one EtherType) of net/dev.
// What its filter accepts goes to the receive queue, or into a ring of memory
// that the program reads without system calls (PACKET_RX_RING).
//
// Linux files: net/packet/af_packet.c, linux/if_packet.h; man page packet(7),
// Documentation/networking/packet_mmap.rst. Not done: SOCK_PACKET (the
// interface before Linux 2.2), PACKET_COPY_THRESH's copies, hardware
// time stamps; a fanout by BPF or with defragmentation.
package packet

import (
	"slices"
	"sync"
	"sync/atomic"

	"linen/net/dev"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// State is a namespace's packet sockets.
type State struct {
	n     *netns.Net
	proto sock.Proto

	mu    sync.Mutex // a leaf
	socks []*Sock    // oldest first

	fanouts struct {
		sync.Mutex // taken under a socket's ownership
		groups     []*fanout
	}
}

var key = netns.NewKey[State]("packet")

// Pernet makes a namespace's packet sockets; it stands behind dev and sock.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*State, error) {
		st := &State{n: n}
		st.proto = sock.Proto{Name: "PACKET", Size: 1600, NoSlab: true, Has: "nnnnnnnnnnnnnnnnnn"}
		sock.AddProto(n, &st.proto)
		sock.Register(n, uapi.AF_PACKET, &sock.Family{Name: "PF_PACKET", Create: st.create})
		procfs.Of(n).File("packet", st.show)
		st.registerDiag()
		_, err := dev.Notifiers(n).Add(0, st.event)
		return st, err
	}, nil)
}

// options that the data path reads.
type options struct {
	auxdata    atomic.Bool
	origDev    atomic.Bool
	ignoreOut  atomic.Bool
	loss       atomic.Bool
	bypass     atomic.Bool
	hasOff     atomic.Bool
	vnetLen    atomic.Int32 // bytes of the virtio header in front: 0, 10 or 12
	tstamp     atomic.Uint32
	copyThresh atomic.Int32
}

// A Sock is a packet socket.
type Sock struct {
	sock.Sock
	sock.Datagram
	st  *State
	opt options

	// Guarded by ownership.
	num     uint16 // EtherType, host order; 0: receives nothing
	ifindex int    // of the bound device; 0: all; -1: it has gone
	dev     *dev.Device
	unhook  func() // ends reception; nil while there is none
	members []membership
	fan     *fanout
	version int // TPACKET_V*
	reserve int // PACKET_RESERVE, bytes

	rings rings
	stat  struct{ packets, drops, freezes atomic.Uint32 }
}

func (st *State) create(who *sock.Caller, n *netns.Net, typ, protocol int) (sock.Socket, error) {
	if !who.Capable(sock.CapNetRaw) {
		return nil, errno.EPERM
	}
	if typ != uapi.SOCK_RAW && typ != uapi.SOCK_DGRAM {
		return nil, errno.ESOCKTNOSUPPORT
	}
	s := &Sock{st: st, num: hostOrder(uint16(protocol))}
	s.Init(who, n, s, &st.proto, uapi.AF_PACKET, typ, 0)
	st.mu.Lock()
	st.socks = append(st.socks, s)
	st.mu.Unlock()
	s.Lock()
	s.hook()
	s.Unlock()
	return s, nil
}

// list returns the sockets, which may be closed meanwhile.
func (st *State) list() []*Sock {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.socks)
}

// hook begins reception when the socket has a protocol. s is owned.
func (s *Sock) hook() {
	if s.unhook != nil || s.num == 0 || s.Has(sock.FlagDead) {
		return
	}
	if s.fan != nil {
		s.unhook = s.fan.add(s)
		return
	}
	name := "packet_rcv"
	if s.rings.rx.Load() != nil {
		name = "tpacket_rcv"
	}
	s.unhook = hookType(s.st.n, &dev.PacketType{Proto: s.num, Dev: s.dev, Name: name, Recv: s.receive, Wants: s.wants})
}

func hookType(n *netns.Net, p *dev.PacketType) (remove func()) {
	if p.Proto == uapi.ETH_P_ALL {
		return dev.AddTap(n, p.Dev, p)
	}
	return dev.AddPacketType(n, p)
}

// stop ends reception and reports whether there was one. s is owned.
func (s *Sock) stop() bool {
	if s.unhook == nil {
		return false
	}
	s.unhook()
	s.unhook = nil
	return true
}

// Bind implements sock.Socket: to a device, or with index 0 to all, and with a
// protocol to that (packet_do_bind).
func (s *Sock) Bind(_ *sock.Caller, sa []byte) error {
	if len(sa) < uapi.SizeofSockaddrLl {
		return errno.EINVAL
	}
	a, ok := parseAddr(sa)
	if !ok {
		return errno.EINVAL
	}
	s.Lock()
	defer s.Unlock()
	if s.fan != nil {
		return errno.EINVAL
	}
	var d *dev.Device
	if a.Ifindex != 0 {
		if d = dev.ByIndex(s.st.n, int(a.Ifindex)); d == nil {
			return errno.ENODEV
		}
	}
	num := s.num
	if a.Protocol != 0 {
		num = a.Protocol
	}
	if num == s.num && d == s.dev && s.ifindex >= 0 && s.unhook != nil {
		return nil
	}
	s.stop()
	s.num, s.dev, s.ifindex = num, d, int(a.Ifindex)
	if num == 0 {
		return nil
	}
	if d != nil && !d.IsUp() {
		s.SetError(nil, errno.ENETDOWN)
		return nil
	}
	s.hook()
	return nil
}

// Connect implements sock.Socket: a packet socket has no peer.
func (s *Sock) Connect(*sock.Caller, []byte) error { return errno.EOPNOTSUPP }

// Getpeername implements sock.Socket.
func (s *Sock) Getpeername() ([]byte, error) { return nil, errno.EOPNOTSUPP }

// Shutdown implements sock.Socket.
func (s *Sock) Shutdown(*sock.Caller, int) error { return errno.EOPNOTSUPP }

// Getsockname implements sock.Socket: protocol, device and its address.
func (s *Sock) Getsockname() ([]byte, error) {
	s.Lock()
	defer s.Unlock()
	a := uapi.SockaddrLl{Protocol: s.num, Ifindex: int32(s.ifindex)}
	if s.dev != nil {
		a.Hatype, a.Halen = s.dev.Type, uint8(copy(a.Addr[:], s.dev.Addr()))
	}
	return a.Append(nil)[:addrOff+int(a.Halen)], nil
}

// Ioctl implements sock.Socket. The network's ioctls are AF_INET's, whom the
// caller asks next.
func (s *Sock) Ioctl(_ *sock.Caller, cmd uint32, arg []byte) error {
	_, err := s.DatagramIoctl(cmd, arg)
	return err
}

// Close implements sock.Socket: memberships end with the socket.
func (s *Sock) Close() error {
	s.st.mu.Lock()
	s.st.socks = slices.DeleteFunc(s.st.socks, func(o *Sock) bool { return o == s })
	s.st.mu.Unlock()
	s.st.n.Lock()
	s.Lock()
	s.stop()
	s.leaveFanout()
	for _, m := range s.members {
		m.apply(s.st.n, -1)
	}
	s.members = nil
	s.rings.close(s)
	s.dev = nil
	s.Unlock()
	s.st.n.Unlock()
	s.End()
	return nil
}

// event follows the devices (packet_notifier); the RTNL is held.
func (st *State) event(e *dev.Event) error {
	switch e.Type {
	case dev.EventUp, dev.EventDown, dev.EventUnregister:
	default:
		return nil
	}
	for _, s := range st.list() {
		s.Lock()
		if e.Type == dev.EventUnregister {
			s.forget(e.Dev)
		}
		switch {
		case s.dev != e.Dev:
		case e.Type == dev.EventUp:
			s.hook()
		default:
			if s.stop() {
				s.SetError(nil, errno.ENETDOWN)
			}
			if e.Type == dev.EventUnregister {
				s.dev, s.ifindex = nil, -1
			}
		}
		s.Unlock()
	}
	return nil
}

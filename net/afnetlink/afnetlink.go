// Package afnetlink is the AF_NETLINK socket: a net/netlink Port behind the
// socket interface of net/sock, with addresses, options and control messages
// in the kernel's layout.
//
// Linux files: net/netlink/af_netlink.c. Man page: netlink(7). Not done:
// SCM_CREDENTIALS in a send (the caller's own are used), SO_PEEK_OFF.
package afnetlink

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// addrLen is the size of struct sockaddr_nl: family, pad, port id, groups.
const addrLen = 12

// state is a namespace's part of the family.
type state struct{ proto sock.Proto }

var key = netns.NewKey[state]("afnetlink")

// Pernet makes AF_NETLINK sockets possible in a namespace, and registers
// NETLINK_USERSOCK, which has no kernel side, and /proc/net/netlink. It comes
// after netlink.Pernet, procfs.Pernet and sock.Pernet.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*state, error) {
		netlink.Register(n, uapi.NETLINK_USERSOCK, netlink.Proto{OpenSend: true})
		sock.Register(n, uapi.AF_NETLINK, &sock.Family{Name: "NETLINK", Create: create})
		registerProc(n, procfs.Of(n))
		st := &state{sock.Proto{Name: "NETLINK", Size: 1096, NoSlab: true, Has: "nnnnnnnnnnnnnnnnnn"}}
		sock.AddProto(n, &st.proto)
		return st, nil
	}, nil)
}

// A Socket is one AF_NETLINK socket.
type Socket struct {
	sock.Sock
	sock.Datagram
	port *netlink.Port
}

// create makes a socket (netlink_create). SOCK_RAW and SOCK_DGRAM are the same.
func create(who *sock.Caller, n *netns.Net, typ, protocol int) (sock.Socket, error) {
	if typ != uapi.SOCK_RAW && typ != uapi.SOCK_DGRAM {
		return nil, errno.ESOCKTNOSUPPORT
	}
	s := new(Socket)
	p, err := netlink.Open(n, protocol, creds(who), func(c *kern.CPU) { s.Notify(c, readable) })
	if err != nil {
		return nil, err
	}
	s.port = p
	p.SetFilter(s.keep)
	s.Init(who, n, s, &key.Of(n).proto, uapi.AF_NETLINK, typ, protocol)
	p.SetOwner(s)
	p.SetBuffer(int(s.RcvBuf()))
	return s, nil
}

// readable are the events of something to receive.
const readable = sock.Events(uapi.POLLIN | uapi.POLLRDNORM)

// creds are a caller's credentials as netlink looks at them.
func creds(who *sock.Caller) *netlink.Creds {
	if who == nil {
		return nil
	}
	return &netlink.Creds{Caps: who.Caps, UID: who.UID, GID: who.GID, PID: who.PID, FindNet: who.FindNet}
}

// keep runs the socket's filter on a message.
func (s *Socket) keep(c *kern.CPU, data []byte) int {
	if s.Filter() == nil {
		return len(data)
	}
	if c == nil {
		c = s.Net().Kernel().Enter(kern.Any)
		defer c.Exit()
	}
	b := skb.From(c, data)
	defer b.Consume(c)
	n, ok := s.RunFilter(c, b, 1)
	if !ok {
		return 0
	}
	return n
}

// Port returns the netlink port under the socket.
func (s *Socket) Port() *netlink.Port { return s.port }

// parseAddr reads a struct sockaddr_nl.
func parseAddr(sa []byte) (netlink.Addr, error) {
	if len(sa) < addrLen || binary.NativeEndian.Uint16(sa) != uapi.AF_NETLINK {
		return netlink.Addr{}, errno.EINVAL
	}
	return netlink.Addr{
		Port: binary.NativeEndian.Uint32(sa[4:]), Groups: binary.NativeEndian.Uint32(sa[8:]),
	}, nil
}

// putAddr makes a struct sockaddr_nl.
func putAddr(port, groups uint32) []byte {
	sa := make([]byte, addrLen)
	binary.NativeEndian.PutUint16(sa, uapi.AF_NETLINK)
	binary.NativeEndian.PutUint32(sa[4:], port)
	binary.NativeEndian.PutUint32(sa[8:], groups)
	return sa
}

// Bind implements sock.Socket.
func (s *Socket) Bind(who *sock.Caller, sa []byte) error {
	a, err := parseAddr(sa)
	if err != nil {
		return err
	}
	return s.port.Bind(a.Port, a.Groups, creds(who))
}

// Connect implements sock.Socket: it sets where sends without an address go.
func (s *Socket) Connect(who *sock.Caller, sa []byte) error {
	if len(sa) < 2 {
		return errno.EINVAL
	}
	if binary.NativeEndian.Uint16(sa) == uapi.AF_UNSPEC {
		return s.port.Connect(0, 0, true, creds(who))
	}
	a, err := parseAddr(sa)
	if err != nil {
		return err
	}
	return s.port.Connect(a.Port, a.Groups, false, creds(who))
}

// Getsockname implements sock.Socket.
func (s *Socket) Getsockname() ([]byte, error) {
	return putAddr(s.port.ID(), s.port.GroupsMask()), nil
}

// Getpeername implements sock.Socket; it never fails.
func (s *Socket) Getpeername() ([]byte, error) { return putAddr(s.port.Peer()), nil }

// Shutdown implements sock.Socket: EOPNOTSUPP.
func (s *Socket) Shutdown(*sock.Caller, int) error { return errno.EOPNOTSUPP }

// Ioctl implements sock.Socket.
func (s *Socket) Ioctl(_ *sock.Caller, cmd uint32, arg []byte) error {
	_, err := s.SocketIoctl(cmd, arg)
	return err
}

// Poll implements sock.Socket.
func (s *Socket) Poll() sock.Events {
	e := sock.Events(uapi.POLLOUT | uapi.POLLWRNORM | uapi.POLLWRBAND)
	ready, failed := s.port.Readable()
	if ready {
		e |= readable
	}
	if failed {
		e |= uapi.POLLERR
	}
	return e
}

// Close implements sock.Socket.
func (s *Socket) Close() error {
	if s.End() {
		s.port.Close()
	}
	return nil
}

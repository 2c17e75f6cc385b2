//go:build linux

package supervise_test

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"linen/net/netns"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// wireNet is a stand-in for a stream protocol: byte streams inside one Net,
// without packets, with the calls' results and readiness as a stream socket
// has them. It judges the relay alone.
type wireNet struct {
	mu     sync.Mutex
	next   uint16
	listen map[uint16]*wire
}

// wireBuffer is what one direction holds.
const wireBuffer = 64 << 10

// wire is one socket.
type wire struct {
	sock.Sock
	w *wireNet

	// Under w.mu.
	port   uint16
	peer   *wire
	to     uint16 // the peer's port
	phase  int
	in     []byte
	eof    bool // the peer's end of output
	ended  bool // our end of output
	queue  []*wire
	closed bool
	told   bool // connect has returned 0
}

// The phases of a wire.
const (
	fresh = iota
	connecting
	joined
	listening
	failed // a connect
	broken
)

// registerWires makes AF_INET streams of n wires.
func registerWires(n *netns.Net) {
	w := &wireNet{next: 40000, listen: map[uint16]*wire{}}
	sock.Register(n, uapi.AF_INET, &sock.Family{Name: "INET", Create: func(who *sock.Caller, n *netns.Net, typ, _ int) (sock.Socket, error) {
		if typ != uapi.SOCK_STREAM {
			return nil, errno.EPROTONOSUPPORT
		}
		return w.create(who, n), nil
	}})
}

func (w *wireNet) create(who *sock.Caller, n *netns.Net) *wire {
	s := &wire{w: w}
	s.Init(who, n, s, nil, uapi.AF_INET, uapi.SOCK_STREAM, uapi.IPPROTO_TCP)
	return s
}

// do runs f under the lock and then tells those whom f names.
func (s *wire) do(f func(tell func(*wire))) {
	var told []*wire
	s.w.mu.Lock()
	f(func(t *wire) {
		if t != nil {
			told = append(told, t)
		}
	})
	s.w.mu.Unlock()
	for _, t := range told {
		t.Notify(nil, ^sock.Events(0))
	}
}

func (s *wire) bindPort(p uint16) error {
	if p == 0 {
		s.w.next++
		p = s.w.next
	}
	s.port = p
	return nil
}

func (s *wire) Bind(_ *sock.Caller, sa []byte) (err error) {
	s.do(func(func(*wire)) { err = s.bindPort(binary.BigEndian.Uint16(sa[2:])) })
	return err
}

func (s *wire) Listen(*sock.Caller, int) (err error) {
	s.do(func(tell func(*wire)) {
		if s.port == 0 {
			s.bindPort(0)
		}
		if other := s.w.listen[s.port]; other != nil && other != s {
			err = errno.EADDRINUSE
			return
		}
		s.w.listen[s.port], s.phase = s, listening
	})
	return err
}

func (s *wire) Connect(_ *sock.Caller, sa []byte) (err error) {
	s.do(func(func(*wire)) {
		switch s.phase {
		case connecting:
			err = errno.EALREADY
		case joined:
			if err = errno.EISCONN; !s.told {
				s.told, err = true, nil
			}
		case listening:
			err = errno.EISCONN
		case failed: // told once, then it is as new
			s.phase = fresh
			if err = s.TakeError(); err == nil {
				err = errno.ECONNABORTED
			}
		default:
			s.phase, s.to = connecting, binary.BigEndian.Uint16(sa[2:])
			if s.port == 0 {
				s.bindPort(0)
			}
			err = errno.EINPROGRESS
			s.Net().Kernel().Queue(s.handshake)
		}
	})
	return err
}

// handshake ends a connect.
func (s *wire) handshake() {
	var refused bool
	s.do(func(tell func(*wire)) {
		l := s.w.listen[s.to]
		if s.closed {
			return
		}
		if l == nil {
			s.phase, refused = failed, true
			return
		}
		p := s.w.create(nil, s.Net())
		p.port, p.to, p.peer, p.phase, p.told = s.to, s.port, s, joined, true
		s.peer, s.phase = p, joined
		l.queue = append(l.queue, p)
		tell(l)
		tell(s)
	})
	if refused {
		s.SetError(nil, errno.ECONNREFUSED)
	}
}

func (s *wire) Accept(*sock.Caller) (got sock.Socket, err error) {
	s.do(func(func(*wire)) {
		switch {
		case s.phase != listening:
			err = errno.EINVAL
		case len(s.queue) == 0:
			err = errno.EAGAIN
		default:
			got, s.queue = s.queue[0], s.queue[1:]
		}
	})
	return got, err
}

func sockaddr(port uint16) []byte {
	return uapi.AppendSockaddrIn(nil, netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

func (s *wire) Getsockname() ([]byte, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return sockaddr(s.port), nil
}

func (s *wire) Getpeername() ([]byte, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.phase != joined {
		return nil, errno.ENOTCONN
	}
	return sockaddr(s.to), nil
}

func (s *wire) Sendmsg(_ *sock.Caller, m *sock.Msg) (n int, err error) {
	if err := s.TakeError(); err != nil {
		return 0, err
	}
	s.do(func(tell func(*wire)) {
		switch {
		case s.phase != joined || s.ended || s.peer == nil:
			err = errno.EPIPE
		case len(s.peer.in) >= wireBuffer:
			err = errno.EAGAIN
		default:
			n = min(len(m.Data), wireBuffer-len(s.peer.in))
			s.peer.in = append(s.peer.in, m.Data[:n]...)
			tell(s.peer)
		}
	})
	return n, err
}

func (s *wire) Recvmsg(_ *sock.Caller, m *sock.Msg) (n int, err error) {
	m.Reset()
	s.do(func(tell func(*wire)) {
		if len(s.in) > 0 {
			n = copy(m.Data, s.in)
			s.in = s.in[n:]
			tell(s.peer)
			return
		}
		if err = s.TakeError(); err != nil {
			return
		}
		switch {
		case s.eof || s.phase == broken:
		case s.phase != joined:
			err = errno.ENOTCONN
		default:
			err = errno.EAGAIN
		}
	})
	return n, err
}

func (s *wire) Setsockopt(who *sock.Caller, level, name int, val []byte) error {
	if level != uapi.SOL_SOCKET {
		return nil
	}
	s.Lock()
	defer s.Unlock()
	return s.SetSocketOption(who, name, val)
}

func (s *wire) Getsockopt(_ *sock.Caller, level, name int, val []byte) (int, error) {
	if level != uapi.SOL_SOCKET {
		return 0, errno.ENOPROTOOPT
	}
	return s.GetSocketOption(name, val)
}

func (s *wire) Ioctl(_ *sock.Caller, cmd uint32, arg []byte) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	v := 0
	switch {
	case cmd == uapi.SIOCINQ:
		v = len(s.in)
	case cmd == uapi.SIOCOUTQ && s.peer != nil:
		v = len(s.peer.in)
	case cmd != uapi.SIOCOUTQ:
		return errno.ENOTTY
	}
	_, err := sock.PutInt(arg, v)
	return err
}

func (s *wire) Poll() (ev sock.Events) {
	if s.PendingError() != 0 {
		ev |= uapi.POLLERR
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	switch s.phase {
	case listening:
		if len(s.queue) > 0 {
			ev |= uapi.POLLIN
		}
		return ev
	case connecting:
		return ev
	case joined:
		if len(s.in) > 0 || s.eof {
			ev |= uapi.POLLIN
		}
		if s.peer != nil && len(s.peer.in) < wireBuffer || s.ended {
			ev |= uapi.POLLOUT
		}
		return ev
	}
	return ev | uapi.POLLHUP | uapi.POLLOUT
}

func (s *wire) Shutdown(_ *sock.Caller, how int) (err error) {
	s.do(func(tell func(*wire)) {
		if s.phase != joined {
			err = errno.ENOTCONN
			return
		}
		if how != uapi.SHUT_RD {
			s.ended = true
			if s.peer != nil {
				s.peer.eof = true
			}
		}
		if how != uapi.SHUT_WR {
			s.eof = true
		}
		tell(s)
		tell(s.peer)
	})
	return err
}

func (s *wire) Close() error {
	s.do(func(tell func(*wire)) {
		if s.closed {
			return
		}
		s.closed = true
		if s.phase == listening {
			delete(s.w.listen, s.port)
		}
		if s.peer != nil {
			s.peer.eof, s.peer.peer = true, nil
			if len(s.in) > 0 || s.LingerZero() {
				// Under the lock, or a reader takes the end before the error.
				s.peer.phase = broken
				s.peer.SetError(nil, errno.ECONNRESET)
			}
			tell(s.peer)
		}
		s.phase = broken
	})
	s.End()
	return nil
}

var _ sock.Socket = (*wire)(nil)

package socktable

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"linen"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// ours is a stack of linen's, on a clock that stands until wait.
type ours struct {
	clock   *linen.ManualClock
	kernel  *linen.Kernel
	net     *linen.Net
	who     *sock.Caller
	sockets []sock.Socket
}

func newOurs(t *testing.T) stack {
	t.Helper()
	o := &ours{clock: linen.NewManualClock(), who: sock.Root()}
	o.kernel = linen.New(linen.Config{Seed: 1, Clock: o.clock})
	var err error
	o.net, err = o.kernel.NewNet("a")
	if err == nil {
		err = errors.Join(o.net.Up("lo"), o.kernel.Link(o.net, "d0", o.net, "d1"), o.net.AddAddr("d0", netip.MustParsePrefix("10.0.0.1/24")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// at returns the socket of a descriptor, or EBADF.
func (o *ours) at(fd int) (sock.Socket, error) {
	if fd < 0 || fd >= len(o.sockets) || o.sockets[fd] == nil {
		return nil, errno.EBADF
	}
	return o.sockets[fd], nil
}

func (o *ours) add(s sock.Socket, err error) (int, error) {
	if err != nil {
		return -1, err
	}
	o.sockets = append(o.sockets, s)
	return len(o.sockets) - 1, nil
}

// on does a call on a descriptor's socket.
func (o *ours) on(fd int, f func(sock.Socket) error) error {
	s, err := o.at(fd)
	if err != nil {
		return err
	}
	return f(s)
}

func (o *ours) socket(family, typ, proto int) (int, error) {
	return o.add(sock.Create(o.who, o.net.Namespace(), family, typ, proto))
}

func (o *ours) bind(fd int, at netip.AddrPort) error {
	return o.on(fd, func(s sock.Socket) error { return s.Bind(o.who, uapi.AppendSockaddr(nil, at, 0)) })
}

func (o *ours) connect(fd int, to netip.AddrPort) error {
	sa := make([]byte, uapi.SizeofSockaddrIn)
	if to.IsValid() {
		sa = uapi.AppendSockaddr(nil, to, 0)
	}
	return o.on(fd, func(s sock.Socket) error { return s.Connect(o.who, sa) })
}

func (o *ours) listen(fd, backlog int) error {
	return o.on(fd, func(s sock.Socket) error { return s.Listen(o.who, backlog) })
}

func (o *ours) accept(fd int) (int, error) {
	s, err := o.at(fd)
	if err != nil {
		return -1, err
	}
	return o.add(s.Accept(o.who))
}

func (o *ours) send(fd int, p []byte, flags int) (n int, err error) {
	err = o.on(fd, func(s sock.Socket) error {
		n, err = s.Sendmsg(o.who, &sock.Msg{Data: p, Flags: flags | uapi.MSG_NOSIGNAL})
		return err
	})
	return n, err
}

func (o *ours) recv(fd int, p []byte, flags int) (n int, err error) {
	err = o.on(fd, func(s sock.Socket) error {
		n, err = s.Recvmsg(o.who, &sock.Msg{Data: p, Flags: flags | uapi.MSG_DONTWAIT})
		return err
	})
	return n, err
}

func (o *ours) shutdown(fd, how int) error {
	return o.on(fd, func(s sock.Socket) error { return s.Shutdown(o.who, how) })
}

func (o *ours) close(fd int) error {
	err := o.on(fd, sock.Socket.Close)
	if fd >= 0 && fd < len(o.sockets) {
		o.sockets[fd] = nil
	}
	return err
}

func (o *ours) name(fd int) (netip.AddrPort, error) { return o.address(fd, sock.Socket.Getsockname) }
func (o *ours) peer(fd int) (netip.AddrPort, error) { return o.address(fd, sock.Socket.Getpeername) }

func (o *ours) address(fd int, get func(sock.Socket) ([]byte, error)) (ap netip.AddrPort, err error) {
	err = o.on(fd, func(s sock.Socket) error {
		sa, err := get(s)
		a, port, _ := uapi.ParseSockaddrIn(sa)
		ap = netip.AddrPortFrom(a, port)
		return err
	})
	return ap, err
}

func (o *ours) setsockopt(fd, level, name int, val []byte) error {
	return o.on(fd, func(s sock.Socket) error { return s.Setsockopt(o.who, level, name, val) })
}

func (o *ours) selector(fd int, insns []byte) error {
	return o.setsockopt(fd, uapi.SOL_SOCKET, uapi.SO_ATTACH_REUSEPORT_CBPF, insns)
}

func (o *ours) getsockopt(fd, level, name int, val []byte) (n int, err error) {
	err = o.on(fd, func(s sock.Socket) error { n, err = s.Getsockopt(o.who, level, name, val); return err })
	return n, err
}

func (o *ours) ioctl(fd int, cmd uint32) (int, error) {
	var arg [4]byte
	err := o.on(fd, func(s sock.Socket) error { return s.Ioctl(o.who, cmd, arg[:]) })
	return int(int32(binary.NativeEndian.Uint32(arg[:]))), err
}

func (o *ours) poll(fd int) uint32 {
	s, err := o.at(fd)
	if err != nil {
		return 0x20 // POLLNVAL
	}
	return uint32(s.Poll()) & (asked | uapi.POLLERR | uapi.POLLHUP)
}

func (o *ours) wait(d time.Duration) { o.clock.Advance(d) }
func (o *ours) settle()              { o.clock.Settle() }
func (o *ours) end()                 { o.kernel.Close() }

func (o *ours) dropCaps() error {
	o.who = &sock.Caller{PID: 1}
	return nil
}

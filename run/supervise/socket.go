//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/uapi"
)

// socket answers socket(2). It never continues: a native socket of any family
// but AF_UNIX would be the host's.
func socket(c *call) (int64, error) {
	net := c.n.netOf(c.target())
	if net == nil {
		return 0, unix.EAFNOSUPPORT // a network namespace that nobody stands for
	}
	typ := c.intArg(1)
	s, err := sock.Create(c.who(), net, c.intArg(0), typ, c.intArg(2))
	if err != nil {
		return 0, err
	}
	if err := c.install(s, typ, nil); err != nil {
		return 0, err
	}
	return 0, errAnswered
}

// install gives the caller a descriptor of s as the call's answer. On failure s
// is closed, unless keep is set and called with it: the caller has not seen it.
func (c *call) install(s sock.Socket, typ int, keep func(sock.Socket)) error {
	accepted := keep != nil
	if !accepted {
		keep = func(s sock.Socket) { s.Close() }
	}
	nonblock, cloexec := typ&uapi.SOCK_NONBLOCK != 0, typ&uapi.SOCK_CLOEXEC != 0
	isStream := s.Base().Type() == uapi.SOCK_STREAM
	if err := c.n.spaces.hold(c, s.Base().Net()); err != nil {
		keep(s)
		return err
	}
	var our, theirs int
	var err error
	switch {
	case accepted:
		if our, theirs, err = newStreamPair(nonblock); err == nil {
			inheritOptions(s, theirs)
		}
	case isStream:
		our = -1
		theirs, err = newStreamEnd(nonblock)
	default:
		our, theirs, err = newPair(nonblock)
	}
	if err != nil {
		keep(s)
		c.n.spaces.release(s.Base().Net())
		return err
	}
	f, err := c.n.newFile(s, our, theirs, isStream)
	if err != nil {
		unix.Close(theirs)
		keep(s)
		c.n.spaces.release(s.Base().Net())
		return err
	}
	f.held.Store(true)
	if err = f.start(); err == nil {
		if isStream {
			err = c.placeStream(f, theirs, cloexec)
		} else if err = c.place(placed{source: theirs, inRange: true, cloexec: cloexec}); err == nil {
			unix.Close(theirs)
		}
	}
	if err != nil {
		f.withdraw()
		unix.Close(theirs) // not before: it would be the program's close
		keep(s)
		return err
	}
	return nil
}

// start begins to watch the socket and our end.
func (f *file) start() error {
	if !f.stream {
		if err := f.n.host.poll(f.our, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLET&0xffffffff, f.stirred); err != nil {
			return err
		}
	}
	f.s.Watch(func() { f.n.host.kick(f) })
	f.n.host.kick(f)
	return nil
}

// withdraw takes a file that no program got out of the table and leaves its
// socket alone.
func (f *file) withdraw() {
	f.s.Watch(nil)
	f.n.mu.Lock()
	delete(f.n.files, f.key)
	f.n.mu.Unlock()
	f.mu.Lock()
	f.dead = true
	f.mu.Unlock()
	f.letGo()
	if f.stream {
		f.st.abandon()
		return
	}
	f.closeOur()
}

// socketpair answers socketpair(2) for families other than AF_UNIX: none that
// linen has can be paired (net/socket.c, the protocols' socketpair operation).
func socketpair(c *call) (int64, error) {
	net := c.n.netOf(c.target())
	if net == nil {
		return 0, unix.EAFNOSUPPORT
	}
	// Where the numbers go is looked at first (net/socket.c __sys_socketpair).
	var numbers [8]byte
	if err := c.target().Read(c.ptr(3), numbers[:]); err != nil {
		return 0, err
	}
	if err := c.target().Write(c.ptr(3), numbers[:]); err != nil {
		return 0, err
	}
	s, err := sock.Create(c.who(), net, c.intArg(0), c.intArg(1), c.intArg(2))
	if err != nil {
		return 0, err
	}
	s.Close()
	return 0, unix.EOPNOTSUPP
}

// address reads the (sockaddr, length) arguments 1 and 2.
func (c *call) address() ([]byte, error) { return c.target().Sockaddr(c.ptr(1), c.intArg(2)) }

// bind answers bind(2).
func bind(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	sa, err := c.address()
	if err != nil {
		return 0, err
	}
	return 0, f.s.Bind(c.who(), sa)
}

// connect answers connect(2).
func connect(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err == errContinue {
		return 0, c.nativeConnect()
	}
	if err != nil {
		return 0, err
	}
	sa, err := c.address()
	if err != nil {
		return 0, err
	}
	if f.stream {
		return f.st.connect(c, sa)
	}
	err = f.s.Connect(c.who(), sa)
	f.mu.Lock()
	f.calm(c, c.intArg(0))
	f.mu.Unlock()
	return 0, err
}

// listen answers listen(2).
func listen(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	err = f.s.Listen(c.who(), c.intArg(1))
	if err == nil && f.stream {
		err = f.st.listening(c)
	}
	return 0, err
}

// getsockname answers getsockname(2).
func getsockname(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	sa, err := f.s.Getsockname()
	if err != nil {
		return 0, err
	}
	return 0, c.putAddress(sa)
}

// getpeername answers getpeername(2).
func getpeername(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	sa, err := f.s.Getpeername()
	if err != nil {
		return 0, err
	}
	return 0, c.putAddress(sa)
}

// putAddress writes an address where arguments 1 and 2 point. NULL is an address
// like any other, where nothing but nothing can be written.
func (c *call) putAddress(sa []byte) error {
	if c.ptr(1) != 0 {
		return c.target().PutSockaddr(c.ptr(1), c.ptr(2), sa)
	}
	var b [4]byte
	if err := c.target().Read(c.ptr(2), b[:]); err != nil {
		return err
	}
	switch n := int32(le.Uint32(b[:])); {
	case n < 0:
		return unix.EINVAL
	case n > 0:
		return unix.EFAULT
	}
	le.PutUint32(b[:], uint32(len(sa)))
	return c.target().Write(c.ptr(2), b[:])
}

// shutdown answers shutdown(2). The program's end is shut down too, so that
// poll and readers notice.
func shutdown(c *call) (int64, error) {
	fd, how := c.intArg(0), c.intArg(1)
	f, err := c.file(fd)
	if err != nil {
		return 0, err
	}
	if f.stream {
		return f.st.shutdown(c, how)
	}
	err = f.s.Shutdown(c.who(), how)
	f.shutPair(c, fd)
	f.n.host.kick(f)
	return 0, err
}

// shutPair has poll on the program's end of a datagram-like file tell what is
// shut down, which may be although the call failed.
func (f *file) shutPair(c *call, fd int) {
	ev := f.s.Poll()
	if ev&uapi.POLLRDHUP == 0 {
		return
	}
	how := unix.SHUT_RD
	if ev&uapi.POLLHUP != 0 {
		how = unix.SHUT_RDWR
	}
	c.with(fd, func(fd int) error { return unix.Shutdown(fd, how) })
}

// accept answers accept(2) and accept4(2).
func accept(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	flags := 0
	if c.Nr == unix.SYS_ACCEPT4 {
		flags = c.intArg(3)
	}
	if flags&^(uapi.SOCK_NONBLOCK|uapi.SOCK_CLOEXEC) != 0 {
		return 0, unix.EINVAL
	}
	if !f.stream {
		if _, err := f.s.Accept(c.who()); err != nil {
			return 0, err
		}
		return 0, unix.EOPNOTSUPP
	}
	return f.st.accept(c, flags)
}

// handlers says who answers a call. It is written once, here.
var handlers = func() map[int32]handler {
	m := map[int32]handler{
		unix.SYS_SOCKET: socket, unix.SYS_SOCKETPAIR: socketpair, unix.SYS_BIND: bind, unix.SYS_CONNECT: connect,
		unix.SYS_LISTEN: listen, unix.SYS_ACCEPT: accept, unix.SYS_ACCEPT4: accept,
		unix.SYS_GETSOCKNAME: getsockname, unix.SYS_GETPEERNAME: getpeername,
		unix.SYS_GETSOCKOPT: getsockopt, unix.SYS_SETSOCKOPT: setsockopt, unix.SYS_SHUTDOWN: shutdown,
		unix.SYS_SENDTO: sendto, unix.SYS_SENDMSG: sendmsg, unix.SYS_SENDMMSG: sendmmsg,
		unix.SYS_RECVFROM: recvfrom, unix.SYS_RECVMSG: recvmsg, unix.SYS_RECVMMSG: recvmmsg,
		unix.SYS_READ: read, unix.SYS_READV: readv, unix.SYS_PREADV2: readv,
		unix.SYS_WRITE: write, unix.SYS_WRITEV: writev, unix.SYS_PWRITEV2: writev,
		unix.SYS_SENDFILE: sendfile, unix.SYS_IOCTL: ioctl,
	}
	for _, more := range []map[int32]handler{credentialHandlers, execHandlers, namespaceHandlers, fileHandlers, packetHandlers, archHandlers} {
		for nr, h := range more {
			m[nr] = h
		}
	}
	return m
}()

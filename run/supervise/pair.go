//go:build linux

package supervise

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/uapi"
)

// le is the byte order of both supported architectures.
var le = binary.LittleEndian

// newPair makes the socket pair of a datagram-like file: the program's end is
// bound to a name, so that our end can be disconnected and connected again.
func newPair(nonblock bool) (our, theirs int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, err
	}
	our, theirs = p[0], p[1]
	for _, fd := range p {
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{}) // autobind, unix(7)
		}
	}
	if err == nil {
		err = unix.SetNonblock(our, true)
	}
	if err == nil && nonblock {
		err = unix.SetNonblock(theirs, true)
	}
	if err != nil {
		unix.Close(our)
		unix.Close(theirs)
		return -1, -1, err
	}
	return our, theirs, nil
}

// taken reports whether a native reader took the head that lay in the pair.
func (f *file) taken() bool {
	if !f.head {
		return false
	}
	n, err := unix.IoctlGetInt(f.our, unix.TIOCOUTQ)
	return err == nil && n == 0
}

// reconcile drops from the socket's queue what a native reader took from the
// pair. file.mu is held.
func (f *file) reconcile() {
	f.seen.Lock()
	if len(f.seen.returned) > 0 {
		f.back = append(f.seen.returned, f.back...)
		f.seen.returned = nil
	}
	f.seen.Unlock()
	if !f.taken() {
		return
	}
	f.head = false
	if len(f.back) > 0 {
		f.back = f.back[1:]
		return
	}
	f.s.Recvmsg(sock.Root(), &sock.Msg{Flags: uapi.MSG_DONTWAIT | sock.MsgSkipErr})
}

// show makes the pair look as the socket is: the head of the queue lies in it,
// and POLLERR stands when the socket has an error. file.mu is held.
func (f *file) show() {
	f.reconcile()
	if !f.head {
		f.push()
	}
	if !f.raised && f.s.Poll()&uapi.POLLERR != 0 {
		f.raise()
	}
}

// push puts a copy of the queue's head into the pair.
func (f *file) push() {
	if len(f.back) > 0 {
		f.head = unix.Send(f.our, f.back[0].data, unix.MSG_DONTWAIT) == nil
		return
	}
	if f.pushRing() || f.s.Poll()&uapi.POLLIN == 0 {
		return
	}
	b, free := f.n.host.buffer(bufSize)
	defer free()
	m := sock.Msg{Data: b, Flags: uapi.MSG_PEEK | uapi.MSG_DONTWAIT | sock.MsgSkipErr}
	n, err := f.s.Recvmsg(sock.Root(), &m)
	if err != nil {
		return
	}
	// What is longer than a pair carries is cut: only a native reader sees it.
	for size := min(n, len(b)); ; size /= 2 {
		err := unix.Send(f.our, b[:size], unix.MSG_DONTWAIT)
		if err == nil {
			f.head = true
			return
		}
		if err != unix.EMSGSIZE && err != unix.ENOBUFS || size == 0 {
			return
		}
	}
}

// unpush takes the head out of the pair after a trapped receive. fd is a copy
// of the program's end.
func (f *file) unpush(c *call, fd int) {
	if !f.head {
		return
	}
	c.with(fd, func(fd int) error {
		_, _, err := unix.Recvfrom(fd, nil, unix.MSG_DONTWAIT)
		return err
	})
	f.head = false
}

// raise makes poll(2) on the program's end report POLLERR: the kernel does so
// when a connected peer leaves with a message unread (unix_dgram_disconnected
// in net/unix/af_unix.c). The message comes from a helper, because only a
// socket that is connected to nobody receives from others.
func (f *file) raise() {
	f.native()
	theirs, err := unix.Getpeername(f.our)
	if err != nil {
		return
	}
	ours, err := unix.Getsockname(f.our)
	if err != nil {
		return
	}
	helper, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(helper)
	if disconnect(f.our) != nil {
		return
	}
	sent := unix.Sendto(helper, []byte{0}, unix.MSG_DONTWAIT, ours)
	if !f.rejoin(theirs) {
		return
	}
	if sent != nil {
		return
	}
	if disconnect(f.our) != nil {
		return
	}
	if !f.rejoin(theirs) {
		return
	}
	f.raised = true
}

// rejoin connects our end to the program's again. That one may have been closed
// meanwhile: ECONNREFUSED.
func (f *file) rejoin(theirs unix.Sockaddr) bool {
	err := unix.Connect(f.our, theirs)
	if err != nil && err != unix.ECONNREFUSED {
		f.n.log.Error("pair lost", "error", err)
	}
	return err == nil
}

// disconnect is connect(2) with AF_UNSPEC.
func disconnect(fd int) error {
	sa := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	return connectRaw(fd, &sa)
}

// calm takes POLLERR back when the socket has no error any more; fd is the
// caller's descriptor.
func (f *file) calm(c *call, fd int) {
	if !f.raised || f.s.Poll()&uapi.POLLERR != 0 {
		return
	}
	err := c.with(fd, func(fd int) error {
		_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		return err
	})
	f.raised = err != nil
}

// native sends what a program wrote to a descriptor outside the range. Its
// errors are lost, as the program was told of success.
func (f *file) native() {
	b, free := f.n.host.buffer(bufSize)
	defer free()
	for {
		n, _, err := unix.Recvfrom(f.our, b, unix.MSG_DONTWAIT)
		if err != nil {
			return
		}
		m := sock.Msg{Data: b[:n], Flags: uapi.MSG_DONTWAIT | uapi.MSG_NOSIGNAL}
		f.s.Sendmsg(f.owner(), &m)
	}
}

// stirred is an event of our end: a native write, or a native read of the head.
func (f *file) stirred() {
	f.n.guard(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.dead {
			return
		}
		f.native()
		f.show()
	})
	f.n.host.drain()
}

// owner returns the credentials of the process where the file was seen last.
func (f *file) owner() *sock.Caller {
	f.seen.Lock()
	p := f.seen.p
	f.seen.Unlock()
	if p == nil {
		return &sock.Caller{UID: nobody, GID: nobody}
	}
	return p.who(p.tgid)
}

//go:build linux

package supervise

import (
	"time"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// connect answers connect(2). A blocking one is parked. After a non-blocking
// one the program's end must not be writable until the handshake has ended: its
// send buffer is filled, and emptied then.
func (st *stream) connect(c *call, sa []byte) (int64, error) {
	f := st.f
	if len(sa) >= 2 && sa[0] == unix.AF_UNSPEC && sa[1] == 0 {
		return 0, st.disconnect(c, sa)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if st.spent() {
		return 0, st.again(c, sa)
	}
	err := f.s.Connect(c.who(), sa)
	switch {
	case err == nil:
		st.open()
		return 0, nil
	case err != errno.EINPROGRESS && err != errno.EALREADY:
		return 0, err
	}
	begun := err == errno.EINPROGRESS
	if begun {
		st.state = streamConnecting
	}
	if c.nonblock(c.intArg(0)) {
		if begun {
			st.block()
			f.n.host.kick(f)
		}
		return 0, err
	}
	try := func() (int64, error) {
		if f.s.Poll()&(uapi.POLLOUT|pollAlways) == 0 {
			return 0, unix.EAGAIN
		}
		return 0, st.outcome(c.who(), sa)
	}
	p := f.park(c, uapi.POLLOUT, f.timeout(uapi.SO_SNDTIMEO_NEW), try)
	p.late = func() (int64, error) {
		st.block() // the handshake goes on
		return 0, unix.EINPROGRESS
	}
	p.foreign = true
	f.n.host.kick(f)
	return 0, errAnswered
}

// spent reports whether the program's end cannot be joined any more.
func (st *stream) spent() bool {
	return st.state == streamEnded || st.end == endListening && st.state == streamIdle
}

// disconnect is a connect to AF_UNSPEC: the socket is as new, and its next
// connection gets a pair of its own. The relays are stopped before, or they
// would take from that one.
func (st *stream) disconnect(c *call, sa []byte) error {
	f := st.f
	st.our.Load().SetDeadline(time.Unix(1, 0)) // nobody waits for the pair under a lock
	st.sending.Lock()
	defer st.sending.Unlock()
	st.carrying.Lock()
	defer st.carrying.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.s.Connect(c.who(), sa)
	switch st.state {
	case streamOpen, streamConnecting:
		st.cut, st.state = true, streamEnded
		st.our.Load().Close()
		poke(st.data)
		poke(st.space)
	case streamListening:
		st.state = streamIdle
	}
	return err
}

// outcome ends a blocking connect. A failed one is told once by another connect,
// after which the socket is as new (net/ipv4/af_inet.c __inet_stream_connect).
func (st *stream) outcome(who *sock.Caller, sa []byte) error {
	err := st.f.s.Connect(who, sa)
	if err == nil || err == errno.EISCONN {
		st.open()
		return nil
	}
	if err != errno.EALREADY && err != errno.EINPROGRESS {
		st.state = streamIdle
		return err
	}
	return unix.EAGAIN
}

// smallBuffer is the least SO_SNDBUF (SOCK_MIN_SNDBUF, include/net/sock.h): a
// few writes fill it.
const smallBuffer = 2304

// block makes the program's end unwritable while it connects.
func (st *stream) block() {
	if st.state != streamConnecting || st.filled > 0 || st.join() != nil {
		return
	}
	var junk [4096]byte
	st.f.theirs(func(fd int) error {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, smallBuffer)
		st.shrunk = true
		for {
			n, err := unix.SendmsgN(fd, junk[:], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
			if err != nil {
				return err
			}
			st.filled += n
		}
	})
}

// connected ends a non-blocking connect: the end becomes writable, or reports
// an error. file.mu is held.
func (st *stream) connected() {
	if _, err := st.f.s.Getpeername(); err == nil && st.f.s.Base().PendingError() == 0 {
		st.open()
		return
	}
	if st.end == endFresh { // a wait that a signal ended: the next call finds it as new
		st.state = streamIdle
		return
	}
	// Left with the filling unread, our end resets the program's: IN, OUT, ERR
	// and HUP. SO_ERROR is the socket's.
	st.state = streamEnded
	st.our.Load().Close()
}

// open starts the relays; file.mu is held.
func (st *stream) open() {
	if st.state == streamOpen || st.state == streamEnded || st.closing || st.cut {
		return
	}
	if err := st.join(); err != nil {
		st.f.n.log.Error("a connection without its program", "error", err)
		return
	}
	st.state = streamOpen
	st.widen()
	var junk [4096]byte
	for st.filled > 0 {
		n, _, err := unix.Recvfrom(st.f.our, junk[:min(len(junk), st.filled)], unix.MSG_DONTWAIT)
		if err != nil || n <= 0 {
			break
		}
		st.filled -= n
	}
	st.filled = 0
	st.relaying = 2
	st.f.relays.Go(st.up)
	st.f.relays.Go(st.down)
}

// widen gives the program's end its send buffer back, when one of its
// descriptors can be found.
func (st *stream) widen() {
	if !st.shrunk {
		return
	}
	err := st.f.theirs(func(fd int) error {
		size, err := unix.GetsockoptInt(st.f.our, unix.SOL_SOCKET, unix.SO_SNDBUF)
		if err != nil {
			return err
		}
		// The kernel doubles what it is given (socket(7)).
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size/2)
	})
	st.shrunk = err != nil
}

// again connects after a failure, in a new file.
func (st *stream) again(c *call, sa []byte) error {
	g, err := st.renew(c)
	if err != nil {
		return err
	}
	_, err = g.st.connect(c, sa)
	return err
}

// renew gives the program's descriptor a fresh end, as what was joined or
// listens cannot be anything else any more. Its registration in an epoll set is
// lost. The old file is closed by that, and the socket goes on in the new one.
// file.mu of the old one is held.
func (st *stream) renew(c *call) (*file, error) {
	f := st.f
	theirs, err := newStreamEnd(c.nonblock(c.intArg(0)))
	if err != nil {
		return nil, err
	}
	defer unix.Close(theirs)
	inheritOptions(f.s, theirs)
	g, err := f.n.newFile(f.s, -1, theirs, true)
	if err != nil {
		return nil, err
	}
	g.held.Store(f.held.Swap(false))
	f.s.Watch(nil)
	f.n.mu.Lock()
	delete(f.n.files, f.key)
	f.n.mu.Unlock()
	f.dead = true // its close is no longer the socket's
	if err = g.start(); err == nil {
		err = c.swap(theirs)
	}
	if err != nil {
		g.withdraw()
		return nil, err
	}
	g.seenAt(c, c.intArg(0))
	return g, nil
}

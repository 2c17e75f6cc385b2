//go:build linux

package supervise

import (
	"os"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/uapi"
)

// endState says what the program's end of a stream is. It is made as a TCP
// socket is: an AF_UNIX socket that is neither connected nor listens, which poll
// tells in the same way, and becomes one or the other, once (unix(7)).
type endState int

const (
	endFresh     endState = iota
	endJoined             // connected with our end
	endListening          // poll tells of connections, and no more
)

// newStreamEnd makes the program's end of a new stream.
func newStreamEnd(nonblock bool) (int, error) {
	typ := unix.SOCK_STREAM | unix.SOCK_CLOEXEC
	if nonblock {
		typ |= unix.SOCK_NONBLOCK
	}
	return unix.Socket(unix.AF_UNIX, typ, 0)
}

// newStreamPair makes the pair of an accepted connection.
func newStreamPair(nonblock bool) (our, theirs int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, err
	}
	if err = unix.SetNonblock(p[0], true); err == nil && nonblock {
		err = unix.SetNonblock(p[1], true)
	}
	if err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return -1, -1, err
	}
	return p[0], p[1], nil
}

// has says that our end is fd; file.mu is held, or the stream is new.
func (st *stream) has(fd int) {
	st.f.our, st.end = fd, endJoined
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) // urgent bytes stay in their place
	st.our.Store(os.NewFile(uintptr(fd), "stream"))
}

// join connects the program's end with one of ours; file.mu is held.
func (st *stream) join() error {
	if st.end == endJoined {
		return nil
	}
	return st.f.theirs(func(fd int) error {
		our, err := joinNative(fd)
		if err == nil {
			st.has(our)
		}
		return err
	})
}

// joinNative connects theirs to a new socket. Both have to meet at a name, which
// anybody can connect to: it is there for a moment, and whoever is not this
// process is sent away.
func joinNative(theirs int) (our int, err error) {
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(l)
	name, err := listenNative(l)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(theirs, name); err != nil {
		return -1, err
	}
	for {
		our, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != nil {
			return -1, err
		}
		u, err := unix.GetsockoptUcred(our, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil && int(u.Pid) == os.Getpid() {
			return our, nil
		}
		unix.Close(our)
	}
}

// listenNative has an AF_UNIX socket listen at a name that nobody else has.
func listenNative(fd int) (unix.Sockaddr, error) {
	if err := unix.Bind(fd, &unix.SockaddrUnix{}); err != nil {
		return nil, err
	}
	if err := unix.Listen(fd, maxOffers); err != nil {
		return nil, err
	}
	return unix.Getsockname(fd)
}

// endOptions are those that native reads and writes obey, and a connection
// has from its listener.
var endOptions = []int{uapi.SO_RCVTIMEO_NEW, uapi.SO_SNDTIMEO_NEW, uapi.SO_RCVLOWAT, uapi.SO_OOBINLINE}

// inheritOptions sets them on the program's end of s.
func inheritOptions(s sock.Socket, theirs int) {
	for _, name := range endOptions {
		var b [16]byte
		n, err := s.Getsockopt(sock.Root(), uapi.SOL_SOCKET, name, b[:])
		if err != nil || n == 0 || name == uapi.SO_RCVLOWAT && le.Uint32(b[:]) <= 1 {
			continue
		}
		if le.Uint64(b[:8])|le.Uint64(b[8:]) == 0 {
			continue
		}
		unix.SetsockoptString(theirs, unix.SOL_SOCKET, name, string(b[:n]))
	}
}

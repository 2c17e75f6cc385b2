//go:build linux

package supervise

import (
	"io"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/uapi"
)

// Urgent data (RFC 6093) is the pair's, which knows it as TCP does
// (CONFIG_AF_UNIX_OOB, net/unix/af_unix.c): one byte out of band, a mark,
// POLLPRI, SO_OOBINLINE, SIOCATMARK, and SIGURG to the owner that fcntl(2) or an
// ioctl named, whose credentials the kernel checks. The relays carry the byte over
// in its place.

// marked is a stream that gives an urgent byte alone, with MSG_OOB.
type marked interface {
	RecvMark(m *sock.Msg) (int, error)
}

// fetch receives from the socket what is next for the program.
func (f *file) fetch(m *sock.Msg) (int, error) {
	if s, ok := f.s.(marked); ok {
		return s.RecvMark(m)
	}
	return f.s.Recvmsg(sock.Root(), m)
}

// bring writes rest to the program, waiting for room. carrying is held.
func (st *stream) bring() (n int, err error) {
	if !st.restOOB {
		return st.our.Load().Write(st.rest)
	}
	raw, err := st.our.Load().SyscallConn()
	if err != nil {
		return 0, err
	}
	werr := raw.Write(func(fd uintptr) bool {
		n, err = unix.SendmsgN(int(fd), st.rest, nil, nil, unix.MSG_OOB|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		return err != unix.EAGAIN
	})
	if err == nil {
		err = werr
	}
	return n, err
}

// take reads what the program wrote, as os.File.Read; an urgent byte comes alone,
// with MSG_OOB in flags.
func (st *stream) take(buf []byte) (n, flags int, err error) {
	raw, err := st.our.Load().SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	rerr := raw.Read(func(fd uintptr) bool {
		part := buf
		flags = 0
		if st.urgent.Load() {
			if at, err := unix.IoctlGetInt(int(fd), uapi.SIOCATMARK); err == nil && at != 0 {
				part, flags = buf[:1], uapi.MSG_OOB
			}
		}
		for {
			n, err = unix.Read(int(fd), part)
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	switch {
	case err == nil && rerr != nil:
		return 0, 0, rerr
	case err != nil:
		return 0, 0, err
	case n == 0:
		return 0, 0, io.EOF
	}
	return n, flags, nil
}

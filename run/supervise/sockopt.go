//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/uapi"
)

// maxOption bounds an option's value; iptables' tables are the longest.
const maxOption = 1 << 20

// sizeofFprog is sizeof(struct sock_fprog): a 16-bit count and, at 8, a pointer.
const sizeofFprog = 16

// setsockopt answers setsockopt(2).
func setsockopt(c *call) (int64, error) {
	fd, level, name := c.intArg(0), c.intArg(1), c.intArg(2)
	f, err := c.file(fd)
	if err != nil {
		return 0, err
	}
	n := c.lenArg(4)
	if n < 0 {
		return 0, unix.EINVAL
	}
	if n > maxOption {
		return 0, unix.ENOMEM
	}
	val := make([]byte, n)
	if err := c.target().Read(c.ptr(3), val); err != nil {
		return 0, err
	}
	if level == uapi.SOL_SOCKET && (name == uapi.SO_ATTACH_FILTER || name == uapi.SO_ATTACH_REUSEPORT_CBPF) {
		if val, err = c.program(val); err != nil {
			return 0, err
		}
	}
	if level == uapi.SOL_SOCKET && name == uapi.SO_ZEROCOPY && f.s.Base().Type() == uapi.SOCK_STREAM {
		return 0, unix.EOPNOTSUPP // a stream's sends are native, and native ones are never told of
	}
	if err := f.s.Setsockopt(c.who(), level, name, val); err != nil {
		return 0, err
	}
	if level == uapi.SOL_SOCKET {
		c.nativeOption(fd, name, val)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stream {
		f.calm(c, fd)
		f.show()
	}
	return 0, nil
}

// program follows the pointer of a struct sock_fprog to the instructions.
func (c *call) program(val []byte) ([]byte, error) {
	if len(val) != sizeofFprog {
		return nil, unix.EINVAL
	}
	insns := make([]byte, 8*int(le.Uint16(val)))
	return insns, c.target().Read(le.Uint64(val[8:]), insns)
}

// nativeOption sets on the program's end what native reads and writes obey.
func (c *call) nativeOption(fd, name int, val []byte) {
	switch name {
	case uapi.SO_RCVTIMEO_OLD, uapi.SO_SNDTIMEO_OLD, uapi.SO_RCVTIMEO_NEW, uapi.SO_SNDTIMEO_NEW, uapi.SO_RCVLOWAT,
		uapi.SO_OOBINLINE:
		c.with(fd, func(fd int) error {
			return unix.SetsockoptString(fd, unix.SOL_SOCKET, name, string(val))
		})
	}
}

// getsockopt answers getsockopt(2).
func getsockopt(c *call) (int64, error) {
	fd, level, name := c.intArg(0), c.intArg(1), c.intArg(2)
	f, err := c.file(fd)
	if err != nil {
		return 0, err
	}
	t := c.target()
	var b [4]byte
	if err := t.Read(c.ptr(4), b[:]); err != nil {
		return 0, err
	}
	size := int(int32(le.Uint32(b[:])))
	if size < 0 {
		return 0, unix.EINVAL
	}
	unit := 1
	if level == uapi.SOL_SOCKET && name == uapi.SO_ATTACH_FILTER { // SO_GET_FILTER counts instructions
		unit = 8
	}
	val := make([]byte, min(size*unit, maxOption))
	if level == uapi.SOL_PACKET && name == uapi.PACKET_HDRLEN { // asks about the version in it
		if err := t.Read(c.ptr(3), val); err != nil {
			return 0, err
		}
	}
	n, err := f.s.Getsockopt(c.who(), level, name, val)
	if err != nil {
		return 0, err
	}
	if f.stream && level == uapi.SOL_SOCKET && name == uapi.SO_ERROR {
		f.st.tellError(c, fd, val[:n])
	}
	if err := t.Write(c.ptr(3), val[:min(n*unit, len(val))]); err != nil {
		return 0, err
	}
	le.PutUint32(b[:], uint32(n))
	if err := t.Write(c.ptr(4), b[:]); err != nil {
		return 0, err
	}
	if !f.stream {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calm(c, fd)
	}
	return 0, nil
}

// tellError completes SO_ERROR: an error that the relay has shown the program's
// end stands there until somebody is told.
func (st *stream) tellError(c *call, fd int, val []byte) {
	st.f.mu.Lock()
	defer st.f.mu.Unlock()
	if st.state != streamEnded {
		return
	}
	cause := st.takeCause(c, fd)
	if cause == nil || len(val) < 4 || le.Uint32(val) != 0 {
		return
	}
	le.PutUint32(val, uint32(c.n.errnoOf(cause)))
}

// takeCause takes the error off the program's end, and returns why the
// connection ended, if nobody was told before; file.mu is held.
func (st *stream) takeCause(c *call, fd int) error {
	pending := 0
	c.with(fd, func(fd int) (err error) {
		pending, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		return err
	})
	cause, owed := st.cause, st.owed
	st.cause, st.owed = nil, false
	if pending == 0 && !owed {
		return nil // a native call told it
	}
	return cause
}

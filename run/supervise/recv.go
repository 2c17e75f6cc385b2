//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi"
)

// receive is one trapped receive, tried until it has something.
type receive struct {
	c     *call
	f     *file
	fd    int
	flags int
	iov   []seccomp.Iovec
	// Where the sender's address and the rest go: by recvfrom's pointers, or in
	// the header at hdrAt.
	name, nameLen uint64
	hdr           seccomp.Msghdr
	hdrAt         uint64
}

// maxReceive bounds what one receive makes the supervisor hold.
const maxReceive = 1 << 20

// run answers the call or parks it.
func (r *receive) run() (int64, error) {
	r.flags &^= uapi.MSG_CMSG_CLOEXEC
	if r.f.s.Poll()&uapi.POLLRDHUP != 0 && r.c.nonblock(r.fd) {
		r.flags |= uapi.MSG_DONTWAIT // only who waits is told of the end (net/core/datagram.c __skb_wait_for_more_packets)
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	v, err := r.try()
	if !isEAGAIN(err) || r.flags&(uapi.MSG_DONTWAIT|uapi.MSG_ERRQUEUE) != 0 || r.c.nonblock(r.fd) {
		return v, err
	}
	r.f.park(r.c, uapi.POLLIN|uapi.POLLRDHUP, r.f.timeout(uapi.SO_RCVTIMEO_NEW), r.try)
	return 0, errAnswered
}

// try receives once; file.mu is held.
func (r *receive) try() (int64, error) {
	r.f.reconcile()
	size := int(min(seccomp.IovLen(r.iov), maxReceive))
	data, free := r.c.n.host.buffer(size)
	defer free()
	m := sock.Msg{Data: data, Flags: r.flags}
	var name [seccomp.MaxSockaddr]byte
	m.Name = name[:]
	if r.hdrAt != 0 {
		m.Control = make([]byte, min(r.hdr.Controllen, seccomp.MaxControl))
	}
	n, err := r.take(&m)
	if err == nil {
		err = r.deliver(&m, n)
	}
	if !isEAGAIN(err) {
		r.settle(&m, n)
	}
	return int64(n), err
}

// take receives from what an earlier caller did not get, else from the socket.
func (r *receive) take(m *sock.Msg) (int, error) {
	if len(r.f.back) == 0 || r.flags&uapi.MSG_ERRQUEUE != 0 {
		return r.f.s.Recvmsg(r.c.who(), m)
	}
	d := r.f.back[0]
	if r.flags&uapi.MSG_PEEK == 0 {
		r.f.back = r.f.back[1:]
	}
	n := copy(m.Data, d.data)
	m.NameLen = d.nameLen
	copy(m.Name, d.name)
	m.ControlLen = copy(m.Control, d.control)
	m.OutFlags = d.flags
	if d.length > n {
		m.OutFlags |= uapi.MSG_TRUNC
	}
	if r.flags&uapi.MSG_TRUNC != 0 {
		n = d.length
	}
	return n, nil
}

// deliver writes what was received to the caller's memory.
func (r *receive) deliver(m *sock.Msg, n int) error {
	t := r.c.target()
	if _, err := t.Scatter(r.iov, m.Data[:min(n, len(m.Data))]); err != nil {
		return err
	}
	name := m.Name[:min(m.NameLen, len(m.Name))]
	if r.hdrAt == 0 {
		return t.PutSockaddr(r.name, r.nameLen, name)
	}
	h := r.hdr
	if h.Name != 0 {
		if err := t.Write(h.Name, name[:min(int(h.Namelen), len(name))]); err != nil {
			return err
		}
		h.Namelen = int32(len(name))
	}
	if err := t.Write(h.Control, m.Control[:m.ControlLen]); err != nil {
		return err
	}
	h.Controllen, h.Flags = uint64(m.ControlLen), int32(m.OutFlags)
	return t.PutMsghdr(r.hdrAt, h)
}

// settle brings the pair in line with the socket after a receive, before the
// caller sees the answer, and keeps the datagram for the case that it never
// does.
func (r *receive) settle(m *sock.Msg, n int) {
	f := r.f
	if r.flags&uapi.MSG_PEEK == 0 && r.flags&uapi.MSG_ERRQUEUE == 0 {
		f.unpush(r.c, r.fd)
		if !r.c.n.mode.Killable {
			d := &datagram{
				data:    append([]byte(nil), m.Data[:min(n, len(m.Data))]...),
				name:    append([]byte(nil), m.Name[:min(m.NameLen, len(m.Name))]...),
				control: append([]byte(nil), m.Control[:m.ControlLen]...),
				nameLen: m.NameLen, flags: m.OutFlags &^ uapi.MSG_TRUNC, length: n,
			}
			r.c.undo = func() { r.putBack(d) }
		}
	}
	f.calm(r.c, r.fd)
	f.show()
}

// putBack makes d the head again: its caller was interrupted before the answer
// reached it. Only without WAIT_KILLABLE_RECV; with it a caller that has gone
// is dead. The kernel restarts the call with the header as it was.
func (r *receive) putBack(d *datagram) {
	if r.hdrAt != 0 {
		r.c.target().PutMsghdr(r.hdrAt, r.hdr)
	}
	f := r.f
	f.seen.Lock() // finish may hold file.mu
	f.seen.returned = append(f.seen.returned, d)
	f.seen.Unlock()
	f.n.host.kick(f)
}

// recvfrom answers recvfrom(2).
func recvfrom(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return f.st.recvfrom(c)
	}
	r := receive{c: c, f: f, fd: c.intArg(0), flags: c.intArg(3), name: c.ptr(4), nameLen: c.ptr(5)}
	if r.iov, err = c.buffer(1, 2); err != nil {
		return 0, err
	}
	return r.run()
}

// read answers read(2) in the range.
func read(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return 0, errContinue
	}
	if c.Args[2] == 0 {
		return 0, nil // net/socket.c sock_read_iter: "Match SYS5 behaviour"
	}
	r := receive{c: c, f: f, fd: c.intArg(0)}
	if r.iov, err = c.buffer(1, 2); err != nil {
		return 0, err
	}
	return r.run()
}

// readv answers readv(2) and preadv2(2).
func readv(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return 0, errContinue
	}
	if err := c.checkOffset(unix.SYS_PREADV2); err != nil {
		return 0, err
	}
	r := receive{c: c, f: f, fd: c.intArg(0)}
	if r.iov, err = c.vector(1, 2); err != nil || seccomp.IovLen(r.iov) == 0 {
		return 0, err
	}
	return r.run()
}

// checkOffset refuses a file position of preadv2 and pwritev2 (nr): a socket
// has none; -1 is "the current one". Their arguments 3 and 4 are its halves.
func (c *call) checkOffset(nr int32) error {
	if c.Nr == nr && int64(c.Args[3]) != -1 {
		return unix.ESPIPE
	}
	return nil
}

// vector reads readv's and writev's arguments.
func (c *call) vector(at, count int) ([]seccomp.Iovec, error) {
	iov, err := c.target().Iovecs(c.ptr(at), c.Args[count])
	if err == unix.EMSGSIZE {
		err = unix.EINVAL
	}
	return iov, err
}

// buffer is the piece of memory that two arguments name (lib/iov_iter.c
// import_ubuf: EFAULT at once when it is no program's).
func (c *call) buffer(at, length int) ([]seccomp.Iovec, error) {
	iov := []seccomp.Iovec{{Base: c.ptr(at), Len: min(c.Args[length], maxRW)}}
	if !iov[0].User() {
		return nil, unix.EFAULT
	}
	return iov, nil
}

// maxRW is MAX_RW_COUNT (include/linux/fs.h).
const maxRW = 0x7ffff000

// recvmsg answers recvmsg(2).
func recvmsg(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	flags := c.intArg(2)
	if f.stream && flags&uapi.MSG_ERRQUEUE == 0 {
		return f.st.recvmsg(c, flags)
	}
	r := receive{c: c, f: f, fd: c.intArg(0), flags: flags, hdrAt: c.ptr(1)}
	if err := r.header(c.ptr(1)); err != nil {
		return 0, err
	}
	return r.run()
}

// header reads the message header at addr.
func (r *receive) header(addr uint64) (err error) {
	t := r.c.target()
	if r.hdr, err = t.Msghdr(addr); err != nil {
		return err
	}
	if r.hdr.Name != 0 && r.hdr.Namelen < 0 {
		return unix.EINVAL
	}
	r.iov, err = t.Iovecs(r.hdr.Iov, r.hdr.Iovlen)
	return err
}

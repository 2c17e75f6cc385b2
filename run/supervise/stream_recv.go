//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi"
)

// takeOver is a receive for which the supervisor reads the program's end: the
// pair would tell a name, copy what MSG_TRUNC discards, and knows no TCP_INQ.
type takeOver struct {
	c       *call
	st      *stream
	flags   int
	iov     []seccomp.Iovec
	hdr     seccomp.Msghdr
	hdrAt   uint64 // 0: recvfrom's pointer to a length
	nameLen uint64
	done    uint64
}

// recvfrom answers recvfrom(2) with an address or with flags that the pair knows
// in another way: a stream gives no address.
func (st *stream) recvfrom(c *call) (int64, error) {
	flags := c.intArg(3)
	if flags&uapi.MSG_ERRQUEUE != 0 {
		return 0, unix.EAGAIN
	}
	iov, err := c.buffer(1, 2)
	if err != nil {
		return 0, err
	}
	r := &takeOver{c: c, st: st, flags: flags, iov: iov}
	if c.ptr(4) != 0 {
		r.nameLen = c.ptr(5)
	}
	return r.run(true)
}

// recvmsg answers recvmsg(2): a plain one is native.
func (st *stream) recvmsg(c *call, flags int) (int64, error) {
	r, err := st.receiving(c, c.ptr(1), flags)
	if err != nil {
		return 0, err
	}
	return r.run(r.hdr.Name != 0 || flags&uapi.MSG_TRUNC != 0 || r.hdr.Controllen > 0 && st.tellsQueue())
}

// receiving reads the message header at addr.
func (st *stream) receiving(c *call, addr uint64, flags int) (r *takeOver, err error) {
	r = &takeOver{c: c, st: st, flags: flags &^ uapi.MSG_CMSG_CLOEXEC, hdrAt: addr}
	if r.hdr, err = c.target().Msghdr(addr); err != nil {
		return nil, err
	}
	if r.hdr.Name != 0 && r.hdr.Namelen < 0 {
		return nil, unix.EINVAL
	}
	r.iov, err = c.target().Iovecs(r.hdr.Iov, r.hdr.Iovlen)
	return r, err
}

// tellsQueue reports whether TCP_INQ is on.
func (st *stream) tellsQueue() bool {
	var b [4]byte
	n, err := st.f.s.Getsockopt(sock.Root(), uapi.IPPROTO_TCP, uapi.TCP_INQ, b[:])
	return err == nil && n == 4 && le.Uint32(b[:]) != 0
}

// run answers the call, in the kernel where it may: where a signal can end the
// wait for an answer, what was read would be lost.
func (r *takeOver) run(here bool) (int64, error) {
	f := r.st.f
	f.mu.Lock()
	defer f.mu.Unlock()
	switch st := r.st; {
	case st.unconnected():
		n, err := f.s.Recvmsg(r.c.who(), &sock.Msg{Data: make([]byte, 1), Flags: r.flags | uapi.MSG_DONTWAIT})
		return int64(n), err
	case st.state == streamEnded && st.cause != nil && r.ask(unix.TIOCINQ) == 0:
		if cause := st.takeCause(r.c, r.c.intArg(0)); cause != nil {
			return 0, cause
		}
	}
	if !here || !r.c.n.mode.Killable {
		return 0, errContinue
	}
	v, err := r.try()
	if !isEAGAIN(err) {
		return v, err
	}
	if r.flags&uapi.MSG_DONTWAIT != 0 || r.c.nonblock(r.c.intArg(0)) {
		return r.part()
	}
	p := f.park(r.c, anyChange, f.timeout(uapi.SO_RCVTIMEO_NEW), r.try)
	p.late, p.foreign = r.part, true
	f.n.host.kick(f) // something may have come before the park
	return 0, errAnswered
}

// unconnected reports whether receiving is refused; file.mu is held.
func (st *stream) unconnected() bool {
	return st.state == streamIdle || st.state == streamListening || st.cut
}

// ask asks the program's end by an ioctl that answers with a number; 0 also when
// it cannot be asked.
func (r *takeOver) ask(cmd uint) (v int) {
	r.c.with(r.c.intArg(0), func(fd int) (err error) {
		v, err = unix.IoctlGetInt(fd, cmd)
		return err
	})
	return v
}

// part answers with what was received, or EAGAIN.
func (r *takeOver) part() (int64, error) {
	if r.done == 0 {
		return 0, unix.EAGAIN
	}
	return r.finish()
}

// try receives what there is, once or until all that was asked for is here;
// file.mu is held.
func (r *takeOver) try() (int64, error) {
	for {
		n, full, err := r.piece(behind(r.iov, r.done))
		r.done += uint64(n)
		all := r.flags&uapi.MSG_WAITALL != 0
		switch {
		case isEAGAIN(err) && (r.done == 0 || all):
			return 0, unix.EAGAIN
		case err != nil && r.done == 0:
			return 0, err
		case err != nil && !isEAGAIN(err):
			r.st.owed = true // the program's end tells an error once
			return r.finish()
		case err != nil, n == 0, r.flags&(uapi.MSG_PEEK|uapi.MSG_OOB) != 0,
			r.done == seccomp.IovLen(r.iov), !full && !all, r.ask(uapi.SIOCATMARK) != 0:
			return r.finish()
		}
	}
}

// piece reads once; full: there may be more at once.
func (r *takeOver) piece(iov []seccomp.Iovec) (n int, full bool, err error) {
	data, free := r.c.n.host.buffer(int(min(seccomp.IovLen(iov), bufSize)))
	defer free()
	flags := r.flags&(uapi.MSG_PEEK|uapi.MSG_OOB) | unix.MSG_DONTWAIT
	err = r.c.with(r.c.intArg(0), func(fd int) error {
		n, _, err = unix.Recvfrom(fd, data, flags)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	if r.flags&uapi.MSG_TRUNC == 0 || r.flags&(uapi.MSG_PEEK|uapi.MSG_OOB) != 0 {
		if _, err := r.c.target().Scatter(iov, data[:n]); err != nil {
			return 0, false, err
		}
	}
	return n, n == bufSize, nil
}

// finish writes what goes with the data: no name, and TCP_INQ.
func (r *takeOver) finish() (int64, error) {
	t := r.c.target()
	if r.hdrAt == 0 {
		if r.nameLen == 0 {
			return int64(r.done), nil
		}
		return int64(r.done), t.Write(r.nameLen, make([]byte, 4))
	}
	m := sock.Msg{Control: make([]byte, min(r.hdr.Controllen, seccomp.MaxControl))}
	if len(m.Control) > 0 && r.st.tellsQueue() {
		m.PutCmsg32(uapi.SOL_TCP, uapi.TCP_INQ, r.queued())
	}
	h := r.hdr
	if err := t.Write(h.Control, m.Control[:m.ControlLen]); err != nil {
		return 0, err
	}
	h.Namelen, h.Controllen, h.Flags = 0, uint64(m.ControlLen), int32(m.OutFlags|r.flags&uapi.MSG_OOB)
	return int64(r.done), t.PutMsghdr(r.hdrAt, h)
}

// queued is what is left to receive; at the end 1 (net/ipv4/tcp.c tcp_inq_hint).
func (r *takeOver) queued() uint32 {
	var b [4]byte
	r.st.f.s.Ioctl(sock.Root(), uapi.SIOCINQ, b[:])
	n := le.Uint32(b[:]) + uint32(r.ask(unix.TIOCINQ))
	if n == 0 && r.st.f.s.Poll()&uapi.POLLRDHUP != 0 {
		return 1
	}
	return n
}

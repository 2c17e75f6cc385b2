//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/run/seccomp"
	"linen/uapi"
)

// sendmsg answers sendmsg(2): a plain one is native.
func (st *stream) sendmsg(c *call) (int64, error) {
	t := c.target()
	h, err := t.Msghdr(c.ptr(1))
	if err != nil {
		return 0, err
	}
	flags, control := c.intArg(2), h.Control != 0 && h.Controllen != 0
	st.noteUrgent(flags)
	if st.isOpen() && !control && (h.Name == 0 || h.Namelen == 0) {
		return 0, errContinue
	}
	if _, err := messageName(t, h); err != nil {
		return 0, err
	}
	iov, err := t.Iovecs(h.Iov, h.Iovlen)
	if err != nil {
		return 0, err
	}
	if _, err := messageControl(t, h); err != nil {
		return 0, err
	}
	if err := st.sendable(c, flags, control); err != nil {
		return 0, err
	}
	return st.addressed(c, flags, iov)
}

// noteUrgent comes before the program's urgent byte: from now on the relay looks
// for marks.
func (st *stream) noteUrgent(flags int) {
	if flags&uapi.MSG_OOB != 0 {
		st.urgent.Store(true)
	}
}

// sendto answers sendto(2) with an address, or with flags that a pair does not
// know or that the relay has to know of.
func (st *stream) sendto(c *call) (int64, error) {
	st.noteUrgent(c.intArg(3))
	if c.ptr(4) == 0 && st.isOpen() {
		return 0, errContinue
	}
	iov, err := c.buffer(1, 2)
	if err != nil {
		return 0, err
	}
	if c.ptr(4) != 0 {
		if _, err := c.target().Sockaddr(c.ptr(4), c.intArg(5)); err != nil {
			return 0, err
		}
	}
	if err := st.sendable(c, c.intArg(3), false); err != nil {
		return 0, err
	}
	return st.addressed(c, c.intArg(3), iov)
}

// isOpen reports whether the stream is connected.
func (st *stream) isOpen() bool {
	st.f.mu.Lock()
	defer st.f.mu.Unlock()
	return st.state == streamOpen
}

// sendable refuses what a native write would take.
func (st *stream) sendable(c *call, flags int, control bool) error {
	st.f.mu.Lock()
	defer st.f.mu.Unlock()
	state := st.state
	if state == streamEnded {
		if cause := st.takeCause(c, c.intArg(0)); cause != nil {
			return cause
		}
	}
	switch {
	case flags&uapi.MSG_FASTOPEN != 0:
		return unix.EOPNOTSUPP
	case state == streamIdle || state == streamListening:
		return c.brokenPipe(flags) // net/ipv4/tcp.c tcp_sendmsg_locked: not connected
	case control:
		return unix.EINVAL // descriptors do not travel over the network
	}
	return nil
}

// brokenPipe is EPIPE with its signal.
func (c *call) brokenPipe(flags int) error {
	if flags&uapi.MSG_NOSIGNAL == 0 {
		c.signal(unix.SIGPIPE)
	}
	return unix.EPIPE
}

// handOver is a send for which the supervisor writes to the program's end.
type handOver struct {
	c     *call
	st    *stream
	flags int
	iov   []seccomp.Iovec
	done  uint64
}

// handOverPiece is what one turn of it copies.
const handOverPiece = 64 << 10

// addressed sends with an address, which a connected stream does not look at:
// a native send on the pair would (net/unix/af_unix.c unix_stream_sendmsg:
// EISCONN).
func (st *stream) addressed(c *call, flags int, iov []seccomp.Iovec) (int64, error) {
	h := &handOver{c: c, st: st, flags: flags, iov: iov}
	f := st.f
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := h.try()
	if !isEAGAIN(err) {
		return v, err
	}
	if flags&uapi.MSG_DONTWAIT != 0 || c.nonblock(c.intArg(0)) {
		return h.part()
	}
	p := f.park(c, anyChange, f.timeout(uapi.SO_SNDTIMEO_NEW), h.try)
	p.late, p.foreign = h.part, true
	f.n.host.kick(f) // the relay may have made space before the park
	return 0, errAnswered
}

// part answers with what was sent, or EAGAIN.
func (h *handOver) part() (int64, error) {
	if h.done == 0 {
		return 0, unix.EAGAIN
	}
	return int64(h.done), nil
}

// try sends what the pair takes: EAGAIN while something is left. file.mu is
// held.
func (h *handOver) try() (int64, error) {
	total := seccomp.IovLen(h.iov)
	for h.done < total {
		n, err := h.piece()
		h.done += uint64(n)
		switch {
		case err == nil:
			continue
		case isEAGAIN(err) && h.done < total:
			return 0, unix.EAGAIN
		case h.done > 0:
			return int64(h.done), nil
		case err == unix.EPIPE:
			return 0, h.c.brokenPipe(h.flags)
		}
		return 0, err
	}
	return int64(h.done), nil
}

func (h *handOver) piece() (n int, err error) {
	data, err := h.c.target().Gather(behind(h.iov, h.done), handOverPiece)
	if err != nil {
		return 0, err
	}
	flags := h.flags&uapi.MSG_OOB | unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	err = h.c.with(h.c.intArg(0), func(fd int) error {
		n, err = unix.SendmsgN(fd, data, nil, nil, flags)
		return err
	})
	return max(n, 0), err
}

// behind returns the pieces without their first n bytes.
func behind(iov []seccomp.Iovec, n uint64) []seccomp.Iovec {
	for i, v := range iov {
		if n < v.Len {
			return append([]seccomp.Iovec{{Base: v.Base + n, Len: v.Len - n}}, iov[i+1:]...)
		}
		n -= v.Len
	}
	return nil
}

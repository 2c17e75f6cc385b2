//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi"
	"linen/uapi/errno"
)

// sendmsg answers sendmsg(2): a plain one is native.
func (st *stream) sendmsg(c *call) (int64, error) {
	flags := c.intArg(2)
	h, plain, err := st.message(c, c.ptr(1), flags)
	if err != nil {
		return 0, err
	}
	if plain && st.isOpen() {
		return 0, errContinue
	}
	if err := h.anew(); err != nil {
		return 0, err
	}
	return h.st.send(c, flags, h.try, h.part)
}

// message reads the message whose header is at addr; plain: the pair would send
// it as TCP does.
func (st *stream) message(c *call, addr uint64, flags int) (h *handOver, plain bool, err error) {
	t := c.target()
	hdr, err := t.Msghdr(addr)
	if err != nil {
		return nil, false, err
	}
	st.noteUrgent(flags)
	h = &handOver{c: c, st: st, flags: flags, control: hdr.Control != 0 && hdr.Controllen != 0}
	if !h.control && (hdr.Name == 0 || hdr.Namelen == 0) && flags&uapi.MSG_FASTOPEN == 0 {
		plain = true
	}
	if h.name, err = messageName(t, hdr); err != nil {
		return nil, false, err
	}
	if h.iov, err = t.Iovecs(hdr.Iov, hdr.Iovlen); err != nil {
		return nil, false, err
	}
	_, err = messageControl(t, hdr)
	return h, plain, err
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
	flags := c.intArg(3)
	st.noteUrgent(flags)
	if c.ptr(4) == 0 && flags&uapi.MSG_FASTOPEN == 0 && st.isOpen() {
		return 0, errContinue
	}
	iov, err := c.buffer(1, 2)
	if err != nil {
		return 0, err
	}
	h := &handOver{c: c, st: st, flags: flags, iov: iov}
	if c.ptr(4) != 0 {
		if h.name, err = c.target().Sockaddr(c.ptr(4), c.intArg(5)); err != nil {
			return 0, err
		}
	}
	if err := h.anew(); err != nil {
		return 0, err
	}
	return h.st.send(c, flags, h.try, h.part)
}

// isOpen reports whether the stream is connected.
func (st *stream) isOpen() bool {
	st.f.mu.Lock()
	defer st.f.mu.Unlock()
	return st.state == streamOpen
}

// send answers with what try does, and parks the call while it is EAGAIN; part
// is the answer of one that does not wait. A connected stream does not look at an
// address: a native send on the pair would (net/unix/af_unix.c
// unix_stream_sendmsg: EISCONN).
func (st *stream) send(c *call, flags int, try, part func() (int64, error)) (int64, error) {
	f := st.f
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := try()
	if !isEAGAIN(err) {
		return v, err
	}
	if flags&uapi.MSG_DONTWAIT != 0 || c.nonblock(c.intArg(0)) {
		return part()
	}
	p := f.park(c, anyChange, f.timeout(uapi.SO_SNDTIMEO_NEW), try)
	p.late, p.foreign = part, true
	f.n.host.kick(f) // the relay may have made space before the park
	return 0, errAnswered
}

// handOver is a send for which the supervisor writes to the program's end.
type handOver struct {
	c       *call
	st      *stream
	flags   int
	name    []byte
	control bool
	iov     []seccomp.Iovec
	done    uint64
	begun   bool // the stream was looked at
	opening bool // MSG_FASTOPEN: the handshake goes on
}

// handOverPiece is what one turn of it copies.
const handOverPiece = 64 << 10

// begin refuses what a native write would take, and does MSG_FASTOPEN; file.mu
// is held.
func (h *handOver) begin() error {
	state := h.st.state
	if h.flags&uapi.MSG_FASTOPEN != 0 {
		return h.fastOpen()
	}
	if state == streamEnded {
		if cause := h.st.takeCause(h.c, h.c.intArg(0)); cause != nil {
			return cause
		}
	}
	switch {
	case state == streamIdle || state == streamListening:
		return h.c.brokenPipe(h.flags) // net/ipv4/tcp.c tcp_sendmsg_locked: not connected
	case h.control:
		return unix.EINVAL // descriptors do not travel over the network
	}
	return nil
}

// anew gives a Fast Open of a stream whose end cannot be joined any more a new
// one, as connect does.
func (h *handOver) anew() error {
	f := h.st.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.flags&uapi.MSG_FASTOPEN == 0 || !h.st.spent() {
		return nil
	}
	g, err := h.st.renew(h.c)
	if err == nil {
		h.st = g.st
	}
	return err
}

// fastOpen has the socket send its SYN, which may take data along. The rest goes
// by the pair once the connection is there (net/ipv4/tcp.c tcp_sendmsg_fastopen).
func (h *handOver) fastOpen() error {
	data, err := h.c.target().Gather(h.iov, handOverPiece)
	if err != nil {
		return err
	}
	m := sock.Msg{Name: h.name, Data: data, Flags: h.flags | uapi.MSG_DONTWAIT | uapi.MSG_NOSIGNAL}
	n, err := h.st.f.s.Sendmsg(h.c.who(), &m)
	if err != nil && err != errno.EINPROGRESS {
		return err
	}
	h.done, h.opening = uint64(n), true
	h.st.state = streamConnecting
	return nil
}

// opened is EAGAIN until the handshake is over; file.mu is held.
func (h *handOver) opened() error {
	if h.st.f.s.Poll()&(uapi.POLLOUT|pollAlways) == 0 {
		return unix.EAGAIN
	}
	err := h.st.outcome(h.c.who(), h.name)
	h.opening = isEAGAIN(err)
	return err
}

// brokenPipe is EPIPE with its signal.
func (c *call) brokenPipe(flags int) error {
	if flags&uapi.MSG_NOSIGNAL == 0 {
		c.signal(unix.SIGPIPE)
	}
	return unix.EPIPE
}

// part answers with what was sent; a handshake goes on.
func (h *handOver) part() (int64, error) {
	if h.opening {
		h.st.block()
		h.st.f.n.host.kick(h.st.f)
	}
	switch {
	case h.done > 0:
		return int64(h.done), nil
	case h.opening:
		return 0, unix.EINPROGRESS
	}
	return 0, unix.EAGAIN
}

// try sends what the pair takes: EAGAIN while something is left. file.mu is
// held.
func (h *handOver) try() (int64, error) {
	if !h.begun {
		if err := h.begin(); err != nil {
			return 0, err
		}
		h.begun = true
		if h.opening && (h.flags&uapi.MSG_DONTWAIT != 0 || h.c.nonblock(h.c.intArg(0))) {
			return 0, unix.EAGAIN // the answer is part's, however far it is
		}
	}
	if h.opening {
		if err := h.opened(); err != nil {
			return 0, err
		}
	}
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

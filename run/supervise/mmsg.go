//go:build linux

package supervise

import (
	"time"

	"golang.org/x/sys/unix"

	"linen/run/seccomp"
	"linen/uapi"
)

// offMsgLen is the offset of msg_len in struct mmsghdr.
const offMsgLen = seccomp.SizeofMsghdr

// sendmmsg answers sendmmsg(2): the messages that were sent before an error
// count, and the error is lost, as on Linux when nothing repeats it.
func sendmmsg(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return f.st.sendmmsg(c)
	}
	count := int(min(uint32(c.Args[2]), seccomp.MaxIovecs))
	b := &burst{c: c, f: f, count: count, flags: c.intArg(3)}
	f.mu.Lock()
	f.native()
	f.mu.Unlock()
	v, err := b.sendSome()
	if !isEAGAIN(err) || b.flags&uapi.MSG_DONTWAIT != 0 || c.nonblock(c.intArg(0)) {
		if b.done > 0 {
			return int64(b.done), nil
		}
		return v, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.park(c, uapi.POLLOUT, f.timeout(uapi.SO_SNDTIMEO_NEW), b.sendSome)
	p.late = b.part
	f.n.host.kick(f)
	return 0, errAnswered
}

// burst is the progress of a sendmmsg or recvmmsg.
type burst struct {
	c           *call
	f           *file
	count, done int
	flags       int
	once        bool // MSG_WAITFORONE or not blocking
}

// part answers with what was done, or EAGAIN.
func (b *burst) part() (int64, error) {
	if b.done == 0 {
		return 0, unix.EAGAIN
	}
	return int64(b.done), nil
}

func (b *burst) sendSome() (int64, error) {
	for b.done < b.count {
		at := b.c.ptr(1) + uint64(b.done)*seccomp.SizeofMmsghdr
		s := transmit{c: b.c, f: b.f, fd: b.c.intArg(0)}
		s.m.Flags = b.flags
		err := s.header(at)
		var n int64
		if err == nil {
			n, err = s.try()
		}
		if err == nil {
			err = putLen(b.c.target(), at, n)
		}
		if isEAGAIN(err) {
			return 0, err
		}
		if err != nil {
			if b.done > 0 {
				break
			}
			return 0, err
		}
		b.done++
	}
	b.f.n.host.kick(b.f)
	return int64(b.done), nil
}

func putLen(t seccomp.Target, at uint64, n int64) error {
	var b [4]byte
	le.PutUint32(b[:], uint32(n))
	return t.Write(at+offMsgLen, b[:])
}

// recvmmsg answers recvmmsg(2). The time limit is looked at while it waits.
func recvmmsg(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return f.st.recvmmsg(c)
	}
	limit, err := c.timespec(c.ptr(4))
	if err != nil {
		return 0, err
	}
	b := &burst{c: c, f: f, count: int(min(uint32(c.Args[2]), seccomp.MaxIovecs)), flags: c.intArg(3) &^ uapi.MSG_CMSG_CLOEXEC}
	b.once = b.flags&uapi.MSG_WAITFORONE != 0
	b.flags &^= uapi.MSG_WAITFORONE
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := b.recvSome()
	if !isEAGAIN(err) {
		return v, err
	}
	if b.flags&(uapi.MSG_DONTWAIT|uapi.MSG_ERRQUEUE) != 0 || c.nonblock(c.intArg(0)) {
		return b.part()
	}
	timeout := f.timeout(uapi.SO_RCVTIMEO_NEW)
	forever := timeout == 0
	if limit > 0 && (forever || limit < timeout) {
		timeout = limit
	}
	p := f.park(c, uapi.POLLIN|uapi.POLLRDHUP, timeout, b.recvSome)
	p.late, p.restart = b.part, forever
	return 0, errAnswered
}

// recvSome receives until the array is full or nothing waits; file.mu is held.
func (b *burst) recvSome() (int64, error) {
	for b.done < b.count {
		at := b.c.ptr(1) + uint64(b.done)*seccomp.SizeofMmsghdr
		r := receive{c: b.c, f: b.f, fd: b.c.intArg(0), flags: b.flags, hdrAt: at}
		err := r.header(at)
		var n int64
		if err == nil {
			n, err = r.try()
		}
		if isEAGAIN(err) && b.done > 0 && b.once {
			break
		}
		if isEAGAIN(err) {
			return 0, err
		}
		if err == nil {
			err = putLen(b.c.target(), at, n)
		}
		if err != nil {
			if b.done > 0 {
				break
			}
			return 0, err
		}
		b.done++
	}
	return int64(b.done), nil
}

// timespec reads a time limit; 0: none.
func (c *call) timespec(addr uint64) (time.Duration, error) {
	if addr == 0 {
		return 0, nil
	}
	var b [16]byte
	if err := c.target().Read(addr, b[:]); err != nil {
		return 0, err
	}
	sec, nsec := int64(le.Uint64(b[:])), int64(le.Uint64(b[8:]))
	if sec < 0 || nsec < 0 || nsec >= int64(time.Second) {
		return 0, unix.EINVAL
	}
	if sec > int64(maxTimeout/time.Second) {
		return maxTimeout, nil
	}
	return max(time.Duration(sec)*time.Second+time.Duration(nsec), 1), nil
}

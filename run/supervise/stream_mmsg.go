//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/run/seccomp"
	"linen/uapi"
)

// volley is the progress of a sendmmsg on a stream.
type volley struct {
	c           *call
	st          *stream
	count, done int
	flags       int
	one         *handOver // the message under way
}

// sendmmsg answers sendmmsg(2): plain messages are native.
func (st *stream) sendmmsg(c *call) (int64, error) {
	v := &volley{c: c, st: st, count: int(min(uint32(c.Args[2]), seccomp.MaxIovecs)), flags: c.intArg(3)}
	if st.isOpen() && v.plain() {
		return 0, errContinue
	}
	first := handOver{c: c, st: st, flags: v.flags}
	if err := first.anew(); err != nil {
		return 0, err
	}
	v.st = first.st
	return v.st.send(c, v.flags, v.try, v.part)
}

// plain reports whether the pair would send all of them as TCP does.
func (v *volley) plain() bool {
	for i := range v.count {
		if _, plain, err := v.st.message(v.c, v.at(i), v.flags); err != nil || !plain {
			return false
		}
	}
	return true
}

// at is where the header of a message is.
func (v *volley) at(i int) uint64 { return v.c.ptr(1) + uint64(i)*seccomp.SizeofMmsghdr }

// try sends what the pair takes: EAGAIN while something is left. file.mu is
// held.
func (v *volley) try() (int64, error) {
	for v.done < v.count {
		err := v.next()
		switch {
		case isEAGAIN(err):
			return 0, err
		case err != nil && v.done == 0:
			return 0, err
		case err != nil:
			return int64(v.done), nil // the error is lost (net/socket.c __sys_sendmmsg)
		}
	}
	return int64(v.done), nil
}

// next sends the message under way, or the next one.
func (v *volley) next() (err error) {
	if v.one == nil {
		if v.one, _, err = v.st.message(v.c, v.at(v.done), v.flags); err != nil {
			return err
		}
	}
	n, err := v.one.try()
	if err != nil {
		return err
	}
	return v.sent(n)
}

// sent notes that a message went, or as much of it as will.
func (v *volley) sent(n int64) error {
	if err := putLen(v.c.target(), v.at(v.done), n); err != nil {
		return err
	}
	v.done, v.one = v.done+1, nil
	return nil
}

// part answers with what was sent.
func (v *volley) part() (int64, error) {
	var err error = unix.EAGAIN
	if v.one != nil {
		var n int64
		if n, err = v.one.part(); err == nil {
			err = v.sent(n)
		}
	}
	if v.done > 0 {
		return int64(v.done), nil
	}
	return 0, err
}

// recvmmsg answers recvmmsg(2), natively where a connection is or was.
func (st *stream) recvmmsg(c *call) (int64, error) {
	if st.mayReceive() {
		return 0, errContinue
	}
	if _, err := c.timespec(c.ptr(4)); err != nil || uint32(c.Args[2]) == 0 {
		return 0, err
	}
	r, err := st.receiving(c, c.ptr(1), c.intArg(3)&^uapi.MSG_WAITFORONE)
	if err != nil {
		return 0, err
	}
	return r.run(false)
}

// mayReceive reports whether the program's end has something to say.
func (st *stream) mayReceive() bool {
	st.f.mu.Lock()
	defer st.f.mu.Unlock()
	return !st.unconnected()
}

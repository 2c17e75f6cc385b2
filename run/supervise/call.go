//go:build linux

package supervise

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi/errno"
)

// call is one notified call on its way to an answer.
type call struct {
	seccomp.Notif
	n *Node
	p *process // found on first use
	// on is the file that the call is about, when one was looked up.
	on *file
	// undo puts back what the call consumed when its caller has not seen the
	// answer; nil: nothing.
	undo func()
}

// What a handler returns instead of an answer.
var (
	errContinue = errors.New("the kernel executes the call")
	errAnswered = errors.New("the call has its answer already, or is parked")
)

// handler answers a call: the value, or an error that holds an errno.
type handler func(c *call) (int64, error)

func (c *call) target() seccomp.Target { return seccomp.Target{TID: int(c.TID)} }

// Arguments as the kernel's types.
func (c *call) intArg(i int) int { return int(int32(c.Args[i])) }
func (c *call) lenArg(i int) int { return int(int32(c.Args[i])) }
func (c *call) ptr(i int) uint64 { return c.Args[i] }

// answer finds the handler and does what it says.
func (c *call) answer() {
	h := handlers[c.Nr]
	if h == nil || c.TID == 0 {
		// A call that the filter notifies and nobody answers, or a caller that
		// cannot be looked at.
		c.finish(0, unix.ENOSYS)
		return
	}
	// What was closed or written natively before counts for this call: a port is
	// free once close(2) has returned.
	c.n.host.happenings()
	if c.n.rings.Load() > 0 {
		c.restoreRings()
	}
	v, err := h(c)
	c.finish(v, err)
	c.n.host.drain()
}

// finish sends the answer.
func (c *call) finish(v int64, err error) {
	switch err {
	case errAnswered:
		return
	case errContinue:
		c.n.l.Continue(c.ID) // ENOENT: the caller has gone
		return
	}
	var e unix.Errno
	if err != nil {
		e = c.n.errnoOf(err)
	}
	if c.n.l.Reply(c.ID, v, e) == unix.ENOENT && c.undo != nil {
		c.undo()
	}
}

// errnoOf is the one place where an error becomes a program's errno.
func (n *Node) errnoOf(err error) unix.Errno {
	var e errno.Errno
	if errors.As(err, &e) {
		return unix.Errno(e)
	}
	var u unix.Errno
	if errors.As(err, &u) {
		return u
	}
	n.log.Error("an error without an errno", "error", err)
	return unix.EIO
}

// process finds the caller's process.
func (c *call) process() (*process, error) {
	if c.p == nil {
		p, err := c.n.process(int(c.TID))
		if err != nil {
			return nil, err
		}
		c.p = p
	}
	return c.p, nil
}

// who returns the credentials that the checks of the call look at. A caller
// whose process cannot be found has none.
func (c *call) who() *sock.Caller {
	p, err := c.process()
	if err != nil {
		return &sock.Caller{UID: nobody, GID: nobody}
	}
	if !c.n.nested.Load() && !p.moved.Load() {
		return p.who(int(c.TID))
	}
	var sp *space
	if c.on != nil {
		sp = c.n.spaces.standing(c.on.s.Base().Net())
	} else if sp, err = c.n.spaces.of(c.target()); err != nil {
		sp = nil
	}
	return p.whoIn(sp, int(c.TID))
}

// nobody is the overflow id (kernel.overflowuid).
const nobody = 65534

// getFD duplicates the caller's descriptor. The copy is closed soon: it hides
// the program's own close.
func (c *call) getFD(fd int) (int, error) {
	if p, err := c.process(); err == nil {
		if got, err := p.getFD(fd); err == nil {
			return got, nil
		}
	}
	return c.target().GetFD(fd)
}

// with runs f on a copy of the caller's descriptor.
func (c *call) with(fd int, f func(fd int) error) error {
	got, err := c.getFD(fd)
	if err != nil {
		return err
	}
	defer unix.Close(got)
	return f(got)
}

// nonblock reports whether the caller's descriptor has O_NONBLOCK.
func (c *call) nonblock(fd int) bool {
	var flags int
	err := c.with(fd, func(fd int) (err error) {
		flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		return err
	})
	return err != nil || flags&unix.O_NONBLOCK != 0
}

// file looks up a descriptor of the caller. A file of ours is returned; a
// native one is errContinue; when it cannot be told the call fails, because a
// wrongly continued one would reach the pair or the host.
func (c *call) file(fd int) (*file, error) {
	id, err := c.target().File(fd)
	if err != nil {
		return nil, err
	}
	c.n.mu.Lock()
	f := c.n.files[fileKey{id.Dev, id.Ino}]
	c.n.mu.Unlock()
	if f == nil {
		return nil, errContinue
	}
	f.seenAt(c, fd)
	c.on = f
	return f, c.notSocket(f)
}

func (c *call) String() string { return fmt.Sprintf("call %d of thread %d", c.Nr, c.TID) }

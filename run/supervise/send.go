//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi"
)

// maxSend bounds what one send makes the supervisor hold; no datagram or
// netlink message is as long.
const maxSend = 16 << 20

// transmit is one trapped send.
type transmit struct {
	c  *call
	f  *file
	fd int
	m  sock.Msg
}

// run sends or parks.
func (s *transmit) run() (int64, error) {
	f := s.f
	f.mu.Lock()
	f.native() // in the order of the calls
	f.mu.Unlock()
	n, err := s.try()
	if isEAGAIN(err) && s.m.Flags&uapi.MSG_DONTWAIT == 0 && !s.c.nonblock(s.fd) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.park(s.c, uapi.POLLOUT, f.timeout(uapi.SO_SNDTIMEO_NEW), s.try)
		f.n.host.kick(f) // space may have come before the park
		return 0, errAnswered
	}
	f.mu.Lock()
	f.calm(s.c, s.fd)
	f.mu.Unlock()
	if f.s.Poll()&(uapi.POLLIN|uapi.POLLERR) != 0 {
		f.n.host.kick(f) // a netlink reply is there when send returns
	}
	return n, err
}

func (s *transmit) try() (int64, error) {
	n, err := s.f.s.Sendmsg(s.c.who(), &s.m)
	return int64(n), err
}

// gather reads what is to be sent. A longer one than any protocol takes is
// refused as UDP does.
func (s *transmit) gather(iov []seccomp.Iovec) (err error) {
	if seccomp.IovLen(iov) > maxSend {
		return unix.EMSGSIZE
	}
	s.m.Data, err = s.c.target().Gather(iov, maxSend)
	return err
}

// send finds the file of a send and sends what iov has.
func (c *call) send(flags int, iov []seccomp.Iovec) (int64, error) {
	if k := c.setting(c.intArg(0)); k != nil {
		text, err := c.target().Gather(iov, maxSetting)
		if err != nil {
			return 0, err
		}
		return k.write(text)
	}
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return 0, errContinue
	}
	s := transmit{c: c, f: f, fd: c.intArg(0), m: sock.Msg{Flags: flags}}
	if err := s.gather(iov); err != nil {
		return 0, err
	}
	return s.run()
}

// write answers write(2) in the range.
func write(c *call) (int64, error) {
	iov, err := c.buffer(1, 2)
	if err != nil {
		return 0, err
	}
	return c.send(0, iov)
}

// writev answers writev(2) and pwritev2(2).
func writev(c *call) (int64, error) {
	if err := c.checkOffset(unix.SYS_PWRITEV2); err != nil {
		return 0, err
	}
	iov, err := c.vector(1, 2)
	if err != nil {
		return 0, err
	}
	return c.send(0, iov)
}

// sendto answers sendto(2).
func sendto(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return f.st.sendto(c)
	}
	s := transmit{c: c, f: f, fd: c.intArg(0), m: sock.Msg{Flags: c.intArg(3)}}
	iov, err := c.buffer(1, 2)
	if err != nil {
		return 0, err
	}
	if c.ptr(4) != 0 {
		if s.m.Name, err = c.target().Sockaddr(c.ptr(4), c.intArg(5)); err != nil {
			return 0, err
		}
	}
	if err := s.gather(iov); err != nil {
		return 0, err
	}
	return s.run()
}

// sendmsg answers sendmsg(2).
func sendmsg(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return f.st.sendmsg(c)
	}
	s := transmit{c: c, f: f, fd: c.intArg(0), m: sock.Msg{Flags: c.intArg(2)}}
	if err := s.header(c.ptr(1)); err != nil {
		return 0, err
	}
	return s.run()
}

// header reads the message whose header is at addr (net/socket.c
// copy_msghdr_from_user, ____sys_sendmsg).
func (s *transmit) header(addr uint64) error {
	t := s.c.target()
	h, err := t.Msghdr(addr)
	if err != nil {
		return err
	}
	if s.m.Name, err = messageName(t, h); err != nil {
		return err
	}
	iov, err := t.Iovecs(h.Iov, h.Iovlen)
	if err != nil {
		return err
	}
	if s.m.Control, err = messageControl(t, h); err != nil {
		return err
	}
	return s.gather(iov)
}

// messageName reads the address of a message: a too long one is cut.
func messageName(t seccomp.Target, h seccomp.Msghdr) ([]byte, error) {
	if h.Name == 0 || h.Namelen == 0 {
		return nil, nil
	}
	if h.Namelen < 0 {
		return nil, unix.EINVAL
	}
	return t.Sockaddr(h.Name, min(int(h.Namelen), seccomp.MaxSockaddr))
}

// messageControl reads the control data of a message.
func messageControl(t seccomp.Target, h seccomp.Msghdr) ([]byte, error) {
	if h.Control == 0 || h.Controllen == 0 {
		return nil, nil
	}
	if h.Controllen > seccomp.MaxControl {
		return nil, unix.ENOBUFS
	}
	p := make([]byte, h.Controllen)
	return p, t.Read(h.Control, p)
}

// sendfile answers sendfile(2) to a descriptor in the range: one datagram of
// what the file has, at most 64 KiB.
func sendfile(c *call) (int64, error) {
	f, err := c.file(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if f.stream {
		return 0, errContinue
	}
	t, offset := c.target(), int64(-1)
	var b [8]byte
	if c.ptr(2) != 0 {
		if err := t.Read(c.ptr(2), b[:]); err != nil {
			return 0, err
		}
		offset = int64(le.Uint64(b[:]))
	}
	data := make([]byte, min(c.Args[3], 1<<16))
	err = c.with(c.intArg(1), func(fd int) error {
		var n int
		if offset < 0 {
			n, err = unix.Read(fd, data)
		} else {
			n, err = unix.Pread(fd, data, offset)
		}
		data = data[:max(n, 0)]
		return err
	})
	if err != nil || len(data) == 0 {
		return 0, err
	}
	if offset >= 0 {
		le.PutUint64(b[:], uint64(offset)+uint64(len(data)))
		if err := t.Write(c.ptr(2), b[:]); err != nil {
			return 0, err
		}
	}
	s := transmit{c: c, f: f, fd: c.intArg(0), m: sock.Msg{Data: data}}
	return s.run()
}

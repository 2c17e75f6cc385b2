package linen

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/net/sock"
	"linen/uapi"
)

// A Conn is a socket as a net.Conn: what TCPConn and PacketConn have in
// common. Its methods may be called from several goroutines.
type Conn struct {
	n             *Net
	s             sock.Socket
	network       string
	local, remote netip.AddrPort // at the beginning, as package net has them
	read          deadline
	write         deadline
	closed        atomic.Bool
}

// A call is what one call on a socket needs; a Net keeps those that are over,
// so that calls do not allocate.
type call struct {
	m    sock.Msg
	name [uapi.SizeofSockaddrIn6]byte
}

func (n *Net) call() *call {
	if h, ok := n.calls.Get().(*call); ok {
		return h
	}
	return new(call)
}

// done gives a call back, without the caller's memory in it.
func (n *Net) done(h *call) {
	h.m = sock.Msg{}
	n.calls.Put(h)
}

// init makes c the net.Conn of s.
func (c *Conn) init(n *Net, s sock.Socket, network string) {
	c.n, c.s, c.network = n, s, network
	if e, is := s.(interface {
		Ends() (local, peer netip.AddrPort)
	}); is {
		c.local, c.remote = e.Ends()
		return
	}
	if sa, err := s.Getsockname(); err == nil {
		c.local = sockAddr(sa)
	}
	if sa, err := s.Getpeername(); err == nil {
		c.remote = sockAddr(sa)
	}
}

// Socket returns the socket itself, for options that Conn does not have.
func (c *Conn) Socket() sock.Socket { return c.s }

// Read receives into p: one datagram, or what a stream has.
func (c *Conn) Read(p []byte) (int, error) {
	stream := c.stream()
	if stream && len(p) == 0 {
		// A stream with nothing wanted answers at once, as package net's.
		return 0, c.opError("read", "read", c.failed(nil))
	}
	h := c.n.call()
	defer c.n.done(h)
	h.m.Data = p
	n, err := c.receive(&h.m)
	if err != nil {
		return n, c.opError("read", "read", err)
	}
	if n == 0 && stream {
		return 0, io.EOF
	}
	return n, nil
}

// Write sends p: one datagram, or all of it on a stream.
func (c *Conn) Write(p []byte) (int, error) {
	h := c.n.call()
	defer c.n.done(h)
	h.m.Data, h.m.Flags = p, uapi.MSG_NOSIGNAL
	n, err := c.send(&h.m)
	if err != nil {
		return n, c.opError("write", "write", err)
	}
	return n, nil
}

// stream reports whether the socket is a byte stream.
func (c *Conn) stream() bool { return c.network[0] == 't' }

// receive blocks for a message until the read deadline or Close.
func (c *Conn) receive(m *sock.Msg) (int, error) {
	if err := c.failed(&c.read); err != nil {
		return 0, err
	}
	c.s.Base().Pass(sock.OpRecv)
	n, err := c.s.Recvmsg(c.n.root, m)
	if err == nil || !errnoTimeout(err) {
		return n, err
	}
	w := c.attach(&c.read, uapi.POLLIN)
	defer c.detach(&c.read, w)
	for {
		if err := c.failed(&c.read); err != nil {
			return 0, err
		}
		n, err := c.s.Recvmsg(c.n.root, m)
		if err == nil || !errnoTimeout(err) {
			return n, err
		}
		w.WaitUntil(c.read.at())
		c.s.Base().Pass(sock.OpRecv)
	}
}

// send blocks until m is taken, the write deadline or Close. It returns how
// many bytes were taken.
func (c *Conn) send(m *sock.Msg) (sent int, err error) {
	if err := c.failed(&c.write); err != nil {
		return 0, err
	}
	c.s.Base().Pass(sock.OpSend)
	if sent, err = c.trySend(m, 0); err == nil || !errnoTimeout(err) {
		return sent, err
	}
	w := c.attach(&c.write, uapi.POLLOUT)
	defer c.detach(&c.write, w)
	for {
		if err := c.failed(&c.write); err != nil {
			return sent, err
		}
		if sent, err = c.trySend(m, sent); err == nil || !errnoTimeout(err) {
			return sent, err
		}
		w.WaitUntil(c.write.at())
		c.s.Base().Pass(sock.OpSend)
	}
}

// trySend sends m, of whose bytes sent were taken before, as far as it goes
// without waiting.
func (c *Conn) trySend(m *sock.Msg, sent int) (int, error) {
	for {
		n, err := c.s.Sendmsg(c.n.root, m)
		if err != nil {
			return sent, err
		}
		sent += n
		if m.Data = m.Data[n:]; !c.stream() || len(m.Data) == 0 {
			return sent, nil
		}
	}
}

// attach returns a Waiter that the socket's events wake, and the deadline d
// when it moves.
func (c *Conn) attach(d *deadline, events sock.Events) *kern.Waiter {
	w := c.n.kernel.k.Waiter()
	c.s.Attach(w, events)
	d.add(w)
	return w
}

func (c *Conn) detach(d *deadline, w *kern.Waiter) {
	d.remove(w)
	c.s.Detach(w)
	w.Free()
}

// failed returns why a call cannot go on: Close or the deadline, if there is
// one to look at.
func (c *Conn) failed(d *deadline) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	if d != nil && d.passed(c.n.kernel.k) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Close closes the socket; calls that block return net.ErrClosed, and so does
// a second Close.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.opError("close", "close", net.ErrClosed)
	}
	err := c.s.Close()
	c.read.wake()
	c.write.wake()
	return c.opError("close", "close", err)
}

// LocalAddr returns the socket's own address.
func (c *Conn) LocalAddr() net.Addr { return netAddr(c.network, c.local) }

// RemoteAddr returns the peer's address, or nil when there is none.
func (c *Conn) RemoteAddr() net.Addr { return netAddr(c.network, c.remote) }

// SetDeadline sets the time after which blocked and later calls fail with
// os.ErrDeadlineExceeded; the zero Time is never.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadline(t, &c.read, &c.write) }

// SetReadDeadline is SetDeadline for reads.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(t, &c.read) }

// SetWriteDeadline is SetDeadline for writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(t, &c.write) }

func (c *Conn) setDeadline(t time.Time, ds ...*deadline) error {
	if c.closed.Load() {
		return c.ownError("set", "", net.ErrClosed)
	}
	for _, d := range ds {
		d.set(c.n.kernel.k, t)
	}
	return nil
}

// SetReadBuffer sets SO_RCVBUF, which Linux doubles and caps at
// net.core.rmem_max.
func (c *Conn) SetReadBuffer(bytes int) error {
	return c.ownError("set", "setsockopt", c.setOption(uapi.SOL_SOCKET, uapi.SO_RCVBUF, int32Value(bytes)))
}

// SetWriteBuffer sets SO_SNDBUF, which Linux doubles and caps at
// net.core.wmem_max.
func (c *Conn) SetWriteBuffer(bytes int) error {
	return c.ownError("set", "setsockopt", c.setOption(uapi.SOL_SOCKET, uapi.SO_SNDBUF, int32Value(bytes)))
}

func (c *Conn) setOption(level, name int, val []byte) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	return c.s.Setsockopt(c.n.root, level, name, val)
}

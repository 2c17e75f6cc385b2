package linen

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Conn is a socket as a net.Conn.
type Conn struct {
	n       *Net
	s       sock.Socket
	who     *sock.Caller
	network string
	read    deadline
	write   deadline
	closed  atomic.Bool
}

func newConn(n *Net, s sock.Socket, who *sock.Caller, network string) *Conn {
	return &Conn{n: n, s: s, who: who, network: network}
}

// Socket returns the socket itself, for options that net.Conn does not have.
func (c *Conn) Socket() sock.Socket { return c.s }

// Read receives into p: one datagram, or what a stream has.
func (c *Conn) Read(p []byte) (int, error) {
	m := sock.Msg{Data: p}
	n, err := c.receive(&m)
	if err != nil {
		return n, c.opError("read", err)
	}
	if n == 0 && len(p) > 0 && c.stream() {
		return 0, io.EOF
	}
	return n, nil
}

// Write sends p: one datagram, or all of it on a stream.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.send(&sock.Msg{Data: p, Flags: uapi.MSG_NOSIGNAL})
	if err != nil {
		return n, c.opError("write", err)
	}
	return n, nil
}

// stream reports whether the socket is a byte stream.
func (c *Conn) stream() bool { return c.network[0] == 't' }

// receive blocks for a message until the read deadline or Close.
func (c *Conn) receive(m *sock.Msg) (n int, err error) {
	err = c.block(&c.read, uapi.POLLIN, func() (bool, error) {
		n, err = c.s.Recvmsg(c.who, m)
		return true, err
	})
	return n, err
}

// send blocks until m is taken, the write deadline or Close.
func (c *Conn) send(m *sock.Msg) (sent int, err error) {
	all := m.Data
	err = c.block(&c.write, uapi.POLLOUT, func() (bool, error) {
		m.Data = all[sent:]
		n, err := c.s.Sendmsg(c.who, m)
		sent += n
		return !c.stream() || sent == len(all), err
	})
	return sent, err
}

// block calls try until it is done or fails other than with EAGAIN, waiting
// for events in between.
func (c *Conn) block(d *deadline, events sock.Events, try func() (done bool, err error)) error {
	if err := c.failed(d); err != nil {
		return err
	}
	done, err := try()
	if (done || err != nil) && !errnoTimeout(err) {
		return err
	}
	k := c.n.kernel.k
	w := k.Waiter()
	defer w.Free()
	c.s.Attach(w, events)
	defer c.s.Detach(w)
	d.add(w)
	defer d.remove(w)
	for {
		if err := c.failed(d); err != nil {
			return err
		}
		done, err := try()
		if (done || err != nil) && !errnoTimeout(err) {
			return err
		}
		if err == nil {
			continue // a part was taken
		}
		w.WaitUntil(d.at(k))
	}
}

// failed returns why a call cannot go on: Close or the deadline.
func (c *Conn) failed(d *deadline) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	if d.passed(c.n.kernel.k) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Close closes the socket; calls that block return net.ErrClosed, and so does
// a second Close.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.opError("close", net.ErrClosed)
	}
	err := c.s.Close()
	c.read.wake()
	c.write.wake()
	return err
}

// CloseWrite shuts down sending: the peer of a stream reads io.EOF.
func (c *Conn) CloseWrite() error {
	return c.opError("close", c.s.Shutdown(c.who, uapi.SHUT_WR))
}

// CloseRead shuts down receiving.
func (c *Conn) CloseRead() error {
	return c.opError("close", c.s.Shutdown(c.who, uapi.SHUT_RD))
}

// LocalAddr returns the socket's own address.
func (c *Conn) LocalAddr() net.Addr {
	sa, err := c.s.Getsockname()
	if err != nil {
		return nil
	}
	return connAddr(c.network, sa)
}

// RemoteAddr returns the peer's address, or nil when there is none.
func (c *Conn) RemoteAddr() net.Addr {
	sa, err := c.s.Getpeername()
	if err != nil {
		return nil
	}
	return connAddr(c.network, sa)
}

// SetDeadline sets the time after which blocked and later calls fail with
// os.ErrDeadlineExceeded; the zero Time is never.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline is SetDeadline for reads.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.read, t) }

// SetWriteDeadline is SetDeadline for writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.write, t) }

func (c *Conn) setDeadline(d *deadline, t time.Time) error {
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	d.set(t)
	return nil
}

// opError dresses an error as package net does.
func (c *Conn) opError(op string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errno.EBADF) && c.closed.Load() {
		err = net.ErrClosed
	}
	return &net.OpError{Op: op, Net: c.network, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// A PacketConn is a datagram socket as a net.PacketConn.
type PacketConn struct{ *Conn }

// ReadFrom receives one datagram; what does not fit into p is lost.
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	var name [uapi.SizeofSockaddrIn6]byte
	m := sock.Msg{Data: p, Name: name[:]}
	n, err := c.receive(&m)
	if err != nil {
		return n, nil, c.opError("read", err)
	}
	return n, connAddr(c.network, name[:min(m.NameLen, len(name))]), nil
}

// WriteTo sends p as one datagram to addr.
func (c *PacketConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	to, err := parseAddr(addr.String())
	if err != nil {
		return 0, c.opError("write", err)
	}
	n, err := c.send(&sock.Msg{Data: p, Name: uapi.AppendSockaddr(nil, to, 0)})
	if err != nil {
		return n, c.opError("write", err)
	}
	return n, nil
}

package linen

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"linen/kern"
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
	reader  half
	writer  half
	closed  atomic.Bool
}

// A half is what one direction needs for a call, kept so that calls do not
// allocate. Calls that run at the same time each get their own.
type half struct {
	busy atomic.Bool
	m    sock.Msg
	name [uapi.SizeofSockaddrIn6]byte
	addr net.Addr // of the last datagram: most come from where the last one did
}

// take returns h, or a new half while h is in use.
func (h *half) take() *half {
	if h.busy.Swap(true) {
		return new(half)
	}
	return h
}

// release gives a half back, without the caller's memory in it.
func (h *half) release() {
	h.m = sock.Msg{}
	h.busy.Store(false)
}

func newConn(n *Net, s sock.Socket, who *sock.Caller, network string) *Conn {
	return &Conn{n: n, s: s, who: who, network: network}
}

// Socket returns the socket itself, for options that net.Conn does not have.
func (c *Conn) Socket() sock.Socket { return c.s }

// Read receives into p: one datagram, or what a stream has.
func (c *Conn) Read(p []byte) (int, error) {
	h := c.reader.take()
	defer h.release()
	h.m.Data = p
	n, err := c.receive(&h.m)
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
	h := c.writer.take()
	defer h.release()
	h.m.Data, h.m.Flags = p, uapi.MSG_NOSIGNAL
	n, err := c.send(&h.m)
	if err != nil {
		return n, c.opError("write", err)
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
	n, err := c.s.Recvmsg(c.who, m)
	if err == nil || !errnoTimeout(err) {
		return n, err
	}
	w := c.attach(&c.read, uapi.POLLIN)
	defer c.detach(&c.read, w)
	for {
		if err := c.failed(&c.read); err != nil {
			return 0, err
		}
		n, err := c.s.Recvmsg(c.who, m)
		if err == nil || !errnoTimeout(err) {
			return n, err
		}
		w.WaitUntil(c.read.at(c.n.kernel.k))
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
		w.WaitUntil(c.write.at(c.n.kernel.k))
		c.s.Base().Pass(sock.OpSend)
	}
}

// trySend sends m, of whose bytes sent were taken before, as far as it goes
// without waiting.
func (c *Conn) trySend(m *sock.Msg, sent int) (int, error) {
	for {
		n, err := c.s.Sendmsg(c.who, m)
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

// ReadFrom receives one datagram; what does not fit into p is lost. The
// address is not to be written: the next call may return it again.
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	h := c.reader.take()
	defer h.release()
	n, sa, err := c.readFrom(h, p)
	if err != nil {
		return n, nil, c.opError("read", err)
	}
	return n, h.from(c.network, sa), nil
}

// ReadFromAddrPort is ReadFrom with the sender as a netip.AddrPort.
func (c *PacketConn) ReadFromAddrPort(p []byte) (int, netip.AddrPort, error) {
	h := c.reader.take()
	defer h.release()
	n, sa, err := c.readFrom(h, p)
	if err != nil {
		return n, netip.AddrPort{}, c.opError("read", err)
	}
	a, port, _ := uapi.ParseSockaddrIn(sa)
	return n, netip.AddrPortFrom(a, port), nil
}

// readFrom receives one datagram and returns its sender's sockaddr in h.
func (c *PacketConn) readFrom(h *half, p []byte) (int, []byte, error) {
	h.m.Data, h.m.Name = p, h.name[:]
	n, err := c.receive(&h.m)
	return n, h.name[:min(h.m.NameLen, len(h.name))], err
}

// from returns the net.Addr of a sockaddr: the last one again if it is the
// same.
func (h *half) from(network string, sa []byte) net.Addr {
	if u, ok := h.addr.(*net.UDPAddr); ok && len(u.IP) == 4 {
		if a, port, ok := uapi.ParseSockaddrIn(sa); ok && int(port) == u.Port && a.As4() == [4]byte(u.IP) {
			return u
		}
	}
	h.addr = connAddr(network, sa)
	return h.addr
}

// WriteTo sends p as one datagram to addr.
func (c *PacketConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	to, err := addrPortOf(addr)
	if err != nil {
		return 0, c.opError("write", err)
	}
	return c.WriteToAddrPort(p, to)
}

// WriteToAddrPort is WriteTo with the destination as a netip.AddrPort.
func (c *PacketConn) WriteToAddrPort(p []byte, to netip.AddrPort) (int, error) {
	h := c.writer.take()
	defer h.release()
	h.m.Data, h.m.Name = p, uapi.AppendSockaddr(h.name[:0], to, 0)
	n, err := c.send(&h.m)
	if err != nil {
		return n, c.opError("write", err)
	}
	return n, nil
}

// addrPortOf returns an address as a netip.AddrPort, without a detour by its
// text where its type is known.
func addrPortOf(addr net.Addr) (netip.AddrPort, error) {
	switch a := addr.(type) {
	case *net.UDPAddr:
		if a != nil && a.Zone == "" {
			if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap().Is4() {
				return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port)), nil
			}
		}
	case nil:
		return netip.AddrPort{}, errno.EDESTADDRREQ
	}
	return parseAddr(addr.String())
}

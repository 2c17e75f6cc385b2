package linen

import (
	"context"
	"net"
	"time"

	"linen/net/sock"
	"linen/uapi"
)

// A Listener is a TCP listener as a net.Listener.
type Listener struct{ c *Conn }

// Listen returns a net.Listener on an address such as "10.0.0.2:80", ":80" or
// ":0"; network is "tcp" or "tcp4". The backlog is net.core.somaxconn, as
// package net's.
func (n *Net) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	typ, proto, err := parseNetwork(network)
	if err != nil {
		return fail(err)
	}
	if typ != uapi.SOCK_STREAM {
		return fail(net.UnknownNetworkError(network))
	}
	s, who, err := n.bound(typ, proto, address)
	if err != nil {
		return fail(err)
	}
	if err := s.Listen(who, maxBacklog); err != nil {
		s.Close()
		return fail(err)
	}
	return &Listener{newConn(n, s, who, network)}, nil
}

// maxBacklog is cut to net.core.somaxconn by the socket.
const maxBacklog = 1 << 16

// Accept waits for a connection.
func (l *Listener) Accept() (net.Conn, error) {
	s, err := l.accept()
	if err != nil {
		return nil, l.c.opError("accept", err)
	}
	return newConn(l.c.n, s, l.c.who, l.c.network), nil
}

// accept blocks for a connection until the deadline or Close.
func (l *Listener) accept() (sock.Socket, error) {
	c := l.c
	if err := c.failed(&c.read); err != nil {
		return nil, err
	}
	c.s.Base().Pass(sock.OpAccept)
	s, err := c.s.Accept(c.who)
	if err == nil || !errnoTimeout(err) {
		return s, err
	}
	w := c.attach(&c.read, uapi.POLLIN)
	defer c.detach(&c.read, w)
	for {
		if err := c.failed(&c.read); err != nil {
			return nil, err
		}
		if s, err = c.s.Accept(c.who); err == nil || !errnoTimeout(err) {
			return s, err
		}
		w.WaitUntil(c.read.at(c.n.kernel.k))
		c.s.Base().Pass(sock.OpAccept)
	}
}

// SetDeadline sets the time after which Accept fails with
// os.ErrDeadlineExceeded; the zero Time is never.
func (l *Listener) SetDeadline(t time.Time) error { return l.c.SetReadDeadline(t) }

// Addr returns the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.c.LocalAddr() }

// Close stops listening; an Accept that waits returns net.ErrClosed.
func (l *Listener) Close() error { return l.c.Close() }

// Socket returns the socket itself.
func (l *Listener) Socket() sock.Socket { return l.c.s }

package linen

import (
	"context"
	"net"
	"time"

	"linen/net/sock"
	"linen/uapi"
)

// A Listener is a TCP listener as a net.Listener.
type Listener struct{ c Conn }

// Listen returns a *Listener on an address such as "10.0.0.2:80", ":80" or
// ":0"; network is "tcp" or "tcp4". The backlog is net.core.somaxconn, as
// package net's.
func (n *Net) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	s, err := n.listen(ctx, network, address, true)
	if err != nil {
		return nil, err
	}
	l := &Listener{}
	l.c.init(n, s, network)
	return l, nil
}

// maxBacklog is cut to net.core.somaxconn by the socket.
const maxBacklog = 1 << 16

// Accept waits for a connection, which is a *TCPConn.
func (l *Listener) Accept() (net.Conn, error) {
	s, err := l.accept()
	if err != nil {
		return nil, l.c.ownError("accept", "accept", err)
	}
	return newTCPConn(l.c.n, s, l.c.network), nil
}

// accept blocks for a connection until the deadline or Close.
func (l *Listener) accept() (sock.Socket, error) {
	c := &l.c
	if err := c.failed(&c.read); err != nil {
		return nil, err
	}
	c.s.Base().Pass(sock.OpAccept)
	s, err := c.s.Accept(c.n.root)
	if err == nil || !errnoTimeout(err) {
		return s, err
	}
	w := c.attach(&c.read, uapi.POLLIN)
	defer c.detach(&c.read, w)
	for {
		if err := c.failed(&c.read); err != nil {
			return nil, err
		}
		if s, err = c.s.Accept(c.n.root); err == nil || !errnoTimeout(err) {
			return s, err
		}
		w.WaitUntil(c.read.at())
		c.s.Base().Pass(sock.OpAccept)
	}
}

// SetDeadline sets the time after which Accept fails with
// os.ErrDeadlineExceeded; the zero Time is never.
func (l *Listener) SetDeadline(t time.Time) error { return l.c.SetReadDeadline(t) }

// Addr returns the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.c.LocalAddr() }

// Close stops listening; an Accept that waits returns net.ErrClosed.
func (l *Listener) Close() error {
	if l.c.closed.Load() {
		return l.c.ownError("close", "close", net.ErrClosed)
	}
	return l.c.Close()
}

// Socket returns the socket itself.
func (l *Listener) Socket() sock.Socket { return l.c.s }

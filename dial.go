package linen

import (
	"context"
	"net"
	"net/netip"

	"linen/net/sock"
	"linen/uapi"
)

// Dial connects to an address of the form "10.0.0.2:53" and returns a
// *TCPConn for "tcp" and "tcp4", a *PacketConn for "udp" and "udp4". Names
// but "localhost" are not resolved. Errors are *net.OpError with package net's
// texts.
//
// A TCP connection has TCP_NODELAY set, as package net sets it. Keepalives are
// off until SetKeepAlive or SetKeepAliveConfig: an idle simulation stays idle.
func (n *Net) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var to netip.AddrPort
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: netAddr(network, to), Err: err}
	}
	typ, proto, err := parseNetwork(network)
	if err != nil {
		return fail(err)
	}
	at, err := parseAddr(network, address)
	if err != nil {
		return fail(err)
	}
	to = at
	s, err := n.socket(typ, proto)
	if err != nil {
		return fail(ofCall("socket", err))
	}
	if err = ctx.Err(); err == nil {
		h := n.call()
		err = sock.Connect(ctx, s, n.root, uapi.AppendSockaddr(h.name[:0], to, 0))
		n.done(h)
	}
	if err != nil {
		s.Close()
		return fail(ofCall("connect", ofContext(err)))
	}
	if typ == uapi.SOCK_STREAM {
		return newTCPConn(n, s, network), nil
	}
	return newPacketConn(n, s, network), nil
}

// DialContext is Dial, with the signature of net.Dialer.DialContext, for
// http.Transport and its like.
func (n *Net) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.Dial(ctx, network, address)
}

// ListenPacket returns a *PacketConn bound to an address such as
// "10.0.0.2:53", ":53" or ":0". network is "udp" or "udp4", or "ip4:icmp" for
// a raw socket, whose addresses have no port.
func (n *Net) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	s, err := n.listen(ctx, network, address, false)
	if err != nil {
		return nil, err
	}
	return newPacketConn(n, s, network), nil
}

// listen makes a socket that is bound, and listens if it is a stream.
func (n *Net) listen(ctx context.Context, network, address string, stream bool) (sock.Socket, error) {
	var at netip.AddrPort
	fail := func(err error) (sock.Socket, error) {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: netAddr(network, at), Err: err}
	}
	typ, proto, err := parseNetwork(network)
	if err != nil {
		return fail(err)
	}
	to, err := parseAddr(network, address)
	if err != nil {
		return fail(err)
	}
	if at = to; stream != (typ == uapi.SOCK_STREAM) {
		return fail(&net.AddrError{Err: "unexpected address type", Addr: address})
	}
	if err := ctx.Err(); err != nil {
		return fail(ofContext(err))
	}
	s, err := n.socket(typ, proto)
	if err != nil {
		return fail(ofCall("socket", err))
	}
	if call, err := n.bind(s, to, stream); err != nil {
		s.Close()
		return fail(ofCall(call, err))
	}
	return s, nil
}

// bind binds s, and lets a stream listen, also where connections of an earlier
// listener are still about (SO_REUSEADDR). It returns the call that failed.
func (n *Net) bind(s sock.Socket, to netip.AddrPort, stream bool) (call string, err error) {
	if stream {
		if err := s.Setsockopt(n.root, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, n.on); err != nil {
			return "setsockopt", err
		}
	}
	if err := s.Bind(n.root, uapi.AppendSockaddr(nil, to, 0)); err != nil || !stream {
		return "bind", err
	}
	return "listen", s.Listen(n.root, maxBacklog)
}

// socket makes a socket. Datagrams may be broadcast, as package net sets it.
func (n *Net) socket(typ, proto int) (sock.Socket, error) {
	s, err := sock.Create(n.root, n.ns, uapi.AF_INET, typ, proto)
	if err != nil || typ == uapi.SOCK_STREAM {
		return s, err
	}
	if err := s.Setsockopt(n.root, uapi.SOL_SOCKET, uapi.SO_BROADCAST, n.on); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

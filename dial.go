package linen

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// Dial connects to an address of the form "10.0.0.2:53" and returns a
// net.Conn. network is "udp" or "udp4", or "tcp" or "tcp4" where the Net has
// TCP. Names are not resolved.
func (n *Net) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	typ, proto, err := parseNetwork(network)
	if err != nil {
		return fail(err)
	}
	to, err := parseAddr(address)
	if err != nil {
		return fail(err)
	}
	who := sock.Root()
	s, err := sock.Create(who, n.ns, uapi.AF_INET, typ, proto)
	if err != nil {
		return fail(err)
	}
	if err := sock.Connect(ctx, s, who, uapi.AppendSockaddr(nil, to, 0)); err != nil {
		s.Close()
		return fail(err)
	}
	return newConn(n, s, who, network), nil
}

// DialContext is Dial, with the signature of net.Dialer.DialContext, for
// http.Transport and its like.
func (n *Net) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.Dial(ctx, network, address)
}

// ListenPacket returns a net.PacketConn bound to an address such as
// "10.0.0.2:53", ":53" or ":0". network is "udp" or "udp4", or
// "ip4:PROTO" for a raw socket, where the port is not used.
func (n *Net) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	fail := func(err error) (net.PacketConn, error) {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	typ, proto, err := parseNetwork(network)
	if err != nil {
		return fail(err)
	}
	if typ == uapi.SOCK_STREAM {
		return fail(net.UnknownNetworkError(network))
	}
	s, who, err := n.bound(typ, proto, address)
	if err != nil {
		return fail(err)
	}
	return &PacketConn{newConn(n, s, who, network)}, nil
}

// bound makes a socket and binds it.
func (n *Net) bound(typ, proto int, address string) (sock.Socket, *sock.Caller, error) {
	at, err := parseAddr(address)
	if err != nil {
		return nil, nil, err
	}
	who := sock.Root()
	s, err := sock.Create(who, n.ns, uapi.AF_INET, typ, proto)
	if err != nil {
		return nil, nil, err
	}
	if typ == uapi.SOCK_STREAM { // as package net does
		if err := s.Setsockopt(who, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, int32Value(1)); err != nil {
			s.Close()
			return nil, nil, err
		}
	}
	if err := s.Bind(who, uapi.AppendSockaddr(nil, at, 0)); err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, who, nil
}

// parseNetwork returns the socket type and protocol of a network's name.
func parseNetwork(network string) (typ, proto int, err error) {
	switch network {
	case "udp", "udp4":
		return uapi.SOCK_DGRAM, uapi.IPPROTO_UDP, nil
	case "tcp", "tcp4":
		return uapi.SOCK_STREAM, uapi.IPPROTO_TCP, nil
	case "ip4:icmp":
		return uapi.SOCK_RAW, uapi.IPPROTO_ICMP, nil
	case "ping4":
		return uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP, nil
	}
	return 0, 0, net.UnknownNetworkError(network)
}

// parseAddr reads "ADDR:PORT", ":PORT" or "ADDR".
func parseAddr(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return netip.AddrPortFrom(a, 0), nil
	}
	if len(s) > 0 && s[0] == ':' {
		s = "0.0.0.0" + s
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return ap, &net.AddrError{Err: "not an IPv4 address and a port", Addr: s}
	}
	if ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()); !ap.Addr().Is4() {
		return ap, &net.AddrError{Err: "IPv6 is not built yet", Addr: s}
	}
	return ap, nil
}

// connAddr turns a sockaddr into a net.Addr of the network's kind.
func connAddr(network string, sa []byte) net.Addr {
	a, port, ok := uapi.ParseSockaddrIn(sa)
	if !ok {
		return nil
	}
	ap := netip.AddrPortFrom(a, port)
	switch network {
	case "tcp", "tcp4":
		return net.TCPAddrFromAddrPort(ap)
	case "udp", "udp4":
		return net.UDPAddrFromAddrPort(ap)
	}
	return &net.IPAddr{IP: a.AsSlice()}
}

// errnoTimeout reports whether err is a send or receive timeout of the socket
// itself (SO_RCVTIMEO).
func errnoTimeout(err error) bool { return errors.Is(err, errno.EAGAIN) }

package linen

import (
	"net"
	"net/netip"

	"linen/net/sock"
	"linen/uapi"
)

// A PacketConn is a datagram socket as a net.PacketConn, with the methods of
// *net.UDPConn but those that need a descriptor.
type PacketConn struct {
	Conn
	connected bool // by Dial
}

func newPacketConn(n *Net, s sock.Socket, network string) *PacketConn {
	c := &PacketConn{}
	c.init(n, s, network)
	c.connected = c.remote.IsValid()
	return c
}

// ReadFrom receives one datagram; what does not fit into p is lost. The
// address is the caller's own; ReadFromUDPAddrPort does without and allocates
// nothing.
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(p)
	if err != nil {
		return n, nil, err
	}
	return n, netAddr(c.network, from), nil
}

// ReadFromUDP is ReadFrom with the sender as a *net.UDPAddr.
func (c *PacketConn) ReadFromUDP(p []byte) (int, *net.UDPAddr, error) {
	n, from, err := c.ReadFromUDPAddrPort(p)
	if err != nil || !from.IsValid() {
		return n, nil, err
	}
	return n, udpAddr(from), nil
}

// ReadFromUDPAddrPort is ReadFrom with the sender as a netip.AddrPort.
func (c *PacketConn) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	h := c.n.call()
	defer c.n.done(h)
	h.m.Data, h.m.Name = p, h.name[:]
	n, err := c.receive(&h.m)
	if err != nil {
		return n, netip.AddrPort{}, c.opError("read", "recvfrom", err)
	}
	return n, sockAddr(h.name[:min(h.m.NameLen, len(h.name))]), nil
}

// ReadMsgUDPAddrPort receives one datagram and its control messages into oob,
// in the layout of cmsg(3); flags is msg_flags of recvmsg(2).
func (c *PacketConn) ReadMsgUDPAddrPort(p, oob []byte) (n, oobn, flags int, from netip.AddrPort, err error) {
	h := c.n.call()
	defer c.n.done(h)
	h.m.Data, h.m.Name, h.m.Control = p, h.name[:], oob
	if n, err = c.receive(&h.m); err != nil {
		return n, 0, 0, from, c.opError("read", "recvmsg", err)
	}
	return n, h.m.ControlLen, h.m.OutFlags, sockAddr(h.name[:min(h.m.NameLen, len(h.name))]), nil
}

// WriteTo sends p as one datagram to addr.
func (c *PacketConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	to, err := addrPortOf(c.network, addr)
	if err != nil {
		if err == errMissingAddress {
			addr = nil
		}
		return 0, &net.OpError{Op: "write", Net: c.network, Source: c.LocalAddr(), Addr: addr, Err: ofErrno(err)}
	}
	return c.WriteToUDPAddrPort(p, to)
}

// WriteToUDP is WriteTo with the destination as a *net.UDPAddr.
func (c *PacketConn) WriteToUDP(p []byte, addr *net.UDPAddr) (int, error) {
	if addr == nil {
		return c.WriteTo(p, nil)
	}
	return c.WriteTo(p, addr)
}

// WriteToUDPAddrPort is WriteTo with the destination as a netip.AddrPort.
func (c *PacketConn) WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error) {
	h := c.n.call()
	defer c.n.done(h)
	n, err := c.sendTo(h, p, to)
	if err != nil {
		return n, c.sendError("sendto", to, err)
	}
	return n, nil
}

// WriteMsgUDPAddrPort sends p with the control messages oob, to the zero
// AddrPort on a connected socket. It returns the bytes of both.
func (c *PacketConn) WriteMsgUDPAddrPort(p, oob []byte, to netip.AddrPort) (n, oobn int, err error) {
	h := c.n.call()
	defer c.n.done(h)
	h.m.Control = oob
	if c.connected && !to.IsValid() {
		h.m.Data = p
		n, err = c.send(&h.m)
	} else {
		n, err = c.sendTo(h, p, to)
	}
	if err != nil {
		return n, 0, c.sendError("sendmsg", to, err)
	}
	return n, len(oob), nil
}

// sendTo sends a datagram to an address that is given.
func (c *PacketConn) sendTo(h *call, p []byte, to netip.AddrPort) (int, error) {
	if c.connected {
		return 0, net.ErrWriteToConnected
	}
	if to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port()); !to.Addr().Is4() {
		return 0, &net.AddrError{Err: "non-IPv4 address", Addr: to.Addr().String()}
	}
	h.m.Data, h.m.Name = p, uapi.AppendSockaddr(h.name[:0], to, 0)
	return c.send(&h.m)
}

// sendError is opError with the destination of the call.
func (c *PacketConn) sendError(call string, to netip.AddrPort, err error) error {
	return &net.OpError{Op: "write", Net: c.network, Source: c.LocalAddr(), Addr: netAddr(c.network, to), Err: c.cause(call, err)}
}

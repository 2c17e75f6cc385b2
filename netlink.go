package linen

import (
	"context"
	"encoding/binary"
	"fmt"

	"linen/net/netlink"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A NetlinkError is a refused request: the kernel's errno and its extended
// acknowledgement.
type NetlinkError struct {
	Errno  errno.Errno
	Msg    string // extended ack text, or ""
	Offset int    // of the attribute meant, in the request; 0: none
}

// Error returns the text as `ip` prints it, in one line.
func (e *NetlinkError) Error() string {
	if e.Msg != "" {
		return e.Msg + ": " + e.Errno.Error()
	}
	return e.Errno.Error()
}

// Unwrap returns the errno.
func (e *NetlinkError) Unwrap() error { return e.Errno }

// A NetlinkConn is an AF_NETLINK socket of a Net: raw messages as a program
// would send them. One goroutine may send while another receives.
type NetlinkConn struct {
	s   sock.Socket
	who *sock.Caller
}

// Netlink opens a netlink socket of a protocol (uapi.NETLINK_ROUTE, ...), with
// extended acknowledgements and strict checking on.
func (n *Net) Netlink(proto int) (*NetlinkConn, error) {
	who := sock.Root()
	s, err := sock.Create(who, n.ns, uapi.AF_NETLINK, uapi.SOCK_RAW, proto)
	if err != nil {
		return nil, opError("netlink", err)
	}
	for _, opt := range []int{uapi.NETLINK_EXT_ACK, uapi.NETLINK_GET_STRICT_CHK} {
		if err := s.Setsockopt(who, uapi.SOL_NETLINK, opt, int32Value(1)); err != nil {
			s.Close()
			return nil, opError("netlink", err)
		}
	}
	return &NetlinkConn{s, who}, nil
}

// Send sends one or more messages to the kernel, which has served them when
// Send returns.
func (c *NetlinkConn) Send(msg []byte) error {
	_, err := c.s.Sendmsg(c.who, &sock.Msg{Data: msg})
	return err
}

// Receive returns the next datagram, waiting for it.
func (c *NetlinkConn) Receive(ctx context.Context) ([]byte, error) {
	m := &sock.Msg{Flags: uapi.MSG_PEEK | uapi.MSG_TRUNC}
	size, err := sock.Recv(ctx, c.s, c.who, m)
	if err != nil {
		return nil, err
	}
	m = &sock.Msg{Data: make([]byte, size)}
	size, err = sock.Recv(ctx, c.s, c.who, m)
	return m.Data[:min(size, len(m.Data))], err
}

// Join makes the socket a member of a multicast group (RTNLGRP_*).
func (c *NetlinkConn) Join(group int) error {
	return c.s.Setsockopt(c.who, uapi.SOL_NETLINK, uapi.NETLINK_ADD_MEMBERSHIP, int32Value(group))
}

// Socket returns the socket itself.
func (c *NetlinkConn) Socket() sock.Socket { return c.s }

// Close closes the socket.
func (c *NetlinkConn) Close() error { return c.s.Close() }

// request sends one message that asks for an acknowledgement, and waits for
// it.
func (n *Net) request(op string, m *netlink.Msg) error {
	c, err := n.Netlink(uapi.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Send(m.Bytes()); err != nil {
		return opError(op, err)
	}
	reply, err := c.Receive(context.Background())
	if err != nil {
		return opError(op, err)
	}
	return opError(op, ackError(reply))
}

// ackError returns the error that an NLMSG_ERROR holds, nil for an
// acknowledgement.
func ackError(reply []byte) error {
	h, ok := uapi.ParseNlMsghdr(reply)
	if !ok || h.Type != uapi.NLMSG_ERROR || len(reply) < 36 {
		return fmt.Errorf("linen: unexpected netlink answer of type %d", h.Type)
	}
	code := int32(binary.NativeEndian.Uint32(reply[16:]))
	if code == 0 {
		return nil
	}
	e := &NetlinkError{Errno: errno.Errno(-code)}
	at := 36
	if h.Flags&uapi.NLM_F_CAPPED == 0 { // the whole request is quoted
		inner, _ := uapi.ParseNlMsghdr(reply[20:])
		at = 20 + netlink.Align(int(inner.Len))
	}
	for at+4 <= len(reply) && h.Flags&uapi.NLM_F_ACK_TLVS != 0 {
		size := int(binary.NativeEndian.Uint16(reply[at:]))
		if size < 4 || at+size > len(reply) {
			break
		}
		p := reply[at+4 : at+size]
		switch typ := binary.NativeEndian.Uint16(reply[at+2:]); {
		case typ == uapi.NLMSGERR_ATTR_MSG && len(p) > 0:
			e.Msg = string(p[:len(p)-1])
		case typ == uapi.NLMSGERR_ATTR_OFFS && len(p) >= 4:
			e.Offset = int(binary.NativeEndian.Uint32(p))
		}
		at += netlink.Align(size)
	}
	return e
}

// int32Value is a socket option's value.
func int32Value(v int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(v)) }

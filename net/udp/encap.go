package udp

import (
	"linen/kern"
	"linen/net/inet"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// An Encap takes packets in front of the socket that they are for (encap_rcv):
// b is at its UDP header. It reports whether it took b; if not, the socket gets
// it.
type Encap func(c *kern.CPU, s *Sock, b *skb.Buff) (taken bool)

// An EncapErr is told of ICMP errors about what a tunnel's socket has sent
// (encap_err_rcv), instead of the socket: b is at the IP header of that packet
// and stays the caller's.
type EncapErr func(c *kern.CPU, s *Sock, b *skb.Buff, e inet.ICMPErr)

// SetEncap sets, or with nil removes, the hook of tunnels on a UDP socket.
func (s *Sock) SetEncap(f Encap) {
	if f == nil {
		s.encap.Store(nil)
		return
	}
	s.encap.Store(&f)
}

// SetEncapErr sets, or with nil removes, who hears of ICMP errors.
func (s *Sock) SetEncapErr(f EncapErr) {
	if f == nil {
		s.encapErr.Store(nil)
		return
	}
	s.encapErr.Store(&f)
}

// RegisterEncap makes UDP_ENCAP accept the type typ (uapi.UDP_ENCAP_*) on the
// UDP sockets of n; hook makes the Encap of a socket, and may be nil when the
// program itself reads the packets. It is called while n is built.
func RegisterEncap(n *netns.Net, typ int, hook func(s *Sock) Encap) {
	if hook == nil {
		hook = func(*Sock) Encap { return nil }
	}
	Of(n).udp.encaps[typ] = hook
}

// setEncapType is UDP_ENCAP: 0 takes it off, L2TP/UDP only marks the socket,
// whose kernel part sets its hook later; ESP needs IPsec, and the other types
// are set from inside. ENOPROTOOPT: nobody has registered the type.
func (s *Sock) setEncapType(v int) error {
	switch {
	case v == 0:
		s.SetEncap(nil)
	case v == uapi.UDP_ENCAP_L2TPINUDP:
	case v < 0 || v >= len(s.p.encaps) || s.p.encaps[v] == nil:
		return errno.ENOPROTOOPT
	default:
		s.SetEncap(s.p.encaps[v](s))
	}
	s.encapType.Store(uint32(v))
	return nil
}

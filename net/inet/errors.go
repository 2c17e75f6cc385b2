package inet

import (
	"linen/kern"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// An ICMPErr is an ICMP error as it reaches a transport: b's data is the IP
// header of the packet that failed, its network header.
type ICMPErr struct {
	Type, Code uint8
	Info       uint32 // MTU, gateway or pointer
	Offender   uint32 // who sent it
}

// DatagramError gives a datagram socket the ICMP error e about a packet of its own:
// b, which stays the caller's, begins with that packet's payload; dst is where
// it went (udp_err, raw_err, ping_err).
func (s *Sock) DatagramError(c *kern.CPU, b *skb.Buff, e ICMPErr, dst Addr) {
	if e.Type == wire.ICMPRedirect || e.Type == wire.ICMPSourceQuench {
		return // sockets do not hear of it
	}
	err, hard := ipv4.ICMPErrno(e.Type, e.Code)
	if e.Type == wire.ICMPDestUnreach && e.Code == wire.ICMPFragNeeded {
		if s.PMTUDisc() == uapi.IP_PMTUDISC_DONT {
			return
		}
		hard = true
	}
	if s.Is(RecvErr) {
		s.QueueICMP(c, b, e, err, dst)
	} else if !hard || s.State() != uapi.TCP_ESTABLISHED {
		return
	}
	s.SetError(c, err)
}

// QueueICMP appends an ICMP error to the error queue (ip_icmp_error).
func (s *Sock) QueueICMP(c *kern.CPU, b *skb.Buff, e ICMPErr, err errno.Errno, dst Addr) {
	from := Addr{IP: e.Offender}.Sockaddr()
	to := dst.Sockaddr()
	o := b.Copy(c)
	o.SetTransportHeader(0)
	ee := sock.ExtErr{
		Errno: err, Origin: uapi.SO_EE_ORIGIN_ICMP, Type: e.Type, Code: e.Code, Info: e.Info,
		Offender: from[:], Name: to[:],
	}
	if s.Is(RecvErrRFC4884) {
		ee.Data = extensions(o, e.Type)
	}
	if !s.QueueError(c, o, ee) {
		o.Consume(c)
	}
}

// LocalError appends an error of our own, such as EMSGSIZE with the path's MTU,
// to the error queue when IP_RECVERR is on (ip_local_error). daddr is where the
// packet was to go; the port told is the one that the socket is connected to.
func (s *Sock) LocalError(c *kern.CPU, e errno.Errno, daddr, info uint32) {
	if !s.Is(RecvErr) {
		return
	}
	b := skb.Alloc(c, 64)
	to := Addr{IP: daddr, Port: uint16(s.Dport.Load())}.Sockaddr()
	if !s.QueueError(c, b, sock.ExtErr{Errno: e, Origin: uapi.SO_EE_ORIGIN_LOCAL, Info: info, Name: to[:]}) {
		b.Consume(c)
	}
}

// RecvError is Recvmsg with MSG_ERRQUEUE (ip_recv_error).
func (s *Sock) RecvError(m *sock.Msg) (int, error) {
	h, n, err := s.DequeueError(m)
	if err != nil {
		return 0, err
	}
	b := h.Buff()
	s.RecvCmsgs(m, b)
	if len(h.Name) != 0 {
		m.SetName(h.Name)
	}
	switch h.Origin {
	case uapi.SO_EE_ORIGIN_ICMP:
		s.errCmsgs(m, b)
	case uapi.SO_EE_ORIGIN_TIMESTAMPING:
		if s.TSFlags.Load()&uapi.SOF_TIMESTAMPING_OPT_CMSG != 0 {
			s.sentCmsgs(m, b, &h)
		}
	}
	h.PutErrCmsg(m, uapi.IPPROTO_IP, uapi.IP_RECVERR, SockaddrLen)
	s.Done(b)
	return n, nil
}

// errCmsgs adds the IP control messages of the ICMP packet itself.
func (s *Sock) errCmsgs(m *sock.Msg, b *skb.Buff) {
	if _, ok := wire.AsIPv4(b.Network()); ok {
		s.RecvIPCmsgs(m, b)
	}
}

// sentCmsgs adds, for SOF_TIMESTAMPING_OPT_CMSG, the IP control messages of the
// packet whose transmission a timestamp tells of; its source takes the
// offender's place (ipv4_datagram_support_cmsg). A packet without its data has
// none.
func (s *Sock) sentCmsgs(m *sock.Msg, b *skb.Buff, h *sock.ErrHead) {
	ip, ok := wire.AsIPv4(b.Network())
	if !ok || b.Dev == nil {
		return
	}
	from := Addr{IP: ip.Saddr()}.Sockaddr()
	h.Offender = from[:]
	b.CB[pktinfoNote] = uint64(uint32(b.Dev.Ifindex())) | uint64(ip.Saddr())<<32
	s.RecvIPCmsgs(m, b)
}

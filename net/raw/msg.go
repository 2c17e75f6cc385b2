package raw

import (
	"linen/kern"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// Sendmsg implements sock.Socket.
func (s *Sock) Sendmsg(who *sock.Caller, m *sock.Msg) (int, error) {
	if len(m.Data) > 65535 {
		return 0, errno.EMSGSIZE
	}
	if m.Flags&uapi.MSG_OOB != 0 {
		return 0, errno.EOPNOTSUPP
	}
	to, _, err := s.Dest(m.Name, true)
	if err != nil {
		return 0, err
	}
	ck := s.NewCookie()
	ck.SetFlags(m.Flags)
	if err := ck.Parse(&s.Sock, who, m.Control, false); err != nil {
		return 0, err
	}
	if s.Is(inet.HdrIncl) && len(m.Data) < 20 {
		return 0, errno.EINVAL
	}
	if inet.IsMulticast(to.IP) {
		s.Multicast(&ck)
	} else {
		s.UnicastIF(&ck)
	}
	if !s.Is(inet.HdrIncl) && (m.Flags&uapi.MSG_MORE != 0 || s.corked.Load()) {
		err = s.sendCorked(m, &ck, to)
	} else {
		c := s.Net().Kernel().Enter(kern.Any)
		err = s.output(c, m.Data, &ck, to)
		c.Exit()
	}
	if err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

// output sends one packet.
func (s *Sock) output(c *kern.CPU, data []byte, ck *inet.Cookie, to inet.Addr) error {
	w, err := s.way(c, data, ck, to)
	if err != nil || ck.Probe {
		return err
	}
	if err := s.fits(c, w.rt, len(data), ck, w.daddr); err != nil {
		return err
	}
	return s.transmit(c, data, ck, w)
}

// way is a route with the addresses that it chose.
type way struct {
	rt           *ipv4.Route
	saddr, daddr uint32
}

// way finds the way of a packet.
func (s *Sock) way(c *kern.CPU, data []byte, ck *inet.Cookie, to inet.Addr) (w way, err error) {
	sport, dport := uint16(0), uint16(0)
	if s.Protocol() == uapi.IPPROTO_ICMP && len(data) >= 2 && !s.Is(inet.HdrIncl) {
		sport, dport = uint16(data[0]), uint16(data[1]) // type and code, for policy routing
	}
	w.rt, w.saddr, w.daddr, err = s.Uncounted(c, ck, to.IP, sport, dport)
	if err == nil && ck.Confirm {
		s.Confirm(c, w.rt, w.daddr)
	}
	return w, err
}

// transmit makes a packet of data and sends it.
func (s *Sock) transmit(c *kern.CPU, data []byte, ck *inet.Cookie, w way) (err error) {
	b := skb.Alloc(c, len(data))
	b.Append(data)
	s.Prepare(c, b, ck)
	s.ChargeSend(b)
	h := s.HeaderFor(ck, w.rt, w.saddr, w.daddr, uint8(s.Protocol()))
	if s.Is(inet.HdrIncl) {
		err = s.Inet().IP.SendRaw(c, b, w.rt, h)
	} else {
		b.SetTransportHeader(0)
		err = s.Inet().IP.Send(c, b, w.rt, h)
	}
	if err == errno.ENOBUFS && !s.Is(inet.RecvErr) {
		err = nil
	}
	return err
}

// fits refuses what is too long: more than the device takes of a header of one's
// own, which is not cut, or than the path takes of what may not be, or more than
// 65535 bytes; and what there is no memory for.
func (s *Sock) fits(c *kern.CPU, rt *ipv4.Route, n int, ck *inet.Cookie, daddr uint32) error {
	own := s.Is(inet.HdrIncl)
	limit, cut := rt.Dev.MTU(), false
	if !own {
		n += 20 + ck.Options.Len()
		limit, cut = s.PathLimit(rt), s.MayFragment()
	}
	switch {
	case n > 65535 || n > limit && !cut:
		s.LocalError(c, errno.EMSGSIZE, daddr, uint32(limit))
		return errno.EMSGSIZE
	case own:
		return s.Admit(c, ck)
	}
	return s.AdmitMore(c)
}

// Recvmsg implements sock.Socket: the packet from its IP header on.
func (s *Sock) Recvmsg(_ *sock.Caller, m *sock.Msg) (int, error) { return s.RecvPacket(m) }

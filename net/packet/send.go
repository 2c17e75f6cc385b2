package packet

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/dev"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/vnethdr"
	"linen/uapi"
	"linen/uapi/errno"
)

// dest is where and how one frame is sent.
type dest struct {
	d        *dev.Device
	proto    uint16 // EtherType, host order
	addr     []byte // link destination of SOCK_DGRAM, or nil
	mark     uint32
	priority uint32
}

// target reads the destination of a send: an address, or what the socket is
// bound to.
func (s *Sock) target(name []byte) (dest, error) {
	to := dest{mark: s.Mark.Load(), priority: s.Priority.Load()}
	if len(name) == 0 {
		s.Lock()
		to.d, to.proto = s.dev, s.num
		s.Unlock()
	} else {
		a, ok := uapi.ParseSockaddrLl(name) // of any family: packet_snd looks at the length alone
		if !ok {
			return to, errno.EINVAL
		}
		to.d, to.proto = dev.ByIndex(s.st.n, int(a.Ifindex)), a.Protocol
		if s.Type() == uapi.SOCK_DGRAM {
			if to.d != nil && len(name) < addrOff+to.d.AddrLen {
				return to, errno.EINVAL
			}
			to.addr = a.Addr[:max(int(a.Halen), 8)]
		}
	}
	if to.d == nil {
		return to, errno.ENXIO
	}
	if !to.d.IsUp() {
		return to, errno.ENETDOWN
	}
	return to, nil
}

// control reads the control messages of a send (sock_cmsg_send).
func (to *dest) control(who *sock.Caller, p []byte) error {
	for {
		cm, rest, ok, err := sock.NextCmsg(p)
		if err != nil || !ok {
			return err
		}
		p = rest
		if cm.Level != uapi.SOL_SOCKET {
			continue
		}
		v, err := sock.Int(cm.Data)
		if err != nil {
			return err
		}
		switch cm.Type {
		case uapi.SO_MARK:
			if !who.Capable(sock.CapNetAdmin) && !who.Capable(sock.CapNetRaw) {
				return errno.EPERM
			}
			to.mark = uint32(v)
		case uapi.SO_PRIORITY:
			to.priority = uint32(v)
		default:
			return errno.EINVAL
		}
	}
}

// Sendmsg implements sock.Socket: a frame with its link header, or for
// SOCK_DGRAM a packet that gets one (packet_snd). With a PACKET_TX_RING it
// sends what stands there.
func (s *Sock) Sendmsg(who *sock.Caller, m *sock.Msg) (int, error) {
	if m.Flags&uapi.MSG_OOB != 0 {
		return 0, errno.EOPNOTSUPP
	}
	to, err := s.target(m.Name)
	if err != nil {
		return 0, err
	}
	if err := to.control(who, m.Control); err != nil {
		return 0, err
	}
	if r := s.rings.tx.Load(); r != nil {
		return s.sendRing(r, &to)
	}
	data, v := m.Data, vnethdr.Header{}
	if n := int(s.opt.vnetLen.Load()); n > 0 {
		if v, err = vnethdr.Parse(data, n); err != nil {
			return 0, err
		}
		data = data[n:]
	}
	if !s.SendSpace() {
		return 0, errno.EAGAIN
	}
	c := s.st.n.Kernel().Enter(kern.Any)
	err = s.output(c, data, &v, &to)
	c.Exit()
	if err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

// vlanTag is the room that a tagged frame may take beyond the MTU, bytes.
const vlanTag = 4

// fits reports whether a frame or packet may be sent by the device.
func (s *Sock) fits(data []byte, to *dest) bool {
	limit := to.d.MTU()
	if s.Type() == uapi.SOCK_DGRAM {
		return len(data) <= limit
	}
	limit += to.d.HardHeaderLen
	if len(data) <= limit {
		return true
	}
	tagged := to.d.Type == uapi.ARPHRD_ETHER && binary.BigEndian.Uint16(data[12:]) == uapi.ETH_P_8021Q
	return tagged && len(data) <= limit+vlanTag
}

// output builds and sends one frame.
func (s *Sock) output(c *kern.CPU, data []byte, v *vnethdr.Header, to *dest) error {
	raw := s.Type() != uapi.SOCK_DGRAM
	if raw && len(data) < to.d.HardHeaderLen {
		return errno.EINVAL
	}
	if v.GSOSize() == 0 && !s.fits(data, to) {
		return errno.EMSGSIZE
	}
	b := skb.Alloc(c, len(data))
	b.Append(data)
	b.Dev, b.Protocol = to.d, to.proto
	b.Mark, b.Priority = to.mark, to.priority
	if raw {
		b.SetNetworkHeader(to.d.HardHeaderLen)
		if to.proto == 0 || to.proto == uapi.ETH_P_ALL {
			b.Protocol = headerProto(to.d, data)
		}
	} else {
		b.SetNetworkHeader(0)
		if !to.d.Header(b, to.proto, to.addr, nil) {
			b.Consume(c)
			return errno.EINVAL
		}
	}
	b.SetMacHeader(0)
	if !v.Apply(b) {
		b.Consume(c)
		return errno.EINVAL
	}
	s.ChargeSend(b)
	return s.transmit(c, b, to.d)
}

// headerProto is the protocol that a link header names
// (dev_parse_header_protocol), or 0.
func headerProto(d *dev.Device, data []byte) uint16 {
	if d.HeaderOps == nil || d.Type != uapi.ARPHRD_ETHER && d.Type != uapi.ARPHRD_LOOPBACK || len(data) < 14 {
		return 0
	}
	return binary.BigEndian.Uint16(data[12:])
}

// transmit sends b by the queueing discipline or, with PACKET_QDISC_BYPASS,
// past it.
func (s *Sock) transmit(c *kern.CPU, b *skb.Buff, d *dev.Device) error {
	var ok bool
	if s.opt.bypass.Load() {
		ok = dev.SendDirect(c, d, b)
	} else {
		ok = dev.Xmit(c, b)
	}
	switch {
	case ok:
		return nil
	case !d.IsUp():
		return errno.ENETDOWN
	}
	return errno.ENOBUFS
}

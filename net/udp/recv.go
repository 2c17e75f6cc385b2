package udp

import (
	"encoding/binary"

	"linen/net/inet"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
)

// Recvmsg implements sock.Socket.
func (s *Sock) Recvmsg(_ *sock.Caller, m *sock.Msg) (int, error) {
	return s.RecvDatagram(m, s.describe)
}

// describe fills the sender's address and the control messages.
func (s *Sock) describe(m *sock.Msg, b *skb.Buff) {
	ip, h := b.Network(), b.Transport()
	from := inet.Addr{IP: binary.BigEndian.Uint32(ip[12:]), Port: binary.BigEndian.Uint16(h)}
	if m.Name != nil {
		sa := from.Sockaddr()
		m.SetName(sa[:])
	}
	s.RecvCmsgs(m, b)
	if s.gro.Load() && b.GSOSize != 0 {
		m.PutCmsg32(uapi.IPPROTO_UDP, uapi.UDP_GRO, uint32(b.GSOSize))
	}
	s.RecvIPCmsgs(m, b)
}

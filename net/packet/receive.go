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

// wants refuses the socket's own transmissions, and with
// PACKET_IGNORE_OUTGOING everybody's.
func (s *Sock) wants(b *skb.Buff) bool {
	if b.PktType != skb.PacketOutgoing {
		return true
	}
	return !s.opt.ignoreOut.Load() && b.Sock != any(s)
}

// receive takes b from the device (packet_rcv, tpacket_rcv). It owns b.
func (s *Sock) receive(c *kern.CPU, b *skb.Buff, d, orig *dev.Device) {
	if b.PktType == skb.PacketLoopback {
		b.Consume(c)
		return
	}
	s.begin(b, d)
	keep, ok := s.RunFilter(c, b, 0)
	if !ok {
		b.Consume(c)
		return
	}
	n := s.noteOf(b, d, orig)
	if r := s.rings.rx.Load(); r != nil {
		s.toRing(c, r, b, &n, keep)
		return
	}
	if s.RmemAlloc() >= s.RcvBuf() {
		s.lose(c, b)
		return
	}
	n.save(b)
	b.Trim(c, keep)
	b.Dev = nil
	s.stat.packets.Add(1)
	s.Enqueue(c, b)
}

// lose counts and drops a frame that there is no room for.
func (s *Sock) lose(c *kern.CPU, b *skb.Buff) {
	s.stat.drops.Add(1)
	s.Dropped()
	b.Drop(c, s.st.n, skb.ReasonPacketSockError)
}

// begin moves b's data to where the socket's frames begin: at the link header,
// or for SOCK_DGRAM at the network header.
func (s *Sock) begin(b *skb.Buff, d *dev.Device) {
	if d.HeaderOps == nil {
		return
	}
	out := b.PktType == skb.PacketOutgoing
	switch {
	case s.Type() != uapi.SOCK_DGRAM && !out:
		b.PushToMac()
	case s.Type() == uapi.SOCK_DGRAM && out:
		if off := b.NetworkOff(); off > 0 && b.MayPull(off) {
			b.Pull(off)
		}
	}
}

// Recvmsg implements sock.Socket.
func (s *Sock) Recvmsg(_ *sock.Caller, m *sock.Msg) (int, error) {
	const known = uapi.MSG_PEEK | uapi.MSG_DONTWAIT | uapi.MSG_TRUNC | uapi.MSG_ERRQUEUE | sock.MsgSkipErr
	m.Reset()
	if m.Flags&^known != 0 {
		return 0, errno.EINVAL
	}
	if m.Flags&uapi.MSG_ERRQUEUE != 0 {
		return 0, errno.EAGAIN // transmit time stamps are not reported
	}
	b, _, err := s.Dequeue(m)
	if err != nil || b == nil {
		return 0, err
	}
	data, extra := m.Data, 0
	if extra = int(s.opt.vnetLen.Load()); extra > 0 {
		if len(data) < extra {
			s.Done(b)
			return 0, errno.EINVAL
		}
		vnethdr.Put(data[:extra], b)
		data = data[extra:]
	}
	n := b.CopyOut(0, data)
	if n < b.Len() {
		m.OutFlags |= uapi.MSG_TRUNC
	}
	if m.Flags&uapi.MSG_TRUNC != 0 {
		n = b.Len()
	}
	at := load(b)
	if m.Name != nil {
		var sa [uapi.SizeofSockaddrLl]byte
		at.sockaddr(&sa)
		m.SetName(sa[:])
	}
	s.RecvCmsgs(m, b)
	if s.opt.auxdata.Load() {
		at.putAux(m, b)
	}
	s.Done(b)
	return extra + n, nil
}

// putAux adds struct tpacket_auxdata.
func (n *note) putAux(m *sock.Msg, b *skb.Buff) {
	var p [20]byte
	binary.NativeEndian.PutUint32(p[0:], n.status)
	binary.NativeEndian.PutUint32(p[4:], n.size)
	binary.NativeEndian.PutUint32(p[8:], uint32(b.Len()))
	binary.NativeEndian.PutUint16(p[14:], n.netOff)
	binary.NativeEndian.PutUint16(p[16:], b.VLANTCI)
	binary.NativeEndian.PutUint16(p[18:], b.VLANProto)
	m.PutCmsg(uapi.SOL_PACKET, uapi.PACKET_AUXDATA, p[:])
}

// Poll implements sock.Socket: a ring is readable when the frame or block
// before the one that is filled next is the reader's.
func (s *Sock) Poll() sock.Events {
	ev := s.PollDatagram()
	if r := s.rings.rx.Load(); r != nil && r.ready() {
		ev |= uapi.POLLIN | uapi.POLLRDNORM
	}
	return ev
}

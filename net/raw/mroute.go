package raw

import (
	"linen/kern"
	"linen/net/mroute"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// mrouteOption reports an option of multicast routing, which only a raw IGMP
// socket takes.
func (s *Sock) mrouteOption(level, name int) bool {
	return s.mroute != nil && level == uapi.IPPROTO_IP && name >= uapi.MRT_BASE && name <= uapi.MRT_MAX
}

// mrouteIoctl asks multicast routing about its counters.
func (s *Sock) mrouteIoctl(who *sock.Caller, cmd uint32, arg []byte) error {
	if st := mroute.Of(s.Net()); st != nil {
		if err := st.Ioctl(s.mroute, cmd, arg); err != errno.ENOTTY {
			return err
		}
	}
	return s.NetIoctl(who, cmd, arg)
}

// Packet implements mroute.Sink.
func (s *Sock) Packet(c *kern.CPU, b *skb.Buff, saddr, daddr uint32) bool {
	s.Note(b, saddr, daddr)
	if r := s.Receive(c, b); r != 0 {
		b.Drop(c, s.st.n, r)
		return false
	}
	return true
}

package udp

import (
	"encoding/binary"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Tunnel is a socket of the kernel's own that tunnels receive by (struct
// udp_port_cfg, udp_tunnel_sock_cfg).
type Tunnel struct {
	Local  uint32   // address, 0: any
	Port   uint16   // 0: any free one
	Device int      // ifindex to bind to, or 0
	Recv   Encap    // gets what comes
	Err    EncapErr // gets ICMP errors; nil: nobody
}

// OpenTunnel makes the socket (udp_sock_create, setup_udp_tunnel_sock); Close
// ends it. EADDRINUSE: the port is taken. The caller is on no CPU.
func OpenTunnel(n *netns.Net, t Tunnel) (*Sock, error) {
	who := sock.Root()
	s := Of(n).udp.create(who, n, uapi.IPPROTO_UDP)
	s.BoundDev.Store(int32(t.Device))
	a := inet.Addr{IP: t.Local, Port: t.Port}
	if err := s.Bind(who, a.Bytes()); err != nil {
		return nil, errOr(s.Close(), err)
	}
	s.SetIs(inet.McLoop, false)
	s.SetEncap(t.Recv)
	s.SetEncapErr(t.Err)
	return s, nil
}

// errOr returns second, or first if there is none.
func errOr(first, second error) error {
	if second != nil {
		return second
	}
	return first
}

// Port returns the local port.
func (s *Sock) Port() uint16 { return uint16(s.Num.Load()) }

// SourcePort returns the source port of a tunnelled packet (udp_flow_src_port):
// the same for every packet of an inner flow, spread over [lo, hi), which is
// net.ipv4.ip_local_port_range when lo is not below hi. So routers between the
// ends share the flows among their links, as by RFC 6438.
func SourcePort(n *netns.Net, inner *skb.Buff, lo, hi int) uint16 {
	if lo >= hi {
		lo, hi = inet.Of(n).PortRange()
	}
	h := innerHash(inet.Of(n), inner)
	return uint16(lo + int(uint64(h)*uint64(hi-lo)>>32))
}

// innerHash returns the hash of a packet's flow; the data is at its network
// header.
func innerHash(st *inet.State, b *skb.Buff) uint32 {
	if b.Hash != 0 {
		return b.Hash
	}
	p := b.Data()
	be := binary.BigEndian
	switch {
	case b.Protocol == uapi.ETH_P_IP && len(p) >= 20:
		var ports uint32
		if n := int(p[0]&15) * 4; be.Uint16(p[6:])&0x3fff == 0 && len(p) >= n+4 && (p[9] == uapi.IPPROTO_TCP || p[9] == uapi.IPPROTO_UDP) {
			ports = be.Uint32(p[n:])
		}
		return st.Hash(be.Uint32(p[12:]), uint16(ports>>16), be.Uint32(p[16:]), uint16(ports))
	case b.Protocol == uapi.ETH_P_IPV6 && len(p) >= 40:
		var ports uint32
		if len(p) >= 44 && (p[6] == uapi.IPPROTO_TCP || p[6] == uapi.IPPROTO_UDP) {
			ports = be.Uint32(p[40:])
		}
		return st.Hash(csum.Sum(p[8:24], 0), uint16(ports>>16), csum.Sum(p[24:40], 0), uint16(ports))
	}
	p = p[:min(len(p), 14)] // a frame: its addresses and type
	return st.Hash(csum.Sum(p, 0), 0, uint32(len(p)), 0)
}

// A Carrier is how a tunnel's packet travels.
type Carrier struct {
	Saddr, Daddr uint32
	Sport, Dport uint16
	TOS, TTL     uint8
	DF           bool
	NoCheck      bool // no UDP checksum
}

// SendTunnel puts UDP and IP headers in front of b and sends it by rt
// (udp_tunnel_xmit_skb); b is gone. A super-packet is EMSGSIZE: who has one cuts
// it first (dev.Segment).
func (s *Sock) SendTunnel(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, t Carrier) error {
	if b.IsGSO() {
		b.Drop(c, s.p.n, skb.ReasonSkbGsoSeg)
		return errno.EMSGSIZE
	}
	b.CompleteCsum() // the outer sum covers the inner one
	b.Cow(headerLen + 20 + rt.Dev.LinkHeadroom())
	h := b.Push(headerLen)
	n := b.Len()
	b.SetTransportHeader(0)
	be := binary.BigEndian
	be.PutUint16(h, t.Sport)
	be.PutUint16(h[2:], t.Dport)
	be.PutUint16(h[4:], uint16(n))
	be.PutUint16(h[6:], 0)
	b.CsumState = skb.CsumNone
	if !t.NoCheck {
		be.PutUint16(h[6:], csum.Fold16(csum.Pseudo4(t.Saddr, t.Daddr, uapi.IPPROTO_UDP, n)))
		b.SetPartialCsum(0, 6)
	}
	hdr := inet.Header{Saddr: t.Saddr, Daddr: t.Daddr, Proto: uapi.IPPROTO_UDP, TOS: t.TOS, TTL: t.TTL, Mark: b.Mark, Priority: b.Priority, Sock: &s.Sock}
	hdr.PMTUDisc = uapi.IP_PMTUDISC_DONT
	if t.DF {
		hdr.PMTUDisc = uapi.IP_PMTUDISC_DO
	}
	err := s.Inet().IP.Send(c, b, rt, hdr)
	if err == nil {
		s.p.count(c, s.p.ids.out)
	}
	return err
}

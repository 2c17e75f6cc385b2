package udp

import (
	"strconv"

	"linen/kern"
	"linen/net/inet"
	"linen/net/netns"
)

// Explain returns which socket of n would take a UDP datagram that comes in by
// the device dif, in words: "UDP socket 10.0.0.2:53". It is "" when none would,
// and port unreachable is the answer. The caller is on no CPU.
func Explain(n *netns.Net, saddr, daddr uint32, sport, dport uint16, dif int) string {
	s := Of(n)
	if s == nil {
		return ""
	}
	e := ends{saddr: saddr, daddr: daddr, sport: sport, dport: dport, dif: dif}
	c := n.Kernel().Enter(kern.Any)
	defer c.Exit()
	if o := s.udp.lookup(c, e, nil); o != nil {
		return o.name()
	}
	for node := s.udp.ports.First(uint32(dport)); node != nil; node = node.Next() {
		if (inet.IsMulticast(daddr) || daddr == 0xffffffff) && node.Value.multicast(&e) {
			return node.Value.name()
		}
	}
	return ""
}

// name returns the socket and what it is bound to, as ss(8) writes it.
func (s *Sock) name() string {
	a := inet.Addr{IP: s.RcvAddr.Load(), Port: uint16(s.Num.Load())}
	if a.IP == 0 {
		return "UDP socket *:" + strconv.Itoa(int(a.Port))
	}
	return "UDP socket " + a.AddrPort().String()
}

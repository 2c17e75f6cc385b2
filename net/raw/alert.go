package raw

import (
	"linen/kern"
	"linen/net/inet"
	"linen/net/skb"
	"linen/wire"
)

// alerted reports whether s asked, with IP_ROUTER_ALERT, for packets that come
// in by a device and would be forwarded.
func (s *Sock) alerted(iif int) bool {
	bound := int(s.BoundDev.Load())
	return (s.Is(inet.RouterAlert) || s.mroute != nil && s.mroute.Owner()) && (bound == 0 || bound == iif)
}

// wantsAlert reports whether a socket asked for a protocol's packets with the
// router alert option (RFC 2113).
func (st *State) wantsAlert(proto uint8, iif int) bool {
	for n := st.table.First(uint32(proto)); n != nil; n = n.Next() {
		if n.Value.alerted(iif) {
			return true
		}
	}
	return false
}

// takeAlert gives b to every socket that asked for it (ip_call_ra_chain).
func (st *State) takeAlert(c *kern.CPU, b *skb.Buff) bool {
	ip, ok := wire.AsIPv4(b.Data())
	if !ok {
		return false
	}
	saddr, daddr, iif, took := ip.Saddr(), ip.Daddr(), int(b.Iif), false
	for n := st.table.First(uint32(ip.Proto())); n != nil; n = n.Next() {
		if n.Value.alerted(iif) {
			n.Value.deliver(c, b.Clone(c), saddr, daddr)
			took = true
		}
	}
	if took {
		b.Consume(c)
	}
	return took
}

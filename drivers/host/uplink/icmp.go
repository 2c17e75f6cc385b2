//go:build linux

package uplink

import (
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/sock"
	"linen/uapi"
	"linen/wire"
)

// quoted is how much of a packet an error quotes, with its IP header: a
// message of 576 bytes (RFC 1812 §4.3.2.3).
const quoted = 576 - wire.IPv4HdrLen - wire.ICMPHdrLen

// unreachable tells the sender of p why it was not delivered. A port is closed
// at its host, so that is who says so; anything else the gateway says. It is
// not ipv4.ICMPSend, which speaks for the namespace's own addresses only.
func (u *Uplink) unreachable(p packet, code uint8) {
	h, ok := wire.AsIPv4(p.b.Network())
	if !ok {
		return
	}
	from, to := h.Daddr(), h.Saddr()
	if d, is := p.st.In.(*dev.Device); is && code != wire.ICMPPortUnreach {
		if own := ipv4.SelectSource(d, to, uapi.RT_SCOPE_LINK); own != 0 {
			from = own
		}
	}
	const head = wire.IPv4HdrLen + wire.ICMPHdrLen
	m := make([]byte, head+quoted)
	m = m[:head+copy(m[head:], p.b.Network())]
	icmp, _ := wire.AsICMP(m[wire.IPv4HdrLen:])
	icmp.SetTypeCode(wire.ICMPDestUnreach, code)
	icmp.SetCheck(csum.Checksum(m[wire.IPv4HdrLen:]))
	u.sendICMP(m, from, to)
}

// sendICMP sends a message that has room for its IP header before it.
func (u *Uplink) sendICMP(m []byte, from, to uint32) {
	h, ok := wire.AsIPv4(m)
	if !ok {
		return
	}
	*h = wire.IPv4Hdr{}
	h.SetVerIHL(wire.IPv4HdrLen)
	h.SetTTL(64) // ip_default_ttl
	h.SetProto(uapi.IPPROTO_ICMP)
	h.SetTotLen(len(m))
	h.SetSaddr(from)
	h.SetDaddr(to)
	sa := uapi.AppendSockaddr(nil, end{addr: to}.addrPort(), 0)
	_, _ = u.raw.Sendmsg(u.root, &sock.Msg{Data: m, Name: sa}) // lost like any packet
}

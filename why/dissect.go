package why

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// snapLen is how much of a packet is looked at, bytes.
const snapLen = 160

// packetOf describes b, wherever in the stack it is; nil when nothing is known
// of it.
func packetOf(b *skb.Buff) *Packet {
	if b == nil {
		return nil
	}
	var buf [snapLen]byte
	p := buf[:0]
	proto := b.Protocol
	if net := b.Network(); net != nil {
		p = buf[:copyFrom(b, b.NetworkOff(), buf[:])]
	} else if eth, ok := wire.AsEth(b.Data()); ok {
		proto = eth.Type()
		p = buf[:b.CopyOut(wire.EthHdrLen, buf[:])]
	}
	d := Dissect(proto, p, sizeOf(b))
	return &d
}

// sizeOf returns b's length from its network header on.
func sizeOf(b *skb.Buff) int {
	if b.Network() == nil {
		return b.Len()
	}
	return b.Len() - b.NetworkOff()
}

// copyFrom copies b's bytes from off on, also those in front of the data.
func copyFrom(b *skb.Buff, off int, dst []byte) int {
	if off >= 0 {
		return b.CopyOut(off, dst)
	}
	net := b.Network()
	n := copy(dst, net[:min(-off, len(net))])
	return n + b.CopyOut(0, dst[n:])
}

// Dissect describes a packet of an EtherType, of which p is the beginning and
// size the length. It looks at nothing beyond p, whatever the packet claims.
func Dissect(proto uint16, p []byte, size int) Packet {
	d := Packet{Len: max(size, len(p))}
	switch proto {
	case uapi.ETH_P_IP:
		d.ip(p)
	case uapi.ETH_P_ARP:
		d.arp(p)
	case uapi.ETH_P_IPV6:
		d.ip6(p)
	default:
		d.Proto = fmt.Sprintf("0x%04x", proto)
		d.Text = fmt.Sprintf("ethertype 0x%04x, length %d", proto, d.Len)
	}
	return d
}

// arp describes an ARP packet.
func (d *Packet) arp(p []byte) {
	d.Proto = "arp"
	a, ok := wire.AsARPEth(p)
	if !ok {
		d.Text = fmt.Sprintf("ARP, [|arp], length %d", d.Len)
		return
	}
	d.Src, d.Dst = a.SenderIP(), a.TargetIP()
	switch a.Op() {
	case wire.ARPRequest:
		d.Text = fmt.Sprintf("ARP, Request who-has %v tell %v, length %d", d.Dst, d.Src, d.Len)
	case wire.ARPReply:
		d.Text = fmt.Sprintf("ARP, Reply %v is-at %v, length %d", d.Src, a.SenderMAC(), d.Len)
	default:
		d.Text = fmt.Sprintf("ARP, op %d %v > %v, length %d", a.Op(), d.Src, d.Dst, d.Len)
	}
}

// ip6 describes an IPv6 packet by its header alone.
func (d *Packet) ip6(p []byte) {
	d.Proto = "ip6"
	if len(p) < 40 {
		d.Text = "IP6 [|ip6]"
		return
	}
	d.Src, d.Dst = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
	d.Text = fmt.Sprintf("IP6 %v > %v: next-header %d, length %d", d.Src, d.Dst, p[6], binary.BigEndian.Uint16(p[4:]))
}

// ip describes an IPv4 packet.
func (d *Packet) ip(p []byte) {
	h, ok := wire.AsIPv4(p)
	if !ok {
		d.Proto, d.Text = "ip", "IP [|ip]"
		return
	}
	d.Src, d.Dst, d.Proto = h.Src(), h.Dst(), protoName(h.Proto())
	switch {
	case h.Version() != 4:
		d.Text = fmt.Sprintf("IP%d [bad version]", h.Version())
		return
	case h.IHL() < wire.IPv4HdrLen:
		d.Text = fmt.Sprintf("IP bad-hlen %d", h.IHL())
		return
	}
	rest := p[min(h.IHL(), len(p)):]
	size := h.TotLen() - h.IHL()
	if h.Offset() != 0 {
		d.Text = fmt.Sprintf("IP %v > %v: %s (frag id %d offset %d)", d.Src, d.Dst, protoText(h.Proto()), h.ID(), h.Offset())
		return
	}
	switch h.Proto() {
	case uapi.IPPROTO_UDP:
		d.udp(rest)
	case uapi.IPPROTO_TCP:
		d.tcp(rest, size)
	case uapi.IPPROTO_ICMP:
		d.Text = fmt.Sprintf("IP %v > %v: ICMP %s, length %d", d.Src, d.Dst, icmpText(rest), size)
	default:
		d.Text = fmt.Sprintf("IP %v > %v: %s, length %d", d.Src, d.Dst, protoText(h.Proto()), size)
	}
	if h.MF() {
		d.Text += fmt.Sprintf(" (frag id %d offset 0)", h.ID())
	}
}

func (d *Packet) udp(p []byte) {
	h, ok := wire.AsUDP(p)
	if !ok {
		d.Text = fmt.Sprintf("IP %v > %v: [|udp]", d.Src, d.Dst)
		return
	}
	d.SPort, d.DPort = h.Source(), h.Dest()
	d.Text = fmt.Sprintf("IP %v.%d > %v.%d: UDP, length %d", d.Src, d.SPort, d.Dst, d.DPort, h.Len()-wire.UDPHdrLen)
}

func (d *Packet) tcp(p []byte, size int) {
	h, ok := wire.AsTCP(p)
	if !ok {
		d.Text = fmt.Sprintf("IP %v > %v: [|tcp]", d.Src, d.Dst)
		return
	}
	d.SPort, d.DPort = h.Source(), h.Dest()
	payload := size - h.DataOff()
	var s strings.Builder
	fmt.Fprintf(&s, "IP %v.%d > %v.%d: Flags [%s]", d.Src, d.SPort, d.Dst, d.DPort, tcpFlags(h.Flags()))
	if h.Flags()&(1<<1) != 0 || payload > 0 {
		fmt.Fprintf(&s, ", seq %d", h.Seq())
		if payload > 0 {
			fmt.Fprintf(&s, ":%d", h.Seq()+uint32(payload))
		}
	}
	if h.Flags()&(1<<4) != 0 {
		fmt.Fprintf(&s, ", ack %d", h.AckSeq())
	}
	fmt.Fprintf(&s, ", win %d, length %d", h.Window(), max(payload, 0))
	d.Text = s.String()
}

// tcpFlags spells flags as tcpdump does.
func tcpFlags(f uint16) string {
	s := ""
	for i, name := range [...]string{"F", "S", "R", "P", ".", "U", "E", "W", "e"} {
		if f&(1<<i) != 0 {
			s += name
		}
	}
	if s == "" {
		return "none"
	}
	return s
}

// protoName returns the name that filters use, or the number.
func protoName(proto uint8) string {
	for name, n := range protoNames {
		if n == proto {
			return name
		}
	}
	return strconv.Itoa(int(proto))
}

// protoText is how tcpdump -n names a protocol that it does not look into.
func protoText(proto uint8) string {
	if n := protoName(proto); n[0] > '9' {
		return n
	}
	return fmt.Sprintf("ip-proto-%d", proto)
}

// icmpText describes an ICMP message.
func icmpText(p []byte) string {
	h, ok := wire.AsICMP(p)
	if !ok {
		return "[|icmp]"
	}
	switch h.Type() {
	case wire.ICMPEcho:
		return fmt.Sprintf("echo request, id %d, seq %d", h.ID(), h.Sequence())
	case wire.ICMPEchoReply:
		return fmt.Sprintf("echo reply, id %d, seq %d", h.ID(), h.Sequence())
	case wire.ICMPTimeExceeded:
		if h.Code() == wire.ICMPExcFragTime {
			return "ip reassembly time exceeded"
		}
		return "time exceeded in-transit"
	}
	about := quoted(p[wire.ICMPHdrLen:])
	switch h.Type() {
	case wire.ICMPRedirect:
		return fmt.Sprintf("redirect %v to host %v", about.Dst, addr4(h.Gateway()))
	case wire.ICMPDestUnreach:
		return unreachText(h, about)
	case wire.ICMPParamProb:
		return fmt.Sprintf("parameter problem - octet %d", h.Pointer())
	}
	return fmt.Sprintf("type-#%d", h.Type())
}

// quoted describes the packet that an ICMP error is about.
func quoted(p []byte) Packet {
	d := Packet{}
	h, ok := wire.AsIPv4(p)
	if !ok {
		return d
	}
	d.Src, d.Dst, d.Proto = h.Src(), h.Dst(), protoText(h.Proto())
	if rest := p[min(max(h.IHL(), wire.IPv4HdrLen), len(p)):]; len(rest) >= 4 && h.Offset() == 0 {
		d.SPort, d.DPort = binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])
	}
	return d
}

// unreachText describes a destination unreachable.
func unreachText(h *wire.ICMPHdr, about Packet) string {
	switch h.Code() {
	case wire.ICMPNetUnreach:
		return fmt.Sprintf("net %v unreachable", about.Dst)
	case wire.ICMPHostUnreach:
		return fmt.Sprintf("host %v unreachable", about.Dst)
	case wire.ICMPProtUnreach:
		return fmt.Sprintf("%v protocol %s unreachable", about.Dst, about.Proto)
	case wire.ICMPPortUnreach:
		return fmt.Sprintf("%v %s port %d unreachable", about.Dst, about.Proto, about.DPort)
	case wire.ICMPFragNeeded:
		return fmt.Sprintf("%v unreachable - need to frag (mtu %d)", about.Dst, h.MTU())
	case wire.ICMPSrFailed:
		return fmt.Sprintf("%v unreachable - source route failed", about.Dst)
	case wire.ICMPPktFiltered:
		return fmt.Sprintf("host %v unreachable - admin prohibited filter", about.Dst)
	}
	return fmt.Sprintf("%v unreachable - #%d", about.Dst, h.Code())
}

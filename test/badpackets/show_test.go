package badpackets

import (
	"encoding/hex"
	"fmt"
	"strings"

	"linen/lib/csum"
	"linen/uapi"
	"linen/wire"
)

// show writes a frame of the machine's as a line. What a host is free to choose
// (identifications, initial sequence numbers, clocks) is shown as "*".
func show(s sent) string {
	eth, ok := wire.AsEth(s.frame)
	if !ok {
		return fmt.Sprintf("eth%d %x", s.dev, s.frame)
	}
	head, p := fmt.Sprintf("eth%d > %v ", s.dev, eth.Dst()), s.frame[14:]
	switch eth.Type() {
	case uapi.ETH_P_IP:
		return head + showIP(p)
	case uapi.ETH_P_ARP:
		return head + "arp " + hex.EncodeToString(p)
	}
	return fmt.Sprintf("%s%04x %x", head, eth.Type(), p)
}

// showIP writes a packet.
func showIP(p []byte) string {
	h, ok := wire.AsIPv4(p)
	if !ok || h.IHL() < 20 || h.IHL() > len(p) || h.TotLen() > len(p) {
		return "ip? " + hex.EncodeToString(p)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%v > %v tos %#x ttl %d proto %d", h.Src(), h.Dst(), h.TOS(), h.TTL(), h.Proto())
	switch id := be.Uint16(p[4:]); id {
	case 0:
		s.WriteString(" id 0")
	case 77: // forwarded, or our own
		s.WriteString(" id 77")
	default:
		s.WriteString(" id *")
	}
	if f := be.Uint16(p[6:]); f != 0 {
		fmt.Fprintf(&s, " frag %#x", f)
	}
	if h.IHL() > 20 {
		fmt.Fprintf(&s, " opts %x", masked(p[20:h.IHL()]))
	}
	if csum.Checksum(p[:h.IHL()]) != 0 {
		s.WriteString(" BAD IP CHECKSUM")
	}
	if n := len(p) - h.TotLen(); n > 0 {
		fmt.Fprintf(&s, " padding %d", n)
	}
	l4 := p[h.IHL():h.TotLen()]
	switch {
	case h.FragOff()&^wire.IPv4DF != 0:
		fmt.Fprintf(&s, ": %s", bytesOf(l4))
	case h.Proto() == uapi.IPPROTO_ICMP && len(l4) >= 8:
		s.WriteString(showICMP(l4))
	case h.Proto() == uapi.IPPROTO_TCP && len(l4) >= 20:
		s.WriteString(showTCP(h, p, l4))
	default:
		fmt.Fprintf(&s, ": %s", bytesOf(l4))
	}
	return s.String()
}

// masked is options with the times of a timestamp option taken out.
func masked(opts []byte) []byte {
	opts = append([]byte(nil), opts...)
	if len(opts) < 8 || opts[0] != uapi.IPOPT_TIMESTAMP {
		return opts
	}
	at, step := 4, 4
	if opts[3]&15 != 0 { // address, time, address, ...
		at, step = 8, 8
	}
	for ; at+4 <= min(int(opts[2])-1, len(opts)); at += step {
		copy(opts[at:], "TIME")
	}
	return opts
}

// bytesOf writes bytes, long ones by their length and checksum.
func bytesOf(b []byte) string {
	if len(b) > 128 {
		return fmt.Sprintf("%x... %d bytes, sum %04x", b[:64], len(b), csum.Checksum(b))
	}
	return hex.EncodeToString(b)
}

func showICMP(b []byte) string {
	bad := ""
	if csum.Checksum(b) != 0 {
		bad = " BAD CHECKSUM"
	}
	rest := bytesOf(b[8:])
	if b[0] == 14 && len(b) >= 20 { // the reply's two times of day
		rest = hex.EncodeToString(b[8:12]) + "* *"
	}
	return fmt.Sprintf(": icmp %d/%d%s rest %08x %s", b[0], b[1], bad, be.Uint32(b[4:]), rest)
}

func showTCP(h *wire.IPv4Hdr, p, b []byte) string {
	bad := ""
	if csum.Fold(csum.Sum(b, csum.Pseudo4(h.Saddr(), finalOf(h, p), uapi.IPPROTO_TCP, len(b)))) != 0 {
		bad = " BAD CHECKSUM"
	}
	seq := fmt.Sprint(be.Uint32(b[4:]))
	opts := hex.EncodeToString(b[20:])
	if b[13]&syn != 0 {
		seq = "*"
		if strings.HasPrefix(opts, "0204") && len(b) >= 40 { // MSS, SACK permitted, timestamp
			opts = fmt.Sprintf("%x*%x", b[20:28], b[36:])
		}
	}
	return fmt.Sprintf(": tcp %d > %d flags %#x%s seq %s ack %d win %d urg %d %s", be.Uint16(b), be.Uint16(b[2:]), b[13], bad, seq,
		be.Uint32(b[8:]), be.Uint16(b[14:]), be.Uint16(b[18:]), opts)
}

// finalOf is the destination that checksums are of: the last address of a source
// route that is not used up (RFC 1122 §3.2.1.8).
func finalOf(h *wire.IPv4Hdr, p []byte) uint32 {
	for o := p[20:h.IHL()]; len(o) >= 7 && (o[0] == uapi.IPOPT_NOP || o[0] == uapi.IPOPT_LSRR || o[0] == uapi.IPOPT_SSRR); o = o[1:] {
		if n := int(o[1]); o[0] != uapi.IPOPT_NOP && n <= len(o) && int(o[2]) < n {
			return be.Uint32(o[n-4:])
		}
	}
	return h.Daddr()
}

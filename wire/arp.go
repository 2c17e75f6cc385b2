package wire

import "net/netip"

// ARP operations (RFC 826, RFC 903).
const (
	ARPRequest  = 1
	ARPReply    = 2
	RARPRequest = 3
	RARPReply   = 4
)

// Lengths of ARP packets in bytes.
const (
	ARPHdrLen = 8  // the fixed part
	ARPEthLen = 28 // with two Ethernet and two IPv4 addresses
)

// ARPHdr is the part of an ARP packet before the addresses (struct arphdr).
type ARPHdr [8]byte

// AsARP views the fixed part of the ARP packet at the start of b.
func AsARP(b []byte) (*ARPHdr, bool) {
	if len(b) < ARPHdrLen {
		return nil, false
	}
	return (*ARPHdr)(b), true
}

// HType returns the hardware type (ARPHRD_*).
func (h *ARPHdr) HType() uint16 { return be.Uint16(h[0:2]) }

// PType returns the protocol type, an EtherType.
func (h *ARPHdr) PType() uint16 { return be.Uint16(h[2:4]) }

// HLen returns the length of a hardware address.
func (h *ARPHdr) HLen() uint8 { return h[4] }

// PLen returns the length of a protocol address.
func (h *ARPHdr) PLen() uint8 { return h[5] }

// Op returns the operation.
func (h *ARPHdr) Op() uint16 { return be.Uint16(h[6:8]) }

// Len returns the length of the packet that the address lengths imply.
func (h *ARPHdr) Len() int { return ARPHdrLen + 2*int(h[4]) + 2*int(h[5]) }

// Set fills the fixed part.
func (h *ARPHdr) Set(htype, ptype uint16, hlen, plen uint8, op uint16) {
	be.PutUint16(h[0:2], htype)
	be.PutUint16(h[2:4], ptype)
	h[4], h[5] = hlen, plen
	be.PutUint16(h[6:8], op)
}

// ARPEth is a whole ARP packet for IPv4 over Ethernet.
type ARPEth [28]byte

// AsARPEth views the ARP packet for IPv4 at the start of b; it is false where
// the addresses have other lengths.
func AsARPEth(b []byte) (*ARPEth, bool) {
	if len(b) < ARPEthLen || b[4] != 6 || b[5] != 4 {
		return nil, false
	}
	return (*ARPEth)(b), true
}

// NewARPEth makes an ARP packet of the first 28 bytes of b: fixed part filled
// for IPv4 over hardware type htype, addresses left as they are.
func NewARPEth(b []byte, htype, op uint16) (*ARPEth, bool) {
	if len(b) < ARPEthLen {
		return nil, false
	}
	p := (*ARPEth)(b)
	p.Hdr().Set(htype, EtherTypeIPv4, 6, 4, op)
	return p, true
}

// Hdr views the fixed part.
func (p *ARPEth) Hdr() *ARPHdr { return (*ARPHdr)(p[0:8]) }

// Op returns the operation.
func (p *ARPEth) Op() uint16 { return be.Uint16(p[6:8]) }

// SenderMAC returns ar$sha.
func (p *ARPEth) SenderMAC() MAC { return MAC(p[8:14]) }

// SenderIP returns ar$spa.
func (p *ARPEth) SenderIP() netip.Addr { return netip.AddrFrom4([4]byte(p[14:18])) }

// TargetMAC returns ar$tha.
func (p *ARPEth) TargetMAC() MAC { return MAC(p[18:24]) }

// TargetIP returns ar$tpa.
func (p *ARPEth) TargetIP() netip.Addr { return netip.AddrFrom4([4]byte(p[24:28])) }

// Saddr returns ar$spa in host order.
func (p *ARPEth) Saddr() uint32 { return be.Uint32(p[14:18]) }

// Daddr returns ar$tpa in host order.
func (p *ARPEth) Daddr() uint32 { return be.Uint32(p[24:28]) }

// SetSender sets ar$sha and ar$spa (host order).
func (p *ARPEth) SetSender(m MAC, ip uint32) {
	*(*MAC)(p[8:14]) = m
	be.PutUint32(p[14:18], ip)
}

// SetTarget sets ar$tha and ar$tpa (host order).
func (p *ARPEth) SetTarget(m MAC, ip uint32) {
	*(*MAC)(p[18:24]) = m
	be.PutUint32(p[24:28], ip)
}

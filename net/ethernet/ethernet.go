// Package ethernet is what Ethernet-like devices share: their setup, their
// header, and the decision by which protocol and to whom a received frame is.
//
// Linux files: net/ethernet/eth.c, include/linux/etherdevice.h. Standards:
// IEEE 802.3, RFC 894.
package ethernet

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// Limits of Ethernet's payload, in bytes.
const (
	minMTU = 68   // ETH_MIN_MTU, RFC 791's smallest
	maxMTU = 1500 // ETH_DATA_LEN
)

// Setup fills d as an Ethernet device (ether_setup). The address is the
// driver's to set: see RandomAddr.
func Setup(d *dev.Device) {
	d.HeaderOps = HeaderOps()
	d.Type = uapi.ARPHRD_ETHER
	d.HardHeaderLen = wire.EthHdrLen
	d.AddrLen = len(wire.MAC{})
	d.MinMTU, d.MaxMTU = minMTU, maxMTU
	d.SetInitialMTU(maxMTU)
	d.SetInitialTxQueueLen(1000) // DEFAULT_TX_QUEUE_LEN
	d.SetInitialFlags(uapi.IFF_BROADCAST | uapi.IFF_MULTICAST)
	b := wire.BroadcastMAC()
	d.SetInitialBroadcast(b[:])
}

// RandomAddr gives d a random, locally administered unicast address
// (eth_hw_addr_random).
func RandomAddr(d *dev.Device) {
	var m wire.MAC
	d.Kernel().Read(m[:]) // never fails
	m[0] = m[0]&^1 | 2
	d.SetInitialAddr(m[:], dev.AddrRandom)
}

// ValidMAC is Ethernet's dev.MACValidator: EADDRNOTAVAIL for a group or zero
// address (eth_validate_addr).
func ValidMAC(addr []byte) error {
	if m, ok := wire.MACFrom(addr); !ok || !m.IsValid() {
		return errno.EADDRNOTAVAIL
	}
	return nil
}

// HeaderOps returns Ethernet's header functions (eth_header_ops).
func HeaderOps() *dev.HeaderOps {
	return &dev.HeaderOps{Create: create, Parse: parse, Cache: cache}
}

// create pushes a header (eth_header).
func create(d *dev.Device, b *skb.Buff, proto uint16, dst, src []byte) bool {
	b.Cow(wire.EthHdrLen)
	h := (*wire.EthHdr)(b.Push(wire.EthHdrLen))
	if proto == uapi.ETH_P_802_3 || proto == uapi.ETH_P_802_2 {
		proto = uint16(b.Len() - wire.EthHdrLen) // IEEE 802.3: a length
	}
	h.SetType(proto)
	if len(src) < 6 {
		src = d.Addr()
	}
	copy(h[6:12], src)
	if len(dst) >= 6 {
		copy(h[0:6], dst)
		return true
	}
	clear(h[0:6])
	return d.RawFlags()&(uapi.IFF_LOOPBACK|uapi.IFF_NOARP) != 0
}

// parse returns the source address (eth_header_parse).
func parse(b *skb.Buff) []byte {
	h, ok := wire.AsEth(b.Mac())
	if !ok {
		return nil
	}
	return h[6:12]
}

// cache returns the header for packets to dst (eth_header_cache).
func cache(d *dev.Device, proto uint16, dst []byte) []byte {
	if proto == uapi.ETH_P_802_3 || len(dst) < 6 {
		return nil
	}
	var h wire.EthHdr
	copy(h[0:6], dst)
	copy(h[6:12], d.Addr())
	h.SetType(proto)
	return h[:]
}

// TypeTrans takes the header off a received frame: it sets the Mac header,
// Protocol, PktType and Dev of b (eth_type_trans). A frame shorter than a
// header is dropped, and false returned.
func TypeTrans(c *kern.CPU, b *skb.Buff, d *dev.Device) bool {
	b.Dev = d
	if !b.MayPull(wire.EthHdrLen) {
		s := d.Stats.At(c)
		s.RxErrors++
		s.RxLength++
		b.Drop(c, d.Net(), skb.ReasonPKTTooSmall)
		return false
	}
	b.SetMacHeader(0)
	h := (*wire.EthHdr)(b.Data())
	b.PktType = packetType(d, h)
	b.Pull(wire.EthHdrLen)
	b.Protocol = protocol(b, h)
	return true
}

// packetType compares the destination with the device's addresses.
func packetType(d *dev.Device, h *wire.EthHdr) uint8 {
	dst := h.Dst()
	if own, ok := wire.MACFrom(d.Addr()); ok && dst == own {
		return skb.PacketHost
	}
	switch {
	case dst.IsBroadcast():
		return skb.PacketBroadcast
	case dst.IsMulticast():
		return skb.PacketMulticast
	}
	return skb.PacketOtherHost
}

// protocol decides by the type field, which below 1536 is a length; then 0xffff
// in front of the payload means raw 802.3 and everything else LLC.
func protocol(b *skb.Buff, h *wire.EthHdr) uint16 {
	if t := h.Type(); t >= wire.EtherTypeMin {
		return t
	}
	if p := b.Data(); len(p) >= 2 && p[0] == 0xff && p[1] == 0xff {
		return uapi.ETH_P_802_3
	}
	return uapi.ETH_P_802_2
}

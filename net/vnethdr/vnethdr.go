// Package vnethdr reads and writes struct virtio_net_hdr, which stands in front
// of frames that AF_PACKET (PACKET_VNET_HDR) and TUN devices (IFF_VNET_HDR)
// exchange with programs, and takes what it asks for into packets.
//
// Linux files: include/linux/virtio_net.h, include/uapi/linux/virtio_net.h.
// Not done: UFO, tunnels (VIRTIO_NET_HDR_GSO_UDP_TUNNEL), hash reports.
package vnethdr

import (
	"encoding/binary"

	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// Sizes of the header, bytes.
const (
	Len       = 10
	LenMerged = 12 // with num_buffers
)

// Flags and types of the header, which is in the machine's byte order.
const (
	vnetNeedCsum = 1
	vnetCsumOK   = 2
	vnetGSONone  = 0
	vnetGSOTCPv4 = 1
	vnetGSOTCPv6 = 4
	vnetGSOUDPL4 = 5
	vnetGSOECN   = 0x80
)

// A Header is what a sender's header asks for; the zero value asks for nothing.
type Header struct {
	csum               bool
	csumStart, csumOff int
	gsoType            uint32 // skb.GSO*
	gsoSize            int    // payload bytes of a segment; 0: none
	hdrLen             int
}

// Parse reads the header of n bytes in front of data: EINVAL when it is cut
// off or asks for something unknown (virtio_net_hdr_to_skb). UFO's type is
// unknown here: its fragments are the program's to make.
func Parse(data []byte, n int) (v Header, err error) {
	if len(data) < n || n < Len {
		return v, errno.EINVAL
	}
	h := binary.NativeEndian
	v.csum = data[0]&vnetNeedCsum != 0
	v.hdrLen = int(h.Uint16(data[2:]))
	v.csumStart, v.csumOff = int(h.Uint16(data[6:])), int(h.Uint16(data[8:]))
	switch data[1] {
	case vnetGSONone:
		return v, nil
	case vnetGSOTCPv4, vnetGSOTCPv4 | vnetGSOECN:
		v.gsoType = skb.GSOTCPv4
	case vnetGSOTCPv6, vnetGSOTCPv6 | vnetGSOECN:
		v.gsoType = skb.GSOTCPv6
	case vnetGSOUDPL4:
		v.gsoType = skb.GSOUDPL4
	default:
		return v, errno.EINVAL
	}
	if data[1]&vnetGSOECN != 0 {
		v.gsoType |= skb.GSOTCPECN
	}
	v.gsoType |= skb.GSODodgy
	if v.gsoSize = int(h.Uint16(data[4:])); v.gsoSize == 0 || v.gsoSize == gsoByFrags {
		return v, errno.EINVAL
	}
	return v, nil
}

// Limits of what a header may ask for.
const (
	gsoByFrags     = 0xffff // GSO_BY_FRAGS is no size
	maxUDPSegments = 128    // UDP_MAX_SEGMENTS
)

// GSOType returns the type of super-packet (skb.GSO*); 0: none.
func (v *Header) GSOType() uint32 { return v.gsoType }

// GSOSize returns the payload bytes of a super-packet's segments; 0: none.
func (v *Header) GSOSize() int { return v.gsoSize }

// Apply notes in b, whose data begin at the link header, what v asks for; false
// when that lies outside b or does not go with its headers.
func (v *Header) Apply(b *skb.Buff) bool {
	if v.hdrLen > b.Len() {
		return false
	}
	if v.csum {
		if v.csumStart+v.csumOff+2 > b.Len() {
			return false
		}
		b.SetPartialCsum(v.csumStart, v.csumOff)
		b.SetTransportHeader(v.csumStart)
	}
	if v.gsoSize == 0 {
		return true
	}
	tran, proto := v.transport(b)
	hdr, csumOff := 0, tcpCsumOff
	switch {
	case v.gsoType&skb.GSOUDPL4 == 0:
		if proto != uapi.IPPROTO_TCP || !b.MayPull(tran+wire.TCPHdrLen) {
			return false
		}
		hdr = int(b.Data()[tran+12]>>4) * 4
	case proto != uapi.IPPROTO_UDP || !v.csum:
		return false
	default:
		hdr, csumOff = wire.UDPHdrLen, udpCsumOff
	}
	if v.csum && (v.csumStart != tran || v.csumOff != csumOff) {
		return false
	}
	b.SetTransportHeader(tran)
	payload := b.Len() - tran - hdr
	if v.gsoType&skb.GSOUDPL4 != 0 && payload > v.gsoSize*maxUDPSegments {
		return false
	}
	if payload > v.gsoSize { // else it is one segment
		b.GSOType, b.GSOSize = v.gsoType, uint16(v.gsoSize)
		b.GSOSegs = uint16(min((payload+v.gsoSize-1)/v.gsoSize, 1<<16-1))
	}
	return true
}

// Where checksums stand in their headers.
const (
	tcpCsumOff = 16
	udpCsumOff = 6
)

// transport returns where b's transport header is, and its protocol; 0 when b
// is not what v's type names.
func (v *Header) transport(b *skb.Buff) (at int, proto uint8) {
	net := b.NetworkOff()
	if !b.MayPull(net + wire.IPv4HdrLen) {
		return 0, 0
	}
	switch p := b.Data()[net:]; {
	case b.Protocol == uapi.ETH_P_IP && p[0]>>4 == 4 && v.gsoType&skb.GSOTCPv6 == 0:
		h, _ := wire.AsIPv4(p)
		if h.IHL() < wire.IPv4HdrLen {
			return 0, 0
		}
		return net + h.IHL(), h.Proto()
	case b.Protocol == uapi.ETH_P_IPV6 && v.gsoType&skb.GSOTCPv4 == 0 && b.MayPull(net+wire.IPv6HdrLen):
		return net + wire.IPv6HdrLen, b.Data()[net+6]
	}
	return 0, 0
}

// Put writes the header of a received b into p.
func Put(p []byte, b *skb.Buff) {
	clear(p)
	h := binary.NativeEndian
	switch {
	case b.GSOType&skb.GSOTCPv4 != 0:
		p[1] = vnetGSOTCPv4
	case b.GSOType&skb.GSOTCPv6 != 0:
		p[1] = vnetGSOTCPv6
	case b.GSOType&skb.GSOUDPL4 != 0:
		p[1] = vnetGSOUDPL4
	}
	if p[1] != vnetGSONone {
		if b.GSOType&skb.GSOTCPECN != 0 {
			p[1] |= vnetGSOECN
		}
		h.PutUint16(p[2:], uint16(b.HeadLen()))
		h.PutUint16(p[4:], b.GSOSize)
	}
	switch b.CsumState {
	case skb.CsumPartial:
		if at, ok := b.CsumOffset(); ok {
			p[0] = vnetNeedCsum
			h.PutUint16(p[6:], uint16(at-int(b.CsumOff)))
			h.PutUint16(p[8:], b.CsumOff)
		}
	case skb.CsumUnnecessary:
		p[0] = vnetCsumOK
	}
}

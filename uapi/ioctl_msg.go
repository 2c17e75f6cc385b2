package uapi

// Sizes of ioctl structures of a 64-bit program in bytes.
const (
	SizeofIfreq   = 40
	SizeofIfconf  = 16 // int, padding, pointer
	SizeofIfmap   = 24
	SizeofArpreq  = 68
	SizeofRtentry = 120
	SizeofIn6Ifr  = 24 // struct in6_ifreq
	SizeofIn6Rt   = 80 // struct in6_rtmsg
)

// Ifreq is struct ifreq of a 64-bit program: a device name and 24 bytes that
// mean what the ioctl says.
type Ifreq [SizeofIfreq]byte

// AsIfreq views the structure at the start of b; false when b is shorter.
func AsIfreq(b []byte) (*Ifreq, bool) {
	if len(b) < SizeofIfreq {
		return nil, false
	}
	return (*Ifreq)(b), true
}

// Name returns the device name. A name without NUL is cut to 15 bytes, as the
// kernel does.
func (r *Ifreq) Name() string { return CString(r[:IFNAMSIZ-1]) }

// SetName sets the device name, cut to 15 bytes.
func (r *Ifreq) SetName(s string) {
	clear(r[:IFNAMSIZ])
	copy(r[:IFNAMSIZ-1], s)
}

// Data views the union: a sockaddr, an int, a map or a pointer.
func (r *Ifreq) Data() *[24]byte { return (*[24]byte)(r[IFNAMSIZ:]) }

// Int returns ifr_ifru as an int: index, mtu, metric, queue length.
func (r *Ifreq) Int() int32 { return int32(host.Uint32(r[16:20])) }

// SetInt sets ifr_ifru as an int.
func (r *Ifreq) SetInt(v int32) { host.PutUint32(r[16:20], uint32(v)) }

// Flags returns ifr_flags, the low 16 bits of IFF_*.
func (r *Ifreq) Flags() uint16 { return host.Uint16(r[16:18]) }

// SetFlags sets ifr_flags.
func (r *Ifreq) SetFlags(v uint16) { host.PutUint16(r[16:18], v) }

// Sockaddr views ifr_addr and its like.
func (r *Ifreq) Sockaddr() *[SizeofSockaddr]byte { return (*[SizeofSockaddr]byte)(r[16:32]) }

// Pointer returns ifr_data: an address in the caller's memory.
func (r *Ifreq) Pointer() uint64 { return host.Uint64(r[16:24]) }

// Ifmap is struct ifmap (SIOCGIFMAP), the union of an Ifreq.
type Ifmap struct {
	MemStart, MemEnd uint64
	BaseAddr         uint16
	IRQ, DMA, Port   uint8
}

// Append appends the structure to b.
func (m *Ifmap) Append(b []byte) []byte {
	b, p := grow(b, SizeofIfmap)
	host.PutUint64(p, m.MemStart)
	host.PutUint64(p[8:], m.MemEnd)
	host.PutUint16(p[16:], m.BaseAddr)
	p[18], p[19], p[20] = m.IRQ, m.DMA, m.Port
	return b
}

// Arpreq is struct arpreq (SIOCSARP and its like), viewed in place.
type Arpreq [SizeofArpreq]byte

// AsArpreq views the structure at the start of b; false when b is shorter.
func AsArpreq(b []byte) (*Arpreq, bool) {
	if len(b) < SizeofArpreq {
		return nil, false
	}
	return (*Arpreq)(b), true
}

// PA views arp_pa, the protocol address.
func (r *Arpreq) PA() *[SizeofSockaddr]byte { return (*[SizeofSockaddr]byte)(r[0:16]) }

// HA views arp_ha, the hardware address: a family (ARPHRD_*) and 14 bytes.
func (r *Arpreq) HA() *[SizeofSockaddr]byte { return (*[SizeofSockaddr]byte)(r[16:32]) }

// Flags returns arp_flags, ATF_*.
func (r *Arpreq) Flags() int32 { return int32(host.Uint32(r[32:36])) }

// SetFlags sets arp_flags.
func (r *Arpreq) SetFlags(v int32) { host.PutUint32(r[32:36], uint32(v)) }

// Netmask views arp_netmask, for proxy entries.
func (r *Arpreq) Netmask() *[SizeofSockaddr]byte { return (*[SizeofSockaddr]byte)(r[36:52]) }

// Dev returns arp_dev.
func (r *Arpreq) Dev() string { return CString(r[52:67]) }

// Rtentry is struct rtentry of a 64-bit program (SIOCADDRT), viewed in place.
type Rtentry [SizeofRtentry]byte

// AsRtentry views the structure at the start of b; false when b is shorter.
func AsRtentry(b []byte) (*Rtentry, bool) {
	if len(b) < SizeofRtentry {
		return nil, false
	}
	return (*Rtentry)(b), true
}

// Dst views rt_dst.
func (r *Rtentry) Dst() *[SizeofSockaddr]byte { return (*[SizeofSockaddr]byte)(r[8:24]) }

// Gateway views rt_gateway.
func (r *Rtentry) Gateway() *[SizeofSockaddr]byte { return (*[SizeofSockaddr]byte)(r[24:40]) }

// Genmask views rt_genmask.
func (r *Rtentry) Genmask() *[SizeofSockaddr]byte { return (*[SizeofSockaddr]byte)(r[40:56]) }

// Flags returns rt_flags, RTF_*.
func (r *Rtentry) Flags() uint16 { return host.Uint16(r[56:58]) }

// Metric returns rt_metric: the route's metric plus one; 0 is none given.
func (r *Rtentry) Metric() int16 { return int16(host.Uint16(r[80:82])) }

// DevPointer returns rt_dev: the address of a device name in the caller's
// memory; 0 is none.
func (r *Rtentry) DevPointer() uint64 { return host.Uint64(r[88:96]) }

// MTU returns rt_mtu, bytes (RTF_MTU).
func (r *Rtentry) MTU() uint64 { return host.Uint64(r[96:104]) }

// Window returns rt_window, bytes (RTF_WINDOW).
func (r *Rtentry) Window() uint64 { return host.Uint64(r[104:112]) }

// IRTT returns rt_irtt, clock_t (RTF_IRTT).
func (r *Rtentry) IRTT() uint16 { return host.Uint16(r[112:114]) }

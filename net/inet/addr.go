package inet

import (
	"encoding/binary"
	"net/netip"

	"linen/uapi"
	"linen/uapi/errno"
)

// SockaddrLen is sizeof(struct sockaddr_in).
const SockaddrLen = 16

// An Addr is an IPv4 address, in host order, and a port.
type Addr struct {
	IP   uint32
	Port uint16
}

// ParseAddr reads a struct sockaddr_in: its family, and the address. A short
// one is EINVAL.
func ParseAddr(sa []byte) (family uint16, a Addr, err error) {
	if len(sa) < SockaddrLen {
		return 0, a, errno.EINVAL
	}
	family = binary.NativeEndian.Uint16(sa)
	a.Port = binary.BigEndian.Uint16(sa[2:])
	a.IP = binary.BigEndian.Uint32(sa[4:])
	return family, a, nil
}

// Sockaddr returns a as a struct sockaddr_in.
func (a Addr) Sockaddr() [SockaddrLen]byte {
	var sa [SockaddrLen]byte
	binary.NativeEndian.PutUint16(sa[:], uapi.AF_INET)
	binary.BigEndian.PutUint16(sa[2:], a.Port)
	binary.BigEndian.PutUint32(sa[4:], a.IP)
	return sa
}

// Bytes is Sockaddr as a slice.
func (a Addr) Bytes() []byte {
	sa := a.Sockaddr()
	return sa[:]
}

// AddrPort returns a as a netip.AddrPort.
func (a Addr) AddrPort() netip.AddrPort {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], a.IP)
	return netip.AddrPortFrom(netip.AddrFrom4(b), a.Port)
}

// FromAddrPort returns the Addr of an IPv4 netip.AddrPort.
func FromAddrPort(p netip.AddrPort) Addr {
	b := p.Addr().As4()
	return Addr{binary.BigEndian.Uint32(b[:]), p.Port()}
}

// IsMulticast reports a group address, 224.0.0.0/4.
func IsMulticast(ip uint32) bool { return ip>>28 == 14 }

// IsLoopback reports 127.0.0.0/8.
func IsLoopback(ip uint32) bool { return ip>>24 == 127 }

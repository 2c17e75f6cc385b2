package uapi

import (
	"encoding/binary"
	"net/netip"
)

// Sizes of socket addresses in bytes.
const (
	SizeofSockaddrIn      = 16
	SizeofSockaddrIn6     = 28
	SizeofSockaddrNl      = 12
	SizeofSockaddrLl      = 20  // with room for 8 bytes of address
	SizeofSockaddrStorage = 128 // _K_SS_MAXSIZE
	SizeofSockaddr        = 16
)

// SockaddrFamily returns the family at the start of a socket address; false
// where there are fewer than two bytes.
func SockaddrFamily(b []byte) (uint16, bool) {
	if len(b) < 2 {
		return 0, false
	}
	return host.Uint16(b), true
}

// AppendSockaddrIn appends a struct sockaddr_in; addr must be IPv4.
func AppendSockaddrIn(b []byte, addr netip.Addr, port uint16) []byte {
	b, p := grow(b, SizeofSockaddrIn)
	host.PutUint16(p, AF_INET)
	binary.BigEndian.PutUint16(p[2:], port)
	a := addr.As4()
	copy(p[4:], a[:])
	return b
}

// ParseSockaddrIn reads a struct sockaddr_in whatever its family field says.
func ParseSockaddrIn(b []byte) (addr netip.Addr, port uint16, ok bool) {
	if len(b) < SizeofSockaddrIn {
		return netip.Addr{}, 0, false
	}
	return netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:]), true
}

// SockaddrIn6 is struct sockaddr_in6. IPv4 addresses stand in it mapped.
type SockaddrIn6 struct {
	Port     uint16
	Flowinfo uint32 // host order
	Addr     netip.Addr
	ScopeID  uint32 // device of a link-local address
}

// SizeofSockaddrIn6Old is what the kernel accepts too: without the scope
// (SIN6_LEN_RFC2133).
const SizeofSockaddrIn6Old = 24

// Append appends the structure to b.
func (s *SockaddrIn6) Append(b []byte) []byte {
	b, p := grow(b, SizeofSockaddrIn6)
	host.PutUint16(p, AF_INET6)
	binary.BigEndian.PutUint16(p[2:], s.Port)
	binary.BigEndian.PutUint32(p[4:], s.Flowinfo)
	a := s.Addr.As16()
	copy(p[8:], a[:])
	host.PutUint32(p[24:], s.ScopeID)
	return b
}

// ParseSockaddrIn6 reads a struct sockaddr_in6 whatever its family field says;
// the old form of 24 bytes has no scope.
func ParseSockaddrIn6(b []byte) (SockaddrIn6, bool) {
	if len(b) < SizeofSockaddrIn6Old {
		return SockaddrIn6{}, false
	}
	s := SockaddrIn6{
		Port:     binary.BigEndian.Uint16(b[2:]),
		Flowinfo: binary.BigEndian.Uint32(b[4:]),
		Addr:     netip.AddrFrom16([16]byte(b[8:24])),
	}
	if len(b) >= SizeofSockaddrIn6 {
		s.ScopeID = host.Uint32(b[24:])
	}
	return s, true
}

// AppendSockaddr appends a sockaddr_in or sockaddr_in6, as the address says.
func AppendSockaddr(b []byte, ap netip.AddrPort, scopeID uint32) []byte {
	if ap.Addr().Is4() {
		return AppendSockaddrIn(b, ap.Addr(), ap.Port())
	}
	s := SockaddrIn6{Port: ap.Port(), Addr: ap.Addr(), ScopeID: scopeID}
	return s.Append(b)
}

// SockaddrNl is struct sockaddr_nl.
type SockaddrNl struct {
	Pid    uint32 // port id; 0 is the kernel, or asks for an automatic one
	Groups uint32 // mask of the first 32 groups
}

// Append appends the structure to b.
func (s *SockaddrNl) Append(b []byte) []byte {
	b, p := grow(b, SizeofSockaddrNl)
	host.PutUint16(p, AF_NETLINK)
	host.PutUint32(p[4:], s.Pid)
	host.PutUint32(p[8:], s.Groups)
	return b
}

// ParseSockaddrNl reads a struct sockaddr_nl whatever its family field says.
func ParseSockaddrNl(b []byte) (SockaddrNl, bool) {
	if len(b) < SizeofSockaddrNl {
		return SockaddrNl{}, false
	}
	return SockaddrNl{Pid: host.Uint32(b[4:]), Groups: host.Uint32(b[8:])}, true
}

// SockaddrLl is struct sockaddr_ll.
type SockaddrLl struct {
	Protocol uint16 // ETH_P_*, host order here, network order on the wire
	Ifindex  int32
	Hatype   uint16 // ARPHRD_*
	Pkttype  uint8  // PACKET_*
	Halen    uint8
	Addr     [32]byte // the first Halen count; the plain structure has room for 8
}

// Append appends the structure to b: 20 bytes, or more for a longer address.
func (s *SockaddrLl) Append(b []byte) []byte {
	n := min(max(int(s.Halen), 8), len(s.Addr))
	b, p := grow(b, 12+n)
	host.PutUint16(p, AF_PACKET)
	binary.BigEndian.PutUint16(p[2:], s.Protocol)
	host.PutUint32(p[4:], uint32(s.Ifindex))
	host.PutUint16(p[8:], s.Hatype)
	p[10], p[11] = s.Pkttype, s.Halen
	copy(p[12:], s.Addr[:n])
	return b
}

// ParseSockaddrLl reads a struct sockaddr_ll whatever its family field says;
// false where it is shorter than 20 bytes or than its address.
func ParseSockaddrLl(b []byte) (SockaddrLl, bool) {
	if len(b) < SizeofSockaddrLl || int(b[11]) > len(b)-12 || int(b[11]) > 32 {
		return SockaddrLl{}, false
	}
	s := SockaddrLl{
		Protocol: binary.BigEndian.Uint16(b[2:]),
		Ifindex:  int32(host.Uint32(b[4:])),
		Hatype:   host.Uint16(b[8:]),
		Pkttype:  b[10],
		Halen:    b[11],
	}
	copy(s.Addr[:], b[12:])
	return s, true
}

package uapi

// SizeofSockExtendedErr is the size of struct sock_extended_err in bytes.
const SizeofSockExtendedErr = 16

// SockExtendedErr is struct sock_extended_err, the start of IP_RECVERR and IPV6_RECVERR; the offender's address follows.
type SockExtendedErr struct {
	Errno  uint32
	Origin uint8 // SO_EE_ORIGIN_*
	Type   uint8 // ICMP type
	Code   uint8 // ICMP code
	Pad    uint8
	Info   uint32 // the MTU of EMSGSIZE
	Data   uint32
}

// Append appends the structure to b.
func (m *SockExtendedErr) Append(b []byte) []byte {
	b, p := grow(b, 16)
	host.PutUint32(p[0:], m.Errno)
	p[4] = m.Origin
	p[5] = m.Type
	p[6] = m.Code
	p[7] = m.Pad
	host.PutUint32(p[8:], m.Info)
	host.PutUint32(p[12:], m.Data)
	return b
}

// ParseSockExtendedErr reads the structure at the start of b; false when b is shorter.
func ParseSockExtendedErr(b []byte) (SockExtendedErr, bool) {
	if len(b) < 16 {
		return SockExtendedErr{}, false
	}
	return SockExtendedErr{
		Errno:  host.Uint32(b[0:4]),
		Origin: b[4],
		Type:   b[5],
		Code:   b[6],
		Pad:    b[7],
		Info:   host.Uint32(b[8:12]),
		Data:   host.Uint32(b[12:16]),
	}, true
}

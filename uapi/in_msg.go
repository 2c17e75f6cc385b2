package uapi

// SizeofInPktinfo is the size of struct in_pktinfo in bytes.
const SizeofInPktinfo = 12

// InPktinfo is struct in_pktinfo (IP_PKTINFO).
type InPktinfo struct {
	Ifindex int32
	SpecDst [4]byte // local address; network order
	Addr    [4]byte // header destination; network order
}

// Append appends the structure to b.
func (m *InPktinfo) Append(b []byte) []byte {
	b, p := grow(b, 12)
	host.PutUint32(p[0:], uint32(m.Ifindex))
	copy(p[4:], m.SpecDst[:])
	copy(p[8:], m.Addr[:])
	return b
}

// ParseInPktinfo reads the structure at the start of b; false when b is shorter.
func ParseInPktinfo(b []byte) (InPktinfo, bool) {
	if len(b) < 12 {
		return InPktinfo{}, false
	}
	return InPktinfo{
		Ifindex: int32(host.Uint32(b[0:4])),
		SpecDst: [4]byte(b[4:8]),
		Addr:    [4]byte(b[8:12]),
	}, true
}

// SizeofIn6Pktinfo is the size of struct in6_pktinfo in bytes.
const SizeofIn6Pktinfo = 20

// In6Pktinfo is struct in6_pktinfo (IPV6_PKTINFO).
type In6Pktinfo struct {
	Addr    [16]byte
	Ifindex uint32
}

// Append appends the structure to b.
func (m *In6Pktinfo) Append(b []byte) []byte {
	b, p := grow(b, 20)
	copy(p[0:], m.Addr[:])
	host.PutUint32(p[16:], m.Ifindex)
	return b
}

// ParseIn6Pktinfo reads the structure at the start of b; false when b is shorter.
func ParseIn6Pktinfo(b []byte) (In6Pktinfo, bool) {
	if len(b) < 20 {
		return In6Pktinfo{}, false
	}
	return In6Pktinfo{
		Addr:    [16]byte(b[0:16]),
		Ifindex: host.Uint32(b[16:20]),
	}, true
}

// SizeofIPMreqn is the size of struct ip_mreqn in bytes.
const SizeofIPMreqn = 12

// IPMreqn is struct ip_mreqn (IP_ADD_MEMBERSHIP, IP_MULTICAST_IF).
type IPMreqn struct {
	Multiaddr [4]byte // network order
	Address   [4]byte // of the device; network order
	Ifindex   int32
}

// Append appends the structure to b.
func (m *IPMreqn) Append(b []byte) []byte {
	b, p := grow(b, 12)
	copy(p[0:], m.Multiaddr[:])
	copy(p[4:], m.Address[:])
	host.PutUint32(p[8:], uint32(m.Ifindex))
	return b
}

// ParseIPMreqn reads the structure at the start of b; false when b is shorter.
func ParseIPMreqn(b []byte) (IPMreqn, bool) {
	if len(b) < 12 {
		return IPMreqn{}, false
	}
	return IPMreqn{
		Multiaddr: [4]byte(b[0:4]),
		Address:   [4]byte(b[4:8]),
		Ifindex:   int32(host.Uint32(b[8:12])),
	}, true
}

// SizeofUcred is the size of struct ucred in bytes.
const SizeofUcred = 12

// Ucred is struct ucred (SCM_CREDENTIALS, SO_PEERCRED).
type Ucred struct {
	Pid int32
	UID uint32
	GID uint32
}

// Append appends the structure to b.
func (m *Ucred) Append(b []byte) []byte {
	b, p := grow(b, 12)
	host.PutUint32(p[0:], uint32(m.Pid))
	host.PutUint32(p[4:], m.UID)
	host.PutUint32(p[8:], m.GID)
	return b
}

// ParseUcred reads the structure at the start of b; false when b is shorter.
func ParseUcred(b []byte) (Ucred, bool) {
	if len(b) < 12 {
		return Ucred{}, false
	}
	return Ucred{
		Pid: int32(host.Uint32(b[0:4])),
		UID: host.Uint32(b[4:8]),
		GID: host.Uint32(b[8:12]),
	}, true
}

// SizeofLinger is the size of struct linger in bytes.
const SizeofLinger = 8

// Linger is struct linger (SO_LINGER).
type Linger struct {
	Onoff  int32
	Linger int32 // seconds
}

// Append appends the structure to b.
func (m *Linger) Append(b []byte) []byte {
	b, p := grow(b, 8)
	host.PutUint32(p[0:], uint32(m.Onoff))
	host.PutUint32(p[4:], uint32(m.Linger))
	return b
}

// ParseLinger reads the structure at the start of b; false when b is shorter.
func ParseLinger(b []byte) (Linger, bool) {
	if len(b) < 8 {
		return Linger{}, false
	}
	return Linger{
		Onoff:  int32(host.Uint32(b[0:4])),
		Linger: int32(host.Uint32(b[4:8])),
	}, true
}

// SizeofTimeval is the size of struct timeval of a 64-bit program in bytes.
const SizeofTimeval = 16

// Timeval is struct timeval of a 64-bit program (SO_RCVTIMEO, SO_TIMESTAMP).
type Timeval struct {
	Sec  int64
	Usec int64
}

// Append appends the structure to b.
func (m *Timeval) Append(b []byte) []byte {
	b, p := grow(b, 16)
	host.PutUint64(p[0:], uint64(m.Sec))
	host.PutUint64(p[8:], uint64(m.Usec))
	return b
}

// ParseTimeval reads the structure at the start of b; false when b is shorter.
func ParseTimeval(b []byte) (Timeval, bool) {
	if len(b) < 16 {
		return Timeval{}, false
	}
	return Timeval{
		Sec:  int64(host.Uint64(b[0:8])),
		Usec: int64(host.Uint64(b[8:16])),
	}, true
}

// SizeofTimespec is the size of struct timespec of a 64-bit program in bytes.
const SizeofTimespec = 16

// Timespec is struct timespec of a 64-bit program (SO_TIMESTAMPNS).
type Timespec struct {
	Sec  int64
	Nsec int64
}

// Append appends the structure to b.
func (m *Timespec) Append(b []byte) []byte {
	b, p := grow(b, 16)
	host.PutUint64(p[0:], uint64(m.Sec))
	host.PutUint64(p[8:], uint64(m.Nsec))
	return b
}

// ParseTimespec reads the structure at the start of b; false when b is shorter.
func ParseTimespec(b []byte) (Timespec, bool) {
	if len(b) < 16 {
		return Timespec{}, false
	}
	return Timespec{
		Sec:  int64(host.Uint64(b[0:8])),
		Nsec: int64(host.Uint64(b[8:16])),
	}, true
}

// SizeofSockFilter is the size of struct sock_filter in bytes.
const SizeofSockFilter = 8

// SockFilter is struct sock_filter, one classic BPF instruction.
type SockFilter struct {
	Code uint16
	Jt   uint8
	Jf   uint8
	K    uint32
}

// Append appends the structure to b.
func (m *SockFilter) Append(b []byte) []byte {
	b, p := grow(b, 8)
	host.PutUint16(p[0:], m.Code)
	p[2] = m.Jt
	p[3] = m.Jf
	host.PutUint32(p[4:], m.K)
	return b
}

// ParseSockFilter reads the structure at the start of b; false when b is shorter.
func ParseSockFilter(b []byte) (SockFilter, bool) {
	if len(b) < 8 {
		return SockFilter{}, false
	}
	return SockFilter{
		Code: host.Uint16(b[0:2]),
		Jt:   b[2],
		Jf:   b[3],
		K:    host.Uint32(b[4:8]),
	}, true
}

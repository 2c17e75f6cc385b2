package inet

import (
	"encoding/binary"

	"linen/uapi"
	"linen/uapi/errno"
)

// Layouts of linux/in.h on 64-bit systems: struct group_req is an index padded
// to 8 bytes and a sockaddr_storage of 128; group_source_req has two.
const (
	storageLen   = 128
	groupReqLen  = 8 + storageLen
	sourceReqLen = 8 + 2*storageLen
	groupFilter  = 8 + storageLen + 8 // GROUP_FILTER_SIZE(0)
	msFilter     = 16                 // IP_MSFILTER_SIZE(0)
)

// storageIP reads the IPv4 address of a sockaddr_storage.
func storageIP(p []byte) (uint32, error) {
	family, a, err := ParseAddr(p)
	if err != nil || family != uapi.AF_INET {
		return 0, errno.EADDRNOTAVAIL
	}
	return a.IP, nil
}

// setGroup is the protocol-independent MCAST_* options (RFC 3678 §5).
func (s *Sock) setGroup(name int, val []byte) error {
	switch name {
	case uapi.MCAST_JOIN_GROUP, uapi.MCAST_LEAVE_GROUP:
		if len(val) < groupReqLen {
			return errno.EINVAL
		}
		group, err := storageIP(val[8:])
		if err != nil {
			return errno.EINVAL
		}
		index := int(binary.NativeEndian.Uint32(val))
		if name == uapi.MCAST_JOIN_GROUP {
			return s.join(group, 0, index, Filter{Exclude: true})
		}
		return s.leave(group, 0, index)
	case uapi.MCAST_JOIN_SOURCE_GROUP, uapi.MCAST_LEAVE_SOURCE_GROUP, uapi.MCAST_BLOCK_SOURCE, uapi.MCAST_UNBLOCK_SOURCE:
		if len(val) != sourceReqLen {
			return errno.EINVAL
		}
		group, err := storageIP(val[8:])
		if err != nil {
			return err
		}
		src, err := storageIP(val[8+storageLen:])
		if err != nil {
			return err
		}
		return s.changeSource(plainName(name), group, 0, int(binary.NativeEndian.Uint32(val)), src)
	case uapi.MCAST_MSFILTER:
		return s.setGroupFilter(val)
	}
	return errno.ENOPROTOOPT
}

// plainName is the IPv4 option that does the same.
func plainName(name int) int {
	switch name {
	case uapi.MCAST_JOIN_SOURCE_GROUP:
		return uapi.IP_ADD_SOURCE_MEMBERSHIP
	case uapi.MCAST_LEAVE_SOURCE_GROUP:
		return uapi.IP_DROP_SOURCE_MEMBERSHIP
	case uapi.MCAST_BLOCK_SOURCE:
		return uapi.IP_BLOCK_SOURCE
	}
	return uapi.IP_UNBLOCK_SOURCE
}

// setMSFilter is IP_MSFILTER: the whole filter of a group at once.
func (s *Sock) setMSFilter(val []byte) error {
	if len(val) < msFilter {
		return errno.EINVAL
	}
	n := int(binary.NativeEndian.Uint32(val[12:]))
	if int64(n) > s.st.maxMSF.Load() {
		return errno.ENOBUFS
	}
	if len(val) < msFilter+4*n {
		return errno.EINVAL
	}
	var sources []uint32
	for i := range n {
		sources = append(sources, binary.BigEndian.Uint32(val[msFilter+4*i:]))
	}
	return s.replaceFilter(binary.BigEndian.Uint32(val), binary.BigEndian.Uint32(val[4:]), 0, binary.NativeEndian.Uint32(val[8:]), sources)
}

// setGroupFilter is MCAST_MSFILTER.
func (s *Sock) setGroupFilter(val []byte) error {
	if len(val) < groupFilter {
		return errno.EINVAL
	}
	group, err := storageIP(val[8:])
	if err != nil {
		return err
	}
	tail := val[8+storageLen:]
	mode, n := binary.NativeEndian.Uint32(tail), int(binary.NativeEndian.Uint32(tail[4:]))
	if int64(n) > s.st.maxMSF.Load() {
		return errno.ENOBUFS
	}
	if len(val) < groupFilter+storageLen*n {
		return errno.EINVAL
	}
	var sources []uint32
	for i := range n {
		src, err := storageIP(val[groupFilter+storageLen*i:])
		if err != nil {
			return err
		}
		sources = append(sources, src)
	}
	return s.replaceFilter(group, 0, int(binary.NativeEndian.Uint32(val)), mode, sources)
}

// replaceFilter sets mode and sources of a membership; to include nothing is to
// leave (ip_mc_msfilter).
func (s *Sock) replaceFilter(group, ifaddr uint32, index int, mode uint32, sources []uint32) error {
	if !IsMulticast(group) || mode != uapi.MCAST_INCLUDE && mode != uapi.MCAST_EXCLUDE {
		return errno.EINVAL
	}
	i := s.findMember(group, ifaddr, index)
	if i < 0 {
		return errno.EINVAL
	}
	if mode == uapi.MCAST_INCLUDE && len(sources) == 0 {
		s.drop(i)
		return nil
	}
	s.change(i, Filter{Exclude: mode == uapi.MCAST_EXCLUDE, Sources: sources})
	return nil
}

// mode is MCAST_INCLUDE or MCAST_EXCLUDE.
func (f *Filter) mode() uint32 {
	if f.Exclude {
		return uapi.MCAST_EXCLUDE
	}
	return uapi.MCAST_INCLUDE
}

// getMSFilter reads IP_MSFILTER: val names group and interface, and has room
// for as many sources as its count says.
func (s *Sock) getMSFilter(val []byte) (int, error) {
	if len(val) < msFilter {
		return 0, errno.EINVAL
	}
	group := binary.BigEndian.Uint32(val)
	if !IsMulticast(group) {
		return 0, errno.EINVAL
	}
	i := s.findMember(group, binary.BigEndian.Uint32(val[4:]), 0)
	if i < 0 {
		return 0, errno.EADDRNOTAVAIL
	}
	f := s.memberships()[i].filter
	room := min(int(binary.NativeEndian.Uint32(val[12:])), len(f.Sources), (len(val)-msFilter)/4)
	binary.NativeEndian.PutUint32(val[8:], f.mode())
	binary.NativeEndian.PutUint32(val[12:], uint32(len(f.Sources)))
	for i, src := range f.Sources[:room] {
		binary.BigEndian.PutUint32(val[msFilter+4*i:], src)
	}
	return msFilter + 4*room, nil
}

// getGroupFilter reads MCAST_MSFILTER.
func (s *Sock) getGroupFilter(val []byte) (int, error) {
	if len(val) < groupFilter {
		return 0, errno.EINVAL
	}
	group, err := storageIP(val[8:])
	if err != nil || !IsMulticast(group) {
		return 0, errno.EINVAL
	}
	i := s.findMember(group, 0, int(binary.NativeEndian.Uint32(val)))
	if i < 0 {
		return 0, errno.EADDRNOTAVAIL
	}
	f, tail := s.memberships()[i].filter, val[8+storageLen:]
	room := min(int(binary.NativeEndian.Uint32(tail[4:])), len(f.Sources), (len(val)-groupFilter)/storageLen)
	binary.NativeEndian.PutUint32(tail, f.mode())
	binary.NativeEndian.PutUint32(tail[4:], uint32(len(f.Sources)))
	for i, src := range f.Sources[:room] {
		at := val[groupFilter+storageLen*i:][:storageLen]
		clear(at)
		copy(at, Addr{IP: src}.Bytes())
	}
	return groupFilter + storageLen*room, nil
}

package inet

import (
	"encoding/binary"
	"slices"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Filter says which sources of a group are wanted: those of Sources, or with
// Exclude all others. The zero Filter wants nothing (RFC 3376 §3.1).
type Filter struct {
	Exclude bool
	Sources []uint32
}

// Wants reports whether the filter lets a source through.
func (f *Filter) Wants(src uint32) bool {
	return slices.Contains(f.Sources, src) != f.Exclude
}

// membership is one group that a socket joined on one interface; immutable.
type membership struct {
	group  uint32
	index  int    // interface
	ifaddr uint32 // as the program named it
	filter Filter
	member Member
}

// isMcastOption reports the options that setMcast handles.
func isMcastOption(name int) bool {
	return name >= uapi.IP_MULTICAST_IF && name <= uapi.MCAST_MSFILTER && name != uapi.IP_MULTICAST_LOOP
}

func (s *Sock) setMcast(who *sock.Caller, name int, val []byte) error {
	if s.Type() == uapi.SOCK_STREAM {
		switch name {
		case uapi.IP_MULTICAST_TTL:
			return errno.EINVAL
		case uapi.IP_MULTICAST_IF:
		default:
			return errno.EPROTO // ip_mc_* on a stream
		}
	}
	switch name {
	case uapi.IP_MULTICAST_TTL:
		v := number(val)
		if len(val) < 1 || v < -1 || v > 255 {
			return errno.EINVAL
		}
		if v == -1 {
			v = 1
		}
		s.extra().mcTTL.Store(int32(v))
		return nil
	case uapi.IP_MULTICAST_IF:
		return s.setMulticastIF(val)
	case uapi.IP_ADD_MEMBERSHIP, uapi.IP_DROP_MEMBERSHIP:
		group, ifaddr, index, err := parseMreq(val)
		if err != nil {
			return err
		}
		if name == uapi.IP_ADD_MEMBERSHIP {
			return s.join(group, ifaddr, index, Filter{Exclude: true})
		}
		return s.leave(group, ifaddr, index)
	case uapi.IP_ADD_SOURCE_MEMBERSHIP, uapi.IP_DROP_SOURCE_MEMBERSHIP, uapi.IP_BLOCK_SOURCE, uapi.IP_UNBLOCK_SOURCE:
		if len(val) != 12 { // struct ip_mreq_source
			return errno.EINVAL
		}
		return s.changeSource(name, binary.BigEndian.Uint32(val), binary.BigEndian.Uint32(val[4:]), 0, binary.BigEndian.Uint32(val[8:]))
	case uapi.IP_MSFILTER:
		return s.setMSFilter(val)
	}
	return s.setGroup(name, val)
}

// parseMreq reads struct ip_mreq or ip_mreqn.
func parseMreq(val []byte) (group, ifaddr uint32, index int, err error) {
	if len(val) < 8 {
		return 0, 0, 0, errno.EINVAL
	}
	if len(val) >= 12 {
		index = int(int32(binary.NativeEndian.Uint32(val[8:])))
	}
	return binary.BigEndian.Uint32(val), binary.BigEndian.Uint32(val[4:]), index, nil
}

// setMulticastIF takes struct ip_mreqn, ip_mreq or an address.
func (s *Sock) setMulticastIF(val []byte) error {
	var addr uint32
	index := 0
	switch {
	case len(val) >= 8:
		_, addr, index, _ = parseMreq(val)
	case len(val) >= 4:
		addr = binary.BigEndian.Uint32(val)
	default:
		return errno.EINVAL
	}
	if index == 0 && addr == 0 {
		s.extra().mcIndex.Store(0)
		s.extra().mcAddr.Store(0)
		return nil
	}
	if index == 0 {
		index = s.st.indexOf(addr)
	}
	if index == 0 || s.st.IP.Device(s.Net(), index) == nil {
		return errno.EADDRNOTAVAIL
	}
	if bound := int(s.BoundDev.Load()); bound != 0 && bound != index {
		return errno.EINVAL
	}
	s.extra().mcIndex.Store(int32(index))
	s.extra().mcAddr.Store(addr)
	return nil
}

// indexOf returns the index of the device that has an address, or 0.
func (st *State) indexOf(addr uint32) int {
	if st.IP.DevByAddr == nil {
		return 0
	}
	return st.IP.DevByAddr(st.net, addr)
}

// deviceFor finds the interface of a membership (ip_mc_find_dev): by index, by
// address, or where the route to the group leads.
func (s *Sock) deviceFor(group, ifaddr uint32, index int) (int, error) {
	switch {
	case index != 0:
	case ifaddr != 0:
		index = s.st.indexOf(ifaddr)
	default:
		c := s.Net().Kernel().Enter(kern.Any)
		f := ipv4.Flow{Daddr: group}
		rt, err := s.st.IP.RouteOutput(c, s.Net(), &f)
		if err == nil {
			index = rt.Dev.Ifindex()
		}
		c.Exit()
	}
	if index == 0 || s.st.IP.Device(s.Net(), index) == nil {
		return 0, errno.ENODEV
	}
	return index, nil
}

func (s *Sock) findMember(group, ifaddr uint32, index int) int {
	return slices.IndexFunc(s.memberships(), func(m *membership) bool {
		if m.group != group {
			return false
		}
		if index != 0 {
			return m.index == index
		}
		return ifaddr == 0 || m.ifaddr == ifaddr || m.index == s.st.indexOf(ifaddr)
	})
}

// join adds a membership (ip_mc_join_group).
func (s *Sock) join(group, ifaddr uint32, index int, f Filter) error {
	if !IsMulticast(group) {
		return errno.EINVAL
	}
	index, err := s.deviceFor(group, ifaddr, index)
	if err != nil {
		return err
	}
	list := s.memberships()
	for _, m := range list {
		if m.group == group && m.index == index {
			return errno.EADDRINUSE
		}
	}
	if int64(len(list)) >= s.st.maxMember.Load() {
		return errno.ENOBUFS
	}
	m, err := s.st.IP.Join(s.Net(), index, group, f)
	if err != nil {
		return err
	}
	list = append(slices.Clip(list), &membership{group, index, ifaddr, f, m})
	s.extra().mcast.Store(&list)
	return nil
}

// leave removes a membership (ip_mc_leave_group).
func (s *Sock) leave(group, ifaddr uint32, index int) error {
	if index == 0 && ifaddr == 0 {
		var err error
		if index, err = s.deviceFor(group, 0, 0); err != nil {
			index = 0
		}
	}
	i := s.findMember(group, ifaddr, index)
	if i < 0 {
		return errno.EADDRNOTAVAIL
	}
	s.drop(i)
	return nil
}

// drop removes the i-th membership.
func (s *Sock) drop(i int) {
	list := s.memberships()
	m := list[i]
	list = slices.Delete(slices.Clone(list), i, i+1)
	s.extra().mcast.Store(&list)
	m.member.Leave()
}

// LeaveAll ends every membership of a socket that closes (ip_mc_drop_socket).
// It takes the RTNL: the caller does not own s yet.
func (s *Sock) LeaveAll() {
	if len(s.memberships()) == 0 {
		return
	}
	s.Net().Lock()
	defer s.Net().Unlock()
	for len(s.memberships()) > 0 {
		s.drop(0)
	}
}

// change replaces the filter of the i-th membership.
func (s *Sock) change(i int, f Filter) {
	list := slices.Clone(s.memberships())
	m := *list[i]
	m.filter = f
	list[i] = &m
	s.extra().mcast.Store(&list)
	m.member.SetFilter(uint8(f.mode()), f.Sources)
}

// changeSource adds or removes one source (ip_mc_source).
func (s *Sock) changeSource(name int, group, ifaddr uint32, index int, src uint32) error {
	if !IsMulticast(group) {
		return errno.EINVAL
	}
	add := name == uapi.IP_ADD_SOURCE_MEMBERSHIP || name == uapi.IP_BLOCK_SOURCE
	include := name == uapi.IP_ADD_SOURCE_MEMBERSHIP || name == uapi.IP_DROP_SOURCE_MEMBERSHIP
	i := s.findMember(group, ifaddr, index)
	if i < 0 {
		if name == uapi.IP_ADD_SOURCE_MEMBERSHIP {
			return s.join(group, ifaddr, index, Filter{Sources: []uint32{src}})
		}
		return errno.EINVAL
	}
	f := s.memberships()[i].filter
	if len(f.Sources) > 0 && f.Exclude == include {
		return errno.EINVAL // one mode cannot become the other while it has sources
	}
	f.Exclude = !include
	at := slices.Index(f.Sources, src)
	switch {
	case add && at >= 0, !add && at < 0:
		return errno.EADDRNOTAVAIL
	case add && int64(len(f.Sources)) >= s.st.maxMSF.Load():
		return errno.ENOBUFS
	case add:
		f.Sources = append(slices.Clone(f.Sources), src)
	default:
		f.Sources = slices.Delete(slices.Clone(f.Sources), at, at+1)
	}
	if include && len(f.Sources) == 0 {
		s.drop(i)
		return nil
	}
	s.change(i, f)
	return nil
}

// Accepts reports whether the socket wants a packet to a group from a source
// that came in by a device (ip_mc_sf_allow).
func (s *Sock) Accepts(group, src uint32, index int) bool {
	if !IsMulticast(group) {
		return true
	}
	for _, m := range s.memberships() {
		if m.group == group && m.index == index {
			return m.filter.Wants(src)
		}
	}
	return s.Is(McAll)
}

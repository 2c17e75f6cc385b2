package afnetlink

import (
	"encoding/binary"

	"linen/net/netlink"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// option returns the switch that an option of SOL_NETLINK sets.
func option(name int) (o netlink.Option, ok bool) {
	switch name {
	case uapi.NETLINK_PKTINFO:
		return netlink.OptPktInfo, true
	case uapi.NETLINK_BROADCAST_ERROR:
		return netlink.OptBcastErr, true
	case uapi.NETLINK_NO_ENOBUFS:
		return netlink.OptNoENOBUFS, true
	case uapi.NETLINK_LISTEN_ALL_NSID:
		return netlink.OptAllNSID, true
	case uapi.NETLINK_CAP_ACK:
		return netlink.OptCapAck, true
	case uapi.NETLINK_EXT_ACK:
		return netlink.OptExtAck, true
	case uapi.NETLINK_GET_STRICT_CHK:
		return netlink.OptStrict, true
	}
	return 0, false
}

// Setsockopt implements sock.Socket.
func (s *Socket) Setsockopt(who *sock.Caller, level, name int, val []byte) error {
	switch level {
	case uapi.SOL_NETLINK:
		return s.setOption(who, name, val)
	case uapi.SOL_SOCKET:
	default:
		return errno.ENOPROTOOPT
	}
	if name == uapi.SO_PASSCRED {
		v, err := sock.Int(val)
		if err == nil {
			s.Set(sock.FlagPassCred, v != 0)
		}
		return err
	}
	s.Lock()
	defer s.Unlock()
	err := s.SetSocketOption(who, name, val)
	s.port.SetBuffer(int(s.RcvBuf()))
	return err
}

// setOption sets an option of SOL_NETLINK; a value shorter than an int is 0.
func (s *Socket) setOption(who *sock.Caller, name int, val []byte) error {
	v := 0
	if len(val) >= 4 {
		v = int(binary.NativeEndian.Uint32(val))
	}
	switch name {
	case uapi.NETLINK_ADD_MEMBERSHIP:
		return s.port.Join(v, creds(who))
	case uapi.NETLINK_DROP_MEMBERSHIP:
		return s.port.Leave(v, creds(who))
	}
	o, ok := option(name)
	if !ok {
		return errno.ENOPROTOOPT
	}
	return s.port.SetOption(o, v != 0, creds(who))
}

// Getsockopt implements sock.Socket.
func (s *Socket) Getsockopt(_ *sock.Caller, level, name int, val []byte) (int, error) {
	switch {
	case level == uapi.SOL_SOCKET && name == uapi.SO_ERROR:
		return sock.PutInt(val, int(s.port.TakeError()))
	case level == uapi.SOL_SOCKET && name == uapi.SO_PASSCRED:
		v := 0
		if s.Has(sock.FlagPassCred) {
			v = 1
		}
		return sock.PutInt(val, v)
	case level == uapi.SOL_SOCKET:
		return s.GetSocketOption(name, val)
	case level != uapi.SOL_NETLINK:
		return 0, errno.ENOPROTOOPT
	case name == uapi.NETLINK_LIST_MEMBERSHIPS:
		return s.memberships(val), nil
	}
	o, ok := option(name)
	switch {
	case !ok:
		return 0, errno.ENOPROTOOPT
	case len(val) < 4:
		return 0, errno.EINVAL
	}
	v := 0
	if s.port.Option(o) {
		v = 1
	}
	return sock.PutInt(val, v)
}

// memberships writes the bitmap of groups, as many words as val takes, and
// returns the size of the whole.
func (s *Socket) memberships(val []byte) int {
	words := make([]byte, (s.port.NumGroups()+31)/32*4)
	for g := range s.port.Groups() {
		words[(g-1)/8] |= 1 << ((g - 1) % 8)
	}
	copy(val[:len(val)&^3], words)
	return len(words)
}

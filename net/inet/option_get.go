package inet

import (
	"encoding/binary"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// putNumber writes an int option; a val shorter than an int gets one byte when
// the number fits, as do_ip_getsockopt does.
func putNumber(val []byte, v int) (int, error) {
	if len(val) > 0 && len(val) < 4 && v >= 0 && v <= 255 {
		val[0] = byte(v)
		return 1, nil
	}
	return sock.PutInt(val, v)
}

func flagBit(on bool) int {
	if on {
		return 1
	}
	return 0
}

// GetIPOption reads an option of level IP (do_ip_getsockopt).
func (s *Sock) GetIPOption(name int, val []byte) (int, error) {
	if f, ok := flagOption(name); ok {
		return putNumber(val, flagBit(s.Is(f)))
	}
	if f, ok := rangedFlagOption(name); ok {
		return putNumber(val, flagBit(s.Is(f)))
	}
	switch name {
	case uapi.IP_TOS:
		return putNumber(val, int(s.TOS()))
	case uapi.IP_TTL:
		v := int(s.ttl.Load())
		if v < 0 {
			v = s.st.DefaultTTL()
		}
		return putNumber(val, v)
	case uapi.IP_HDRINCL:
		return putNumber(val, flagBit(s.Is(HdrIncl)))
	case uapi.IP_NODEFRAG:
		return putNumber(val, flagBit(s.Is(NoDefrag)))
	case uapi.IP_TRANSPARENT:
		return putNumber(val, flagBit(s.Is(Transparent)))
	case uapi.IP_ROUTER_ALERT:
		return putNumber(val, flagBit(s.Is(RouterAlert)))
	case uapi.IP_CHECKSUM:
		return putNumber(val, flagBit(s.Is(CmsgChecksum)))
	case uapi.IP_RECVFRAGSIZE:
		return putNumber(val, flagBit(s.Is(CmsgFragSize)))
	case uapi.IP_MTU_DISCOVER:
		return putNumber(val, s.PMTUDisc())
	case uapi.IP_MINTTL:
		return putNumber(val, int(s.MinTTL()))
	case uapi.IP_MULTICAST_TTL:
		return putNumber(val, int(s.multicastTTL()))
	case uapi.IP_LOCAL_PORT_RANGE:
		return sock.PutInt(val, int(s.portRange()))
	case uapi.IP_PROTOCOL:
		// The kernel tells it of raw sockets only; the others say 0.
		v := 0
		if s.Type() == uapi.SOCK_RAW {
			v = int(s.Num.Load())
		}
		return putNumber(val, v)
	case uapi.IP_UNICAST_IF:
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(s.unicastIF()))
		return copy(val, b[:]), nil
	case uapi.IP_OPTIONS:
		return copy(val, s.ipOptions().Bytes()), nil
	case uapi.IP_MTU:
		mtu, err := s.PathMTU()
		if err != nil {
			return 0, err
		}
		return putNumber(val, mtu)
	}
	return s.getIPMore(name, val)
}

// getIPMore reads the options about multicast, and rare ones.
func (s *Sock) getIPMore(name int, val []byte) (int, error) {
	switch name {
	case uapi.IP_MULTICAST_IF:
		var b [4]byte
		_, addr := s.multicastIF()
		binary.BigEndian.PutUint32(b[:], addr)
		return copy(val, b[:]), nil
	case uapi.IP_MSFILTER:
		return s.getMSFilter(val)
	case uapi.MCAST_MSFILTER:
		return s.getGroupFilter(val)
	case uapi.IP_XFRM_POLICY, uapi.IP_IPSEC_POLICY:
		return 0, errno.ENOPROTOOPT
	case uapi.SO_ORIGINAL_DST: // of connections that NAT redirected: there are none
		switch {
		case s.Protocol() != uapi.IPPROTO_TCP:
			return 0, errno.ENOPROTOOPT
		case len(val) < SockaddrLen:
			return 0, errno.EINVAL
		}
		return 0, errno.ENOENT
	case uapi.IP_PKTOPTIONS:
		if s.Type() != uapi.SOCK_STREAM {
			return 0, errno.ENOPROTOOPT
		}
		return s.pktOptions(val), nil
	}
	return 0, errno.ENOPROTOOPT
}

// Opened notes interface, TTL and TOS of the packet that completed the handshake
// of an accepted connection, which is what IP_PKTOPTIONS tells of
// (tcp_v4_syn_recv_sock).
func (s *Sock) Opened(iif int32, ttl, tos uint8) {
	s.opened.Store(uint64(uint32(iif))<<16 | uint64(ttl)<<8 | uint64(tos))
}

// pktOptions is IP_PKTOPTIONS of a stream.
func (s *Sock) pktOptions(val []byte) int {
	m := sock.Msg{Control: val}
	index, _ := s.multicastIF()
	ttl, tos := uint32(s.multicastTTL()), uint32(0)
	if o := s.opened.Load(); o != 0 {
		index, ttl, tos = int32(o>>16), uint32(uint8(o>>8)), uint32(uint8(o))
	}
	if s.Is(CmsgPktinfo) {
		var p [12]byte
		binary.NativeEndian.PutUint32(p[:], uint32(index))
		binary.BigEndian.PutUint32(p[4:], s.RcvAddr.Load())
		binary.BigEndian.PutUint32(p[8:], s.RcvAddr.Load())
		m.PutCmsg(uapi.IPPROTO_IP, uapi.IP_PKTINFO, p[:])
	}
	if s.Is(CmsgTTL) {
		m.PutCmsg32(uapi.IPPROTO_IP, uapi.IP_TTL, ttl)
	}
	if s.Is(CmsgTOS) {
		m.PutCmsg32(uapi.IPPROTO_IP, uapi.IP_TOS, tos)
	}
	return m.ControlLen
}

package udp

import (
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// Options of UDP-Lite (RFC 3828; linux/udp.h has left them out since 7.1).
const (
	udpliteSendCscov = 10
	udpliteRecvCscov = 11
)

const maxGSO = 65535

// Setsockopt implements sock.Socket.
func (s *Sock) Setsockopt(who *sock.Caller, level, name int, val []byte) error {
	if done, err := s.SetOption(who, level, name, val); done {
		return err
	}
	if level != int(s.p.number) && level != uapi.IPPROTO_UDP {
		return errno.ENOPROTOOPT
	}
	v, err := sock.Int(val)
	if err != nil {
		return err
	}
	switch name {
	case uapi.UDP_CORK:
		return s.setCork(who, v != 0)
	case uapi.UDP_ENCAP:
		return s.setEncapType(v)
	case uapi.UDP_NO_CHECK6_TX, uapi.UDP_NO_CHECK6_RX:
		s.noCheck6[name-uapi.UDP_NO_CHECK6_TX] = v != 0
	case uapi.UDP_SEGMENT:
		if v < 0 || v > maxGSO {
			return errno.EINVAL
		}
		s.gsoSize.Store(uint32(v))
	case uapi.UDP_GRO:
		s.setGRO(v != 0)
	case udpliteSendCscov, udpliteRecvCscov:
		return s.setCoverage(name, v)
	default:
		return errno.ENOPROTOOPT
	}
	return nil
}

// setCoverage sets a checksum coverage of UDP-Lite: 0 is everything, and less
// than the header is the header.
func (s *Sock) setCoverage(name, v int) error {
	if !s.p.lite {
		return errno.ENOPROTOOPT
	}
	switch {
	case v != 0 && v < headerLen:
		v = headerLen
	case v > 65535:
		v = 65535
	}
	if name == udpliteSendCscov {
		s.sendCov.Store(uint32(v))
	} else {
		s.recvCov.Store(uint32(v))
	}
	return nil
}

// Getsockopt implements sock.Socket.
func (s *Sock) Getsockopt(_ *sock.Caller, level, name int, val []byte) (int, error) {
	if done, n, err := s.GetOption(level, name, val); done {
		return n, err
	}
	if level != int(s.p.number) && level != uapi.IPPROTO_UDP {
		return 0, errno.EOPNOTSUPP
	}
	bit := func(on bool) (int, error) {
		v := 0
		if on {
			v = 1
		}
		return sock.PutInt(val, v)
	}
	switch name {
	case uapi.UDP_CORK:
		return bit(s.cork.on)
	case uapi.UDP_ENCAP:
		return sock.PutInt(val, int(s.encapType.Load()))
	case uapi.UDP_NO_CHECK6_TX, uapi.UDP_NO_CHECK6_RX:
		return bit(s.noCheck6[name-uapi.UDP_NO_CHECK6_TX])
	case uapi.UDP_SEGMENT:
		return sock.PutInt(val, int(s.gsoSize.Load()))
	case uapi.UDP_GRO:
		return bit(s.gro.Load())
	case udpliteSendCscov:
		return sock.PutInt(val, int(s.sendCov.Load()))
	case udpliteRecvCscov:
		return sock.PutInt(val, int(s.recvCov.Load()))
	}
	return 0, errno.ENOPROTOOPT
}

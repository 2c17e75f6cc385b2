package tcp

import (
	"encoding/binary"

	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// features are options of a socket that few programs set; children inherit
// them.
type features struct {
	saveSyn uint8 // TCP_SAVE_SYN: 1 from the IP header on, 2 from the link header on
	inq     bool  // TCP_INQ
}

// setFeature sets an option of level TCP that setTCP and setMore do not know.
func (s *Sock) setFeature(name, v int) error {
	switch name {
	case uapi.TCP_SAVE_SYN:
		if v < 0 || v > 2 {
			return errno.EINVAL
		}
		s.feat.saveSyn = uint8(v)
	case uapi.TCP_INQ:
		if v < 0 || v > 1 {
			return errno.EINVAL
		}
		s.feat.inq = v != 0
	case uapi.TCP_FASTOPEN, uapi.TCP_FASTOPEN_CONNECT, uapi.TCP_FASTOPEN_NO_COOKIE:
		return s.setFast(name, v)
	default:
		return errno.ENOPROTOOPT
	}
	return nil
}

// getFeature reads what setFeature sets.
func (s *Sock) getFeature(name int) (int, error) {
	switch name {
	case uapi.TCP_SAVE_SYN:
		return int(s.feat.saveSyn), nil
	case uapi.TCP_INQ:
		return number(s.feat.inq), nil
	case uapi.TCP_FASTOPEN, uapi.TCP_FASTOPEN_CONNECT, uapi.TCP_FASTOPEN_NO_COOKIE:
		return s.getFast(name), nil
	}
	return 0, errno.ENOPROTOOPT
}

// getBytes reads an option of level TCP that is no number; done says that it
// was one.
func (s *Sock) getBytes(name int, val []byte) (done bool, n int, err error) {
	switch name {
	case uapi.TCP_SAVED_SYN:
		n, err = s.takeSyn(val)
		return true, n, err
	case uapi.TCP_FASTOPEN_KEY:
		return true, s.getFastKey(val), nil
	}
	return false, 0, nil
}

// savedHeaders copies the headers of the SYN b for TCP_SAVED_SYN, if s wants them
// (tcp_reqsk_record_syn). b is at its TCP header.
func (s *Sock) savedHeaders(b *skb.Buff) []byte {
	if s.feat.saveSyn == 0 {
		return nil
	}
	from := b.Network()
	if mac := b.Mac(); s.feat.saveSyn == 2 && mac != nil {
		from = mac
	}
	end := len(b.Network()) - b.HeadLen() + int(b.Data()[12]>>4)*4 // of the TCP header, from the IP header on
	return append([]byte(nil), from[:len(from)-len(b.Network())+end]...)
}

// takeSyn is TCP_SAVED_SYN, which gives the headers away: EINVAL when val has
// no room for them.
func (s *Sock) takeSyn(val []byte) (int, error) {
	if len(val) < len(s.synHeaders) {
		return 0, errno.EINVAL
	}
	n := copy(val, s.synHeaders)
	s.synHeaders = nil
	return n, nil
}

// putInq tells how many bytes are left to read, in a TCP_CM_INQ message; 1 for
// the end of the stream (tcp_inq_hint).
func (s *Sock) putInq(m *sock.Msg) {
	n := uint32(s.rxReady.Load())
	if n == 0 && s.conn.GotFin() {
		n = 1
	}
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], n)
	m.PutCmsg(uapi.IPPROTO_TCP, uapi.TCP_INQ, b[:])
}

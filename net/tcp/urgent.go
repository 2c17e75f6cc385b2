package tcp

import (
	"linen/kern"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// RecvMark is Recvmsg for who carries a stream on to a reader of his own: an
// urgent byte whose turn has come is received alone, with MSG_OOB in m.OutFlags,
// whether or not SO_OOBINLINE is set, and never skipped. Of m.Flags none counts.
func (s *Sock) RecvMark(m *sock.Msg) (int, error) {
	m.Reset()
	m.Flags = uapi.MSG_DONTWAIT
	s.Lock()
	defer s.Unlock()
	if s.State() == uapi.TCP_LISTEN {
		return 0, errno.ENOTCONN
	}
	if seq, ok := s.conn.UrgentSeq(); ok && seq == s.conn.Copied() && s.rxReady.Load() > 0 && len(m.Data) > 0 {
		m.OutFlags = uapi.MSG_OOB
		s.rx.copy(m.Data[:1], 0)
		s.urgent.Store(3) // it was read
		c := s.st.n.Kernel().Enter(kern.Any)
		s.consume(c, 1)
		c.Exit()
		return 1, nil
	}
	if n := s.read(m); n > 0 {
		return n, nil
	}
	return 0, s.nothing(m)
}

package tcp

import (
	"time"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// Getsockopt implements sock.Socket.
func (s *Sock) Getsockopt(_ *sock.Caller, level, name int, val []byte) (int, error) {
	if done, n, err := s.GetOption(level, name, val); done {
		return n, err
	}
	if level != uapi.IPPROTO_TCP {
		return 0, errno.EOPNOTSUPP
	}
	s.Lock()
	defer s.Unlock()
	switch name {
	case uapi.TCP_INFO:
		return s.info(val), nil
	case uapi.TCP_CONGESTION:
		var name [16]byte
		copy(name[:], s.conn.Congestion())
		return copy(val, name[:]), nil
	case uapi.TCP_CC_INFO:
		_, p := s.conn.CongestionInfo()
		return copy(val, p), nil
	}
	if done, n, err := s.getBytes(name, val); done {
		return n, err
	}
	v, err := s.getTCP(name)
	if err != nil {
		return 0, err
	}
	return sock.PutInt(val, v)
}

func number(on bool) int {
	if on {
		return 1
	}
	return 0
}

// orDefault is an option of seconds that is the namespace's while it is 0.
func orDefault(d, def time.Duration) int {
	if d == 0 {
		d = def
	}
	return int(d / time.Second)
}

// getTCP reads an option of level TCP that is an int (do_tcp_getsockopt).
func (s *Sock) getTCP(name int) (int, error) {
	t, set := s.tune, s.st.settings()
	switch name {
	case uapi.TCP_NODELAY:
		return number(t.NoDelay), nil
	case uapi.TCP_CORK:
		return number(t.Cork), nil
	case uapi.TCP_MAXSEG:
		if st := s.State(); t.UserMSS != 0 && (st == uapi.TCP_CLOSE || st == uapi.TCP_LISTEN) {
			return t.UserMSS, nil
		}
		return s.conn.MSS(), nil
	case uapi.TCP_KEEPIDLE:
		return orDefault(t.KeepIdle, set.KeepTime), nil
	case uapi.TCP_KEEPINTVL:
		return orDefault(t.KeepIntvl, set.KeepIntvl), nil
	case uapi.TCP_KEEPCNT:
		if t.KeepCnt == 0 {
			return set.KeepProbes, nil
		}
		return t.KeepCnt, nil
	case uapi.TCP_SYNCNT:
		if t.SynCnt == 0 {
			return set.SynRetries, nil
		}
		return t.SynCnt, nil
	case uapi.TCP_LINGER2:
		if t.Linger2 < 0 {
			return -1, nil
		}
		return orDefault(t.Linger2, set.FinTimeout), nil
	case uapi.TCP_DEFER_ACCEPT:
		return secondsFor(s.listen().deferAccept), nil
	case uapi.TCP_WINDOW_CLAMP:
		if t.WindowClamp == 0 && s.conn.State != uapi.TCP_CLOSE && s.State() != uapi.TCP_LISTEN {
			return s.conn.WindowClamp(), nil
		}
		return t.WindowClamp, nil
	case uapi.TCP_QUICKACK:
		return number(s.conn.QuickAck()), nil
	}
	return s.getMore(name)
}

func (s *Sock) getMore(name int) (int, error) {
	t, set := s.tune, s.st.settings()
	switch name {
	case uapi.TCP_USER_TIMEOUT:
		return int(t.UserTimeout / time.Millisecond), nil
	case uapi.TCP_NOTSENT_LOWAT:
		return int(int32(t.NotsentLowat)), nil
	case uapi.TCP_THIN_LINEAR_TIMEOUTS:
		return number(t.ThinLinear), nil
	case uapi.TCP_THIN_DUPACK:
		return 0, nil
	case uapi.TCP_RTO_MAX_MS:
		if t.RTOMax == 0 {
			return int(set.RTOMax / time.Millisecond), nil
		}
		return int(t.RTOMax / time.Millisecond), nil
	case uapi.TCP_RTO_MIN_US:
		if t.RTOMin == 0 {
			return int(set.RTOMin / time.Microsecond), nil
		}
		return int(t.RTOMin / time.Microsecond), nil
	case uapi.TCP_DELACK_MAX_US:
		if t.DelackMax == 0 {
			return 200000, nil
		}
		return int(t.DelackMax / time.Microsecond), nil
	case uapi.TCP_IS_MPTCP:
		return 0, nil
	}
	return s.getFeature(name)
}

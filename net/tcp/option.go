package tcp

import (
	"time"

	"linen/kern"
	"linen/net/sock"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/uapi/errno"
)

// Bounds of options (linux/tcp.h, net/tcp.h).
const (
	maxKeepIdle = 32767 // seconds
	maxKeepCnt  = 127
	maxSynCnt   = 127
	minMSS      = 88
	maxWindow   = 32767
)

// Setsockopt implements sock.Socket.
func (s *Sock) Setsockopt(who *sock.Caller, level, name int, val []byte) error {
	if done, err := s.SetOption(who, level, name, val); done {
		switch {
		case err != nil:
		case level == uapi.SOL_SOCKET:
			s.afterSocketOption(name)
		case level == uapi.IPPROTO_IP && name == uapi.IP_OPTIONS: // less room in every segment
			s.Lock()
			s.repath()
			s.Unlock()
		}
		return err
	}
	if level != uapi.IPPROTO_TCP {
		return errno.ENOPROTOOPT
	}
	switch name {
	case uapi.TCP_CONGESTION:
		return s.setCongestion(who, val)
	case uapi.TCP_FASTOPEN_KEY:
		return s.setFastKey(val)
	case uapi.TCP_MD5SIG, uapi.TCP_MD5SIG_EXT:
		return s.setMD5Option(val, name == uapi.TCP_MD5SIG_EXT)
	}
	v, err := sock.Int(val)
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	if name == uapi.TCP_NODELAY && v != 0 && s.tune == &s.st.tune {
		s.tune = &s.st.quick
		s.retune(&s.st.tune)
		return nil
	}
	old := s.ownTune()
	if err := s.setTCP(name, v); err != nil {
		return err
	}
	s.retune(old)
	return nil
}

// afterSocketOption acts on options of SOL_SOCKET that TCP looks at.
func (s *Sock) afterSocketOption(name int) {
	s.Lock()
	defer s.Unlock()
	old := s.tune
	if keep, low := s.Has(sock.FlagKeepalive), s.RcvLowat(); keep != old.Keepalive || low != old.RcvLowat {
		s.ownTune()
		s.tune.Keepalive, s.tune.RcvLowat = keep, low
	}
	s.conn.SetMaxPacing(s.PacingRate.Load())
	s.retune(old)
	if name == uapi.SO_RCVLOWAT {
		s.fitRcvLowat()
		s.Notify(nil, uapi.POLLIN)
	}
}

// ownTune gives s options of its own, to be changed, and returns those before:
// sockets without options of their own share them.
func (s *Sock) ownTune() (old *tcb.Tunables) {
	old = s.tune
	own := *old
	s.tune = &own
	return old
}

// retune tells the machine of options that changed.
func (s *Sock) retune(old *tcb.Tunables) {
	s.conn.Tune(s.tune)
	c := s.st.n.Kernel().Enter(kern.Any)
	s.begin(c)
	if old.Keepalive != s.tune.Keepalive || old.KeepIdle != s.tune.KeepIdle {
		s.conn.Rekeep(c.Now())
	}
	if s.tune.NoDelay && !old.NoDelay || old.Cork && !s.tune.Cork {
		s.conn.Push(c.Now())
	}
	if s.State() != uapi.TCP_LISTEN && s.State() != uapi.TCP_CLOSE {
		s.finish(c)
	}
	s.env.c = nil
	c.Exit()
}

// within answers EINVAL outside of a range.
func within(v, lo, hi int) error {
	if v < lo || v > hi {
		return errno.EINVAL
	}
	return nil
}

// setTCP sets an option of level TCP (do_tcp_setsockopt).
func (s *Sock) setTCP(name, v int) error {
	t := s.tune
	switch name {
	case uapi.TCP_NODELAY:
		t.NoDelay = v != 0
	case uapi.TCP_CORK:
		t.Cork = v != 0
	case uapi.TCP_MAXSEG:
		if v != 0 && (v < minMSS || v > maxWindow) {
			return errno.EINVAL
		}
		t.UserMSS = v
	case uapi.TCP_KEEPIDLE, uapi.TCP_KEEPINTVL:
		if err := within(v, 1, maxKeepIdle); err != nil {
			return err
		}
		if name == uapi.TCP_KEEPIDLE {
			t.KeepIdle = time.Duration(v) * time.Second
		} else {
			t.KeepIntvl = time.Duration(v) * time.Second
		}
	case uapi.TCP_KEEPCNT:
		if err := within(v, 1, maxKeepCnt); err != nil {
			return err
		}
		t.KeepCnt = v
	case uapi.TCP_SYNCNT:
		if err := within(v, 1, maxSynCnt); err != nil {
			return err
		}
		t.SynCnt = v
	case uapi.TCP_LINGER2:
		t.Linger2 = min(time.Duration(v)*time.Second, s.st.settings().FinTimeout*2)
	case uapi.TCP_DEFER_ACCEPT:
		s.listen().deferAccept = retriesFor(v)
	case uapi.TCP_WINDOW_CLAMP:
		return s.setClamp(v)
	case uapi.TCP_QUICKACK:
		s.quickAck(v)
	default:
		return s.setMore(name, v)
	}
	return nil
}

func (s *Sock) setMore(name, v int) error {
	t := s.tune
	switch name {
	case uapi.TCP_USER_TIMEOUT:
		if v < 0 {
			return errno.EINVAL
		}
		t.UserTimeout = time.Duration(v) * time.Millisecond
	case uapi.TCP_NOTSENT_LOWAT:
		t.NotsentLowat = uint32(v)
		s.lowat.Store(uint32(v))
	case uapi.TCP_THIN_LINEAR_TIMEOUTS:
		if err := within(v, 0, 1); err != nil {
			return err
		}
		t.ThinLinear = v != 0
	case uapi.TCP_THIN_DUPACK:
		return within(v, 0, 1)
	case uapi.TCP_RTO_MAX_MS:
		if err := within(v, 1000, 120000); err != nil {
			return err
		}
		t.RTOMax = time.Duration(v) * time.Millisecond
	case uapi.TCP_RTO_MIN_US:
		if err := within(v, 1, 200000); err != nil {
			return err
		}
		t.RTOMin = time.Duration(v) * time.Microsecond
	case uapi.TCP_DELACK_MAX_US:
		if err := within(v, 1, 200000); err != nil {
			return err
		}
		t.DelackMax = time.Duration(v) * time.Microsecond
	default:
		return s.setFeature(name, v)
	}
	return nil
}

// setClamp is TCP_WINDOW_CLAMP: 0 takes it off a closed socket only.
func (s *Sock) setClamp(v int) error {
	if v == 0 {
		if s.State() != uapi.TCP_CLOSE {
			return errno.EINVAL
		}
		s.tune.WindowClamp = 0
		return nil
	}
	const least = 2304 / 2 // SOCK_MIN_RCVBUF
	s.tune.WindowClamp = max(v, least)
	return nil
}

func (s *Sock) quickAck(v int) {
	if s.State() == uapi.TCP_LISTEN {
		return
	}
	c := s.st.n.Kernel().Enter(kern.Any)
	s.begin(c)
	s.conn.SetQuickAck(c.Now(), v)
	s.finish(c)
	c.Exit()
}

// fitRcvLowat keeps SO_RCVLOWAT within half of what the receive buffer may
// become, and lets the buffer grow for it (tcp_set_rcvlowat).
func (s *Sock) fitRcvLowat() {
	locked := s.Has(sock.FlagRcvBufLock)
	limit := s.st.sys.rmem.Load(2)
	if locked {
		limit = s.RcvBuf()
	}
	s.LimitRcvLowat(limit / 2)
	s.tune.RcvLowat = s.RcvLowat()
	if want := s.env.forWindow(int64(s.RcvLowat())); !locked && want > s.RcvBuf() {
		s.SetRcvBuf(want)
	}
}

// retriesFor turns seconds into SYN-ACK retransmissions (secs_to_retrans).
func retriesFor(seconds int) int {
	n, period, timeout := 0, 1, 1
	for ; seconds > 0 && n < 255; n++ {
		if n > 0 {
			timeout = min(timeout<<1, 120)
			period += timeout
		}
		if period >= seconds {
			return n + 1
		}
	}
	return n
}

// secondsFor is the way back (retrans_to_secs).
func secondsFor(n int) int {
	period, timeout := 0, 1
	for i := range n {
		if i > 0 {
			timeout = min(timeout<<1, 120)
		}
		period += timeout
	}
	return period
}

package sock

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"linen/lib/ktime"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// SOF_TIMESTAMPING bits newer than the headers in uapi.
const (
	tsOptIDTCP    = 1 << 16
	tsOptRxFilter = 1 << 17
	tsTxCompl     = 1 << 18
	tsMask        = 1<<19 - 1
)

// forEver and atOnce are how a time-out is kept: 0 blocks for ever, a negative
// one not at all.
const atOnce = -1

// setTimeout reads a struct timeval (sock_set_timeout).
func setTimeout(to *atomic.Int64, val []byte) error {
	if len(val) < 16 {
		return errno.EINVAL
	}
	sec, usec := int64(binary.NativeEndian.Uint64(val)), int64(binary.NativeEndian.Uint64(val[8:]))
	if usec < 0 || usec >= 1e6 {
		return errno.EDOM
	}
	switch {
	case sec < 0:
		to.Store(atOnce)
	case sec >= int64(ktime.Never)/int64(time.Second)-1:
		to.Store(0)
	default:
		to.Store(sec*int64(time.Second) + usec*int64(time.Microsecond))
	}
	return nil
}

// putTimeout writes a struct timeval.
func putTimeout(val []byte, to int64) (int, error) {
	to = max(to, 0)
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:], uint64(to/int64(time.Second)))
	binary.NativeEndian.PutUint64(b[8:], uint64(to%int64(time.Second)/int64(time.Microsecond)))
	return copy(val, b[:]), nil
}

// setTimestamp sets SO_TIMESTAMP and its relatives.
func (s *Sock) setTimestamp(name int, on bool) {
	if !on {
		s.Set(FlagTimestamp, false)
		s.Set(FlagTimestampNS, false)
		return
	}
	s.Set(FlagTimestampNew, name == uapi.SO_TIMESTAMP_NEW || name == uapi.SO_TIMESTAMPNS_NEW)
	s.Set(FlagTimestampNS, name == uapi.SO_TIMESTAMPNS || name == uapi.SO_TIMESTAMPNS_NEW)
	s.Set(FlagTimestamp, true)
}

// setTimestamping sets SO_TIMESTAMPING from an int or struct so_timestamping.
func (s *Sock) setTimestamping(name int, val []byte) error {
	v := binary.NativeEndian.Uint32(val)
	if v&^tsMask != 0 || v&tsOptIDTCP != 0 && v&uapi.SOF_TIMESTAMPING_OPT_ID == 0 {
		return errno.EINVAL
	}
	if v&uapi.SOF_TIMESTAMPING_OPT_STATS != 0 && v&uapi.SOF_TIMESTAMPING_OPT_TSONLY == 0 {
		return errno.EINVAL
	}
	if v&uapi.SOF_TIMESTAMPING_BIND_PHC != 0 {
		return errno.EOPNOTSUPP // no device here has a hardware clock
	}
	if v&uapi.SOF_TIMESTAMPING_OPT_ID != 0 && s.TSFlags.Load()&uapi.SOF_TIMESTAMPING_OPT_ID == 0 {
		s.extra().tsKey.Store(0)
	}
	s.Set(FlagTimestampNew, name == uapi.SO_TIMESTAMPING_NEW)
	s.TSFlags.Store(v)
	return nil
}

// wantStamps reports whether received packets need a time.
func (s *Sock) wantStamps() bool {
	return s.Has(FlagTimestamp) || s.TSFlags.Load()&uapi.SOF_TIMESTAMPING_RX_SOFTWARE != 0
}

// TSKey returns the next number of SOF_TIMESTAMPING_OPT_ID.
func (s *Sock) TSKey() uint32 { return s.extra().tsKey.Add(1) - 1 }

// RecvCmsgs adds the control messages of SOL_SOCKET to a received message:
// timestamps, SO_RXQ_OVFL, SO_RCVMARK, SO_RCVPRIORITY (sock_recv_cmsgs).
func (s *Sock) RecvCmsgs(m *Msg, b *skb.Buff) {
	if b.Tstamp != 0 {
		s.extra().lastStamp.Store(int64(b.Tstamp))
	}
	const any = 1<<FlagTimestamp | 1<<FlagRxqOvfl | 1<<FlagRcvMark | 1<<FlagRcvPriority
	if s.flags.Load()&any == 0 && s.TSFlags.Load() == 0 {
		return
	}
	s.stampCmsgs(m, b)
	if s.Has(FlagRxqOvfl) && b.CB[ovflNote] != 0 {
		m.PutCmsg32(uapi.SOL_SOCKET, uapi.SO_RXQ_OVFL, uint32(b.CB[ovflNote]))
	}
	if s.Has(FlagRcvMark) {
		m.PutCmsg32(uapi.SOL_SOCKET, uapi.SO_MARK, b.Mark)
	}
	if s.Has(FlagRcvPriority) {
		m.PutCmsg32(uapi.SOL_SOCKET, uapi.SO_PRIORITY, b.Priority)
	}
}

// stampCmsgs adds SCM_TIMESTAMP, SCM_TIMESTAMPNS and SCM_TIMESTAMPING.
func (s *Sock) stampCmsgs(m *Msg, b *skb.Buff) {
	at := b.Tstamp
	if s.Has(FlagTimestamp) {
		if at == 0 { // queued before the option was set: as if it came now
			at = s.net.Kernel().Now()
		}
		t := s.net.Kernel().Wall(at)
		sub, typ := t.Nanosecond()/1000, uapi.SO_TIMESTAMP
		if s.Has(FlagTimestampNS) {
			sub, typ = t.Nanosecond(), uapi.SO_TIMESTAMPNS
		}
		if s.Has(FlagTimestampNew) {
			typ = uapi.SO_TIMESTAMP_NEW
			if s.Has(FlagTimestampNS) {
				typ = uapi.SO_TIMESTAMPNS_NEW
			}
		}
		var p [16]byte
		binary.NativeEndian.PutUint64(p[:], uint64(t.Unix()))
		binary.NativeEndian.PutUint64(p[8:], uint64(sub))
		m.PutCmsg(uapi.SOL_SOCKET, typ, p[:])
	}
	ts := s.TSFlags.Load()
	if ts&tsOptRxFilter != 0 && ts&uapi.SOF_TIMESTAMPING_RX_SOFTWARE == 0 && m.Flags&uapi.MSG_ERRQUEUE == 0 {
		return // others' stamps are not shown to a socket that asked for none
	}
	if at != 0 && ts&uapi.SOF_TIMESTAMPING_SOFTWARE != 0 {
		s.putTimestamping(m, at)
	}
}

// putTimestamping adds SCM_TIMESTAMPING: three times, of which software sets
// the first.
func (s *Sock) putTimestamping(m *Msg, at ktime.T) {
	t := s.net.Kernel().Wall(at)
	var p [48]byte
	binary.NativeEndian.PutUint64(p[:], uint64(t.Unix()))
	binary.NativeEndian.PutUint64(p[8:], uint64(t.Nanosecond()))
	typ := uapi.SO_TIMESTAMPING
	if s.Has(FlagTimestampNew) {
		typ = uapi.SO_TIMESTAMPING_NEW
	}
	m.PutCmsg(uapi.SOL_SOCKET, typ, p[:])
}

// LastStamp writes the time of the last received packet for SIOCGSTAMP (a
// timeval) or SIOCGSTAMPNS (a timespec); ENOENT before the first. Asking turns
// timestamps on.
func (s *Sock) LastStamp(arg []byte, ns bool) error {
	if len(arg) < 16 {
		return errno.EFAULT
	}
	at := s.extra().lastStamp.Load()
	if at == 0 {
		s.TSFlags.Or(uapi.SOF_TIMESTAMPING_RX_SOFTWARE)
		return errno.ENOENT
	}
	t := s.net.Kernel().Wall(ktime.T(at))
	sub := t.Nanosecond()
	if !ns {
		sub /= 1000
	}
	binary.NativeEndian.PutUint64(arg, uint64(t.Unix()))
	binary.NativeEndian.PutUint64(arg[8:], uint64(sub))
	return nil
}

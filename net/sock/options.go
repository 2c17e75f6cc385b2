package sock

import (
	"encoding/binary"
	"math"
	"time"

	"linen/uapi"
	"linen/uapi/errno"
)

// Options newer than the headers in uapi.
const (
	soPassPidfd   = 76
	soPeerPidfd   = 77
	soRcvPriority = 82
	soPassRights  = 83
)

// options are the less busy options, guarded by ownership.
type options struct {
	linger     time.Duration
	busyPoll   int // microseconds
	busyBudget int
	bindPHC    int
	txClock    uint32
	txFlags    uint32
}

// boolOptions are those that only set a flag.
func boolOption(name int) (f Flag, ok bool) {
	switch name {
	case uapi.SO_REUSEADDR:
		return FlagReuseAddr, true
	case uapi.SO_DONTROUTE:
		return FlagDontRoute, true
	case uapi.SO_BROADCAST:
		return FlagBroadcast, true
	case uapi.SO_OOBINLINE:
		return FlagOOBInline, true
	case uapi.SO_NO_CHECK:
		return FlagNoCheck, true
	case uapi.SO_REUSEPORT:
		return FlagReusePort, true
	case uapi.SO_KEEPALIVE:
		return FlagKeepalive, true
	case uapi.SO_RXQ_OVFL:
		return FlagRxqOvfl, true
	case uapi.SO_RCVMARK:
		return FlagRcvMark, true
	case soRcvPriority:
		return FlagRcvPriority, true
	case uapi.SO_SELECT_ERR_QUEUE:
		return FlagSelectErr, true
	}
	return 0, false
}

// SetSocketOption sets an option of SOL_SOCKET (sk_setsockopt). The caller
// owns s. SO_ATTACH_FILTER takes the instructions themselves, 8 bytes each,
// instead of struct sock_fprog's pointer.
func (s *Sock) SetSocketOption(who *Caller, name int, val []byte) error {
	switch name {
	case uapi.SO_BINDTODEVICE:
		return s.bindToDevice(who, val)
	case uapi.SO_ATTACH_FILTER:
		return s.attachFilter(val)
	case uapi.SO_RCVTIMEO, uapi.SO_RCVTIMEO_NEW:
		return setTimeout(&s.extra().rcvTimeo, val)
	case uapi.SO_SNDTIMEO, uapi.SO_SNDTIMEO_NEW:
		return setTimeout(&s.extra().sndTimeo, val)
	}
	v, err := Int(val)
	if err != nil {
		return err
	}
	if f, ok := boolOption(name); ok {
		if name == uapi.SO_REUSEPORT && v != 0 && s.family != uapi.AF_INET && s.family != uapi.AF_INET6 {
			return errno.EOPNOTSUPP
		}
		s.Set(f, v != 0)
		return nil
	}
	switch name {
	case uapi.SO_TIMESTAMP, uapi.SO_TIMESTAMPNS, uapi.SO_TIMESTAMP_NEW, uapi.SO_TIMESTAMPNS_NEW:
		s.setTimestamp(name, v != 0)
		return nil
	case uapi.SO_TIMESTAMPING, uapi.SO_TIMESTAMPING_NEW:
		return s.setTimestamping(name, val)
	case uapi.SO_LOCK_FILTER, uapi.SO_DETACH_FILTER:
		return s.changeFilter(name, v)
	case uapi.SO_SNDBUF, uapi.SO_SNDBUFFORCE, uapi.SO_RCVBUF, uapi.SO_RCVBUFFORCE, uapi.SO_BUF_LOCK:
		return s.setBuffer(who, name, v)
	case uapi.SO_PRIORITY, uapi.SO_MARK, uapi.SO_BINDTOIFINDEX, uapi.SO_DEBUG:
		return s.setGuarded(who, name, v)
	case uapi.SO_BUSY_POLL, uapi.SO_PREFER_BUSY_POLL, uapi.SO_BUSY_POLL_BUDGET:
		return s.setBusyPoll(who, name, v)
	}
	return s.setMore(who, name, v, val)
}

// setMore sets the options with rules of their own.
func (s *Sock) setMore(who *Caller, name, v int, val []byte) error {
	switch name {
	case uapi.SO_LINGER:
		if len(val) < 8 {
			return errno.EINVAL
		}
		sec, _ := Int(val[4:])
		s.extra().opts.linger = time.Duration(uint32(sec)) * time.Second
		s.Set(FlagLinger, v != 0)
	case uapi.SO_RCVLOWAT:
		if v < 0 {
			v = math.MaxInt32
		}
		s.rcvlowat.Store(int32(max(v, 1)))
	case uapi.SO_PEEK_OFF:
		if s.proto == nil || !s.proto.PeekOff {
			return errno.EOPNOTSUPP
		}
		s.peekOff.Store(int32(max(v, -1)))
	case uapi.SO_MAX_PACING_RATE:
		rate := uint64(uint32(v))
		if len(val) >= 8 {
			rate = binary.NativeEndian.Uint64(val)
		} else if rate == math.MaxUint32 {
			rate = math.MaxUint64
		}
		s.PacingRate.Store(rate)
	case uapi.SO_INCOMING_CPU:
		s.incoming.Store(int32(v))
	case uapi.SO_TXTIME:
		return s.setTxtime(who, val)
	case uapi.SO_TXREHASH:
		if s.typ != uapi.SOCK_STREAM {
			return errno.EOPNOTSUPP
		}
		if v < -1 || v > 1 {
			return errno.EINVAL
		}
		if v == -1 {
			v = int(Of(s.net).Sysctl.TxRehash.Load()) // SOCK_TXREHASH_DEFAULT
		}
		s.txrehash = int8(v)
	case uapi.SO_CNX_ADVICE, uapi.SO_BSDCOMPAT:
	case uapi.SO_ZEROCOPY:
		return s.setZerocopy(v)
	case uapi.SO_RESERVE_MEM:
		if v < 0 {
			return errno.EINVAL
		}
		return errno.EOPNOTSUPP // as without memory control groups
	case uapi.SO_PASSCRED, uapi.SO_PASSSEC, soPassPidfd, soPassRights:
		return errno.EOPNOTSUPP // of AF_UNIX and AF_NETLINK
	case uapi.SO_ATTACH_BPF, uapi.SO_ATTACH_REUSEPORT_EBPF:
		return errno.EINVAL // eBPF is not there: no descriptor is a program
	case uapi.SO_ATTACH_REUSEPORT_CBPF, uapi.SO_DETACH_REUSEPORT_BPF:
		return errno.EINVAL // of AF_INET
	default:
		return errno.ENOPROTOOPT
	}
	return nil
}

// setGuarded sets the options that ask for a capability.
func (s *Sock) setGuarded(who *Caller, name, v int) error {
	net := who.Capable(CapNetAdmin) || who.Capable(CapNetRaw)
	switch name {
	case uapi.SO_DEBUG:
		if v != 0 && !who.Capable(CapNetAdmin) {
			return errno.EACCES
		}
		s.Set(FlagDebug, v != 0)
	case uapi.SO_PRIORITY:
		if (v < 0 || v > 6) && !net {
			return errno.EPERM
		}
		s.Priority.Store(uint32(v))
	case uapi.SO_MARK:
		if !net {
			return errno.EPERM
		}
		s.Mark.Store(uint32(v))
		s.changed()
	case uapi.SO_BINDTOIFINDEX:
		return s.bindToIndex(who, v)
	}
	return nil
}

// changed tells the protocol that a cached route no longer holds.
func (s *Sock) changed() { s.RouteGen.Add(1) }

// setBuffer sets the sizes of the buffers.
func (s *Sock) setBuffer(who *Caller, name, v int) error {
	sys := &Of(s.net).Sysctl
	switch name {
	case uapi.SO_BUF_LOCK:
		if v&^3 != 0 {
			return errno.EINVAL
		}
		s.Set(FlagSndBufLock, v&1 != 0)
		s.Set(FlagRcvBufLock, v&2 != 0)
		return nil
	case uapi.SO_SNDBUFFORCE, uapi.SO_RCVBUFFORCE:
		if !who.Capable(CapNetAdmin) {
			return errno.EPERM
		}
		v = max(v, 0)
	}
	// An unsigned comparison: a negative size is a huge one.
	n := int64(uint32(v))
	switch name {
	case uapi.SO_SNDBUF:
		n = min(n, sys.WmemMax.Load())
		fallthrough
	case uapi.SO_SNDBUFFORCE:
		s.Set(FlagSndBufLock, true)
		s.SetSndBuf(max(2*min(n, bufLimit), minSndbuf))
		s.notifyUser(uapi.POLLOUT)
	case uapi.SO_RCVBUF:
		n = min(n, sys.RmemMax.Load())
		fallthrough
	case uapi.SO_RCVBUFFORCE:
		s.Set(FlagRcvBufLock, true)
		s.SetRcvBuf(max(2*min(n, bufLimit), minRcvbuf))
	}
	return nil
}

// setBusyPoll keeps the busy-polling options, which change nothing here.
func (s *Sock) setBusyPoll(who *Caller, name, v int) error {
	admin := who.Capable(CapNetAdmin)
	switch name {
	case uapi.SO_BUSY_POLL:
		if v < 0 {
			return errno.EINVAL
		}
		if v > s.options().busyPoll && !admin {
			return errno.EPERM
		}
		s.extra().opts.busyPoll = v
	case uapi.SO_PREFER_BUSY_POLL:
		if v != 0 && !admin {
			return errno.EPERM
		}
		s.Set(FlagPreferBusy, v != 0)
	case uapi.SO_BUSY_POLL_BUDGET:
		if v > s.options().busyBudget && !admin {
			return errno.EPERM
		}
		if v < 0 || v > math.MaxUint16 {
			return errno.EINVAL
		}
		s.extra().opts.busyBudget = v
	}
	return nil
}

// setTxtime sets SO_TXTIME from struct sock_txtime.
func (s *Sock) setTxtime(who *Caller, val []byte) error {
	const clockRealtime, clockMonotonic, clockTAI, flagMask = 0, 1, 11, 3
	if len(val) != 8 {
		return errno.EINVAL
	}
	clock, flags := binary.NativeEndian.Uint32(val), binary.NativeEndian.Uint32(val[4:])
	if flags&^flagMask != 0 {
		return errno.EINVAL
	}
	if clock != clockMonotonic && !who.Capable(CapNetAdmin) {
		return errno.EPERM
	}
	if clock != clockRealtime && clock != clockMonotonic && clock != clockTAI {
		return errno.EINVAL
	}
	o := &s.extra().opts
	o.txClock, o.txFlags = clock, flags
	s.Set(FlagTxtime, true)
	return nil
}

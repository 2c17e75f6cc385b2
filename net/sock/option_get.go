package sock

import (
	"encoding/binary"
	"math"
	"time"

	"linen/net/filter"
	"linen/uapi"
	"linen/uapi/errno"
)

// GetSocketOption reads an option of SOL_SOCKET (sk_getsockopt).
func (s *Sock) GetSocketOption(name int, val []byte) (int, error) {
	if f, ok := boolOption(name); ok {
		return PutInt(val, s.bit(f))
	}
	switch name {
	case uapi.SO_SNDBUF:
		return PutInt(val, int(s.sndbuf.Load()))
	case uapi.SO_RCVBUF:
		return PutInt(val, int(s.rcvbuf.Load()))
	case uapi.SO_TYPE:
		return PutInt(val, int(s.typ))
	case uapi.SO_PROTOCOL:
		return PutInt(val, int(s.number))
	case uapi.SO_DOMAIN:
		return PutInt(val, int(s.family))
	case uapi.SO_ERROR:
		e := s.err.Swap(0)
		if e == 0 {
			e = s.softErr.Swap(0)
		}
		return PutInt(val, int(e))
	case uapi.SO_PRIORITY:
		return PutInt(val, int(s.Priority.Load()))
	case uapi.SO_MARK:
		return PutInt(val, int(s.Mark.Load()))
	case uapi.SO_RCVLOWAT:
		return PutInt(val, int(s.rcvlowat.Load()))
	case uapi.SO_SNDLOWAT:
		return PutInt(val, 1)
	case uapi.SO_ACCEPTCONN:
		return PutInt(val, s.bit(FlagListening))
	case uapi.SO_DEBUG:
		return PutInt(val, s.bit(FlagDebug))
	case uapi.SO_BINDTOIFINDEX:
		return PutInt(val, int(s.BoundDev.Load()))
	case uapi.SO_BINDTODEVICE:
		return s.boundName(val)
	case uapi.SO_PEEK_OFF:
		if s.proto == nil || !s.proto.PeekOff {
			return 0, errno.EOPNOTSUPP
		}
		return PutInt(val, int(s.peekOff.Load()))
	case uapi.SO_INCOMING_CPU:
		return PutInt(val, int(s.incoming.Load()))
	case uapi.SO_LOCK_FILTER:
		return PutInt(val, s.bit(FlagLockFilter))
	case uapi.SO_GET_FILTER:
		return s.getFilter(val)
	case uapi.SO_BPF_EXTENSIONS:
		return PutInt(val, filter.Extensions)
	}
	return s.getTimes(name, val)
}

// getTimes reads timestamps and time-outs.
func (s *Sock) getTimes(name int, val []byte) (int, error) {
	stamp := func(ns, new bool) (int, error) {
		on := s.Has(FlagTimestamp) && s.Has(FlagTimestampNS) == ns && s.Has(FlagTimestampNew) == new
		v := 0
		if on {
			v = 1
		}
		return PutInt(val, v)
	}
	rcv, snd := s.timeouts()
	switch name {
	case uapi.SO_TIMESTAMP:
		return stamp(false, false)
	case uapi.SO_TIMESTAMPNS:
		return stamp(true, false)
	case uapi.SO_TIMESTAMP_NEW:
		return stamp(false, true)
	case uapi.SO_TIMESTAMPNS_NEW:
		return stamp(true, true)
	case uapi.SO_TIMESTAMPING, uapi.SO_TIMESTAMPING_NEW:
		var b [8]byte // struct so_timestamping
		if name == uapi.SO_TIMESTAMPING || s.Has(FlagTimestampNew) {
			binary.NativeEndian.PutUint32(b[:], s.TSFlags.Load())
			binary.NativeEndian.PutUint32(b[4:], uint32(s.options().bindPHC))
		}
		return copy(val, b[:]), nil
	case uapi.SO_RCVTIMEO, uapi.SO_RCVTIMEO_NEW:
		return putTimeout(val, rcv)
	case uapi.SO_SNDTIMEO, uapi.SO_SNDTIMEO_NEW:
		return putTimeout(val, snd)
	case uapi.SO_LINGER:
		var b [8]byte
		binary.NativeEndian.PutUint32(b[:], uint32(s.bit(FlagLinger)))
		binary.NativeEndian.PutUint32(b[4:], uint32(s.options().linger/time.Second))
		return copy(val, b[:]), nil
	case uapi.SO_TXTIME:
		var b [8]byte
		if s.Has(FlagTxtime) {
			binary.NativeEndian.PutUint32(b[:], s.options().txClock)
			binary.NativeEndian.PutUint32(b[4:], s.options().txFlags)
		}
		return copy(val, b[:]), nil
	}
	return s.getMore(name, val)
}

// getMore reads the rest.
func (s *Sock) getMore(name int, val []byte) (int, error) {
	switch name {
	case uapi.SO_MAX_PACING_RATE:
		rate := s.PacingRate.Load()
		if len(val) >= 8 {
			return PutUint64(val, rate)
		}
		return PutInt(val, int(min(rate, math.MaxUint32)))
	case uapi.SO_MEMINFO:
		b := s.Meminfo()
		var out [36]byte
		for i, v := range b {
			binary.NativeEndian.PutUint32(out[4*i:], v)
		}
		return copy(val, out[:]), nil
	case uapi.SO_COOKIE:
		return PutUint64(val, s.id)
	case uapi.SO_NETNS_COOKIE:
		return PutUint64(val, s.net.ID())
	case uapi.SO_BUF_LOCK:
		return PutInt(val, s.bit(FlagSndBufLock)|s.bit(FlagRcvBufLock)<<1)
	case uapi.SO_BUSY_POLL:
		return PutInt(val, s.options().busyPoll)
	case uapi.SO_PREFER_BUSY_POLL:
		return PutInt(val, s.bit(FlagPreferBusy))
	case uapi.SO_ZEROCOPY:
		return PutInt(val, s.bit(FlagZerocopy))
	case uapi.SO_TXREHASH:
		if s.typ != uapi.SOCK_STREAM {
			return 0, errno.EOPNOTSUPP
		}
		return PutInt(val, int(s.txrehash))
	case uapi.SO_PEERCRED: // nobody: pid 0, uid and gid -1
		return copy(val, []byte{0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255}), nil
	case uapi.SO_PEERNAME:
		sa, err := s.self.Getpeername()
		if err != nil {
			return 0, err
		}
		if len(sa) < len(val) {
			return 0, errno.EINVAL
		}
		return copy(val, sa), nil
	case uapi.SO_PEERGROUPS, soPeerPidfd:
		return 0, errno.ENODATA
	case uapi.SO_BSDCOMPAT, uapi.SO_WIFI_STATUS, uapi.SO_NOFCS, uapi.SO_INCOMING_NAPI_ID, uapi.SO_RESERVE_MEM:
		return PutInt(val, 0)
	case uapi.SO_PASSCRED, uapi.SO_PASSSEC, soPassPidfd, soPassRights:
		return 0, errno.EOPNOTSUPP
	}
	return 0, errno.ENOPROTOOPT
}

func (s *Sock) bit(f Flag) int { return int(s.flags.Load() >> f & 1) }

// Meminfo returns the nine numbers of SO_MEMINFO and INET_DIAG_SKMEMINFO:
// rmem, rcvbuf, wmem, sndbuf, forward, queued, optmem, backlog, drops.
func (s *Sock) Meminfo() [9]uint32 {
	queued := int64(0)
	if s.proto != nil && s.proto.Queued != nil {
		queued = s.proto.Queued(s)
	}
	return [9]uint32{
		uint32(s.rmem.Load()), uint32(s.rcvbuf.Load()), uint32(s.wmem.Load()), uint32(s.sndbuf.Load()),
		0, uint32(queued), uint32(s.optionMemory()), uint32(s.BacklogLen()), s.drops.Load(),
	}
}

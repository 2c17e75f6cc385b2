package sock

import (
	"math"
	"sync/atomic"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/filter"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// Directions that are shut down (sk->sk_shutdown).
const (
	RcvShutdown  = 1
	SendShutdown = 2
	ShutdownMask = 3
)

// A Flag is a boolean option or state of a Sock (enum sock_flags).
type Flag uint

// The flags.
const (
	FlagDead         Flag = iota // closed
	FlagReuseAddr                // SO_REUSEADDR
	FlagReusePort                // SO_REUSEPORT
	FlagKeepalive                // SO_KEEPALIVE
	FlagOOBInline                // SO_OOBINLINE
	FlagBroadcast                // SO_BROADCAST
	FlagDontRoute                // SO_DONTROUTE
	FlagDebug                    // SO_DEBUG
	FlagNoCheck                  // SO_NO_CHECK: no UDP checksum
	FlagLinger                   // SO_LINGER is on
	FlagTimestamp                // SO_TIMESTAMP or SO_TIMESTAMPNS
	FlagTimestampNS              // it is the latter
	FlagTimestampNew             // the 64-bit form
	FlagRxqOvfl                  // SO_RXQ_OVFL
	FlagRcvMark                  // SO_RCVMARK
	FlagRcvPriority              // SO_RCVPRIORITY
	FlagPeekOff                  // SO_PEEK_OFF is set
	FlagSelectErr                // SO_SELECT_ERR_QUEUE
	FlagZerocopy                 // SO_ZEROCOPY
	FlagTxtime                   // SO_TXTIME
	FlagPreferBusy               // SO_PREFER_BUSY_POLL
	FlagLockFilter               // SO_LOCK_FILTER
	FlagPassCred                 // SO_PASSCRED
	FlagPassSec                  // SO_PASSSEC
	FlagPassPidfd                // SO_PASSPIDFD
	FlagSndBufLock               // SO_SNDBUF was set
	FlagRcvBufLock               // SO_RCVBUF was set
	FlagListening                // SO_ACCEPTCONN
	FlagNonagle                  // for protocols
	FlagTransparent              // IP_TRANSPARENT
)

// Sock is what sockets of every protocol share (struct sock). A protocol's
// socket embeds it, calls Init, and lets it do the SOL_SOCKET part.
type Sock struct {
	net      *netns.Net
	self     Socket
	proto    *Proto
	id       uint64
	family   uint16
	typ      uint16
	number   uint16 // IP protocol
	txrehash int8   // SO_TXREHASH

	owner  ownership
	queues queues
	rare   atomic.Pointer[rare] // nil before the first use
	filter atomic.Pointer[filter.Prog]
	flags  atomic.Uint64
	state  atomic.Uint32 // TCP_ESTABLISHED ...

	// Read on the data path, set under ownership.
	Mark       atomic.Uint32 // SO_MARK
	Priority   atomic.Uint32 // SO_PRIORITY
	BoundDev   atomic.Int32  // SO_BINDTODEVICE: ifindex or 0
	PacingRate atomic.Uint64 // SO_MAX_PACING_RATE, bytes a second; ^0: none
	TSFlags    atomic.Uint32 // SO_TIMESTAMPING: SOF_TIMESTAMPING_*
	rcvbuf     atomic.Int32  // bytes of truesize
	sndbuf     atomic.Int32
	rcvlowat   atomic.Int32
	shutdown   atomic.Uint32
	err        atomic.Int32 // the pending error
	softErr    atomic.Int32 // told only when the connection fails
	rmem       atomic.Int64 // truesize in the receive queue
	wmem       atomic.Int64 // truesize on its way out
	drops      atomic.Uint32
	peekOff    atomic.Int32
	incoming   atomic.Int32 // CPU that delivered last, -1
	// UID of the creator.
	UID uint32
	// WriteSpace is told when sent memory comes back (sk_write_space), or nil.
	WriteSpace func(c *kern.CPU)
	// RouteGen grows when a cached route must be looked up again because an
	// option changed (sk_dst_reset).
	RouteGen atomic.Uint32
}

// rxOwner and txOwner are a Sock as the one who is charged for packets.
type (
	rxOwner Sock
	txOwner Sock
)

// Init makes s a fresh socket of n that implements self. typ is SOCK_*,
// protocol the IP (or netlink) protocol; p is what /proc/net/protocols counts.
func (s *Sock) Init(who *Caller, n *netns.Net, self Socket, p *Proto, family, typ, protocol int) {
	st := Of(n)
	s.net, s.self, s.proto = n, self, p
	s.family, s.typ, s.number = uint16(family), uint16(typ), uint16(protocol)
	s.id = st.cookie.Add(1)
	s.rcvbuf.Store(int32(st.Sysctl.RmemDefault.Load()))
	s.sndbuf.Store(int32(st.Sysctl.WmemDefault.Load()))
	s.rcvlowat.Store(1)
	s.state.Store(uapi.TCP_CLOSE)
	s.PacingRate.Store(^uint64(0))
	s.incoming.Store(-1)
	s.peekOff.Store(-1)
	s.txrehash = int8(st.Sysctl.TxRehash.Load())
	if who != nil {
		s.UID = who.UID
	}
	if p != nil {
		p.inUse.Add(1)
	}
}

// firstInode is where made-up inode numbers begin.
const firstInode = 10000

// Base returns s; it makes whatever embeds a Sock satisfy Socket.
func (s *Sock) Base() *Sock { return s }

// Net returns the socket's namespace.
func (s *Sock) Net() *netns.Net { return s.net }

// Self returns the protocol's socket.
func (s *Sock) Self() Socket { return s.self }

// Family returns AF_*.
func (s *Sock) Family() int { return int(s.family) }

// Type returns SOCK_*.
func (s *Sock) Type() int { return int(s.typ) }

// Protocol returns SO_PROTOCOL.
func (s *Sock) Protocol() int { return int(s.number) }

// Cookie returns SO_COOKIE, unique in the namespace.
func (s *Sock) Cookie() uint64 { return s.id }

// INode returns the number that /proc and sock_diag show.
func (s *Sock) INode() uint64 {
	if r := s.rare.Load(); r != nil {
		if n := r.inode.Load(); n != 0 {
			return n
		}
	}
	return firstInode + s.id
}

// SetINode makes the number that of the program's descriptor, by which ss finds
// the process (socket:[n] in /proc/pid/fd).
func (s *Sock) SetINode(n uint64) { s.extra().inode.Store(n) }

// State returns the TCP state number that sock_diag and /proc show.
func (s *Sock) State() uint32 { return s.state.Load() }

// SetState sets State.
func (s *Sock) SetState(v uint32) { s.state.Store(v) }

// Has reports whether a flag is set.
func (s *Sock) Has(f Flag) bool { return s.flags.Load()>>f&1 != 0 }

// Set sets or clears a flag.
func (s *Sock) Set(f Flag, on bool) {
	if on {
		s.flags.Or(1 << f)
	} else {
		s.flags.And(^(uint64(1) << f))
	}
}

// RcvBuf returns the receive buffer's size in bytes of truesize.
func (s *Sock) RcvBuf() int64 { return int64(s.rcvbuf.Load()) }

// SndBuf returns the send buffer's size in bytes of truesize.
func (s *Sock) SndBuf() int64 { return int64(s.sndbuf.Load()) }

// SetRcvBuf sets the receive buffer's size, for autotuning.
func (s *Sock) SetRcvBuf(n int64) { s.rcvbuf.Store(int32(min(n, math.MaxInt32))) }

// SetSndBuf sets the send buffer's size, for autotuning.
func (s *Sock) SetSndBuf(n int64) { s.sndbuf.Store(int32(min(n, math.MaxInt32))) }

// RcvLowat returns SO_RCVLOWAT, at least 1.
func (s *Sock) RcvLowat() int { return int(s.rcvlowat.Load()) }

// LimitRcvLowat lowers SO_RCVLOWAT to limit bytes if it is higher.
func (s *Sock) LimitRcvLowat(limit int64) {
	s.rcvlowat.Store(int32(min(int64(s.rcvlowat.Load()), max(limit, 1))))
}

// RmemAlloc returns the truesize held in the receive queue.
func (s *Sock) RmemAlloc() int64 { return s.rmem.Load() }

// WmemAlloc returns the truesize on its way out.
func (s *Sock) WmemAlloc() int64 { return s.wmem.Load() }

// Shut returns the directions that are shut down.
func (s *Sock) Shut() uint32 { return s.shutdown.Load() }

// SetShut shuts directions down; it only adds.
func (s *Sock) SetShut(how uint32) { s.shutdown.Or(how) }

// ClearShut opens both directions again (a reconnect).
func (s *Sock) ClearShut() { s.shutdown.Store(0) }

// Drops returns how many packets the receive queue refused (sk_drops).
func (s *Sock) Drops() uint32 { return s.drops.Load() }

// Dropped counts a packet that was meant for the socket.
func (s *Sock) Dropped() { s.drops.Add(1) }

// IncomingCPU returns the CPU that delivered last to a connected socket, or the
// one that SO_INCOMING_CPU named; -1 before.
func (s *Sock) IncomingCPU() int { return int(s.incoming.Load()) }

// Arrived notes the CPU on which a packet for the socket, a connected one, came
// (sk_incoming_cpu_update).
func (s *Sock) Arrived(c *kern.CPU) {
	if id := int32(c.ID()); s.incoming.Load() != id {
		s.incoming.Store(id)
	}
}

// PeekOffset returns where the next look begins, of a program that set
// SO_PEEK_OFF; 0 for others, whose moves is false.
func (s *Sock) PeekOffset() (off int, moves bool) {
	v := s.peekOff.Load()
	return int(max(v, 0)), v >= 0
}

// MovePeekOffset moves SO_PEEK_OFF, where it is set, by the bytes that were
// looked at, or back by those that were read.
func (s *Sock) MovePeekOffset(n int) {
	if v := s.peekOff.Load(); v >= 0 {
		s.peekOff.Store(max(v+int32(n), 0))
	}
}

// TxtimeFlags returns SO_TXTIME's clock and flags; FlagTxtime says whether it
// is on.
func (s *Sock) TxtimeFlags() (clock, flags uint32) {
	o := s.options()
	return o.txClock, o.txFlags
}

// LingerUntil returns when a blocking close gives up at the latest, 0 when
// close does not wait (SO_LINGER off, or zero seconds).
func (s *Sock) LingerUntil() ktime.T {
	if !s.Has(FlagLinger) || s.options().linger <= 0 {
		return 0
	}
	return s.net.Kernel().Now().Add(s.options().linger)
}

// LingerZero reports SO_LINGER with zero seconds: close resets.
func (s *Sock) LingerZero() bool { return s.Has(FlagLinger) && s.options().linger == 0 }

// SockOf returns the socket attached to b, or nil (skb->sk).
func SockOf(b *skb.Buff) *Sock {
	if s, ok := b.Sock.(Socket); ok {
		return s.Base()
	}
	return nil
}

// End marks s closed: it is counted out, and its queues are emptied. Protocols
// call it last in Close, off every CPU. It reports whether it was open.
func (s *Sock) End() bool {
	gone, was := s.end()
	if len(gone) > 0 {
		c := s.net.Kernel().Enter(kern.Any)
		consume(c, gone)
		c.Exit()
	}
	if was {
		s.notifyUser(uapi.POLLHUP)
	}
	return was
}

// EndOn is End on a CPU.
func (s *Sock) EndOn(c *kern.CPU) bool {
	gone, was := s.end()
	consume(c, gone)
	if was {
		s.Notify(c, uapi.POLLHUP)
	}
	return was
}

// end counts s out and returns what its queues held; was: it was open.
func (s *Sock) end() (gone []*skb.Buff, was bool) {
	if s.flags.Or(1<<FlagDead)&(1<<FlagDead) != 0 {
		return nil, false
	}
	if s.proto != nil {
		s.proto.inUse.Add(-1)
	}
	return s.purge(), true
}

func consume(c *kern.CPU, list []*skb.Buff) {
	for _, b := range list {
		b.Consume(c)
	}
}

package sock

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
)

// A Proto is one line of /proc/net/protocols and the calls that ownership
// makes (struct proto). Each namespace has its own.
type Proto struct {
	// Name is the protocol's name there: "UDP", "TCP", "RAW", "PING".
	Name string
	// Size is the object size shown, bytes, as the 6.18 kernel's.
	Size int
	// Memory says that the protocol counts its memory, in pages, with the
	// function; nil shows -1.
	Memory func() int64
	// Pressure reports whether the protocol is under memory pressure; nil shows
	// NI.
	Pressure func() bool
	// MaxHeader is the header room shown.
	MaxHeader int
	// NoSlab shows that the objects have no cache of their own.
	NoSlab bool
	// Has are the letters of the last columns, in /proc order: close connect
	// disconnect accept ioctl init destroy shutdown setsockopt getsockopt
	// sendmsg recvmsg bind backlog_rcv hash unhash get_port
	// enter_memory_pressure; "y" and "n".
	Has string
	// Backlog processes a packet that was left for the owner.
	Backlog func(c *kern.CPU, s *Sock, b *skb.Buff)
	// NeedRelease and Release, when set, run deferred work as ownership ends:
	// Release on a CPU under Slock when NeedRelease, which is called under it
	// too, says so.
	NeedRelease func(s *Sock) bool
	Release     func(c *kern.CPU, s *Sock)
	// Queued is the truesize queued but not on its way (sk_wmem_queued), or nil.
	Queued func(s *Sock) int64
	// PeekOff says that SO_PEEK_OFF works.
	PeekOff bool
	// Rehash is called when the bound device changed, or nil.
	Rehash func(s *Sock)
	// Sockstat gives the rest of the protocol's line of /proc/net/sockstat
	// ("mem 3"), or nil.
	Sockstat func() string
	// Hashed counts the sockets that can be found by a packet, which is what
	// sockstat and protocols show (sock_prot_inuse_get); nil: all of them.
	Hashed func() int64

	// CountMem adds up what the receive queues of all sockets hold, for Used.
	CountMem bool

	inUse atomic.Int64
	mem   atomic.Int64
}

// Used returns the truesize in the receive queues of p's sockets, in bytes, with
// CountMem.
func (p *Proto) Used() int64 { return p.mem.Load() }

// InUse returns how many sockets of p there are.
func (p *Proto) InUse() int64 { return p.inUse.Load() }

// shown is the number of sockets that /proc shows.
func (p *Proto) shown() int64 {
	if p.Hashed != nil {
		return p.Hashed()
	}
	return p.InUse()
}

// AddProto lists p in n's /proc/net/protocols.
func AddProto(n *netns.Net, p *Proto) {
	st := Of(n)
	st.protos.Lock()
	defer st.protos.Unlock()
	st.protos.list = append(st.protos.list, p)
}

package sock

import (
	"sync"
	"sync/atomic"

	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Family makes the sockets of one address family (struct net_proto_family).
type Family struct {
	// Name is what /proc and messages call it.
	Name string
	// Create makes a socket; typ is without SOCK_NONBLOCK and SOCK_CLOEXEC.
	Create func(who *Caller, n *netns.Net, typ, protocol int) (Socket, error)
}

// maxFamily is AF_MAX, and maxType the bound of socket types.
const (
	maxFamily = 46
	maxType   = 11
	typeMask  = 0xf // SOCK_TYPE_MASK
)

// State is a namespace's socket layer.
type State struct {
	net      *netns.Net
	families [maxFamily]atomic.Pointer[Family]
	protos   struct {
		sync.Mutex
		list []*Proto
	}
	Sysctl   Sysctl // net.core settings
	fragStat func() (queues int, memory int64)
	cookie   atomic.Uint64
}

var key = netns.NewKey[State]("sock")

// Of returns n's socket layer.
func Of(n *netns.Net) *State { return key.Of(n) }

// Register makes f the family of that number in n.
func Register(n *netns.Net, family int, f *Family) { Of(n).families[family].Store(f) }

// Create makes a socket in n (socket(2)). typ may carry SOCK_NONBLOCK and
// SOCK_CLOEXEC, which the caller's descriptor handles. Errors: EAFNOSUPPORT,
// EINVAL, and what the family answers: ESOCKTNOSUPPORT, EPROTONOSUPPORT, EPERM,
// EACCES.
func Create(who *Caller, n *netns.Net, family, typ, protocol int) (Socket, error) {
	if typ&^(typeMask|uapi.SOCK_NONBLOCK|uapi.SOCK_CLOEXEC) != 0 {
		return nil, errno.EINVAL
	}
	typ &= typeMask
	if family < 0 || family >= maxFamily {
		return nil, errno.EAFNOSUPPORT
	}
	if typ >= maxType {
		return nil, errno.EINVAL
	}
	// The old way to open a packet socket: socket(AF_INET, SOCK_PACKET, ...).
	if family == uapi.AF_INET && typ == uapi.SOCK_PACKET {
		family = uapi.AF_PACKET
	}
	f := Of(n).families[family].Load()
	if f == nil {
		return nil, errno.EAFNOSUPPORT
	}
	return f.Create(who, n, typ, protocol)
}

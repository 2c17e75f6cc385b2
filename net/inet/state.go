package inet

import (
	"sync"
	"sync/atomic"

	"linen/net/netns"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
)

// State is a namespace's inet layer.
type State struct {
	net *netns.Net
	// IP is the network layer below.
	IP IPLayer

	protos struct {
		sync.Mutex
		list []*ProtoSW
	}
	groups     sync.Mutex // of SO_REUSEPORT
	reserved   atomic.Pointer[portSet]
	portRange  *sysctl.List // ip_local_port_range
	unprivPort *sysctl.Int  // ip_unprivileged_port_start
	maxMember  *sysctl.Int  // igmp_max_memberships
	maxMSF     *sysctl.Int  // igmp_max_msf
	secret     uint64       // of hashes
}

var key = netns.NewKey[State]("inet")

// Of returns n's inet state.
func Of(n *netns.Net) *State { return key.Of(n) }

// Pernet makes a namespace's inet layer and registers AF_INET.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*State, error) {
		st := &State{net: n, secret: n.Kernel().Uint64()}
		st.IP = ipv4Layer()
		st.registerSysctls(sysctl.Of(n))
		sock.SetFragStat(n, func() (int, int64) {
			if st.IP.FragStat == nil {
				return 0, 0
			}
			return st.IP.FragStat(n)
		})
		sock.Register(n, uapi.AF_INET, &sock.Family{Name: "INET", Create: st.create})
		return st, nil
	}, nil)
}

// DefaultTTL returns the time to live of packets whose socket says nothing.
func (st *State) DefaultTTL() int { return st.IP.DefaultTTL(st.net) }

func (st *State) registerSysctls(t *sysctl.Tree) {
	st.portRange = t.List64("net/ipv4/ip_local_port_range", sysctl.Spec{Min: 1, Max: 65535, Ranged: true}, []int64{32768, 60999}, nil)
	st.unprivPort = t.Int("net/ipv4/ip_unprivileged_port_start", sysctl.Spec{Default: 1024, Min: 0, Max: 65535, Ranged: true})
	st.maxMember = t.Int("net/ipv4/igmp_max_memberships", sysctl.Spec{Default: 20})
	st.maxMSF = t.Int("net/ipv4/igmp_max_msf", sysctl.Spec{Default: 10})
	st.registerReserved(t)
}

// PortRange returns net.ipv4.ip_local_port_range.
func (st *State) PortRange() (lo, hi int) {
	return int(st.portRange.Load(0)), int(st.portRange.Load(1))
}

// Hash mixes a local address, a peer and ports with the namespace's secret.
func (st *State) Hash(laddr uint32, lport uint16, raddr uint32, rport uint16) uint32 {
	x := st.secret ^ (uint64(laddr)<<32 | uint64(raddr))
	x ^= (uint64(lport)<<16 | uint64(rport)) * 0x9e3779b97f4a7c15
	x ^= x >> 31
	x *= 0xbf58476d1ce4e5b9 // splitmix64's finisher
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return uint32(x ^ x>>31)
}

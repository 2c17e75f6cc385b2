package inet

import (
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
)

// A Header is what a transport asks of IPv4 for one packet.
type Header struct {
	Saddr, Daddr uint32
	Proto        uint8
	TOS          uint8
	TTL          uint8 // 0: the default
	PMTUDisc     int8  // IP_PMTUDISC_*
	NoDefrag     bool
	GSOSize      uint16 // UDP_SEGMENT
	NoLoop       bool   // no copy of multicast for ourselves
	Mark         uint32
	Priority     uint32
	Sock         *Sock
	Options      []byte // IP options to send, padded to 4 bytes, or nil
}

// IPLayer is what sockets need of IPv4. Pernet fills it from net/ipv4; tests of
// this layer alone put a small network there.
type IPLayer struct {
	// RouteOutput, Valid, MTU and AddrType are those of net/ipv4.
	RouteOutput func(c *kern.CPU, n *netns.Net, f *ipv4.Flow) (*ipv4.Route, error)
	Valid       func(rt *ipv4.Route, now ktime.T) bool
	MTU         func(rt *ipv4.Route) int
	AddrType    func(n *netns.Net, addr uint32) uint8
	// Send puts the header h in front of b, whose data is the whole datagram
	// from the transport header on, and sends it by rt; b is gone. EMSGSIZE,
	// EPERM (netfilter), ENOBUFS.
	Send func(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, h Header) error
	// SendRaw sends b, which begins with an IP header (IP_HDRINCL); b is gone.
	SendRaw func(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, h Header) error
	// AddProtocol makes recv get received packets of a protocol, at their
	// transport header, and fail the ICMP errors about those sent.
	AddProtocol func(n *netns.Net, proto uint8, recv func(c *kern.CPU, b *skb.Buff), fail func(c *kern.CPU, b *skb.Buff, e ICMPErr))
	// SetRaw gives raw sockets every packet for this host, before its
	// protocol, and every ICMP error; the packets stay IP's. SetPing gives
	// ping sockets the echo replies, at the ICMP header.
	SetRaw  func(n *netns.Net, recv func(c *kern.CPU, b *skb.Buff, proto uint8) bool, fail func(c *kern.CPU, b *skb.Buff, proto uint8, e ICMPErr))
	SetPing func(n *netns.Net, recv func(c *kern.CPU, b *skb.Buff) bool, fail func(c *kern.CPU, b *skb.Buff, e ICMPErr))
	// UpdatePMTU and Redirect act on an ICMP error about b.
	UpdatePMTU func(c *kern.CPU, n *netns.Net, b *skb.Buff, mtu uint32)
	Redirect   func(c *kern.CPU, n *netns.Net, b *skb.Buff, gateway uint32)
	// Member tells the device by index to listen to a group: mode and sources
	// as the kernel's ip_mc_add_src. nil: no multicast.
	Member func(n *netns.Net, index int, group uint32, old, new Filter) error
	// DevByAddr returns the index of the device that has an address, or 0; nil
	// finds none. Device returns the device by index, or nil.
	DevByAddr func(n *netns.Net, addr uint32) int
	Device    func(n *netns.Net, index int) skb.Device
	// DefaultTTL is net.ipv4.ip_default_ttl; nil: 64.
	DefaultTTL func(n *netns.Net) uint8
	// Ioctl does the ioctls of devices, addresses and routes; nil: ENOTTY.
	Ioctl func(n *netns.Net, who *sock.Caller, cmd uint32, arg []byte) error
	// Unreachable answers b with ICMP port unreachable; b stays the caller's.
	Unreachable func(c *kern.CPU, b *skb.Buff)
}

// State is a namespace's inet layer.
type State struct {
	net *netns.Net
	// IP is the network layer below.
	IP IPLayer

	protos struct {
		sync.Mutex
		list []*ProtoSW
	}
	reserved   atomic.Pointer[portSet]
	portRange  *sysctl.List // ip_local_port_range
	unprivPort *sysctl.Int  // ip_unprivileged_port_start
	nonlocal   *sysctl.Int  // ip_nonlocal_bind
	noPMTUDisc *sysctl.Int  // ip_no_pmtu_disc
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
		st.IP = defaultLayer()
		st.registerSysctls(sysctl.Of(n))
		sock.Register(n, uapi.AF_INET, &sock.Family{Name: "INET", Create: st.create})
		return st, nil
	}, nil)
}

// defaultLayer is net/ipv4.
func defaultLayer() IPLayer {
	return IPLayer{
		RouteOutput: ipv4.RouteOutput,
		Valid:       (*ipv4.Route).Valid,
		MTU:         (*ipv4.Route).MTU,
		AddrType:    ipv4.AddrType,
		Device: func(n *netns.Net, index int) skb.Device {
			if d := dev.ByIndex(n, index); d != nil {
				return d
			}
			return nil
		},
	}
}

// defaultTTL is IPDEFTTL.
const defaultTTL = 64

// DefaultTTL returns the time to live of packets whose socket says nothing.
func (st *State) DefaultTTL() uint8 {
	if st.IP.DefaultTTL == nil {
		return defaultTTL
	}
	return st.IP.DefaultTTL(st.net)
}

func (st *State) registerSysctls(t *sysctl.Tree) {
	st.portRange = t.List64("net/ipv4/ip_local_port_range", sysctl.Spec{Min: 1, Max: 65535, Ranged: true}, []int64{32768, 60999}, nil)
	st.unprivPort = t.Int("net/ipv4/ip_unprivileged_port_start", sysctl.Spec{Default: 1024, Min: 0, Max: 65535, Ranged: true})
	st.nonlocal = t.Int("net/ipv4/ip_nonlocal_bind", sysctl.Spec{Unit: sysctl.Byte, Min: 0, Max: 1, Ranged: true})
	st.noPMTUDisc = t.Int("net/ipv4/ip_no_pmtu_disc", sysctl.Spec{Unit: sysctl.Byte, Min: 0, Max: 3, Ranged: true})
	st.maxMember = t.Int("net/ipv4/igmp_max_memberships", sysctl.Spec{Default: 20})
	st.maxMSF = t.Int("net/ipv4/igmp_max_msf", sysctl.Spec{Default: 10})
	st.registerReserved(t)
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

package inet

import (
	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi/errno"
	"linen/wire"
)

// A Header is what a transport asks of IPv4 for one packet.
type Header struct {
	Saddr, Daddr uint32
	Proto        uint8
	TOS          uint8
	TTL          uint8 // 0: the default, if not NoTTL
	NoTTL        bool  // the TTL is 0: the packet stays on this host (RFC 1112 §6.1)
	PMTUDisc     uint8 // IP_PMTUDISC_*
	NoLoop       bool  // no copy of multicast for ourselves
	GSOSize      uint16
	Options      *ipv4.Options
	Mark         uint32
	Priority     uint32
	Sock         *Sock
}

// IPLayer is what sockets need of IPv4. Pernet fills it from net/ipv4; tests of
// sockets alone put a small network there (test/ipwire).
type IPLayer struct {
	// RouteOutput, Valid, MTU and AddrType are those of net/ipv4.
	RouteOutput func(c *kern.CPU, n *netns.Net, f *ipv4.Flow) (*ipv4.Route, error)
	Valid       func(rt *ipv4.Route, now ktime.T) bool
	MTU         func(rt *ipv4.Route) int
	AddrType    func(n *netns.Net, device int, addr uint32) uint8
	// Send puts the header h in front of b, whose data is the whole datagram
	// from the transport header on, and sends it by rt; b is gone. EMSGSIZE,
	// EPERM (netfilter), ENOBUFS.
	Send func(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, h Header) error
	// SendRaw sends b, which begins with an IP header (IP_HDRINCL); b is gone.
	SendRaw func(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, h Header) error
	// AddProtocol makes recv get received packets of a protocol, at their
	// transport header, and fail the ICMP errors about those sent.
	AddProtocol func(n *netns.Net, proto uint8, recv func(c *kern.CPU, b *skb.Buff), fail func(c *kern.CPU, b *skb.Buff, e ICMPErr)) error
	// SetEarlyDemux gives a protocol that was added the say about packets before
	// they are routed: see ipv4.Protocol; nil: it has none.
	SetEarlyDemux func(n *netns.Net, proto uint8, f func(c *kern.CPU, b *skb.Buff))
	// SetRaw gives raw sockets every packet for this host, before its
	// protocol, and every ICMP error; the packets stay IP's. SetPing gives
	// ping sockets the echo replies, at the ICMP header.
	SetRaw  func(n *netns.Net, recv func(c *kern.CPU, b *skb.Buff, proto uint8) bool, fail func(c *kern.CPU, b *skb.Buff, proto uint8, e ICMPErr))
	SetPing func(n *netns.Net, recv func(c *kern.CPU, b *skb.Buff) bool, fail func(c *kern.CPU, b *skb.Buff, e ICMPErr))
	// SetRouterAlert gives sockets with IP_ROUTER_ALERT the whole packets that
	// wants chooses, at the IP header, instead of forwarding them; nil: never.
	SetRouterAlert func(n *netns.Net, wants func(proto uint8, iif int) bool, take func(c *kern.CPU, b *skb.Buff) bool)
	// Confirm notes that rt's next hop to daddr was heard of (MSG_CONFIRM);
	// nil: nothing.
	Confirm func(c *kern.CPU, rt *ipv4.Route, daddr uint32)
	// Learn acts on the ICMP errors "fragmentation needed" and redirect about
	// b, a packet that a socket has sent; nil: nothing.
	Learn func(c *kern.CPU, n *netns.Net, b *skb.Buff, e ICMPErr)
	// Join makes a socket a member of a group on the device by index; the
	// caller holds the RTNL.
	Join func(n *netns.Net, index int, group uint32, f Filter) (Member, error)
	// FragStat is the FRAG line of /proc/net/sockstat, or nil.
	FragStat func(n *netns.Net) (queues int, bytes int64)
	// DevByAddr returns the index of the device that has an address, or 0; nil
	// finds none. Device returns the device by index, or nil.
	DevByAddr func(n *netns.Net, addr uint32) int
	Device    func(n *netns.Net, index int) skb.Device
	// DefaultTTL, NoPMTUDisc and Nonlocal are settings of net.ipv4.
	DefaultTTL func(n *netns.Net) int
	NoPMTUDisc func(n *netns.Net) int
	Nonlocal   func(n *netns.Net) bool
	// Ioctl does the ioctls of devices, addresses and routes.
	Ioctl func(n *netns.Net, who *sock.Caller, cmd uint32, arg []byte) error
	// SetCongestion makes known say which congestion control algorithms routes may
	// name.
	SetCongestion func(n *netns.Net, known func(name string) bool)
	// SetUDPGRO makes f say which received datagrams are merged; nil: none are.
	SetUDPGRO func(n *netns.Net, f dev.UDPFinder)
	// Unreachable answers b with ICMP port unreachable; b stays the caller's.
	Unreachable func(c *kern.CPU, b *skb.Buff)
}

// A Member is a socket's part in a group on a device. The caller holds the
// RTNL.
type Member interface {
	SetFilter(mode uint8, sources []uint32)
	Leave()
}

// ipv4Layer is net/ipv4.
func ipv4Layer() IPLayer {
	return IPLayer{
		RouteOutput:    ipv4.RouteOutput,
		Valid:          (*ipv4.Route).Valid,
		MTU:            (*ipv4.Route).MTU,
		AddrType:       ipv4.AddrTypeIn,
		Send:           sendIPv4,
		SendRaw:        sendRawIPv4,
		AddProtocol:    addProtocol,
		SetRaw:         setRaw,
		SetPing:        setPing,
		Learn:          learn,
		SetRouterAlert: ipv4.SetRouterAlert,
		Confirm:        ipv4.ConfirmNeigh,
		Join:           joinIPv4,
		FragStat:       ipv4.FragMemory,
		Device:         deviceByIndex,
		DevByAddr:      deviceByAddr,
		DefaultTTL:     ipv4.DefaultTTLOf,
		NoPMTUDisc:     ipv4.NoPMTUDisc,
		Nonlocal:       ipv4.NonlocalBind,
		Ioctl:          networkIoctl,
		SetCongestion:  ipv4.SetCongestion,
		SetUDPGRO:      dev.SetUDPGRO,
		SetEarlyDemux:  ipv4.SetEarlyDemux,
		Unreachable: func(c *kern.CPU, b *skb.Buff) {
			ipv4.ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPPortUnreach, 0)
		},
	}
}

// toSend turns a Header into what IPv4 takes.
func (h *Header) toSend(rt *ipv4.Route) ipv4.Send {
	s := ipv4.Send{
		Route: rt, Src: h.Saddr, Dst: h.Daddr, Proto: h.Proto, TOS: h.TOS, TTL: int(h.TTL), PMTU: h.PMTUDisc,
		Options: h.Options, Mark: h.Mark, Priority: h.Priority, GSOSize: h.GSOSize,
	}
	if h.TTL == 0 && !h.NoTTL {
		s.TTL = ipv4.DefaultTTL
	}
	if h.Sock != nil && h.Sock.Daddr.Load() != 0 {
		s.ID = &h.Sock.IPID
	}
	return s
}

func sendIPv4(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, h Header) error {
	s := h.toSend(rt)
	err := s.Xmit(c, b)
	if err == errno.EPERM {
		mib.Inc(c, rt.Dev.Net(), mib.IPOutDiscards) // ip_send_skb
	}
	return err
}

func sendRawIPv4(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, h Header) error {
	s := h.toSend(rt)
	err := s.XmitRaw(c, b)
	if err == errno.EPERM {
		mib.Inc(c, rt.Dev.Net(), mib.IPOutDiscards)
	}
	return err
}

// errOf adds the offender to an error as IPv4 reports it.
func errOf(b *skb.Buff, e ipv4.ICMPErr) ICMPErr {
	o := ICMPErr{Type: e.Type, Code: e.Code, Info: e.Info}
	if h, ok := wire.AsIPv4(b.Network()); ok {
		o.Offender = h.Saddr()
	}
	return o
}

func addProtocol(n *netns.Net, proto uint8, recv func(*kern.CPU, *skb.Buff), fail func(*kern.CPU, *skb.Buff, ICMPErr)) error {
	return ipv4.AddProtocol(n, proto, &ipv4.Protocol{
		Recv: recv,
		Err:  func(c *kern.CPU, b *skb.Buff, e ipv4.ICMPErr) { fail(c, b, errOf(b, e)) },
	})
}

func setRaw(n *netns.Net, recv func(*kern.CPU, *skb.Buff, uint8) bool, fail func(*kern.CPU, *skb.Buff, uint8, ICMPErr)) {
	ipv4.SetRawDeliver(n, recv)
	ipv4.SetRawErr(n, func(c *kern.CPU, b *skb.Buff, proto uint8, e ipv4.ICMPErr) { fail(c, b, proto, errOf(b, e)) })
}

func setPing(n *netns.Net, recv func(*kern.CPU, *skb.Buff) bool, fail func(*kern.CPU, *skb.Buff, ICMPErr)) {
	ipv4.SetPing(n, recv, func(c *kern.CPU, b *skb.Buff, e ipv4.ICMPErr) { fail(c, b, errOf(b, e)) })
}

// learn lets the route of a packet that a socket sent follow an ICMP error.
func learn(c *kern.CPU, n *netns.Net, b *skb.Buff, e ICMPErr) {
	switch {
	case e.Type == wire.ICMPDestUnreach && e.Code == wire.ICMPFragNeeded:
		ipv4.PMTUFromICMP(c, n, b, int(e.Info))
	case e.Type == wire.ICMPRedirect:
		ipv4.RedirectFromICMP(c, n, b, e.Info)
	}
}

func joinIPv4(n *netns.Net, index int, group uint32, f Filter) (Member, error) {
	d := dev.ByIndex(n, index)
	if d == nil {
		return nil, errno.ENODEV
	}
	m, err := ipv4.JoinGroup(d, group, uint8(f.mode()), f.Sources)
	if err != nil {
		return nil, err // not a nil *Membership in an interface
	}
	return m, nil
}

func deviceByIndex(n *netns.Net, index int) skb.Device {
	if d := dev.ByIndex(n, index); d != nil {
		return d
	}
	return nil
}

// deviceByAddr returns the index of the device that has an address.
func deviceByAddr(n *netns.Net, addr uint32) int {
	for _, d := range dev.List(n) {
		in := ipv4.InDev(d)
		if in == nil {
			continue
		}
		for _, a := range in.Addrs() {
			if a.Local == addr {
				return d.Ifindex()
			}
		}
	}
	return 0
}

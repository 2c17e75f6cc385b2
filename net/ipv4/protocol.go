package ipv4

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi/errno"
)

// A Protocol is what a transport registers for its IP protocol number
// (struct net_protocol).
type Protocol struct {
	// Recv takes a packet for this host. Its data begin at the transport
	// header; b.Network is its IP header and b.IP its options. It owns b.
	Recv func(c *kern.CPU, b *skb.Buff)
	// Err is told of an ICMP error about a packet that this host sent; nil:
	// not interested. The data of b begin at the quoted IP header, which is
	// linear with eight bytes behind it; b.Transport is the ICMP header and
	// b.Network the header that it came in, from the offender. b stays the
	// caller's.
	Err func(c *kern.CPU, b *skb.Buff, e ICMPErr)
	// EarlyDemux may attach the packet's socket and its route before the
	// lookup of a route (net.ipv4.ip_early_demux); may be nil. b.Transport is
	// the transport header, which need not be linear.
	EarlyDemux func(c *kern.CPU, b *skb.Buff)
	// ICMPStrict says that Err checks the quoted packet so well that
	// fragmentation needed may be believed with ip_no_pmtu_disc=3.
	ICMPStrict bool
}

// An ICMPErr is the error that an ICMP message reports.
type ICMPErr struct {
	Type, Code uint8
	Info       uint32      // the path MTU of "fragmentation needed", else the second word of the message
	Errno      errno.Errno // what a socket is told
	Fatal      bool        // a hard error: RFC 1122 §4.2.3.9
}

// upcalls are the tables that the layers above fill.
type upcalls struct {
	protos      [256]atomic.Pointer[Protocol]
	rawDeliver  atomic.Pointer[func(c *kern.CPU, b *skb.Buff, proto uint8) bool]
	rawErr      atomic.Pointer[func(c *kern.CPU, b *skb.Buff, proto uint8, e ICMPErr)]
	pingRecv    atomic.Pointer[func(c *kern.CPU, b *skb.Buff) bool]
	pingErr     atomic.Pointer[func(c *kern.CPU, b *skb.Buff, e ICMPErr)]
	routerAlert atomic.Pointer[routerAlert]
}

// AddProtocol registers p for the IP protocol num in n, at the init of the
// transport. EEXIST: it is taken.
func AddProtocol(n *netns.Net, num uint8, p *Protocol) error {
	if !of(n).path.protos[num].CompareAndSwap(nil, p) {
		return errno.EEXIST
	}
	return nil
}

// SetEarlyDemux gives the protocol num, which is registered, its EarlyDemux, at
// the init of the transport.
func SetEarlyDemux(n *netns.Net, num uint8, f func(c *kern.CPU, b *skb.Buff)) {
	at := &of(n).path.protos[num]
	p := *at.Load()
	p.EarlyDemux = f
	at.Store(&p)
}

// DelProtocol takes back what AddProtocol registered.
func DelProtocol(n *netns.Net, num uint8) { of(n).path.protos[num].Store(nil) }

// SetRawDeliver installs the raw sockets' receiver: it is shown every packet
// for this host before its protocol, with data at the transport header, and
// reports whether a socket took a copy; b stays the caller's.
func SetRawDeliver(n *netns.Net, f func(c *kern.CPU, b *skb.Buff, proto uint8) bool) {
	of(n).path.rawDeliver.Store(&f)
}

// SetRawErr installs the raw sockets' receiver of ICMP errors, with b as
// Protocol.Err gets it.
func SetRawErr(n *netns.Net, f func(c *kern.CPU, b *skb.Buff, proto uint8, e ICMPErr)) {
	of(n).path.rawErr.Store(&f)
}

// SetPing installs the ping sockets. recv is given echo replies, data at the
// ICMP header, and reports whether it took b; err is given errors about what
// they sent, as Protocol.Err.
func SetPing(n *netns.Net, recv func(c *kern.CPU, b *skb.Buff) bool, err func(c *kern.CPU, b *skb.Buff, e ICMPErr)) {
	of(n).path.pingRecv.Store(&recv)
	of(n).path.pingErr.Store(&err)
}

// routerAlert is where packets with the router alert option go.
type routerAlert struct {
	wants func(proto uint8, iif int) bool
	take  func(c *kern.CPU, b *skb.Buff) bool
}

// SetRouterAlert installs the sockets with IP_ROUTER_ALERT. wants is asked
// about packets with that option that would be forwarded; take is given them
// whole, data at the IP header, and reports whether it took b.
func SetRouterAlert(n *netns.Net, wants func(proto uint8, iif int) bool, take func(c *kern.CPU, b *skb.Buff) bool) {
	of(n).path.routerAlert.Store(&routerAlert{wants, take})
}

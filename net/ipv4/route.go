package ipv4

import (
	"sync/atomic"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dst"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi/errno"
)

// Flags of a Route (RTCF_*, linux/in_route.h).
const (
	RTCFNotify     = 0x00010000
	RTCFDoRedirect = 0x00040000
	RTCFBroadcast  = 0x10000000
	RTCFMulticast  = 0x20000000
	RTCFLocal      = 0x80000000
)

// A Route is the way of packets through this host: what skb.Buff.Dst holds for
// IPv4 (struct rtable). It never changes once made and is shared by all
// packets that go the same way; it names no destination.
type Route struct {
	st       *state
	Dev      skb.Device   // a *dev.Device: the device it leaves by; loopback for what is ours
	Type     uint8        // RTN_*
	Flags    uint32       // RTCF*
	GwFamily uint8        // AF_INET or AF_INET6 when there is a gateway, else 0
	Gateway  uint32       // the IPv4 gateway; 0: the destination is on the link
	Gateway6 [16]byte     // the IPv6 gateway (RFC 5549)
	Iif      int          // output routes: the OIF that was asked for
	Err      errno.Errno  // input: why it is refused; the answer of inputError
	Metrics  *dst.Metrics // of the route, or nil
	pmtu     uint32       // learned path MTU, or 0
	pmtuLock bool         // the path MTU is below min_pmtu: fragment (mtu lock)
	redirect bool         // learned from a redirect
	expires  ktime.T      // of an exception, 0: never
	gen      uint32
	in, out  way
	nh       *nextHop // nil: none (broadcast, error, on-link by device)
}

// way says which function of the data path a route leads to.
type way uint8

const (
	wayNone way = iota
	wayDeliver
	wayForward
	wayError
	wayMulticast
	wayOutput
	wayMcOutput
)

// nextHop is one next hop of a route.
type nextHop struct {
	in, out atomic.Pointer[Route]
}

// RouteOf returns b's IPv4 route, or nil.
func RouteOf(b *skb.Buff) *Route {
	rt, _ := b.Dst.(*Route)
	return rt
}

// Valid reports whether rt may still be used: sockets keep routes and look
// before each use (dst_check).
func (rt *Route) Valid(now ktime.T) bool {
	return rt.gen == rt.st.gen.Load() && (rt.expires == 0 || now < rt.expires)
}

// MTU returns the largest packet that may leave by rt, in bytes.
func (rt *Route) MTU() int { return 0 }

// NextHop returns whom the neighbour of a packet to daddr is: the gateway, or
// daddr itself.
func (rt *Route) NextHop(daddr uint32) uint32 {
	if rt.GwFamily != 0 {
		return rt.Gateway
	}
	return daddr
}

// Input delivers, forwards or refuses b.
func (rt *Route) Input(c *kern.CPU, b *skb.Buff) {
	switch d := &rt.st.data; rt.in {
	case wayDeliver:
		d.deliver(c, b)
	case wayForward:
		d.forward(c, b)
	case wayError:
		d.inputError(c, b, rt)
	case wayMulticast:
		d.mcInput(c, b)
	default:
		b.Drop(c, rt.st.n, skb.ReasonNotSpecified)
	}
}

// Output sends b.
func (rt *Route) Output(c *kern.CPU, b *skb.Buff) {
	switch d := &rt.st.data; rt.out {
	case wayOutput:
		d.output(c, b)
	case wayMcOutput:
		d.mcOutput(c, b)
	default:
		b.Drop(c, rt.st.n, skb.ReasonNotSpecified)
	}
}

// RouteOutput finds the route of a packet that this host sends
// (ip_route_output_key) and fills f.Saddr, f.Daddr and f.OIF. c may be nil off
// a CPU. Errors: ENETUNREACH no route, EHOSTUNREACH and EACCES unreachable and
// prohibit routes, EINVAL bad addresses and blackhole routes, ENODEV no such
// OIF.
func RouteOutput(c *kern.CPU, n *netns.Net, f *Flow) (*Route, error) {
	return nil, errno.ENETUNREACH
}

// RouteInput finds the route of a packet that came in by d and sets b.Dst
// (ip_route_input). A reason other than 0 says that b must be dropped for it:
// the caller drops and counts. An error route (no way, prohibited) is no such
// reason: its Input answers.
func RouteInput(c *kern.CPU, n *netns.Net, b *skb.Buff, daddr, saddr uint32, tos uint8, d skb.Device) skb.Reason {
	return skb.ReasonIPInnoroutes
}

package ipv4

import (
	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/dst"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// Flags of a Route (RTCF_*, linux/in_route.h).
const (
	RTCFNotify     = 0x00010000
	RTCFRedirected = 0x00040000
	RTCFDoRedirect = 0x01000000
	RTCFBroadcast  = 0x10000000
	RTCFMulticast  = 0x20000000
	RTCFLocal      = 0x80000000
)

// maxMTU is the largest packet that IPv4 has (RFC 791).
const maxMTU = 0xffff

// A Route is the way of packets through this host: what skb.Buff.Dst holds for
// IPv4 (struct rtable). It never changes once made and is shared by all
// packets that go the same way; it names no destination.
type Route struct {
	st       *state
	Dev      *dev.Device  // the device it leaves by; loopback for what is ours
	Type     uint8        // RTN_*
	GwFamily uint8        // AF_INET or AF_INET6 when there is a gateway, else 0
	Flags    uint32       // RTCF*
	Gateway  uint32       // the IPv4 gateway
	Gateway6 [16]byte     // the IPv6 gateway (RFC 5549)
	Iif      int          // output routes: the OIF of whoever asked first; of our own address: the device that has it
	Err      errno.Errno  // input: why it is refused; what inputError answers
	Metrics  *dst.Metrics // of the route, or nil
	pmtu     uint32       // learned path MTU, or 0
	pmtuLock bool         // the path MTU is below min_pmtu: fragment (mtu lock)
	redirect bool         // learned from a redirect
	in, out  way
	realms   uint32 // RTA_FLOW: where from, where to
	gen      uint32
	expires  ktime.T  // of what was learned, 0: never
	nh       *nextHop // nil: none (broadcast, error, on the link of a bound device)
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

// MTU returns the largest packet that may leave by rt, in bytes (ipv4_mtu):
// what was learned of the path, else the route's metric, else the device's.
func (rt *Route) MTU() int {
	if rt.pmtu != 0 {
		return int(rt.pmtu)
	}
	if m := rt.Metrics.Get(uapi.RTAX_MTU); m != 0 {
		return min(int(m), maxMTU)
	}
	return rt.deviceMTU()
}

// ForwardMTU returns the largest packet that may be forwarded by rt: what the
// path is said to take does not count, because anybody may say so, unless
// usePMTU (net.ipv4.ip_forward_use_pmtu) is set or the metric is locked.
func (rt *Route) ForwardMTU(usePMTU bool) int {
	if rt.Metrics == nil && !usePMTU && !rt.pmtuLock {
		return min(rt.Dev.MTU(), maxMTU)
	}
	if usePMTU || rt.MTULocked() {
		return rt.MTU()
	}
	if m := rt.Metrics.Get(uapi.RTAX_MTU); m != 0 {
		return min(int(m), maxMTU)
	}
	return min(rt.Dev.MTU(), maxMTU)
}

func (rt *Route) deviceMTU() int {
	m := min(rt.Dev.MTU(), maxMTU)
	if rt.GwFamily != 0 && rt.MTULocked() && m > 576 {
		return 576 // RFC 791: what every host takes
	}
	return m
}

// MTULocked reports whether the MTU is not the path's to change: packets are
// sent without DF (ip_mtu_locked).
func (rt *Route) MTULocked() bool { return rt.pmtuLock || rt.Metrics.Locked(uapi.RTAX_MTU) }

// AdvMSS returns the MSS that TCP announces by rt, in bytes.
func (rt *Route) AdvMSS() int {
	if m := rt.Metrics.Get(uapi.RTAX_ADVMSS); m != 0 {
		return int(m)
	}
	const headers = 40 // IP and TCP, without options
	return min(max(rt.MTU()-headers, int(rt.st.set.minAdvMSS.Load())), 65535-headers)
}

// NextHop returns whom the neighbour of a packet to daddr is: the gateway, or
// daddr itself. It has no meaning when GwFamily is AF_INET6.
func (rt *Route) NextHop(daddr uint32) uint32 {
	if rt.GwFamily == uapi.AF_INET {
		return rt.Gateway
	}
	return daddr
}

// Scope returns the scope of the way to the next hop; RT_SCOPE_LINK and
// narrower need no gateway.
func (rt *Route) Scope() uint8 {
	if rt.nh == nil {
		return uapi.RT_SCOPE_UNIVERSE
	}
	return rt.nh.scope
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
		b.Drop(c, rt.st.n, skb.ReasonNotSpecified) // an input route cannot send (ip_rt_bug)
	}
}

// throughHop fills in what a route takes from its next hop.
func (rt *Route) throughHop(nh *nextHop) {
	rt.nh = nh
	rt.Metrics, rt.realms = nh.info.metrics, nh.realm
	if nh.gwFamily != 0 && nh.scope == uapi.RT_SCOPE_LINK {
		rt.GwFamily, rt.Gateway, rt.Gateway6 = nh.gwFamily, nh.gw, nh.gw6
	}
}

// newRoute begins a route of the present generation.
func (st *state) newRoute(d *dev.Device, typ uint8, flags uint32) *Route {
	return &Route{st: st, gen: st.gen.Load(), Dev: d, Type: typ, Flags: flags}
}

// special are the input routes that no next hop could hold.
type special uint8

const (
	specialBroadcast special = iota
	specialMulticast
	specialMroute      // of groups that are forwarded
	specialMrouteLocal // and taken, too
	specialNoNet
	specialNoHost
	specialProhibit
	specialBlackhole
	numSpecials
)

// specialRoute returns the special route, made once a generation.
func (st *state) specialRoute(s special) *Route {
	if rt := st.specials[s].Load(); rt != nil && rt.gen == st.gen.Load() {
		return rt
	}
	rt := st.newRoute(dev.Loopback(st.n), uapi.RTN_UNREACHABLE, 0)
	rt.in = wayError
	switch s {
	case specialBroadcast:
		rt.Type, rt.Flags, rt.in = uapi.RTN_BROADCAST, RTCFBroadcast|RTCFLocal, wayDeliver
	case specialMulticast:
		rt.Type, rt.Flags, rt.in = uapi.RTN_MULTICAST, RTCFMulticast|RTCFLocal, wayDeliver
	case specialMroute:
		rt.Type, rt.Flags, rt.in = uapi.RTN_MULTICAST, RTCFMulticast, wayMulticast
	case specialMrouteLocal:
		rt.Type, rt.Flags, rt.in = uapi.RTN_MULTICAST, RTCFMulticast|RTCFLocal, wayMulticast
	case specialNoNet:
		rt.Err = errno.ENETUNREACH
	case specialNoHost:
		rt.Err = errno.EHOSTUNREACH
	case specialProhibit:
		rt.Err = errno.EACCES
	case specialBlackhole:
		rt.Err = errno.EINVAL
	}
	st.specials[s].Store(rt)
	return rt
}

// errorRoute returns the route whose Input answers e.
func (st *state) errorRoute(e errno.Errno) *Route {
	switch e {
	case errno.EHOSTUNREACH:
		return st.specialRoute(specialNoHost)
	case errno.EACCES:
		return st.specialRoute(specialProhibit)
	case errno.EINVAL:
		return st.specialRoute(specialBlackhole)
	}
	return st.specialRoute(specialNoNet)
}

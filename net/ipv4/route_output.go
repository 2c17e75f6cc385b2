package ipv4

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// RouteOutput finds the route of a packet that this host sends
// (ip_route_output_key) and fills f.Saddr, f.Daddr and f.OIF. c is nil off a
// CPU. Errors: ENETUNREACH no route or a
// source that is not ours, EHOSTUNREACH and EACCES unreachable and
// prohibit routes, EINVAL bad addresses and blackhole routes, ENODEV no such
// OIF.
func RouteOutput(c *kern.CPU, n *netns.Net, f *Flow) (*Route, error) {
	var res result
	return of(n).routeOutput(c, f, &res)
}

func (st *state) routeOutput(c *kern.CPU, f *Flow, res *result) (*Route, error) {
	f.TOS &= dscp
	f.IIF = dev.LoopbackIndex
	asked := f.OIF
	var d *dev.Device
	if f.Saddr != 0 {
		e := st.checkSource(f, &d)
		if e != 0 {
			return nil, e
		}
	}
	if f.OIF != 0 && d == nil {
		var onLink bool
		var e errno.Errno
		if d, onLink, e = st.outDevice(f); e != 0 {
			return nil, e
		}
		if onLink {
			return st.makeOutput(c, f, asked, d, uapi.RTN_UNICAST, res)
		}
	} else if d != nil { // a multicast sender named its device by its address
		return st.makeOutput(c, f, asked, d, uapi.RTN_UNICAST, res)
	}
	if f.Daddr == 0 {
		if f.Daddr = f.Saddr; f.Daddr == 0 {
			f.Daddr, f.Saddr = addrLoopback, addrLoopback
		}
		lo := dev.Loopback(st.n)
		f.OIF = dev.LoopbackIndex
		return st.makeOutput(c, f, asked, lo, uapi.RTN_LOCAL, res)
	}
	if e := st.lookup(f, res, 0); e != 0 {
		if d == nil || f.L3mdev != 0 && !isMulticast(f.Daddr) {
			st.traceRoute(c, nil, f, res, uapi.RTN_UNREACHABLE, nil)
			return nil, e
		}
		res.alias, res.info, res.nh, res.table = nil, nil, nil, nil
		// The socket is bound to a device and no route of that device leads
		// there: the destination is taken to be on its link, whatever other
		// routes say.
		if f.Saddr == 0 {
			f.Saddr = SelectSource(d, 0, uapi.RT_SCOPE_LINK)
		}
		return st.makeOutput(c, f, asked, d, uapi.RTN_UNICAST, res)
	}
	return st.throughResult(c, f, asked, res)
}

// throughResult makes the route of a lookup's result.
func (st *state) throughResult(c *kern.CPU, f *Flow, asked int, res *result) (*Route, error) {
	if res.typ() == uapi.RTN_LOCAL {
		if f.Saddr == 0 {
			if f.Saddr = res.info.prefsrc; f.Saddr == 0 {
				f.Saddr = f.Daddr
			}
		}
		d := st.localDev(res.nh.dev)
		f.OIF = d.Ifindex()
		return st.makeOutput(c, f, res.nh.oif, d, uapi.RTN_LOCAL, res)
	}
	st.selectPath(f, res, nil)
	d := res.nh.dev
	f.OIF = d.Ifindex()
	return st.makeOutput(c, f, asked, d, res.typ(), res)
}

// checkSource checks the given source address. For a multicast or broadcast
// destination without a device it chooses the address's.
func (st *state) checkSource(f *Flow, d **dev.Device) errno.Errno {
	if isMulticast(f.Saddr) || isLimitedBcast(f.Saddr) {
		return errno.EINVAL
	}
	if f.OIF == 0 && (isMulticast(f.Daddr) || isLimitedBcast(f.Daddr)) {
		if holder := DeviceOf(st.n, f.Saddr); holder != nil {
			*d = holder
			f.OIF = holder.Ifindex()
			return 0
		}
		return errno.ENETUNREACH
	}
	if f.Flags&FlowAnySrc == 0 && !IsLocal(st.n, f.Saddr) {
		return errno.ENETUNREACH
	}
	return 0
}

// outDevice looks at the device that was asked for. onLink says that no lookup
// is needed: groups and the limited broadcast are on every link.
func (st *state) outDevice(f *Flow) (d *dev.Device, onLink bool, e errno.Errno) {
	d = dev.ByIndex(st.n, f.OIF)
	if d == nil {
		return nil, false, errno.ENODEV
	}
	if !d.IsUp() || InDev(d) == nil {
		return nil, false, errno.ENETUNREACH
	}
	if isLocalMcast(f.Daddr) || isLimitedBcast(f.Daddr) || f.Proto == uapi.IPPROTO_IGMP {
		if f.Saddr == 0 {
			f.Saddr = SelectSource(d, 0, uapi.RT_SCOPE_LINK)
		}
		return d, true, 0
	}
	if f.Saddr == 0 {
		if isMulticast(f.Daddr) {
			f.Saddr = SelectSource(d, 0, f.Scope)
		} else if f.Daddr == 0 {
			f.Saddr = SelectSource(d, 0, uapi.RT_SCOPE_HOST)
		}
	}
	return d, false, 0
}

// makeOutput returns the route by d (__mkroute_output): a cached one of the
// next hop where it can.
func (st *state) makeOutput(c *kern.CPU, f *Flow, asked int, d *dev.Device, typ uint8, res *result) (*Route, error) {
	if d == nil || InDev(d) == nil {
		return nil, errno.EINVAL
	}
	in := InDev(d)
	if isLoopback(f.Saddr) && !d.IsLoopback() && !in.RouteLocalnet() {
		return nil, errno.EINVAL
	}
	var flags uint32
	nh := res.nh
	cache := nh != nil
	if d.IsLoopback() || typ == uapi.RTN_LOCAL {
		flags |= RTCFLocal
	}
	switch {
	case isLimitedBcast(f.Daddr):
		typ = uapi.RTN_BROADCAST
		nh, cache = nil, false // on the link, whatever gateway the route has
	case isMulticast(f.Daddr):
		typ = uapi.RTN_MULTICAST
	case isZeroNet(f.Daddr):
		return nil, errno.EINVAL
	}
	switch typ {
	case uapi.RTN_BROADCAST:
		flags |= RTCFBroadcast | RTCFLocal
	case uapi.RTN_MULTICAST:
		flags = RTCFMulticast
		cache = false
		if in.isMember(f.Daddr, f.Saddr) {
			flags |= RTCFLocal
		}
		if nh != nil && res.alias.plen < 4 {
			nh = nil // a default route does not gateway groups
		}
	}
	st.traceRoute(c, nil, f, res, typ, d)
	return st.outputVia(c, f, asked, d, typ, flags, nh, cache, res.ruleRealms()), nil
}

// outputVia returns the next hop's cached route, or one of its exception for
// the destination, or a new one.
func (st *state) outputVia(c *kern.CPU, f *Flow, asked int, d *dev.Device, typ uint8, flags uint32, nh *nextHop, cache bool, realms uint32) *Route {
	var learned *exception
	if nh != nil && typ == uapi.RTN_UNICAST {
		learned = nh.learnedFor(f.Daddr, st.now(c))
	}
	var cached *atomic.Pointer[Route]
	switch {
	case learned != nil:
		cached = &learned.out
	case cache:
		cached = &nh.out
	}
	if cached != nil {
		if rt := cached.Load(); rt != nil && rt.gen == st.gen.Load() {
			return rt
		}
	}
	if st.count(c, statOutSlow); flags&RTCFMulticast != 0 {
		st.count(c, statOutSlowMc)
	}
	rt := st.newRoute(d, typ, flags)
	rt.Iif, rt.out = asked, wayOutput
	if flags&RTCFLocal != 0 {
		rt.in = wayDeliver
	}
	if flags&(RTCFBroadcast|RTCFMulticast) != 0 {
		if flags&RTCFLocal != 0 && !d.IsLoopback() {
			rt.out = wayMcOutput
		}
		if flags&RTCFMulticast != 0 && st.data.mcInput != nil && InDev(d).McForwarding() && !isLocalMcast(f.Daddr) {
			rt.in, rt.out = wayMulticast, wayMcOutput
		}
	}
	if nh != nil {
		rt.throughHop(nh)
		learned.apply(rt)
	}
	rt.addRealms(realms)
	if cached != nil {
		cached.Store(rt)
	}
	return rt
}

// traceRoute reports rule and route to those who listen.
func (st *state) traceRoute(c *kern.CPU, b *skb.Buff, f *Flow, res *result, typ uint8, d *dev.Device) {
	if c == nil || !st.n.Tracing.Load() {
		return
	}
	if res.table != nil {
		skb.Trace(c, st.n, b, res.traceRule(f))
	}
	skb.Trace(c, st.n, b, res.traceRoute(f, typ, d))
}

package ipv4

import (
	"slices"

	"linen/net/dev"
	"linen/net/l3mdev"
	"linen/uapi"
)

// kernelRoute describes a route that an address brings with it (fib_magic).
func (in *InDevice) kernelRoute(typ uint8, prefix uint32, plen uint8, src, priority uint32) routeConfig {
	cfg := routeConfig{
		dst: prefix, plen: plen, proto: uapi.RTPROT_KERNEL, typ: typ, prefsrc: src, priority: priority,
		scope: uapi.RT_SCOPE_LINK, table: uapi.RT_TABLE_LOCAL,
		hops:    []hopConfig{{oif: in.dev.Ifindex()}},
		nlFlags: uapi.NLM_F_CREATE | uapi.NLM_F_APPEND,
	}
	switch typ {
	case uapi.RTN_UNICAST:
		cfg.table = uapi.RT_TABLE_MAIN
	case uapi.RTN_LOCAL:
		cfg.scope = uapi.RT_SCOPE_HOST
	}
	if id := l3mdev.Table(in.dev); id != 0 {
		cfg.table = id
	}
	return cfg
}

// routesOf returns the routes that an address brings with it, the prefix's
// last; prim is the primary address of its subnet.
func (in *InDevice) routesOf(a, prim *IfAddr) (list []routeConfig) {
	list = append(list, in.kernelRoute(uapi.RTN_LOCAL, a.Local, 32, prim.Local, 0))
	if a.Broadcast != 0 && a.Broadcast != addrBroadcast {
		list = append(list, in.kernelRoute(uapi.RTN_BROADCAST, a.Broadcast, 32, prim.Local, 0))
	}
	net := a.network()
	if isZeroNet(net) || a.Secondary() || net == a.Local && a.PrefixLen == 32 {
		return list
	}
	if a.Flags&uapi.IFA_F_NOPREFIXROUTE == 0 {
		typ := uint8(uapi.RTN_UNICAST)
		if in.dev.IsLoopback() {
			typ = uapi.RTN_LOCAL
		}
		list = append(list, in.kernelRoute(typ, net, a.PrefixLen, prim.Local, a.Priority))
	}
	if bcast := net | ^mask(a.PrefixLen); a.PrefixLen < 31 && bcast != a.Broadcast {
		list = append(list, in.kernelRoute(uapi.RTN_BROADCAST, bcast, 32, prim.Local, 0))
	}
	return list
}

// addAddrRoutes adds the routes of an address; while the device is down, only
// that to the address itself (fib_add_ifaddr).
func (st *state) addAddrRoutes(a *IfAddr) {
	in := a.in
	prim := a
	if a.Secondary() {
		if prim = in.primaryOf(a); prim == nil {
			return
		}
	}
	for i, cfg := range in.routesOf(a, prim) {
		if i > 0 && !in.dev.IsUp() {
			return
		}
		st.insertRoute(&cfg, nil) // one that is there already stays
		if cfg.typ == uapi.RTN_BROADCAST && st.data.forgetNeigh != nil {
			st.data.forgetNeigh(in.dev, cfg.dst)
		}
	}
}

// delAddrRoutes removes the routes of an address that no other address of the
// device still brings (fib_del_ifaddr). primary is the one that goes
// while its secondaries stay and move on, or nil.
func (st *state) delAddrRoutes(a, primary *IfAddr) {
	in, prim := a.in, a
	if a.Secondary() {
		if prim = in.primaryOf(a); prim == nil {
			if prim = primary; prim == nil {
				return // with its device; the route goes with that
			}
		}
	}
	var kept []routeConfig
	for _, o := range in.Addrs() {
		if o == a || primary != nil && o.sameSubnet(primary) {
			continue
		}
		p := o
		if o.Secondary() {
			if p = in.primaryOf(o); p == nil {
				continue
			}
		}
		kept = append(kept, in.routesOf(o, p)...)
	}
	routes := in.routesOf(a, prim)
	// The prefix's route goes first, then broadcasts, then the address itself.
	slices.SortStableFunc(routes, func(x, y routeConfig) int { return deleteOrder(&x) - deleteOrder(&y) })
	for _, cfg := range routes {
		if !slices.ContainsFunc(kept, func(o routeConfig) bool { return o.sameRoute(&cfg) }) {
			st.deleteRoute(&cfg, nil)
		}
	}
}

// deleteOrder sorts the routes of an address for their deletion.
func deleteOrder(cfg *routeConfig) int {
	switch {
	case cfg.plen < 32:
		return 0
	case cfg.typ == uapi.RTN_BROADCAST:
		return 1
	}
	return 2
}

// sameRoute reports whether two routes of addresses are one.
func (cfg *routeConfig) sameRoute(o *routeConfig) bool {
	return cfg.typ == o.typ && cfg.dst == o.dst && cfg.plen == o.plen && cfg.prefsrc == o.prefsrc &&
		cfg.priority == o.priority && cfg.table == o.table
}

// addrUp and addrDown follow the addresses (fib_inetaddr_event).
func (st *state) addrUp(a *IfAddr) {
	st.addAddrRoutes(a)
	st.flushCache()
}

func (st *state) addrDown(a *IfAddr) {
	st.delAddrRoutes(a, nil)
	if st.addrTypeFor(a.in.dev, a.Local) != uapi.RTN_LOCAL {
		st.sourceGone(a.in.dev, a.Local)
	}
	if len(a.in.Addrs()) == 0 {
		st.disable(a.in.dev, true)
		return
	}
	st.flushCache()
}

// sourceGone removes the routes whose preferred source is an address that is
// ours no longer, from the main table or, for a device in a VRF, from that's
// (fib_sync_down_addr).
func (st *state) sourceGone(d *dev.Device, local uint32) {
	table := l3mdev.Table(d)
	if table == 0 {
		table = uapi.RT_TABLE_MAIN
	}
	found := false
	for _, list := range st.infos.byHash {
		for _, fi := range list {
			if fi.prefsrc == local && fi.table == table && !fi.dead.Load() {
				fi.dead.Store(true)
				found = true
			}
		}
	}
	if found {
		st.flushDead(func(fi *info) bool { return fi.prefsrc == local })
	}
}

// disable takes the routes by a device away (fib_disable_ip); all of them, or
// without those that stay while it is down.
func (st *state) disable(d *dev.Device, all bool) {
	if st.hopsDown(d, uapi.RTNH_F_DEAD|uapi.RTNH_F_LINKDOWN, all) > 0 {
		st.flushDead(nil)
	}
	st.disabled(d)
}

// unregister is disable for a device that goes: a route with several next hops
// goes with any of them.
func (st *state) unregister(d *dev.Device) {
	for fi := range st.infos.byDev[d] {
		fi.dead.Store(true)
	}
	st.flushDead(nil)
	st.disable(d, true)
}

// disabled voids what is cached of a device.
func (st *state) disabled(d *dev.Device) {
	st.flushCache()
	if st.data.flushNeigh != nil {
		st.data.flushNeigh(d)
	}
}

// hopsDown sets flags in the next hops by d and returns how many infos have no
// usable one left (fib_sync_down_dev).
func (st *state) hopsDown(d *dev.Device, flags uint32, all bool) (dead int) {
	for fi := range st.infos.byDev[d] {
		gone := 0
		for _, nh := range fi.nhs {
			switch {
			case nh.flags.Load()&uapi.RTNH_F_DEAD != 0:
				gone++
			case nh.dev == d && (all || nh.scope != uapi.RT_SCOPE_NOWHERE):
				nh.flags.Or(flags)
				gone++
			}
		}
		if gone == len(fi.nhs) { // those whose link alone was down before do not count
			fi.linkdown.Store(true)
		}
		if gone == len(fi.nhs) && flags&uapi.RTNH_F_DEAD != 0 {
			fi.dead.Store(true)
			dead++
		}
		fi.rebalance()
	}
	return dead
}

// hopsUp clears flags in the next hops by d (fib_sync_up).
func (st *state) hopsUp(d *dev.Device, flags uint32) {
	if !d.IsUp() {
		return
	}
	for fi := range st.infos.byDev[d] {
		for _, nh := range fi.nhs {
			if nh.dev == d {
				nh.flags.And(^flags)
			}
		}
		if flags&uapi.RTNH_F_LINKDOWN != 0 {
			fi.linkdown.Store(false)
		}
		fi.dead.Store(false)
		fi.rebalance()
	}
}

// fibEvent follows the devices (fib_netdev_event).
func (st *state) fibEvent(e *dev.Event) error {
	st.ops.DeviceEvent(e)
	st.nexthopEvent(e)
	st.l3mdevEvent(e)
	if e.Type == dev.EventUnregister {
		st.unregister(e.Dev)
		return nil
	}
	in := InDev(e.Dev)
	if in == nil {
		return nil
	}
	switch e.Type {
	case dev.EventUp:
		for _, a := range in.Addrs() {
			st.addAddrRoutes(a)
		}
		flags := uint32(uapi.RTNH_F_DEAD)
		if e.Dev.Carrier() {
			flags |= uapi.RTNH_F_LINKDOWN
		}
		st.hopsUp(e.Dev, flags)
		st.flushCache()
	case dev.EventDown:
		st.disable(e.Dev, false)
	case dev.EventChange:
		if e.Dev.Carrier() {
			st.hopsUp(e.Dev, uapi.RTNH_F_LINKDOWN)
		} else {
			st.hopsDown(e.Dev, uapi.RTNH_F_LINKDOWN, false)
		}
		st.flushCache()
	case dev.EventChangeMTU:
		st.followMTU(e.Dev, e.MTU)
		st.flushCache()
	case dev.EventChangeUpper:
		st.flushCache()
	}
	return nil
}

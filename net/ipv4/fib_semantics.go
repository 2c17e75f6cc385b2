package ipv4

import (
	"encoding/binary"
	"slices"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// createInfo checks what a route asks for and returns the info that holds it,
// shared where there is one like it (fib_create_info). The texts are the
// kernel's.
func (st *state) createInfo(cfg *routeConfig) (*info, error) {
	if int(cfg.typ) >= len(typeProps) {
		return nil, errno.EINVAL
	}
	if typeProps[cfg.typ].scope > cfg.scope {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid scope")
	}
	if cfg.flags&(uapi.RTNH_F_DEAD|uapi.RTNH_F_LINKDOWN) != 0 {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid rtm_flags - can not contain DEAD or LINKDOWN")
	}
	fi := &info{
		st:    st,
		table: cfg.table, prefsrc: cfg.prefsrc, priority: cfg.priority, proto: cfg.proto,
		scope: cfg.scope, typ: cfg.typ, flags: cfg.flags, metrics: cfg.metrics,
	}
	if cfg.nhID != 0 {
		if fi.obj = st.nexthops.byID[cfg.nhID]; fi.obj == nil {
			return nil, netlink.Errorf(errno.EINVAL, "Nexthop id does not exist")
		}
	}
	if cfg.given.Present() {
		m, err := st.parseMetrics(cfg.given)
		if err != nil {
			return nil, err
		}
		fi.metrics = m
	}
	if cfg.multi && cfg.realms != 0 && cfg.hops[0].realm != cfg.realms {
		return nil, netlink.Errorf(errno.EINVAL, "Nexthop class id does not match RTA_FLOW")
	}
	if errorOf(cfg.typ) != 0 {
		if len(cfg.hops) > 0 && (cfg.multi || cfg.hops[0].oif != 0 || cfg.hops[0].gwFamily != 0) {
			return nil, netlink.Errorf(errno.EINVAL, "Gateway, device and multipath can not be specified for this route type")
		}
		if fi.obj == nil {
			nh := &nextHop{info: fi, weight: 1, realm: cfg.realms}
			if cfg.realms != 0 {
				st.useRealms()
			}
			nh.flags.Store(cfg.flags & uapi.RTNH_F_ONLINK)
			fi.nhs = []*nextHop{nh}
		}
		return st.infos.share(fi), nil
	}
	switch cfg.typ {
	case uapi.RTN_UNICAST, uapi.RTN_LOCAL, uapi.RTN_BROADCAST, uapi.RTN_ANYCAST, uapi.RTN_MULTICAST:
	default:
		return nil, netlink.Errorf(errno.EINVAL, "Invalid route type")
	}
	if cfg.scope > uapi.RT_SCOPE_HOST {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid scope")
	}
	if fi.obj != nil {
		if err := fi.obj.checkObject(cfg.scope); err != nil {
			return nil, err
		}
	} else if err := st.makeHops(fi, cfg); err != nil {
		return nil, err
	}
	if fi.prefsrc != 0 && !st.validPrefsrc(cfg) {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid prefsrc address")
	}
	if fi.obj == nil {
		fi.rebalance()
	}
	return st.infos.share(fi), nil
}

// makeHops makes and checks the next hops.
func (st *state) makeHops(fi *info, cfg *routeConfig) error {
	hops := cfg.hops
	if len(hops) == 0 {
		hops = []hopConfig{{}}
	}
	for i := range hops {
		h := &hops[i]
		nh := &nextHop{
			info: fi, oif: h.oif, gwFamily: h.gwFamily, gw: h.gw, gw6: h.gw6,
			weight: max(h.weight, 1), realm: h.realm,
		}
		nh.flags.Store(uint32(h.flags))
		if h.realm != 0 {
			st.useRealms()
		}
		fi.nhs = append(fi.nhs, nh)
	}
	if cfg.scope == uapi.RT_SCOPE_HOST {
		return st.checkHostHop(fi)
	}
	for _, nh := range fi.nhs {
		if err := st.checkHop(nh, cfg.table, cfg.scope); err != nil {
			return err
		}
	}
	fi.linkdown.Store(!slices.ContainsFunc(fi.nhs, func(nh *nextHop) bool { return nh.flags.Load()&uapi.RTNH_F_LINKDOWN == 0 }))
	return nil
}

// checkHostHop checks the one next hop of a local route: it is there even
// while its device is down.
func (st *state) checkHostHop(fi *info) error {
	if len(fi.nhs) != 1 {
		return netlink.Errorf(errno.EINVAL, "Route with host scope can not have multiple nexthops")
	}
	nh := fi.nhs[0]
	if nh.gwFamily != 0 {
		return netlink.Errorf(errno.EINVAL, "Route with host scope can not have a gateway")
	}
	nh.scope = uapi.RT_SCOPE_NOWHERE
	if nh.dev = dev.ByIndex(st.n, nh.oif); nh.dev == nil {
		return errno.ENODEV
	}
	return nil
}

// checkHop checks a next hop and completes it with its device and scope
// (fib_check_nh).
func (st *state) checkHop(nh *nextHop, table uint32, scope uint8) error {
	switch nh.gwFamily {
	case uapi.AF_INET:
		return st.checkGateway(nh, table, scope)
	case uapi.AF_INET6:
		return st.checkGateway6(nh)
	}
	if nh.flags.Load()&(uapi.RTNH_F_PERVASIVE|uapi.RTNH_F_ONLINK) != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set")
	}
	d := dev.ByIndex(st.n, nh.oif)
	if d == nil || InDev(d) == nil {
		return errno.ENODEV
	}
	if !d.IsUp() {
		return netlink.Errorf(errno.ENETDOWN, "Device for nexthop is not up")
	}
	nh.scope = uapi.RT_SCOPE_HOST
	nh.bind(d)
	return nil
}

// bind sets the next hop's device.
func (nh *nextHop) bind(d *dev.Device) {
	nh.dev, nh.oif = d, d.Ifindex()
	if !d.Carrier() {
		nh.flags.Or(uapi.RTNH_F_LINKDOWN)
	}
}

// checkGateway checks a gateway: by the routes that exist, its scope narrower
// than the new route's, so that no route leads to itself; with onlink only
// that it can be on the device's link.
func (st *state) checkGateway(nh *nextHop, table uint32, scope uint8) error {
	if nh.flags.Load()&uapi.RTNH_F_ONLINK != 0 {
		return st.checkOnlink(nh, scope)
	}
	f := Flow{Daddr: nh.gw, Scope: max(scope+1, uapi.RT_SCOPE_LINK), OIF: nh.oif, IIF: dev.LoopbackIndex}
	var res result
	err := errno.EAGAIN
	// The route's own table is asked first, but for main: there the rules decide.
	if t := st.table(table); t != nil && t.id != uapi.RT_TABLE_MAIN {
		err = st.lookupTable(t, &f, &res, ignoreLinkstate)
	}
	if err != 0 {
		err = st.lookup(&f, &res, ignoreLinkstate)
	}
	if err != 0 {
		return netlink.Errorf(err, "Nexthop has invalid gateway")
	}
	if t := res.typ(); t != uapi.RTN_UNICAST && t != uapi.RTN_LOCAL {
		return netlink.Errorf(errno.EINVAL, "Nexthop has invalid gateway")
	}
	nh.scope = res.info.scope
	d := res.nh.dev
	if d == nil {
		return netlink.Errorf(errno.ENODEV, "No egress device for nexthop gateway")
	}
	nh.bind(d)
	if !d.IsUp() {
		return errno.ENETDOWN
	}
	return nil
}

func (st *state) checkOnlink(nh *nextHop, scope uint8) error {
	if scope >= uapi.RT_SCOPE_LINK {
		return netlink.Errorf(errno.EINVAL, "Nexthop has invalid scope")
	}
	d := dev.ByIndex(st.n, nh.oif)
	if d == nil {
		return netlink.Errorf(errno.ENODEV, "Nexthop device required for onlink")
	}
	if !d.IsUp() {
		return netlink.Errorf(errno.ENETDOWN, "Nexthop device is not up")
	}
	if st.addrTypeFor(d, nh.gw) != uapi.RTN_UNICAST {
		return netlink.Errorf(errno.EINVAL, "Nexthop has invalid gateway")
	}
	nh.scope = uapi.RT_SCOPE_LINK
	nh.bind(d)
	return nil
}

// checkGateway6 checks an IPv6 gateway (RFC 5549): IPv6's tables are not
// asked, so the device must be named.
func (st *state) checkGateway6(nh *nextHop) error {
	if nh.oif == 0 {
		return netlink.Errorf(errno.EINVAL, "Egress device not specified")
	}
	d := dev.ByIndex(st.n, nh.oif)
	if d == nil {
		return errno.ENODEV
	}
	if d.IsLoopback() && (d.IsUp() || nh.flags.Load()&uapi.RTNH_F_ONLINK == 0) {
		return netlink.Errorf(errno.EINVAL, "Egress device can not be loopback device for this route")
	}
	if !d.IsUp() {
		return netlink.Errorf(errno.ENETDOWN, "Nexthop device is not up")
	}
	nh.scope = uapi.RT_SCOPE_LINK
	nh.dev, nh.oif = d, d.Ifindex() // whether the link is up is not looked at
	return nil
}

// validPrefsrc reports whether the preferred source of a route is an address
// of ours, or the one that the local route itself makes ours.
func (st *state) validPrefsrc(cfg *routeConfig) bool {
	if cfg.typ == uapi.RTN_LOCAL && cfg.plen == 32 && cfg.dst == cfg.prefsrc {
		return true
	}
	if st.addrType(cfg.prefsrc, nil, nil) == uapi.RTN_LOCAL {
		return true
	}
	t := st.table(cfg.table)
	return t != nil && cfg.table != 0 && st.addrType(cfg.prefsrc, nil, t) == uapi.RTN_LOCAL
}

// sourceOf returns the source address of packets without one by a next hop
// (fib_result_prefsrc).
func (st *state) sourceOf(nh *nextHop) uint32 {
	if nh.info.prefsrc != 0 {
		return nh.info.prefsrc
	}
	gen := uint64(st.gen.Load()) << 32
	if v := nh.saddr.Load(); v>>32 == gen>>32 && v != 0 {
		return uint32(v)
	}
	if nh.dev == nil {
		return 0
	}
	gw := nh.gw
	if nh.gwFamily == uapi.AF_INET6 {
		gw = binary.BigEndian.Uint32(nh.gw6[:]) // the kernel's is a union, and this is what it compares
	}
	a := SelectSource(nh.dev, gw, nh.info.scope)
	nh.saddr.Store(gen | uint64(a))
	return a
}

package ipv4

import (
	"linen/net/dev"
	"linen/net/sysctl"
)

// A Conf is one per-device setting, a file of net/ipv4/conf/DEV; its number is
// the kernel's IPV4_DEVCONF_* (linux/ip.h), as IFLA_INET_CONF orders them.
type Conf uint8

// The settings.
const (
	ConfForwarding Conf = 1 + iota
	ConfMcForwarding
	ConfProxyARP
	ConfAcceptRedirects
	ConfSecureRedirects
	ConfSendRedirects
	ConfSharedMedia
	ConfRPFilter
	ConfAcceptSourceRoute
	ConfBootpRelay
	ConfLogMartians
	ConfTag
	ConfARPFilter
	ConfMediumID
	ConfNoXfrm   // disable_xfrm
	ConfNoPolicy // disable_policy
	ConfForceIGMPVersion
	ConfARPAnnounce
	ConfARPIgnore
	ConfPromoteSecondaries
	ConfARPAccept
	ConfARPNotify
	ConfAcceptLocal
	ConfSrcVMark // src_valid_mark
	ConfProxyARPPvlan
	ConfRouteLocalnet
	ConfIGMPv2UnsolicitedReportInterval // milliseconds
	ConfIGMPv3UnsolicitedReportInterval // milliseconds
	ConfIgnoreRoutesWithLinkdown
	ConfDropUnicastInL2Multicast
	ConfDropGratuitousARP
	ConfBcForwarding
	ConfARPEvictNocarrier

	numConf = iota + 1
)

// confNames are the file names, by Conf.
var confNames = [numConf]string{
	ConfForwarding: "forwarding", ConfMcForwarding: "mc_forwarding", ConfProxyARP: "proxy_arp",
	ConfAcceptRedirects: "accept_redirects", ConfSecureRedirects: "secure_redirects",
	ConfSendRedirects: "send_redirects", ConfSharedMedia: "shared_media", ConfRPFilter: "rp_filter",
	ConfAcceptSourceRoute: "accept_source_route", ConfBootpRelay: "bootp_relay",
	ConfLogMartians: "log_martians", ConfTag: "tag", ConfARPFilter: "arp_filter",
	ConfMediumID: "medium_id", ConfNoXfrm: "disable_xfrm", ConfNoPolicy: "disable_policy",
	ConfForceIGMPVersion: "force_igmp_version", ConfARPAnnounce: "arp_announce",
	ConfARPIgnore: "arp_ignore", ConfPromoteSecondaries: "promote_secondaries",
	ConfARPAccept: "arp_accept", ConfARPNotify: "arp_notify", ConfAcceptLocal: "accept_local",
	ConfSrcVMark: "src_valid_mark", ConfProxyARPPvlan: "proxy_arp_pvlan",
	ConfRouteLocalnet:                   "route_localnet",
	ConfIGMPv2UnsolicitedReportInterval: "igmpv2_unsolicited_report_interval",
	ConfIGMPv3UnsolicitedReportInterval: "igmpv3_unsolicited_report_interval",
	ConfIgnoreRoutesWithLinkdown:        "ignore_routes_with_linkdown",
	ConfDropUnicastInL2Multicast:        "drop_unicast_in_l2_multicast",
	ConfDropGratuitousARP:               "drop_gratuitous_arp", ConfBcForwarding: "bc_forwarding",
	ConfARPEvictNocarrier: "arp_evict_nocarrier",
}

// confDefault returns a setting's value in a new namespace's "default" (and in
// "all", but for accept_source_route).
func confDefault(c Conf) int64 {
	switch c {
	case ConfAcceptRedirects, ConfSecureRedirects, ConfSendRedirects, ConfSharedMedia,
		ConfAcceptSourceRoute, ConfARPEvictNocarrier:
		return 1
	case ConfIGMPv2UnsolicitedReportInterval:
		return 10000
	case ConfIGMPv3UnsolicitedReportInterval:
		return 1000
	}
	return 0
}

// confVars is the table of names that the groups of all namespaces share.
var confVars = makeConfVars()

func makeConfVars() []sysctl.Var {
	vars := make([]sysctl.Var, 0, numConf)
	for c := ConfForwarding; c < numConf; c++ {
		spec := sysctl.Spec{Default: confDefault(c)}
		if c == ConfMcForwarding {
			spec.Mode = 0o444
		}
		vars = append(vars, sysctl.Var{Name: confNames[c], Field: int(c), Spec: spec})
	}
	return vars
}

// confDir is where the settings of a device, of "all" or "default" are.
func confDir(name string) string { return "net/ipv4/conf/" + name }

// initConf makes net/ipv4/conf/{all,default} and net/ipv4/ip_forward.
func (st *state) initConf() {
	t := sysctl.Of(st.n)
	st.confAll = t.Group(confDir("all"), confVars, func(field int, old, new int64) error {
		return st.confWritten(nil, Conf(field), old, new)
	})
	st.confAll.Store(int(ConfAcceptSourceRoute), 0)
	st.confDefault = t.Group(confDir("default"), confVars, func(field int, old, new int64) error {
		st.n.Lock()
		defer st.n.Unlock()
		st.followDefault(Conf(field), new)
		if old != new {
			st.notifyConf(Conf(field), netconfDefault)
		}
		return nil
	})
	st.ipForward = t.Int("net/ipv4/ip_forward", sysctl.Spec{OnWrite: func(old, new int64) error {
		st.n.Lock()
		defer st.n.Unlock()
		st.forwardAll(old, new)
		return nil
	}})
	st.inheritConf(t)
}

// inheritConf makes a child namespace begin with the "all" and "default" of the
// machine's first one, of the one that makes it, or with none of them, as
// net.core.devconf_inherit_init_net has it (0 and 1, 3, 2; ip-sysctl).
func (st *state) inheritConf(t *sysctl.Tree) {
	mode := t.Int("net/core/devconf_inherit_init_net", sysctl.Spec{Max: 3, Ranged: true, Scope: sysctl.OfMachine})
	from := key.Of(st.n.First())
	switch mode.Load() {
	case 2:
		return
	case 3:
		if n := st.n.Maker(); n != nil {
			from = key.Of(n)
		}
	}
	if from == nil {
		return
	}
	for c := range numConf {
		st.confAll.Store(int(c), from.confAll.Load(int(c)))
		st.confDefault.Store(int(c), from.confDefault.Load(int(c)))
	}
	st.ipForward.Store(from.ipForward.Load())
}

// addConf makes the settings of a device; they begin as "default" stands.
func (in *InDevice) addConf() {
	st := in.st
	in.conf = sysctl.Of(st.n).Group(confDir(in.dev.Name()), confVars, func(field int, old, new int64) error {
		return st.confWritten(in, Conf(field), old, new)
	})
	for c := ConfForwarding; c < numConf; c++ {
		in.conf.Store(int(c), st.confDefault.Load(int(c)))
	}
	if in.dev.IsLoopback() {
		in.conf.Store(int(ConfNoXfrm), 1)
		in.conf.Store(int(ConfNoPolicy), 1)
	}
}

// followDefault gives a new default to the devices that had neither an address
// nor this setting written (devinet_copy_dflt_conf).
func (st *state) followDefault(c Conf, v int64) {
	for _, d := range dev.List(st.n) {
		if in := InDev(d); in != nil && in.set.Load()&(1<<c) == 0 {
			in.conf.Store(int(c), v)
		}
	}
}

// confWritten reacts to a write to a device's setting, or with a nil in to
// "all"'s (devinet_conf_proc, devinet_sysctl_forward, ipv4_doint_and_flush).
func (st *state) confWritten(in *InDevice, c Conf, old, new int64) error {
	st.n.Lock()
	defer st.n.Unlock()
	index := netconfAll
	if in != nil {
		in.set.Or(1 << c)
		index = in.dev.Ifindex()
	}
	switch c {
	case ConfForwarding:
		if in == nil {
			st.forwardAll(old, new)
			return nil
		}
		if old != new {
			st.flushCache()
		}
	case ConfNoXfrm, ConfNoPolicy, ConfPromoteSecondaries, ConfForceIGMPVersion:
		if old != new {
			st.flushCache()
		}
	case ConfAcceptLocal, ConfRouteLocalnet:
		if (old == 0) != (new == 0) || c == ConfRouteLocalnet && old != new {
			st.flushCache()
		}
	case ConfRPFilter, ConfIgnoreRoutesWithLinkdown, ConfSendRedirects, ConfSharedMedia, ConfBcForwarding:
		st.flushCache() // cached routes carry what these decided
	}
	if old != new {
		st.notifyConf(c, index)
	}
	return nil
}

// forwardAll reacts to a write to net.ipv4.ip_forward, which is
// conf/all/forwarding too: every device and the default follow, and hosts
// believe redirects where routers do not (inet_forward_change).
func (st *state) forwardAll(old, on int64) {
	st.ipForward.Store(on)
	st.confAll.Store(int(ConfForwarding), on)
	if old == on {
		return
	}
	accept := int64(0)
	if on == 0 {
		accept = 1
	}
	st.confAll.Store(int(ConfAcceptRedirects), accept)
	st.confDefault.Store(int(ConfForwarding), on)
	st.notifyConf(ConfForwarding, netconfAll)
	st.notifyConf(ConfForwarding, netconfDefault)
	for _, d := range dev.List(st.n) {
		if in := InDev(d); in != nil {
			if in.conf.Load(int(ConfForwarding)) != on {
				in.conf.Store(int(ConfForwarding), on)
				st.notifyConf(ConfForwarding, d.Ifindex())
			}
		}
	}
	st.flushCache()
}

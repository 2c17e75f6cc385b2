// Package ipv4 is IPv4: addresses on devices, the forwarding information base
// with its rules, routes of packets, and the way of a packet through them.
//
// A change of an address, a route or a rule is made under the namespace's RTNL
// and published at once; the data path reads snapshots and takes no lock. A
// route of a packet is a *Route, cached at the next hop that it uses and valid
// while the namespace's generation stands still.
//
//	Flow -> rules (fib_rules.go) -> table (fib_trie.go) -> info (fib_info.go)
//	     -> next hop -> exception (route_exception.go) -> Route (route.go)
//
//	dev -> ipRcv -> PREROUTING -> RouteInput -> localDeliver -> LOCAL_IN -> Protocol.Recv
//	                                         -> ipForward -> FORWARD -.
//	Send.Xmit -> LOCAL_OUT -------------------------------------------> ipOutput
//	     -> POSTROUTING -> fragment -> neighbour -> dev
//
// Linux files: net/ipv4/arp.c, devinet.c, fib_frontend.c, fib_rules.c,
// fib_semantics.c, fib_trie.c, icmp.c, igmp.c, ip_forward.c, ip_fragment.c,
// ip_input.c, ip_options.c, ip_output.c, protocol.c, route.c. RFCs: 791, 792,
// 826, 1122, 1191, 1812, 2113, 2992, 3376, 3704, 6864. Multicast routing is
// net/mroute. Not done: lightweight tunnels, realms
// as tc's classifier, IPsec policies, ICMP extensions (RFC 4884, RFC 8335), the
// log of martians.
package ipv4

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
)

// state is what a namespace holds for IPv4. The RTNL guards what is no atomic.
type state struct {
	n       *netns.Net
	gen     atomic.Uint32 // routes with another generation are stale
	data    dataPath
	flushes atomic.Uint32 // what was learned before the last flush is void

	ops                *fibrules.Ops
	rules              atomic.Pointer[ruleset] // nil: the default rules
	local, main, deflt atomic.Pointer[table]
	tables             atomic.Pointer[map[uint32]*table]
	infos              infos
	nexthops           nexthops
	addrs              addrMap[IfAddr] // every device's addresses
	addrCount          map[uint32]int  // how many devices have an address
	fibSeq             uint32          // changes of tables, for dumps
	addrSeq            uint32          // changes of addresses, for dumps
	hashKey            uint32          // of the multipath hash
	stats              kern.Local[[numRouteStats]uint64]
	realms             atomic.Pointer[kern.Local[realmAccts]] // nil: no route and no rule ever had a realm
	realmHops          atomic.Int32                           // next hops with one
	specials           [numSpecials]atomic.Pointer[Route]
	split              atomic.Bool // there were other rules than the default ones: local and main are two tables (fib_unmerge)
	vrfs               atomic.Bool // there was a VRF
	customLocal        atomic.Bool // a local route was added: addresses alone do not tell what is ours

	confAll, confDefault *sysctl.Group
	ipForward            *sysctl.Int
	set                  settings

	path      pathState
	arp       arpState
	lifetimes kern.Timer // the next address lifetime to end
	remove    []func()
}

// settings are the namespace's own values, outside conf.
type settings struct {
	minPMTU, minAdvMSS, mtuExpires   *sysctl.Int // net.ipv4.route.*
	hashPolicy, hashFields, hashSeed *sysctl.Int // net.ipv4.fib_multipath_*
	useNeigh, fibNotify, flush       *sysctl.Int
}

var key = netns.NewKey[state]("ipv4")

// of returns n's state; nil when n was built without IPv4.
func of(n *netns.Net) *state { return key.Of(n) }

// dataPath holds the functions that routes lead to. The data path sets them
// when the namespace is made, before any packet.
type dataPath struct {
	deliver     func(c *kern.CPU, b *skb.Buff)                // ip_local_deliver: the packet is for this host
	forward     func(c *kern.CPU, b *skb.Buff)                // ip_forward
	inputError  func(c *kern.CPU, b *skb.Buff, rt *Route)     // ip_error: rt.Err says which ICMP answer
	mcInput     func(c *kern.CPU, b *skb.Buff)                // ip_mr_input, or nil
	output      func(c *kern.CPU, b *skb.Buff)                // ip_output
	mcOutput    func(c *kern.CPU, b *skb.Buff)                // ip_mc_output: also to ourselves
	isMember    func(d *dev.Device, group, src uint32) bool   // ip_check_mc: d takes the group; nil: none
	groups      func(d *dev.Device, up bool)                  // d goes up or down: joins, leaves; nil: none
	announce    func(d *dev.Device)                           // gratuitous ARP for d's addresses; nil: none
	flushNeigh  func(d *dev.Device)                           // forget d's neighbours (arp_ifdown); nil: none
	forgetNeigh func(d *dev.Device, addr uint32)              // drop an unresolved neighbour entry: the address is a broadcast now (arp_invalidate)
	congestion  func(name string) bool                        // the congestion control algorithm exists; nil: TCP's two
	neighOK     func(d *dev.Device, gateway uint32) (ok bool) // the gateway's neighbour entry is not failed; nil: all are
}

// Pernet makes a namespace's IPv4. dev, rtnl, sysctl, procfs and mib come
// before it in the list; devices that exist already are taken up.
func Pernet() netns.Subsys { return netns.Bind(key, initNet, exitNet) }

func initNet(n *netns.Net) (*state, error) {
	st := &state{n: n, hashKey: n.Kernel().Uint32(), addrCount: make(map[uint32]int)}
	st.gen.Store(1)
	st.stats = kern.NewLocal[[numRouteStats]uint64](n.Kernel())
	st.lifetimes.Init(n.Kernel(), func(*kern.CPU) { n.Kernel().Queue(st.expireAddrs) })
	st.initConf()
	st.initSettings()
	st.initRules()
	st.initNetlink()
	st.initNexthops()
	st.initProc()
	st.arpInit()
	if err := st.initData(); err != nil {
		return nil, err
	}
	for _, sub := range []struct {
		prio int
		fn   func(*dev.Event) error
	}{{devinetPriority, st.devinetEvent}, {fibPriority, st.fibEvent}} {
		remove, err := dev.Notifiers(n).Add(sub.prio, sub.fn)
		if err != nil {
			return nil, err
		}
		st.remove = append(st.remove, remove)
	}
	return st, nil
}

// The order in which device events reach the parts: addresses first, so that
// 127.0.0.1 is there when routes come up.
const (
	devinetPriority = 1
	fibPriority     = 0
)

func exitNet(n *netns.Net, st *state) {
	for _, f := range st.remove {
		f()
	}
	st.lifetimes.Stop()
	st.exitData()
	st.arpExit()
}

// initSettings makes net/ipv4/route/* and net/ipv4/fib_*.
func (st *state) initSettings() {
	t, s := sysctl.Of(st.n), &st.set
	s.minPMTU = t.Int("net/ipv4/route/min_pmtu", sysctl.Spec{Default: 552, Ranged: true, Min: 0, Max: 1<<31 - 1})
	s.minAdvMSS = t.Int("net/ipv4/route/min_adv_mss", sysctl.Spec{Default: 256})
	s.mtuExpires = t.Int("net/ipv4/route/mtu_expires", sysctl.Spec{Default: 600_000, Unit: sysctl.Seconds})
	s.flush = t.Int("net/ipv4/route/flush", sysctl.Spec{Mode: 0o200, OnWrite: func(_, _ int64) error {
		st.flushes.Add(1)
		st.flushCache()
		return nil
	}})
	s.hashPolicy = t.Int("net/ipv4/fib_multipath_hash_policy", sysctl.Spec{Ranged: true, Max: 3, Unit: sysctl.Byte})
	s.hashFields = t.Int("net/ipv4/fib_multipath_hash_fields", sysctl.Spec{Default: 7, Ranged: true, Min: 1, Max: 0xfff})
	s.hashSeed = t.Int("net/ipv4/fib_multipath_hash_seed", sysctl.Spec{Unit: sysctl.Unsigned})
	s.useNeigh = t.Int("net/ipv4/fib_multipath_use_neigh", sysctl.Spec{Ranged: true, Max: 1, Unit: sysctl.Byte})
	s.fibNotify = t.Int("net/ipv4/fib_notify_on_flag_change", sysctl.Spec{Ranged: true, Max: 2, Unit: sysctl.Byte})
}

// initRules makes the tables that always exist and the default rules.
func (st *state) initRules() {
	st.ops = &fibrules.Ops{
		Net: st.n, Family: uapi.AF_INET, Group: uapi.RTNLGRP_IPV4_RULE, AddrLen: 4,
		Validate: st.validateRule, Changed: st.rulesChanged,
	}
	st.newTable(uapi.RT_TABLE_LOCAL)
	st.newTable(uapi.RT_TABLE_MAIN)
	st.ops.AddDefault(0, uapi.RT_TABLE_LOCAL, 0)
	st.ops.AddDefault(0x7ffe, uapi.RT_TABLE_MAIN, 0)
	st.ops.AddDefault(0x7fff, uapi.RT_TABLE_DEFAULT, 0)
	st.split.Store(false)
	st.mergeShapes()
}

// flushCache makes every cached route stale (rt_cache_flush).
func (st *state) flushCache() { st.gen.Add(1) }

// Package ipv4 is IPv4: addresses on devices, the forwarding information base
// with its rules, routes of packets, and the way of a packet through them.
//
// A change of an address, a route or a rule is made under the namespace's RTNL
// and published at once; the data path reads snapshots and takes no lock. A
// route of a packet is a *Route, cached at the next hop that it uses and valid
// while the namespace's generation stands still.
//
//	Flow -> rules (fib_rules.go) -> Table (fib_trie.go) -> info (fib_semantics.go)
//	     -> next hop -> exception (route_exception.go) -> Route (route.go)
//
// Linux files: net/ipv4/devinet.c, fib_frontend.c, fib_rules.c,
// fib_semantics.c, fib_trie.c, route.c. RFCs: 791, 1122, 1812, 2992, 3704.
// Not done: multicast routing, next hop objects (RTA_NH_ID is refused),
// lightweight tunnels, realms as tc's classifier.
package ipv4

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
)

// state is what a namespace holds for IPv4.
type state struct {
	n    *netns.Net
	gen  atomic.Uint32 // routes with another generation are stale
	data dataPath
}

var key = netns.NewKey[state]("ipv4")

// of returns n's state; nil when n was built without IPv4.
func of(n *netns.Net) *state { return key.Of(n) }

// dataPath holds the functions that routes lead to. The data path sets them
// when the namespace is made, before any packet.
type dataPath struct {
	deliver    func(c *kern.CPU, b *skb.Buff)             // ip_local_deliver: the packet is for this host
	forward    func(c *kern.CPU, b *skb.Buff)             // ip_forward
	inputError func(c *kern.CPU, b *skb.Buff, rt *Route)  // ip_error: rt.Err says which ICMP answer
	mcInput    func(c *kern.CPU, b *skb.Buff)             // ip_mr_input, or nil
	output     func(c *kern.CPU, b *skb.Buff)             // ip_output
	mcOutput   func(c *kern.CPU, b *skb.Buff)             // ip_mc_output: also to ourselves
	isMember   func(d skb.Device, group, src uint32) bool // ip_check_mc: d takes the group
}

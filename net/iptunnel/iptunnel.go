// Package iptunnel is the IP-in-IP tunnel device, which carries IPv4 packets
// inside of IPv4 packets to the tunnel's other end (RFC 2003).
//
// A tunnel sends by routes of the namespace that it was made in, wherever it has
// been moved to, and what comes in is found there: by both addresses, by the
// remote one, by the local one, else by the namespace's device tunl0. That one is
// made when a namespace first has to do with tunnels, as a kernel does when it
// loads the module.
//
//	      Xmit                                            recv
//	┌───────────────┐  ┌─────────────────────────────┐  ┌──────┐
//	│ inner IPv4 ... │→ │ outer IPv4, proto 4 │ inner │→ │ lookup → device's input
//	└───────────────┘  └─────────────────────────────┘  └──────┘
//
// Linux files: net/ipv4/ipip.c, net/ipv4/ip_tunnel.c, net/ipv4/ip_tunnel_core.c,
// net/ipv4/tunnel4.c, include/net/inet_ecn.h. RFCs: 2003, 6040, 1853 §3.1 (the
// errors of the way). Not done: what has its metadata from elsewhere (external),
// FOU and GUE encapsulation, MPLS inside; super-packets are cut before the outer
// header goes in front.
package iptunnel

import (
	"sync"
	"sync/atomic"

	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/uapi"
)

// kindName is the kind of link, and the beginning of the names that the kernel
// gives: ipip0, ipip1 ...
const kindName = "ipip"

// fallbackName is the device of what no tunnel wants.
const fallbackName = "tunl0"

// state is what a namespace holds for its tunnels.
type state struct {
	n        *netns.Net
	mu       sync.Mutex // guards changes of buckets
	buckets  []bucket   // by remote address; nil: nobody has asked for a tunnel
	fallback *tunnel    // tunl0, or nil. The RTNL guards it
}

// A bucket holds the tunnels to some addresses, the youngest first.
type bucket = atomic.Pointer[[]*tunnel]

// numBuckets is how many there are (IP_TNL_HASH_SIZE).
const numBuckets = 128

var key = netns.NewKey[state]("iptunnel")

// Pernet makes the link kind "ipip" known in a namespace. It stands behind ipv4
// in the list.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*state, error) {
		st := &state{n: n}
		dev.Kinds(n).Register(st.kind())
		dev.SetAutoload(n, fallbackName, func() { st.load() }) // without it there is no tunl0, as the caller sees
		return st, nil
	}, exit)
}

// exit removes the tunnels that live elsewhere: those at home went with the
// namespace's devices.
func exit(n *netns.Net, st *state) {
	for i := range st.buckets {
		for _, t := range st.bucketAt(i) {
			unlock := dev.LockWith(t.dev, n)
			if t.dev.Registered() {
				dev.Unregister(t.dev)
			}
			unlock()
		}
	}
	if st.fallback != nil {
		ipv4.DelProtocol(n, uapi.IPPROTO_IPIP)
	}
}

// load makes tunl0, unless it is there, and with it the namespace takes tunnelled
// packets. The caller holds the RTNL.
func (st *state) load() error {
	if st.fallback != nil {
		return nil
	}
	st.buckets = make([]bucket, numBuckets)
	d := dev.New(st.n, fallbackName, nil)
	d.Kind = kindName
	setup(d)
	d.NetnsImmut = true
	t := of(d)
	if err := t.register(st, parms{}, 0, func() error { return dev.Register(d) }); err != nil {
		return err
	}
	if err := ipv4.AddProtocol(st.n, uapi.IPPROTO_IPIP, &ipv4.Protocol{Recv: st.recv, Err: st.fail}); err != nil {
		dev.Unregister(d)
		return err
	}
	st.fallback = t
	return nil
}

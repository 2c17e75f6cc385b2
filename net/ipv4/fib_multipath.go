package ipv4

import (
	"fmt"

	"linen/lib/jhash"
	"linen/net/dev"
	"linen/net/l3mdev"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// rebalance gives each usable next hop its share of the hash's range, by
// weight (RFC 2992: hash threshold), so that a flow keeps its next hop while
// the set stays the same.
func (fi *info) rebalance() {
	hops := fi.hops()
	if len(hops) < 2 {
		return
	}
	total := int64(0)
	for _, nh := range hops {
		if !nh.unusable(false) {
			total += int64(nh.weight)
		}
	}
	sum := int64(0)
	for _, nh := range hops {
		if nh.unusable(false) {
			nh.upper.Store(-1)
			continue
		}
		sum += int64(nh.weight)
		nh.upper.Store((sum<<31+total/2)/total - 1)
	}
}

// selectPath chooses the next hop of a packet of our own and its source
// address (fib_select_path).
func (st *state) selectPath(f *Flow, res *result, b *skb.Buff) {
	if f.OIF == 0 && len(res.info.hops()) > 1 {
		st.selectMultipath(f, res, b)
	}
	if f.Saddr != 0 {
		return
	}
	if f.L3mdev != 0 {
		if vrf := dev.ByIndex(st.n, f.L3mdev); vrf != nil && l3mdev.Master(res.nh.dev) != vrf {
			// The route leaks out of the VRF: the source stays one of the VRF's.
			f.Saddr = SelectSource(vrf, 0, uapi.RT_SCOPE_LINK)
			return
		}
	}
	f.Saddr = st.sourceOf(res.nh)
}

// selectMultipath sets res.nh to the flow's next hop. One whose source address
// is the flow's is preferred: a bound socket keeps to its uplink.
func (st *state) selectMultipath(f *Flow, res *result, b *skb.Buff) {
	hash := f.Hash
	if hash == 0 {
		hash = st.multipathHash(f, b)
	}
	h := int64(hash >> 1)
	if res.info.obj != nil {
		if nh := st.selectObject(res.info.via.Load(), h); nh != nil {
			res.nh = nh
		}
		return
	}
	useNeigh := st.set.useNeigh.Bool() && st.data.neighOK != nil
	var chosen *nextHop
	best := -1
	for _, nh := range res.info.nhs {
		upper := nh.upper.Load()
		if upper < 0 {
			continue
		}
		if useNeigh && nh.gwFamily == uapi.AF_INET && !st.data.neighOK(nh.dev, nh.gw) {
			continue
		}
		score := 0
		if f.Saddr != 0 && st.sourceOf(nh) == f.Saddr {
			score += 2
		}
		if h <= upper {
			score++
		}
		if score > best {
			chosen, best = nh, score
			if score == 3 || f.Saddr == 0 && score == 1 {
				break
			}
		}
	}
	if chosen != nil {
		res.nh = chosen
	}
}

// selectObject chooses among the next hops of an object's group
// (nexthop_select_path): the flow's; when its neighbour has failed, the next
// one whose has not, or the first.
func (st *state) selectObject(s *hopSet, h int64) (chosen *nextHop) {
	if s.res != nil {
		chosen = s.res.pick(s.hops, uint32(h))
	} else {
		for _, nh := range s.hops {
			if nh.gwFamily == uapi.AF_INET && st.data.neighOK != nil && !st.data.neighOK(nh.dev, nh.gw) {
				continue
			}
			if chosen == nil || h <= nh.upper.Load() {
				chosen = nh
			}
			if h <= nh.upper.Load() {
				break
			}
		}
		if chosen == nil {
			chosen = s.hops[0]
		}
	}
	if chosen != nil && chosen.packets != nil {
		chosen.packets.Add(1)
	}
	return chosen
}

// Bits of net.ipv4.fib_multipath_hash_fields (FIB_MULTIPATH_HASH_FIELD_*).
const (
	hashSrcIP   = 1 << 0
	hashDstIP   = 1 << 1
	hashProto   = 1 << 2
	hashLabel   = 1 << 3
	hashSrcPort = 1 << 4
	hashDstPort = 1 << 5
	hashInner   = 6 // the inner header's bits are these, shifted by 6
)

// hashKey is what a multipath hash is made of.
type hashKey struct {
	src, dst uint32
	ports    uint32
	label    uint32 // IPv6's flow label
	proto    uint8
	v6       bool
}

// multipathHash returns the hash of a flow by fib_multipath_hash_policy: 0
// addresses, 1 addresses and ports, 2 the inner packet's addresses, 3 the
// chosen fields. b is nil for packets that are not built yet.
func (st *state) multipathHash(f *Flow, b *skb.Buff) uint32 {
	k := hashKey{src: f.Saddr, dst: f.Daddr}
	switch st.set.hashPolicy.Load() {
	case 0:
		if inner, ok := quotedHeader(b); ok {
			k.src, k.dst = inner.Daddr(), inner.Saddr()
		}
	case 1:
		k = flowKey(f, b)
	case 2:
		if inner, ok := innerKey(b); ok {
			k = hashKey{src: inner.src, dst: inner.dst}
			if inner.v6 {
				k.label, k.proto = inner.label, inner.proto
			}
		}
	case 3:
		fields := st.set.hashFields.Load()
		k = flowKey(f, b).only(fields)
		if inner, ok := innerKey(b); ok && fields>>hashInner != 0 {
			in := inner.only(fields >> hashInner)
			k.src, k.dst, k.ports = k.src^in.src, k.dst^in.dst, k.ports^in.ports
			k.proto, k.label = k.proto^in.proto, in.label
		}
	}
	seed := st.hashKey
	if s := st.set.hashSeed.Load(); s != 0 {
		seed = uint32(s)
	}
	h := jhash.Words3(k.src, k.dst, k.ports, seed^uint32(k.proto)^k.label<<8)
	if h == 0 {
		return 1
	}
	return h
}

// only keeps the fields that are asked for.
func (k hashKey) only(fields int64) (o hashKey) {
	if fields&hashSrcIP != 0 {
		o.src = k.src
	}
	if fields&hashDstIP != 0 {
		o.dst = k.dst
	}
	if fields&hashProto != 0 {
		o.proto = k.proto
	}
	if fields&hashLabel != 0 {
		o.label = k.label
	}
	if fields&hashSrcPort != 0 {
		o.ports |= k.ports & 0xffff0000
	}
	if fields&hashDstPort != 0 {
		o.ports |= k.ports & 0xffff
	}
	return o
}

// flowKey returns the five fields of a flow, from the packet where there is
// one.
func flowKey(f *Flow, b *skb.Buff) hashKey {
	g := *f
	if b != nil {
		dissect(b, &g)
	}
	return hashKey{src: g.Saddr, dst: g.Daddr, proto: g.Proto, ports: uint32(g.SPort)<<16 | uint32(g.DPort)}
}

// quotedHeader returns the header that an ICMP error quotes: the error follows
// the flow it is about.
func quotedHeader(b *skb.Buff) (*wire.IPv4Hdr, bool) {
	if b == nil {
		return nil, false
	}
	p := b.Network()
	h, ok := wire.AsIPv4(p)
	if !ok || h.Proto() != uapi.IPPROTO_ICMP || h.Offset() != 0 || len(p) < h.IHL()+8 {
		return nil, false
	}
	switch p[h.IHL()] {
	case wire.ICMPDestUnreach, wire.ICMPRedirect, wire.ICMPTimeExceeded, wire.ICMPParamProb:
		return wire.AsIPv4(p[h.IHL()+8:])
	}
	return nil, false
}

// typeName returns the name of a route type as `ip route` spells it.
func typeName(t uint8) string {
	names := [...]string{
		"none", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole",
		"unreachable", "prohibit", "throw", "nat", "xresolve",
	}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprint(t)
}

package ipv4

import (
	"slices"
	"sync"
	"sync/atomic"

	"linen/net/dev"
	"linen/net/dst"
	"linen/uapi"
	"linen/uapi/errno"
)

// info is what routes share (struct fib_info): everything but prefix and TOS.
// Routes that are alike point to one. The RTNL guards it; what readers need
// does not change, but for the flags.
type info struct {
	st       *state
	table    uint32
	prefsrc  uint32
	priority uint32
	proto    uint8  // RTPROT_*
	scope    uint8  // RT_SCOPE_*
	typ      uint8  // RTN_*
	flags    uint32 // rtm_flags as configured, without those of next hops
	metrics  *dst.Metrics
	nhs      []*nextHop             // its own; none with an object: see hops
	obj      *nhObject              // the next hop object that it names, or nil
	via      atomic.Pointer[hopSet] // what it has of that
	linkdown atomic.Bool            // rtm_flags has RTNH_F_LINKDOWN if there are several next hops
	dead     atomic.Bool            // it has no usable next hop: its routes go with the next flush
	refs     int                    // aliases
	lone     []*alias               // those that are alone in their lists
	hash     uint64
}

// nextHop is one next hop of an info (struct fib_nh). Routes of packets, and
// what was learned about destinations, hang here.
type nextHop struct {
	info     *info
	dev      *dev.Device // nil for routes that lead nowhere
	oif      int
	scope    uint8  // of the way to the gateway; RT_SCOPE_HOST: none needed
	gwFamily uint8  // 0, AF_INET or AF_INET6
	gw       uint32 // IPv4 gateway
	gw6      [16]byte
	weight   int           // 1..256, of an object's group 1..65535
	realm    uint32        // RTA_FLOW
	flags    atomic.Uint32 // RTNH_F_*
	upper    atomic.Int64  // greatest 31-bit hash that it takes; -1: none
	saddr    atomic.Uint64 // generation << 32 | source address
	in, out  atomic.Pointer[Route]
	learned  atomic.Pointer[exceptions]
	obj      *nhObject      // that it is made after, or nil
	version  uint32         // of that
	packets  *atomic.Uint64 // of the object's group: packets that chose it
}

// alias is one route of a prefix (struct fib_alias): the prefix's routes form
// a list, by falling TOS, then by rising priority. An alias does not change
// once published; a list is replaced up to the change.
type alias struct {
	info *info
	next *alias
	tos  uint8
	plen uint8 // of the prefix that it belongs to
}

// typeProps says what a route type does (fib_props): the error it answers, and
// the widest scope that it may have.
var typeProps = [...]struct {
	err   errno.Errno
	scope uint8
}{
	uapi.RTN_UNSPEC:      {0, uapi.RT_SCOPE_NOWHERE},
	uapi.RTN_UNICAST:     {0, uapi.RT_SCOPE_UNIVERSE},
	uapi.RTN_LOCAL:       {0, uapi.RT_SCOPE_HOST},
	uapi.RTN_BROADCAST:   {0, uapi.RT_SCOPE_LINK},
	uapi.RTN_ANYCAST:     {0, uapi.RT_SCOPE_LINK},
	uapi.RTN_MULTICAST:   {0, uapi.RT_SCOPE_UNIVERSE},
	uapi.RTN_BLACKHOLE:   {errno.EINVAL, uapi.RT_SCOPE_UNIVERSE},
	uapi.RTN_UNREACHABLE: {errno.EHOSTUNREACH, uapi.RT_SCOPE_UNIVERSE},
	uapi.RTN_PROHIBIT:    {errno.EACCES, uapi.RT_SCOPE_UNIVERSE},
	uapi.RTN_THROW:       {errno.EAGAIN, uapi.RT_SCOPE_UNIVERSE},
	uapi.RTN_NAT:         {errno.EINVAL, uapi.RT_SCOPE_NOWHERE},
	uapi.RTN_XRESOLVE:    {errno.EINVAL, uapi.RT_SCOPE_NOWHERE},
}

// errorOf returns the error that a route type answers, 0 for those that lead
// somewhere.
func errorOf(typ uint8) errno.Errno { return typeProps[typ].err }

// unusable reports whether lookups skip nh: it is dead, or its link is down
// and the device is told to care (ignore_routes_with_linkdown).
func (nh *nextHop) unusable(ignoreLinkstate bool) bool {
	flags := nh.flags.Load()
	if flags&uapi.RTNH_F_DEAD != 0 {
		return true
	}
	return flags&uapi.RTNH_F_LINKDOWN != 0 && !ignoreLinkstate && ignoresLinkdown(nh.dev)
}

// sameAs reports whether two next hops are configured alike.
func (nh *nextHop) sameAs(o *nextHop) bool {
	const mask = uapi.RTNH_F_DEAD | uapi.RTNH_F_LINKDOWN
	return nh.oif == o.oif && nh.dev == o.dev && nh.gwFamily == o.gwFamily && nh.gw == o.gw && nh.gw6 == o.gw6 &&
		nh.scope == o.scope && nh.weight == o.weight && nh.realm == o.realm &&
		(nh.flags.Load()^o.flags.Load())&^mask == 0
}

// sameAs reports whether two infos are alike, so that one will do.
func (fi *info) sameAs(o *info) bool {
	if fi.hash != o.hash || fi.table != o.table || fi.prefsrc != o.prefsrc || fi.priority != o.priority ||
		fi.proto != o.proto || fi.scope != o.scope || fi.typ != o.typ || fi.flags != o.flags || fi.obj != o.obj ||
		len(fi.nhs) != len(o.nhs) || !fi.metrics.Equal(o.metrics) {
		return false
	}
	for i, nh := range fi.nhs {
		if !nh.sameAs(o.nhs[i]) {
			return false
		}
	}
	return true
}

// digest sets the hash by which alike infos are found.
func (fi *info) digest() {
	h := uint64(fi.table)<<32 | uint64(fi.prefsrc)
	mix := func(v uint64) { h = (h ^ v) * 0x9e3779b97f4a7c15; h ^= h >> 29 }
	mix(uint64(fi.priority)<<32 | uint64(fi.proto)<<16 | uint64(fi.scope)<<8 | uint64(fi.typ))
	if fi.obj != nil {
		mix(uint64(fi.obj.id))
	}
	for _, nh := range fi.nhs {
		mix(uint64(nh.oif)<<32 | uint64(nh.gw))
		mix(uint64(nh.gw6[15])<<8 | uint64(nh.weight))
	}
	fi.hash = h
}

// infos is a namespace's table of infos. The RTNL guards it.
type infos struct {
	byHash map[uint64][]*info
	byDev  map[*dev.Device]map[*info]struct{}
	count  int

	mu       sync.Mutex // what follows, which redirects look at
	gateways map[gatewayKey][]*nextHop
}

// A gatewayKey is a gateway and the device that it is reached by.
type gatewayKey struct {
	dev  *dev.Device
	addr uint32
}

// gateway adds a next hop to the known gateways, or takes it out again.
func (t *infos) gateway(nh *nextHop, add bool) {
	if nh.gwFamily != uapi.AF_INET {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := gatewayKey{nh.dev, nh.gw}
	list := t.gateways[key]
	if add {
		if t.gateways == nil {
			t.gateways = make(map[gatewayKey][]*nextHop)
		}
		t.gateways[key] = append(list, nh)
		return
	}
	if i := slices.Index(list, nh); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if t.gateways[key] = list; len(list) == 0 {
		delete(t.gateways, key)
	}
}

// knowsGateway reports whether a live route leads by d to the gateway
// (ip_fib_check_default).
func (t *infos) knowsGateway(d *dev.Device, addr uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.gateways[gatewayKey{d, addr}], func(nh *nextHop) bool {
		return nh.flags.Load()&uapi.RTNH_F_DEAD == 0
	})
}

// share returns the info that is alike, or files fi (fib_find_info).
func (t *infos) share(fi *info) *info {
	fi.digest()
	for _, o := range t.byHash[fi.hash] {
		if !o.dead.Load() && o.sameAs(fi) {
			return o
		}
	}
	if t.byHash == nil {
		t.byHash = make(map[uint64][]*info)
		t.byDev = make(map[*dev.Device]map[*info]struct{})
	}
	t.byHash[fi.hash] = append(t.byHash[fi.hash], fi)
	t.count++
	fi.countRealms(1)
	if fi.obj != nil {
		fi.obj.routes = append(fi.obj.routes, fi)
		fi.bindObject()
	}
	for _, nh := range fi.nhs {
		if nh.dev == nil {
			continue
		}
		if t.byDev[nh.dev] == nil {
			t.byDev[nh.dev] = make(map[*info]struct{})
		}
		t.byDev[nh.dev][fi] = struct{}{}
		t.gateway(nh, true)
	}
	return fi
}

// release forgets fi when no route holds it any more.
func (t *infos) release(fi *info) {
	if fi.refs > 0 {
		return
	}
	list := t.byHash[fi.hash]
	for i, o := range list {
		if o == fi {
			list[i] = list[len(list)-1]
			list = list[:len(list)-1]
			t.count--
			fi.countRealms(-1)
			break
		}
	}
	if len(list) == 0 {
		delete(t.byHash, fi.hash)
	} else {
		t.byHash[fi.hash] = list
	}
	if fi.obj != nil {
		if i := slices.Index(fi.obj.routes, fi); i >= 0 {
			fi.obj.routes = slices.Delete(fi.obj.routes, i, i+1)
		}
	}
	for _, nh := range fi.nhs {
		t.gateway(nh, false)
		if m := t.byDev[nh.dev]; m != nil {
			if delete(m, fi); len(m) == 0 {
				delete(t.byDev, nh.dev)
			}
		}
	}
}

package differential

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"linen/net/netlink"
	"linen/uapi"
)

// wideFrom is the first seed of the sets that change more than addresses,
// routes, rules and next hops: sysctls, carrier, device groups, realms, kinds
// of addresses, resilient groups; and that ask more.
const wideFrom = 100_001

// wideSteps makes a wide set.
func (m *maker) wideSteps() (list []step) {
	list = append(list, step{(*pair).change, anchor()})
	for range changes {
		list = append(list, m.wideChange())
	}
	for range probes {
		list = append(list, step{(*pair).probe, m.probe()})
		if m.one(10) {
			list = append(list, step{(*pair).compare, m.filtered()})
		}
	}
	for _, name := range []string{"route", "fib_trie", "fib_triestat"} {
		list = append(list, step{(*pair).file, []byte(name)})
	}
	return list
}

func (m *maker) wideChange() step {
	switch n := m.IntN(100); {
	case n < 12:
		return step{(*pair).set, []byte(m.setting())}
	case n < 20:
		index := uint32(2 + m.IntN(devices))
		return step{(*pair).carrier, link(index, func(r *netlink.Msg) { r.U8(uapi.IFLA_CARRIER, uint8(m.IntN(2))) })}
	case n < 23:
		index := uint32(2 + m.IntN(devices))
		return step{(*pair).change, link(index, func(r *netlink.Msg) { r.U32(uapi.IFLA_GROUP, uint32(m.IntN(2))) })}
	case n < 33:
		return step{(*pair).change, m.anyAddress()}
	case n < 38:
		return step{(*pair).change, m.resilient()}
	}
	r := m.change()
	switch netlink.ParseHeader(r).Type {
	case uapi.RTM_NEWROUTE, uapi.RTM_DELROUTE:
		if m.one(5) {
			r = with(r, uapi.RTA_FLOW, m.realms())
		}
	case uapi.RTM_NEWRULE, uapi.RTM_DELRULE:
		if m.one(5) {
			r = with(r, uapi.FRA_FLOW, m.realms())
		}
	}
	return step{(*pair).change, r}
}

// anchor is a route with realms that no request deletes. While there is one
// the kernel looks sources up; when the last went it stops to when RCU has
// freed it, which a question might come before.
func anchor() []byte {
	r := netlink.NewMsg(uapi.RTM_NEWROUTE, ack|uapi.NLM_F_CREATE)
	copy(r.Grow(12), []byte{uapi.AF_INET, 8, 0, 0, 252, uapi.RTPROT_STATIC, 0, uapi.RTN_BLACKHOLE})
	r.Addr(uapi.RTA_DST, netip.MustParseAddr("77.0.0.0"))
	r.U32(uapi.RTA_TABLE, 4000)
	r.U32(uapi.RTA_FLOW, 1)
	return r.Bytes()
}

func (m *maker) realms() uint32 { return uint32(m.IntN(3)<<16 | m.IntN(3)) }

// with returns a request with one more attribute.
func with(r []byte, typ uint16, v uint32) []byte {
	r = slices.Clone(r)
	r = binary.NativeEndian.AppendUint16(r, 8)
	r = binary.NativeEndian.AppendUint16(r, typ)
	r = binary.NativeEndian.AppendUint32(r, v)
	h := netlink.ParseHeader(r)
	h.Len = uint32(len(r))
	h.Put(r)
	return r
}

// settings are sysctls below net/ipv4 with values worth having.
var settings = []struct {
	name   string
	values string
}{
	{"conf/all/rp_filter", "012"}, {"conf/d1/rp_filter", "012"}, {"conf/d2/rp_filter", "012"}, {"ip_forward", "01"},
	{"conf/all/ignore_routes_with_linkdown", "01"}, {"conf/d1/ignore_routes_with_linkdown", "01"},
	{"conf/d2/accept_local", "01"}, {"conf/all/accept_local", "01"}, {"conf/d1/route_localnet", "01"}, {"conf/all/src_valid_mark", "01"},
	{"conf/d1/forwarding", "01"}, {"conf/all/bc_forwarding", "01"}, {"conf/d1/bc_forwarding", "01"}, {"conf/all/send_redirects", "01"},
	{"conf/d1/shared_media", "01"}, {"fib_multipath_hash_policy", "0123"}, {"conf/d1/promote_secondaries", "01"},
	{"conf/d2/promote_secondaries", "01"},
}

// setting is a sysctl and its value: "net/ipv4/ip_forward=1".
func (m *maker) setting() string {
	s := pick(m, settings...)
	return fmt.Sprintf("net/ipv4/%s=%c", s.name, s.values[m.IntN(len(s.values))])
}

// link changes a device.
func link(index uint32, what func(r *netlink.Msg)) []byte {
	r := netlink.NewMsg(uapi.RTM_NEWLINK, ack)
	binary.NativeEndian.PutUint32(r.Grow(16)[4:], index)
	what(r)
	return r.Bytes()
}

// anyAddress adds an address with a metric, a peer, flags, a scope of its own.
func (m *maker) anyAddress() []byte {
	p := netip.MustParsePrefix(pick(m, "10.0.1.3/24", "10.0.1.4/24", "10.0.2.5/24", "10.5.0.1/16", "10.0.3.9/32", "20.1.2.9/24"))
	r := netlink.NewMsg(uapi.RTM_NEWADDR, ack|pick(m, uint16(uapi.NLM_F_CREATE|uapi.NLM_F_EXCL), uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE))
	h := r.Grow(8)
	h[0], h[1], h[3] = uapi.AF_INET, uint8(p.Bits()), pick(m, uint8(uapi.RT_SCOPE_UNIVERSE), uapi.RT_SCOPE_UNIVERSE, uapi.RT_SCOPE_LINK, uapi.RT_SCOPE_HOST, 200)
	binary.NativeEndian.PutUint32(h[4:], uint32(1+m.IntN(devices+1)))
	r.Addr(uapi.IFA_LOCAL, p.Addr())
	if m.one(4) {
		r.Addr(uapi.IFA_ADDRESS, netip.MustParseAddr(pick(m, hosts[:11]...))) // a group's would be a multicast route: docs/differences.md
	}
	if m.one(2) {
		r.U32(uapi.IFA_RT_PRIORITY, uint32(m.IntN(3)*10))
	}
	if m.one(2) {
		r.U32(uapi.IFA_FLAGS, pick(m, uint32(uapi.IFA_F_NOPREFIXROUTE), uapi.IFA_F_SECONDARY, uapi.IFA_F_PERMANENT))
	}
	if m.one(3) {
		r.U8(uapi.IFA_PROTO, uint8(m.IntN(4)))
	}
	return r.Bytes()
}

// resilient makes or changes a resilient group (RFC 2992's hash threshold
// would move flows; NEXTHOP_GRP_TYPE_RES does not).
func (m *maker) resilient() []byte {
	r := netlink.NewMsg(uapi.RTM_NEWNEXTHOP, ack|uapi.NLM_F_CREATE|pick(m, uint16(uapi.NLM_F_EXCL), uapi.NLM_F_REPLACE))
	r.Grow(8)
	r.U32(uapi.NHA_ID, uint32(6+m.IntN(2)))
	r.U16(uapi.NHA_GROUP_TYPE, pick(m, uint16(uapi.NEXTHOP_GRP_TYPE_RES), uapi.NEXTHOP_GRP_TYPE_RES, uapi.NEXTHOP_GRP_TYPE_MPATH, 2))
	k := 1 + m.IntN(3)
	b := r.Reserve(uapi.NHA_GROUP, 8*k)
	for i, id := range m.Perm(5)[:k] {
		binary.NativeEndian.PutUint32(b[8*i:], uint32(id+1))
	}
	if m.one(2) {
		mark := r.Nest(uapi.NHA_RES_GROUP)
		r.U16(uapi.NHA_RES_GROUP_BUCKETS, pick(m, uint16(8), 8, 4, 1, 0))
		r.End(mark)
	}
	return r.Bytes()
}

// filtered is a dump that asks for less.
func (m *maker) filtered() []byte {
	if m.one(2) {
		r := netlink.NewMsg(uapi.RTM_GETNEXTHOP, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
		r.Grow(8)
		switch m.IntN(2) {
		case 0:
			r.U32(uapi.NHA_OIF, m.oif())
		case 1:
			r.Flag(uapi.NHA_GROUPS)
		}
		return r.Bytes()
	}
	r := netlink.NewMsg(uapi.RTM_GETROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	h := make([]byte, 12)
	h[0] = uapi.AF_INET
	r.Grow(12)
	switch m.IntN(4) {
	case 0:
		r.U32(uapi.RTA_TABLE, m.table())
	case 1:
		r.U32(uapi.RTA_OIF, m.oif())
	case 2:
		h[5] = pick(m, uint8(uapi.RTPROT_BOOT), uapi.RTPROT_KERNEL, uapi.RTPROT_STATIC)
	case 3:
		h[7] = uint8(m.IntN(11))
	}
	copy(r.Bytes()[netlink.HeaderLen:], h)
	return r.Bytes()
}

// set sets a sysctl: "name=value".
func (p *pair) set(what []byte) string {
	name, value, _ := strings.Cut(string(what), "=")
	for _, m := range []machine{p.kernel, p.linen} {
		if err := m.sysctl(name, value); err != nil {
			return err.Error()
		}
	}
	return p.told(string(what))
}

// carrier changes a device's carrier and waits until all know.
func (p *pair) carrier(r []byte) string {
	if why := p.compare(r); why != "" {
		return why
	}
	for _, m := range []machine{p.kernel, p.linen} {
		if err := m.settle(); err != nil {
			return err.Error()
		}
	}
	return p.told(text(r))
}

// file compares a file of /proc/net.
func (p *pair) file(name []byte) string {
	x, err := p.kernel.file(string(name))
	if err != nil {
		return err.Error()
	}
	y, err := p.linen.file(string(name))
	if err != nil {
		return err.Error()
	}
	if x != y {
		return fmt.Sprintf("%s of the kernel:\n%slinen's:\n%s", name, x, y)
	}
	return ""
}

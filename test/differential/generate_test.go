package differential

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"linen/net/netlink"
	"linen/uapi"
)

// maker makes the requests of a set. What it draws from is small, so that
// requests meet: the same prefixes, tables, ids, priorities come again.
type maker struct {
	*rand.Rand
	routes [][]byte // routes asked for, some of which get deleted
	rules  [][]byte
}

func newMaker(seed uint64) *maker { return &maker{Rand: rand.New(rand.NewPCG(seed, 0x1177))} }

func pick[T any](m *maker, list ...T) T { return list[m.IntN(len(list))] }

// one is true once in n times.
func (m *maker) one(n int) bool { return m.IntN(n) == 0 }

const ack = uapi.NLM_F_REQUEST | uapi.NLM_F_ACK

// hosts are addresses worth asking for, as gateways, sources and destinations.
var hosts = []string{
	"10.0.1.1", "10.0.1.2", "10.0.1.9", "10.0.2.1", "10.0.2.77", "10.0.3.3", "10.0.1.255", "10.0.1.0", "10.7.7.7", "20.1.2.3", "20.1.2.4",
	"20.200.0.1", "99.9.9.9", "192.168.1.1", "192.168.1.2", "127.0.0.1", "127.3.3.3", "224.0.0.5", "255.255.255.255", "0.0.0.0", "240.0.0.1",
}

// nets are prefixes that contain each other.
var nets = []string{
	"0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/22", "10.0.1.0/24", "10.0.1.0/25", "10.0.1.0/30", "10.0.1.9/32",
	"10.0.2.0/24", "10.0.2.77/32", "10.0.3.0/24", "20.0.0.0/8", "20.1.0.0/16", "20.1.2.0/24", "20.1.2.3/32", "99.9.9.0/24", "99.9.9.9/32",
	"127.0.0.0/8", "192.168.1.0/30", "224.0.0.0/4", "240.0.0.0/4", "20.1.2.3/24",
}

func (m *maker) host() netip.Addr { return netip.MustParseAddr(pick(m, hosts...)) }
func (m *maker) table() uint32 {
	return pick(m, uint32(254), 254, 254, 254, 100, 100, 200, 255, 253, 1000, 0)
}
func (m *maker) tos() uint8 { return pick(m, uint8(0), 0, 0, 0, 0, 4, 8, 0x10, 0x1c, 0xb8, 3) }

// gateway is one that probably exists.
func (m *maker) gateway() netip.Addr {
	if m.one(6) {
		return m.host()
	}
	return netip.AddrFrom4([4]byte{10, 0, byte(1 + m.IntN(devices)), byte(1 + m.IntN(9))})
}

func (m *maker) oif() uint32 { return pick(m, uint32(2), 2, 2, 3, 3, 4, 1, 9) }

func (m *maker) net() netip.Prefix {
	if m.one(5) {
		a := netip.AddrFrom4([4]byte{byte(m.IntN(224)), byte(m.Uint32()), byte(m.Uint32()), byte(m.Uint32())})
		p, _ := a.Prefix(m.IntN(33))
		return p
	}
	return netip.MustParsePrefix(pick(m, nets...))
}

// change makes one request.
func (m *maker) change() []byte {
	switch n := m.IntN(100); {
	case n < 10:
		return m.address()
	case n < 13:
		return setLink(uint32(1+m.IntN(devices+1)), m.IntN(3) > 0)
	case n < 53:
		return m.route()
	case n < 62:
		return m.unroute()
	case n < 80:
		return m.rule()
	case n < 85:
		return m.unrule()
	case n < 96:
		return m.nexthop()
	}
	return m.unnexthop()
}

// first are the addresses that every set begins with.
func first() (list [][]byte) {
	for i := range devices {
		a := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(1 + i), 1}), 24)
		list = append(list, addr(uapi.RTM_NEWADDR, uapi.NLM_F_CREATE|uapi.NLM_F_EXCL, a, uint32(i+2), true))
	}
	return list
}

func addr(typ, flags uint16, p netip.Prefix, index uint32, brd bool) []byte {
	r := netlink.NewMsg(typ, ack|flags)
	h := r.Grow(8)
	h[0], h[1] = uapi.AF_INET, uint8(p.Bits())
	binary.NativeEndian.PutUint32(h[4:], index)
	r.Addr(uapi.IFA_LOCAL, p.Addr())
	if brd && p.Bits() < 31 {
		a := p.Addr().As4()
		v := binary.BigEndian.Uint32(a[:]) | ^uint32(0)>>p.Bits()
		r.BE32(uapi.IFA_BROADCAST, v)
	}
	return r.Bytes()
}

func (m *maker) address() []byte {
	a := pick(m, "10.0.1.1/24", "10.0.1.2/24", "10.0.2.1/24", "10.0.2.2/24", "10.0.3.1/24", "10.0.3.3/32", "10.0.1.1/16", "10.0.1.9/32",
		"192.168.1.1/30", "192.168.1.2/31", "20.1.2.4/8", "127.3.3.3/8", "99.9.9.9/0")
	typ, flags := uint16(uapi.RTM_NEWADDR), pick(m, uint16(uapi.NLM_F_CREATE|uapi.NLM_F_EXCL), uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE)
	if m.one(4) {
		typ, flags = uapi.RTM_DELADDR, 0
	}
	return addr(typ, flags, netip.MustParsePrefix(a), uint32(1+m.IntN(devices+1)), !m.one(3))
}

func (m *maker) route() []byte {
	flags := pick(m, uint16(uapi.NLM_F_CREATE|uapi.NLM_F_EXCL), uapi.NLM_F_CREATE|uapi.NLM_F_EXCL, uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE,
		uapi.NLM_F_CREATE|uapi.NLM_F_APPEND, uapi.NLM_F_CREATE, uapi.NLM_F_REPLACE, uapi.NLM_F_APPEND)
	r := netlink.NewMsg(uapi.RTM_NEWROUTE, ack|flags)
	r.Grow(12)
	dst, table := m.net(), m.table()
	h := make([]byte, 12)
	h[0], h[1], h[3], h[4] = uapi.AF_INET, uint8(dst.Bits()), m.tos(), uint8(min(table, 252))
	if table < 256 {
		h[4] = uint8(table)
	}
	h[5] = pick(m, uint8(uapi.RTPROT_BOOT), uapi.RTPROT_BOOT, uapi.RTPROT_STATIC, 186, uapi.RTPROT_KERNEL)
	h[7] = pick(m, uint8(uapi.RTN_UNICAST), uapi.RTN_UNICAST, uapi.RTN_UNICAST, uapi.RTN_UNICAST, uapi.RTN_UNICAST, uint8(m.IntN(12)))
	if dst.Bits() > 0 {
		r.Addr(uapi.RTA_DST, dst.Addr())
	}
	r.U32(uapi.RTA_TABLE, table)
	if m.one(2) {
		r.U32(uapi.RTA_PRIORITY, uint32(m.IntN(4)*10))
	}
	m.way(r, h)
	if m.one(6) {
		r.Addr(uapi.RTA_PREFSRC, m.host())
	}
	if m.one(8) {
		m.metrics(r)
	}
	copy(r.Bytes()[netlink.HeaderLen:], h)
	m.routes = append(m.routes, r.Bytes())
	return r.Bytes()
}

// way adds where a route leads, and its scope.
func (m *maker) way(r *netlink.Msg, h []byte) {
	scope := uint8(uapi.RT_SCOPE_UNIVERSE)
	switch n := m.IntN(20); {
	case h[7] >= uapi.RTN_BLACKHOLE && h[7] <= uapi.RTN_THROW && !m.one(10): // no next hop
	case n < 8:
		r.Addr(uapi.RTA_GATEWAY, m.gateway())
		if m.one(2) {
			r.U32(uapi.RTA_OIF, m.oif())
		}
	case n < 12:
		scope = uapi.RT_SCOPE_LINK
		r.U32(uapi.RTA_OIF, m.oif())
	case n < 15:
		m.multipath(r)
	case n < 18:
		r.U32(uapi.RTA_NH_ID, uint32(1+m.IntN(7)))
	case n < 19:
		b := r.Reserve(uapi.RTA_VIA, 2+16)
		binary.NativeEndian.PutUint16(b, uapi.AF_INET6)
		copy(b[2:], netip.MustParseAddr("fe80::1").AsSlice())
		r.U32(uapi.RTA_OIF, m.oif())
	}
	if h[7] == uapi.RTN_LOCAL {
		scope = uapi.RT_SCOPE_HOST
	}
	if m.one(10) {
		scope = pick(m, uint8(0), 200, 253, 254, 255)
	}
	h[6] = scope
	if m.one(8) {
		binary.NativeEndian.PutUint32(h[8:], pick(m, uint32(uapi.RTNH_F_ONLINK), uapi.RTNH_F_ONLINK, uapi.RTNH_F_PERVASIVE, uapi.RTNH_F_DEAD, uapi.RTM_F_NOTIFY))
	}
}

func (m *maker) multipath(r *netlink.Msg) {
	mark := r.NestOld(uapi.RTA_MULTIPATH)
	for range 1 + m.IntN(3) {
		start := r.Mark()
		h := r.Grow(8)
		h[3] = uint8(m.IntN(4))
		if m.one(6) {
			h[2] = uapi.RTNH_F_ONLINK
		}
		if m.one(2) {
			binary.NativeEndian.PutUint32(h[4:], m.oif())
		}
		if !m.one(5) {
			r.Addr(uapi.RTA_GATEWAY, m.gateway())
		}
		r.End(start)
	}
	r.End(mark)
}

func (m *maker) metrics(r *netlink.Msg) {
	mark := r.NestOld(uapi.RTA_METRICS)
	for range 1 + m.IntN(2) {
		switch m.IntN(5) {
		case 0:
			r.U32(uapi.RTAX_MTU, pick(m, uint32(1400), 500, 1<<20))
		case 1:
			r.U32(uapi.RTAX_ADVMSS, pick(m, uint32(1200), 1<<17))
		case 2:
			r.U32(uapi.RTAX_LOCK, 1<<uapi.RTAX_MTU)
		case 3:
			r.U32(uapi.RTAX_HOPLIMIT, pick(m, uint32(64), 300))
		case 4:
			r.U32(uapi.RTAX_FEATURES, pick(m, uint32(1), 0x100))
		}
	}
	r.End(mark)
}

// retype returns a request as another type with other flags.
func retype(m []byte, typ, flags uint16) []byte {
	m = append([]byte(nil), m...)
	h := netlink.ParseHeader(m)
	h.Type, h.Flags = typ, flags
	h.Put(m)
	return m
}

func (m *maker) unroute() []byte {
	if len(m.routes) > 0 && !m.one(3) {
		r := retype(pick(m, m.routes...), uapi.RTM_DELROUTE, ack)
		if m.one(3) {
			r[netlink.HeaderLen+6] = uapi.RT_SCOPE_NOWHERE
		}
		return r
	}
	r := netlink.NewMsg(uapi.RTM_DELROUTE, ack)
	dst := m.net()
	copy(r.Grow(12), []byte{uapi.AF_INET, uint8(dst.Bits()), 0, 0, uint8(min(m.table(), 255)), 0, uapi.RT_SCOPE_NOWHERE, 0})
	if dst.Bits() > 0 {
		r.Addr(uapi.RTA_DST, dst.Addr())
	}
	switch m.IntN(4) {
	case 0:
		r.U32(uapi.RTA_OIF, m.oif())
	case 1:
		r.Addr(uapi.RTA_GATEWAY, m.gateway())
	case 2:
		r.U32(uapi.RTA_NH_ID, uint32(1+m.IntN(7)))
	}
	return r.Bytes()
}

func (m *maker) nexthop() []byte {
	flags := pick(m, uint16(uapi.NLM_F_CREATE|uapi.NLM_F_EXCL), uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE, uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE, uapi.NLM_F_REPLACE)
	r := netlink.NewMsg(uapi.RTM_NEWNEXTHOP, ack|flags)
	h := r.Grow(8)
	h[0], h[2] = uapi.AF_INET, pick(m, uint8(uapi.RTPROT_STATIC), 186, 0)
	r.U32(uapi.NHA_ID, uint32(1+m.IntN(7)))
	switch n := m.IntN(10); {
	case n < 5:
		if m.one(6) {
			binary.NativeEndian.PutUint32(r.Bytes()[netlink.HeaderLen+4:], uapi.RTNH_F_ONLINK)
		}
		r.U32(uapi.NHA_OIF, m.oif())
		r.Addr(uapi.NHA_GATEWAY, m.gateway())
	case n < 6:
		r.U32(uapi.NHA_OIF, m.oif())
	case n < 7:
		r.Flag(uapi.NHA_BLACKHOLE)
	default:
		r.Bytes()[netlink.HeaderLen] = uapi.AF_UNSPEC
		k := 1 + m.IntN(3)
		b := r.Reserve(uapi.NHA_GROUP, 8*k)
		for i, id := range m.Perm(7)[:k] {
			binary.NativeEndian.PutUint32(b[8*i:], uint32(id+1))
			b[8*i+4] = uint8(m.IntN(3))
		}
	}
	return r.Bytes()
}

func (m *maker) unnexthop() []byte {
	r := netlink.NewMsg(uapi.RTM_DELNEXTHOP, ack)
	r.Grow(8)
	r.U32(uapi.NHA_ID, uint32(1+m.IntN(8)))
	return r.Bytes()
}

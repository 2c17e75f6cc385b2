package ipv4_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"linen/net/netlink"
	"linen/uapi"
)

var routeTypes = []string{"none", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw", "nat"}

func typeOf(word string) (uint8, bool) {
	for t, name := range routeTypes {
		if t > 0 && name == word {
			return uint8(t), true
		}
	}
	return uapi.RTN_UNICAST, false
}

var tables = map[string]uint32{"local": 255, "main": 254, "default": 253}

func tableOf(s string) uint32 {
	if id, ok := tables[s]; ok {
		return id
	}
	return number(s)
}

// route sends what `ip route VERB` does, with ip's defaults of scope and table.
func (i *ip) route(verb string, w []string) string {
	typ := uint16(uapi.RTM_NEWROUTE)
	if verb == "del" {
		typ = uapi.RTM_DELROUTE
	}
	m := netlink.NewMsg(typ, verbs[verb]|uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	h := m.Grow(12)
	kind, named := typeOf(w[0])
	if named {
		w = w[1:]
	}
	a, plen := prefixOf(w[0])
	hdr := [12]byte{uapi.AF_INET, plen, 0, 0, uapi.RT_TABLE_MAIN, uapi.RTPROT_BOOT, 0, kind}
	if verb == "del" {
		hdr[5], hdr[6] = 0, uapi.RT_SCOPE_NOWHERE
		if !named {
			hdr[7] = 0
		}
	}
	if kind == uapi.RTN_LOCAL || kind == uapi.RTN_BROADCAST {
		hdr[4] = uapi.RT_TABLE_LOCAL
	}
	if plen > 0 {
		m.Addr(uapi.RTA_DST, a)
	}
	gateway, scoped := i.routeAttrs(m, &hdr, w[1:])
	if !scoped && verb != "del" {
		switch {
		case kind == uapi.RTN_LOCAL || kind == uapi.RTN_NAT:
			hdr[6] = uapi.RT_SCOPE_HOST
		case kind == uapi.RTN_BROADCAST || kind == uapi.RTN_MULTICAST || kind == uapi.RTN_ANYCAST:
			hdr[6] = uapi.RT_SCOPE_LINK
		case kind == uapi.RTN_UNICAST && !gateway:
			hdr[6] = uapi.RT_SCOPE_LINK
		}
	}
	_ = h
	copy(m.Bytes()[16:], hdr[:])
	_, failed := i.ask(m)
	return failed
}

// routeAttrs appends the attributes that the words stand for.
func (i *ip) routeAttrs(m *netlink.Msg, hdr *[12]byte, w []string) (gateway, scoped bool) {
	var metrics [20]uint32
	var cc string
	for j := 0; j < len(w); j += 2 {
		v := at(w, j+1)
		switch w[j] {
		case "via":
			gateway = true
			if v == "inet6" {
				b := m.Reserve(uapi.RTA_VIA, 18)
				binary.NativeEndian.PutUint16(b, uapi.AF_INET6)
				copy(b[2:], netip.MustParseAddr(w[j+2]).AsSlice())
				j++
				continue
			}
			m.Addr(uapi.RTA_GATEWAY, netip.MustParseAddr(v))
		case "dev":
			m.U32(uapi.RTA_OIF, i.index(v))
		case "src":
			m.Addr(uapi.RTA_PREFSRC, netip.MustParseAddr(v))
		case "realm", "realms":
			m.U32(uapi.RTA_FLOW, realms(v))
		case "metric":
			m.U32(uapi.RTA_PRIORITY, number(v))
		case "tos":
			hdr[3] = uint8(number("0x" + strings.TrimPrefix(v, "0x")))
		case "table":
			id := tableOf(v)
			hdr[4] = uint8(min(id, 252))
			if id < 256 {
				hdr[4] = uint8(id)
			}
			m.U32(uapi.RTA_TABLE, id)
		case "scope":
			hdr[6], scoped = scopes[v], true
		case "proto":
			hdr[5] = uint8(number(v))
		case "onlink":
			binary.NativeEndian.PutUint32(hdr[8:], uapi.RTNH_F_ONLINK)
			j--
		case "nhid":
			m.U32(uapi.RTA_NH_ID, number(v))
		case "mtu":
			if v == "lock" {
				metrics[uapi.RTAX_LOCK] = 1 << uapi.RTAX_MTU
				j++
				v = w[j+1]
			}
			metrics[uapi.RTAX_MTU] = number(v)
		case "advmss":
			metrics[uapi.RTAX_ADVMSS] = number(v)
		case "initcwnd":
			metrics[uapi.RTAX_INITCWND] = number(v)
		case "congctl":
			cc = v
		case "nexthop":
			i.nexthops(m, w[j:])
			return true, scoped
		}
	}
	mark := m.NestOld(uapi.RTA_METRICS)
	empty := m.Mark()
	for t, v := range metrics {
		if v != 0 {
			m.U32(uint16(t), v)
		}
	}
	if cc != "" {
		m.String(uapi.RTAX_CC_ALGO, cc)
	}
	if m.Mark() == empty {
		m.Cancel(mark)
	} else {
		m.End(mark)
	}
	return gateway, scoped
}

func (i *ip) nexthops(m *netlink.Msg, w []string) {
	mark := m.NestOld(uapi.RTA_MULTIPATH)
	for _, hop := range strings.Split(strings.Join(w, " "), "nexthop ")[1:] {
		start := m.Mark()
		h := m.Grow(8)
		f := strings.Fields(hop)
		for j := 0; j+1 < len(f); j += 2 {
			switch f[j] {
			case "weight":
				h[3] = uint8(number(f[j+1]) - 1)
			case "dev":
				binary.NativeEndian.PutUint32(h[4:], i.index(f[j+1]))
			}
		}
		for j := 0; j+1 < len(f); j += 2 {
			switch f[j] {
			case "via":
				m.Addr(uapi.RTA_GATEWAY, netip.MustParseAddr(f[j+1]))
			case "realm", "realms":
				m.U32(uapi.RTA_FLOW, realms(f[j+1]))
			}
		}
		m.End(start)
	}
	m.End(mark)
}

// nexthop sends what `ip nexthop add id N via GATEWAY dev NAME` does.
func (i *ip) nexthop(w []string) string {
	m := netlink.NewMsg(uapi.RTM_NEWNEXTHOP, verbs["add"]|uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Grow(8)[0] = uapi.AF_INET
	m.U32(uapi.NHA_ID, number(w[1]))
	m.Addr(uapi.NHA_GATEWAY, netip.MustParseAddr(w[3]))
	m.U32(uapi.NHA_OIF, i.index(w[5]))
	_, failed := i.ask(m)
	return failed
}

// realms reads "TO" or "FROM/TO".
func realms(s string) uint32 {
	if from, to, both := strings.Cut(s, "/"); both {
		return number(from)<<16 | number(to)
	}
	return number(s)
}

// realmText prints realms as ip does.
func realmText(v uint32) string {
	if v>>16 != 0 && v&0xffff == 0 {
		return fmt.Sprintf("realms %d/cosmos ", v>>16) // its name in rt_realms
	}
	if v>>16 != 0 {
		return fmt.Sprintf("realms %d/%d ", v>>16, v&0xffff)
	}
	return fmt.Sprintf("realm %d ", v)
}

func (i *ip) get(w []string) string {
	m := netlink.NewMsg(uapi.RTM_GETROUTE, uapi.NLM_F_REQUEST)
	m.Grow(12)
	hdr := [12]byte{uapi.AF_INET}
	flags := uint32(uapi.RTM_F_LOOKUP_TABLE)
	if w[0] == "fibmatch" {
		flags |= uapi.RTM_F_FIB_MATCH
		w = w[1:]
	}
	hdr[1] = 32
	m.Addr(uapi.RTA_DST, netip.MustParseAddr(w[0]))
	for j := 1; j+1 < len(w); j += 2 {
		switch v := w[j+1]; w[j] {
		case "from":
			hdr[2] = 32
			m.Addr(uapi.RTA_SRC, netip.MustParseAddr(v))
		case "iif":
			m.U32(uapi.RTA_IIF, i.index(v))
		case "oif":
			m.U32(uapi.RTA_OIF, i.index(v))
		case "mark":
			m.U32(uapi.RTA_MARK, number(v))
		case "tos":
			hdr[3] = uint8(number("0x" + strings.TrimPrefix(v, "0x")))
		case "ipproto":
			m.U8(uapi.RTA_IP_PROTO, map[string]uint8{"tcp": 6, "udp": 17, "icmp": 1}[v])
		case "sport":
			m.BE16(uapi.RTA_SPORT, uint16(number(v)))
		case "dport":
			m.BE16(uapi.RTA_DPORT, uint16(number(v)))
		case "uid":
			m.U32(uapi.RTA_UID, number(v))
		}
	}
	binary.NativeEndian.PutUint32(hdr[8:], flags)
	copy(m.Bytes()[16:], hdr[:])
	answers, failed := i.ask(m)
	var lines []string
	for _, a := range answers {
		lines = append(lines, i.printRoute(a, true))
	}
	return strings.Join(append(lines, failed), "\n")
}

func (i *ip) showRoutes(w []string) string {
	m := netlink.NewMsg(uapi.RTM_GETROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	h := m.Grow(12)
	h[0] = uapi.AF_INET
	all := at(w, 1) == "all"
	if !all {
		id := uint32(uapi.RT_TABLE_MAIN)
		if at(w, 0) == "table" {
			id = tableOf(w[1])
		}
		m.U32(uapi.RTA_TABLE, id)
	}
	answers, failed := i.ask(m)
	var lines []string
	for _, a := range answers {
		lines = append(lines, i.printRoute(a, all))
	}
	if failed != "" {
		lines = append(lines, failed)
	}
	return strings.Join(lines, "\n")
}

// printRoute prints a route as `ip route` does; tables says whether tables
// other than main are named.
func (i *ip) printRoute(msg []byte, tables bool) string {
	h := msg[16:28]
	var s strings.Builder
	tb := map[uint16]netlink.Attr{}
	netlink.EachAttr(msg[28:], func(a netlink.Attr) bool { tb[a.Type()] = a; return true })
	flags := binary.NativeEndian.Uint32(h[8:])
	if h[7] != uapi.RTN_UNICAST {
		s.WriteString(routeTypes[h[7]] + " ")
	}
	switch {
	case tb[uapi.RTA_DST].Present() && h[1] == 32:
		fmt.Fprintf(&s, "%v ", tb[uapi.RTA_DST].Addr())
	case tb[uapi.RTA_DST].Present():
		fmt.Fprintf(&s, "%v/%d ", tb[uapi.RTA_DST].Addr(), h[1])
	case h[1] == 0:
		s.WriteString("default ")
	}
	i.printNexthop(&s, h, tb, tables)
	if flags&uapi.RTM_F_CLONED != 0 {
		s.WriteString("\n    cache ")
		var names []string
		for _, f := range []struct {
			bit  uint32
			name string
		}{{0x80000000, "local"}, {0x40000, "redirected"}, {0x10000000, "brd"}, {0x20000000, "mc"}, {0x1000000, "redirect"}} {
			if flags&f.bit != 0 {
				names = append(names, f.name)
			}
		}
		if len(names) > 0 {
			s.WriteString("<" + strings.Join(names, ",") + "> ")
		}
	}
	i.printRest(&s, tb)
	return s.String()
}

func (i *ip) printNexthop(s *strings.Builder, h []byte, tb map[uint16]netlink.Attr, tables bool) {
	put := func(format string, typ uint16, v any) {
		if tb[typ].Present() {
			fmt.Fprintf(s, format+" ", v)
		}
	}
	flags := binary.NativeEndian.Uint32(h[8:])
	put("from %v", uapi.RTA_SRC, tb[uapi.RTA_SRC].Addr())
	if h[3] != 0 {
		fmt.Fprintf(s, "tos 0x%02x ", h[3])
	}
	put("via %v", uapi.RTA_GATEWAY, tb[uapi.RTA_GATEWAY].Addr())
	if v := tb[uapi.RTA_VIA]; v.Present() {
		fmt.Fprintf(s, "via inet6 %v ", netip.AddrFrom16([16]byte(v.Bytes()[2:])))
	}
	put("dev %s", uapi.RTA_OIF, i.name(tb[uapi.RTA_OIF].U32()))
	if id := tb[uapi.RTA_TABLE].U32(); tables && id != 254 && id != 0 {
		name := fmt.Sprint(id)
		if id == 255 {
			name = "local"
		}
		fmt.Fprintf(s, "table %s ", name)
	}
	if flags&uapi.RTM_F_CLONED == 0 {
		if h[5] == uapi.RTPROT_KERNEL {
			s.WriteString("proto kernel ")
		}
		if name := map[uint8]string{253: "link", 254: "host"}[h[6]]; name != "" {
			fmt.Fprintf(s, "scope %s ", name)
		}
	}
	put("src %v", uapi.RTA_PREFSRC, tb[uapi.RTA_PREFSRC].Addr())
	put("metric %d", uapi.RTA_PRIORITY, tb[uapi.RTA_PRIORITY].U32())
	for _, f := range []struct {
		bit  uint32
		name string
	}{{uapi.RTNH_F_DEAD, "dead"}, {uapi.RTNH_F_ONLINK, "onlink"}, {uapi.RTNH_F_LINKDOWN, "linkdown"}, {uapi.RTM_F_OFFLOAD_FAILED, "rt_offload_failed"}} {
		if flags&f.bit != 0 {
			s.WriteString(f.name + " ")
		}
	}
	if v := tb[uapi.RTA_MARK].U32(); v != 0 {
		fmt.Fprintf(s, "mark %d ", v)
	}
	if v := tb[uapi.RTA_FLOW].U32(); v != 0 {
		s.WriteString(realmText(v))
	}
	put("uid %d", uapi.RTA_UID, tb[uapi.RTA_UID].U32())
}

// printRest prints metrics, the input device and multipath.
func (i *ip) printRest(s *strings.Builder, tb map[uint16]netlink.Attr) {
	if ci := tb[uapi.RTA_CACHEINFO]; ci.Present() {
		if left := binary.NativeEndian.Uint32(ci.Bytes()[8:]); left != 0 {
			fmt.Fprintf(s, "expires %dsec ", left/100)
		}
	}
	lock := uint32(0)
	names := map[uint16]string{2: "mtu", 8: "advmss", 11: "initcwnd"}
	tb[uapi.RTA_METRICS].Each(func(a netlink.Attr) bool {
		if a.Type() == uapi.RTAX_LOCK {
			lock = a.U32()
		} else if n := names[a.Type()]; n != "" {
			if lock&(1<<a.Type()) != 0 {
				n += " lock"
			}
			fmt.Fprintf(s, "%s %d ", n, a.U32())
		}
		return true
	})
	if v := tb[uapi.RTA_IIF]; v.Present() {
		fmt.Fprintf(s, "iif %s ", i.name(v.U32()))
	}
	for p := tb[uapi.RTA_MULTIPATH].Bytes(); len(p) >= 8; {
		n := int(binary.NativeEndian.Uint16(p))
		s.WriteString("\n\tnexthop ")
		netlink.EachAttr(p[8:n], func(a netlink.Attr) bool {
			if a.Type() == uapi.RTA_GATEWAY {
				fmt.Fprintf(s, "via %v ", a.Addr())
			}
			if a.Type() == uapi.RTA_FLOW {
				s.WriteString(realmText(a.U32()))
			}
			return true
		})
		fmt.Fprintf(s, "dev %s weight %d ", i.name(binary.NativeEndian.Uint32(p[4:])), int(p[3])+1)
		if p[2]&uapi.RTNH_F_DEAD != 0 {
			s.WriteString("dead ")
		}
		if p[2]&uapi.RTNH_F_LINKDOWN != 0 {
			s.WriteString("linkdown ")
		}
		p = p[netlink.Align(n):]
	}
}

package badpackets

import (
	"fmt"
	"net/netip"
	"strings"

	"linen/net/netlink"
	"linen/uapi"
)

// mrouteMsg is a request about an entry: its header, then attributes.
func mrouteMsg(typ, flags uint16, change func(h *uapi.RtMsg), attrs ...func(m machine, msg *netlink.Msg)) func(m machine) *netlink.Msg {
	return func(m machine) *netlink.Msg {
		msg := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|flags)
		h := uapi.RtMsg{Family: uapi.RTNL_FAMILY_IPMR, DstLen: 32, SrcLen: 32}
		if typ != uapi.RTM_GETROUTE {
			h.Protocol, h.Type = uapi.RTPROT_STATIC, uapi.RTN_MULTICAST
		}
		if change != nil {
			change(&h)
		}
		msg.Put(h.Append(nil))
		for _, a := range attrs {
			a(m, msg)
		}
		return msg
	}
}

type attr = func(m machine, msg *netlink.Msg)

func addrAttr(typ uint16, a string) attr {
	return func(_ machine, msg *netlink.Msg) { msg.Addr(typ, netip.MustParseAddr(a)) }
}

func numAttr(typ uint16, v uint32) attr { return func(_ machine, msg *netlink.Msg) { msg.U32(typ, v) } }

func devAttr(typ uint16, dev string) attr {
	return func(m machine, msg *netlink.Msg) { msg.U32(typ, uint32(m.index(dev))) }
}

// hops is RTA_MULTIPATH with a threshold for VIF 0, 1 and so on.
func hops(ttls ...byte) attr {
	return func(_ machine, msg *netlink.Msg) {
		var b []byte
		for _, t := range ttls {
			b = append(b, 8, 0, 0, t, 0, 0, 0, 0)
		}
		msg.Attr(uapi.RTA_MULTIPATH, b)
	}
}

// mrouteCases: the cache by rtnetlink, of RTNL_FAMILY_IPMR.
func mrouteCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		setup = append(append([]step{}, setup...), listens(uapi.RTNLGRP_IPV4_MROUTE, uapi.RTNLGRP_IPV4_MROUTE_R))
		list = append(list, testCase{name: "mroute: " + name, setup: setup, steps: append(steps, told)})
	}
	const get, put, del = uapi.RTM_GETROUTE, uapi.RTM_NEWROUTE, uapi.RTM_DELROUTE
	const made, dump = uapi.NLM_F_ACK | uapi.NLM_F_CREATE, uapi.NLM_F_DUMP
	one := with(mrouted, routes("10.0.0.2", "239.1.1.1", 0, 0, 4))
	data := ip{dst: "239.1.1.1"}.udp(1, 9, seq(8))
	src, dst := addrAttr(uapi.RTA_SRC, "10.0.0.2"), addrAttr(uapi.RTA_DST, "239.1.1.1")
	iif := devAttr(uapi.RTA_IIF, "eth0")
	none := func(h *uapi.RtMsg) { h.DstLen, h.SrcLen = 0, 0 }
	table := func(t uint8) func(h *uapi.RtMsg) { return func(h *uapi.RtMsg) { none(h); h.Table = t } }

	add("entry made, changed and removed", mrouted, routes("10.0.0.2", "239.1.1.1", 0, 0, 4), rx(data), routes("10.0.0.2", "239.1.1.1", 0, 3, 1),
		by(0, option(uapi.IPPROTO_IP, uapi.MRT_DEL_MFC, entry("10.0.0.2", "239.1.1.1", 0))))
	add("entries for any, made and removed", mrouted, by(0, option(uapi.IPPROTO_IP, uapi.MRT_ADD_MFC_PROXY, entry("", "239.1.1.1", 0, 1, 1))),
		by(0, option(uapi.IPPROTO_IP, uapi.MRT_ADD_MFC_PROXY, entry("", "", 1, 1, 1))), asks("dump", mrouteMsg(get, dump, none)),
		by(0, option(uapi.IPPROTO_IP, uapi.MRT_DEL_MFC_PROXY, entry("", "", 1))), by(0, option(uapi.IPPROTO_IP, uapi.MRT_DEL_MFC_PROXY, entry("", "239.1.1.1", 0))))
	add("MRT_FLUSH of entries", one, asks("static", mrouteMsg(put, made, nil, src, addrAttr(uapi.RTA_DST, "239.1.1.2"), iif, hops(0, 3))), told,
		by(0, setIP(uapi.MRT_FLUSH, uapi.MRT_FLUSH_MFC)), asks("dump", mrouteMsg(get, dump, none)), told, by(0, setIP(uapi.MRT_FLUSH, uapi.MRT_FLUSH_MFC_STATIC)))
	add("MRT_FLUSH of interfaces", one, by(0, setIP(uapi.MRT_FLUSH, uapi.MRT_FLUSH_VIFS)), shows("ip_mr_vif", 1), asks("dump", mrouteMsg(get, dump, none)))
	add("the daemon's end and a static entry", one, asks("static", mrouteMsg(put, made, nil, src, addrAttr(uapi.RTA_DST, "239.1.1.2"), iif, hops(0, 3))), told,
		closes, asks("dump", mrouteMsg(get, dump, none)))
	add("a link goes down", one, func(r *run) error { return r.m.ask(downMsg(r.m.index("eth1"))) }, asks("dump", mrouteMsg(get, dump, none)), rx(data), shows("ip_mr_cache", 1), shows("ip_mr_vif", 1))

	for _, c := range []struct {
		name string
		msg  func(m machine) *netlink.Msg
	}{
		{"of the entry", mrouteMsg(get, 0, nil, src, dst)}, {"with prefixes of 0 bits", mrouteMsg(get, 0, none, src, dst)}, {"of no entry", mrouteMsg(get, 0, nil, src, addrAttr(uapi.RTA_DST, "239.1.1.9"))},
		{"without a group", mrouteMsg(get, 0, func(h *uapi.RtMsg) { h.DstLen = 0 }, src)}, {"without an origin", mrouteMsg(get, 0, func(h *uapi.RtMsg) { h.SrcLen = 0 }, dst)}, {"with a prefix of 24 bits", mrouteMsg(get, 0, func(h *uapi.RtMsg) { h.DstLen = 24 }, src, dst)}, {"without prefixes' lengths", mrouteMsg(get, 0, func(h *uapi.RtMsg) { h.DstLen = 0 }, src, dst)},
		{"in table 99", mrouteMsg(get, 0, nil, src, dst, numAttr(uapi.RTA_TABLE, 99))}, {"in table 253", mrouteMsg(get, 0, nil, src, dst, numAttr(uapi.RTA_TABLE, 253))}, {"with another attribute", mrouteMsg(get, 0, nil, src, dst, numAttr(uapi.RTA_OIF, 2))},
		{"with a type", mrouteMsg(get, 0, func(h *uapi.RtMsg) { h.Type = uapi.RTN_MULTICAST }, src, dst)}, {"with a table in the header", mrouteMsg(get, 0, func(h *uapi.RtMsg) { h.Table = 253 }, src, dst)}, {"with flags", mrouteMsg(get, 0, func(h *uapi.RtMsg) { h.Flags = 1 }, src, dst)},
		{"short", func(machine) *netlink.Msg {
			m := netlink.NewMsg(get, uapi.NLM_F_REQUEST)
			m.Put([]byte{128, 0, 0, 0})
			return m
		}},
	} {
		add("RTM_GETROUTE "+c.name, one, asks("get", c.msg))
	}
	for _, c := range []struct {
		name string
		msg  func(m machine) *netlink.Msg
	}{
		{"all", mrouteMsg(get, dump, none)}, {"table 253", mrouteMsg(get, dump, table(253))}, {"table 99", mrouteMsg(get, dump, table(99))}, {"RTA_TABLE 253", mrouteMsg(get, dump, none, numAttr(uapi.RTA_TABLE, 253))},
		{"RTA_TABLE 99", mrouteMsg(get, dump, none, numAttr(uapi.RTA_TABLE, 99))}, {"a link that it leaves by", mrouteMsg(get, dump, none, devAttr(uapi.RTA_OIF, "eth1"))}, {"a link that it comes by", mrouteMsg(get, dump, none, devAttr(uapi.RTA_OIF, "eth0"))},
		{"no link", mrouteMsg(get, dump, none, numAttr(uapi.RTA_OIF, 99))}, {"a group", mrouteMsg(get, dump, none, dst)}, {"with prefixes' lengths", mrouteMsg(get, dump, nil)}, {"protocol static", mrouteMsg(get, dump, func(h *uapi.RtMsg) { none(h); h.Protocol = uapi.RTPROT_STATIC })},
		{"type multicast", mrouteMsg(get, dump, func(h *uapi.RtMsg) { none(h); h.Type = uapi.RTN_MULTICAST })}, {"type unicast", mrouteMsg(get, dump, func(h *uapi.RtMsg) { none(h); h.Type = uapi.RTN_UNICAST })},
	} {
		add("dump, "+c.name, one, rx(ip{dst: "239.1.1.2"}.udp(1, 9, seq(8))), asks("dump", c.msg))
	}
	head := func(f func(h *uapi.RtMsg)) func(m machine) *netlink.Msg {
		return mrouteMsg(put, made, f, src, dst, iif, hops(0, 3))
	}
	for _, c := range []struct {
		name string
		msg  func(m machine) *netlink.Msg
	}{
		{"static", head(nil)}, {"mrouted", head(func(h *uapi.RtMsg) { h.Protocol = uapi.RTPROT_MROUTED })}, {"protocol boot", head(func(h *uapi.RtMsg) { h.Protocol = uapi.RTPROT_BOOT })}, {"type unicast", head(func(h *uapi.RtMsg) { h.Type = uapi.RTN_UNICAST })},
		{"scope link", head(func(h *uapi.RtMsg) { h.Scope = uapi.RT_SCOPE_LINK })}, {"group of 24 bits", head(func(h *uapi.RtMsg) { h.DstLen = 24 })}, {"origin of 24 bits", head(func(h *uapi.RtMsg) { h.SrcLen = 24 })}, {"in table 99", mrouteMsg(put, made, nil, src, dst, iif, numAttr(uapi.RTA_TABLE, 99))},
		{"without an origin", mrouteMsg(put, made, nil, dst, iif, hops(0, 3))}, {"without a group", mrouteMsg(put, made, nil, src, iif, hops(0, 3))}, {"without a link", mrouteMsg(put, made, nil, src, dst, hops(0, 3))}, {"link without a VIF", mrouteMsg(put, made, nil, src, dst, devAttr(uapi.RTA_IIF, "lo"), hops(0, 3))}, {"no such link", mrouteMsg(put, made, nil, src, dst, numAttr(uapi.RTA_IIF, 99))},
		{"no group", mrouteMsg(put, made, nil, src, addrAttr(uapi.RTA_DST, "10.9.9.9"), iif)}, {"without hops", mrouteMsg(put, made, nil, src, dst, iif)}, {"proxy", mrouteMsg(put, made, nil, addrAttr(uapi.RTA_SRC, "0.0.0.0"), dst, iif, hops(1, 3), addrAttr(uapi.RTA_PREFSRC, "0.0.0.0"))},
		{"hops of 7 bytes", mrouteMsg(put, made, nil, src, dst, iif, func(_ machine, m *netlink.Msg) { m.Attr(uapi.RTA_MULTIPATH, []byte{7, 0, 0, 1, 0, 0, 0, 0}) })}, {"hops cut", mrouteMsg(put, made, nil, src, dst, iif, func(_ machine, m *netlink.Msg) { m.Attr(uapi.RTA_MULTIPATH, append(hop(0), 8, 0, 0, 1)) })}, {"33 hops", mrouteMsg(put, made, nil, src, dst, iif, hops(make([]byte, 33)...))},
	} {
		add("RTM_NEWROUTE "+c.name, mrouted, asks("new", c.msg), rx(data), asks("dump", mrouteMsg(get, dump, none)))
		add("RTM_DELROUTE "+c.name, one, asks("delete", asDelete(c.msg)))
	}
	add("RTM_NEWROUTE without a daemon", mrouted[:1], asks("new", head(nil)), asks("dump", mrouteMsg(get, dump, none)))
	add("RTM_GETLINK", with(one, by(0, setIP(uapi.MRT_PIM, 1)), registers), rx(data, ip{dst: "239.1.1.2"}.udp(1, 9, seq(8))), asks("links", func(machine) *netlink.Msg {
		m := netlink.NewMsg(uapi.RTM_GETLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
		m.Put((&uapi.IfInfomsg{Family: uapi.RTNL_FAMILY_IPMR}).Append(nil))
		return m
	}))
	return append(list, mruleCases()...)
}

// exists notes whether there is an interface.
func exists(dev string) step {
	return func(r *run) error {
		text, err := r.m.read("dev")
		r.said = append(r.said, fmt.Sprintf("%s: %t", dev, strings.Contains(text, dev+":")))
		return err
	}
}

func hop(ttl byte) []byte { return []byte{8, 0, 0, ttl, 0, 0, 0, 0} }

// asDelete makes RTM_DELROUTE of RTM_NEWROUTE.
func asDelete(f func(m machine) *netlink.Msg) func(m machine) *netlink.Msg {
	return func(m machine) *netlink.Msg {
		d := netlink.NewMsg(uapi.RTM_DELROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
		d.Put(f(m).Bytes()[netlink.HeaderLen:])
		return d
	}
}

// downMsg sets an interface down.
func downMsg(dev int) *netlink.Msg {
	m := netlink.NewMsg(uapi.RTM_NEWLINK, request)
	m.Put((&uapi.IfInfomsg{Index: int32(dev), Change: uapi.IFF_UP}).Append(nil))
	return m
}

// mruleCases: several tables, and the rules that choose one (ip-mroute(8)).
func mruleCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		setup = append(append([]step{}, setup...), listens(uapi.RTNLGRP_IPV4_MROUTE, uapi.RTNLGRP_IPV4_MROUTE_R, uapi.RTNLGRP_IPV4_RULE))
		list = append(list, testCase{name: "mrule: " + name, setup: setup, steps: append(steps, told)})
	}
	rule := func(typ uint16, flags uint16, action uint8, attrs ...attr) func(m machine) *netlink.Msg {
		return func(m machine) *netlink.Msg {
			msg := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|flags)
			msg.Put((&uapi.FibRuleHdr{Family: uapi.RTNL_FAMILY_IPMR, Action: action}).Append(nil))
			for _, a := range attrs {
				a(m, msg)
			}
			return msg
		}
	}
	const made = uapi.NLM_F_ACK | uapi.NLM_F_CREATE | uapi.NLM_F_EXCL
	fromEth1 := func(_ machine, m *netlink.Msg) { m.String(uapi.FRA_IIFNAME, "eth1") }
	lookup := func(t uint32, more ...attr) step {
		return asks("rule", rule(uapi.RTM_NEWRULE, made, uapi.FR_ACT_TO_TBL, append(more, numAttr(uapi.FRA_TABLE, t))...))
	}
	dump := asks("rules", rule(uapi.RTM_GETRULE, uapi.NLM_F_DUMP, 0))
	// A second daemon, for table 100.
	second := func(r *run) error {
		n := len(r.socks)
		for _, s := range []step{daemonSocket, by(n, setIP(uapi.MRT_TABLE, 100)), by(n, daemonInit), by(n, vif(0, "eth1", 1)), by(n, vif(1, "eth0", 1)),
			by(n, option(uapi.IPPROTO_IP, uapi.MRT_ADD_MFC, entry("10.0.1.2", "239.1.1.1", 0, 0, 1)))} {
			if err := s(r); err != nil {
				return err
			}
		}
		return nil
	}
	data := ip{src: "10.0.1.2", dst: "239.1.1.1"}.udp(1, 9, seq(8))
	routesDump := asks("dump", mrouteMsg(uapi.RTM_GETROUTE, uapi.NLM_F_DUMP, func(h *uapi.RtMsg) { h.DstLen, h.SrcLen = 0, 0 }))
	add("the first", mrouted[:1], dump)
	add("MRT_TABLE after MRT_INIT", mrouted, sets(uapi.IPPROTO_IP, uapi.MRT_TABLE, u32(100)), sets(uapi.IPPROTO_IP, uapi.MRT_TABLE, u32(253)))
	add("MRT_TABLE of numbers", with(mrouted[:1], daemonSocket), sets(uapi.IPPROTO_IP, uapi.MRT_TABLE, u32(0)), sets(uapi.IPPROTO_IP, uapi.MRT_TABLE, u32(999999999)), sets(uapi.IPPROTO_IP, uapi.MRT_TABLE, u32(1000000000)),
		sets(uapi.IPPROTO_IP, uapi.MRT_TABLE, u32(254)), sets(uapi.IPPROTO_IP, uapi.MRT_TABLE, []byte{100, 0, 0}), sets(uapi.IPPROTO_IP, uapi.MRT_TABLE, []byte{100, 0, 0, 0, 0, 0, 0, 0}))
	add("a table without a rule", with(mrouted, second), rx1(data), toDaemon, by(1, hears), routesDump)
	add("a link's table", with(mrouted, second), lookup(100, fromEth1), told, rx1(data), rx(ip{dst: "239.1.1.1"}.udp(1, 9, seq(8))), toDaemon, by(1, hears), routesDump, dump)
	add("a link's table, upcall and register", with(mrouted, second, by(1, setIP(uapi.MRT_PIM, 1))), lookup(100, fromEth1), told,
		by(1, option(uapi.IPPROTO_IP, uapi.MRT_ADD_VIF, (&uapi.Vifctl{Vifi: 2, Flags: uapi.VIFF_REGISTER, Threshold: 1}).Append(nil))), exists("pimreg100"), exists("pimreg"),
		rx1(ip{src: "10.0.1.2", dst: "239.1.1.2"}.udp(1, 9, seq(8))), toDaemon, by(1, hears))
	add("a rule for a table that is not there", mrouted, lookup(77, fromEth1), rx1(data), toDaemon)
	add("prohibit", mrouted, asks("rule", rule(uapi.RTM_NEWRULE, made, uapi.FR_ACT_PROHIBIT, fromEth1)), rx1(data), toDaemon)
	add("blackhole for what is sent here", with(mrouted, routes("10.0.0.1", "239.1.1.1", 0, 0, 1), open(uapi.SOCK_DGRAM, 0, "10.0.0.1:9", ""), option(uapi.IPPROTO_IP, uapi.IP_MULTICAST_IF, []byte{10, 0, 0, 1})),
		asks("rule", rule(uapi.RTM_NEWRULE, made, uapi.FR_ACT_BLACKHOLE, func(_ machine, m *netlink.Msg) { m.String(uapi.FRA_IIFNAME, "lo") })), sends("239.1.1.1:9", 4), toDaemon)
	add("no rule", mrouted, asks("delete", rule(uapi.RTM_DELRULE, uapi.NLM_F_ACK, uapi.FR_ACT_TO_TBL, numAttr(uapi.FRA_PRIORITY, 32767))), dump, rx1(data), toDaemon)
	add("a rule twice", mrouted, lookup(100, fromEth1), lookup(100, fromEth1), asks("delete", rule(uapi.RTM_DELRULE, uapi.NLM_F_ACK, uapi.FR_ACT_TO_TBL, fromEth1)), asks("delete", rule(uapi.RTM_DELRULE, uapi.NLM_F_ACK, uapi.FR_ACT_TO_TBL, fromEth1)))
	add("a daemon's end leaves its table", with(mrouted, second), func(r *run) error { r.socks[0], r.socks[1] = r.socks[1], r.socks[0]; return closes(r) }, routesDump, asks("links", func(machine) *netlink.Msg {
		m := netlink.NewMsg(uapi.RTM_GETLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
		m.Put((&uapi.IfInfomsg{Family: uapi.RTNL_FAMILY_IPMR}).Append(nil))
		return m
	}))
	return list
}

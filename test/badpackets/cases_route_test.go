package badpackets

import (
	"fmt"
	"net/netip"

	"linen/net/netlink"
	"linen/uapi"
)

// routeBy is a route by a device, in a table.
func routeBy(typ uint8, dst, dev string, table uint8) step {
	return func(r *run) error {
		p := netip.MustParsePrefix(dst)
		m := netlink.NewMsg(uapi.RTM_NEWROUTE, create)
		hdr := uapi.RtMsg{Family: uapi.AF_INET, DstLen: uint8(p.Bits()), Table: table, Protocol: uapi.RTPROT_BOOT, Type: typ}
		switch typ { // the widest that the type may have
		case uapi.RTN_UNICAST, uapi.RTN_BROADCAST, uapi.RTN_ANYCAST:
			if dev != "" {
				hdr.Scope = uapi.RT_SCOPE_LINK
			}
		case uapi.RTN_LOCAL:
			hdr.Scope = uapi.RT_SCOPE_HOST
		}
		m.Put(hdr.Append(nil))
		m.Addr(uapi.RTA_DST, p.Addr())
		if dev != "" {
			m.U32(uapi.RTA_OIF, uint32(r.m.index(dev)))
		}
		return r.m.ask(m)
	}
}

// rule sends the packets of a priority to a table.
func rule(pref uint32, action, table uint8) step {
	return func(r *run) error {
		m := netlink.NewMsg(uapi.RTM_NEWRULE, create)
		m.Put([]byte{uapi.AF_INET, 0, 0, 0, table, 0, 0, action, 0, 0, 0, 0})
		m.U32(uapi.FRA_PRIORITY, pref)
		return r.m.ask(m)
	}
}

// routeTypeCases are what the types of routes do to packets: this host's, and
// those of others (ip-route(8)).
func routeTypeCases() (list []testCase) {
	forward := sysctl("net.ipv4.ip_forward", "1")
	to := ip{dst: "192.0.2.1"}.udp(1, 9, seq(8))
	open := []step{forward, clientAt}
	for _, t := range []struct {
		name string
		add  step
	}{
		{"unicast", routeBy(uapi.RTN_UNICAST, "192.0.2.0/24", "eth1", uapi.RT_TABLE_MAIN)},
		{"local", routeBy(uapi.RTN_LOCAL, "192.0.2.0/24", "lo", uapi.RT_TABLE_MAIN)},
		{"local of a link", routeBy(uapi.RTN_LOCAL, "192.0.2.0/24", "eth1", uapi.RT_TABLE_MAIN)},
		{"broadcast", routeBy(uapi.RTN_BROADCAST, "192.0.2.0/24", "eth1", uapi.RT_TABLE_MAIN)},
		{"anycast", routeBy(uapi.RTN_ANYCAST, "192.0.2.0/24", "eth1", uapi.RT_TABLE_MAIN)},
		{"multicast", routeBy(uapi.RTN_MULTICAST, "192.0.2.0/24", "eth1", uapi.RT_TABLE_MAIN)},
		{"blackhole", route(uapi.RTN_BLACKHOLE, "192.0.2.0/24", "")},
		{"unreachable", route(uapi.RTN_UNREACHABLE, "192.0.2.0/24", "")},
		{"prohibit", route(uapi.RTN_PROHIBIT, "192.0.2.0/24", "")},
		{"throw", route(uapi.RTN_THROW, "192.0.2.0/24", "")},
	} {
		with := append(open[:len(open):len(open)], t.add)
		list = append(list,
			testCase{name: "route " + t.name + ": sent", setup: with, steps: []step{sends("192.0.2.1:6000", 4), connects("192.0.2.1:6000")}},
			testCase{name: "route " + t.name + ": sent to everybody", setup: append(with[:len(with):len(with)], option(uapi.SOL_SOCKET, uapi.SO_BROADCAST, u32(1))),
				steps: []step{sends("192.0.2.1:6000", 4)}},
			testCase{name: "route " + t.name + ": forwarded", setup: with, steps: []step{rx(to)}},
			testCase{name: "route " + t.name + ": a source", setup: append(with[:len(with):len(with)], sysctl("net.ipv4.conf.eth0.rp_filter", "2")),
				steps: []step{rx(ip{src: "192.0.2.1", dst: "10.0.1.2"}.udp(1, 9, seq(8)))}})
	}
	list = append(list, testCase{name: "route nat: refused", setup: []step{rawAt}, steps: []step{func(r *run) error {
		r.said = append(r.said, "add: "+errName(routeBy(uapi.RTN_NAT, "192.0.2.0/24", "eth1", uapi.RT_TABLE_MAIN)(r)))
		return nil
	}}})
	for _, t := range []struct {
		name string
		typ  uint8
	}{{"throw", uapi.RTN_THROW}, {"blackhole", uapi.RTN_BLACKHOLE}, {"unreachable", uapi.RTN_UNREACHABLE}, {"prohibit", uapi.RTN_PROHIBIT}} {
		with := append(open[:len(open):len(open)], rule(100, uapi.FR_ACT_TO_TBL, 100), routeBy(t.typ, "192.0.2.0/24", "", 100), route(uapi.RTN_UNICAST, "192.0.2.0/24", "10.0.1.2"))
		list = append(list, testCase{name: "route " + t.name + " before another rule's", setup: with, steps: []step{sends("192.0.2.1:6000", 4), rx(to)}})
	}
	for _, a := range []struct {
		name   string
		action uint8
	}{{"blackhole", uapi.FR_ACT_BLACKHOLE}, {"unreachable", uapi.FR_ACT_UNREACHABLE}, {"prohibit", uapi.FR_ACT_PROHIBIT}} {
		list = append(list, testCase{name: "rule " + a.name, setup: append(open[:len(open):len(open)], rule(100, a.action, 0)), steps: []step{sends("10.0.1.2:6000", 4), rx(ip{dst: "10.0.1.2"}.udp(1, 9, seq(8)))}})
	}
	return list
}

// replyCases are the kernel's own messages: which control socket sent them is
// not seen, what it is like is (RFC 792, RFC 1191 §3).
func replyCases() (list []testCase) {
	learned := []step{udpClient, rx(ip{}.icmp(3, 4, 600, ours.udp(5000, 6000, seq(32)).bytes()))}
	echo := func(n int, frag uint16) step { return rx(ip{frag: frag}.icmp(8, 0, 0x00010001, seq(n))) }
	large := ip{}.icmp(8, 0, 0x00010001, seq(2000))
	closed := rx(ip{}.udp(1, 9, seq(600)))
	for v := range 4 {
		disc := sysctl("net.ipv4.ip_no_pmtu_disc", fmt.Sprint(v))
		list = append(list,
			testCase{name: fmt.Sprintf("reply: ip_no_pmtu_disc %d", v), setup: []step{disc}, steps: []step{echo(16, 0), echo(16, df), closed}},
			testCase{name: fmt.Sprintf("reply: longer than the path, ip_no_pmtu_disc %d", v), setup: append(learned[:2:2], disc), steps: []step{echo(1000, 0), echo(1000, df), closed}})
	}
	return append(list,
		testCase{name: "reply: in fragments", steps: []step{rx(large.fragment(0, 1480, true), large.fragment(1480, 528, false))}},
		testCase{name: "reply: in smaller fragments", steps: []step{rx(large.fragment(0, 800, true), large.fragment(800, 800, true), large.fragment(1600, 408, false))}},
		testCase{name: "reply: ip_default_ttl", setup: []step{sysctl("net.ipv4.ip_default_ttl", "99")}, steps: []step{echo(16, 0), closed}},
		testCase{name: "reply: type of service", steps: []step{rx(ip{tos: 0x13}.echo(), ip{tos: 0x13}.udp(1, 9, seq(8)))}},
		testCase{name: "reply: the kernel's sockets are not listed", steps: []step{echo(16, 0), shows("raw", 1), shows("icmp", 1), shows("udp", 1)}},
	)
}

package badpackets

import (
	"fmt"
	"net/netip"
	"time"

	"linen/uapi"
)

// The daemon of multicast routing is the first socket of these cases.
var (
	daemonSocket = open(uapi.SOCK_RAW, uapi.IPPROTO_IGMP, "", "")
	daemonInit   = setIP(uapi.MRT_INIT, 1)
	mrouted      = []step{sysctl("net.ipv4.ip_forward", "1"), daemonSocket, daemonInit, vif(0, "eth0", 1), vif(1, "eth1", 1)}
	toDaemon     = by(0, hears)
)

// with is a setup and more.
func with(setup []step, more ...step) []step { return append(setup[:len(setup):len(setup)], more...) }

// routes makes an entry by the daemon: from a VIF to VIFs 0, 1 and so on, with
// thresholds.
func routes(origin, group string, parent uint16, ttls ...uint8) step {
	return by(0, option(uapi.IPPROTO_IP, uapi.MRT_ADD_MFC, entry(origin, group, parent, ttls...)))
}

// entry is a struct mfcctl; "" is any.
func entry(origin, group string, parent uint16, ttls ...uint8) []byte {
	any4 := func(s string) (a [4]byte) {
		if s != "" {
			a = netip.MustParseAddr(s).As4()
		}
		return a
	}
	m := uapi.Mfcctl{Origin: any4(origin), Group: any4(group), Parent: parent}
	copy(m.TTLs[:], ttls)
	return m.Append(nil)
}

// registers makes VIF 2, the register device.
var registers = by(0, option(uapi.IPPROTO_IP, uapi.MRT_ADD_VIF, (&uapi.Vifctl{Vifi: 2, Flags: uapi.VIFF_REGISTER, Threshold: 1}).Append(nil)))

// upcallCases: what the daemon and the groups of rtnetlink are told of packets
// (linux/mroute.h).
func upcallCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		setup = append(append([]step{}, setup...), listens(uapi.RTNLGRP_IPV4_MROUTE, uapi.RTNLGRP_IPV4_MROUTE_R))
		list = append(list, testCase{name: "mroute: " + name, setup: setup, steps: append(steps, toDaemon, told)})
	}
	group := ip{dst: "239.1.1.1"}
	data := group.udp(1, 9, seq(8))
	add("no entry", mrouted, rx(data), shows("ip_mr_cache", 1))
	add("no entry, three packets", mrouted, rx(data, data, data))
	add("no entry, by the other link", mrouted, rx1(data))
	add("no entry, IP options", mrouted, rx(ip{dst: "239.1.1.1", opts: []byte{7, 7, 4, 0, 0, 0, 0, 0}}.udp(1, 9, seq(8))))
	add("no entry, a fragment", mrouted, rx(data.fragment(0, 8, true), data.fragment(8, 8, false)))
	add("no entry, TTL 1", mrouted, rx(withTTL(group, 1).udp(1, 9, seq(8))))
	add("no entry, a long packet", mrouted, rx(group.udp(1, 9, seq(1000))))
	add("entry for what waits", mrouted, rx(data), routes("10.0.0.2", "239.1.1.1", 0, 0, 1), shows("ip_mr_cache", 1))
	add("entry for six that wait", mrouted, rx(burst(data, 6)...), routes("10.0.0.2", "239.1.1.1", 0, 0, 1), shows("ip_mr_cache", 1))
	add("entry for what waits, wrong VIF", mrouted, rx(data), routes("10.0.0.2", "239.1.1.1", 1, 0, 1), shows("ip_mr_cache", 1))
	wrong := with(mrouted, routes("10.0.0.2", "239.1.1.1", 1, 1, 1))
	add("wrong VIF", wrong, rx(data), shows("ip_mr_cache", 1))
	add("wrong VIF, assert", with(wrong, by(0, setIP(uapi.MRT_ASSERT, 1))), rx(data, data), shows("ip_mr_cache", 1))
	add("wrong VIF without threshold, assert", with(mrouted, routes("10.0.0.2", "239.1.1.1", 1, 0, 1), by(0, setIP(uapi.MRT_ASSERT, 1))), rx(data))
	add("wrong VIF without threshold, PIM", with(mrouted, routes("10.0.0.2", "239.1.1.1", 1, 0, 1), by(0, setIP(uapi.MRT_PIM, 1))), rx(data))
	add("wrong VIF, whole", with(wrong, by(0, setIP(uapi.MRT_PIM, uapi.IGMPMSG_WRVIFWHOLE))), rx(data, data))
	add("wrong VIF, whole, IP options", with(wrong, by(0, setIP(uapi.MRT_PIM, uapi.IGMPMSG_WRVIFWHOLE))),
		rx(ip{dst: "239.1.1.1", opts: []byte{7, 7, 4, 0, 0, 0, 0, 0}}.udp(1, 9, seq(8))))
	reg := with(mrouted, by(0, setIP(uapi.MRT_PIM, 1)), registers, routes("10.0.0.2", "239.1.1.1", 0, 0, 0, 1))
	add("register", reg, rx(data), shows("ip_mr_vif", 1))
	add("register, IP options", reg, rx(ip{dst: "239.1.1.1", opts: []byte{7, 7, 4, 0, 0, 0, 0, 0}}.udp(1, 9, seq(8))))
	add("register, the least packet", reg, rx(ip{dst: "239.1.1.1", proto: 200}))
	add("register, TTL 1", reg, rx(withTTL(group, 1).udp(1, 9, seq(8))))
	add("register and the other link", with(reg, routes("10.0.0.2", "239.1.1.1", 0, 0, 1, 1)), rx(data), shows("ip_mr_cache", 1))
	add("the daemon's queue is full", with(mrouted, by(0, option(uapi.SOL_SOCKET, uapi.SO_RCVBUF, u32(0)))),
		rx(burst(group.udp(1, 9, seq(8)), 1)...), rx(ip{dst: "239.1.1.2"}.udp(1, 9, seq(8)), ip{dst: "239.1.1.3"}.udp(1, 9, seq(8)), ip{dst: "239.1.1.4"}.udp(1, 9, seq(8)), ip{dst: "239.1.1.5"}.udp(1, 9, seq(8))), shows("ip_mr_cache", 1))
	add("the daemon's end", with(mrouted, routes("10.0.0.2", "239.1.1.1", 0, 0, 1)), rx(ip{dst: "239.1.1.2"}.udp(1, 9, seq(8))), toDaemon, closes, daemonSocket)
	return append(list, forwardStepCases()...)
}

// forwardStepCases: what is sent on, and where (RFC 1812 §5.2.1, RFC 1112).
func forwardStepCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		list = append(list, testCase{name: "mroute: " + name, setup: setup, steps: append(steps, toDaemon, shows("ip_mr_cache", 1), shows("ip_mr_vif", 1))})
	}
	one := with(mrouted, routes("10.0.0.2", "239.1.1.1", 0, 0, 1))
	group := ip{dst: "239.1.1.1"}
	data := group.udp(1, 9, seq(8))
	member0 := []step{sysctl("net.ipv4.conf.eth0.igmpv3_unsolicited_report_interval", "1"), sysctl("net.ipv4.conf.eth1.igmpv3_unsolicited_report_interval", "1")}
	add("forwarded", one, rx(data))
	add("without ip_forward", with(one, sysctl("net.ipv4.ip_forward", "0")), rx(data))
	for _, ttl := range []int{-1, 1, 2} {
		add("TTL "+fmt.Sprint(max(ttl, 0)), one, rx(withTTL(group, ttl).udp(1, 9, seq(8))))
	}
	for _, size := range []int{572, 573, 1000} {
		add("fragments of "+fmt.Sprint(size, " bytes"), with(one, mtu("eth1", 600)), rx(group.udp(1, 9, seq(size))))
	}
	add("fragments with DF", with(one, mtu("eth1", 600)), rx(ip{dst: "239.1.1.1", frag: df}.udp(1, 9, seq(1000))))
	add("fragments with options", with(one, mtu("eth1", 600)), rx(ip{dst: "239.1.1.1", opts: []byte{0x94 + 0, 4, 0, 1, 7, 7, 4, 0, 0, 0, 0, 0}}.udp(1, 9, seq(1000))))
	add("a fragment is cut again", with(one, mtu("eth1", 300)), rx(group.udp(1, 9, seq(1000)).fragment(0, 512, true)))
	add("back to its own link", with(mrouted, routes("10.0.0.2", "239.1.1.1", 0, 1, 1)), rx(data))
	add("any source, back to its own link", with(mrouted, by(0, option(uapi.IPPROTO_IP, uapi.MRT_ADD_MFC_PROXY, entry("", "239.1.1.1", 0, 1, 1)))), rx(data))
	add("any source and group, from below", with(mrouted, by(0, option(uapi.IPPROTO_IP, uapi.MRT_ADD_MFC_PROXY, entry("", "", 1, 1, 1)))), rx(data), rx1(data))
	join := with(one, append(member0, open(uapi.SOCK_DGRAM, 0, "0.0.0.0:9", ""), member("239.1.1.1"), wait(100*time.Millisecond))...)
	add("a member here too", join, rx(data), receives, receives)
	add("a member here only", with(join, routes("10.0.0.2", "239.1.1.1", 0)), rx(data), receives)
	add("a member here, no entry", with(join, routes("10.0.0.2", "239.1.1.1", 0)), rx(ip{src: "10.0.0.3", dst: "239.1.1.1"}.udp(1, 9, seq(8))), receives)
	add("a member here, TTL 1", join, rx(withTTL(group, 1).udp(1, 9, seq(8))), receives)
	local := with(mrouted, routes("10.0.0.2", "224.0.0.50", 0, 0, 1))
	add("a link-local group with an entry", local, rx(ip{dst: "224.0.0.50"}.udp(1, 9, seq(8))))
	add("a link-local group with an entry and a member", with(local, append(member0, open(uapi.SOCK_DGRAM, 0, "0.0.0.0:9", ""), member("224.0.0.50"), wait(100*time.Millisecond))...),
		rx(ip{dst: "224.0.0.50"}.udp(1, 9, seq(8))), receives)
	udp := open(uapi.SOCK_DGRAM, 0, "10.0.0.1:9", "")
	byEth0 := option(uapi.IPPROTO_IP, uapi.IP_MULTICAST_IF, []byte{10, 0, 0, 1})
	own := with(mrouted, routes("10.0.0.1", "239.1.1.1", 0, 0, 1), udp, byEth0, setIP(uapi.IP_MULTICAST_TTL, 9))
	settles := wait(20 * time.Millisecond)
	add("from here", own, sends("239.1.1.1:9", 8), settles)
	add("from here, no loop", with(own, setIP(uapi.IP_MULTICAST_LOOP, 0)), sends("239.1.1.1:9", 8), settles)
	add("from here, TTL 1", with(own, setIP(uapi.IP_MULTICAST_TTL, 1)), sends("239.1.1.1:9", 8), settles)
	add("from here, TTL 0", with(own, setIP(uapi.IP_MULTICAST_TTL, 0)), sends("239.1.1.1:9", 8), settles)
	add("from here, no entry", own, sends("239.1.1.2:9", 8), settles)
	add("from here, wrong VIF", with(own, routes("10.0.0.1", "239.1.1.1", 1, 1)), sends("239.1.1.1:9", 8), settles)
	add("from here, a link-local group", with(own, routes("10.0.0.1", "224.0.0.50", 0, 0, 1)), sends("224.0.0.50:9", 8), settles)
	add("from here to a member on the other link", with(own, append(member0, open(uapi.SOCK_DGRAM, 0, "0.0.0.0:10", ""), memberOn("eth1", "239.1.1.1"), wait(100*time.Millisecond))...),
		by(1, sends("239.1.1.1:10", 8)), settles, receives)
	return list
}

// memberOn is member on another link.
func memberOn(dev, group string) step {
	return func(r *run) error {
		m := uapi.IPMreqn{Multiaddr: netip.MustParseAddr(group).As4(), Ifindex: int32(r.m.index(dev))}
		return r.socks[len(r.socks)-1].option(uapi.IPPROTO_IP, uapi.IP_ADD_MEMBERSHIP, m.Append(nil))
	}
}

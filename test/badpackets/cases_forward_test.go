package badpackets

import (
	"encoding/binary"
	"net/netip"
	"time"

	"linen/uapi"
)

// longer is time enough for a neighbour to fail.
const longer = 1500 * time.Millisecond

// forwardCases go through a router (RFC 1812 §5).
func forwardCases() []testCase {
	forward := sysctl("net.ipv4.ip_forward", "1")
	to := ip{dst: "10.0.1.2"}
	with := func(f func(p *ip)) ip { p := to; f(&p); return p }
	list := []testCase{
		{name: "forward: TTL of an ICMP error", steps: []step{rx(with(func(p *ip) { p.ttl = 1 }).icmp(3, 3, 0, ip{}.udp(1, 2, nil).bytes()))}},
		{name: "forward: TTL of a later fragment", steps: []step{rx(with(func(p *ip) { p.ttl = 1 }).udp(1, 9, seq(88)).fragment(48, 40, false))}},
		{name: "forward: no route", steps: []step{rx(ip{dst: "192.0.2.1"}.udp(1, 9, seq(8)))}},
		{name: "forward: no route for an ICMP error", steps: []step{rx(ip{dst: "192.0.2.1"}.icmp(3, 3, 0, ip{}.udp(1, 2, nil).bytes()))}},
		{name: "forward: too big with DF", setup: []step{mtu("eth1", 600)}, steps: []step{rx(with(func(p *ip) { p.frag = df }).udp(1, 9, seq(1000)))}},
		{name: "forward: too big", setup: []step{mtu("eth1", 600)}, steps: []step{rx(to.udp(1, 9, seq(1000)))}},
		{name: "forward: too big, with options", setup: []step{mtu("eth1", 600)}, steps: []step{rx(with(func(p *ip) { p.opts = []byte{7, 7, 4, 0, 0, 0, 0, 0} }).udp(1, 9, seq(1000)))}},
		{name: "forward: fragment too big", setup: []step{mtu("eth1", 100)}, steps: []step{rx(to.udp(1, 9, seq(400)).fragment(8, 200, true))}},
		{name: "forward: out by the link it came from", steps: []step{rx(ip{dst: "10.0.0.3"}.udp(1, 9, seq(8)))}},
		{name: "forward: out by the link it came from, send_redirects=0", setup: []step{sysctl("net.ipv4.conf.all.send_redirects", "0"), sysctl("net.ipv4.conf.eth0.send_redirects", "0")},
			steps: []step{rx(ip{dst: "10.0.0.3"}.udp(1, 9, seq(8)))}},
		{name: "forward: rp_filter=1", setup: []step{sysctl("net.ipv4.conf.eth0.rp_filter", "1")}, steps: []step{rx(with(func(p *ip) { p.src = "10.0.1.77" }).udp(1, 9, seq(8)))}},
		{name: "forward: off on the link", setup: []step{sysctl("net.ipv4.conf.eth0.forwarding", "0")}, steps: []step{rx(to.udp(1, 9, seq(8)))}},
		{name: "forward: in a broadcast frame", steps: []step{rx(with(func(p *ip) { p.mac = "ff:ff:ff:ff:ff:ff" }).udp(1, 9, seq(8)))}},
		{name: "forward: in a frame of another host", steps: []step{rx(with(func(p *ip) { p.mac = "02:00:00:00:00:99" }).udp(1, 9, seq(8)))}},
		{name: "forward: to the broadcast address of a link", steps: []step{rx(ip{dst: "10.0.1.255"}.udp(1, 9, seq(8)))}},
		{name: "forward: to 255.255.255.255", steps: []step{rx(ip{dst: "255.255.255.255"}.udp(1, 9, seq(8)))}},
		{name: "forward: neighbour does not answer", setup: []step{sysctl("net.ipv4.neigh.eth1.retrans_time_ms", "100")}, waits: true, steps: []step{rx(ip{dst: "10.0.1.77"}.udp(1, 9, seq(8))), wait(longer)}},
		{name: "forward: link down", setup: []step{down("eth1")}, steps: []step{rx(to.udp(1, 9, seq(8)))}},
		{name: "forward: strict source route, next hop behind a gateway", setup: []step{sourceRoutes, sourceRoutes0, route(uapi.RTN_UNICAST, "192.0.2.0/24", "10.0.1.2")},
			steps: []step{rx(ip{opts: []byte{137, 7, 4, 192, 0, 2, 1, 0}}.udp(1, 9, seq(8)))}},
		{name: "forward: loose source route", setup: []step{sourceRoutes, sourceRoutes0}, steps: []step{rx(ip{opts: []byte{131, 7, 4, 10, 0, 1, 2, 0}}.udp(1, 9, seq(8)))}},
		{name: "forward: loose source route to a martian", setup: []step{sourceRoutes, sourceRoutes0}, steps: []step{rx(ip{opts: []byte{131, 7, 4, 127, 0, 0, 1, 0}}.udp(1, 9, seq(8)))}},
		{name: "forward: loose source route to 240.0.0.1", setup: []step{sourceRoutes, sourceRoutes0}, steps: []step{rx(ip{opts: []byte{131, 7, 4, 240, 0, 0, 1, 0}}.udp(1, 9, seq(8)))}},
		{name: "forward: loose source route to nowhere", setup: []step{sourceRoutes, sourceRoutes0}, steps: []step{rx(ip{opts: []byte{131, 7, 4, 192, 0, 2, 1, 0}}.udp(1, 9, seq(8)))}},
		{name: "forward: source route refused", setup: []step{sysctl("net.ipv4.conf.eth0.accept_source_route", "0")}, steps: []step{rx(ip{opts: []byte{131, 7, 4, 10, 0, 1, 2, 0}}.udp(1, 9, seq(8)))}},
		{name: "forward: UDP checksum off", steps: []step{rx(with(func(p *ip) { p.badL4 = true }).udp(1, 9, seq(8)))}},
		{name: "forward: header checksum off", steps: []step{rx(with(func(p *ip) { p.badSum = true }).udp(1, 9, seq(8)))}},
		{name: "forward: loop through two routers", setup: []step{route(uapi.RTN_UNICAST, "192.0.2.0/24", "10.0.0.2")}, steps: []step{rx(ip{dst: "192.0.2.1", src: "192.0.2.200", ttl: 3}.udp(1, 9, seq(8)))}},
	}
	for _, ttl := range []int{-1, 1, 2} {
		name := map[int]string{-1: "0", 1: "1", 2: "2"}[ttl]
		list = append(list, testCase{name: "forward: TTL " + name, steps: []step{rx(with(func(p *ip) { p.ttl = ttl }).udp(1, 9, seq(8)))}})
	}
	for _, t := range []struct {
		name string
		typ  uint8
	}{{"blackhole", uapi.RTN_BLACKHOLE}, {"unreachable", uapi.RTN_UNREACHABLE}, {"prohibit", uapi.RTN_PROHIBIT}, {"throw", uapi.RTN_THROW}} {
		list = append(list, testCase{name: "forward: route " + t.name, setup: []step{route(t.typ, "192.0.2.0/24", "")}, steps: []step{rx(ip{dst: "192.0.2.1"}.udp(1, 9, seq(8)))}})
	}
	for _, a := range []string{"127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3", "240.0.0.1", "10.0.0.1", "10.0.0.255", "10.0.1.255", "169.254.1.1", "192.0.2.1"} {
		list = append(list, testCase{name: "forward: source " + a, steps: []step{rx(with(func(p *ip) { p.src = a }).udp(1, 9, seq(8)))}})
	}
	for _, a := range []string{"127.0.0.1", "0.0.0.0", "0.1.2.3", "240.0.0.1", "169.254.1.1"} {
		list = append(list, testCase{name: "forward: destination " + a, setup: []step{route(uapi.RTN_UNICAST, "0.0.0.0/0", "10.0.1.2")},
			steps: []step{rx(ip{dst: a}.udp(1, 9, seq(8)))}})
	}
	for _, o := range []struct {
		name string
		opts []byte
	}{{"record route", []byte{7, 7, 4, 0, 0, 0, 0, 0}}, {"timestamp", []byte{68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}}, {"router alert", []byte{148, 4, 0, 0}},
		{"length 0", []byte{7, 0, 4, 0}}, {"record route, full", []byte{7, 7, 8, 1, 2, 3, 4, 0}}} {
		list = append(list, testCase{name: "forward: option " + o.name, steps: []step{rx(with(func(p *ip) { p.opts = o.opts }).udp(1, 9, seq(8)))}})
	}
	for i := range list {
		list[i].setup = append([]step{forward}, list[i].setup...)
	}
	return list
}

var (
	sourceRoutes  = sysctl("net.ipv4.conf.all.accept_source_route", "1")
	sourceRoutes0 = sysctl("net.ipv4.conf.eth0.accept_source_route", "1")
)

// down sets an interface down.
func down(dev string) step {
	return func(r *run) error {
		m := linkMsg(r.m.index(dev), nil, 0)
		b := m.Bytes()
		binary.NativeEndian.PutUint32(b[16+8:], 0) // ifi_flags
		return r.m.ask(m)
	}
}

// multicastCases go through a router of multicast: VIF 0 is eth0, VIF 1 eth1
// with the threshold 8, and there is a route for (10.0.0.2, 239.1.1.1) from VIF 0 to 1.
func multicastCases() []testCase {
	daemon := []step{
		sysctl("net.ipv4.ip_forward", "1"),
		open(uapi.SOCK_RAW, uapi.IPPROTO_IGMP, "", ""), option(uapi.IPPROTO_IP, uapi.MRT_INIT, []byte{1, 0, 0, 0}),
		vif(0, "eth0", 1), vif(1, "eth1", 8), mfc("10.0.0.2", "239.1.1.1", 0),
	}
	group := ip{dst: "239.1.1.1"}
	other := func(dst string) ip { return ip{dst: dst} }
	low := group
	low.ttl = 5
	return []testCase{
		{name: "multicast: no daemon", setup: daemon[:1], steps: []step{rx(group.udp(1, 9, seq(8)))}},
		{name: "multicast: no entry", setup: daemon, steps: []step{rx(other("239.1.1.2").udp(1, 9, seq(8)))}},
		{name: "multicast: no entry, queue full", setup: daemon, steps: []step{rx(burst(other("239.1.1.2").udp(1, 9, seq(8)), 6)...)}},
		{name: "multicast: TTL at the threshold", setup: daemon, steps: []step{rx(withTTL(group, 8).udp(1, 9, seq(8)))}},
		{name: "multicast: TTL below the threshold", setup: daemon, steps: []step{rx(low.udp(1, 9, seq(8)))}},
		{name: "multicast: TTL 1", setup: daemon, steps: []step{rx(withTTL(group, 1).udp(1, 9, seq(8)))}},
		{name: "multicast: wrong VIF", setup: daemon, steps: []step{rx1(group.udp(1, 9, seq(8)))}},
		{name: "multicast: link-local group", setup: daemon, steps: []step{rx(other("224.0.0.50").udp(1, 9, seq(8)))}},
		{name: "multicast: forwarded", setup: daemon, steps: []step{rx(group.udp(1, 9, seq(8)))}},
		{name: "multicast: too big with DF", setup: append(daemon[:len(daemon):len(daemon)], mtu("eth1", 600)),
			steps: []step{rx(ip{dst: "239.1.1.1", frag: df}.udp(1, 9, seq(1000)))}},
		{name: "multicast: link without a VIF", setup: daemon[:4], steps: []step{rx1(group.udp(1, 9, seq(8)))}},
		{name: "multicast: source 0.0.0.0", setup: daemon, steps: []step{rx(ip{src: "0.0.0.0", dst: "239.1.1.1"}.udp(1, 9, seq(8)))}},
	}
}

func withTTL(p ip, ttl int) ip { p.ttl = ttl; return p }

// vif makes a multicast interface by the last socket.
func vif(i int, dev string, threshold uint8) step {
	return func(r *run) error {
		v := uapi.Vifctl{Vifi: uint16(i), Flags: uapi.VIFF_USE_IFINDEX, Threshold: threshold}
		v.SetIndex(r.m.index(dev))
		return r.socks[len(r.socks)-1].option(uapi.IPPROTO_IP, uapi.MRT_ADD_VIF, v.Append(nil))
	}
}

// mfc makes a route from a VIF to VIF 1.
func mfc(origin, group string, parent uint16) step {
	m := uapi.Mfcctl{Origin: netip.MustParseAddr(origin).As4(), Group: netip.MustParseAddr(group).As4(), Parent: parent}
	m.TTLs[1] = 8
	return option(uapi.IPPROTO_IP, uapi.MRT_ADD_MFC, m.Append(nil))
}

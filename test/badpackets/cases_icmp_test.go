package badpackets

import "linen/uapi"

// icmpCases are ICMP messages that are no errors (RFC 792, 1122 §3.2.2).
func icmpCases() []testCase {
	list := []testCase{
		{name: "ICMP of 4 bytes", steps: []step{rx(ip{}.summed(uapi.IPPROTO_ICMP, []byte{8, 0, 0, 0}))}},
		{name: "ICMP of no bytes", steps: []step{rx(ip{}.summed(uapi.IPPROTO_ICMP, nil))}},
		{name: "ICMP of 7 bytes", steps: []step{rx(ip{}.summed(uapi.IPPROTO_ICMP, []byte{8, 0, 0, 0, 0, 1, 0}))}},
		{name: "ICMP checksum off", steps: []step{rx(ip{badL4: true}.echo())}},
		{name: "ICMP checksum off in an error", steps: []step{rx(ip{badL4: true}.icmp(3, 3, 0, ip{}.udp(1, 2, nil).bytes()))}},
		{name: "echo with a code", steps: []step{rx(ip{}.icmp(8, 5, 0x00010001, seq(16)))}},
		{name: "echo without data", steps: []step{rx(ip{}.icmp(8, 0, 0x00010001, nil))}},
		{name: "echo to the broadcast address, answered", setup: []step{sysctl("net.ipv4.icmp_echo_ignore_broadcasts", "0")}, steps: []step{rx(ip{dst: "10.0.0.255"}.echo())}},
		{name: "echo to a group, answered", setup: []step{sysctl("net.ipv4.icmp_echo_ignore_broadcasts", "0")}, steps: []step{rx(ip{dst: "224.0.0.1"}.echo())}},
		{name: "echo to a group", steps: []step{rx(ip{dst: "224.0.0.1"}.echo())}},
		{name: "echo, icmp_echo_ignore_all", setup: []step{sysctl("net.ipv4.icmp_echo_ignore_all", "1")}, steps: []step{rx(ip{}.echo())}},
		{name: "echo reply nobody waits for", steps: []step{rx(ip{}.icmp(0, 0, 0x00010001, seq(16)))}},
		{name: "timestamp", steps: []step{rx(ip{}.icmp(13, 0, 0x00010001, make([]byte, 12)))}},
		{name: "timestamp of 8 bytes", steps: []step{rx(ip{}.icmp(13, 0, 0x00010001, nil))}},
		{name: "timestamp of 11 bytes", steps: []step{rx(ip{}.icmp(13, 0, 0x00010001, []byte{1, 2, 3}))}},
		{name: "timestamp of 12 bytes", steps: []step{rx(ip{}.icmp(13, 0, 0x00010001, []byte{1, 2, 3, 4}))}},
		{name: "timestamp with a code", steps: []step{rx(ip{}.icmp(13, 1, 0x00010001, make([]byte, 12)))}},
		{name: "timestamp to the broadcast address", steps: []step{rx(ip{dst: "10.0.0.255"}.icmp(13, 0, 0x00010001, make([]byte, 12)))}},
		{name: "timestamp reply", steps: []step{rx(ip{}.icmp(14, 0, 0x00010001, make([]byte, 12)))}},
		{name: "address mask to the broadcast address", steps: []step{rx(ip{dst: "10.0.0.255"}.icmp(17, 0, 1, make([]byte, 4)))}},
		{name: "unknown type to the broadcast address", steps: []step{rx(ip{dst: "10.0.0.255"}.icmp(40, 0, 1, nil))}},
		{name: "extended echo", steps: []step{rx(ip{}.icmp(42, 0, 0x00010001, append([]byte{0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 2}, 0)))}},
		{name: "extended echo reply", steps: []step{rx(ip{}.icmp(43, 0, 0x00010001, nil))}},
		{name: "extended echo to the broadcast address", steps: []step{rx(ip{dst: "10.0.0.255"}.icmp(42, 0, 0x00010001, nil))}},
		{name: "echo of a group's address", steps: []step{rx(ip{src: "224.1.1.1"}.echo())}},
		{name: "echo of the broadcast address", steps: []step{rx(ip{src: "10.0.0.255"}.echo())}},
	}
	for _, t := range []struct {
		name string
		typ  uint8
	}{
		{"1", 1}, {"2", 2}, {"6", 6}, {"7", 7}, {"router advertisement", 9}, {"router solicitation", 10}, {"information request", 15},
		{"information reply", 16}, {"address mask request", 17}, {"address mask reply", 18}, {"19", 19}, {"40", 40}, {"255", 255},
	} {
		list = append(list, testCase{name: "ICMP type " + t.name, steps: []step{rx(ip{}.icmp(t.typ, 0, 1, seq(12)))}})
	}
	return list
}

// ours is a packet of the host's that an error may quote.
var ours = ip{src: "10.0.0.1", dst: "10.0.0.2"}

// farther is one to a host behind a router.
var farther = ip{src: "10.0.0.1", dst: "192.0.2.9"}

// icmpErrorCases are errors and redirects, forged and broken (RFC 1122 §3.2.2,
// RFC 1191, RFC 5927).
func icmpErrorCases() []testCase {
	mine := ours.udp(5000, 6000, seq(32)).bytes()
	away := []step{route(uapi.RTN_UNICAST, "192.0.2.0/24", "10.0.0.2")}
	cases := []testCase{
		{name: "port unreachable for a socket", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, mine))}},
		{name: "port unreachable, wrong ports", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, ours.udp(5000, 6001, seq(32)).bytes()))}},
		{name: "port unreachable, no socket", steps: []step{rx(ip{}.icmp(3, 3, 0, mine))}},
		{name: "port unreachable, quote of 27 bytes", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, mine[:27]))}},
		{name: "port unreachable, quote of 20 bytes", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, mine[:20]))}},
		{name: "port unreachable, quote of 19 bytes", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, mine[:19]))}},
		{name: "port unreachable without a quote", steps: []step{rx(ip{}.icmp(3, 3, 0, nil))}},
		{name: "port unreachable, quoted IHL 4", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, ip{src: "10.0.0.1", dst: "10.0.0.2", first: 0x44}.udp(5000, 6000, seq(8)).bytes()))}},
		{name: "port unreachable, quoted IHL 15", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, ip{src: "10.0.0.1", dst: "10.0.0.2", first: 0x4f}.udp(5000, 6000, seq(8)).bytes()))}},
		{name: "port unreachable, quoted total length 20", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, ip{src: "10.0.0.1", dst: "10.0.0.2", totLen: 20}.udp(5000, 6000, seq(8)).bytes()))}},
		{name: "port unreachable, quoted unknown protocol", steps: []step{rx(ip{}.icmp(3, 3, 0, ip{src: "10.0.0.1", dst: "10.0.0.2", proto: 253, data: seq(16)}.bytes()))}},
		{name: "port unreachable, quoted source is another's", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, ip{src: "10.0.0.77", dst: "10.0.0.2"}.udp(5000, 6000, seq(8)).bytes()))}},
		{name: "port unreachable, quoted fragment", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, ip{src: "10.0.0.1", dst: "10.0.0.2", frag: 4}.udp(5000, 6000, seq(8)).bytes()))}},
		{name: "port unreachable to the broadcast address", setup: []step{udpClient}, steps: []step{rx(ip{dst: "10.0.0.255"}.icmp(3, 3, 0, mine))}},
		{name: "port unreachable, quoted destination broadcast", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 3, 0, ip{src: "10.0.0.1", dst: "10.0.0.255"}.udp(5000, 6000, seq(8)).bytes()))}},
		{name: "unreachable with code 16", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 16, 0, mine))}},
		{name: "unreachable with code 255", steps: []step{rx(ip{}.icmp(3, 255, 0, mine))}},
		{name: "protocol unreachable", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 2, 0, mine))}},
		{name: "source route failed", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(3, 5, 0, mine))}},
		{name: "error about an ICMP error", steps: []step{rx(ip{}.icmp(3, 1, 0, ours.icmp(3, 3, 0, ip{}.udp(1, 2, nil).bytes()).bytes()))}},
		{name: "error about an echo", steps: []step{rx(ip{}.icmp(3, 1, 0, ours.echo().bytes()))}},
		{name: "error about a segment, no socket", steps: []step{rx(ip{}.icmp(3, 3, 0, ours.tcp(1000, 80, syn, nil, nil).bytes()))}},
		{name: "error about a segment, a listener", setup: []step{tcpServer}, steps: []step{rx(ip{}.icmp(3, 3, 0, ours.tcp(80, 1000, syn|ack, nil, nil).bytes()))}},
		{name: "time exceeded", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(11, 0, 0, mine))}},
		{name: "time exceeded with code 5", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(11, 5, 0, mine))}},
		{name: "parameter problem", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(12, 0, 20<<24, mine))}},
		{name: "parameter problem with code 3", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(12, 3, 0, mine))}},
		{name: "source quench", setup: []step{udpClient}, steps: []step{rx(ip{}.icmp(4, 0, 0, mine))}},
		{name: "source quench about a segment", setup: []step{tcpServer}, steps: []step{rx(ip{}.icmp(4, 0, 0, ours.tcp(80, 1000, ack, nil, nil).bytes()))}},
		{name: "redirect without a quote", steps: []step{rx(ip{}.icmp(5, 1, num("10.0.0.3"), nil))}},
		{name: "redirect, quote of 20 bytes", setup: away, steps: []step{rx(ip{}.icmp(5, 1, num("10.0.0.3"), farther.udp(1, 9, seq(8)).bytes()[:20])), probe("192.0.2.9", 8)}},
		{name: "redirect with code 4", setup: away, steps: []step{rx(ip{}.icmp(5, 4, num("10.0.0.3"), farther.udp(1, 9, seq(8)).bytes())), probe("192.0.2.9", 8)}},
		{name: "redirect sent to the broadcast address", setup: away, steps: []step{rx(ip{dst: "10.0.0.255"}.icmp(5, 1, num("10.0.0.3"), farther.udp(1, 9, seq(8)).bytes())), probe("192.0.2.9", 8)}},
		{name: "redirect, accept_redirects=0", setup: append([]step{sysctl("net.ipv4.conf.all.accept_redirects", "0"), sysctl("net.ipv4.conf.eth0.accept_redirects", "0")}, away...),
			steps: []step{rx(ip{}.icmp(5, 1, num("10.0.0.3"), farther.udp(1, 9, seq(8)).bytes())), probe("192.0.2.9", 8)}},
		{name: "redirect about a quoted source of another's", setup: away,
			steps: []step{rx(ip{}.icmp(5, 1, num("10.0.0.3"), ip{src: "10.0.0.77", dst: "192.0.2.9"}.udp(1, 9, seq(8)).bytes())), probe("192.0.2.9", 8)}},
		{name: "redirect to a host that forwards", setup: append([]step{sysctl("net.ipv4.ip_forward", "1")}, away...),
			steps: []step{rx(ip{}.icmp(5, 1, num("10.0.0.3"), farther.udp(1, 9, seq(8)).bytes())), probe("192.0.2.9", 8)}},
	}
	for _, g := range []struct{ name, from, gateway string }{
		{"from the gateway", "10.0.0.2", "10.0.0.3"}, {"from another", "10.0.0.3", "10.0.0.9"}, {"to a gateway on no link", "10.0.0.2", "172.16.0.1"},
		{"to a gateway on another link", "10.0.0.2", "10.0.1.2"}, {"to the host itself", "10.0.0.2", "10.0.0.1"}, {"to a group", "10.0.0.2", "224.0.0.5"},
		{"to the broadcast address", "10.0.0.2", "10.0.0.255"}, {"to 0.0.0.0", "10.0.0.2", "0.0.0.0"}, {"to 127.0.0.1", "10.0.0.2", "127.0.0.1"},
		{"to the same gateway", "10.0.0.2", "10.0.0.2"}, {"to 240.0.0.1", "10.0.0.2", "240.0.0.1"},
	} {
		cases = append(cases, testCase{name: "redirect " + g.name, setup: away,
			steps: []step{rx(ip{src: g.from}.icmp(5, 1, num(g.gateway), farther.udp(1, 9, seq(8)).bytes())), probe("192.0.2.9", 8)}})
	}
	for _, m := range []struct {
		name string
		mtu  uint32
	}{{"0", 0}, {"1", 1}, {"68", 68}, {"552", 552}, {"1000", 1000}, {"1500", 1500}, {"9000", 9000}, {"65535", 65535}} {
		cases = append(cases, testCase{name: "frag needed, MTU " + m.name, setup: []step{udpClient},
			steps: []step{rx(ip{}.icmp(3, 4, m.mtu, mine)), probe("10.0.0.2", 1400)}})
	}
	return append(cases,
		testCase{name: "frag needed, wrong ports", setup: []step{udpClient},
			steps: []step{rx(ip{}.icmp(3, 4, 1000, ours.udp(5000, 6001, seq(32)).bytes())), probe("10.0.0.2", 1400)}},
		testCase{name: "frag needed about an unknown protocol", steps: []step{rx(ip{}.icmp(3, 4, 1000, ip{src: "10.0.0.1", dst: "10.0.0.2", proto: 253, data: seq(16)}.bytes())), probe("10.0.0.2", 1400)}},
		testCase{name: "frag needed, ip_no_pmtu_disc=1", setup: []step{udpClient, sysctl("net.ipv4.ip_no_pmtu_disc", "1")},
			steps: []step{rx(ip{}.icmp(3, 4, 1000, mine)), probe("10.0.0.2", 1400)}},
		testCase{name: "frag needed, ip_no_pmtu_disc=3", setup: []step{udpClient, sysctl("net.ipv4.ip_no_pmtu_disc", "3")},
			steps: []step{rx(ip{}.icmp(3, 4, 1000, mine)), probe("10.0.0.2", 1400)}},
		testCase{name: "errors faster than a host may send", steps: []step{rx(burst(ip{}.udp(1, 9, seq(8)), 8)...)}},
	)
}

// burst is a packet n times.
func burst(p ip, n int) []ip {
	list := make([]ip, n)
	for i := range list {
		list[i] = p
	}
	return list
}

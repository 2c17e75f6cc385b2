package badpackets

import (
	"linen/uapi"
	"linen/wire"
)

// linkCases are frames, and ARP (RFC 826, 5227).
func linkCases() []testCase {
	peer, host := peerMAC[0], hostMAC[0]
	ask := arp{op: 1, sha: peer, spa: "10.0.0.2", tpa: "10.0.0.1"}
	with := func(f func(a *arp)) arp { a := ask; f(&a); return a }
	list := []testCase{
		{name: "unknown EtherType", steps: []step{frame(host, 0x88b5, seq(46))}},
		{name: "unknown EtherType, broadcast", steps: []step{frame(broadcast, 0x88b5, seq(46))}},
		{name: "IEEE 802.3 frame, raw", steps: []step{frame(host, 46, append([]byte{0xff, 0xff}, seq(44)...))}},
		{name: "VLAN tag of no VLAN", steps: []step{frame(host, uapi.ETH_P_8021Q, append([]byte{0, 5, 8, 0}, ip{}.echo().bytes()...))}},
		{name: "VLAN 0", steps: []step{frame(host, uapi.ETH_P_8021Q, append([]byte{0, 0, 8, 0}, ip{}.echo().bytes()...))}},
		{name: "VLAN tag cut off", steps: []step{frame(host, uapi.ETH_P_8021Q, []byte{0, 5})}},
		{name: "ARP: other host's frame", steps: []step{rxARP(wire.MAC{2, 0, 0, 0, 0, 0x99}, ask)}},
		{name: "ARP: learned from a request to another", steps: []step{rxARP(broadcast, with(func(a *arp) { a.spa, a.tpa = "10.0.0.50", "10.0.0.60" })), probe("10.0.0.50", 8)}},
		{name: "ARP: learned from a request", steps: []step{rxARP(broadcast, with(func(a *arp) { a.spa = "10.0.0.50" })), probe("10.0.0.50", 8)}},
		{name: "ARP: reply nobody asked for", steps: []step{rxARP(host, arp{op: 2, sha: peer, tha: host, spa: "10.0.0.50", tpa: "10.0.0.1"}), probe("10.0.0.50", 8)}},
		{name: "ARP: gratuitous", steps: []step{rxARP(broadcast, arp{op: 1, sha: peer, spa: "10.0.0.50", tpa: "10.0.0.50"}), probe("10.0.0.50", 8)}},
		{name: "ARP: gratuitous, arp_accept", setup: []step{sysctl("net.ipv4.conf.eth0.arp_accept", "1")},
			steps: []step{rxARP(broadcast, arp{op: 1, sha: peer, spa: "10.0.0.50", tpa: "10.0.0.50"}), probe("10.0.0.50", 8)}},
		{name: "ARP: reply that changes a permanent entry", steps: []step{rxARP(host, arp{op: 2, sha: gateMAC, tha: host, spa: "10.0.0.2", tpa: "10.0.0.1"}), probe("10.0.0.2", 8)}},
		{name: "ARP: arp_ignore=8", setup: []step{sysctl("net.ipv4.conf.eth0.arp_ignore", "8")}, steps: []step{rxARP(broadcast, ask)}},
		{name: "ARP: arp_filter", setup: []step{sysctl("net.ipv4.conf.eth0.arp_filter", "1")}, steps: []step{rxARP(broadcast, with(func(a *arp) { a.spa, a.tpa = "10.0.1.77", "10.0.0.1" }))}},
		{name: "ARP: rp_filter", setup: []step{sysctl("net.ipv4.conf.eth0.rp_filter", "1")}, steps: []step{rxARP(broadcast, with(func(a *arp) { a.spa = "10.0.1.77" }))}},
		{name: "neighbour that does not answer", setup: []step{sysctl("net.ipv4.neigh.eth0.retrans_time_ms", "100")}, waits: true, steps: []step{probe("10.0.0.77", 8), wait(longer)}},
	}
	for _, a := range []struct {
		name string
		a    arp
	}{
		{"request", ask},
		{"of 20 bytes", with(func(a *arp) { a.cut = 20 })},
		{"of 7 bytes", with(func(a *arp) { a.cut = 7 })},
		{"hardware type 6", with(func(a *arp) { a.htype = 6 })},
		{"hardware type 7", with(func(a *arp) { a.htype = 7 })},
		{"protocol IPv6", with(func(a *arp) { a.ptype = uapi.ETH_P_IPV6 })},
		{"hardware address of 5 bytes", with(func(a *arp) { a.hlen = 5 })},
		{"hardware address of 255 bytes", with(func(a *arp) { a.hlen = 255 })},
		{"protocol address of 16 bytes", with(func(a *arp) { a.plen = 16 })},
		{"operation 0", with(func(a *arp) { a.op = 0 })},
		{"operation 3", with(func(a *arp) { a.op = 3 })},
		{"request for another", with(func(a *arp) { a.tpa = "10.0.0.60" })},
		{"request for the other link's address", with(func(a *arp) { a.tpa = "10.0.1.1" })},
		{"request for a loopback address", with(func(a *arp) { a.tpa = "127.0.0.1" })},
		{"request for a group", with(func(a *arp) { a.tpa = "224.0.0.1" })},
		{"request for the broadcast address", with(func(a *arp) { a.tpa = "10.0.0.255" })},
		{"request for 255.255.255.255", with(func(a *arp) { a.tpa = "255.255.255.255" })},
		{"request from 0.0.0.0 (probe)", with(func(a *arp) { a.spa = "0.0.0.0" })},
		{"request from the host's own address", with(func(a *arp) { a.spa = "10.0.0.1" })},
		{"request from a group's address", with(func(a *arp) { a.spa = "224.0.0.1" })},
		{"request from the broadcast address", with(func(a *arp) { a.spa = "10.0.0.255" })},
		{"request from 127.0.0.1", with(func(a *arp) { a.spa = "127.0.0.1" })},
		{"request from another network", with(func(a *arp) { a.spa = "192.0.2.1" })},
		{"sender's hardware address broadcast", with(func(a *arp) { a.sha = broadcast; a.spa = "10.0.0.50" })},
		{"sender's hardware address the host's", with(func(a *arp) { a.sha = host; a.spa = "10.0.0.50" })},
	} {
		list = append(list, testCase{name: "ARP: " + a.name, steps: []step{rxARP(broadcast, a.a)}})
	}
	return list
}

// igmpCases are IGMP messages (RFC 3376, 2236).
func igmpCases() []testCase {
	query := func(p ip, b ...byte) ip { // a general query, if b is not longer
		m := make([]byte, 12)
		m[0], m[1] = 0x11, 100
		copy(m[2:], b)
		if p.dst == "" {
			p.dst = "224.0.0.1"
		}
		p.ttl, p.opts = 1, []byte{148, 4, 0, 0}
		return p.summed(uapi.IPPROTO_IGMP, m)
	}
	cut := func(n int) ip {
		p := query(ip{})
		return ip{dst: "224.0.0.1", ttl: 1, opts: p.opts}.summed(uapi.IPPROTO_IGMP, append([]byte{0x11, 100, 0, 0}, make([]byte, max(n-4, 0))...)[:n])
	}
	sources := func(n uint16, have int) ip {
		m := append(make([]byte, 12), make([]byte, 4*have)...)
		m[0], m[1] = 0x11, 100
		copy(m[4:], []byte{224, 0, 0, 99})
		be.PutUint16(m[10:], n)
		return ip{dst: "224.0.0.1", ttl: 1, opts: []byte{148, 4, 0, 0}}.summed(uapi.IPPROTO_IGMP, m)
	}
	list := []testCase{
		{name: "IGMP of no bytes", steps: []step{rx(cut(0))}},
		{name: "IGMP of 4 bytes", steps: []step{rx(cut(4))}},
		{name: "IGMP query of 7 bytes", steps: []step{rx(cut(7))}},
		{name: "IGMP query of 10 bytes", steps: []step{rx(cut(10))}},
		{name: "IGMP query of 11 bytes", steps: []step{rx(cut(11))}},
		{name: "IGMP checksum off", steps: []step{rx(query(ip{badL4: true}))}},
		{name: "IGMP query with 65535 sources in none", steps: []step{rx(sources(65535, 0))}},
		{name: "IGMP query with 65535 sources in 10", steps: []step{rx(sources(65535, 10))}},
		{name: "IGMP query with 300 sources", steps: []step{rx(sources(300, 300))}},
		{name: "IGMP query from 0.0.0.0", steps: []step{rx(query(ip{src: "0.0.0.0"}))}},
		{name: "IGMP query to the host", steps: []step{rx(query(ip{dst: "10.0.0.1"}))}},
		{name: "IGMP query from another network", steps: []step{rx(query(ip{src: "192.0.2.1"}))}},
		{name: "IGMP query in version 2, time 0", steps: []step{rx(ip{dst: "224.0.0.1", ttl: 1}.summed(uapi.IPPROTO_IGMP, make8(0x11, 0)))}},
		{name: "IGMP query in version 2", steps: []step{rx(ip{dst: "224.0.0.1", ttl: 1}.summed(uapi.IPPROTO_IGMP, make8(0x11, 100)))}},
		{name: "IGMP in a packet with TTL 64 and no alert", steps: []step{rx(ip{dst: "224.0.0.1"}.summed(uapi.IPPROTO_IGMP, make8(0x11, 100)))}},
	}
	for _, t := range []struct {
		name string
		typ  byte
	}{{"report of version 1", 0x12}, {"report of version 2", 0x16}, {"leave", 0x17}, {"report of version 3", 0x22}, {"DVMRP", 0x13}, {"PIM of version 1", 0x14}, {"trace", 0x1f}, {"type 0", 0}, {"type 255", 255}} {
		list = append(list, testCase{name: "IGMP " + t.name, steps: []step{rx(ip{dst: "224.0.0.1", ttl: 1}.summed(uapi.IPPROTO_IGMP, make8(t.typ, 0)))}})
	}
	return list
}

// make8 is a short IGMP message about 224.0.0.99.
func make8(typ, code byte) []byte { return []byte{typ, code, 0, 0, 224, 0, 0, 99} }

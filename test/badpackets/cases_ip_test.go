package badpackets

import (
	"strings"
	"time"

	"linen/uapi"
)

// headerCases are faults of the IPv4 header, shown to a host (RFC 791 §3.1,
// RFC 1122 §3.2.1).
func headerCases() []testCase {
	return []testCase{
		{name: "no bytes behind the link header", steps: []step{frame(hostMAC[0], uapi.ETH_P_IP, nil)}},
		{name: "packet of 3 bytes", steps: []step{frame(hostMAC[0], uapi.ETH_P_IP, []byte{0x45, 0, 0})}},
		{name: "packet of 19 bytes", steps: []step{rx(ip{cut: 19}.echo())}},
		{name: "IHL 4", steps: []step{rx(ip{first: 0x44}.echo())}},
		{name: "IHL 0", steps: []step{rx(ip{first: 0x40}.echo())}},
		{name: "IHL 15 in 44 bytes", steps: []step{rx(ip{first: 0x4f}.echo())}},
		{name: "version 6 in 0x0800", steps: []step{rx(ip{first: 0x65}.echo())}},
		{name: "version 0", steps: []step{rx(ip{first: 0x05}.echo())}},
		{name: "total length 16", steps: []step{rx(ip{totLen: 16}.echo())}},
		{name: "total length 0", steps: []step{rx(ip{totLen: -1}.echo())}},
		{name: "total length 2000 in 44 bytes", steps: []step{rx(ip{totLen: 2000}.echo())}},
		{name: "total length one more than there is", steps: []step{rx(ip{totLen: 45}.echo())}},
		{name: "total length less than there is", steps: []step{rx(ip{more: 20}.echo())}},
		{name: "header checksum off", steps: []step{rx(ip{badSum: true}.echo())}},
		{name: "TTL 0 to the host", steps: []step{rx(ip{ttl: -1}.echo())}},
		{name: "TTL 1 to the host", steps: []step{rx(ip{ttl: 1}.echo())}},
		{name: "reserved flag", steps: []step{rx(ip{frag: 0x8000}.echo())}},
		{name: "unknown protocol", steps: []step{rx(ip{proto: 253, data: seq(20)})}},
		{name: "unknown protocol without payload", steps: []step{rx(ip{proto: 253})}},
		{name: "protocol 0", steps: []step{rx(ip{proto: 0, data: seq(20)})}},
		{name: "protocol 255", steps: []step{rx(ip{proto: 255, data: seq(20)})}},
		{name: "unknown protocol to the broadcast address", steps: []step{rx(ip{dst: "10.0.0.255", proto: 253, data: seq(20)})}},
		{name: "unknown protocol to all systems", steps: []step{rx(ip{dst: "224.0.0.1", proto: 253, data: seq(20)})}},
		{name: "IPv6 header as protocol 41", steps: []step{rx(ip{proto: 41, data: append([]byte{0x60, 0, 0, 0, 0, 0, 59, 64}, make([]byte, 32)...)})}},
	}
}

// addressCases are packets whose addresses no good packet has (RFC 1122
// §3.2.1.3), shown to a host.
func addressCases() []testCase {
	list := []testCase{
		{name: "own address as source", steps: []step{rx(ip{src: "10.0.0.1"}.udp(1, 9, seq(8)))}},
		{name: "other own address as source", steps: []step{rx(ip{src: "10.0.1.1"}.udp(1, 9, seq(8)))}},
		{name: "own address as source, accept_local", setup: []step{sysctl("net.ipv4.conf.all.accept_local", "1")},
			steps: []step{rx(ip{src: "10.0.1.1"}.udp(1, 9, seq(8)))}},
		{name: "source of the other link, rp_filter=0", steps: []step{rx(ip{src: "10.0.1.2"}.udp(1, 9, seq(8)))}},
		{name: "source of the other link, rp_filter=1", setup: []step{sysctl("net.ipv4.conf.eth0.rp_filter", "1")},
			steps: []step{rx(ip{src: "10.0.1.2"}.udp(1, 9, seq(8)))}},
		{name: "source of the other link, rp_filter=2", setup: []step{sysctl("net.ipv4.conf.eth0.rp_filter", "2")},
			steps: []step{rx(ip{src: "10.0.1.2"}.udp(1, 9, seq(8)))}},
		{name: "source without a route, rp_filter=0", steps: []step{rx(ip{src: "192.0.2.1"}.udp(1, 9, seq(8)))}},
		{name: "source without a route, rp_filter=1", setup: []step{sysctl("net.ipv4.conf.all.rp_filter", "1")},
			steps: []step{rx(ip{src: "192.0.2.1"}.udp(1, 9, seq(8)))}},
		{name: "source without a route, rp_filter=2", setup: []step{sysctl("net.ipv4.conf.all.rp_filter", "2")},
			steps: []step{rx(ip{src: "192.0.2.1"}.udp(1, 9, seq(8)))}},
		{name: "source with a blackhole route, rp_filter=2", setup: []step{sysctl("net.ipv4.conf.all.rp_filter", "2"), route(uapi.RTN_BLACKHOLE, "192.0.2.0/24", "")},
			steps: []step{rx(ip{src: "192.0.2.1"}.udp(1, 9, seq(8)))}},
		{name: "destination of the other link's", steps: []step{rx(ip{dst: "10.0.1.1"}.echo())}},
		{name: "destination elsewhere, no forwarding", steps: []step{rx(ip{dst: "192.0.2.1"}.echo())}},
		{name: "destination on the link, no forwarding", steps: []step{rx(ip{dst: "10.0.0.2", src: "10.0.0.3"}.echo())}},
		{name: "destination on the other link, no forwarding", steps: []step{rx(ip{dst: "10.0.1.2"}.echo())}},
		{name: "destination the other link's broadcast", steps: []step{rx(ip{dst: "10.0.1.255"}.udp(1, 9, seq(8)))}},
		{name: "datagram from 0.0.0.0 to 255.255.255.255", steps: []step{rx(ip{src: "0.0.0.0", dst: "255.255.255.255"}.udp(68, 67, seq(8)))}},
		{name: "datagram from 0.0.0.0 to a group", steps: []step{rx(ip{src: "0.0.0.0", dst: "224.0.0.1"}.udp(68, 67, seq(8)))}},
		{name: "source loopback to a group", steps: []step{rx(ip{src: "127.0.0.1", dst: "224.0.0.1"}.udp(68, 67, seq(8)))}},
		{name: "source own to a group", steps: []step{rx(ip{src: "10.0.0.1", dst: "224.0.0.1"}.udp(68, 67, seq(8)))}},
		{name: "group nobody joined", steps: []step{rx(ip{dst: "239.9.9.9"}.udp(1, 9, seq(8)))}},
		{name: "link-local group nobody joined", steps: []step{rx(ip{dst: "224.0.0.99"}.udp(1, 9, seq(8)))}},
		{name: "group in a unicast frame", steps: []step{rx(ip{dst: "224.0.0.1", mac: hostMAC[0].String()}.udp(1, 9, seq(8)))}},
		{name: "host in a broadcast frame", steps: []step{rx(ip{mac: "ff:ff:ff:ff:ff:ff"}.udp(1, 9, seq(8)))}},
		{name: "host in a multicast frame", steps: []step{rx(ip{mac: "01:00:5e:01:02:03"}.udp(1, 9, seq(8)))}},
		{name: "host in a broadcast frame, drop_unicast_in_l2_multicast", setup: []step{sysctl("net.ipv4.conf.all.drop_unicast_in_l2_multicast", "1")},
			steps: []step{rx(ip{mac: "ff:ff:ff:ff:ff:ff"}.udp(1, 9, seq(8)))}},
		{name: "echo in a broadcast frame", steps: []step{rx(ip{mac: "ff:ff:ff:ff:ff:ff"}.echo())}},
		{name: "frame of another host", steps: []step{rx(ip{mac: "02:00:00:00:00:99"}.echo())}},
		{name: "TCP in a broadcast frame", setup: []step{tcpServer}, steps: []step{rx(ip{mac: "ff:ff:ff:ff:ff:ff"}.tcp(1000, 80, syn, nil, nil))}},
	}
	for _, a := range []string{"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "10.0.0.255", "10.0.0.0", "169.254.1.1"} {
		list = append(list, testCase{name: "source " + a, steps: []step{rx(ip{src: a}.udp(1, 9, seq(8)))}})
	}
	for _, a := range []string{"0.0.0.0", "0.1.2.3", "127.0.0.1", "240.0.0.1", "255.255.255.255", "10.0.0.255", "10.0.0.0"} {
		list = append(list, testCase{name: "datagram to " + a, steps: []step{rx(ip{dst: a, mac: hostMAC[0].String()}.udp(1, 9, seq(8)))}},
			testCase{name: "echo to " + a, steps: []step{rx(ip{dst: a}.echo())}})
	}
	return list
}

// optionCases are IP options in echo requests (RFC 791 §3.1, RFC 1122
// §3.2.1.8).
func optionCases() []testCase {
	list := []testCase{
		{name: "source route, accepted", setup: []step{sysctl("net.ipv4.conf.all.accept_source_route", "1"), sysctl("net.ipv4.conf.eth0.accept_source_route", "1")},
			steps: []step{rx(ip{opts: []byte{131, 7, 8, 10, 0, 0, 9, 0}}.echo())}},
		{name: "source route, accepted on no link", setup: []step{sysctl("net.ipv4.conf.all.accept_source_route", "0"), sysctl("net.ipv4.conf.eth0.accept_source_route", "0")},
			steps: []step{rx(ip{opts: []byte{131, 7, 8, 10, 0, 0, 9, 0}}.echo())}},
		{name: "source route through a host", setup: []step{sysctl("net.ipv4.conf.all.accept_source_route", "1"), sysctl("net.ipv4.conf.eth0.accept_source_route", "1")},
			steps: []step{rx(ip{opts: []byte{131, 7, 4, 10, 0, 1, 2, 0}}.echo())}},
		{name: "bad option in a datagram nobody takes", steps: []step{rx(ip{opts: []byte{7, 7, 2, 0, 0, 0, 0, 0}}.udp(1, 9, nil))}},
		{name: "bad option in an ICMP error", steps: []step{rx(ip{opts: []byte{7, 7, 2, 0, 0, 0, 0, 0}}.icmp(3, 3, 0, ip{}.udp(1, 2, nil).bytes()))}},
		{name: "bad option to the broadcast address", steps: []step{rx(ip{dst: "10.0.0.255", opts: []byte{7, 7, 2, 0, 0, 0, 0, 0}}.echo())}},
		{name: "record route in a datagram nobody takes", steps: []step{rx(ip{opts: []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}}.udp(1, 9, nil))}},
	}
	for _, o := range []struct {
		name string
		opts []byte
	}{
		{"length 0", []byte{7, 0, 4, 0}},
		{"length 1", []byte{7, 1, 4, 0}},
		{"beyond the header", []byte{7, 40, 4, 0}},
		{"without a length at the end", []byte{1, 1, 1, 7}},
		{"end of list, then garbage", []byte{0, 7, 0, 1}},
		{"only no-operations", []byte(strings.Repeat("\x01", 40))},
		{"record route of length 2", []byte{7, 2, 1, 0}},
		{"record route without room", []byte{7, 3, 4, 0}},
		{"record route, pointer 3", []byte{7, 7, 3, 0, 0, 0, 0, 0}},
		{"record route, pointer 0", []byte{7, 7, 0, 0, 0, 0, 0, 0}},
		{"record route, pointer inside", []byte{7, 7, 6, 0, 0, 0, 0, 0}},
		{"record route, full", []byte{7, 7, 8, 1, 2, 3, 4, 0}},
		{"record route, pointer 255", []byte{7, 7, 255, 1, 2, 3, 4, 0}},
		{"record route twice", []byte{7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0, 0}},
		{"record route", []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"timestamp of length 3", []byte{68, 3, 5, 0}},
		{"timestamp, pointer 4", []byte{68, 8, 4, 0, 0, 0, 0, 0}},
		{"timestamp without room", []byte{68, 4, 5, 0}},
		{"timestamp, full", []byte{68, 8, 9, 0, 1, 2, 3, 4}},
		{"timestamp, full, and its counter too", []byte{68, 8, 9, 0xf0, 1, 2, 3, 4}},
		{"timestamp with unknown flag", []byte{68, 8, 5, 2, 0, 0, 0, 0}},
		{"timestamp and address, too little room", []byte{68, 8, 5, 1, 0, 0, 0, 0}},
		{"timestamp and address", []byte{68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"timestamp, prescribed for another", []byte{68, 12, 5, 3, 10, 0, 0, 9, 0, 0, 0, 0}},
		{"timestamp", []byte{68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"timestamp twice", []byte{68, 8, 9, 0, 1, 2, 3, 4, 68, 8, 9, 0, 1, 2, 3, 4}},
		{"source route, pointer 3", []byte{131, 7, 3, 10, 0, 0, 9, 0}},
		{"source route of length 2", []byte{131, 2, 4, 0}},
		{"source routes, two", []byte{131, 7, 4, 10, 0, 0, 9, 131, 7, 4, 10, 0, 0, 9, 0, 0}},
		{"source routes, loose and strict", []byte{131, 7, 8, 10, 0, 0, 9, 137, 7, 8, 10, 0, 0, 9, 0, 0}},
		{"source route of length 5", []byte{131, 5, 4, 10, 0, 0, 0, 0}},
		{"strict source route, done", []byte{137, 7, 8, 10, 0, 0, 9, 0}},
		{"router alert", []byte{148, 4, 0, 0}},
		{"router alert of length 3", []byte{148, 3, 0, 0}},
		{"router alert, value 1", []byte{148, 4, 0, 1}},
		{"security", []byte{130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"unknown", []byte{94, 4, 1, 2}},
		{"unknown, to be copied", []byte{222, 4, 1, 2}},
	} {
		list = append(list, testCase{name: "option: " + o.name, steps: []step{rx(ip{opts: o.opts}.echo())}})
	}
	return list
}

// fragmentCases are fragments that make no packet (RFC 791 §3.2, RFC 815).
func fragmentCases() []testCase {
	whole := ip{}.icmp(8, 0, 0x00010001, seq(88)) // 96 bytes
	f := whole.fragment
	short := sysctl("net.ipv4.ipfrag_time", "1")
	dgram := ip{}.udp(1, 9, seq(88))
	at := func(p ip, off uint16) ip { p.frag = p.frag&^0x1fff | off; return p }
	return []testCase{
		{name: "fragments in order", steps: []step{rx(f(0, 48, true), f(48, 48, false))}},
		{name: "fragments, last first", steps: []step{rx(f(48, 48, false), f(0, 48, true))}},
		{name: "fragment twice", steps: []step{rx(f(0, 48, true), f(0, 48, true), f(48, 48, false))}},
		{name: "fragments overlap at the front", steps: []step{rx(f(0, 48, true), f(40, 56, false))}},
		{name: "fragments overlap at the back", steps: []step{rx(f(40, 56, false), f(0, 48, true))}},
		{name: "fragment inside another (teardrop)", steps: []step{rx(f(0, 64, true), f(16, 24, false))}},
		{name: "fragment around another", steps: []step{rx(f(16, 24, true), f(0, 64, true), f(64, 32, false))}},
		{name: "fragment inside another, more", steps: []step{rx(f(0, 64, true), f(16, 24, true), f(64, 32, false))}},
		{name: "fragments with two ends", steps: []step{rx(f(48, 48, false), f(48, 40, false), f(0, 48, true))}},
		{name: "fragment beyond the end", steps: []step{rx(f(48, 40, false), f(56, 40, true))}},
		{name: "last fragment before one that came", steps: []step{rx(f(48, 40, true), f(40, 16, false))}},
		{name: "fragments of 8 bytes", steps: []step{rx(f(0, 8, true), f(8, 8, true), f(16, 8, true), f(24, 72, false))}},
		{name: "fragment of no bytes, more", setup: []step{short}, steps: []step{rx(f(8, 0, true), f(0, 48, true), f(48, 48, false))}},
		{name: "fragment of no bytes, the last", steps: []step{rx(f(0, 96, true), f(96, 0, false))}},
		{name: "fragment of 47 bytes, more", steps: []step{rx(f(0, 47, true), f(48, 48, false))}},
		{name: "fragment of 5 bytes, more", setup: []step{short}, waits: true, steps: []step{rx(f(8, 5, true)), wait(1500 * time.Millisecond)}},
		{name: "ping of death", steps: []step{rx(f(0, 48, true), at(f(48, 48, false), 0x1fff))}},
		{name: "ping of death, more", steps: []step{rx(at(f(48, 48, true), 0x1ffe))}},
		{name: "fragment with DF and MF", steps: []step{rx(ip{frag: df}.icmp(8, 0, 1, seq(88)).fragment(0, 48, true), f(48, 48, false))}},
		{name: "fragments of another protocol", setup: []step{short}, waits: true, steps: []step{rx(f(0, 48, true), dgram.fragment(48, 48, false)), wait(1500 * time.Millisecond)}},
		{name: "first fragment alone times out", setup: []step{short}, waits: true, steps: []step{rx(f(0, 48, true)), wait(1500 * time.Millisecond)}},
		{name: "first fragment of a datagram times out", setup: []step{short}, waits: true, steps: []step{rx(dgram.fragment(0, 48, true)), wait(1500 * time.Millisecond)}},
		{name: "fragments without the first time out", setup: []step{short}, waits: true, steps: []step{rx(f(48, 48, false)), wait(1500 * time.Millisecond)}},
		{name: "first fragment to the broadcast address times out", waits: true, setup: []step{short},
			steps: []step{rx(ip{dst: "10.0.0.255"}.udp(1, 9, seq(88)).fragment(0, 48, true)), wait(1500 * time.Millisecond)}},
		{name: "fragment with ECN, others without", steps: []step{rx(ip{tos: 2}.icmp(8, 0, 1, seq(88)).fragment(0, 48, true), f(48, 48, false))}},
		{name: "fragment marked by a router", steps: []step{rx(ip{tos: 3}.icmp(8, 0, 0x00010001, seq(88)).fragment(0, 48, true), ip{tos: 2}.icmp(8, 0, 0x00010001, seq(88)).fragment(48, 48, false))}},
		{name: "fragment for nobody", steps: []step{rx(ip{dst: "192.0.2.1"}.udp(1, 9, seq(88)).fragment(0, 48, true))}},
		{name: "no memory for fragments", setup: []step{sysctl("net.ipv4.ipfrag_low_thresh", "0"), sysctl("net.ipv4.ipfrag_high_thresh", "1")}, steps: []step{rx(f(0, 48, true), f(48, 48, false))}},
		{name: "fragments, reassembly off", setup: []step{sysctl("net.ipv4.ipfrag_low_thresh", "0"), sysctl("net.ipv4.ipfrag_high_thresh", "0")}, steps: []step{rx(f(0, 48, true))}},
		{name: "tiny first fragment of a segment", setup: []step{tcpServer}, steps: []step{rx(ip{}.tcp(1000, 80, rst, nil, seq(20)).fragment(0, 8, true), ip{}.tcp(1000, 80, rst, nil, seq(20)).fragment(8, 32, false))}},
		{name: "bad checksum in a fragmented datagram", setup: []step{udpServer},
			steps: []step{rx(ip{badL4: true}.udp(1, 7000, seq(88)).fragment(0, 48, true), ip{badL4: true}.udp(1, 7000, seq(88)).fragment(48, 48, false)), read}},
	}
}

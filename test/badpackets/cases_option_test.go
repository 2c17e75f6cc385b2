package badpackets

import (
	"fmt"

	"linen/uapi"
)

// What the options of level IP do (ip(7)). Sources of what is sent are bound,
// so that no ephemeral port is seen.

// clientAt is a datagram socket at port 5000 of every address.
var clientAt = open(uapi.SOCK_DGRAM, 0, "0.0.0.0:5000", "")

// rawAt is a raw socket of a protocol without a name.
var rawAt = open(uapi.SOCK_RAW, 253, "", "")

// peer is a UDP port of the neighbour's; there is nobody.
const peer = "10.0.0.2:6000"

// opener is a way to make a socket that sends.
type opener struct {
	name string
	open []step
	send step
}

// senders are UDP's, a raw, an echo and a TCP socket.
func senders() []opener {
	return []opener{
		{"UDP", []step{clientAt}, sends(peer, 4)},
		{"raw", []step{rawAt}, sends("10.0.0.2:0", 4)},
		{"ping", []step{sysctl("net.ipv4.ping_group_range", "0 2147483647"), open(uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP, "0.0.0.0:77", "")},
			sendsBytes("10.0.0.2:0", []byte{8, 0, 0, 0, 0, 0, 0, 1})},
		{"TCP", []step{streamAt}, connects(peer)},
	}
}

// streamAt is a stream at port 5000 that does not listen.
func streamAt(r *run) error {
	s, err := r.m.socket(uapi.SOCK_STREAM, 0)
	if err == nil {
		r.socks = append(r.socks, s)
		err = s.bind(peerAddr("0.0.0.0:5000"))
	}
	return err
}

// sentOptionCases are the options that shape what is sent.
func sentOptionCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		list = append(list, testCase{name: "option: " + name, setup: setup, steps: steps})
	}
	recordRoute := []byte{7, 7, 4, 0, 0, 0, 0}
	for _, s := range senders() {
		with := func(more ...step) []step { return append(s.open[:len(s.open):len(s.open)], more...) }
		add("IP_TOS of "+s.name, with(setIP(uapi.IP_TOS, 0x13)), gets(uapi.IPPROTO_IP, uapi.IP_TOS, 4), s.send, gets(uapi.SOL_SOCKET, uapi.SO_PRIORITY, 4))
		add("IP_TTL of "+s.name, with(setIP(uapi.IP_TTL, 7)), s.send)
		add("IP_TTL of "+s.name+" taken back", with(sysctl("net.ipv4.ip_default_ttl", "99"), setIP(uapi.IP_TTL, 7), setIP(uapi.IP_TTL, 0xffffffff)), s.send)
		add("IP_OPTIONS of "+s.name, with(option(uapi.IPPROTO_IP, uapi.IP_OPTIONS, recordRoute)), gets(uapi.IPPROTO_IP, uapi.IP_OPTIONS, 40), s.send)
		add("IP_OPTIONS of "+s.name+" taken back", with(option(uapi.IPPROTO_IP, uapi.IP_OPTIONS, recordRoute), option(uapi.IPPROTO_IP, uapi.IP_OPTIONS, nil)), s.send)
		add("a source route of "+s.name, with(option(uapi.IPPROTO_IP, uapi.IP_OPTIONS, []byte{131, 7, 4, 10, 0, 0, 3, 0})), s.send)
		add("IP_UNICAST_IF of "+s.name, with(unicastIF("eth1")), s.send)
		add("SO_BINDTODEVICE without a route, "+s.name, with(bound("eth1")), s.send)
		add("SO_DONTROUTE of "+s.name, with(option(uapi.SOL_SOCKET, uapi.SO_DONTROUTE, u32(1)), route(uapi.RTN_UNICAST, "10.0.0.2/32", "10.0.0.3")), s.send)
		for mode := range 6 {
			add(fmt.Sprintf("IP_MTU_DISCOVER %d of %s", mode, s.name), with(setIP(uapi.IP_MTU_DISCOVER, uint32(mode))), s.send)
		}
	}
	group := "239.1.1.1:6000"
	add("IP_TTL is not a group's", []step{clientAt, setIP(uapi.IP_TTL, 7), bound("eth0")}, sends(group, 4))
	add("IP_MULTICAST_TTL", []step{clientAt, setIP(uapi.IP_MULTICAST_TTL, 9), bound("eth0")}, sends(group, 4), sends(peer, 4))
	add("IP_UNICAST_IF of no device", []step{clientAt}, sets(uapi.IPPROTO_IP, uapi.IP_UNICAST_IF, []byte{0, 0, 0, 99}), sets(uapi.IPPROTO_IP, uapi.IP_UNICAST_IF, []byte{0, 0, 0}))
	add("IP_UNICAST_IF is not a group's", []step{clientAt, unicastIF("eth1"), route(uapi.RTN_UNICAST, "239.0.0.0/8", "10.0.0.3")}, sends(group, 4))
	add("IP_UNICAST_IF and connect", []step{clientAt, unicastIF("eth1")}, connects(peer), sends("", 4), named)
	add("IP_TOS and IP_TTL for one send", []step{clientAt}, sends(peer, 4, number("IP_TOS", uapi.IP_TOS, 0x13), number("IP_TTL", uapi.IP_TTL, 3)), sends(peer, 4))
	add("IP_TTL for one send, wrong", []step{clientAt}, sends(peer, 4, number("IP_TTL", uapi.IP_TTL, 0)), sends(peer, 4, number("IP_TTL", uapi.IP_TTL, 256)))
	add("IP_RETOPTS for one send", []step{clientAt}, sends(peer, 4, cmsg{"IP_RETOPTS", uapi.IP_RETOPTS, func(machine) []byte { return recordRoute }}), sends(peer, 4))
	add("IP_PROTOCOL for one send", []step{open(uapi.SOCK_RAW, uapi.IPPROTO_RAW, "", ""), setIP(uapi.IP_HDRINCL, 0)},
		sends("10.0.0.2:0", 4, number("IP_PROTOCOL", uapi.IP_PROTOCOL, 253)), sends("10.0.0.2:0", 4, number("IP_PROTOCOL", uapi.IP_PROTOCOL, 0)))
	add("IP_PROTOCOL for one send of UDP", []step{clientAt}, sends(peer, 4, number("IP_PROTOCOL", uapi.IP_PROTOCOL, 253)))
	add("IP_PROTOCOL read", []step{rawAt}, gets(uapi.IPPROTO_IP, uapi.IP_PROTOCOL, 4), sets(uapi.IPPROTO_IP, uapi.IP_PROTOCOL, u32(253)))
	return append(list, includedCases()...)
}

// includedCases are raw sockets that write the header (raw(7)).
func includedCases() (list []testCase) {
	mine := []step{open(uapi.SOCK_RAW, uapi.IPPROTO_RAW, "", "")}
	for _, c := range []struct {
		name string
		p    ip
	}{
		{"whole", ours.udp(5000, 6000, seq(8))},
		{"wrong checksum", ip{src: "10.0.0.1", dst: "10.0.0.2", badSum: true}.udp(5000, 6000, seq(8))},
		{"wrong length", ip{src: "10.0.0.1", dst: "10.0.0.2", totLen: 99}.udp(5000, 6000, seq(8))},
		{"no source", ip{src: "0.0.0.0", dst: "10.0.0.2"}.udp(5000, 6000, seq(8))},
		{"another's source", ip{src: "9.9.9.9", dst: "10.0.0.2"}.udp(5000, 6000, seq(8))},
		{"another destination", ip{src: "10.0.0.1", dst: "9.9.9.9"}.udp(5000, 6000, seq(8))},
		{"DF", ip{src: "10.0.0.1", dst: "10.0.0.2", frag: df}.udp(5000, 6000, seq(8))},
		{"TTL 0", ip{src: "10.0.0.1", dst: "10.0.0.2", ttl: -1}.udp(5000, 6000, seq(8))},
		{"version 6", ip{src: "10.0.0.1", dst: "10.0.0.2", first: 0x65}.udp(5000, 6000, seq(8))},
		{"IHL 4", ip{src: "10.0.0.1", dst: "10.0.0.2", first: 0x44}.udp(5000, 6000, seq(8))},
		{"IHL 15", ip{src: "10.0.0.1", dst: "10.0.0.2", first: 0x4f}.udp(5000, 6000, seq(8))},
	} {
		list = append(list, testCase{name: "option: IP_HDRINCL, " + c.name, setup: mine, steps: []step{sendsBytes("10.0.0.2:0", c.p.bytes())}})
	}
	first := ours.udp(5000, 6000, seq(88)).fragment(0, 48, true).bytes()
	for _, v := range []uint32{0, 1} {
		list = append(list, testCase{name: fmt.Sprintf("option: IP_NODEFRAG %d, a fragment of one's own", v), setup: append(mine[:1:1], setIP(uapi.IP_NODEFRAG, v)),
			steps: []step{gets(uapi.IPPROTO_IP, uapi.IP_NODEFRAG, 4), sendsBytes("10.0.0.2:0", first)}})
	}
	return append(list, testCase{name: "option: IP_NODEFRAG of UDP", setup: []step{clientAt}, steps: []step{sets(uapi.IPPROTO_IP, uapi.IP_NODEFRAG, u32(1)), sets(uapi.IPPROTO_IP, uapi.IP_HDRINCL, u32(1))}})
}

// discoverCases are IP_MTU_DISCOVER's modes: what is longer than the device
// takes, and than the path.
func discoverCases() (list []testCase) {
	learned := rx(ip{}.icmp(3, 4, 600, ours.udp(5000, 6000, seq(32)).bytes()))
	for mode := range 6 {
		m := setIP(uapi.IP_MTU_DISCOVER, uint32(mode))
		list = append(list,
			testCase{name: fmt.Sprintf("option: IP_MTU_DISCOVER %d, UDP over the device's MTU", mode), setup: []step{clientAt, m, setIP(uapi.IP_RECVERR, 1)},
				steps: []step{sends(peer, 1600), receivesError, sends(peer, 1472), sends(peer, 1473)}},
			testCase{name: fmt.Sprintf("option: IP_MTU_DISCOVER %d, UDP over the path's MTU", mode), setup: []step{udpClient, m, setIP(uapi.IP_RECVERR, 1)},
				steps: []step{learned, receivesError, sends("", 1000), gets(uapi.IPPROTO_IP, uapi.IP_MTU, 4), sends("", 1000), receivesError, sends("", 500)}},
			testCase{name: fmt.Sprintf("option: IP_MTU_DISCOVER %d, raw over the device's MTU", mode), setup: []step{rawAt, m}, steps: []step{sends("10.0.0.2:0", 1600), sends("10.0.0.2:0", 1480)}},
			testCase{name: fmt.Sprintf("option: IP_MTU_DISCOVER %d, header included, over the path's MTU", mode),
				setup: []step{udpClient, learned, open(uapi.SOCK_RAW, uapi.IPPROTO_RAW, "", ""), m},
				steps: []step{sendsBytes("10.0.0.2:0", ours.udp(1, 9, seq(1000)).bytes()), sendsBytes("10.0.0.2:0", ours.udp(1, 9, seq(1480)).bytes())}},
		)
	}
	for v := range 4 {
		list = append(list, testCase{name: fmt.Sprintf("option: IP_MTU_DISCOVER where ip_no_pmtu_disc is %d", v), setup: []step{sysctl("net.ipv4.ip_no_pmtu_disc", fmt.Sprint(v)), clientAt},
			steps: []step{gets(uapi.IPPROTO_IP, uapi.IP_MTU_DISCOVER, 4), sends(peer, 4)}})
	}
	return append(list,
		testCase{name: "option: IP_MTU of a socket without a peer", setup: []step{clientAt}, steps: []step{gets(uapi.IPPROTO_IP, uapi.IP_MTU, 4), sets(uapi.IPPROTO_IP, uapi.IP_MTU, u32(600))}},
		testCase{name: "option: IP_MTU follows the device", setup: []step{udpClient}, steps: []step{gets(uapi.IPPROTO_IP, uapi.IP_MTU, 4), mtu("eth0", 1000), gets(uapi.IPPROTO_IP, uapi.IP_MTU, 4)}})
}

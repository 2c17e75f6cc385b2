package badpackets

import (
	"time"

	"linen/uapi"
)

// receivedOptionCases are the options about what comes in: control messages,
// errors, what is not taken (ip(7)).
func receivedOptionCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		list = append(list, testCase{name: "option: " + name, setup: setup, steps: steps})
	}
	odd := ip{ttl: 9, tos: 0x13, opts: []byte{7, 7, 4, 0, 0, 0, 0, 0}}
	rawUDP := open(uapi.SOCK_RAW, uapi.IPPROTO_UDP, "", "")
	for _, o := range []struct {
		name string
		opt  int
	}{
		{"IP_PKTINFO", uapi.IP_PKTINFO}, {"IP_RECVTTL", uapi.IP_RECVTTL}, {"IP_RECVTOS", uapi.IP_RECVTOS}, {"IP_RECVOPTS", uapi.IP_RECVOPTS}, {"IP_RETOPTS", uapi.IP_RETOPTS},
		{"IP_RECVORIGDSTADDR", uapi.IP_RECVORIGDSTADDR}, {"IP_CHECKSUM", uapi.IP_CHECKSUM}, {"IP_RECVFRAGSIZE", uapi.IP_RECVFRAGSIZE}, {"IP_MINTTL", uapi.IP_MINTTL},
	} {
		add(o.name+" of UDP", []step{udpServer, setIP(o.opt, 1)}, rx(odd.udp(6000, 7000, seq(4))), receives, setIP(o.opt, 0), rx(odd.udp(6000, 7000, seq(4))), receives)
		add(o.name+" of a raw socket", []step{rawUDP, setIP(o.opt, 1)}, rx(odd.udp(6000, 7000, seq(4))), receives)
	}
	big := ip{}.udp(6000, 7000, seq(100))
	add("IP_RECVFRAGSIZE of fragments", []step{udpServer, setIP(uapi.IP_RECVFRAGSIZE, 1)}, rx(big.fragment(0, 64, true), big.fragment(64, 44, false)), receives)
	add("IP_RECVFRAGSIZE of a stream", []step{tcpServer}, sets(uapi.IPPROTO_IP, uapi.IP_RECVFRAGSIZE, u32(1)))
	add("IP_PKTINFO of a group", []step{sysctl("net.ipv4.conf.eth0.igmpv3_unsolicited_report_interval", "1"), udpServer, setIP(uapi.IP_PKTINFO, 1), member("224.1.1.1"), wait(100 * time.Millisecond)}, rx(ip{dst: "224.1.1.1"}.udp(6000, 7000, seq(4))), receives)
	add("IP_PKTINFO of a broadcast", []step{udpServer, setIP(uapi.IP_PKTINFO, 1), setIP(uapi.IP_RECVORIGDSTADDR, 1)}, rx(ip{dst: "10.0.0.255"}.udp(6000, 7000, seq(4))), receives)
	add("IP_PKTINFO of the other link's address", []step{udpServer, setIP(uapi.IP_PKTINFO, 1)}, rx(ip{dst: "10.0.1.1"}.udp(6000, 7000, seq(4))), receives)
	add("IP_MINTTL of UDP and a low TTL", []step{udpServer, setIP(uapi.IP_MINTTL, 255)}, rx(ip{}.udp(6000, 7000, seq(4))), receives)
	forward := sysctl("net.ipv4.ip_forward", "1")
	alert := ip{dst: "10.0.1.2", opts: []byte{148, 4, 0, 0}}
	rawAlert := open(uapi.SOCK_RAW, uapi.IPPROTO_UDP, "", "")
	add("IP_ROUTER_ALERT", []step{forward, rawAlert, setIP(uapi.IP_ROUTER_ALERT, 1)}, rx(alert.udp(1, 9, seq(8))), receives)
	add("IP_ROUTER_ALERT, another protocol", []step{forward, rawAt, setIP(uapi.IP_ROUTER_ALERT, 1)}, rx(alert.udp(1, 9, seq(8))), receives)
	add("IP_ROUTER_ALERT, bound to the other link", []step{forward, rawAlert, bound("eth1"), setIP(uapi.IP_ROUTER_ALERT, 1)}, rx(alert.udp(1, 9, seq(8))), receives)
	add("IP_ROUTER_ALERT, in fragments", []step{forward, rawAlert, setIP(uapi.IP_ROUTER_ALERT, 1)},
		rx(alert.udp(1, 9, seq(88)).fragment(0, 48, true), alert.udp(1, 9, seq(88)).fragment(48, 48, false)), receives)
	add("IP_ROUTER_ALERT twice", []step{rawAlert}, sets(uapi.IPPROTO_IP, uapi.IP_ROUTER_ALERT, u32(1)), sets(uapi.IPPROTO_IP, uapi.IP_ROUTER_ALERT, u32(1)),
		gets(uapi.IPPROTO_IP, uapi.IP_ROUTER_ALERT, 4), sets(uapi.IPPROTO_IP, uapi.IP_ROUTER_ALERT, u32(0)), sets(uapi.IPPROTO_IP, uapi.IP_ROUTER_ALERT, u32(0)))
	add("IP_ROUTER_ALERT of UDP", []step{clientAt}, sets(uapi.IPPROTO_IP, uapi.IP_ROUTER_ALERT, u32(1)))
	return append(list, recvErrCases()...)
}

// recvErrCases: which errors a socket is told, with IP_RECVERR and without.
func recvErrCases() (list []testCase) {
	about := ours.udp(5000, 6000, seq(32)).bytes()
	sockets := []struct {
		name string
		open step
		send string
	}{
		{"a connected socket", udpClient, ""}, {"a socket", open(uapi.SOCK_DGRAM, 0, "10.0.0.1:5000", ""), peer},
		{"a raw socket", open(uapi.SOCK_RAW, uapi.IPPROTO_UDP, "", ""), "10.0.0.2:0"}, {"a connected raw socket", open(uapi.SOCK_RAW, uapi.IPPROTO_UDP, "", "10.0.0.2:0"), ""},
	}
	for _, e := range []struct {
		name      string
		typ, code uint8
		info      uint32
	}{
		{"network unreachable", 3, 0, 0}, {"host unreachable", 3, 1, 0}, {"protocol unreachable", 3, 2, 0}, {"port unreachable", 3, 3, 0}, {"frag needed", 3, 4, 600},
		{"source route failed", 3, 5, 0}, {"prohibited", 3, 13, 0}, {"source quench", 4, 0, 0}, {"redirect", 5, 1, num("10.0.0.3")}, {"time exceeded", 11, 0, 0}, {"parameter problem", 12, 0, 7 << 24},
	} {
		for _, s := range sockets {
			shown := rx(ip{}.icmp(e.typ, e.code, e.info, about))
			list = append(list,
				testCase{name: "option: IP_RECVERR of " + s.name + ", " + e.name, setup: []step{s.open, setIP(uapi.IP_RECVERR, 1), setIP(uapi.IP_RECVTTL, 1)},
					steps: []step{shown, gets(uapi.SOL_SOCKET, uapi.SO_ERROR, 4), receivesError, receivesError}},
				testCase{name: "option: no IP_RECVERR of " + s.name + ", " + e.name, setup: []step{s.open},
					steps: []step{shown, sends(s.send, 4), gets(uapi.SOL_SOCKET, uapi.SO_ERROR, 4), receivesError}})
		}
	}
	return append(list, testCase{name: "option: IP_RECVERR taken back", setup: []step{udpClient, setIP(uapi.IP_RECVERR, 1)},
		steps: []step{rx(ip{}.icmp(3, 3, 0, about)), setIP(uapi.IP_RECVERR, 0), receivesError, gets(uapi.SOL_SOCKET, uapi.SO_ERROR, 4)}})
}

// member joins a group on eth0 with the last socket.
func member(group string) step {
	return func(r *run) error {
		g := peerAddr(group + ":0").Addr().As4()
		return r.socks[len(r.socks)-1].option(uapi.IPPROTO_IP, uapi.IP_ADD_MEMBERSHIP, append(append(g[:], 0, 0, 0, 0), u32(uint32(r.m.index("eth0")))...))
	}
}

// sourceOptionCases are the options about the own address and the way.
func sourceOptionCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		list = append(list, testCase{name: "option: " + name, setup: setup, steps: steps})
	}
	udp := func(r *run) error {
		s, err := r.m.socket(uapi.SOCK_DGRAM, 0)
		r.socks = append(r.socks, s)
		return err
	}
	stream := func(r *run) error {
		s, err := r.m.socket(uapi.SOCK_STREAM, 0)
		r.socks = append(r.socks, s)
		return err
	}
	add("another's address with no option, UDP", []step{udp}, binds("9.9.9.9:5000"), named)
	add("another's address with no option, TCP", []step{stream}, binds("9.9.9.9:5000"), named)
	for _, o := range []struct {
		name string
		opt  int
	}{{"no option", uapi.IP_RECVTTL}, {"IP_FREEBIND", uapi.IP_FREEBIND}, {"IP_TRANSPARENT", uapi.IP_TRANSPARENT}} {
		name, set := o.name, setIP(o.opt, 1)
		if o.opt != uapi.IP_RECVTTL { // one that sends has no port of the kernel's choice
			add("another's address with "+name+", UDP", []step{udp, set}, binds("9.9.9.9:5000"), named, sends(peer, 4))
			add("another's address with "+name+", TCP", []step{stream, set}, binds("9.9.9.9:5000"), named, connects(peer))
		}
		add("another's address with "+name+", raw", []step{rawAt, set}, binds("9.9.9.9:0"), sends("10.0.0.2:0", 4))
		add("a group's address with "+name, []step{udp, set}, binds("224.1.1.1:5000"), sends(peer, 4))
		add("IP_PKTINFO with another's source, "+name, []step{clientAt, set}, sends(peer, 4, pktinfo("", "9.9.9.9")))
	}
	add("IP_PKTINFO with a source", []step{clientAt}, sends(peer, 4, pktinfo("", "10.0.1.1")), sends(peer, 4, pktinfo("eth0", "10.0.1.1")))
	add("IP_PKTINFO with a link", []step{clientAt}, sends(peer, 4, pktinfo("eth1", "0.0.0.0")))
	add("IP_PKTINFO with a link and SO_BINDTODEVICE", []step{clientAt, bound("eth0")}, sends(peer, 4, pktinfo("eth1", "0.0.0.0")))
	add("bound to the other link's address", []step{open(uapi.SOCK_DGRAM, 0, "10.0.1.1:5000", "")}, sends(peer, 4))
	add("SO_BINDTODEVICE and a route by the other link", []step{clientAt, bound("eth0"), route(uapi.RTN_UNICAST, "0.0.0.0/0", "10.0.1.2")}, sends("9.9.9.9:6000", 4))
	add("SO_BINDTODEVICE and a route by it", []step{clientAt, bound("eth0"), route(uapi.RTN_UNICAST, "0.0.0.0/0", "10.0.0.2")}, sends("9.9.9.9:6000", 4))
	add("SO_BINDTODEVICE to the own address of the other link", []step{clientAt, bound("eth0")}, sends("10.0.1.1:6000", 4))
	add("SO_BINDTODEVICE, received by the other link", []step{udpServer, bound("eth1")}, rx(ip{}.udp(6000, 7000, seq(4))), receives)
	add("broadcast without SO_BROADCAST", []step{clientAt}, sends("10.0.0.255:6000", 4), connects("10.0.0.255:6000"), sends("255.255.255.255:6000", 4), sends("10.0.0.0:6000", 4))
	add("broadcast with SO_BROADCAST", []step{clientAt, option(uapi.SOL_SOCKET, uapi.SO_BROADCAST, u32(1))}, sends("10.0.0.255:6000", 4), connects("10.0.0.255:6000"), sends("", 4))
	add("255.255.255.255 without a route", []step{clientAt, option(uapi.SOL_SOCKET, uapi.SO_BROADCAST, u32(1))}, sends("255.255.255.255:6000", 4))
	add("255.255.255.255 by a link", []step{clientAt, option(uapi.SOL_SOCKET, uapi.SO_BROADCAST, u32(1)), bound("eth1")}, sends("255.255.255.255:6000", 4))
	add("broadcast with SO_BROADCAST, raw", []step{rawAt}, sends("10.0.0.255:0", 4), option(uapi.SOL_SOCKET, uapi.SO_BROADCAST, u32(1)), sends("10.0.0.255:0", 4))
	add("IP_BIND_ADDRESS_NO_PORT", []step{udp, setIP(uapi.IP_BIND_ADDRESS_NO_PORT, 1)}, binds("10.0.0.1:0"), named)
	add("IP_BIND_ADDRESS_NO_PORT of a stream", []step{stream, setIP(uapi.IP_BIND_ADDRESS_NO_PORT, 1)}, binds("10.0.0.1:0"), named)
	add("IP_LOCAL_PORT_RANGE", []step{udp, setIP(uapi.IP_LOCAL_PORT_RANGE, 45000<<16|45000)}, binds("10.0.0.1:0"), named, sends(peer, 4))
	add("IP_LOCAL_PORT_RANGE of connect", []step{stream, setIP(uapi.IP_LOCAL_PORT_RANGE, 45000<<16|45000)}, connects(peer), named)
	return list
}

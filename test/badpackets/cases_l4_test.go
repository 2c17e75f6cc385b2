package badpackets

import "linen/uapi"

// udpCases are datagrams (RFC 768, RFC 1122 §4.1).
func udpCases() []testCase {
	server := []step{udpServer}
	return []testCase{
		{name: "UDP of 4 bytes", setup: server, steps: []step{rx(ip{proto: uapi.IPPROTO_UDP, data: []byte{0, 1, 27, 88}})}},
		{name: "UDP of no bytes", setup: server, steps: []step{rx(ip{proto: uapi.IPPROTO_UDP})}},
		{name: "UDP length 7", setup: server, steps: []step{rx(ip{}.udp(1, 7000, seq(8), put16(4, 7))), read}},
		{name: "UDP length 0", setup: server, steps: []step{rx(ip{}.udp(1, 7000, seq(8), put16(4, 0))), read}},
		{name: "UDP length longer than the packet", setup: server, steps: []step{rx(ip{}.udp(1, 7000, seq(8), put16(4, 17))), read}},
		{name: "UDP length 65535", setup: server, steps: []step{rx(ip{}.udp(1, 7000, seq(8), put16(4, 65535))), read}},
		{name: "UDP length shorter, checksum over all", setup: server, steps: []step{rx(ip{}.udp(1, 7000, seq(8), put16(4, 12))), read}},
		{name: "UDP length shorter, no checksum", setup: server, steps: []step{rx(noSum(ip{}.udp(1, 7000, seq(8), put16(4, 12)))), read}},
		{name: "UDP without a checksum", setup: server, steps: []step{rx(noSum(ip{}.udp(1, 7000, seq(8)))), read}},
		{name: "UDP checksum off", setup: server, steps: []step{rx(ip{badL4: true}.udp(1, 7000, seq(8))), read}},
		{name: "UDP checksum off, closed port", steps: []step{rx(ip{badL4: true}.udp(1, 9, seq(8)))}},
		{name: "UDP length longer, closed port", steps: []step{rx(ip{}.udp(1, 9, seq(8), put16(4, 17)))}},
		{name: "UDP from port 0", setup: server, steps: []step{rx(ip{}.udp(0, 7000, seq(8))), read}},
		{name: "UDP to port 0", setup: server, steps: []step{rx(ip{}.udp(1, 0, seq(8)))}},
		{name: "UDP to a closed port", steps: []step{rx(ip{}.udp(1, 9, seq(8)))}},
		{name: "UDP to a closed port, TOS 0xff", steps: []step{rx(ip{tos: 0xff}.udp(1, 9, seq(8)))}},
		{name: "UDP to a closed port, 1400 bytes", steps: []step{rx(ip{}.udp(1, 9, seq(1400)))}},
		{name: "UDP to a closed port, padded frame", steps: []step{rx(ip{more: 12}.udp(1, 9, nil))}},
		{name: "UDP to a closed port, a group", steps: []step{rx(ip{dst: "224.0.0.1"}.udp(1, 9, seq(8)))}},
		{name: "UDP checksum off to a group", steps: []step{rx(ip{dst: "224.0.0.1", badL4: true}.udp(1, 9, seq(8)))}},
		{name: "UDP to a connected socket from another", setup: []step{udpClient}, steps: []step{rx(ip{}.udp(6001, 5000, seq(8)))}},
		{name: "UDP, receive buffer full", setup: []step{udpServer, option(uapi.SOL_SOCKET, uapi.SO_RCVBUF, []byte{1, 0, 0, 0})},
			steps: []step{rx(burst(ip{}.udp(1, 7000, seq(1400)), 8)...), read}},
		{name: "UDP, socket filter takes nothing", setup: []step{udpServer, closedFilter}, steps: []step{rx(ip{}.udp(1, 7000, seq(8)))}},
		{name: "UDP-Lite", steps: []step{rx(ip{proto: 136, data: ip{}.udp(1, 9, seq(8)).data})}},
	}
}

// noSum takes a datagram's checksum away.
func noSum(p ip) ip {
	p.data[6], p.data[7] = 0, 0
	return p
}

// tcpCases are segments outside of connections (RFC 9293 §3.10.7.1,
// §3.10.7.2). What connections make of bad segments: test/conversation.
func tcpCases() []testCase {
	server := []step{tcpServer}
	list := []testCase{
		{name: "TCP of 10 bytes", setup: server, steps: []step{rx(ip{}.pseudo(uapi.IPPROTO_TCP, make([]byte, 10), 16))}},
		{name: "TCP of no bytes", steps: []step{rx(ip{proto: uapi.IPPROTO_TCP})}},
		{name: "TCP data offset 4", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil, put8(12, 4<<4)))}},
		{name: "TCP data offset 0", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil, put8(12, 0)))}},
		{name: "TCP data offset 15 in 20 bytes", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil, put8(12, 15<<4)))}},
		{name: "TCP checksum off", setup: server, steps: []step{rx(ip{badL4: true}.tcp(1000, 80, syn, nil, nil))}},
		{name: "TCP checksum off, closed port", steps: []step{rx(ip{badL4: true}.tcp(1000, 9, syn, nil, nil))}},
		{name: "TCP SYN, option of length 0", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, []byte{2, 0, 5, 180}, nil))}},
		{name: "TCP SYN, option of length 1", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, []byte{2, 1, 5, 180}, nil))}},
		{name: "TCP SYN, option beyond the header", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, []byte{3, 40, 5, 180}, nil))}},
		{name: "TCP SYN, MSS 0", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, []byte{2, 4, 0, 0}, nil))}},
		{name: "TCP SYN, window scale 255", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, []byte{3, 3, 255, 0}, nil))}},
		{name: "TCP SYN with data", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, seq(8)))}},
		{name: "TCP SYN with reserved bits", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil, put8(12, 0x5e)))}},
		{name: "TCP SYN from port 0", setup: server, steps: []step{rx(ip{}.tcp(0, 80, syn, nil, nil))}},
		{name: "TCP SYN to port 0", setup: server, steps: []step{rx(ip{}.tcp(1000, 0, syn, nil, nil))}},
		{name: "TCP LAND", setup: server, steps: []step{rx(ip{src: "10.0.0.1"}.tcp(80, 80, syn, nil, nil))}},
		{name: "TCP SYN of a group's address", setup: server, steps: []step{rx(ip{src: "224.0.0.1"}.tcp(1000, 80, syn, nil, nil))}},
		{name: "TCP SYN to the broadcast address", setup: server, steps: []step{rx(ip{dst: "10.0.0.255"}.tcp(1000, 80, syn, nil, nil))}},
		{name: "TCP SYN to a group", setup: server, steps: []step{rx(ip{dst: "224.0.0.1"}.tcp(1000, 80, syn, nil, nil))}},
		{name: "TCP SYN to the broadcast address, closed port", steps: []step{rx(ip{dst: "10.0.0.255"}.tcp(1000, 9, syn, nil, nil))}},
		{name: "TCP SYN to 255.255.255.255", setup: server, steps: []step{rx(ip{dst: "255.255.255.255"}.tcp(1000, 80, syn, nil, nil))}},
		{name: "TCP SYN, MD5 signature nobody asked for", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, append([]byte{19, 18}, make([]byte, 18)...), nil))}},
		{name: "TCP SYN twice", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil), ip{}.tcp(1000, 80, syn, nil, nil))}},
		{name: "TCP SYN, another sequence number", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil), ip{}.tcp(1000, 80, syn, nil, nil, put16(6, 9999)))}},
		{name: "TCP SYN, then a reset", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil), ip{}.tcp(1000, 80, rst, nil, nil, put16(6, 1001)))}},
		{name: "TCP SYN, then a wrong reset", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil), ip{}.tcp(1000, 80, rst, nil, nil, put16(6, 900)))}},
		{name: "TCP SYN, then a wrong acknowledgement", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil), ip{}.tcp(1000, 80, ack, nil, nil, put16(6, 1001)))}},
		{name: "TCP SYN, listen queue full", setup: []step{open(uapi.SOCK_STREAM, 0, "0.0.0.0:80", ""), sysctl("net.ipv4.tcp_syncookies", "0"), sysctl("net.ipv4.tcp_max_syn_backlog", "1")},
			steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil), ip{}.tcp(1001, 80, syn, nil, nil), ip{}.tcp(1002, 80, syn, nil, nil), ip{}.tcp(1003, 80, syn, nil, nil), ip{}.tcp(1004, 80, syn, nil, nil), ip{}.tcp(1005, 80, syn, nil, nil))}},
		{name: "TCP to a socket with IP_MINTTL", setup: []step{tcpServer, option(uapi.IPPROTO_IP, uapi.IP_MINTTL, []byte{255, 0, 0, 0})}, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil))}},
		{name: "TCP, socket filter takes nothing", setup: []step{tcpServer, closedFilter}, steps: []step{rx(ip{}.tcp(1000, 80, syn, nil, nil))}},
	}
	for _, f := range []struct {
		name  string
		flags uint8
	}{
		{"no flags", 0}, {"SYN", syn}, {"SYN+FIN", syn | fin}, {"SYN+RST", syn | rst}, {"SYN+ACK", syn | ack}, {"FIN", fin}, {"FIN+PSH+URG (Xmas)", fin | psh | urg},
		{"all flags", 0xff}, {"ACK", ack}, {"FIN+ACK", fin | ack}, {"RST", rst}, {"RST+ACK", rst | ack}, {"PSH", psh}, {"URG", urg}, {"SYN+ACK+FIN+RST", syn | ack | fin | rst},
		{"SYN+ECE+CWR", syn | ece | cwr}, {"SYN+URG+PSH", syn | urg | psh},
	} {
		list = append(list,
			testCase{name: "TCP " + f.name + " to a closed port", steps: []step{rx(ip{}.tcp(1000, 9, f.flags, nil, seq(3)))}},
			testCase{name: "TCP " + f.name + " to a listener", setup: server, steps: []step{rx(ip{}.tcp(1000, 80, f.flags, nil, nil))}})
	}
	return list
}

// closedFilter is a socket filter that takes nothing: "ret #0".
var closedFilter step = func(r *run) error { return r.socks[len(r.socks)-1].option(uapi.SOL_SOCKET, uapi.SO_ATTACH_FILTER, nil) }

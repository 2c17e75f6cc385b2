// Package conversation runs scripts in which a TCP host and a peer talk: the
// socket calls of the host's programs and the segments on the wire, in the
// order of time. Each script runs against this machine's kernel, in a network
// namespace of its own behind a TAP interface and in real time, and against
// linen on virtual time. The kernel is the judge: a script is right when the
// kernel keeps to it, and linen is right when it keeps to the script.
//
// A script is a text file, testdata/*.script, one event a line:
//
//	about a FIN is answered while the program still writes
//	sysctl net.ipv4.tcp_timestamps 0
//
//	s = socket()
//	s.bind()
//	s.listen(1)
//	peer SYN 0 win 32000 [mss 1000]
//	host SYN,ACK 0 ack 1 [mss 1460]
//	peer ACK 1 ack 1
//	c = s.accept()
//	c.write(1000)
//	host PSH,ACK 1+1000 ack 1
//	host +204ms PSH,ACK 1+1000 ack 1
//	wait 50ms
//	peer ACK 1 ack 1001
//	c.state() = ESTABLISHED
//
// # Segments
//
// A segment is its flags, its number and after a plus sign the length of its
// data, then what else is of interest: "ack N", "win N" (the field, not
// scaled), "urg N", "ecn ect0|ect1|ce|none", "ttl N", "id N", "df", "port N"
// (of the host's), and the options in brackets in their order: mss N, nop, eol,
// sackok, wscale N, ts VALUE ECHO, sack FROM-TO ..., tfo HEX, opt KIND HEX.
// Numbers count from the initial sequence number of their sender. "peer" is
// sent to the host; "host" must come from it, with these flags, number and
// length, and all else that the line names. A host's segment without brackets
// may have timestamps but no other option. In a timestamp "*" is any value, "="
// the newest of the host's and "first" its first; in a Fast Open cookie too "*"
// is any and "=" the newest of the host's.
//
// "host +40ms" comes that long after the event before it; without a time it
// comes at once. "wait 50ms" lets time pass, in which the host must be silent.
// At the end of the script nothing may be left unsaid.
//
// "peer.2" and "host.2" are another connection: the peer's port is 7000 and
// the number, the host's is 8080 unless a line says "port". "peer.1 anew"
// forgets what is known of the connection's numbers. "peer icmp KIND [mtu N]
// [seq N]" is an ICMP error about the newest segment of the host's.
//
// In front of all, "metric features 1" gives the host a route to the peer with
// that metric, by ip-route(8)'s names.
//
// # Calls
//
// A call is object.method(arguments), with what it makes in front and what it
// returns behind: a number, an error's name, a set of poll events. Sockets
// never block. The methods are in call.go; net.count(NAME) reads a counter of
// /proc/net/snmp or netstat.
package conversation

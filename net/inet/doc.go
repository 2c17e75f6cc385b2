// Package inet is what the sockets of AF_INET share: the protocol table, hash
// tables, ports, addresses, options of level IP, control messages, multicast
// memberships, ICMP errors on their way to sockets.
//
// A protocol embeds a [Sock] in its socket and adds its own sending, receiving
// and hashing; tcp, udp, raw and ping do. Bound addresses and options that the
// data path reads are atomics; everything else is guarded by ownership
// (sock.Sock.Lock).
//
// Linux files: net/ipv4/af_inet.c, ip_sockglue.c, inet_hashtables.c,
// inet_connection_sock.c, igmp.c (the sockets' lists), net/ipv4/datagram.c.
// Man pages: ip(7). RFCs: 3678, 6056. Not done: AF_INET6, IP_XFRM_POLICY,
// multicast routing options.
package inet

// Package udp is UDP and UDP-Lite over IPv4.
//
// A received datagram is looked up by both ends among the connected sockets,
// then by local address and port, then by port alone; groups of SO_REUSEPORT
// share by a hash or their classic BPF program. Groups and broadcasts go to
// every socket that matches. Super-packets of UDP_SEGMENT and of GRO are cut here
// for readers that did not ask for UDP_GRO. Tunnels have sockets of their own
// (OpenTunnel), and a hook in front of any (SetEncap, RegisterEncap).
//
// Linux files: net/ipv4/udp.c, udplite.c. Man page: udp(7). RFCs: 768, 1122
// §4.1, 3828. Not done: IPv6, delayed checksums (they are
// verified on arrival), the encapsulations themselves, GRO of tunnels' inner
// packets. InDatagrams counts when a datagram is queued, not when it is read.
package udp

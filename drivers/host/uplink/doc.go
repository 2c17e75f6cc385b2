// Package uplink gives a namespace the network of the machine itself, without
// any privilege: a NAT in user space, as slirp4netns and passt are, but with
// no TAP interface and no second stack between.
//
// The namespace it is put on becomes a gateway. What its routes do not know is
// routed to itself (a rule of priority RulePriority, to the table Table, which
// says "local default"), and stopped at LOCAL_IN, where
//
//   - a TCP connection waits, its SYN kept, until the machine has connected to
//     the same address; then a transparent listener (IP_TRANSPARENT) takes it.
//     Where the machine is refused, so is the guest, by a reset; where there is
//     no way, by the ICMP message. Each half of a stream is closed as the other
//     one's was, a reset is a reset on both sides;
//   - a datagram gets a socket of the machine and one of the namespace, which
//     has the far address, until both are quiet (nf_conntrack_udp_timeout and
//     its _stream); a refusal comes back as ICMP port unreachable;
//   - an echo request goes out by an unprivileged ping socket, where the
//     machine allows it (net.ipv4.ping_group_range), else it stays unanswered:
//     the uplink never answers for others.
//
// Port 53 of the gateway's own addresses is the machine's resolver; all its
// other ports are the machine's loopback, when asked for. Forwards go the other
// way: a port of the machine to an address behind the gateway.
//
// The streams are the namespace's own TCP, so loss, reordering, window and
// keepalive are dealt with on the guest's side; at the machine's side they are
// the kernel's. Memory is bounded: flows by Config's limits, each by its
// sockets' buffers, and idle ones hold no more than that.
//
// Not done: IPv6, SCTP, other ICMP than echo, sources kept in forwards (the
// guest sees the gateway's address). Only Linux has it: elsewhere the package
// is empty.
package uplink

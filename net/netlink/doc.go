// Package netlink is the core of AF_NETLINK without the socket: the codec of
// messages and attributes, declarative attribute policies with the kernel's
// checks, texts and offsets, ports with their queues, multicast groups, dumps
// that are pulled page by page, and acknowledgements.
//
// A protocol registers its kernel side in a namespace with [Register]. A user
// is a [Port]; its Send runs each request to its end on the sender's
// goroutine, so that when it returns the answer waits and everybody sees the
// change. Memory is bounded: a Port holds at most its receive buffer and one
// page of one dump.
//
// Linux files: net/netlink/af_netlink.c, net/netlink/policy.c, lib/nlattr.c,
// include/net/netlink.h. Man pages: netlink(7), netlink(3). Not done: nlmon
// taps, eBPF filters, mapped rings (gone from Linux too).
package netlink

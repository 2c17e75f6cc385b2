//go:build linux

// Package supervise runs unmodified programs on a netns.Net: it owns a node's
// seccomp listener and answers the network calls of the node's programs from
// sockets of net/sock.
//
// A program holds one end of an AF_UNIX socket pair, so poll, epoll, close, dup
// and fork stay the host kernel's. A file (an open file description) is known
// by the inode of that end. Datagram-like sockets sit at descriptors 800-1023,
// where the filter traps read and write too: every receive is answered from the
// socket, and the pair holds only a copy of the head of its queue, for poll and
// for readers of a descriptor that left the range. Byte streams sit at the
// lowest descriptor and are relayed: read and write are native.
//
// No call blocks a goroutine: what must wait is parked with its file and tried
// again when the socket's readiness changes. A parked caller is looked at for
// signals, because a notified call is not interrupted by them.
//
// Programs make network namespaces as they do anywhere: they are the host
// kernel's, and empty, so that their inodes, bind mounts and lifetimes are real.
// Each stands for a Net. A call is answered from the Net of the calling thread's
// namespace, as are the kernel files. The table of them holds none: the kernel
// gives each an id (RTM_NEWNSID) and reports its end (RTM_DELNSID), before which
// no inode number is used again; the report is read before every look-up. A
// socket keeps its namespace, as the kernel's do, by an open file of it.
//
// Locks, outermost first: file.mu, Node.create (one descriptor is placed at a
// time), packetRing.mu, spaces.making, spaces.mu, then the leaves Node.mu,
// process.mu and Host.mu. Nothing but a leaf is taken in a socket's watch
// function.
//
// Linux: seccomp_unotify(2), unix(7), inotify(7), capabilities(7),
// net/socket.c, net/unix/af_unix.c, fs/notify, namespaces(7), fs/nsfs.c,
// net/core/net_namespace.c, drivers/net/tun.c. Not done: character devices but
// /dev/net/tun; network namespaces of other nodes; clone3 is not asked for the emulated capability; credentials
// change nothing about a program's access to files but where the supervisor is
// the real root.
package supervise

// Package sock is the socket layer: the one [Socket] interface on which the
// program supervisor, the Go API and the tests stand; the per-namespace table
// of families; and [Sock], the state that sockets of every protocol share:
// SOL_SOCKET options, queues with their memory accounting, the error queue,
// timestamps, the packet filter, waiters and ownership.
//
// No call of a Socket blocks: what would block returns EAGAIN (EINPROGRESS for
// connect) and the caller waits with [Socket.Attach] or [Socket.Watch]; Send,
// Recv, Connect and Accept are the loops that do so. Calls enter a CPU
// themselves, so a caller is on none and holds no RTNL.
//
// Locks, outermost first: ownership (Sock.Lock, a flag; a softirq that finds
// it set leaves the packet on the backlog), the CPU, Sock.Slock (what a softirq
// holds while it works on a socket that nobody owns), and the queues' mutex,
// which only this package takes.
//
// Linux files: net/socket.c, net/core/sock.c, net/core/datagram.c,
// include/net/sock.h. Man pages: socket(2), socket(7). Not done: zero-copy
// sending, busy polling (the options are kept), eBPF programs, security labels.
package sock

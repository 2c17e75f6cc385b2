package sock

import "linen/kern"

// Events is a set of poll(2) events, uapi.POLLIN and so on; epoll's numbers
// are the same.
type Events uint32

// MsgSkipErr is a flag of Recvmsg for the program supervisor: look past a
// pending error without clearing it. It is outside the numbers that programs
// can pass.
const MsgSkipErr = 1 << 40

// A Msg is one message to send or a place to receive one (struct msghdr). The
// caller may use it again; the slices are the caller's.
type Msg struct {
	// Data is what to send, or where to receive.
	Data []byte
	// Name is the address to send to (nil: none), or where the sender's goes.
	Name []byte
	// Control holds the control messages to send, or is where they go, in the
	// layout of cmsg(3) with 8-byte alignment.
	Control []byte
	// Flags is MSG_* of the call.
	Flags int

	// What Recvmsg sets.
	NameLen    int // bytes of the address, even when Name was shorter
	ControlLen int // bytes of Control used
	OutFlags   int // msg_flags: MSG_TRUNC, MSG_CTRUNC, MSG_ERRQUEUE, MSG_OOB, MSG_EOR
}

// A Socket is one socket, of whatever family. Its calls are those of the
// kernel, with sockaddrs and options in its binary layout and errors that hold
// an errno.Errno. None blocks; none may be made on a CPU. All but the queries
// are safe for concurrent use.
//
// A duplicated descriptor is the caller's business: the Socket is the open file
// description, and Close is called once, at the last close.
type Socket interface {
	// Base returns the state shared by all protocols.
	Base() *Sock

	// Bind gives the socket the local address sa (bind(2)).
	Bind(who *Caller, sa []byte) error
	// Connect connects to sa (connect(2)). A stream returns EINPROGRESS when
	// the handshake has begun and EALREADY while it lasts; POLLOUT tells the
	// end, SO_ERROR the outcome; then one more Connect returns nil and the
	// next EISCONN. AF_UNSPEC dissolves a datagram socket's association.
	Connect(who *Caller, sa []byte) error
	// Listen makes a stream socket accept connections, at most backlog waiting
	// (capped by net.core.somaxconn); again: changes the number.
	Listen(who *Caller, backlog int) error
	// Accept takes the oldest connection: EAGAIN when there is none, EINVAL
	// when the socket does not listen, EOPNOTSUPP when it cannot. The new
	// socket inherits options; it is connected, bound and not yet watched.
	// Unaccept is not needed: a caller that cannot hand it on keeps it.
	Accept(who *Caller) (Socket, error)
	// Getsockname returns the local address, Getpeername the peer's
	// (ENOTCONN).
	Getsockname() ([]byte, error)
	Getpeername() ([]byte, error)

	// Sendmsg sends m and returns the bytes taken. A stream takes what fits
	// and returns EAGAIN when nothing does; EPIPE after Shutdown(SHUT_WR),
	// where the caller raises SIGPIPE unless MSG_NOSIGNAL is set.
	Sendmsg(who *Caller, m *Msg) (int, error)
	// Recvmsg receives into m: EAGAIN when nothing waits; 0, nil at a
	// stream's end or for an empty datagram. The count is the bytes copied,
	// or with MSG_TRUNC in Flags a datagram's real length. A pending error is
	// returned once, before data, unless Flags has MsgSkipErr. MSG_PEEK leaves
	// the data; MSG_ERRQUEUE reads the error queue instead.
	Recvmsg(who *Caller, m *Msg) (int, error)

	// Setsockopt sets an option from val.
	Setsockopt(who *Caller, level, name int, val []byte) error
	// Getsockopt writes an option to val, cut to its length, and returns the
	// length to report.
	Getsockopt(who *Caller, level, name int, val []byte) (int, error)
	// Ioctl does a socket or network ioctl on arg, which is in and out;
	// FIONREAD and SIOCOUTQ give 4 bytes. ENOTTY: not one of the network's.
	Ioctl(who *Caller, cmd uint32, arg []byte) error

	// Poll returns the events that are true now. It takes no ownership and
	// may be called anywhere.
	Poll() Events
	// Attach makes w be woken when one of events may have become true; errors
	// and hang-ups always wake. Look with Poll after attaching. Detach undoes
	// it.
	Attach(w *kern.Waiter, events Events)
	Detach(w *kern.Waiter)
	// Watch makes f be called, off every CPU and holding nothing, each time
	// readiness may have changed, until it is replaced; nil ends it. Calls
	// come one at a time a packet batch; f may call the socket, may not block.
	Watch(f func())

	// Shutdown closes one or both directions: SHUT_RD, SHUT_WR (a stream sends
	// FIN and still receives: half-close), SHUT_RDWR. ENOTCONN when
	// unconnected.
	Shutdown(who *Caller, how int) error
	// Close ends the socket. It does not wait: with SO_LINGER n > 0 the caller
	// waits for Linger (see Sock.LingerUntil). Calling it again does nothing.
	Close() error
}

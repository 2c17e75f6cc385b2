package conversation

import (
	"time"

	"linen/wire"
)

// A machine is the host that a script is about: a kernel, and a link on which
// the script is the other side.
type machine interface {
	// sysctl sets net.ipv4.tcp_sack and the like.
	sysctl(name, value string) error
	// configure sends a NETLINK_ROUTE request.
	configure(msg []byte) error
	// read returns /proc/net/NAME.
	read(name string) (string, error)
	// socket makes a TCP socket.
	socket() (socket, error)
	// mac is the host's link address.
	mac() wire.MAC
	// now is the time since the machine began.
	now() time.Duration
	// send gives the host a frame.
	send(frame []byte)
	// next returns the next IP packet of the host's and when it came; ok is
	// false when none comes before the time until.
	next(until time.Duration) (packet []byte, at time.Duration, ok bool)
	// close ends it.
	close()
}

// A socket is one of the host's. Errors hold an errno.
type socket interface {
	bind(port int) error
	connect(port int) error
	listen(backlog int) error
	accept() (socket, error)
	write(p []byte, flags, to int) (int, error)
	recv(p []byte, flags int) (int, error)
	shutdown(how int) error
	setOption(level, name int, v []byte) error
	option(level, name int, v []byte) (int, error)
	ioctl(cmd int) (int, error)
	poll() int
	close()
}

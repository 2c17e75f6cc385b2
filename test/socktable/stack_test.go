package socktable

import (
	"net/netip"
	"time"
)

// A stack is Linux's sockets, of linen or of the kernel. Descriptors are small
// numbers, errors hold an error number.
type stack interface {
	socket(family, typ, proto int) (int, error)
	bind(fd int, at netip.AddrPort) error
	connect(fd int, to netip.AddrPort) error // the zero AddrPort: AF_UNSPEC
	listen(fd, backlog int) error
	accept(fd int) (int, error)
	send(fd int, p []byte, flags int) (int, error)
	recv(fd int, p []byte, flags int) (int, error)
	shutdown(fd, how int) error
	close(fd int) error
	name(fd int) (netip.AddrPort, error)
	peer(fd int) (netip.AddrPort, error)
	setsockopt(fd, level, name int, val []byte) error
	getsockopt(fd, level, name int, val []byte) (int, error)
	// selector is SO_ATTACH_REUSEPORT_CBPF with these instructions.
	selector(fd int, insns []byte) error
	ioctl(fd int, cmd uint32) (int, error)
	poll(fd int) uint32

	// wait lets time pass.
	wait(d time.Duration)
	// dropCaps takes the caller's capabilities away.
	dropCaps() error
	// settle waits until what was sent has arrived.
	settle()
	// end closes everything.
	end()
}

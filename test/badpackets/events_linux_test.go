package badpackets

import "golang.org/x/sys/unix"

// realMonitor is a socket of the kernel's rtnetlink.
type realMonitor int

func (r *real) monitor(groups ...int) (monitor, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	r.monitors = append(r.monitors, fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	for _, o := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_GET_STRICT_CHK} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, o, 1); err != nil {
			return nil, err
		}
	}
	for _, g := range groups {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g); err != nil {
			return nil, err
		}
	}
	return realMonitor(fd), nil
}

func (s realMonitor) send(b []byte) error {
	return unix.Sendto(int(s), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func (s realMonitor) receive() ([]byte, error) {
	b := make([]byte, 1<<16)
	n, _, err := unix.Recvfrom(int(s), b, 0)
	return b[:max(n, 0)], err
}

func (s realSocket) close() error { return unix.Close(int(s)) }

package badpackets

import "golang.org/x/sys/unix"

func (s realSocket) accept() (socket, error) {
	fd, _, err := unix.Accept4(int(s), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return realSocket(fd), err
}

func (s realSocket) shutdown(how int) error { return unix.Shutdown(int(s), how) }

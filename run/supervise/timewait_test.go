//go:build linux

package supervise_test

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"linen/run/internal/runtest"
)

// Of the two ends of a connection that a program closes one after the other,
// the first one waits, and its port with it (kernel selftest bind_timewait.c).
func TestTimeWait(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := newLab(t)
		if out, exit := run(t, n.node(n.h1), []string{envRole + "=time wait"}, "/proc/self/exe"); !exit.Success() {
			t.Errorf("exit %+v:\n%s", exit, out)
		}
	})
}

func timeWait() error {
	for i := range 100 {
		sa, err := closedConnection()
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		if err := unix.Bind(fd, sa); err != unix.EADDRINUSE {
			return fmt.Errorf("round %d: the port of a connection in TIME_WAIT: %v", i, err)
		}
		unix.Close(fd)
	}
	return nil
}

// closedConnection makes a connection, closes the server's end, the client's
// and the listener, and returns the server's address.
func closedConnection() (unix.Sockaddr, error) {
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err = errors.Join(err, unix.Listen(l, 1)); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	sa, err := unix.Getsockname(l)
	if err != nil {
		return nil, err
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(client, sa); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	server, _, err := unix.Accept(l)
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	return sa, errors.Join(unix.Close(server), unix.Close(client), unix.Close(l))
}

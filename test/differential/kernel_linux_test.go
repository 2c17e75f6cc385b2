package differential

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"linen/net/netlink"
	"linen/uapi"
)

// theirs is a network namespace of this machine's kernel, which the calling
// thread is in.
type theirs struct {
	req, mon int
	taps     []int
	buf      []byte
}

// newTheirs moves the calling thread, which is locked, to a new namespace.
func newTheirs() (machine, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	k := &theirs{req: -1, mon: -1, buf: make([]byte, 64<<10)}
	var err error
	if k.req, err = k.open(); err == nil {
		k.mon, err = k.open()
	}
	if err == nil {
		err = unix.Bind(k.mon, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) // one without a port hears nothing
	}
	for _, g := range groups {
		if err == nil {
			err = unix.SetsockoptInt(k.mon, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g)
		}
	}
	for i := range devices {
		if err == nil {
			err = k.tap(fmt.Sprintf("d%d", i+1))
		}
	}
	if err == nil {
		_, err = k.ask(setLink(1, true))
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *theirs) open() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fd, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	for _, opt := range []int{uapi.NETLINK_EXT_ACK, uapi.NETLINK_GET_STRICT_CHK} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1); err != nil {
			return fd, err
		}
	}
	return fd, nil
}

// tap makes a device. Nobody reads what it sends.
func (k *theirs) tap(name string) error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	k.taps = append(k.taps, fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	return unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
}

func (k *theirs) ask(m []byte) ([][]byte, error) {
	if err := unix.Sendto(k.req, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	return k.drain(k.req)
}

func (k *theirs) heard() ([][]byte, error) { return k.drain(k.mon) }

func (k *theirs) drain(fd int) (list [][]byte, err error) {
	for {
		n, _, err := unix.Recvfrom(fd, k.buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return list, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return list, err
		}
		list = append(list, split(append([]byte(nil), k.buf[:n]...))...)
	}
}

func (k *theirs) sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644)
}

// settle has the kernel's link watch run: it does for one who asks about a
// device.
func (k *theirs) settle() error {
	for i := range devices {
		r := netlink.NewMsg(uapi.RTM_GETLINK, uapi.NLM_F_REQUEST)
		binary.NativeEndian.PutUint32(r.Grow(16)[4:], uint32(2+i))
		if err := done(k.ask(r.Bytes())); err != nil {
			return err
		}
	}
	return nil
}

func (k *theirs) file(name string) (string, error) {
	b, err := os.ReadFile("/proc/thread-self/net/" + name)
	return string(b), err
}

func (k *theirs) close() {
	unix.Close(k.req)
	unix.Close(k.mon)
	for _, fd := range k.taps {
		unix.Close(fd)
	}
}

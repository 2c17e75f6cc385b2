package tap

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"linen/drivers/host/port"
	"linen/net/netns"
)

// device is where TUN and TAP interfaces come from.
const device = "/dev/net/tun"

// Open makes a TAP interface of the host in the caller's network namespace, or
// takes over a persistent one, and returns its file and its name: host may be
// "" or a pattern such as "tap%d". It ends with the file. EPERM without
// CAP_NET_ADMIN.
func Open(host string) (*os.File, string, error) {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", &os.PathError{Op: "open", Path: device, Err: err}
	}
	ifr, err := unix.NewIfreq(host)
	if err == nil {
		ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err != nil {
		unix.Close(fd)
		return nil, "", fmt.Errorf("TAP interface %q: %w", host, err)
	}
	// Only now: a poller that is told of it before says that it has failed.
	return os.NewFile(uintptr(fd), device), ifr.Name(), nil
}

// Up sets an interface of the host up, with an MTU in bytes, in the caller's
// network namespace. EPERM without CAP_NET_ADMIN.
func Up(host string, mtu int) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) // any socket takes these calls
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(host)
	if err != nil {
		return err
	}
	ifr.SetUint32(uint32(mtu))
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFMTU, ifr); err != nil {
		return fmt.Errorf("MTU %d of %s: %w", mtu, host, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return fmt.Errorf("%s: %w", host, err)
	}
	ifr.SetUint16(ifr.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("%s up: %w", host, err)
	}
	return nil
}

// New makes a device of n whose cable ends in a TAP interface of the host; f
// is Open's, or one that a privileged process made (IFF_TAP|IFF_NO_PI) and
// handed over, and not blocking. It is the device's from then on. See port.New.
func New(n *netns.Net, name string, f *os.File) (*port.Port, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return port.New(n, name, &wire{f, raw})
}

// wire reads and writes one frame a call.
type wire struct {
	f   *os.File
	raw syscall.RawConn
}

// Receive waits until the file can be read and reads what there is.
func (w *wire) Receive(b *port.Batch) error {
	var failed error
	err := w.raw.Read(func(fd uintptr) bool {
		for !b.Full() {
			n, err := unix.Read(int(fd), b.Room())
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return b.Len() > 0
			case err != nil:
				failed = err
				return true
			case n == 0:
				failed = io.EOF
				return true
			}
			b.Commit(n)
		}
		return true
	})
	return errors.Join(failed, err)
}

// Send writes each frame. The host refuses them while its interface is down
// (EIO), which is no more than a cable that is not plugged in.
func (w *wire) Send(b *port.Batch) error {
	for frame := range b.All() {
		_, err := w.f.Write(frame)
		switch {
		case errors.Is(err, os.ErrClosed), errors.Is(err, unix.EBADFD):
			return err
		case err != nil:
			b.Refuse()
		}
	}
	return nil
}

// Close ends the file and with it the interface, unless it is persistent.
func (w *wire) Close() error { return w.f.Close() }

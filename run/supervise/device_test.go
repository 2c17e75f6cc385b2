//go:build linux

package supervise_test

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// openTun makes an interface as VPN programs in Go do: the poller waits for it.
func openTun(name string, flags uint16) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return nil, fmt.Errorf("TUNSETIFF: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}

// upWith gives an interface an address and sets it up.
func upWith(name string, addr [4]byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ifr.SetInet4Addr(addr[:])
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, ifr); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	ifr.SetInet4Addr([]byte{255, 255, 255, 0}) // of a point-to-point device all bits
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFNETMASK, ifr); err != nil {
		return fmt.Errorf("mask: %w", err)
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// devices reads and writes /dev/net/tun by the runtime's poller, and opens what
// a node has not.
func devices() error {
	var c checks
	f, err := openTun("t0", unix.IFF_TUN|unix.IFF_NO_PI)
	if err != nil {
		return err
	}
	if err := upWith("t0", [4]byte{10, 9, 0, 1}); err != nil {
		return err
	}
	fd := int(f.Fd())
	unix.SetNonblock(fd, true) // Fd has cleared it
	_, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	c.ok("getsockopt", err == unix.ENOTSOCK, err)
	c.ok("sendto", unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{}) == unix.ENOTSOCK)
	c.ok("listen", unix.Listen(fd, 1) == unix.ENOTSOCK)

	f.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	b := make([]byte, 2000)
	_, err = f.Read(b)
	c.ok("deadline", errors.Is(err, os.ErrDeadlineExceeded), err)
	f.SetReadDeadline(time.Now().Add(20 * time.Second))

	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	const frames = 100
	sent := make(chan error)
	go func() {
		var err error
		for i := 0; i < frames && err == nil; i++ {
			err = unix.Sendto(s, []byte{byte(i)}, 0, &unix.SockaddrInet4{Addr: [4]byte{10, 9, 0, 2}, Port: 9})
		}
		sent <- err
	}()
	for i := range frames {
		n, err := f.Read(b)
		if err != nil || n != 29 || b[28] != byte(i) {
			return fmt.Errorf("frame %d: % x, %w", i, b[:n], err)
		}
	}
	c.ok("sent", <-sent == nil)

	read := make(chan error)
	go func() {
		_, err := f.Read(b)
		read <- err
	}()
	f.Close()
	c.ok("close ends a read", errors.Is(<-read, os.ErrClosed))
	c.ok("gone", errors.Is(upWith("t0", [4]byte{10, 9, 0, 1}), unix.ENODEV))
	return errors.Join(c.err(), passDevice(), deniedDevices())
}

// passDevice sends an interface's file over a socket, closes it and writes by the
// copy, outside the range.
func passDevice() error {
	var c checks
	f, err := openTun("t1", unix.IFF_TUN|unix.IFF_NO_PI)
	if err != nil {
		return err
	}
	if err := upWith("t1", [4]byte{10, 9, 1, 1}); err != nil {
		return err
	}
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	raw.Control(func(fd uintptr) { err = unix.Sendmsg(p[0], []byte("x"), unix.UnixRights(int(fd)), nil, 0) })
	f.Close()
	if err != nil {
		return err
	}
	oob := make([]byte, 100)
	_, n, _, _, err := unix.Recvmsg(p[1], make([]byte, 1), oob, 0)
	if err != nil {
		return err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return err
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return err
	}
	ifr, _ := unix.NewIfreq("")
	err = unix.IoctlIfreq(fds[0], unix.TUNGETIFF, ifr)
	c.ok("the copy", err == nil && ifr.Name() == "t1", ifr.Name(), err)
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10})
	c.ok("bind", unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{10, 9, 1, 1}, Port: 999}) == nil)
	// A datagram from port 9 of 10.9.1.2 to port 999; without a checksum.
	packet := []byte{0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0x64, 0xbb, 10, 9, 1, 2, 10, 9, 1, 1, 0, 9, 3, 0xe7, 0, 9, 0, 0, 'x'}
	n, err = unix.Write(fds[0], packet)
	c.ok("write", err == nil && n == len(packet), n, err)
	data := make([]byte, 10)
	n, _, err = unix.Recvfrom(s, data, 0)
	c.ok("received", err == nil && string(data[:n]) == "x", data[:n], err)
	unix.Close(fds[0])
	c.ok("gone", errors.Is(upWith("t1", [4]byte{10, 9, 1, 1}), unix.ENODEV))
	return c.err()
}

// deniedDevices: the host's devices of the network are not there, and its TUN
// device, opened in a way that is not looked at, makes no interface.
func deniedDevices() error {
	var c checks
	for _, name := range []string{"/dev/ppp", "/dev/vhost-net", "/dev/../dev/rfkill", "/dev/vhci"} {
		_, err := unix.Open(name, unix.O_RDWR, 0)
		c.ok(name, err == unix.ENXIO, err)
	}
	_, err := unix.Openat2(unix.AT_FDCWD, "/dev/ppp", &unix.OpenHow{Flags: unix.O_RDWR})
	c.ok("openat2", err == unix.ENXIO, err)
	for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR | unix.O_CREAT} {
		fd, err := unix.Open("/dev/net/tun", flags, 0)
		if err != nil {
			continue // the host has none
		}
		ifr, _ := unix.NewIfreq("host0")
		ifr.SetUint16(unix.IFF_TUN)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
		if _, there := os.Stat("/sys/class/net/host0"); err == nil && there != nil {
			return fmt.Errorf("flags %#x: an interface of the host's", flags)
		}
		unix.Close(fd)
	}
	return c.err()
}

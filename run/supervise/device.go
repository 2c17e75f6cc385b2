//go:build linux

package supervise

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"linen/drivers/net/tun"
	"linen/run/seccomp"
	"linen/uapi"
)

// tunDevice is the character device of TUN and TAP interfaces.
const tunDevice = "/dev/net/tun"

// openat answers openat(2). Where the kernel files come from the FUSE tree, the
// filter notifies only opens for reading and writing of files that are there:
// nothing else is a use of a device.
func openat(c *call) (int64, error) { return c.open(c.intArg(0), c.ptr(1), c.intArg(2)) }

// hostDevices are devices by which a program would reach the host's network.
// What linen has none of is as where no driver has registered the number
// (fs/char_dev.c chrdev_open).
func hostDevice(p string) bool {
	switch p {
	case "/dev/ppp", "/dev/vhost-net", "/dev/vhost-vsock", "/dev/vsock", "/dev/vhci", "/dev/rfkill", "/dev/net/tun":
		return true
	}
	dir, name := path.Split(p)
	return dir == "/dev/" && strings.HasPrefix(name, "tap") && name != "tap" || strings.HasPrefix(p, "/dev/infiniband/")
}

// device answers the open of a device; false: the path is none.
func (c *call) device(dirfd int, addr uint64, flags int) (bool, error) {
	p, err := c.target().CString(addr, seccomp.MaxPath-1)
	if err != nil || p == "" {
		return false, nil // the kernel says what is wrong
	}
	if p[0] != '/' {
		base, ok := c.base(dirfd)
		if !ok {
			return false, nil
		}
		p = base + "/" + p
	}
	if p = path.Clean(p); !hostDevice(p) {
		return false, nil
	}
	switch {
	case flags&unix.O_PATH != 0:
		return false, nil // no open of the device
	case flags&unix.O_DIRECTORY != 0:
		return true, unix.ENOTDIR
	case flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL:
		return true, unix.EEXIST
	case p != tunDevice:
		return true, unix.ENXIO
	}
	net := c.n.netOf(c.target())
	if net == nil {
		return true, unix.ENXIO
	}
	typ := uapi.SOCK_RAW
	if flags&unix.O_NONBLOCK != 0 {
		typ |= uapi.SOCK_NONBLOCK
	}
	if flags&unix.O_CLOEXEC != 0 {
		typ |= uapi.SOCK_CLOEXEC
	}
	if err := c.install(tun.Open(c.who(), net), typ, nil); err != nil {
		return true, err
	}
	return true, errAnswered
}

// deviceIoctl reports a command of TUN, TAP and PPP devices: no native file of
// a node has them.
func deviceIoctl(cmd uint32) bool {
	kind, nr := cmd>>8&0xff, cmd&0xff
	return kind == 'T' && nr >= 200 && nr <= 229 || kind == 't' && nr >= 0x37 && nr <= 0x5f
}

// tunIoctl answers an ioctl on an open /dev/net/tun.
func (c *call) tunIoctl(f *file, d *tun.File, fd int, cmd uint32) (int64, error) {
	arg, err := c.tunArg(d, cmd)
	if err != nil {
		return 0, err
	}
	err = d.Ioctl(c.who(), cmd, arg)
	f.mu.Lock()
	f.calm(c, fd)
	f.mu.Unlock()
	f.n.host.kick(f)
	if err != nil {
		return 0, err
	}
	if k := tun.ArgOf(cmd); k == tun.ArgIfreq || k == tun.ArgInt && tunAnswers(cmd) {
		return 0, c.target().Write(c.ptr(2), arg)
	}
	return 0, nil
}

// tunAnswers reports a command that only writes its argument; TUNGETIFF does too.
func tunAnswers(cmd uint32) bool { return cmd>>30 == 2 } // _IOC_READ

// tunArg brings the argument of an ioctl (__tun_chr_ioctl: what needs an
// interface finds that it has none before it looks).
func (c *call) tunArg(d *tun.File, cmd uint32) ([]byte, error) {
	t, addr := c.target(), c.ptr(2)
	switch cmd {
	case uapi.TUNSETIFF, uapi.TUNSETQUEUE, uapi.TUNGETFEATURES:
	case uapi.TUNSETIFINDEX:
		if d.Device() != nil {
			return nil, unix.EPERM
		}
	default:
		if cmd>>8&0xff == 0x89 { // SOCK_IOC_TYPE: an ifreq, whatever it is
			if err := t.Read(addr, make([]byte, sizeofIfreq)); err != nil {
				return nil, err
			}
		}
		if d.Device() == nil {
			return nil, unix.EBADFD
		}
	}
	switch tun.ArgOf(cmd) {
	case tun.ArgNumber:
		return le.AppendUint32(nil, uint32(c.Args[2])), nil
	case tun.ArgInt:
		arg := make([]byte, 4)
		if tunAnswers(cmd) {
			return arg, nil
		}
		return arg, t.Read(addr, arg)
	case tun.ArgIfreq:
		arg := make([]byte, sizeofIfreq)
		if tunAnswers(cmd) {
			return arg, nil
		}
		return arg, t.Read(addr, arg)
	case tun.ArgAddress:
		head := make([]byte, 4)
		if err := t.Read(addr, head); err != nil {
			return nil, err
		}
		const addrLen = 6
		arg := append(head, make([]byte, addrLen*int(le.Uint16(head[2:])))...)
		return arg, t.Read(addr+uint64(len(head)), arg[len(head):])
	case tun.ArgFilter:
		arg := make([]byte, sizeofFprog)
		if err := t.Read(addr, arg); err != nil {
			return nil, err
		}
		return c.program(arg)
	}
	return nil, nil
}

// notSocket refuses the calls of sockets on a device (net/socket.c
// sockfd_lookup_light).
func (c *call) notSocket(f *file) error {
	if _, ok := f.s.(*tun.File); !ok {
		return nil
	}
	switch c.Nr {
	case unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG,
		unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_GETSOCKNAME,
		unix.SYS_GETPEERNAME, unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT, unix.SYS_SHUTDOWN:
		return unix.ENOTSOCK
	}
	return nil
}

//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/drivers/net/tun"
	"linen/net/ethtool"
	"linen/net/netns"
	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi"
)

// Sizes of the arguments of the network's ioctls on a 64-bit machine.
const (
	sizeofIfreq   = 40  // struct ifreq
	sizeofIfconf  = 16  // struct ifconf: length, and a pointer at 8
	sizeofArpreq  = 68  // struct arpreq
	sizeofRtentry = 120 // struct rtentry
	sizeofStamp   = 16  // struct timeval, struct timespec
	offRtDev      = 88  // rtentry.rt_dev, a pointer to a name
	maxIfconf     = 1 << 20
)

// ioctl answers ioctl(2) for the commands of the network, on a socket of any
// kind, and every command in the descriptor range.
func ioctl(c *call) (int64, error) {
	fd, cmd := c.intArg(0), uint32(c.Args[1])
	f, err := c.file(fd)
	if err == errContinue {
		return c.foreignIoctl(fd, cmd)
	}
	if err != nil {
		return 0, err
	}
	if d, ok := f.s.(*tun.File); ok {
		return c.tunIoctl(f, d, fd, cmd)
	}
	switch {
	case cmd >= uapi.FIOSETOWN && cmd <= uapi.SIOCGPGRP:
		return 0, errContinue // as F_SETOWN: the pair's end sends the signals
	case cmd == uapi.SIOCGSKNS:
		return 0, c.namespaceOf(f)
	case f.stream && (cmd == uapi.SIOCINQ || cmd == uapi.SIOCATMARK):
		return 0, errContinue
	case f.stream && cmd == uapi.SIOCOUTQ:
		return f.st.queued(c)
	}
	return 0, c.doIoctl(cmd, func(arg []byte) error {
		err := f.s.Ioctl(c.who(), cmd, arg)
		if c.n.errnoIs(err, unix.ENOTTY) && networkIoctl(cmd) {
			return c.n.control(f.s.Base().Net(), c.who(), cmd, arg)
		}
		return err
	})
}

// namespaceOf answers SIOCGSKNS: a descriptor of the socket's network
// namespace (fs/nsfs.c open_related_ns).
func (c *call) namespaceOf(f *file) error {
	if !c.who().Capable(sock.CapNetAdmin) {
		return unix.EPERM
	}
	fd, err := c.n.spaces.open(f.s.Base().Net())
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := c.place(placed{source: fd, cloexec: true}); err != nil {
		return err
	}
	return errAnswered
}

// networkIoctl reports a command of the SIOC or wireless ranges.
func networkIoctl(cmd uint32) bool {
	return cmd >= 0x8900 && cmd <= 0x89ff || cmd >= 0x8b00 && cmd <= 0x8bff
}

// ofTheSocket reports a command that asks a native socket about itself: its
// owner, time stamps, namespace, and what its protocol adds.
func ofTheSocket(cmd uint32) bool {
	return cmd >= uapi.FIOSETOWN && cmd <= uapi.SIOCGSTAMPNS || cmd == uapi.SIOCGSKNS ||
		cmd >= uapi.SIOCPROTOPRIVATE && cmd < uapi.SIOCPROTOPRIVATE+16
}

// foreignIoctl is an ioctl on a native descriptor: a network command on an
// AF_UNIX socket asks about the caller's Net; the rest is the kernel's.
func (c *call) foreignIoctl(fd int, cmd uint32) (int64, error) {
	if deviceIoctl(cmd) {
		return 0, unix.ENOTTY
	}
	if !networkIoctl(cmd) || ofTheSocket(cmd) {
		return 0, errContinue
	}
	id, err := c.target().File(fd)
	if err != nil {
		return 0, err
	}
	if !id.IsSocket() {
		return 0, errContinue
	}
	net := c.n.netOf(c.target())
	if net == nil {
		return 0, unix.ENOTTY
	}
	return 0, c.doIoctl(cmd, func(arg []byte) error { return c.n.control(net, c.who(), cmd, arg) })
}

func (n *Node) errnoIs(err error, e unix.Errno) bool { return err != nil && n.errnoOf(err) == e }

// control does a network ioctl for sockets whose family does not know it, as
// sock_ioctl does (net/socket.c): by an AF_INET socket of the Net.
func (n *Node) control(net *netns.Net, who *sock.Caller, cmd uint32, arg []byte) error {
	n.mu.Lock()
	s := n.ctl[net]
	n.mu.Unlock()
	if s == nil {
		var err error
		if s, err = sock.Create(sock.Root(), net, uapi.AF_INET, uapi.SOCK_DGRAM, 0); err != nil {
			return unix.ENOTTY
		}
		n.mu.Lock()
		if other := n.ctl[net]; other != nil || n.closed {
			n.mu.Unlock()
			s.Close()
			if other == nil {
				return unix.ENOTTY
			}
			s = other
		} else {
			n.ctl[net] = s
			n.mu.Unlock()
		}
	}
	return s.Ioctl(who, cmd, arg)
}

// doIoctl brings the argument, lets do work on it and takes it back.
func (c *call) doIoctl(cmd uint32, do func(arg []byte) error) error {
	t, addr := c.target(), c.ptr(2)
	switch cmd {
	case uapi.SIOCGIFCONF:
		return ifconf(t, addr, do)
	case uapi.SIOCETHTOOL:
		return ethtoolIoctl(t, addr, do)
	case uapi.SIOCGETTUNNEL, uapi.SIOCADDTUNNEL, uapi.SIOCDELTUNNEL, uapi.SIOCCHGTUNNEL:
		return tunnelIoctl(t, addr, do)
	case uapi.SIOCADDRT, uapi.SIOCDELRT:
		arg := make([]byte, sizeofRtentry)
		if err := t.Read(addr, arg); err != nil {
			return err
		}
		if dev := le.Uint64(arg[offRtDev:]); dev != 0 {
			name, err := deviceName(t, dev)
			if err != nil {
				return err
			}
			arg = append(arg, name...)
		}
		return do(arg)
	}
	switch cmd >> 8 & 0xff { // _IOC_TYPE
	case 0x89, 0x8b, 'T', 't', 'H':
	default:
		return do(make([]byte, sizeofRtentry)) // nobody's: its argument is not looked at
	}
	size := argSize(cmd)
	arg := make([]byte, size)
	if size > 0 && cmd != uapi.SIOCINQ && cmd != uapi.SIOCOUTQ { // those only answer
		if err := t.Read(addr, arg); err != nil {
			return err
		}
	}
	if err := do(arg); err != nil {
		return err
	}
	return t.Write(addr, arg)
}

// argSize returns the size of a command's argument.
func argSize(cmd uint32) int {
	switch {
	case cmd == uapi.SIOCINQ, cmd == uapi.SIOCOUTQ, cmd == uapi.SIOCATMARK, cmd == uapi.SIOCGPGRP,
		cmd == uapi.SIOCSPGRP, cmd == uapi.FIOGETOWN, cmd == uapi.FIOSETOWN:
		return 4
	case cmd == uapi.SIOCGSTAMP, cmd == uapi.SIOCGSTAMPNS:
		return sizeofStamp
	case cmd >= uapi.SIOCDARP && cmd <= uapi.SIOCSARP:
		return sizeofArpreq
	case networkIoctl(cmd):
		return sizeofIfreq
	}
	return int(cmd >> 16 & 0x3fff) // _IOC_SIZE, include/uapi/asm-generic/ioctl.h
}

// deviceName reads the name that rt_dev points to, in 16 bytes.
func deviceName(t seccomp.Target, addr uint64) ([]byte, error) {
	name := make([]byte, 16)
	s, err := t.CString(addr, len(name)-1)
	if err == unix.ENAMETOOLONG {
		err = unix.ENODEV
	}
	copy(name, s)
	return name, err
}

// ifconf does SIOCGIFCONF: the buffer that the argument points to stands
// behind it.
func ifconf(t seccomp.Target, addr uint64, do func(arg []byte) error) error {
	head := make([]byte, sizeofIfconf)
	if err := t.Read(addr, head); err != nil {
		return err
	}
	size, buf := int(int32(le.Uint32(head))), le.Uint64(head[8:])
	if buf == 0 {
		size = 0
	}
	if size < 0 {
		return unix.EINVAL
	}
	arg := append(head, make([]byte, min(size, maxIfconf))...)
	if err := do(arg); err != nil {
		return err
	}
	if buf != 0 {
		n := min(int(le.Uint32(arg)), len(arg)-sizeofIfconf)
		if err := t.Write(buf, arg[sizeofIfconf:sizeofIfconf+n]); err != nil {
			return err
		}
	}
	return t.Write(addr, arg[:4])
}

// ethtoolIoctl does SIOCETHTOOL: the memory that ifr_data points to stands
// behind the struct ifreq, as much as the command reads; the engine says how
// much of it goes back.
func ethtoolIoctl(t seccomp.Target, addr uint64, do func(arg []byte) error) error {
	arg := make([]byte, sizeofIfreq+ethtool.Room)
	if err := t.Read(addr, arg[:sizeofIfreq]); err != nil {
		return err
	}
	ptr, mem := le.Uint64(arg[uapi.IFNAMSIZ:]), arg[sizeofIfreq:]
	if err := t.Read(ptr, mem[:4]); err != nil {
		return err
	}
	if err := t.Read(ptr, mem[:ethtool.RequestSize(le.Uint32(mem))]); err != nil {
		return err
	}
	if err := do(arg); err != nil {
		return err
	}
	return t.Write(ptr, mem[:min(le.Uint64(arg[uapi.IFNAMSIZ:]), ethtool.Room)])
}

// tunnelIoctl does SIOCGETTUNNEL and its like: the struct ip_tunnel_parm that
// ifr_data points to stands behind the struct ifreq. Devices that are no tunnels
// do not look at it.
func tunnelIoctl(t seccomp.Target, addr uint64, do func(arg []byte) error) error {
	arg := make([]byte, sizeofIfreq+uapi.SizeofIPTunnelParm)
	if err := t.Read(addr, arg[:sizeofIfreq]); err != nil {
		return err
	}
	ptr, parm := le.Uint64(arg[uapi.IFNAMSIZ:]), arg[sizeofIfreq:]
	if t.Read(ptr, parm) != nil {
		return do(arg[:sizeofIfreq])
	}
	if err := do(arg); err != nil {
		return err
	}
	return t.Write(ptr, parm)
}

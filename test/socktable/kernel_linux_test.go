package socktable

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"linen/uapi"

	"golang.org/x/sys/unix"
)

// kernel is a stack of this machine's kernel: a network namespace that the
// calling goroutine's thread is in.
type kernel struct {
	patience time.Duration // how long something sent takes at most to arrive
	fds      []int
}

// onKernel runs f on a thread of its own, in a new network namespace; the
// thread ends with it.
func onKernel(patience time.Duration, f func(stack)) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never back: the thread is not the others' any more
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = configure()
		}
		if err == nil {
			f(&kernel{patience: patience})
		}
		done <- err
	}()
	return <-done
}

// configure makes the namespace as newOurs makes a Net.
func configure() error {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"}, {"link", "add", "d0", "type", "veth", "peer", "name", "d1"},
		{"addr", "add", "10.0.0.1/24", "brd", "+", "dev", "d0"}, {"link", "set", "d0", "up"}, {"link", "set", "d1", "up"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	// Of the send buffer reno asks what cubic, linen's default, does; a machine may have another default, and not let us choose cubic here.
	return os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte("reno"), 0o644)
}

func sockaddr(ap netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Addr: ap.Addr().As4(), Port: int(ap.Port())}
}

func (k *kernel) add(fd int, err error) (int, error) {
	if err == nil {
		k.fds = append(k.fds, fd)
	}
	return fd, err
}

func (k *kernel) socket(family, typ, proto int) (int, error) {
	return k.add(unix.Socket(family, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto))
}

func (k *kernel) bind(fd int, at netip.AddrPort) error { return unix.Bind(fd, sockaddr(at)) }
func (k *kernel) listen(fd, backlog int) error         { return unix.Listen(fd, backlog) }
func (k *kernel) shutdown(fd, how int) error           { return unix.Shutdown(fd, how) }

func (k *kernel) close(fd int) error {
	k.fds = slices.DeleteFunc(k.fds, func(o int) bool { return o == fd })
	return unix.Close(fd)
}

func (k *kernel) connect(fd int, to netip.AddrPort) error {
	if !to.IsValid() {
		var sa [uapi.SizeofSockaddrIn]byte // AF_UNSPEC
		_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(len(sa)))
		return failed(e)
	}
	return unix.Connect(fd, sockaddr(to))
}

func (k *kernel) accept(fd int) (int, error) {
	c, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return k.add(c, err)
}

func (k *kernel) send(fd int, p []byte, flags int) (int, error) {
	return unix.SendmsgN(fd, p, nil, nil, flags|unix.MSG_NOSIGNAL)
}

func (k *kernel) recv(fd int, p []byte, flags int) (int, error) {
	n, _, _, _, err := unix.Recvmsg(fd, p, nil, flags)
	return max(n, 0), err
}

func (k *kernel) name(fd int) (netip.AddrPort, error) { return addrPort(unix.Getsockname(fd)) }
func (k *kernel) peer(fd int) (netip.AddrPort, error) { return addrPort(unix.Getpeername(fd)) }

func addrPort(sa unix.Sockaddr, err error) (netip.AddrPort, error) {
	if in, is := sa.(*unix.SockaddrInet4); is {
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port)), err
	}
	return netip.AddrPort{}, err
}

func (k *kernel) setsockopt(fd, level, name int, val []byte) error {
	return unix.SetsockoptString(fd, level, name, string(val))
}

func (k *kernel) selector(fd int, insns []byte) error {
	filter := make([]unix.SockFilter, len(insns)/8)
	for i := range filter {
		p := insns[i*8:]
		filter[i] = unix.SockFilter{Code: binary.NativeEndian.Uint16(p), Jt: p[2], Jf: p[3], K: binary.NativeEndian.Uint32(p[4:])}
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: unsafe.SliceData(filter)}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &prog)
}

func (k *kernel) getsockopt(fd, level, name int, val []byte) (int, error) {
	n := uint32(len(val))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(unsafe.SliceData(val))), uintptr(unsafe.Pointer(&n)), 0)
	return int(n), failed(e)
}

// failed is a call's error number, nil for none.
func failed(e unix.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

func (k *kernel) ioctl(fd int, cmd uint32) (int, error) { return unix.IoctlGetInt(fd, uint(cmd)) }

func (k *kernel) poll(fd int) uint32 {
	p := []unix.PollFd{{Fd: int32(fd), Events: asked}}
	if fd < 0 {
		return 0x20 // POLLNVAL
	}
	unix.Poll(p, 0)
	return uint32(uint16(p[0].Revents)) & (asked | uapi.POLLERR | uapi.POLLHUP | 0x20)
}

// wait and settle block the thread, on nothing: poll(2) with a time.
func (k *kernel) wait(d time.Duration) { unix.Poll(nil, int(d/time.Millisecond)) }
func (k *kernel) settle()              { k.wait(k.patience) }

func (k *kernel) end() {
	for _, fd := range k.fds {
		unix.Close(fd)
	}
}

func (k *kernel) dropCaps() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return err
	}
	data[0].Effective, data[1].Effective = 0, 0
	return unix.Capset(&hdr, &data[0])
}

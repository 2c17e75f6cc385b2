package conversation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"linen/drivers/host/tap"
	"linen/uapi/errno"
	"linen/wire"
)

// real is this machine's kernel, in a network namespace of its own that the
// calling thread has entered.
type real struct {
	tap     *os.File
	hw      wire.MAC
	began   time.Time
	packets chan packet
	done    sync.WaitGroup
	open    map[int]bool // sockets
}

// newReal makes the namespace. The caller's goroutine keeps its thread, which
// ends with it. It needs the rights to make a network namespace, and ip(8).
func newReal(ip string, mtu int) (*real, error) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("a network namespace: %w", err)
	}
	f, name, err := tap.Open("eth0")
	if err != nil {
		return nil, err
	}
	r := &real{tap: f, began: time.Now(), packets: make(chan packet, 4096), open: make(map[int]bool),
		hw: wire.MAC{2, 0, 0, 0, 0, 1}}
	batch := fmt.Sprintf("link set lo up\nlink set %[1]s address 02:00:00:00:00:01 mtu %[2]d\nlink set %[1]s up\naddr add %[3]s/24 dev %[1]s\n"+
		"neigh add %[4]s dev %[1]s lladdr 02:00:00:00:00:02 nud permanent\n", name, mtu, hostAddr, peerAddr)
	c := exec.Command(ip, "-batch", "-")
	c.Stdin = strings.NewReader(batch)
	err = r.sysctl("net.ipv6.conf.all.disable_ipv6", "1")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(err, f.Close())
	}
	if out, err := c.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("ip: %w: %s", err, out), f.Close())
	}
	r.done.Go(r.reader)
	return r, nil
}

// reader takes what the host sends.
func (r *real) reader() {
	b := make([]byte, 1<<16)
	for {
		n, err := r.tap.Read(b)
		if err != nil {
			return
		}
		switch {
		case isARPRequest(b[:n]):
			_, _ = r.tap.Write(arpReply(r.hw)) // it asks again
		case isIPv4(b[:n]):
			select {
			case r.packets <- packet{append([]byte(nil), b[14:n]...), r.now()}:
			default: // a script has no use for so many
			}
		}
	}
}

func (r *real) sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0)
}

func (r *real) configure(msg []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, err := unix.Read(fd, answer)
	if err != nil {
		return err
	}
	return acknowledged(answer[:n])
}

func (r *real) read(name string) (string, error) {
	b, err := os.ReadFile("/proc/thread-self/net/" + name)
	return string(b), err
}

func (r *real) mac() wire.MAC { return r.hw }

func (r *real) now() time.Duration { return time.Since(r.began) }

func (r *real) send(frame []byte) { _, _ = r.tap.Write(frame) } // an interface that is up takes it

func (r *real) next(until time.Duration) ([]byte, time.Duration, bool) {
	timer := time.NewTimer(until - r.now())
	defer timer.Stop()
	select {
	case p := <-r.packets:
		return p.data, p.at, true
	case <-timer.C:
	}
	select { // what came while nobody looked
	case p := <-r.packets:
		return p.data, p.at, true
	default:
		return nil, 0, false
	}
}

func (r *real) close() {
	for fd := range r.open { // no connection outlives the script
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		unix.Close(fd)
	}
	r.tap.Close()
	r.done.Wait()
}

// realSocket is a descriptor.
type realSocket struct {
	r  *real
	fd int
}

func (r *real) socket() (socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	r.open[fd] = true
	return realSocket{r, fd}, nil
}

func (s realSocket) bind(port int) error {
	return numbered(unix.Bind(s.fd, &unix.SockaddrInet4{Port: port, Addr: hostAddr.As4()}))
}

func (s realSocket) connect(port int) error {
	return numbered(unix.Connect(s.fd, &unix.SockaddrInet4{Port: port, Addr: peerAddr.As4()}))
}

func (s realSocket) listen(backlog int) error { return numbered(unix.Listen(s.fd, backlog)) }

func (s realSocket) accept() (socket, error) {
	fd, _, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, numbered(err)
	}
	s.r.open[fd] = true
	return realSocket{s.r, fd}, nil
}

func (s realSocket) write(p []byte, flags, to int) (int, error) {
	var sa unix.Sockaddr
	if to != 0 {
		sa = &unix.SockaddrInet4{Port: to, Addr: peerAddr.As4()}
	}
	n, err := unix.SendmsgN(s.fd, p, nil, sa, flags|unix.MSG_NOSIGNAL)
	return n, numbered(err)
}

func (s realSocket) recv(p []byte, flags int) (int, error) {
	n, _, err := unix.Recvfrom(s.fd, p, flags)
	return max(n, 0), numbered(err)
}

func (s realSocket) shutdown(how int) error { return numbered(unix.Shutdown(s.fd, how)) }

func (s realSocket) setOption(level, name int, v []byte) error {
	return numbered(unix.SetsockoptString(s.fd, level, name, string(v)))
}

func (s realSocket) option(level, name int, v []byte) (int, error) {
	switch {
	case level == unix.IPPROTO_TCP && name == unix.TCP_INFO:
		info, err := unix.GetsockoptTCPInfo(s.fd, level, name)
		if err != nil {
			return 0, numbered(err)
		}
		n, err := binary.Encode(v[2:], le, info) // as it lies in memory, but for the two bytes of bit fields
		copy(v[:6], v[2:8])
		return n + 2, err
	case level == unix.IPPROTO_TCP && name == unix.TCP_CONGESTION:
		got, err := unix.GetsockoptString(s.fd, level, name)
		return copy(v, got), numbered(err)
	}
	n, err := unix.GetsockoptInt(s.fd, level, name)
	le.PutUint32(v, uint32(n))
	return 4, numbered(err)
}

// numbered is an error of a system call as linen has it.
func numbered(err error) error {
	if e, ok := err.(syscall.Errno); ok {
		return errno.Errno(e)
	}
	return err
}

func (s realSocket) ioctl(cmd int) (int, error) {
	n, err := unix.IoctlGetInt(s.fd, uint(cmd))
	return n, numbered(err)
}

func (s realSocket) poll() int {
	p := []unix.PollFd{{Fd: int32(s.fd), Events: 0x3fff}}
	if _, err := unix.Poll(p, 0); err != nil {
		return 0
	}
	return int(p[0].Revents)
}

func (s realSocket) close() {
	delete(s.r.open, s.fd)
	unix.Close(s.fd)
}

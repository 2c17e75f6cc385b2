//go:build linux

package supervise_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// envRole makes this test binary a program of a node: a static Go program.
const envRole = "LINEN_SUPERVISE_ROLE"

// roles are the programs, by name. They return what went wrong.
var roles = map[string]func() error{
	"datagrams": datagrams, "poll": polling, "escape": escape, "many": many, "inherit": inherit, "inherited": inherited,
	"time wait": timeWait, "netpoll": netpoll, "refused": refused, "closed families": closedFamilies, "credentials": credentials,
	"packet ring": packetRing, "timeout": timeout, "rights": rights, "block": block, "storm": storm, "undumpable": undumpable, "exec": execution, "powerless": powerless, "threads' capabilities": ownCapabilities, "file capabilities": fileCapabilities,
	"aborted": streamAborted, "queue": streamQueue, "few descriptors": fewDescriptors,
	"devices": devices, "fast open": streamFastOpen, "names": streamNames,
}

// program runs a role and exits.
func program(role string) {
	f := roles[role]
	if name, ok := strings.CutPrefix(role, "stream "); ok {
		f = streamRoles[name]
	}
	if name, ok := strings.CutPrefix(role, "space "); ok {
		f = spaceRoles[name]
	}
	if f == nil {
		fmt.Println("no such role:", role)
		os.Exit(2)
	}
	if err := f(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// checks collects what went wrong.
type checks []error

func (c *checks) ok(what string, good bool, got ...any) {
	if !good {
		*c = append(*c, fmt.Errorf("%s: got %v", what, got))
	}
}

func (c checks) err() error { return errors.Join(c...) }

// bound opens a UDP socket on 127.0.0.1 that is connected to itself.
func bound() (int, *unix.SockaddrInet4, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, nil, fmt.Errorf("bind: %w", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return -1, nil, fmt.Errorf("getsockname: %w", err)
	}
	if err := unix.Connect(fd, sa); err != nil {
		return -1, nil, fmt.Errorf("connect: %w", err)
	}
	return fd, sa.(*unix.SockaddrInet4), nil
}

func datagrams() error {
	var c checks
	fd, self, err := bound()
	if err != nil {
		return err
	}
	c.ok("the range", fd >= 800 && fd < 1024, fd)
	b := make([]byte, 100)
	for _, text := range []string{"one", "", "three"} {
		n, err := unix.Write(fd, []byte(text))
		c.ok("write", err == nil && n == len(text), n, err)
	}
	n, from, err := unix.Recvfrom(fd, b, unix.MSG_PEEK)
	sa, _ := from.(*unix.SockaddrInet4)
	c.ok("peek", err == nil && string(b[:n]) == "one" && sa != nil && sa.Port == self.Port && sa.Addr == self.Addr, n, from, err)
	queued, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	c.ok("FIONREAD", err == nil && queued == 3, queued, err)
	n, err = unix.Read(fd, nil)
	c.ok("read of nothing", err == nil && n == 0, n, err)
	n, err = unix.Read(fd, b)
	c.ok("read", err == nil && string(b[:n]) == "one", n, err)
	n, _, err = unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
	c.ok("an empty datagram", err == nil && n == 0, n, err)
	n, _, flags, _, err := unix.Recvmsg(fd, b[:2], nil, 0)
	c.ok("cut", err == nil && n == 2 && flags == unix.MSG_TRUNC, n, flags, err)
	_, _, err = unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
	c.ok("nothing left", err == unix.EAGAIN, err)
	unix.Write(fd, []byte("length"))
	n, _, flags, _, err = unix.Recvmsg(fd, b[:2], nil, unix.MSG_TRUNC)
	c.ok("real length", err == nil && n == 6 && flags == unix.MSG_TRUNC, n, flags, err)
	_, err = unix.Writev(fd, [][]byte{[]byte("two "), []byte("pieces")})
	c.ok("writev", err == nil, err)
	parts := [][]byte{make([]byte, 3), make([]byte, 50)}
	n, err = unix.Readv(fd, parts)
	c.ok("readv", err == nil && string(bytes.Join(parts, nil)[:10]) == "two pieces", n, err)
	c.ok("connected", unix.Sendto(fd, nil, 0, &unix.SockaddrInet4{Port: 1}) == nil)
	_, err = unix.Write(fd, make([]byte, 70000))
	c.ok("too long", err == unix.EMSGSIZE, err)
	v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	c.ok("SO_TYPE", err == nil && v == unix.SOCK_DGRAM, v, err)
	c.ok("listen", unix.Listen(fd, 1) == unix.EOPNOTSUPP)
	_, _, err = unix.Accept(fd)
	c.ok("accept", err == unix.EOPNOTSUPP, err)
	c.ok("close", unix.Close(fd) == nil)
	_, err = unix.Read(fd, b)
	c.ok("read after close", err == unix.EBADF, err)
	again, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	c.ok("the number is free", err == nil && again == fd, again, err)
	return c.err()
}

// wait polls a descriptor; ms 0 looks, -1 waits.
func wait(fd int, events int16, ms int) int16 {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		if _, err := unix.Poll(p, ms); err != unix.EINTR {
			return p[0].Revents
		}
	}
}

func polling() error {
	var c checks
	fd, _, err := bound()
	if err != nil {
		return err
	}
	ep, err := unix.EpollCreate1(0)
	if err != nil {
		return err
	}
	unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff})
	c.ok("nothing to read", wait(fd, unix.POLLIN|unix.POLLOUT, 0) == unix.POLLOUT)
	b := make([]byte, 16)
	for i := range 50 {
		unix.Write(fd, []byte{byte(i)})
		unix.Write(fd, []byte{byte(i), 0})
		n, err := unix.EpollWait(ep, make([]unix.EpollEvent, 1), 30000)
		for err == unix.EINTR {
			n, err = unix.EpollWait(ep, make([]unix.EpollEvent, 1), 30000)
		}
		c.ok("an edge", err == nil && n == 1, i, n, err)
		for want := 1; want <= 2; want++ {
			c.ok("readable", wait(fd, unix.POLLIN, 30000) == unix.POLLIN, i)
			n, _, err = unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
			c.ok("in order", err == nil && n == want && b[0] == byte(i), i, n, err, b[0])
		}
		c.ok("empty again", wait(fd, unix.POLLIN, 0) == 0, i)
	}
	return c.err()
}

// escape leaves the range: reads and writes are native then.
func escape() error {
	var c checks
	fd, _, err := bound()
	if err != nil {
		return err
	}
	if err := unix.Dup2(fd, 9); err != nil {
		return err
	}
	b := make([]byte, 16)
	for i := range 20 {
		n, err := unix.Write(9, []byte{'n', byte(i)}) // native: linen sends it a moment later
		c.ok("native write", err == nil && n == 2, n, err)
		n, err = unix.Read(9, b)
		c.ok("native read", err == nil && n == 2 && b[1] == byte(i), n, err, b[:2])
	}
	unix.Write(fd, []byte("first"))
	unix.Write(fd, []byte("second"))
	n, err := unix.Read(9, b)
	c.ok("the head", err == nil && string(b[:n]) == "first", string(b[:n]), err)
	n, err = unix.Read(fd, b)
	c.ok("the next", err == nil && string(b[:n]) == "second", string(b[:n]), err)
	unix.Close(fd)
	n, err = unix.Write(9, []byte("still open"))
	c.ok("a dup keeps it open", err == nil && n == 10, n, err)
	n, err = unix.Read(9, b)
	c.ok("and working", err == nil && string(b[:n]) == "still open", n, err)
	return c.err()
}

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	unix.Msghdr
	n uint32
	_ uint32
}

func many() error {
	var c checks
	fd, _, err := bound()
	if err != nil {
		return err
	}
	const count = 5
	send, recv := make([]mmsghdr, count), make([]mmsghdr, count+1)
	bufs := make([][]byte, count+1)
	iovs := make([]unix.Iovec, 2*count+1)
	texts := []string{"a", "bb", "ccc", "dddd", "eeeee"}
	for i := range count + 1 {
		bufs[i] = make([]byte, 10)
		iovs[i] = unix.Iovec{Base: &bufs[i][0], Len: 10}
		recv[i].Iov, recv[i].Iovlen = &iovs[i], 1
	}
	for i := range count {
		p := []byte(texts[i])
		iovs[count+1+i] = unix.Iovec{Base: &p[0], Len: uint64(len(p))}
		send[i].Iov, send[i].Iovlen = &iovs[count+1+i], 1
	}
	n, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&send[0])), count, 0, 0, 0)
	c.ok("sendmmsg", e == 0 && n == count && send[4].n == 5, n, e, send[4].n)
	n, _, e = unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&recv[0])), count+1, unix.MSG_WAITFORONE, 0, 0)
	c.ok("recvmmsg", e == 0 && n == count, n, e)
	for i := range count {
		c.ok("message", string(bufs[i][:recv[i].n]) == texts[i], i, recv[i].n, string(bufs[i]))
	}
	_, _, e = unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&recv[0])), 1, unix.MSG_DONTWAIT, 0, 0)
	c.ok("empty", e == unix.EAGAIN, e)
	ts := unix.Timespec{Nsec: 1000}
	_, _, e = unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&recv[0])), 1, 0, uintptr(unsafe.Pointer(&ts)), 0)
	c.ok("a limit", e == unix.EAGAIN, e)
	return c.err()
}

// inherit starts a program with the socket as its descriptor 3.
func inherit() error {
	fd, _, err := bound()
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envRole+"=inherited")
	cmd.Stdout = os.Stdout
	f := os.NewFile(uintptr(fd), "socket")
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		return err
	}
	f.Close()
	return cmd.Wait()
}

func inherited() error {
	var c checks
	n, err := unix.Write(3, []byte("from the child"))
	c.ok("write", err == nil && n == 14, n, err)
	b := make([]byte, 20)
	n, err = unix.Read(3, b)
	c.ok("read", err == nil && string(b[:n]) == "from the child", n, err)
	_, err = unix.GetsockoptInt(3, unix.SOL_SOCKET, unix.SO_TYPE)
	c.ok("option", err == nil, err)
	return c.err()
}

// rights passes a socket over a native AF_UNIX one.
func rights() error {
	var c checks
	fd, _, err := bound()
	if err != nil {
		return err
	}
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	err = unix.Sendmsg(p[0], []byte{1}, unix.UnixRights(fd), nil, 0)
	c.ok("sent", err == nil, err)
	unix.Close(fd)
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(p[1], make([]byte, 1), oob, 0)
	if err != nil {
		return err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		return fmt.Errorf("control messages: %v, %v", msgs, err)
	}
	got, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return err
	}
	unix.Write(got[0], []byte("passed"))
	b := make([]byte, 10)
	k, _, err := unix.Recvfrom(got[0], b, 0)
	c.ok("received", err == nil && string(b[:k]) == "passed", k, err)
	return c.err()
}

// netpoll uses Go's own network: non-blocking, epoll, deadlines.
func netpoll() error {
	var c checks
	ifs, err := net.Interfaces()
	c.ok("interfaces", err == nil && len(ifs) == 2 && ifs[1].Name == "eth0", ifs, err)
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	conn, err := net.Dial("udp4", pc.LocalAddr().String())
	if err != nil {
		return err
	}
	done := make(chan error)
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				done <- err
				return
			}
			pc.WriteTo(b[:n], from)
		}
	}()
	b := make([]byte, 100)
	for i := range 200 {
		text := fmt.Sprint("datagram ", i)
		conn.Write([]byte(text))
		n, err := conn.Read(b)
		c.ok("echo", err == nil && string(b[:n]) == text, i, err, string(b[:n]))
	}
	conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err = conn.Read(b)
	c.ok("deadline", errors.Is(err, os.ErrDeadlineExceeded), err)
	pc.Close()
	c.ok("close ends a read", errors.Is(<-done, net.ErrClosed))
	return c.err()
}

// refused sends to a port that nobody listens at.
func refused() error {
	var c checks
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	to := &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
	c.ok("connect", unix.Connect(fd, to) == nil)
	b := make([]byte, 100)
	for i := range 3 {
		unix.Write(fd, []byte("x"))
		got := wait(fd, unix.POLLIN, 30000)
		c.ok("POLLERR", got&unix.POLLERR != 0, i, got)
		_, err = unix.Read(fd, b)
		c.ok("read", err == unix.ECONNREFUSED, i, err)
		got = wait(fd, unix.POLLIN, 0)
		c.ok("calm", got == 0, i, got)
	}
	unix.Write(fd, []byte("x"))
	wait(fd, 0, 30000)
	v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	c.ok("SO_ERROR", err == nil && v == int(unix.ECONNREFUSED), v, err)
	c.ok("calm", wait(fd, unix.POLLIN, 0) == 0)
	unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVERR, 1)
	unix.Write(fd, []byte("payload"))
	wait(fd, 0, 30000)
	oob := make([]byte, 200)
	n, oobn, flags, from, err := unix.Recvmsg(fd, b, oob, unix.MSG_ERRQUEUE)
	sa, _ := from.(*unix.SockaddrInet4)
	c.ok("error queue", err == nil && string(b[:n]) == "payload" && flags&unix.MSG_ERRQUEUE != 0 && sa != nil && sa.Port == 9, n, flags, from, err)
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	c.ok("IP_RECVERR", err == nil && len(msgs) == 1 && msgs[0].Header.Type == unix.IP_RECVERR && msgs[0].Data[4] == 2, msgs, err)
	return c.err()
}

// timeout waits for what does not come.
func timeout() error {
	var c checks
	fd, _, err := bound()
	if err != nil {
		return err
	}
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20000})
	start := time.Now()
	_, err = unix.Read(fd, make([]byte, 10))
	c.ok("SO_RCVTIMEO", err == unix.EAGAIN && time.Since(start) >= 20*time.Millisecond, err, time.Since(start))
	return c.err()
}

// block waits for a datagram until a signal ends it.
func block() error {
	fd, _, err := bound()
	if err != nil {
		return err
	}
	fmt.Println("waiting")
	_, err = unix.Read(fd, make([]byte, 10))
	return fmt.Errorf("read returned %v", err)
}

// storm receives while a timer's signal comes all the time; the handler is
// Go's, with SA_RESTART, so no call may be seen to fail and nothing be lost.
func storm() error {
	var c checks
	fd, _, err := bound()
	if err != nil {
		return err
	}
	it := unix.Itimerval{Interval: unix.Timeval{Usec: 1000}, Value: unix.Timeval{Usec: 1000}}
	if _, _, e := unix.Syscall(unix.SYS_SETITIMER, unix.ITIMER_REAL, uintptr(unsafe.Pointer(&it)), 0); e != 0 {
		return e
	}
	alarms := make(chan os.Signal, 1)
	signal.Notify(alarms, unix.SIGALRM)
	const count = 3000
	done := make(chan error)
	go func() {
		b := make([]byte, 10)
		for i := range count {
			n, err := unix.Read(fd, b)
			if err != nil || n != 4 || binary.NativeEndian.Uint32(b) != uint32(i) {
				done <- fmt.Errorf("datagram %d: %x, %v", i, b[:max(n, 0)], err)
				return
			}
			done <- nil
		}
	}()
	var b [4]byte
	for i := range count {
		binary.NativeEndian.PutUint32(b[:], uint32(i))
		_, err := unix.Write(fd, b[:])
		c.ok("write", err == nil, i, err)
		if err := <-done; err != nil {
			return err
		}
	}
	<-alarms
	return c.err()
}

func closedFamilies() error {
	var c checks
	for _, family := range []int{unix.AF_INET6 + 100, unix.AF_VSOCK, unix.AF_BLUETOOTH, unix.AF_ALG} {
		_, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		c.ok("family", err == unix.EAFNOSUPPORT, family, err)
	}
	_, _, e := unix.Syscall(425, 8, 0, 0) // io_uring_setup
	c.ok("io_uring", e == unix.ENOSYS, e)
	err := unix.Unshare(unix.CLONE_NEWNET)
	c.ok("unshare", err == unix.EPERM, err) // this node has no NewNet
	_, err = unix.Socketpair(unix.AF_INET, unix.SOCK_DGRAM, 0)
	c.ok("socketpair", err == unix.EOPNOTSUPP, err)
	_, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT)
	c.ok("netlink audit", err == unix.EPROTONOSUPPORT, err)
	return c.err()
}

// fewDescriptors has no number in the range.
func fewDescriptors() error {
	var c checks
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}); err != nil {
		return err
	}
	fd, _, err := bound()
	if err != nil {
		return err
	}
	c.ok("a low number", fd < 64, fd)
	b := make([]byte, 10)
	err = unix.Sendto(fd, []byte("hello"), 0, nil)
	c.ok("send", err == nil, err)
	n, _, err := unix.Recvfrom(fd, b, 0)
	c.ok("receive", err == nil && string(b[:n]) == "hello", n, err)
	n, _, _, _, err = unix.Recvmsg(fd, b, nil, unix.MSG_DONTWAIT)
	c.ok("nothing left", err == unix.EAGAIN, n, err)
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	c.ok("a listener", err == nil && unix.Listen(l, 1) == nil, err)
	for err == nil {
		_, err = unix.Dup(fd)
	}
	_, _, err = unix.Accept(l)
	c.ok("accept without a number does not wait", err == unix.EMFILE, err)
	unix.Close(fd)
	unix.SetNonblock(l, true)
	_, _, err = unix.Accept(l)
	c.ok("accept with one", err == unix.EAGAIN, err)
	return c.err()
}

//go:build linux

package supervise_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"linen/uapi"
)

// fastOpener is a server and what its clients found wrong.
type fastOpener struct {
	checks
	l  int
	to *unix.SockaddrInet4
}

// streamFastOpen is a program's MSG_FASTOPEN and TCP_FASTOPEN_CONNECT (tcp(7)),
// without a cookie and with one. The results are those of Linux 6.18.
func streamFastOpen() error {
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_fastopen", []byte("3"), 0); err != nil {
		return err
	}
	var f fastOpener
	var err error
	if f.l, f.to, err = listener(); err != nil {
		return err
	}
	f.bySend(false)
	f.byConnect(false)
	f.ok("TCP_FASTOPEN", unix.SetsockoptInt(f.l, unix.IPPROTO_TCP, uapi.TCP_FASTOPEN, 5) == nil)
	s := f.socket(0) // asks for a cookie
	f.ok("sendto", unix.Sendto(s, []byte("hello"), unix.MSG_FASTOPEN, f.to) == nil)
	f.gets(s, "hello")
	f.bySend(true)
	f.byConnect(true)
	unix.Close(f.l)
	f.refused()
	return f.err()
}

// listener is a blocking one on 127.0.0.1.
func listener() (int, *unix.SockaddrInet4, error) {
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, nil, err
	}
	if err := unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, nil, err
	}
	if err := unix.Listen(l, 10); err != nil {
		return -1, nil, err
	}
	sa, err := unix.Getsockname(l)
	if err != nil {
		return -1, nil, err
	}
	return l, sa.(*unix.SockaddrInet4), nil
}

func (f *fastOpener) socket(flags int) int {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|flags, 0)
	f.ok("socket", err == nil, err)
	return s
}

// gets ends the connection of s, of which the server has to get all of want.
func (f *fastOpener) gets(s int, want string) {
	a, _, err := unix.Accept(f.l)
	f.ok("accept", err == nil, err)
	unix.Shutdown(s, unix.SHUT_WR)
	got, err := io.ReadAll(fdReader(a))
	f.ok(fmt.Sprintf("%.20q arrives", want), err == nil && string(got) == want, len(got), err)
	unix.Close(a)
	unix.Close(s)
}

func (f *fastOpener) bySend(cookie bool) {
	s := f.socket(0)
	f.ok("sendto", unix.Sendto(s, []byte("hello"), unix.MSG_FASTOPEN, f.to) == nil)
	_, err := unix.Write(s, []byte("x"))
	f.ok("write", err == nil, err)
	err = unix.Sendto(s, []byte("no"), unix.MSG_FASTOPEN, f.to)
	f.ok("connected", err == unix.EISCONN, err)
	err = unix.Sendto(s, []byte("p"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 2}})
	f.ok("an address that nobody looks at", err == nil, err)
	f.gets(s, "helloxp")

	s = f.socket(unix.SOCK_NONBLOCK)
	err = unix.Sendto(s, []byte("hello"), unix.MSG_FASTOPEN, f.to)
	want, first := error(unix.EINPROGRESS), ""
	if cookie {
		want, first = nil, "hello"
	}
	f.ok("without waiting", err == want, err)
	got := wait(s, unix.POLLIN|unix.POLLOUT, 30000)
	f.ok("poll", got == unix.POLLOUT, got)
	_, err = unix.Write(s, []byte("more"))
	f.ok("write", err == nil, err)
	f.gets(s, first+"more")

	s = f.socket(0)
	big := bytes.Repeat([]byte("z"), 100_000)
	n, err := unix.SendmsgN(s, big, nil, f.to, unix.MSG_FASTOPEN)
	f.ok("a long one", n == len(big) && err == nil, n, err)
	f.gets(s, string(big))

	s = f.socket(0)
	err = unix.Send(s, []byte("x"), unix.MSG_FASTOPEN)
	f.ok("no address", err == unix.EINVAL, err)
	unix.Close(s)
}

func (f *fastOpener) byConnect(cookie bool) {
	for _, flags := range []int{0, unix.SOCK_NONBLOCK} {
		s := f.socket(flags)
		f.ok("TCP_FASTOPEN_CONNECT", unix.SetsockoptInt(s, unix.IPPROTO_TCP, uapi.TCP_FASTOPEN_CONNECT, 1) == nil)
		err := unix.Connect(s, f.to)
		if flags == 0 || cookie {
			f.ok("connect", err == nil, err)
		} else {
			f.ok("connect", err == unix.EINPROGRESS, err)
		}
		got := wait(s, unix.POLLIN|unix.POLLOUT, 30000)
		f.ok("poll", got == unix.POLLOUT, got)
		_, _, err = unix.Recvfrom(s, make([]byte, 1), unix.MSG_DONTWAIT)
		f.ok("recv", err == unix.EAGAIN, err)
		for _, text := range []string{"data", "DATA"} {
			_, err = unix.Write(s, []byte(text))
			f.ok("write", err == nil, err)
		}
		f.gets(s, "dataDATA")
	}
}

func (f *fastOpener) refused() {
	s := f.socket(0)
	for range 2 {
		err := unix.Sendto(s, []byte("hello"), unix.MSG_FASTOPEN, f.to)
		f.ok("refused", err == unix.ECONNREFUSED, err)
	}
	err := unix.Connect(s, f.to)
	f.ok("connect", err == unix.ECONNREFUSED, err)
	s = f.socket(unix.SOCK_NONBLOCK)
	err = unix.Sendto(s, []byte("hello"), unix.MSG_FASTOPEN, f.to)
	f.ok("the cookie is known", err == nil, err)
	// The pair's end tells of the reset a moment before what fills it is gone, and with
	// it comes POLLOUT (net/unix/af_unix.c unix_release_sock).
	all := int16(unix.POLLIN | unix.POLLOUT | unix.POLLERR | unix.POLLHUP)
	got := wait(s, unix.POLLIN|unix.POLLOUT, 30000)
	for end := time.Now().Add(30 * time.Second); got == all&^unix.POLLOUT && time.Now().Before(end); {
		got = wait(s, unix.POLLIN|unix.POLLOUT, 30000)
	}
	f.ok("poll", got == all, got)
	err = unix.Sendto(s, []byte("hello"), unix.MSG_FASTOPEN, f.to)
	f.ok("refused, told", err == unix.ECONNREFUSED, err)
}

// streamNames: a connected stream takes no notice of the addresses of a
// sendmmsg(2), and with MSG_FASTOPEN only the first message connects. One that is
// not connected takes nothing.
func streamNames() error {
	var f fastOpener
	var err error
	if f.l, f.to, err = listener(); err != nil {
		return err
	}
	s := f.socket(0)
	n, e := sendmmsg(s, unix.MSG_NOSIGNAL, false)
	f.ok("not connected", e == unix.EPIPE, n, e)
	f.ok("connect", unix.Connect(s, f.to) == nil)
	n, e = sendmmsg(s, 0, false)
	f.ok("without names", n == 2 && e == 0, n, e)
	n, e = sendmmsg(s, 0, true)
	f.ok("with names", n == 2 && e == 0, n, e)
	n, e = sendmmsg(s, unix.MSG_FASTOPEN, true)
	f.ok("Fast Open", e == unix.EISCONN, n, e)
	f.gets(s, "onetwoonetwo")
	return f.err()
}

// sendmmsg sends "one" and "two".
func sendmmsg(fd, flags int, named bool) (n int, e unix.Errno) {
	name := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: 0x0900, Addr: [4]byte{127, 0, 0, 2}}
	var msgs [2]struct {
		hdr unix.Msghdr
		len uint32
		_   uint32
	}
	for i, text := range []string{"one", "two"} {
		b := []byte(text)
		msgs[i].hdr.Iov = &unix.Iovec{Base: &b[0]}
		msgs[i].hdr.Iov.SetLen(len(b))
		msgs[i].hdr.SetIovlen(1)
		if named {
			msgs[i].hdr.Name, msgs[i].hdr.Namelen = (*byte)(unsafe.Pointer(&name)), unix.SizeofSockaddrInet4
		}
	}
	r, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&msgs)), uintptr(len(msgs)), uintptr(flags), 0, 0)
	if e != 0 {
		return -1, e
	}
	for _, m := range msgs {
		if m.len != 3 {
			return int(r), unix.EMSGSIZE
		}
	}
	return int(r), 0
}

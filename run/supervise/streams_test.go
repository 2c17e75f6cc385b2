//go:build linux

package supervise_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen/run/internal/runtest"
	"linen/run/supervise"
)

// streamRoles are the programs that use streams.
var streamRoles = map[string]func() error{
	"echo": streamEcho, "refused": streamRefused, "reset": streamReset, "blocking": streamBlocking,
	"full": streamFull, "accept": streamAccept, "reset of a writer": streamResetWriter, "reset after the end": streamResetAfterEnd,
	"reset elsewhere": streamResetElsewhere, "addressed": streamAddressed, "closed ports": streamClosedPorts,
}

// The relay alone, over wires of the test's, and over TCP.
func TestStreams(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		l := newLab(t)
		registerWires(l.h1.Namespace())
		for name, n := range map[string]*supervise.Node{"wire": l.node(l.h1), "tcp": l.node(l.h2)} {
			for role := range streamRoles {
				t.Run(name+" "+role, func(t *testing.T) {
					if out, exit := run(t, n, []string{envRole + "=stream " + role}, "/proc/self/exe"); !exit.Success() {
						t.Errorf("exit %+v:\n%s", exit, out)
					}
				})
			}
		}
	})
}

// streamEcho is a server with 20 clients at once; each sends more than every
// buffer on the way holds, ends its output and reads its own back.
func streamEcho() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	var wg sync.WaitGroup
	failed := make(chan error, 20)
	for i := range 20 {
		wg.Go(func() { failed <- echoOne(l.Addr().String(), byte(i)) })
	}
	wg.Wait()
	close(failed)
	var all []error
	for err := range failed {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func echoOne(addr string, seed byte) error {
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if c.RemoteAddr().String() != addr {
		return fmt.Errorf("peer %v", c.RemoteAddr())
	}
	text := make([]byte, 600<<10)
	for i := range text {
		text[i] = byte(i>>8) ^ byte(i) ^ seed
	}
	go func() {
		c.Write(text)
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, text) {
		return fmt.Errorf("echo of %d bytes: %d, %v", len(text), len(got), err)
	}
	return nil
}

func streamRefused() error {
	var c checks
	_, err := net.Dial("tcp4", "127.0.0.1:9")
	c.ok("non-blocking", errors.Is(err, unix.ECONNREFUSED), err)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	c.ok("a low number", fd < 800, fd)
	to := &unix.SockaddrInet4{Port: 4000, Addr: [4]byte{127, 0, 0, 1}}
	err = unix.Connect(fd, to)
	c.ok("blocking", err == unix.ECONNREFUSED, err)
	nb, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	c.ok("begins", unix.Connect(nb, to) == unix.EINPROGRESS)
	got := wait(nb, unix.POLLOUT, 30000)
	c.ok("POLLERR", got&(unix.POLLERR|unix.POLLHUP) == unix.POLLERR|unix.POLLHUP, got)
	v, err := unix.GetsockoptInt(nb, unix.SOL_SOCKET, unix.SO_ERROR)
	c.ok("SO_ERROR", err == nil && v == int(unix.ECONNREFUSED), v, err)
	l, err := net.Listen("tcp4", "127.0.0.1:4000")
	if err != nil {
		return err
	}
	defer l.Close()
	c.ok("again", unix.Connect(fd, to) == nil)
	err = unix.Connect(nb, to)
	c.ok("the failure is over", err == unix.ECONNABORTED, err) // SO_ERROR told it
	err = unix.Connect(nb, to)
	c.ok("again", err == unix.EINPROGRESS, err)
	got = wait(nb, unix.POLLOUT, 30000)
	c.ok("connected", got == unix.POLLOUT, got)
	v, err = unix.GetsockoptInt(nb, unix.SOL_SOCKET, unix.SO_ERROR)
	c.ok("SO_ERROR", err == nil && v == 0, v, err)
	c.ok("once 0", unix.Connect(nb, to) == nil)
	c.ok("then connected", unix.Connect(nb, to) == unix.EISCONN)
	return c.err()
}

// streamReset closes with data unread.
func streamReset() error {
	var c checks
	a, b, err := connection()
	if err != nil {
		return err
	}
	a.Write([]byte("unread"))
	b.Write([]byte("last words"))
	buf := make([]byte, 100)
	n, err := io.ReadFull(a, buf[:4])
	c.ok("a part", err == nil && string(buf[:n]) == "last", n, err)
	for left := 0; left < 6; { // it has arrived
		raw, _ := b.(*net.TCPConn).SyscallConn()
		raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		if err != nil {
			return err
		}
	}
	b.Close()
	n, err = io.ReadFull(a, buf[:6])
	c.ok("what came before", err == nil && string(buf[:n]) == " words", n, err)
	_, err = a.Read(buf)
	c.ok("reset", errors.Is(err, unix.ECONNRESET), err)
	return c.err()
}

// streamResetWriter resets a connection whose other end only writes.
func streamResetWriter() error {
	var c checks
	a, b, err := connection()
	if err != nil {
		return err
	}
	b.(*net.TCPConn).SetLinger(0)
	chunk := make([]byte, 1<<16)
	go func() {
		io.ReadFull(b, make([]byte, 1<<20))
		b.Close()
	}()
	for err == nil {
		_, err = a.Write(chunk)
	}
	c.ok("write", errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE), err)
	return c.err()
}

// streamResetAfterEnd writes to a peer that has closed: it answers with a reset,
// and from then on nothing can be written.
func streamResetAfterEnd() error {
	var c checks
	a, b, err := connection()
	if err != nil {
		return err
	}
	b.Close()
	n, err := a.Read(make([]byte, 10))
	c.ok("end", n == 0 && err == io.EOF, n, err)
	for err = nil; err == nil; {
		_, err = a.Write([]byte("x"))
	}
	c.ok("write", errors.Is(err, unix.EPIPE), err)
	n, err = a.Read(make([]byte, 10))
	c.ok("still the end", n == 0 && err == io.EOF, n, err)
	return c.err()
}

// streamResetElsewhere resets a connection of which only a child that makes no
// network calls has a descriptor.
func streamResetElsewhere() error {
	var c checks
	a, b, err := connection()
	if err != nil {
		return err
	}
	f, err := a.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return err
	}
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "exec 5<&0; exec 0</dev/null; echo begin; head -c 1 <&5"}, &os.ProcAttr{Files: []*os.File{f, stdout, stdout}, Env: []string{"LC_ALL=C"}})
	if err != nil {
		return err
	}
	f.Close()
	stdout.Close()
	a.Close()
	said := make([]byte, 6)
	if _, err = io.ReadFull(out, said); err != nil {
		return err
	}
	b.(*net.TCPConn).SetLinger(0)
	b.Close()
	rest, err := io.ReadAll(out)
	c.ok("reset", err == nil && bytes.Contains(rest, []byte("Connection reset by peer")), string(rest), err)
	_, err = p.Wait()
	c.ok("child", err == nil, err)
	return c.err()
}

// connection returns both ends of one.
func connection() (a, b net.Conn, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if a, err = net.Dial("tcp4", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	b, err = l.Accept()
	return a, b, err
}

// streamBlocking uses blocking calls.
func streamBlocking() error {
	var c checks
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	c.ok("bind", unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) == nil)
	c.ok("listen", unix.Listen(l, 5) == nil)
	sa, err := unix.Getsockname(l)
	if err != nil {
		return err
	}
	done := make(chan error)
	go func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Connect(fd, sa)
		}
		if err == nil {
			_, err = unix.Write(fd, []byte("hello"))
		}
		if err == nil {
			err = unix.Shutdown(fd, unix.SHUT_WR)
		}
		b := make([]byte, 10)
		n, rerr := unix.Read(fd, b)
		if string(b[:n]) != "bye" {
			err = fmt.Errorf("client read %q, %v, %v", b[:n], rerr, err)
		}
		done <- err
	}()
	fd, from, err := unix.Accept(l)
	c.ok("accept", err == nil, err)
	peer, err := unix.Getpeername(fd)
	c.ok("its address", err == nil && from.(*unix.SockaddrInet4).Port == peer.(*unix.SockaddrInet4).Port, from, peer)
	b := make([]byte, 10)
	n, err := unix.Read(fd, b)
	c.ok("read", err == nil && string(b[:n]) == "hello", n, err)
	n, err = unix.Read(fd, b)
	c.ok("end", err == nil && n == 0, n, err)
	_, err = unix.Write(fd, []byte("bye"))
	c.ok("half closed", err == nil, err)
	c.ok("client", <-done == nil)
	return c.err()
}

// streamFull writes until nothing fits, and then reads it all.
func streamFull() error {
	var c checks
	a, b, err := connection()
	if err != nil {
		return err
	}
	a.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	sent := 0
	chunk := make([]byte, 1<<16)
	for {
		n, err := a.Write(chunk)
		sent += n
		if err != nil {
			c.ok("full", errors.Is(err, unix.EAGAIN) || err.(net.Error).Timeout(), err)
			break
		}
		if sent > 64<<20 {
			return errors.New("nothing holds the writer back")
		}
	}
	a.Close()
	n, err := io.Copy(io.Discard, b)
	c.ok("all of it", err == nil && int(n) == sent, n, sent, err)
	return c.err()
}

// streamAccept looks at a listener's readiness.
func streamAccept() error {
	var c checks
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	unix.Listen(l, 5)
	sa, err := unix.Getsockname(l)
	if err != nil {
		return err
	}
	_, _, err = unix.Accept(l)
	c.ok("nobody", err == unix.EAGAIN, err)
	c.ok("not readable", wait(l, unix.POLLIN, 0) == 0)
	for round := range 3 {
		for range 3 {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			c.ok("connect", err == nil && unix.Connect(fd, sa) == nil, err)
		}
		for range 3 {
			c.ok("readable", wait(l, unix.POLLIN, 30000) == unix.POLLIN, round)
			fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
			fdflags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			c.ok("accept4", err == nil && flags&unix.O_NONBLOCK != 0 && fdflags&unix.FD_CLOEXEC != 0, err, flags, fdflags)
		}
		c.ok("empty", wait(l, unix.POLLIN, 0) == 0, round)
		_, _, err = unix.Accept(l)
		c.ok("nobody", err == unix.EAGAIN, err)
	}
	unix.SetNonblock(l, false)
	unix.SetsockoptTimeval(l, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 10000})
	_, _, err = unix.Accept(l)
	c.ok("SO_RCVTIMEO", err == unix.EAGAIN, err)
	return c.err()
}

// streamAddressed sends with addresses, which a connected stream does not look
// at.
func streamAddressed() error {
	var c checks
	sa, a, b, err := blockingPair()
	if err != nil {
		return err
	}
	c.ok("sendto", unix.Sendto(a, []byte("one"), 0, sa) == nil)
	n, err := unix.SendmsgN(a, []byte("two"), nil, sa, 0)
	c.ok("sendmsg", n == 3 && err == nil, n, err)
	buf := make([]byte, 6)
	_, err = io.ReadFull(fdReader(b), buf)
	c.ok("both", err == nil && string(buf) == "onetwo", string(buf), err)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	got := make(chan []byte)
	go func() {
		p := make([]byte, len(big))
		io.ReadFull(fdReader(b), p)
		got <- p
	}()
	n, err = unix.SendmsgN(a, big, nil, sa, 0)
	c.ok("a long one", n == len(big) && err == nil, n, err)
	c.ok("arrives whole", bytes.Equal(<-got, big))
	tv := unix.Timeval{Usec: 20000}
	c.ok("SO_SNDTIMEO", unix.SetsockoptTimeval(a, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv) == nil)
	for err = nil; err == nil; {
		err = unix.Sendto(a, big[:1<<16], 0, sa)
	}
	c.ok("time is up", err == unix.EAGAIN, err)
	idle, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	err = unix.Sendto(idle, []byte("x"), unix.MSG_NOSIGNAL, sa)
	c.ok("not connected", err == unix.EPIPE, err)
	return c.err()
}

type fdReader int

func (f fdReader) Read(p []byte) (int, error) {
	n, err := unix.Read(int(f), p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

// blockingPair returns both ends of a connection, blocking, and the address of
// the second.
func blockingPair() (sa *unix.SockaddrInet4, a, b int, err error) {
	l, sa, err := listener()
	if err != nil {
		return nil, -1, -1, err
	}
	defer unix.Close(l)
	if a, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err == nil {
		err = unix.Connect(a, sa)
	}
	if err == nil {
		b, _, err = unix.Accept(l)
	}
	return sa, a, b, err
}

// streamClosedPorts: a port is free once close(2) has returned.
func streamClosedPorts() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	for i := range 200 {
		addr := l.Addr().String()
		l.Close()
		if l, err = net.Listen("tcp4", addr); err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
	}
	return l.Close()
}

// streamAborted: after `ss -K` the calls that linen answers tell the cause, once.
func streamAborted() error {
	var c checks
	_, a, b, err := blockingPair()
	if err != nil {
		return err
	}
	sa, err := unix.Getsockname(a)
	if err != nil {
		return err
	}
	port := fmt.Sprint(sa.(*unix.SockaddrInet4).Port)
	out, err := exec.Command("ss", "-tnK", "sport", "=", ":"+port).CombinedOutput()
	c.ok("ss -K", err == nil, string(out), err)
	c.ok("the end", wait(a, unix.POLLRDHUP, 30000)&unix.POLLERR != 0)
	c.ok("the other", wait(b, unix.POLLRDHUP, 30000)&unix.POLLERR != 0)
	_, _, _, _, err = unix.Recvmsg(a, make([]byte, 10), nil, 0)
	c.ok("recvmsg", err == unix.ECONNABORTED, err)
	n, _, _, _, err := unix.Recvmsg(a, make([]byte, 10), nil, 0)
	c.ok("then the end", n == 0 && err == nil, n, err)
	v, err := unix.GetsockoptInt(b, unix.SOL_SOCKET, unix.SO_ERROR)
	c.ok("SO_ERROR", v == int(unix.ECONNRESET), v, err)
	v, err = unix.GetsockoptInt(b, unix.SOL_SOCKET, unix.SO_ERROR)
	c.ok("once", v == 0, v, err)
	return c.err()
}

// streamQueue: TCP_INQ tells how much is left, and no call tells a name.
func streamQueue() error {
	var c checks
	_, a, b, err := blockingPair()
	if err != nil {
		return err
	}
	c.ok("TCP_INQ", unix.SetsockoptInt(b, unix.IPPROTO_TCP, unix.TCP_INQ, 1) == nil)
	unix.Write(a, []byte("0123456789"))
	for left := 0; left < 10 && err == nil; {
		left, err = unix.IoctlGetInt(b, unix.TIOCINQ)
	}
	p, oob := make([]byte, 4), make([]byte, 64)
	for _, want := range []uint32{6, 2} {
		n, oobn, _, from, err := unix.Recvmsg(b, p, oob, 0)
		c.ok("recvmsg", n == 4 && from == nil && err == nil, n, from, err)
		cm, err := unix.ParseSocketControlMessage(oob[:oobn])
		c.ok("what is left", err == nil && len(cm) == 1 && cm[0].Header.Type == unix.TCP_INQ && binary.NativeEndian.Uint32(cm[0].Data) == want, cm, err)
	}
	n, from, err := unix.Recvfrom(b, p, unix.MSG_TRUNC)
	c.ok("recvfrom", n == 2 && from == nil && err == nil && string(p) == "4567", n, from, err, string(p))
	unix.Shutdown(a, unix.SHUT_WR)
	n, oobn, _, _, err := unix.Recvmsg(b, p, oob, 0)
	cm, _ := unix.ParseSocketControlMessage(oob[:oobn])
	c.ok("the end", n == 0 && err == nil && len(cm) == 1 && binary.NativeEndian.Uint32(cm[0].Data) == 1, n, err, cm)
	return c.err()
}

//go:build linux

package seccomp_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"linen/run/internal/runtest"
	"linen/run/seccomp"
)

func TestMain(m *testing.M) { runtest.Main(m) }

// supervised runs body on a thread under the filter while handle answers its
// notified calls. The thread ends with the test.
func supervised(t testing.TB, body func(), handle func(l *seccomp.Listener, n *seccomp.Notif)) {
	t.Helper()
	type installed struct {
		fd  int
		err error
	}
	ready, start, done := make(chan installed), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread dies with the goroutine
		fd, _, err := seccomp.Install(seccomp.Filter(seccomp.Config{}))
		ready <- installed{fd, err}
		if _, ok := <-start; ok {
			body()
		}
	}()
	r := <-ready
	if r.err != nil {
		close(start)
		t.Fatal(r.err)
	}
	l, err := seccomp.NewListener(r.fd)
	if err != nil {
		close(start)
		t.Fatal(err)
	}
	received := make(chan error, 1)
	go func() {
		for {
			var n seccomp.Notif
			if err := l.Recv(&n); err != nil {
				received <- err
				return
			}
			handle(l, &n)
		}
	}()
	start <- struct{}{}
	<-done
	if err := <-received; err != io.EOF { // the last thread under the filter has gone
		t.Errorf("Recv = %v, want EOF", err)
	}
	l.Close()
	if err := l.Recv(&seccomp.Notif{}); err != seccomp.ErrClosed {
		t.Errorf("Recv after Close = %v", err)
	}
}

func TestReplyErrnoAndContinue(t *testing.T) {
	var refused, native error
	supervised(t, func() {
		_, refused = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		var fd int
		if fd, native = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0); native == nil {
			_, native = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
			unix.Close(fd)
		}
	}, func(l *seccomp.Listener, n *seccomp.Notif) {
		if n.Nr == unix.SYS_SOCKET {
			l.Reply(n.ID, 0, unix.EAFNOSUPPORT)
			return
		}
		l.Continue(n.ID)
	})
	if refused != unix.EAFNOSUPPORT || native != nil {
		t.Errorf("socket: %v; getsockopt: %v", refused, native)
	}
}

// A descriptor in the range is injected as the answer of socket(2); reads and
// writes on it are then the supervisor's.
func TestInjectedDescriptor(t *testing.T) {
	const at = 870
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	source := int(w.Fd())
	var fd, n int
	var openErr, readErr, writeErr error
	buf := make([]byte, 16)
	var wrote []byte
	supervised(t, func() {
		if fd, openErr = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0); openErr != nil {
			return
		}
		defer unix.Close(fd)
		n, readErr = unix.Read(fd, buf)
		_, writeErr = unix.Write(fd, []byte("to the supervisor"))
	}, func(l *seccomp.Listener, c *seccomp.Notif) {
		target := seccomp.Target{TID: int(c.TID)}
		switch c.Nr {
		case unix.SYS_SOCKET:
			if _, err := l.Inject(c.ID, seccomp.AddFD{Source: source, At: at, Cloexec: true, Send: true}); err != nil {
				t.Error("inject:", err)
				l.Reply(c.ID, 0, unix.EMFILE)
			}
		case unix.SYS_READ:
			if id, err := target.File(int(c.Args[0])); err != nil || id.IsSocket() {
				t.Errorf("File = %+v, %v", id, err)
			}
			if err := target.Write(c.Args[1], []byte("datagram")); err != nil || !l.Valid(c.ID) {
				t.Error("write to the caller:", err)
			}
			l.Reply(c.ID, 8, 0)
		case unix.SYS_WRITE:
			wrote = make([]byte, c.Args[2])
			if err := target.Read(c.Args[1], wrote); err != nil {
				t.Error("read from the caller:", err)
			}
			l.Reply(c.ID, 0, unix.ECONNREFUSED)
		default:
			l.Continue(c.ID)
		}
	})
	if openErr != nil || fd != at {
		t.Fatalf("socket = %d, %v", fd, openErr)
	}
	if readErr != nil || string(buf[:n]) != "datagram" {
		t.Errorf("read %q, %v", buf[:n], readErr)
	}
	if writeErr != unix.ECONNREFUSED || string(wrote) != "to the supervisor" {
		t.Errorf("write %q, %v", wrote, writeErr)
	}
}

func TestInjectLowest(t *testing.T) {
	dev, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	source := int(dev.Fd())
	var fd, injected int
	supervised(t, func() {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err == nil {
			unix.Close(fd)
		}
	}, func(l *seccomp.Listener, c *seccomp.Notif) {
		injected, _ = l.Inject(c.ID, seccomp.AddFD{Source: source, At: -1, Send: true})
	})
	if err != nil || fd != injected || fd >= seccomp.RangeFirst {
		t.Errorf("socket = %d, %v; injected %d", fd, err, injected)
	}
}

func TestMessages(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	to := &unix.SockaddrInet4{Port: 53, Addr: [4]byte{10, 0, 0, 1}}
	var sendErr, recvErr error
	var n, oobn, flags int
	var from unix.Sockaddr
	parts := [][]byte{make([]byte, 3), make([]byte, 10)}
	supervised(t, func() {
		_, sendErr = unix.SendmsgBuffers(pair[0], [][]byte{[]byte("two "), []byte("pieces")}, []byte("oob"), to, 0)
		n, oobn, flags, from, recvErr = unix.RecvmsgBuffers(pair[0], parts, make([]byte, 8), 0)
	}, func(l *seccomp.Listener, c *seccomp.Notif) { message(t, l, c) })
	if sendErr != nil || recvErr != nil {
		t.Fatalf("sendmsg: %v; recvmsg: %v", sendErr, recvErr)
	}
	got, ok := from.(*unix.SockaddrInet4)
	if !ok || got.Port != 53 || n != 8 || oobn != 2 || flags != unix.MSG_TRUNC {
		t.Errorf("recvmsg = %d, %d, %#x from %+v", n, oobn, flags, from)
	}
	if s := string(bytes.Join(parts, nil)[:8]); s != "answered" {
		t.Errorf("recvmsg put %q", s)
	}
}

// message plays a socket: it checks what sendmsg says and answers recvmsg.
func message(t *testing.T, l *seccomp.Listener, c *seccomp.Notif) {
	if c.Nr != unix.SYS_SENDMSG && c.Nr != unix.SYS_RECVMSG {
		l.Continue(c.ID) // x/sys asks for the type of the socket
		return
	}
	target := seccomp.Target{TID: int(c.TID)}
	h, err := target.Msghdr(c.Args[1])
	if err != nil {
		t.Error("msghdr:", err)
	}
	iov, err := target.Iovecs(h.Iov, h.Iovlen)
	if err != nil {
		t.Error("iovecs:", err)
	}
	// sockaddr_in of 10.0.0.1, port 53
	addr := []byte{unix.AF_INET, 0, 0, 53, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	switch c.Nr {
	case unix.SYS_SENDMSG:
		text, err := target.Gather(iov, 100)
		sa, saErr := target.Sockaddr(h.Name, int(h.Namelen))
		if err != nil || saErr != nil || string(text) != "two pieces" || !bytes.Equal(sa, addr) || h.Controllen != 3 {
			t.Errorf("sendmsg %q to % x, %v, %v, %+v", text, sa, err, saErr, h)
		}
		l.Reply(c.ID, int64(len(text)), 0)
	case unix.SYS_RECVMSG:
		n, err := target.Scatter(iov, []byte("answered"))
		if err != nil {
			t.Error("scatter:", err)
		}
		if err := target.Write(h.Name, addr); err != nil {
			t.Error("name:", err)
		}
		h.Namelen, h.Controllen, h.Flags = int32(len(addr)), 2, unix.MSG_TRUNC
		if err := target.PutMsghdr(c.Args[1], h); err != nil {
			t.Error("put msghdr:", err)
		}
		l.Reply(c.ID, int64(n), 0)
	}
}

// After the supervisor has gone, a notified call fails instead of reaching the
// host.
func TestClosedListenerFailsClosed(t *testing.T) {
	result, start := make(chan error), make(chan struct{})
	fds := make(chan int)
	go func() {
		runtime.LockOSThread()
		fd, _, err := seccomp.Install(seccomp.Filter(seccomp.Config{}))
		if err != nil {
			fd = -1
		}
		fds <- fd
		<-start
		_, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		result <- err
	}()
	fd := <-fds
	if fd >= 0 {
		l, err := seccomp.NewListener(fd)
		if err != nil {
			t.Error(err)
		} else {
			l.Close()
		}
	}
	close(start)
	if err := <-result; err != unix.ENOSYS {
		t.Errorf("socket = %v, want ENOSYS", err)
	}
}

func TestTargetIsThisProcess(t *testing.T) {
	me := seccomp.Target{TID: os.Getpid()}
	s, err := me.Status()
	if err != nil || s.TGID != os.Getpid() || s.PPID != os.Getppid() || s.UID[0] != os.Getuid() || s.Threads == 0 {
		t.Errorf("Status = %+v, %v", s, err)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
		t.Fatal(err)
	}
	if ns, err := me.NetNS(); err != nil || ns != st.Ino {
		t.Errorf("NetNS = %d, %v; want %d", ns, err, st.Ino)
	}
	for _, fd := range []int{-1, 123456} {
		if _, err := me.File(fd); err != unix.EBADF {
			t.Errorf("File(%d) = %v, want EBADF", fd, err)
		}
	}
	fd, err := me.GetFD(2)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if _, err := (seccomp.Target{TID: 0x3fffffff}).Status(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Status of nobody = %v", err)
	}
}

func TestMemory(t *testing.T) {
	const page = 4096
	mem, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := unix.Mprotect(mem[2*page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	base := uint64(uintptr(unsafe.Pointer(&mem[0])))
	me := seccomp.Target{TID: os.Getpid()}
	copy(mem[2*page-4:], "end\x00") // up to a page that is missing
	if s, err := me.CString(base+2*page-4, 100); s != "end" || err != nil {
		t.Errorf("CString = %q, %v", s, err)
	}
	copy(mem[page-3:], "across\x00")
	if s, err := me.CString(base+page-3, 100); s != "across" || err != nil {
		t.Errorf("CString across pages = %q, %v", s, err)
	}
	if _, err := me.CString(base+page-3, 5); err != unix.ENAMETOOLONG {
		t.Errorf("CString of 6 in 5 = %v", err)
	}
	for name, err := range map[string]error{
		"read":          me.Read(base+2*page-1, make([]byte, 2)),
		"read of NULL":  me.Read(0, make([]byte, 1)),
		"write":         me.Write(base+2*page, []byte{1}),
		"string":        second(me.CString(base+2*page, 10)),
		"iovecs":        second(me.Iovecs(base+2*page-8, 1)),
		"message":       second(me.Msghdr(base + 2*page)),
		"address":       second(me.Sockaddr(base+2*page, 16)),
		"address's len": me.PutSockaddr(base, base+2*page, []byte{1}),
	} {
		if err != unix.EFAULT {
			t.Errorf("%s: %v, want EFAULT", name, err)
		}
	}
	if _, err := me.Sockaddr(base, 129); err != unix.EINVAL {
		t.Errorf("long address: %v", err)
	}
	if _, err := me.Iovecs(base, 1025); err != unix.EMSGSIZE {
		t.Errorf("many iovecs: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestPutSockaddrTruncates(t *testing.T) {
	buf, length := [8]byte{}, int32(3)
	me := seccomp.Target{TID: os.Getpid()}
	addr := func(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }
	if err := me.PutSockaddr(addr(unsafe.Pointer(&buf)), addr(unsafe.Pointer(&length)), []byte{1, 2, 3, 4, 5}); err != nil {
		t.Fatal(err)
	}
	if buf != [8]byte{1, 2, 3} || length != 5 {
		t.Errorf("stored % x, length %d", buf, length)
	}
	length = -1
	if err := me.PutSockaddr(addr(unsafe.Pointer(&buf)), addr(unsafe.Pointer(&length)), []byte{1}); err != unix.EINVAL {
		t.Errorf("negative length: %v", err)
	}
	if err := me.PutSockaddr(0, 0, []byte{1}); err != nil {
		t.Errorf("no address wanted: %v", err)
	}
}

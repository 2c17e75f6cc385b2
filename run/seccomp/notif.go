//go:build linux

package seccomp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Notif is one notified call: struct seccomp_notif. The caller stands still
// until its ID is answered.
type Notif struct {
	ID    uint64
	TID   uint32 // thread id in the supervisor's pid namespace; 0 when it has none there
	Flags uint32
	Nr    int32 // system-call number
	Arch  uint32
	IP    uint64 // instruction pointer of the caller
	Args  [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// addfd is struct seccomp_notif_addfd.
type addfd struct {
	id         uint64
	flags      uint32
	srcfd      uint32
	newfd      uint32
	newfdFlags uint32
}

// ERESTARTSYS answers a caller that has a signal pending: the kernel delivers
// the signal and restarts the call or returns EINTR, as SA_RESTART says
// (include/linux/errno.h; valid as an answer to a notification alone).
const ERESTARTSYS = unix.Errno(512)

// ErrClosed is returned by Recv after Close.
var ErrClosed = errors.New("seccomp: listener closed")

// Listener receives the notified calls of every process under one filter. Its
// methods may be called from several goroutines.
type Listener struct {
	use sync.RWMutex // guards fd: it is closed when no request on it is under way
	fd  int          // -1 after Close

	stop *os.File // read end; its writer closes to wake Recv
	wake *os.File
	once sync.Once

	recv sync.Mutex // one receiver at a time polls and receives
}

// NewListener takes over the descriptor fd of a listener.
func NewListener(fd int) (*Listener, error) {
	if err := checkSizes(); err != nil {
		return nil, err
	}
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	return &Listener{fd: fd, stop: os.NewFile(uintptr(p[0]), "stop"), wake: os.NewFile(uintptr(p[1]), "wake")}, nil
}

// checkSizes refuses a kernel whose structures have outgrown ours.
func checkSizes() error {
	var sizes struct{ notif, resp, data uint16 }
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_NOTIF_SIZES, 0, uintptr(unsafe.Pointer(&sizes))); e != 0 {
		return fmt.Errorf("seccomp: notification sizes: %w", e)
	}
	if uintptr(sizes.notif) > unsafe.Sizeof(Notif{}) || uintptr(sizes.resp) > unsafe.Sizeof(response{}) {
		return fmt.Errorf("seccomp: the kernel's notification structures (%d, %d bytes) are unknown", sizes.notif, sizes.resp)
	}
	return nil
}

// Close stops Recv and drops the listener. Every later notified call of the
// node fails with ENOSYS: the programs fail closed.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.wake.Close()
		l.use.Lock()
		defer l.use.Unlock()
		unix.Close(l.fd)
		l.fd = -1
		l.stop.Close()
	})
	return nil
}

// Recv waits for the next call. It returns io.EOF when no process is left under
// the filter and ErrClosed after Close. It occupies a thread while it waits.
func (l *Listener) Recv(n *Notif) error {
	l.recv.Lock()
	defer l.recv.Unlock()
	l.use.RLock()
	defer l.use.RUnlock()
	if l.fd < 0 {
		return ErrClosed
	}
	fds := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}, {Fd: int32(l.stop.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil {
			if err == unix.EINTR {
				continue
			}
			return fmt.Errorf("seccomp: poll: %w", err)
		}
		if fds[1].Revents != 0 {
			return ErrClosed
		}
		if fds[0].Revents&unix.POLLIN == 0 && fds[0].Revents&unix.POLLHUP != 0 {
			return io.EOF
		}
		*n = Notif{} // the kernel insists on zeros
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(n)))
		switch e {
		case 0:
			return nil
		case unix.EINTR, unix.ENOENT: // ENOENT: the caller died between poll and receive
			continue
		}
		return fmt.Errorf("seccomp: receive: %w", e)
	}
}

// ioctl makes a request on the listener; ENOENT after Close, because the callers
// have all been let go.
func (l *Listener) ioctl(req uintptr, arg unsafe.Pointer) error {
	l.use.RLock()
	defer l.use.RUnlock()
	if l.fd < 0 {
		return unix.ENOENT
	}
	for {
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), req, uintptr(arg))
		switch e {
		case 0:
			return nil
		case unix.EINTR:
			continue
		}
		return e
	}
}

// Reply lets call id return val, or -1 with errno when errno is not 0. ENOENT
// says that the caller has gone or was interrupted and has not seen the answer:
// what the call consumed must be put back.
func (l *Listener) Reply(id uint64, val int64, errno unix.Errno) error {
	r := response{id: id, val: val, errno: -int32(errno)}
	if errno != 0 {
		r.val = 0
	}
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
}

// Continue lets the kernel execute call id. Only for calls on descriptors that
// are known to be native.
func (l *Listener) Continue(id uint64) error {
	r := response{id: id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
}

// Valid reports whether call id still waits. It must be asked after the
// caller's memory or descriptors were looked up by thread id, which may have
// been used again by then.
func (l *Listener) Valid(id uint64) bool {
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id)) == nil
}

// AddFD describes one descriptor to install in a caller.
type AddFD struct {
	Source  int  // the supervisor's descriptor
	At      int  // number in the caller; -1: the lowest free one
	Cloexec bool // close-on-exec in the caller
	Send    bool // answer the call with the number, atomically
}

// Inject installs a descriptor in the caller of id and returns its number. All
// signals are blocked around the request: a signal that interrupts the kernel
// while it waits for the caller makes the caller's call return 0.
func (l *Listener) Inject(id uint64, a AddFD) (int, error) {
	r := addfd{id: id, srcfd: uint32(a.Source)}
	if a.At >= 0 {
		r.newfd, r.flags = uint32(a.At), unix.SECCOMP_ADDFD_FLAG_SETFD
	}
	if a.Cloexec {
		r.newfdFlags = unix.O_CLOEXEC
	}
	if a.Send {
		r.flags |= unix.SECCOMP_ADDFD_FLAG_SEND
	}
	l.use.RLock()
	defer l.use.RUnlock()
	if l.fd < 0 {
		return -1, unix.ENOENT
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	all, old := ^uint64(0), uint64(0)
	if err := sigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return -1, err
	}
	fd, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_ADDFD, uintptr(unsafe.Pointer(&r)))
	if err := sigmask(unix.SIG_SETMASK, &old, nil); err != nil {
		return -1, err
	}
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

// sigmask is rt_sigprocmask(2) for the calling thread.
func sigmask(how int, set, old *uint64) error {
	const setSize = 8 // sizeof(sigset_t) of the kernel
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, uintptr(how), uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), setSize, 0, 0)
	if e != 0 {
		return fmt.Errorf("seccomp: signal mask: %w", e)
	}
	return nil
}

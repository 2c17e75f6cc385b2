//go:build linux

package seccomp

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Install puts prog on the calling thread and returns the listener's
// descriptor, which has close-on-exec set. The caller must have locked its
// goroutine to the thread and must never unlock it: processes forked from this
// thread inherit the filter, and the thread's own notified calls wait for the
// supervisor.
//
// The listener is made with WAIT_KILLABLE_RECV where the kernel has it (5.19):
// a caller whose call was received is then woken by the supervisor only, which
// has to look for pending signals (Target.Status). killable says whether.
func Install(prog []unix.SockFilter) (listener int, killable bool, err error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, false, fmt.Errorf("seccomp: no_new_privs: %w", err)
	}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	fd, err := setFilter(prog, flags|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	if err == nil {
		return fd, true, nil
	}
	if err != unix.EINVAL {
		return -1, false, fmt.Errorf("seccomp: install: %w", err)
	}
	if fd, err = setFilter(prog, flags); err != nil {
		return -1, false, fmt.Errorf("seccomp: install: %w", err)
	}
	return fd, false, nil
}

// InstallAll puts prog, which must not notify, on every thread of the process
// (SECCOMP_FILTER_FLAG_TSYNC). Tests use it to forbid calls.
func InstallAll(prog []unix.SockFilter) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("seccomp: no_new_privs: %w", err)
	}
	if _, err := setFilter(prog, unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return fmt.Errorf("seccomp: install: %w", err)
	}
	return nil
}

func setFilter(prog []unix.SockFilter, flags uintptr) (int, error) {
	fp := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	r, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fp)))
	runtime.KeepAlive(prog)
	if e != 0 {
		return -1, e
	}
	return int(r), nil
}

// Refuse builds a filter that answers the given calls with errno and allows all
// others. A call is refused only when its argument arg has a bit of mask; a mask
// of 0 refuses it always.
func Refuse(rules ...Refusal) []unix.SockFilter {
	b := &builder{}
	b.load(offArch)
	b.unless(auditArch, retENOSYS)
	b.load(offNr)
	for _, r := range rules {
		b.match([]uint32{r.Nr}, func() {
			v := uint32(unix.SECCOMP_RET_ERRNO) | uint32(r.Errno)
			if r.Mask == 0 {
				b.ret(v)
				return
			}
			b.load(argLow(r.Arg))
			b.ifSet(r.Mask, v)
			b.ret(unix.SECCOMP_RET_ALLOW)
		})
	}
	b.ret(unix.SECCOMP_RET_ALLOW)
	return b.prog
}

// Refusal is one rule of Refuse.
type Refusal struct {
	Nr    uint32     // system-call number
	Errno unix.Errno // the answer
	Arg   uint32     // which argument Mask looks at, 0-5
	Mask  uint32     // bits of the argument's low half; 0: any call
}

// NoUserNamespaces is a filter under which making a user namespace fails with
// EPERM, as on hosts that forbid it. clone3 hides its flags in memory and is
// answered with ENOSYS, which makes every caller fall back to clone.
func NoUserNamespaces() []unix.SockFilter {
	return Refuse(
		Refusal{Nr: unix.SYS_CLONE, Errno: unix.EPERM, Arg: 0, Mask: unix.CLONE_NEWUSER},
		Refusal{Nr: unix.SYS_UNSHARE, Errno: unix.EPERM, Arg: 0, Mask: unix.CLONE_NEWUSER},
		Refusal{Nr: unix.SYS_CLONE3, Errno: unix.ENOSYS},
	)
}

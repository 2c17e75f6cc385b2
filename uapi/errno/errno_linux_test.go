package errno

import (
	"syscall"
	"testing"
)

func TestNumbersAreTheKernels(t *testing.T) {
	for n := Errno(1); int(n) < len(names); n++ {
		if names[n] == "" {
			continue
		}
		if !n.Is(syscall.Errno(n)) {
			t.Errorf("%s is not syscall.Errno(%d)", n.Name(), n)
		}
	}
	for e, s := range map[Errno]syscall.Errno{
		EPERM: syscall.EPERM, EAGAIN: syscall.EAGAIN, EDEADLK: syscall.EDEADLK, EPROTO: syscall.EPROTO,
		EOPNOTSUPP: syscall.EOPNOTSUPP, ENOBUFS: syscall.ENOBUFS, EHWPOISON: 133, ERFKILL: syscall.ERFKILL,
	} {
		if syscall.Errno(e) != s {
			t.Errorf("%s = %d, want %d", e.Name(), e, s)
		}
	}
}

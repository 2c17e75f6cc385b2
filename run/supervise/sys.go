//go:build linux

package supervise

import (
	"bytes"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"linen/run/seccomp"
)

// connectRaw is connect(2) for addresses that x/sys has no type for.
func connectRaw(fd int, sa *unix.RawSockaddr) error {
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(sa)), unsafe.Sizeof(*sa))
	if e != 0 {
		return e
	}
	return nil
}

// swap replaces the caller's descriptor of argument 0 by source, without an
// answer to the call.
func (c *call) swap(source int) error { return c.swapAt(c.intArg(0), source) }

// swapAt replaces a descriptor of the caller by source, without an answer to
// the call.
func (c *call) swapAt(fd, source int) error {
	cloexec := false
	if b, err := os.ReadFile("/proc/" + strconv.Itoa(int(c.TID)) + "/fdinfo/" + strconv.Itoa(fd)); err == nil {
		cloexec = fdinfoFlags(b)&unix.O_CLOEXEC != 0
	}
	_, err := c.n.l.Inject(c.ID, seccomp.AddFD{Source: source, At: fd, Cloexec: cloexec})
	return err
}

// fdinfoFlags reads the octal flags line of an fdinfo file (proc(5)).
func fdinfoFlags(b []byte) int {
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(v)), 8, 64)
			if err == nil {
				return int(n)
			}
		}
	}
	return 0
}

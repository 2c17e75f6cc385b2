//go:build linux

package client

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"linen/run/nodeinit"
)

// sigaction is struct kernel_sigaction; its zero value is SIG_DFL.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// Exit ends this process as the program ended: with its code, or by its signal,
// so that a shell prints and returns what it would have. It returns never.
func Exit(e nodeinit.Exit) {
	if e.Signal != 0 {
		// Go's runtime cannot give up its handlers for signals like SIGSEGV, so
		// the kernel is told directly. No second core file.
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
		var dfl sigaction
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(e.Signal), uintptr(unsafe.Pointer(&dfl)), 0, unsafe.Sizeof(dfl.mask), 0, 0)
		unix.Kill(unix.Getpid(), e.Signal)
	}
	os.Exit(e.ShellCode())
}

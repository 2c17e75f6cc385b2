package errno

import "syscall"

// isHost reports whether target is the same number as the host's error type:
// on Linux the numbers agree.
func isHost(e Errno, target error) bool {
	n, ok := target.(syscall.Errno)
	return ok && uint64(n) == uint64(e)
}

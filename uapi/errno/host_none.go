//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || solaris || windows)

package errno

// isHost is false: this port of Go has no error numbers to compare with.
func isHost(Errno, error) bool { return false }

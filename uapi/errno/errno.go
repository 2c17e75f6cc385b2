// Package errno holds Linux's error numbers, the same on every GOOS, because
// linen answers programs and Go callers as Linux does wherever it runs.
//
// An Errno is an error. errors.Is(err, syscall.ECONNREFUSED) holds for an
// ECONNREFUSED of ours also where the host numbers it differently, and
// errors.Is with fs.ErrPermission, fs.ErrNotExist, fs.ErrExist and
// errors.ErrUnsupported answers as syscall.Errno does on Linux. Like
// syscall.Errno, no Errno is os.ErrDeadlineExceeded: deadlines are the Go
// API's, which returns that error itself.
//
// Source: asm-generic/errno.h and errno-base.h; texts: strerror(3).
package errno

import (
	"errors"
	"io/fs"
	"strconv"
)

// Errno is a Linux error number, positive as in user space; 0 is no error.
type Errno uint16

// Error returns the text of strerror(3).
func (e Errno) Error() string {
	if int(e) < len(texts) && texts[e] != "" {
		return texts[e]
	}
	return "Unknown error " + strconv.Itoa(int(e))
}

// Name returns the symbolic name, "ECONNREFUSED", or the number in decimal.
func (e Errno) Name() string {
	if int(e) < len(names) && names[e] != "" {
		return names[e]
	}
	return strconv.Itoa(int(e))
}

// Is makes errors.Is work with the host's syscall.Errno and with the portable
// errors of packages io/fs and errors.
func (e Errno) Is(target error) bool {
	switch target {
	case fs.ErrPermission:
		return e == EACCES || e == EPERM
	case fs.ErrExist:
		return e == EEXIST || e == ENOTEMPTY
	case fs.ErrNotExist:
		return e == ENOENT
	case errors.ErrUnsupported:
		return e == ENOSYS || e == EOPNOTSUPP
	}
	return isHost(e, target)
}

// Temporary reports whether a retry may succeed, as syscall.Errno says it.
func (e Errno) Temporary() bool {
	return e == EINTR || e == EMFILE || e == ENFILE || e.Timeout()
}

// Timeout reports whether the error stands for a time that ran out; with
// Temporary it makes an Errno a net.Error.
func (e Errno) Timeout() bool { return e == EAGAIN || e == ETIMEDOUT }

// Of returns the Errno that err is or wraps, and whether there is one. A nil
// err is 0 and true.
func Of(err error) (Errno, bool) {
	if err == nil {
		return 0, true
	}
	var e Errno
	ok := errors.As(err, &e)
	return e, ok
}

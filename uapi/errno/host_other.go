//go:build darwin || freebsd || netbsd || openbsd || dragonfly || solaris || windows

package errno

import "syscall"

// isHost reports whether target is the host's error of the same name: only
// Linux numbers errors as Linux does.
func isHost(e Errno, target error) bool {
	n, ok := target.(syscall.Errno)
	if !ok || int(e) >= len(hostErrno) || hostErrno[e] == 0 {
		return false
	}
	return hostErrno[e] == n
}

// hostErrno is the host's number of each Linux error that the Go port knows;
// read only.
var hostErrno = [...]syscall.Errno{
	EPERM:           syscall.EPERM,
	ENOENT:          syscall.ENOENT,
	EINTR:           syscall.EINTR,
	EIO:             syscall.EIO,
	ENXIO:           syscall.ENXIO,
	EBADF:           syscall.EBADF,
	EAGAIN:          syscall.EAGAIN,
	ENOMEM:          syscall.ENOMEM,
	EACCES:          syscall.EACCES,
	EFAULT:          syscall.EFAULT,
	EBUSY:           syscall.EBUSY,
	EEXIST:          syscall.EEXIST,
	ENODEV:          syscall.ENODEV,
	EXDEV:           syscall.EXDEV,
	ENOTDIR:         syscall.ENOTDIR,
	EISDIR:          syscall.EISDIR,
	EINVAL:          syscall.EINVAL,
	ENFILE:          syscall.ENFILE,
	EMFILE:          syscall.EMFILE,
	ENOTTY:          syscall.ENOTTY,
	ENOSPC:          syscall.ENOSPC,
	ESPIPE:          syscall.ESPIPE,
	EROFS:           syscall.EROFS,
	EPIPE:           syscall.EPIPE,
	EDOM:            syscall.EDOM,
	ERANGE:          syscall.ERANGE,
	EDEADLK:         syscall.EDEADLK,
	ENAMETOOLONG:    syscall.ENAMETOOLONG,
	ENOLCK:          syscall.ENOLCK,
	ENOSYS:          syscall.ENOSYS,
	ENOTEMPTY:       syscall.ENOTEMPTY,
	ELOOP:           syscall.ELOOP,
	EOVERFLOW:       syscall.EOVERFLOW,
	EILSEQ:          syscall.EILSEQ,
	EUSERS:          syscall.EUSERS,
	ENOTSOCK:        syscall.ENOTSOCK,
	EDESTADDRREQ:    syscall.EDESTADDRREQ,
	EMSGSIZE:        syscall.EMSGSIZE,
	EPROTOTYPE:      syscall.EPROTOTYPE,
	ENOPROTOOPT:     syscall.ENOPROTOOPT,
	EPROTONOSUPPORT: syscall.EPROTONOSUPPORT,
	ESOCKTNOSUPPORT: syscall.ESOCKTNOSUPPORT,
	EOPNOTSUPP:      syscall.EOPNOTSUPP,
	EPFNOSUPPORT:    syscall.EPFNOSUPPORT,
	EAFNOSUPPORT:    syscall.EAFNOSUPPORT,
	EADDRINUSE:      syscall.EADDRINUSE,
	EADDRNOTAVAIL:   syscall.EADDRNOTAVAIL,
	ENETDOWN:        syscall.ENETDOWN,
	ENETUNREACH:     syscall.ENETUNREACH,
	ENETRESET:       syscall.ENETRESET,
	ECONNABORTED:    syscall.ECONNABORTED,
	ECONNRESET:      syscall.ECONNRESET,
	ENOBUFS:         syscall.ENOBUFS,
	EISCONN:         syscall.EISCONN,
	ENOTCONN:        syscall.ENOTCONN,
	ESHUTDOWN:       syscall.ESHUTDOWN,
	ETOOMANYREFS:    syscall.ETOOMANYREFS,
	ETIMEDOUT:       syscall.ETIMEDOUT,
	ECONNREFUSED:    syscall.ECONNREFUSED,
	EHOSTDOWN:       syscall.EHOSTDOWN,
	EHOSTUNREACH:    syscall.EHOSTUNREACH,
	EALREADY:        syscall.EALREADY,
	EINPROGRESS:     syscall.EINPROGRESS,
	ESTALE:          syscall.ESTALE,
	EDQUOT:          syscall.EDQUOT,
	ECANCELED:       syscall.ECANCELED,
}

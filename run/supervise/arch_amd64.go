//go:build linux

package supervise

import "golang.org/x/sys/unix"

// sysNewfstatat is fstatat(2).
const sysNewfstatat = unix.SYS_NEWFSTATAT

// archHandlers answer calls that only this architecture has.
var archHandlers = map[int32]handler{
	unix.SYS_CHOWN: chown(1), unix.SYS_LCHOWN: chown(1),
	unix.SYS_SELECT: selectRings,
	unix.SYS_OPEN:   func(c *call) (int64, error) { return c.open(unix.AT_FDCWD, c.ptr(0), c.intArg(1)) },
	unix.SYS_CREAT: func(c *call) (int64, error) {
		return c.open(unix.AT_FDCWD, c.ptr(0), unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC)
	},
	unix.SYS_STAT:   func(c *call) (int64, error) { return c.stat(unix.AT_FDCWD, c.ptr(0), c.ptr(1), true) },
	unix.SYS_LSTAT:  func(c *call) (int64, error) { return c.stat(unix.AT_FDCWD, c.ptr(0), c.ptr(1), false) },
	unix.SYS_ACCESS: func(c *call) (int64, error) { return c.access(unix.AT_FDCWD, c.ptr(0), c.intArg(1)) },
	unix.SYS_READLINK: func(c *call) (int64, error) {
		return c.readlink(unix.AT_FDCWD, c.ptr(0), c.ptr(1), c.Args[2])
	},
}

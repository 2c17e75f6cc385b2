//go:build linux

package supervise

import "golang.org/x/sys/unix"

// sysNewfstatat is fstatat(2).
const sysNewfstatat = unix.SYS_NEWFSTATAT

// archHandlers answer calls that only this architecture has.
var archHandlers = map[int32]handler{
	unix.SYS_CHOWN: chown(1), unix.SYS_LCHOWN: chown(1),
	unix.SYS_OPEN: native, unix.SYS_CREAT: native, unix.SYS_STAT: native, unix.SYS_LSTAT: native,
	unix.SYS_ACCESS: native, unix.SYS_READLINK: native,
}

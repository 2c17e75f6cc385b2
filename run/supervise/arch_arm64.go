//go:build linux

package supervise

import "golang.org/x/sys/unix"

// sysNewfstatat is fstatat(2).
const sysNewfstatat = unix.SYS_FSTATAT

// archHandlers answer calls that only this architecture has.
var archHandlers = map[int32]handler{}

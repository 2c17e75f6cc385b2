//go:build linux

package supervise

import "golang.org/x/sys/unix"

// archHandlers answer calls that only this architecture has.
var archHandlers = map[int32]handler{
	unix.SYS_CHOWN: chown(1), unix.SYS_LCHOWN: chown(1),
}

//go:build linux

package seccomp

import "golang.org/x/sys/unix"

const (
	auditArch     = unix.AUDIT_ARCH_AARCH64
	x32Bit        = 0
	sysNewfstatat = unix.SYS_FSTATAT
)

// arm64 was born without the calls that the *at family replaced.
var legacyChownCalls, legacyFileCalls []uint32

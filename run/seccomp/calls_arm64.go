//go:build linux

package seccomp

import "golang.org/x/sys/unix"

const (
	auditArch     = unix.AUDIT_ARCH_AARCH64
	x32Bit        = 0
	sysNewfstatat = unix.SYS_FSTATAT
)

// arm64 was born without the calls that the *at family replaced.
var legacyChownCalls, legacyFileCalls, legacyOpenCalls []uint32

var selectCalls = []uint32{unix.SYS_PSELECT6}

// userMemory is where a program's memory ends: TASK_SIZE with 48-bit addresses (arch/arm64/include/asm/processor.h).
const userMemory = 1 << 48

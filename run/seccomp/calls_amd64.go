//go:build linux

package seccomp

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	// x32Bit marks calls of the x32 ABI, which share the audit architecture
	// (arch/x86/include/uapi/asm/unistd.h __X32_SYSCALL_BIT).
	x32Bit        = 0x40000000
	sysNewfstatat = unix.SYS_NEWFSTATAT
)

var legacyChownCalls = []uint32{unix.SYS_CHOWN, unix.SYS_LCHOWN}

var legacyOpenCalls = []uint32{unix.SYS_OPEN}

var selectCalls = []uint32{unix.SYS_SELECT, unix.SYS_PSELECT6}

var legacyFileCalls = []uint32{
	unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_ACCESS, unix.SYS_READLINK,
}

// userMemory is where a program's memory ends: TASK_SIZE_MAX with four levels of page tables (arch/x86/include/asm/page_64_types.h).
const userMemory = 1<<47 - 4096

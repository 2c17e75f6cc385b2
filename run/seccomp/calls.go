//go:build linux

package seccomp

import "golang.org/x/sys/unix"

// rangeIO are the calls that exist for every descriptor and are notified for
// those in the range. The output of sendfile is its first argument.
var rangeIO = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV,
	unix.SYS_PREADV2, unix.SYS_PWRITEV2, unix.SYS_SENDFILE,
}

// socketCalls exist for sockets alone. The supervisor lets those on native
// AF_UNIX sockets continue.
var socketCalls = []uint32{
	unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT,
	unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RECVMSG, unix.SYS_RECVMMSG, unix.SYS_SHUTDOWN,
}

// bpfCalls would change the host's own network: `ip vrf exec` attaches a
// program to a control group, whose sockets the host then binds.
var bpfCalls = []uint32{unix.SYS_BPF}

// ioUringCalls would start network calls that no filter sees.
var ioUringCalls = []uint32{unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER}

var credentialCalls = []uint32{
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID,
	unix.SYS_SETRESUID, unix.SYS_SETRESGID, unix.SYS_SETFSUID, unix.SYS_SETFSGID,
	unix.SYS_SETGROUPS, unix.SYS_GETGROUPS,
	unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_GETRESUID, unix.SYS_GETRESGID, unix.SYS_CAPGET, unix.SYS_CAPSET,
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, // which change them
}

var chownCalls = append([]uint32{unix.SYS_FCHOWN, unix.SYS_FCHOWNAT}, legacyChownCalls...)

var fileCalls = append([]uint32{
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2,
	unix.SYS_READLINKAT, sysNewfstatat,
}, legacyFileCalls...)

//go:build linux

// Package seccomp hands chosen system calls of unmodified programs to a
// supervisor. It builds the filter (a classic BPF program over struct
// seccomp_data), installs it with a listener, and wraps the notification
// protocol and the access to a stopped caller: its memory, its descriptors and
// its state in /proc.
//
// One filter serves a whole node: a thread of the node's init installs it and
// forks every program from there, so a program start costs no installation.
//
// Linux files: kernel/seccomp.c, include/uapi/linux/seccomp.h,
// mm/process_vm_access.c. Manual pages: seccomp(2), seccomp_unotify(2),
// process_vm_readv(2), pidfd_getfd(2).
//
// It is no sandbox: a call that is continued is read again by the kernel after
// the supervisor looked at it. Not done: architectures other than amd64 and
// arm64, and 32-bit programs, whose every call is refused with ENOSYS.
package seccomp

//go:build linux

// Package fuse serves a tree of generated files through the kernel's FUSE
// protocol, spoken directly on the connection of /dev/fuse: nodes get their
// /proc/net, /proc/sys/net and /sys/class/net this way, without privileges.
//
// Nothing is cached on either side. Every request resolves its path again for
// the process that made it, so a file shows the network namespace that its
// reader is in, and a device that goes takes its directory along at once.
//
// Linux: fs/fuse, include/uapi/linux/fuse.h (protocol 7.31 and later, Linux
// 5.4), fuse(4).
//
// Files are not created, removed or renamed: the answers are those of proc. Not
// done: extended attributes, locks, poll and ioctl are answered ENOSYS, which
// the kernel turns into what a file system without them answers.
package fuse

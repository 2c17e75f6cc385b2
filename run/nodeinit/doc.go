//go:build linux

// Package nodeinit starts and drives the init process of a node: one small
// process, exec'd inside the node's user, mount, network and UTS namespaces,
// that forks every program of the node and reports how it ended.
//
// The network namespace stays empty: a call that the supervisor does not answer
// finds no network. The thread that forks carries the node's seccomp filter, so
// programs inherit it and the supervisor holds one listener a node.
//
// A node sees its own /run, /etc (an overlay) and, through a FUSE tree, its own
// /proc/net, /proc/sys/net and /sys/class/net. Where the host refuses
// namespaces or a mount, the rest works and Mode says what is missing and why.
//
// Linux: namespaces(7), user_namespaces(7), mount_namespaces(7),
// prctl(2) PR_SET_CHILD_SUBREAPER, fs/fuse/inode.c, fs/overlayfs.
//
// Programs may make further namespaces of any kind. A sysfs that they mount, as
// `ip netns exec` does, is the node's /sys again (Node.Attach).
//
// Not done: a node's own pid and cgroup namespaces, /proc/PID/net, which shows
// the empty namespace, and the views in a proc that a program mounts for a pid
// namespace of its own.
package nodeinit

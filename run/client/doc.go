//go:build linux

// Package client runs one program in a node that another process supervises, as
// if it had been started here: with this process's descriptors or, at a
// terminal, with a pseudo-terminal of its own, with its signals, its window size
// and its way of ending.
//
// Run is the side of `linen exec`, Serve that of the supervisor; between them
// runs one AF_UNIX SOCK_SEQPACKET connection (linen/run/internal/msg). `linen
// run`, which supervises for itself, holds both ends.
//
// Linux: pty(7), tty_ioctl(4), credentials(7), unix(7) SCM_RIGHTS and
// SO_PEERCRED.
//
// Not done: a program that stops is not reported (its process group is
// orphaned, so the terminal's Ctrl-Z stops only the jobs of a shell in it).
package client

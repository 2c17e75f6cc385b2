//go:build linux

package fuse

import "linen/lib/filetree"

// Caller is the process that made a request: user and group as the mount's user
// namespace numbers them, and its thread id in the server's pid namespace.
type Caller struct {
	UID, GID, PID uint32
}

// Tree is what a server shows.
type Tree struct {
	// Root returns the directory that a caller sees: the tree of the network
	// namespace that it is in. It is asked for every request.
	Root func(Caller) *filetree.Node
	// Access may refuse to open a file for writing to a caller whom the kernel
	// lets: one whose emulated credentials are less than its real ones. nil
	// refuses nobody. The error holds a Linux errno.
	Access func(Caller, *filetree.Node) error
}

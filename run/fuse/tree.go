//go:build linux

package fuse

import "io/fs"

// Caller is the process that made a request: real ids as the mount's user
// namespace numbers them, and its thread id in the server's pid namespace.
type Caller struct {
	UID, GID, PID uint32
}

// Node is an entry of the tree: also a Dir, a File or a Link.
type Node interface {
	// Info returns type and permission bits and the size that stat(2) shows.
	Info() (mode fs.FileMode, size int64)
}

// Dir is a directory. Errors hold a Linux errno; others become EIO.
type Dir interface {
	Node
	// Lookup returns the entry called name, ENOENT when there is none.
	Lookup(name string) (Node, error)
	// List returns the entries in the order in which readdir shows them.
	List() ([]Entry, error)
}

// Entry is one name of a directory.
type Entry struct {
	Name string
	Type fs.FileMode // type bits alone
}

// File is a regular file with generated content.
type File interface {
	Node
	// Content returns what the file holds now. It is called by each read at
	// offset 0; later offsets go on with the same bytes.
	Content(Caller) ([]byte, error)
	// Write takes one write(2) of at most 4096 bytes.
	Write(c Caller, p []byte) error
}

// Link is a symbolic link.
type Link interface {
	Node
	Readlink() (string, error)
}

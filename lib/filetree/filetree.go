// Package filetree is an in-memory tree of virtual files: what /proc/net,
// /proc/sys/net and /sys/class/net are made of. Sysctl, proc and sysfs packages
// put nodes in; a FUSE server, system-call traps and the Go API serve them.
//
// Files have no stored content: a read makes it, a write hands it over. A
// directory holds added nodes, and may make others when they are asked for, so
// that a thousand devices cost nothing until somebody looks.
//
// The kernel's counterparts are fs/proc and fs/kernfs. Not here: owners, times,
// inode numbers, open-file state; who serves the tree has those.
package filetree

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// Errors of walking and changing, besides fs.ErrNotExist and fs.ErrExist.
var (
	ErrNotDir = errors.New("filetree: not a directory")             // ENOTDIR
	ErrLoop   = errors.New("filetree: too many levels of symlinks") // ELOOP
	ErrIsDir  = errors.New("filetree: is a directory")              // EISDIR
)

// maxLinks is how many symlinks a walk follows (path_resolution(7)).
const maxLinks = 40

// Node is a file, a symlink or a directory. Its fields are set before it is
// added and fixed from then on; funcs may be called from many goroutines at
// once.
type Node struct {
	// Mode has the type (fs.ModeDir, fs.ModeSymlink, 0) and the permissions.
	Mode fs.FileMode

	// Size is what stat says: 0 in /proc, 4096 in /sys.
	Size int64

	// Read makes a file's content anew for each open; nil where it cannot be
	// read. Reading in pieces is the server's work.
	Read func() []byte

	// Write takes what one write call brought; nil where it cannot be written.
	// The error is what the call returns.
	Write func([]byte) error

	// Target is where a symlink points.
	Target string

	// List and Lookup make a directory's entries beyond the added ones; both or
	// neither are set. Lookup returns nil for a name that is not there; added
	// nodes come first.
	List   func() []string
	Lookup func(name string) *Node

	mu       sync.RWMutex // guards children
	children map[string]*Node
}

// NewDir returns an empty directory, mode 0555.
func NewDir() *Node { return &Node{Mode: fs.ModeDir | 0o555} }

// NewDynamicDir returns a directory, mode 0555, whose entries list and lookup
// make.
func NewDynamicDir(list func() []string, lookup func(string) *Node) *Node {
	return &Node{Mode: fs.ModeDir | 0o555, List: list, Lookup: lookup}
}

// NewFile returns a file with these permissions; read or write may be nil.
func NewFile(perm fs.FileMode, read func() []byte, write func([]byte) error) *Node {
	return &Node{Mode: perm & fs.ModePerm, Read: read, Write: write}
}

// NewSymlink returns a symlink.
func NewSymlink(target string) *Node {
	return &Node{Mode: fs.ModeSymlink | 0o777, Target: target}
}

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.Mode.IsDir() }

// IsSymlink reports whether the node is a symlink.
func (n *Node) IsSymlink() bool { return n.Mode&fs.ModeSymlink != 0 }

// Add puts child into directory n. It fails with fs.ErrExist where an added
// node has the name, fs.ErrInvalid where the name cannot be one.
func (n *Node) Add(name string, child *Node) error {
	if !n.IsDir() {
		return ErrNotDir
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fs.ErrInvalid
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.children[name] != nil {
		return fs.ErrExist
	}
	if n.children == nil {
		n.children = make(map[string]*Node)
	}
	n.children[name] = child
	return nil
}

// Remove takes an added node, with all below it, out of directory n, and
// reports whether it was there. Who holds the node may go on using it.
func (n *Node) Remove(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.children[name]
	delete(n.children, name)
	return ok
}

// Child returns the entry of directory n, nil where there is none. It does not
// follow symlinks.
func (n *Node) Child(name string) *Node {
	n.mu.RLock()
	c := n.children[name]
	n.mu.RUnlock()
	if c == nil && n.Lookup != nil {
		c = n.Lookup(name) // without the lock: it calls out of the package
	}
	return c
}

// Names returns the entries of directory n, sorted, each once.
func (n *Node) Names() []string {
	n.mu.RLock()
	names := make([]string, 0, len(n.children))
	for name := range n.children {
		names = append(names, name)
	}
	n.mu.RUnlock()
	if n.List != nil {
		names = append(names, n.List()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Mkdir returns the directory at path below n, whose missing parts it makes.
func (n *Node) Mkdir(path string) (*Node, error) {
	for name := range strings.SplitSeq(path, "/") {
		if name == "" {
			continue
		}
		next := n.Child(name)
		if next == nil {
			next = NewDir()
			if err := n.Add(name, next); errors.Is(err, fs.ErrExist) {
				next = n.Child(name) // somebody was faster
			} else if err != nil {
				return nil, err
			}
		}
		if next == nil || !next.IsDir() {
			return nil, ErrNotDir
		}
		n = next
	}
	return n, nil
}

// AddPath adds child at path below n and makes the directories on the way.
func (n *Node) AddPath(path string, child *Node) error {
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	d, err := n.Mkdir(dir)
	if err != nil {
		return err
	}
	return d.Add(name, child)
}

// Walk returns the node at path, seen from directory n as the root: absolute
// and relative paths mean the same, and ".." stops at n. It follows symlinks
// on the way, and a last one if follow is set. Errors: fs.ErrNotExist,
// ErrNotDir, ErrLoop.
func (n *Node) Walk(path string, follow bool) (*Node, error) {
	stack := []*Node{n} // from the root to where we are
	rest := path
	links := 0
	for rest != "" {
		name, tail, _ := strings.Cut(rest, "/")
		rest = tail
		here := stack[len(stack)-1]
		if !here.IsDir() {
			return nil, ErrNotDir
		}
		switch name {
		case "", ".":
			continue
		case "..":
			stack = stack[:max(1, len(stack)-1)]
			continue
		}
		c := here.Child(name)
		if c == nil {
			return nil, fs.ErrNotExist
		}
		if c.IsSymlink() && (follow || strings.Trim(rest, "/") != "") {
			if links++; links > maxLinks {
				return nil, ErrLoop
			}
			if strings.HasPrefix(c.Target, "/") {
				stack = stack[:1]
			}
			rest = c.Target + "/" + rest
			continue
		}
		stack = append(stack, c)
	}
	last := stack[len(stack)-1]
	if strings.HasSuffix(path, "/") && !last.IsDir() && !last.IsSymlink() {
		return nil, ErrNotDir
	}
	return last, nil
}

// ReadFile returns the content of the file at path, with symlinks followed.
// A file that cannot be read gives fs.ErrPermission.
func (n *Node) ReadFile(path string) ([]byte, error) {
	f, err := n.Walk(path, true)
	switch {
	case err != nil:
		return nil, err
	case f.IsDir():
		return nil, ErrIsDir
	case f.Read == nil:
		return nil, fs.ErrPermission
	}
	return f.Read(), nil
}

// WriteFile writes data to the file at path in one call, with symlinks
// followed. A file that cannot be written gives fs.ErrPermission.
func (n *Node) WriteFile(path string, data []byte) error {
	f, err := n.Walk(path, true)
	switch {
	case err != nil:
		return err
	case f.IsDir():
		return ErrIsDir
	case f.Write == nil:
		return fs.ErrPermission
	}
	return f.Write(data)
}

// Package procfs is a namespace's /proc/net: files that are generated when
// they are read, in a tree that packages fill as they are initialised.
//
// Paths are below /proc/net, without a leading slash: "arp", "stat/rt_cache",
// "dev_snmp6/eth0". Directories come and go with their files.
//
// Linux files: fs/proc/proc_net.c, fs/proc/generic.c.
package procfs

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"linen/net/netns"
	"linen/uapi/errno"
)

// A File is one file of the tree.
type File struct {
	// Mode is the permission bits; 0 means 0444, or 0644 with Write.
	Mode uint32
	// Read writes the file's content to w. It runs off every CPU with no RTNL
	// held.
	Read func(w *bytes.Buffer)
	// Write takes what one write(2) brings, or is nil: EIO, as a proc file
	// without a write operation answers.
	Write func(data []byte) error
}

// An Entry is a name in a directory.
type Entry struct {
	Name string
	Dir  bool
	Mode uint32
}

// A Tree is a namespace's /proc/net.
type Tree struct {
	mu    sync.RWMutex
	files map[string]*File
	dirs  map[string]map[string]bool // names in it; true: a directory
}

var key = netns.NewKey[Tree]("procfs")

// Pernet makes a namespace's /proc/net, empty.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(*netns.Net) (*Tree, error) {
		return &Tree{files: map[string]*File{}, dirs: map[string]map[string]bool{"": {}}}, nil
	}, nil)
}

// Of returns n's tree.
func Of(n *netns.Net) *Tree { return key.Of(n) }

// File adds the read-only file path, or replaces it.
func (t *Tree) File(path string, read func(w *bytes.Buffer)) { t.Add(path, &File{Read: read}) }

// Add adds a file, or replaces it.
func (t *Tree) Add(path string, f *File) {
	if f.Mode == 0 {
		f.Mode = 0o444
		if f.Write != nil {
			f.Mode = 0o644
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files[path] = f
	for dir := false; path != ""; dir = true {
		parent, name := split(path)
		if t.dirs[parent] == nil {
			t.dirs[parent] = map[string]bool{}
		}
		t.dirs[parent][name] = dir
		path = parent
	}
}

// Remove removes a file, and the directories that it leaves empty.
func (t *Tree) Remove(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files[path] == nil {
		return
	}
	delete(t.files, path)
	for path != "" {
		parent, name := split(path)
		delete(t.dirs[parent], name)
		if parent == "" || len(t.dirs[parent]) > 0 {
			return
		}
		delete(t.dirs, parent)
		path = parent
	}
}

// split cuts the last name off a path.
func split(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// Lookup returns the file path, or nil.
func (t *Tree) Lookup(path string) *File {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.files[path]
}

// Read returns the content of the file path as of now. Errors: ENOENT, EISDIR.
func (t *Tree) Read(path string) ([]byte, error) {
	f := t.Lookup(path)
	if f == nil {
		if t.isDir(path) {
			return nil, errno.EISDIR
		}
		return nil, errno.ENOENT
	}
	var w bytes.Buffer
	if f.Read != nil {
		f.Read(&w)
	}
	return w.Bytes(), nil
}

// Write gives data to the file path. Errors: ENOENT, EISDIR, EIO when the file
// takes no data, and the file's own.
func (t *Tree) Write(path string, data []byte) error {
	f := t.Lookup(path)
	switch {
	case f != nil && f.Write != nil:
		return f.Write(data)
	case f != nil:
		return errno.EIO
	case t.isDir(path):
		return errno.EISDIR
	}
	return errno.ENOENT
}

func (t *Tree) isDir(path string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.dirs[path] != nil
}

// List returns the entries of the directory path ("" is the root), sorted by
// name. Errors: ENOENT, ENOTDIR.
func (t *Tree) List(path string) ([]Entry, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	names, ok := t.dirs[path]
	if !ok {
		if t.files[path] != nil {
			return nil, errno.ENOTDIR
		}
		return nil, errno.ENOENT
	}
	list := make([]Entry, 0, len(names))
	for name, dir := range names {
		e := Entry{Name: name, Dir: dir, Mode: 0o555}
		if !dir {
			full := name
			if path != "" {
				full = path + "/" + name
			}
			e.Mode = t.files[full].Mode
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

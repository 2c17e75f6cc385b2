// Package sysctl is a namespace's /proc/sys/net: integers, lists and strings
// with the kernel's parsing, ranges and errors.
//
// A package asks the Tree for a value once and reads it with an atomic load.
// Paths are below /proc/sys and begin with "net/". Settings that exist per
// device are a [Group]: one shared table of names over one array of values, so
// that a device's directory costs little. A dot in an interface name is a dot
// in the path too, as in /proc.
//
// Linux files: kernel/sysctl.c, fs/proc/proc_sysctl.c, net/sysctl_net.c. Man
// page: sysctl(8), proc_sys_net(5).
package sysctl

import (
	"slices"
	"strings"
	"sync"

	"linen/net/netns"
	"linen/uapi/errno"
)

// A file is one setting.
type file interface {
	mode() uint32
	text(b []byte) []byte    // what a read shows, with its newline
	write(text string) error // one write(2) at offset 0
}

// A node is a directory: its own files, its groups and its subdirectories.
type node struct {
	files  map[string]file
	groups []*Group
	dirs   map[string]*node
}

// A Tree is a namespace's settings.
type Tree struct {
	first *Tree // of the machine's first namespace, in a child of it; else nil

	mu   sync.RWMutex // the tree's shape
	root node

	writing sync.Mutex // one write at a time; taken before any RTNL
}

// An Entry is a name in a directory.
type Entry struct {
	Name string
	Dir  bool
	Mode uint32 // permission bits
}

var key = netns.NewKey[Tree]("sysctl")

// Pernet makes a namespace's tree, empty.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*Tree, error) {
		t := new(Tree)
		if n.First() != n {
			t.first = Of(n.First())
		}
		return t, nil
	}, nil)
}

// Of returns n's tree.
func Of(n *netns.Net) *Tree { return key.Of(n) }

// dir returns the directory path, making it when create is set. The caller
// holds mu.
func (t *Tree) dir(path string, create bool) *node {
	d := &t.root
	for path != "" && d != nil {
		var name string
		name, path, _ = strings.Cut(path, "/")
		next := d.dirs[name]
		if next == nil && create {
			next = new(node)
			if d.dirs == nil {
				d.dirs = make(map[string]*node)
			}
			d.dirs[name] = next
		}
		d = next
	}
	return d
}

// split cuts the last name off a path.
func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// add puts f at path, replacing what was there.
func (t *Tree) add(path string, f file) {
	dir, name := split(path)
	t.addIn(dir, name, f)
}

func (t *Tree) addIn(dir, name string, f file) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.dir(dir, true)
	if d.files == nil {
		d.files = make(map[string]file)
	}
	d.files[name] = f
}

// Remove removes the setting or the directory path with all below it.
func (t *Tree) Remove(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, name := split(path)
	if d := t.dir(dir, false); d != nil {
		delete(d.files, name)
		delete(d.dirs, name)
	}
}

// Rename moves the directory from to to, with all that is in it; a device's
// directories follow its name. It does nothing when from does not exist.
func (t *Tree) Rename(from, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	parent, name := split(from)
	d := t.dir(parent, false)
	if d == nil || d.dirs[name] == nil {
		return
	}
	moved := d.dirs[name]
	delete(d.dirs, name)
	parent, name = split(to)
	d = t.dir(parent, true)
	if d.dirs == nil {
		d.dirs = make(map[string]*node)
	}
	d.dirs[name] = moved
}

// lookup returns the setting path. Errors: ENOENT, EISDIR.
func (t *Tree) lookup(path string) (file, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	parent, name := split(path)
	d := t.dir(parent, false)
	if d == nil {
		return nil, errno.ENOENT
	}
	if f := d.files[name]; f != nil {
		return f, nil
	}
	for _, g := range d.groups {
		if f := g.find(name); f != nil {
			return f, nil
		}
	}
	if d.dirs[name] != nil {
		return nil, errno.EISDIR
	}
	return nil, errno.ENOENT
}

// Get returns what a read of path shows, with its newline. Errors: ENOENT,
// EISDIR, EACCES for a write-only setting.
func (t *Tree) Get(path string) (string, error) {
	f, err := t.lookup(path)
	if err != nil {
		return "", err
	}
	if f.mode()&0o444 == 0 {
		return "", errno.EACCES
	}
	return string(f.text(nil)), nil
}

// maxWrite is the most that one write may bring: a page, less one byte, as
// proc_dointvec cuts it.
const maxWrite = 4095

// Set writes text to path, as one write(2) at offset 0. Whether the caller may
// is his business. Errors: ENOENT, EISDIR, EPERM for a read-only setting,
// EINVAL for text that the setting does not take, and what its OnWrite returns.
// The caller is on no CPU and holds no RTNL.
func (t *Tree) Set(path, text string) error {
	f, err := t.lookup(path)
	if err != nil {
		return err
	}
	if f.mode()&0o222 == 0 {
		return errno.EPERM
	}
	if text == "" {
		return nil
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	return f.write(text[:min(len(text), maxWrite)])
}

// Stat returns the entry path. Error: ENOENT.
func (t *Tree) Stat(path string) (Entry, error) {
	_, name := split(path)
	f, err := t.lookup(path)
	switch {
	case err == nil:
		return Entry{Name: name, Mode: f.mode()}, nil
	case err == errno.EISDIR || path == "":
		return Entry{Name: name, Dir: true, Mode: 0o555}, nil
	}
	return Entry{}, err
}

// List returns the entries of the directory path ("" is the root), sorted by
// name. Errors: ENOENT, ENOTDIR.
func (t *Tree) List(path string) ([]Entry, error) {
	if _, err := t.lookup(path); err == nil {
		return nil, errno.ENOTDIR
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	d := t.dir(path, false)
	if d == nil {
		return nil, errno.ENOENT
	}
	var list []Entry
	for name, f := range d.files {
		list = append(list, Entry{Name: name, Mode: f.mode()})
	}
	for _, g := range d.groups {
		for i := range g.vars {
			list = append(list, Entry{Name: g.vars[i].Name, Mode: g.vars[i].mode()})
		}
	}
	for name := range d.dirs {
		list = append(list, Entry{Name: name, Dir: true, Mode: 0o555})
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

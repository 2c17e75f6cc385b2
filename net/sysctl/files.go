package sysctl

import (
	"io/fs"

	"linen/lib/filetree"
)

// Node returns the tree as files: /proc/sys. The files are found when they are
// looked for, so devices may come and go.
func (t *Tree) Node() *filetree.Node { return t.node("") }

// node returns the file or directory path, or nil.
func (t *Tree) node(path string) *filetree.Node {
	e, err := t.Stat(path)
	switch {
	case err != nil:
		return nil
	case e.Dir:
		return filetree.NewDynamicDir(func() []string { return t.names(path) }, func(name string) *filetree.Node {
			if path == "" {
				return t.node(name)
			}
			return t.node(path + "/" + name)
		})
	}
	var read func() []byte
	var write func([]byte) error
	if e.Mode&0o444 != 0 {
		read = func() []byte {
			text, _ := t.Get(path) // gone meanwhile: empty
			return []byte(text)
		}
	}
	if e.Mode&0o222 != 0 {
		write = func(data []byte) error { return t.Set(path, string(data)) }
	}
	return filetree.NewFile(fs.FileMode(e.Mode), read, write)
}

// names returns the names in a directory.
func (t *Tree) names(path string) (names []string) {
	list, _ := t.List(path)
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

package procfs

import (
	"bytes"
	"io/fs"

	"linen/lib/filetree"
)

// Node returns the tree as files: /proc/net. The files are found when they are
// looked for, so they may come and go.
func (t *Tree) Node() *filetree.Node { return t.node("") }

// node returns the file or directory path, or nil.
func (t *Tree) node(path string) *filetree.Node {
	if f := t.Lookup(path); f != nil {
		return filetree.NewFile(fs.FileMode(f.Mode), func() []byte {
			var w bytes.Buffer
			if f.Read != nil {
				f.Read(&w)
			}
			return w.Bytes()
		}, f.Write)
	}
	if !t.isDir(path) {
		return nil
	}
	return filetree.NewDynamicDir(func() (names []string) {
		list, _ := t.List(path)
		for _, e := range list {
			names = append(names, e.Name)
		}
		return names
	}, func(name string) *filetree.Node {
		if path != "" {
			name = path + "/" + name
		}
		return t.node(name)
	})
}

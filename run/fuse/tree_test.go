//go:build linux

package fuse

import (
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
)

// The tree of the tests.

type dir []named

type named struct {
	name string
	node Node
}

func (dir) Info() (fs.FileMode, int64) { return fs.ModeDir | 0o555, 0 }

func (d dir) Lookup(name string) (Node, error) {
	for _, e := range d {
		if e.name == name {
			return e.node, nil
		}
	}
	return nil, unix.ENOENT
}

func (d dir) List() ([]Entry, error) {
	var out []Entry
	for _, e := range d {
		mode, _ := e.node.Info()
		out = append(out, Entry{e.name, mode.Type()})
	}
	return out, nil
}

// value is a sysctl that takes "0" and "1".
type value struct {
	sync.Mutex
	text string
}

func (*value) Info() (fs.FileMode, int64) { return 0o644, 0 }

func (v *value) Content(Caller) ([]byte, error) {
	v.Lock()
	defer v.Unlock()
	return []byte(v.text + "\n"), nil
}

func (v *value) Write(_ Caller, p []byte) error {
	switch string(p) {
	case "0\n", "1\n", "0", "1":
		v.Lock()
		defer v.Unlock()
		v.text = string(p[:1])
		return nil
	}
	return unix.EINVAL
}

// text is a file that is only read.
type text string

func (text) Info() (fs.FileMode, int64)       { return 0o444, 0 }
func (f text) Content(Caller) ([]byte, error) { return []byte(f), nil }
func (text) Write(Caller, []byte) error       { return unix.EIO }

type link string

func (link) Info() (fs.FileMode, int64)  { return fs.ModeSymlink | 0o777, 0 }
func (l link) Readlink() (string, error) { return string(l), nil }

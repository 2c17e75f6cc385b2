package sysctl

import (
	"slices"
	"sync/atomic"
	"time"
)

// A Var is one name of a Group. Several may share a Field with different
// units.
type Var struct {
	Name  string
	Field int // index of the value in the Group
	Spec
}

// A Group is a directory of integers with a shared table of names: the
// settings of one device. OnWrite of the Vars is not called, the Group's own
// function is.
type Group struct {
	vars    []Var
	values  []atomic.Int64
	onWrite func(field int, old, new int64) error
	tree    *Tree
}

// Group puts the settings vars into the directory dir and returns them, each
// field at the Default of its first Var. vars is shared and not changed.
// onWrite may be nil; it is called as Spec.OnWrite is. Several Groups may
// share a directory.
func (t *Tree) Group(dir string, vars []Var, onWrite func(field int, old, new int64) error) *Group {
	n := 0
	for i := range vars {
		n = max(n, vars[i].Field+1)
	}
	g := &Group{vars: vars, values: make([]atomic.Int64, n), onWrite: onWrite, tree: t}
	for i := range slices.Backward(vars) {
		g.values[vars[i].Field].Store(vars[i].Default)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.dir(dir, true)
	d.groups = append(d.groups, g)
	return g
}

// Load returns the value of a field.
func (g *Group) Load(field int) int64 { return g.values[field].Load() }

// Bool reports whether a field is not 0.
func (g *Group) Bool(field int) bool { return g.values[field].Load() != 0 }

// Duration returns a field with a time unit as a duration.
func (g *Group) Duration(field int) time.Duration {
	return time.Duration(g.values[field].Load()) * time.Millisecond
}

// Store sets a field without checks or onWrite.
func (g *Group) Store(field int, v int64) { g.values[field].Store(v) }

// Len returns the number of fields.
func (g *Group) Len() int { return len(g.values) }

// find returns the setting called name, or nil.
func (g *Group) find(name string) file {
	for i := range g.vars {
		if g.vars[i].Name == name {
			return groupFile{g, i}
		}
	}
	return nil
}

// A groupFile is the i-th Var of a Group as a file.
type groupFile struct {
	g *Group
	i int
}

func (f groupFile) spec() *Spec          { return &f.g.vars[f.i].Spec }
func (f groupFile) value() *atomic.Int64 { return &f.g.values[f.g.vars[f.i].Field] }
func (f groupFile) mode() uint32         { return f.spec().mode() }

func (f groupFile) text(b []byte) []byte {
	return append(f.spec().format(b, f.value().Load()), '\n')
}

func (f groupFile) write(text string) error {
	if f.g.onWrite == nil {
		return f.spec().store(f.value(), text, nil)
	}
	field := f.g.vars[f.i].Field
	return f.spec().store(f.value(), text, func(old, new int64) error {
		return f.g.onWrite(field, old, new)
	})
}

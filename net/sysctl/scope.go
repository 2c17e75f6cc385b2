package sysctl

// A Scope says of what a setting is one: of each namespace, or of the machine.
type Scope uint8

// The scopes.
const (
	// OfNet is a setting that each namespace has.
	OfNet Scope = iota
	// OfMachine is one that the first namespace has for all; a child has no
	// file of it.
	OfMachine
	// Shown is one of the machine that a child's file shows and does not
	// change: mode 0444.
	Shown
)

// shared looks for the setting path of the first namespace when spec says that
// t's is that one, and shows it where it is to be shown.
func shared[T file](t *Tree, path string, spec *Spec) (f T, ok bool) {
	if t.first == nil || spec.Scope == OfNet {
		return f, false
	}
	v, err := t.first.lookup(path)
	if err != nil {
		return f, false
	}
	if f, ok = v.(T); ok && spec.Scope == Shown {
		t.add(path, shown{f})
	}
	return f, ok
}

// Show puts the file of the first namespace at path into a child's tree, to be
// read only, and reports whether t is a child's.
func (t *Tree) Show(path string) bool {
	if t.first == nil {
		return false
	}
	if f, err := t.first.lookup(path); err == nil {
		t.add(path, shown{f})
	}
	return true
}

// Child reports whether the tree is of a namespace that another one made.
func (t *Tree) Child() bool { return t.first != nil }

// A shown file is another tree's, without its writes.
type shown struct{ file }

func (s shown) mode() uint32 { return s.file.mode() &^ 0o222 }

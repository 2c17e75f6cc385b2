package sysctl

import (
	"strings"
	"sync/atomic"
)

// A List is a setting of several integers, such as tcp_rmem.
type List struct {
	v    []atomic.Int64
	spec Spec
	done func() error
}

// List64 adds a setting of len(def) integers, each within spec's range (Default
// is not used, nor OnWrite). A write may bring fewer: the rest stays. done,
// unless nil, is called after a write as Spec.OnWrite is; its error puts the
// old values back.
func (t *Tree) List64(path string, spec Spec, def []int64, done func() error) *List {
	if l, ok := shared[*List](t, path, &spec); ok {
		return l
	}
	l := &List{v: make([]atomic.Int64, len(def)), spec: spec, done: done}
	for i, v := range def {
		l.v[i].Store(v)
	}
	t.add(path, l)
	return l
}

// Load returns the i-th value.
func (l *List) Load(i int) int64 { return l.v[i].Load() }

// Store sets the i-th value without checks.
func (l *List) Store(i int, v int64) { l.v[i].Store(v) }

func (l *List) mode() uint32 { return l.spec.mode() }

func (l *List) text(b []byte) []byte {
	for i := range l.v {
		if i > 0 {
			b = append(b, '\t')
		}
		b = l.spec.format(b, l.v[i].Load())
	}
	return append(b, '\n')
}

// write stores value by value, as proc_dointvec does: those before a bad one
// stay. Only nothing at all is an error without effect.
func (l *List) write(text string) error {
	p := parser{text}
	old := make([]int64, len(l.v))
	for i := range l.v {
		old[i] = l.v[i].Load()
	}
	for i := range l.v {
		if i > 0 && p.empty() {
			break
		}
		v, err := l.spec.parse(&p)
		if err != nil {
			return err
		}
		l.v[i].Store(v)
	}
	if l.done == nil {
		return nil
	}
	if err := l.done(); err != nil {
		for i, v := range old {
			l.v[i].Store(v)
		}
		return err
	}
	return nil
}

// A String is a text setting, such as a congestion control's name.
type String struct {
	v    atomic.Pointer[string]
	max  int
	perm uint32
	set  func(v string) error
	get  func() string
}

// String adds a text setting of at most max bytes; longer writes are cut. set,
// unless nil, may refuse a value.
func (t *Tree) String(path, def string, max int, mode uint32, set func(v string) error) *String {
	s := &String{max: max, perm: mode, set: set}
	s.v.Store(&def)
	t.add(path, s)
	return s
}

// Func adds a setting whose text comes from get and whose writes, without
// their newline, go to set. get may be nil for a write-only setting, set for a
// read-only one.
func (t *Tree) Func(path string, get func() string, set func(v string) error) {
	s := &String{max: maxWrite, get: get, set: set, perm: 0o644}
	switch {
	case get == nil:
		s.perm = 0o200
	case set == nil:
		s.perm = 0o444
	}
	t.add(path, s)
}

// SecretFunc is Func of a setting that its owner alone may read: mode 0600.
func (t *Tree) SecretFunc(path string, get func() string, set func(v string) error) {
	t.add(path, &String{max: maxWrite, get: get, set: set, perm: 0o600})
}

// Load returns the text.
func (s *String) Load() string {
	if s.get != nil {
		return s.get()
	}
	if p := s.v.Load(); p != nil {
		return *p
	}
	return ""
}

// Store sets the text without asking.
func (s *String) Store(v string) { s.v.Store(&v) }

func (s *String) mode() uint32 {
	if s.perm == 0 {
		return 0o644
	}
	return s.perm
}

func (s *String) text(b []byte) []byte { return append(append(b, s.Load()...), '\n') }

// write takes the text up to a newline or a NUL (proc_dostring).
func (s *String) write(text string) error {
	if i := strings.IndexAny(text, "\n\x00"); i >= 0 {
		text = text[:i]
	}
	text = text[:min(len(text), s.max)]
	if s.set != nil {
		if err := s.set(text); err != nil {
			return err
		}
	}
	if s.get == nil && s.perm != 0o200 {
		s.v.Store(&text)
	}
	return nil
}

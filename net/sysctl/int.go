package sysctl

import (
	"math"
	"sync/atomic"
	"time"

	"linen/uapi/errno"
)

// A Unit says how a stored value and the text of its file relate. Times are
// stored in milliseconds.
type Unit uint8

// The units.
const (
	Plain    Unit = iota // as it is: proc_dointvec
	Seconds              // text in seconds: proc_dointvec_jiffies
	Milli                // text in ms: proc_dointvec_ms_jiffies
	UserHZ               // text in 1/100 s: proc_dointvec_userhz_jiffies
	Unsigned             // 32 bits without sign: proc_douintvec
	Byte                 // 0..255: proc_dou8vec_minmax
	Long                 // 64 bits without sign: proc_doulongvec_minmax
	Bool                 // 0 or 1; other numbers are EINVAL: proc_dobool's text
)

// A Spec says what an integer setting is.
type Spec struct {
	// Default is the value at first, as stored.
	Default int64
	// Min and Max bound what a write may store, when Ranged; EINVAL outside.
	Min, Max int64
	Ranged   bool
	// Unit relates text and value.
	Unit Unit
	// Scope says whether a child of the machine's first namespace has the
	// setting; Int and List64 obey it.
	Scope Scope
	// Mode is the permission bits; 0 means 0644. 0444 makes writes EPERM,
	// 0200 reads EACCES.
	Mode uint32
	// OnWrite is called after each write, with the new value stored, off every
	// CPU and without the RTNL, which it may take. When it returns an error
	// the old value is put back and the write fails with it. It must not call
	// Set. Store does not call it.
	OnWrite func(old, new int64) error
}

func (s *Spec) mode() uint32 {
	if s.Mode == 0 {
		return 0o644
	}
	return s.Mode
}

// limits returns what the kernel's type of the setting holds.
func (s *Spec) limits() (lo, hi int64) {
	switch s.Unit {
	case Unsigned:
		return 0, math.MaxUint32
	case Byte:
		return 0, math.MaxUint8
	case Bool:
		return 0, 1
	case Long:
		return 0, math.MaxInt64
	}
	return math.MinInt32, math.MaxInt32
}

// scale returns the stored value of one unit of text, as a fraction.
func (u Unit) scale() int64 {
	switch u {
	case Seconds:
		return 1000
	case UserHZ:
		return 10
	}
	return 1
}

// parse reads one number of a write and checks it.
func (s *Spec) parse(p *parser) (int64, error) {
	v, err := p.number()
	if err != nil {
		return 0, err
	}
	lo, hi := s.limits()
	if v < lo || v > hi {
		return 0, errno.EINVAL
	}
	if scale := s.Unit.scale(); scale > 1 && (v > hi/scale || v < lo/scale) {
		return 0, errno.EINVAL // more than an int of jiffies holds
	}
	v *= s.Unit.scale()
	if s.Ranged && (v < s.Min || v > s.Max) {
		return 0, errno.EINVAL
	}
	return v, nil
}

// An Int is one integer setting.
type Int struct {
	v    atomic.Int64
	spec Spec
}

// Int adds the setting path to the tree, or replaces it, and returns it; one of
// the machine is the first namespace's.
func (t *Tree) Int(path string, spec Spec) *Int {
	if i, ok := shared[*Int](t, path, &spec); ok {
		return i
	}
	dir, name := split(path)
	return t.IntIn(dir, name, spec)
}

// IntIn is Int with the directory apart, for many settings of one directory
// whose names are constants; it is for settings that each namespace has.
func (t *Tree) IntIn(dir, name string, spec Spec) *Int {
	i := &Int{spec: spec}
	i.v.Store(spec.Default)
	t.addIn(dir, name, i)
	return i
}

// Load returns the value.
func (i *Int) Load() int64 { return i.v.Load() }

// Bool reports whether the value is not 0.
func (i *Int) Bool() bool { return i.v.Load() != 0 }

// Duration returns a setting with a time unit as a duration.
func (i *Int) Duration() time.Duration { return time.Duration(i.v.Load()) * time.Millisecond }

// Store sets the value without checks or OnWrite.
func (i *Int) Store(v int64) { i.v.Store(v) }

func (i *Int) mode() uint32            { return i.spec.mode() }
func (i *Int) text(b []byte) []byte    { return append(i.spec.format(b, i.v.Load()), '\n') }
func (i *Int) write(text string) error { return i.spec.store(&i.v, text, i.spec.OnWrite) }

// store does a write to v.
func (s *Spec) store(v *atomic.Int64, text string, done func(old, new int64) error) error {
	p := parser{text}
	val, err := s.parse(&p)
	if err != nil {
		return err
	}
	old := v.Swap(val)
	if done == nil {
		return nil
	}
	if err := done(old, val); err != nil {
		v.CompareAndSwap(val, old)
		return err
	}
	return nil
}

// A View shows an Int under another path and unit: retrans_time and
// retrans_time_ms are one value. Range and OnWrite are the Int's.
func (t *Tree) View(path string, of *Int, unit Unit) {
	t.add(path, &view{of, unit})
}

type view struct {
	of   *Int
	unit Unit
}

func (w *view) spec() *Spec {
	s := w.of.spec
	s.Unit = w.unit
	return &s
}

func (w *view) mode() uint32            { return w.of.mode() }
func (w *view) text(b []byte) []byte    { return append(w.spec().format(b, w.of.v.Load()), '\n') }
func (w *view) write(text string) error { return w.spec().store(&w.of.v, text, w.of.spec.OnWrite) }

package dev

import "sync/atomic"

// slotCount numbers the keys; it only grows, while packages initialise.
var slotCount atomic.Int32

// A Key names the slot of every device that holds a *T of an upper layer
// (in_device, inet6_dev, a bridge port): devices know nothing of them.
type Key[T any] struct {
	index int
	name  string
}

// NewKey returns a new Key. It belongs in a package-level variable.
func NewKey[T any](name string) Key[T] {
	return Key[T]{int(slotCount.Add(1)) - 1, name}
}

// slotCell is one slot; the box keeps the value's type.
type slotCell struct{ p atomic.Pointer[slotBox] }

type slotBox struct{ v any }

// Of returns d's value, or nil. It may be called anywhere, without locks.
func (k Key[T]) Of(d *Device) *T {
	if k.index >= len(d.slots) {
		return nil
	}
	box := d.slots[k.index].p.Load()
	if box == nil {
		return nil
	}
	v, _ := box.v.(*T)
	return v
}

// Set stores d's value; nil removes it. The caller holds d's RTNL.
func (k Key[T]) Set(d *Device, v *T) {
	if v == nil {
		d.slots[k.index].p.Store(nil)
		return
	}
	d.slots[k.index].p.Store(&slotBox{v})
}

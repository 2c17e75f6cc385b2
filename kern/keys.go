package kern

import "sync/atomic"

// keyCount and cpuKeyCount number the keys; they only grow, while packages
// initialise their variables.
var keyCount, cpuKeyCount atomic.Int32

// A Key names one value of type T that a Kernel holds for a package.
type Key[T any] struct{ index int }

// NewKey returns a new Key. It belongs in a package-level variable.
func NewKey[T any]() Key[T] { return Key[T]{int(keyCount.Add(1))} }

// Of returns k's value, making it with create at first use. create must not
// use Keys itself.
func (key Key[T]) Of(k *Kernel, create func(k *Kernel) *T) *T {
	k.keys.Lock()
	defer k.keys.Unlock()
	if v, ok := k.keys.values[key.index]; ok {
		return v.(*T)
	}
	v := create(k)
	k.keys.values[key.index] = v
	return v
}

// A CPUKey names one value of type T that every CPU holds for a package.
type CPUKey[T any] struct{ index int }

// NewCPUKey returns a new CPUKey. It belongs in a package-level variable.
func NewCPUKey[T any]() CPUKey[T] { return CPUKey[T]{int(cpuKeyCount.Add(1)) - 1} }

// Of returns c's value, or nil before Set. The caller holds c.
func (key CPUKey[T]) Of(c *CPU) *T {
	if key.index < len(c.slots) {
		if v, ok := c.slots[key.index].(*T); ok {
			return v
		}
	}
	return nil
}

// Set stores c's value. The caller holds c.
func (key CPUKey[T]) Set(c *CPU, v *T) {
	for len(c.slots) <= key.index {
		c.slots = append(c.slots, nil)
	}
	c.slots[key.index] = v
}

// cacheLine is the distance that keeps two CPUs' data apart; two lines,
// because processors prefetch them in pairs.
const cacheLine = 128

// A Local holds one T for every CPU of a Kernel, each on cache lines of its
// own: counters that only the holder of the CPU writes.
type Local[T any] struct{ cells []*localCell[T] }

type localCell[T any] struct {
	v T
	_ [cacheLine]byte
}

// NewLocal returns a Local for k's CPUs, all zero.
func NewLocal[T any](k *Kernel) Local[T] {
	l := Local[T]{make([]*localCell[T], len(k.cpus))}
	for i := range l.cells {
		l.cells[i] = new(localCell[T])
	}
	return l
}

// At returns c's T. The caller holds c.
func (l Local[T]) At(c *CPU) *T { return &l.cells[c.id].v }

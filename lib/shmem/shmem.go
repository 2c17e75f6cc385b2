// Package shmem is memory that somebody else reads and writes at the same
// time: a ring shared with another process. Its words are loaded and stored
// atomically, as the two sides of a ring hand it over; its bytes belong to the
// side that the words say.
package shmem

import (
	"sync/atomic"
	"unsafe"
)

// A Memory is a piece of shared memory. The zero value is empty.
type Memory struct {
	b []byte
}

// New returns n bytes of this process's memory, zeroed.
func New(n int) Memory {
	if n == 0 {
		return Memory{}
	}
	words := make([]uint64, (n+7)/8) // aligned for every word
	return Memory{unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)}
}

// Of returns b as shared memory. b begins at an address that is a multiple of
// 8, as mapped memory does; otherwise Of panics.
func Of(b []byte) Memory {
	if len(b) > 0 && uintptr(unsafe.Pointer(&b[0]))%8 != 0 {
		panic("shmem: memory is not aligned")
	}
	return Memory{b}
}

// Bytes returns the memory's bytes.
func (m Memory) Bytes() []byte { return m.b }

// Len returns the memory's size in bytes.
func (m Memory) Len() int { return len(m.b) }

// word returns the address of a 32-bit word; off is a multiple of 4.
func (m Memory) word(off int) *uint32 {
	if off&3 != 0 {
		panic("shmem: a word that is not aligned")
	}
	return (*uint32)(unsafe.Pointer(&m.b[off : off+4 : off+4][0]))
}

// Load returns the 32-bit word, in the machine's byte order, at off. What its
// writer wrote before it can be read after it.
func (m Memory) Load(off int) uint32 { return atomic.LoadUint32(m.word(off)) }

// Store writes the 32-bit word at off: who sees it sees what was written
// before.
func (m Memory) Store(off int, v uint32) { atomic.StoreUint32(m.word(off), v) }

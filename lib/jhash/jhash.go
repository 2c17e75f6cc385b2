// Package jhash is Bob Jenkins' lookup3 hash in the form that Linux gives it:
// what hash tables of the kernel use whose order or values programs can see.
// It keeps nobody out who chooses the input; package siphash does.
//
// Source: http://burtleburtle.net/bob/c/lookup3.c (public domain). The kernel's
// counterpart is include/linux/jhash.h.
package jhash

import (
	"encoding/binary"
	"math/bits"
)

// initval is what a hash starts from, with length and the caller's value added
// (JHASH_INITVAL).
const initval = 0xdeadbeef

func mix(a, b, c uint32) (uint32, uint32, uint32) {
	a = (a - c) ^ bits.RotateLeft32(c, 4)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 6)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 8)
	b += a
	a = (a - c) ^ bits.RotateLeft32(c, 16)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 19)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 4)
	b += a
	return a, b, c
}

func final(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	c = (c ^ b) - bits.RotateLeft32(b, 24)
	return c
}

// Bytes returns the hash of b as a little-endian kernel computes it (jhash).
func Bytes(b []byte, seed uint32) uint32 {
	start := initval + uint32(len(b)) + seed
	x, y, z := start, start, start
	for len(b) > 12 {
		x += binary.LittleEndian.Uint32(b)
		y += binary.LittleEndian.Uint32(b[4:])
		z += binary.LittleEndian.Uint32(b[8:])
		x, y, z = mix(x, y, z)
		b = b[12:]
	}
	if len(b) == 0 { // only where there was nothing at all
		return z
	}
	var last [12]byte
	copy(last[:], b)
	return final(x+binary.LittleEndian.Uint32(last[0:]), y+binary.LittleEndian.Uint32(last[4:]), z+binary.LittleEndian.Uint32(last[8:]))
}

// Words returns the hash of 32-bit words (jhash2).
func Words(k []uint32, seed uint32) uint32 {
	start := initval + uint32(len(k))*4 + seed
	x, y, z := start, start, start
	for len(k) > 3 {
		x, y, z = mix(x+k[0], y+k[1], z+k[2])
		k = k[3:]
	}
	switch len(k) {
	case 3:
		z += k[2]
		fallthrough
	case 2:
		y += k[1]
		fallthrough
	case 1:
		return final(x+k[0], y, z)
	}
	return z
}

// Words3 returns the hash of three words (jhash_3words).
func Words3(a, b, c, seed uint32) uint32 {
	start := initval + 3*4 + seed
	return final(a+start, b+start, c+start)
}

// Words2 returns the hash of two words (jhash_2words).
func Words2(a, b, seed uint32) uint32 {
	start := initval + 2*4 + seed
	return final(a+start, b+start, start)
}

// Words1 returns the hash of one word (jhash_1word).
func Words1(a, seed uint32) uint32 {
	start := initval + 1*4 + seed
	return final(a+start, start, start)
}

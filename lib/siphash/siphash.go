// Package siphash computes SipHash, a keyed hash that an outsider cannot steer:
// 2-4 for secrets on the wire (initial sequence numbers, SYN cookies, ports) and
// 1-3 for hash tables and flow hashes.
//
// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF". The
// kernel's counterpart is lib/siphash.c.
package siphash

import (
	"encoding/binary"
	"math/bits"
)

// Key is the two halves of a 128-bit key, each little-endian in the paper's
// byte form.
type Key [2]uint64

// KeyFrom reads a key from its bytes.
func KeyFrom(b [16]byte) Key {
	return Key{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// state is v0 to v3 of the paper.
type state struct{ v0, v1, v2, v3 uint64 }

func start(k Key) state {
	return state{
		k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d,
		k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573,
	}
}

func (s *state) round() {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

func (s *state) word(m uint64, rounds int) {
	s.v3 ^= m
	for range rounds {
		s.round()
	}
	s.v0 ^= m
}

func (s *state) finish(rounds int) uint64 {
	s.v2 ^= 0xff
	for range rounds {
		s.round()
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

func sum(k Key, b []byte, c, d int) uint64 {
	s := start(k)
	last := uint64(len(b)) << 56
	for len(b) >= 8 {
		s.word(binary.LittleEndian.Uint64(b), c)
		b = b[8:]
	}
	for i, v := range b {
		last |= uint64(v) << (8 * i)
	}
	s.word(last, c)
	return s.finish(d)
}

// Sum24 returns SipHash-2-4 of b.
func Sum24(k Key, b []byte) uint64 { return sum(k, b, 2, 4) }

// Sum13 returns SipHash-1-3 of b.
func Sum13(k Key, b []byte) uint64 { return sum(k, b, 1, 3) }

// Words24 returns SipHash-2-4 of words, each as its eight little-endian bytes
// (siphash_2u64 and its like).
func Words24(k Key, words ...uint64) uint64 { return words64(k, words, 2, 4) }

// Words13 returns SipHash-1-3 of words.
func Words13(k Key, words ...uint64) uint64 { return words64(k, words, 1, 3) }

func words64(k Key, words []uint64, c, d int) uint64 {
	s := start(k)
	for _, w := range words {
		s.word(w, c)
	}
	s.word(uint64(len(words))<<59, c) // length in bytes, in the top byte
	return s.finish(d)
}

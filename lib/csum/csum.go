// Package csum computes the Internet checksum (RFC 1071), updates it
// incrementally (RFC 1624) and covers the pseudo headers of IPv4 (RFC 9293
// §3.1) and IPv6 (RFC 8200 §8.1).
//
// A partial sum is a uint32 that is congruent, modulo 0xffff, to the sum of
// the 16-bit words as they stand in the packet, the first byte being the more
// significant one, so partial sums of pieces that start at even offsets simply
// go in as the initial value of the next piece; Combine handles odd offsets.
// This is skb->csum, except that it is in host order on every machine.
//
// The kernel's counterpart is lib/checksum.c and include/net/checksum.h.
package csum

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Sum returns the partial sum of b added to initial. An odd last byte counts
// as the high half of a word whose low half is zero.
func Sum(b []byte, initial uint32) uint32 {
	// The one's complement sum does not depend on byte order (RFC 1071 §2B):
	// add little-endian words, the cheap load nearly everywhere, and swap the
	// folded result.
	var s, c uint64
	for len(b) >= 64 {
		p := (*[64]byte)(b)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[0:8]), 0)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[8:16]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[16:24]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[24:32]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[32:40]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[40:48]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[48:56]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(p[56:64]), c)
		s += c // s is at most 2^64-2 when c is 1: no second carry
		b = b[64:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	var tail uint64
	if len(b) >= 4 {
		tail = uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		tail += uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		tail += uint64(b[0])
	}
	s, c = bits.Add64(s, tail, 0)
	s += c
	return Add(initial, uint32(bits.ReverseBytes16(fold64(s))))
}

func fold64(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	return fold32(uint32(s))
}

func fold32(s uint32) uint16 {
	s = s>>16 + s&0xffff
	s += s >> 16
	return uint16(s)
}

// Add adds two partial sums (csum_add).
func Add(a, b uint32) uint32 {
	s, c := bits.Add32(a, b, 0)
	return s + c
}

// Sub takes the partial sum b out of a (csum_sub).
func Sub(a, b uint32) uint32 { return Add(a, ^b) }

// Combine adds block, the partial sum of bytes that start offset bytes into
// the data, to sum (csum_block_add). Words of a block at an odd offset lie
// across those of the whole, which swaps their halves.
func Combine(sum, block uint32, offset int) uint32 {
	if offset&1 != 0 {
		block = bits.RotateLeft32(block, 8)
	}
	return Add(sum, block)
}

// Uncombine takes block, the partial sum of bytes that start offset bytes into
// the data, out of sum (csum_block_sub).
func Uncombine(sum, block uint32, offset int) uint32 {
	return Combine(sum, ^block, offset)
}

// Fold returns the checksum field that goes with a partial sum: folded to 16
// bits and complemented (csum_fold). Folding data that includes a right
// checksum gives 0.
func Fold(sum uint32) uint16 { return ^fold32(sum) }

// Fold16 folds a partial sum to 16 bits without complementing it: what a
// header field holds while the checksum is left to the device
// (CHECKSUM_PARTIAL).
func Fold16(sum uint32) uint16 { return fold32(sum) }

// Checksum returns the checksum field of b: Fold(Sum(b, 0)).
func Checksum(b []byte) uint16 { return Fold(Sum(b, 0)) }

// Pseudo4 returns the partial sum of an IPv4 pseudo header; src and dst are in
// host order, length is that of the transport header and data.
func Pseudo4(src, dst uint32, proto uint8, length int) uint32 {
	s := uint64(src) + uint64(dst) + uint64(proto) + uint64(uint32(length))
	return uint32(fold64(s))
}

// Pseudo6 returns the partial sum of an IPv6 pseudo header; length is that of
// the upper-layer header and data.
func Pseudo6(src, dst *[16]byte, proto uint8, length int) uint32 {
	s := Sum(src[:], uint32(proto))
	s = Sum(dst[:], s)
	return Add(s, uint32(length))
}

// Pseudo returns the partial sum of the pseudo header of either family, chosen
// by src.
func Pseudo(src, dst netip.Addr, proto uint8, length int) uint32 {
	if src.Is4() {
		s, d := src.As4(), dst.As4()
		return Pseudo4(binary.BigEndian.Uint32(s[:]), binary.BigEndian.Uint32(d[:]), proto, length)
	}
	s, d := src.As16(), dst.As16()
	return Pseudo6(&s, &d, proto, length)
}

// Update16 returns the checksum field after a 16-bit word of the data changed
// from old to new (RFC 1624 §3, equation 3; csum_replace2).
func Update16(field, old, new uint16) uint16 {
	return ^fold32(uint32(^field) + uint32(^old) + uint32(new))
}

// Update32 returns the checksum field after two words that start at an even
// offset changed from old to new (csum_replace4).
func Update32(field uint16, old, new uint32) uint16 {
	s := uint64(^field) + uint64(^old) + uint64(new)
	return ^fold64(s)
}

// UpdateSum returns the checksum field after data with the partial sum old
// was replaced by data with the partial sum new; both start at an even offset
// (inet_proto_csum_replace_by_diff). With 16-byte addresses: the sums of the
// addresses.
func UpdateSum(field uint16, old, new uint32) uint16 {
	return Fold(Add(Sub(uint32(^field), old), new))
}

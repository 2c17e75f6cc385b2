package netlink

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"linen/uapi"
)

// typeMask takes the flag bits off an attribute's type (NLA_TYPE_MASK).
const typeMask = 0x3fff

// An Attr is one attribute of a request. The zero Attr is an absent one; the
// number accessors return 0 for it.
type Attr struct {
	typ  uint16
	off  uint32 // of its header in the message, for the extended ack
	data []byte
	here bool
}

// Present reports whether the attribute was in the message.
func (a Attr) Present() bool { return a.here }

// Type returns the type without the flag bits.
func (a Attr) Type() uint16 { return a.typ & typeMask }

// Nested reports whether NLA_F_NESTED is set.
func (a Attr) Nested() bool { return a.typ&uapi.NLA_F_NESTED != 0 }

// NetByteOrder reports whether NLA_F_NET_BYTEORDER is set.
func (a Attr) NetByteOrder() bool { return a.typ&uapi.NLA_F_NET_BYTEORDER != 0 }

// Bytes returns the payload, which the caller must not keep or change.
func (a Attr) Bytes() []byte { return a.data }

// Len returns the payload's length.
func (a Attr) Len() int { return len(a.data) }

// Offset returns where the attribute begins in the message.
func (a Attr) Offset() uint32 { return a.off }

// U8 returns the first byte, or 0.
func (a Attr) U8() uint8 {
	if len(a.data) < 1 {
		return 0
	}
	return a.data[0]
}

// U16 returns a 16-bit number, or 0.
func (a Attr) U16() uint16 {
	if len(a.data) < 2 {
		return 0
	}
	return binary.NativeEndian.Uint16(a.data)
}

// U32 returns a 32-bit number, or 0.
func (a Attr) U32() uint32 {
	if len(a.data) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(a.data)
}

// S32 returns a signed 32-bit number, or 0.
func (a Attr) S32() int32 { return int32(a.U32()) }

// U64 returns a 64-bit number, or 0; a 32-bit payload counts as one (nla_get_uint).
func (a Attr) U64() uint64 {
	if len(a.data) < 8 {
		return uint64(a.U32())
	}
	return binary.NativeEndian.Uint64(a.data)
}

// BE16 returns a number in network byte order, or 0.
func (a Attr) BE16() uint16 {
	if len(a.data) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(a.data)
}

// BE32 returns a number in network byte order, or 0: an IPv4 address.
func (a Attr) BE32() uint32 {
	if len(a.data) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(a.data)
}

// Text returns a string up to its NUL or the payload's end.
func (a Attr) Text() string {
	s, _, _ := bytes.Cut(a.data, []byte{0})
	return string(s)
}

// Addr returns an address of exactly 4 or 16 bytes, else the zero Addr.
func (a Attr) Addr() netip.Addr {
	addr, _ := netip.AddrFromSlice(a.data)
	return addr
}

// Each calls f for every attribute in the payload of a nested one, until f
// returns false. Left-over bytes are ignored.
func (a Attr) Each(f func(Attr) bool) {
	it := iter{rest: a.data, off: a.off + AttrLen}
	for it.next() {
		if !f(it.attr) {
			return
		}
	}
}

// EachAttr calls f for every attribute in p, which is no attribute's payload
// itself (a struct rtnexthop's rest), until f returns false. Offsets count from
// p.
func EachAttr(p []byte, f func(Attr) bool) {
	it := iter{rest: p}
	for it.next() {
		if !f(it.attr) {
			return
		}
	}
}

// iter walks attributes.
type iter struct {
	rest []byte
	off  uint32
	attr Attr
}

// next takes the next attribute (nla_ok, nla_next).
func (it *iter) next() bool {
	if len(it.rest) < AttrLen {
		return false
	}
	n := int(binary.NativeEndian.Uint16(it.rest))
	if n < AttrLen || n > len(it.rest) {
		return false
	}
	it.attr = Attr{binary.NativeEndian.Uint16(it.rest[2:]), it.off, it.rest[AttrLen:n:n], true}
	step := min(Align(n), len(it.rest))
	it.rest = it.rest[step:]
	it.off += uint32(step)
	return true
}

// Attrs is a parsed set of attributes, by type; of several with one type the
// last counts.
type Attrs struct{ tb []Attr }

// Get returns the attribute typ, which may be absent.
func (t Attrs) Get(typ int) Attr {
	if typ < len(t.tb) {
		return t.tb[typ]
	}
	return Attr{}
}

// Has reports whether the attribute typ is present.
func (t Attrs) Has(typ int) bool { return t.Get(typ).here }

// Max returns the highest type the set can hold, or -1.
func (t Attrs) Max() int { return len(t.tb) - 1 }

// U8 returns the number typ, or 0.
func (t Attrs) U8(typ int) uint8 { return t.Get(typ).U8() }

// U16 returns the number typ, or 0.
func (t Attrs) U16(typ int) uint16 { return t.Get(typ).U16() }

// U32 returns the number typ, or 0.
func (t Attrs) U32(typ int) uint32 { return t.Get(typ).U32() }

// Text returns the string typ, or "".
func (t Attrs) Text(typ int) string { return t.Get(typ).Text() }

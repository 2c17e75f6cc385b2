package netlink

import (
	"encoding/binary"
	"net/netip"

	"linen/uapi"
)

// Sizes in bytes. Messages and attributes begin at multiples of 4.
const (
	HeaderLen = 16 // struct nlmsghdr
	AttrLen   = 4  // struct nlattr
)

// A Header is a struct nlmsghdr.
type Header struct {
	Len   uint32 // of the message, with this header
	Type  uint16
	Flags uint16 // NLM_F_*
	Seq   uint32
	Port  uint32 // the sender's port; 0: the kernel
}

// ParseHeader reads the header at the beginning of b, which holds at least
// HeaderLen bytes.
func ParseHeader(b []byte) Header {
	return Header{
		Len:   binary.NativeEndian.Uint32(b),
		Type:  binary.NativeEndian.Uint16(b[4:]),
		Flags: binary.NativeEndian.Uint16(b[6:]),
		Seq:   binary.NativeEndian.Uint32(b[8:]),
		Port:  binary.NativeEndian.Uint32(b[12:]),
	}
}

// Put writes h to the first HeaderLen bytes of b.
func (h Header) Put(b []byte) {
	binary.NativeEndian.PutUint32(b, h.Len)
	binary.NativeEndian.PutUint16(b[4:], h.Type)
	binary.NativeEndian.PutUint16(b[6:], h.Flags)
	binary.NativeEndian.PutUint32(b[8:], h.Seq)
	binary.NativeEndian.PutUint32(b[12:], h.Port)
}

// Align rounds a length up to a multiple of 4.
func Align(n int) int { return (n + 3) &^ 3 }

// A Msg is a message under construction: header, family header, attributes.
// What is put into it is in host byte order unless the name says otherwise.
// A zero Msg is not usable; see NewMsg, Request.Message and Dump.Put.
type Msg struct {
	b    []byte // ends at the message's end
	base int    // where the message begins in b

	skipped bool
}

// Skip makes Dump.Put leave the message out.
func (m *Msg) Skip() { m.skipped = true }

// NewMsg begins a message of the type and flags; who sends it fills in length,
// sequence number and port.
func NewMsg(typ uint16, flags uint16) *Msg {
	m := &Msg{b: make([]byte, HeaderLen, 512)}
	Header{Type: typ, Flags: flags}.Put(m.b)
	return m
}

// Bytes returns the finished message, with its length filled in.
func (m *Msg) Bytes() []byte {
	binary.NativeEndian.PutUint32(m.b[m.base:], uint32(len(m.b)-m.base))
	return m.b[m.base:]
}

// Len returns the message's length so far.
func (m *Msg) Len() int { return len(m.b) - m.base }

// SetFlags adds flags to the message's header.
func (m *Msg) SetFlags(flags uint16) {
	p := m.b[m.base+6:]
	binary.NativeEndian.PutUint16(p, binary.NativeEndian.Uint16(p)|flags)
}

// address sets sequence number and port.
func (m *Msg) address(seq, port uint32) {
	binary.NativeEndian.PutUint32(m.b[m.base+8:], seq)
	binary.NativeEndian.PutUint32(m.b[m.base+12:], port)
}

// Put appends raw bytes, the family header, and pads to a multiple of 4.
func (m *Msg) Put(p []byte) { m.b = pad(append(m.b, p...)) }

// Grow appends n zero bytes, rounded up to a multiple of 4, and returns them
// for the caller to fill before the next call.
func (m *Msg) Grow(n int) []byte {
	at := len(m.b)
	m.b = append(m.b, make([]byte, Align(n))...)
	return m.b[at : at+n]
}

func pad(b []byte) []byte {
	for len(b)&3 != 0 {
		b = append(b, 0)
	}
	return b
}

// attr appends an attribute's header for n bytes of payload.
func (m *Msg) attr(typ uint16, n int) {
	m.b = binary.NativeEndian.AppendUint16(m.b, uint16(AttrLen+n))
	m.b = binary.NativeEndian.AppendUint16(m.b, typ)
}

// Attr appends an attribute with the payload p.
func (m *Msg) Attr(typ uint16, p []byte) {
	m.attr(typ, len(p))
	m.b = pad(append(m.b, p...))
}

// Reserve appends an attribute with n zero bytes and returns them for the
// caller to fill before the next call.
func (m *Msg) Reserve(typ uint16, n int) []byte {
	m.attr(typ, n)
	return m.Grow(n)
}

// Flag appends an attribute without payload.
func (m *Msg) Flag(typ uint16) { m.attr(typ, 0) }

// String appends a string with its NUL.
func (m *Msg) String(typ uint16, s string) {
	m.attr(typ, len(s)+1)
	m.b = pad(append(append(m.b, s...), 0))
}

// U8 appends an 8-bit number.
func (m *Msg) U8(typ uint16, v uint8) {
	m.attr(typ, 1)
	m.b = append(m.b, v, 0, 0, 0)
}

// U16 appends a 16-bit number.
func (m *Msg) U16(typ uint16, v uint16) {
	m.attr(typ, 2)
	m.b = append(binary.NativeEndian.AppendUint16(m.b, v), 0, 0)
}

// U32 appends a 32-bit number.
func (m *Msg) U32(typ uint16, v uint32) {
	m.attr(typ, 4)
	m.b = binary.NativeEndian.AppendUint32(m.b, v)
}

// S32 appends a signed 32-bit number.
func (m *Msg) S32(typ uint16, v int32) { m.U32(typ, uint32(v)) }

// U64 appends a 64-bit number, without alignment.
func (m *Msg) U64(typ uint16, v uint64) {
	m.attr(typ, 8)
	m.b = binary.NativeEndian.AppendUint64(m.b, v)
}

// BE16 appends a 16-bit number in network byte order: a port.
func (m *Msg) BE16(typ uint16, v uint16) {
	m.attr(typ, 2)
	m.b = append(binary.BigEndian.AppendUint16(m.b, v), 0, 0)
}

// BE32 appends a 32-bit number in network byte order: an IPv4 address.
func (m *Msg) BE32(typ uint16, v uint32) {
	m.attr(typ, 4)
	m.b = binary.BigEndian.AppendUint32(m.b, v)
}

// Addr appends an address of 4 or 16 bytes; nothing when a is invalid.
func (m *Msg) Addr(typ uint16, a netip.Addr) {
	if a.IsValid() {
		m.Attr(typ, a.AsSlice())
	}
}

// Nest begins a nested attribute with NLA_F_NESTED and returns the mark for
// End.
func (m *Msg) Nest(typ uint16) (mark int) { return m.NestOld(typ | uapi.NLA_F_NESTED) }

// NestOld begins a nested attribute without NLA_F_NESTED, as messages older
// than the flag have it (nla_nest_start_noflag).
func (m *Msg) NestOld(typ uint16) (mark int) {
	mark = len(m.b) - m.base
	m.attr(typ, 0)
	return mark
}

// End ends the nested attribute that began at mark.
func (m *Msg) End(mark int) {
	binary.NativeEndian.PutUint16(m.b[m.base+mark:], uint16(len(m.b)-m.base-mark))
}

// Cancel removes everything from mark on.
func (m *Msg) Cancel(mark int) { m.b = m.b[:m.base+mark] }

// Mark returns the present length, for Cancel.
func (m *Msg) Mark() int { return len(m.b) - m.base }

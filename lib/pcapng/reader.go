package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"net/netip"
)

// Errors of the reader. A file that ends within a block gives
// io.ErrUnexpectedEOF.
var (
	ErrFormat = errors.New("pcapng: not a capture file")
	ErrBlock  = errors.New("pcapng: malformed block")
)

// Bounds that keep a hostile file from using memory.
const (
	maxBlock      = 16 << 20
	maxInterfaces = 1 << 16
	maxNames      = 1 << 16
)

// iface is an interface and how its time stamps count.
type iface struct {
	Interface
	perSecond uint64 // units a second
	offset    int64  // seconds
}

// Reader reads a capture of either format.
type Reader struct {
	r       io.Reader
	order   binary.ByteOrder
	classic bool
	ifaces  []iface
	names   []Name
	section Section
	buf     []byte
}

// NewReader reads the start of a capture.
func NewReader(r io.Reader) (*Reader, error) {
	pr := &Reader{r: r}
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, ErrFormat
	}
	if binary.LittleEndian.Uint32(magic[:]) == blockSHB { // a palindrome
		return pr, pr.sectionHeader()
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(magic[:]) {
		case 0xa1b2c3d4:
			return pr, pr.classicHeader(order, 1e6)
		case 0xa1b23c4d:
			return pr, pr.classicHeader(order, 1e9)
		}
	}
	return nil, ErrFormat
}

// Interfaces returns the interfaces that were described so far; a classic
// capture has one.
func (r *Reader) Interfaces() []Interface {
	list := make([]Interface, len(r.ifaces))
	for i := range r.ifaces {
		list[i] = r.ifaces[i].Interface
	}
	return list
}

// Names returns the name records read so far.
func (r *Reader) Names() []Name { return r.names }

// Section returns the texts of the current section's header.
func (r *Reader) Section() Section { return r.section }

// Next returns the next packet, or io.EOF after the last. The data is the
// caller's.
func (r *Reader) Next() (Packet, error) {
	if r.classic {
		return r.nextClassic()
	}
	for {
		typ, body, err := r.block()
		if err != nil {
			return Packet{}, err
		}
		switch typ {
		case blockIDB:
			err = r.interfaceBlock(body)
		case blockNRB:
			err = r.nameBlock(body)
		case blockEPB, blockPB:
			return r.packetBlock(typ, body)
		case blockSPB:
			return r.simpleBlock(body)
		}
		if err != nil {
			return Packet{}, err
		}
	}
}

func (r *Reader) classicHeader(order binary.ByteOrder, perSecond uint64) error {
	var h [20]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return ErrFormat
	}
	r.order, r.classic = order, true
	r.ifaces = []iface{{
		Interface: Interface{LinkType: uint16(order.Uint32(h[16:])), SnapLen: order.Uint32(h[12:])},
		perSecond: perSecond,
	}}
	return nil
}

func (r *Reader) nextClassic() (Packet, error) {
	var h [16]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return Packet{}, err // io.EOF at the end of the file
	}
	n := r.order.Uint32(h[8:])
	if n > maxBlock {
		return Packet{}, ErrBlock
	}
	data, err := readN(r.r, nil, int(n))
	if err != nil {
		return Packet{}, err
	}
	sec, frac := int64(r.order.Uint32(h[0:])), int64(r.order.Uint32(h[4:]))
	return Packet{
		Time:    sec*1e9 + frac*(1e9/int64(r.ifaces[0].perSecond)),
		Data:    data,
		OrigLen: int(r.order.Uint32(h[12:])),
	}, nil
}

// sectionHeader reads a section header after its type and forgets the section
// before.
func (r *Reader) sectionHeader() error {
	var h [8]byte // length, byte-order magic
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return io.ErrUnexpectedEOF
	}
	switch {
	case binary.LittleEndian.Uint32(h[4:]) == byteOrderMagic:
		r.order = binary.LittleEndian
	case binary.BigEndian.Uint32(h[4:]) == byteOrderMagic:
		r.order = binary.BigEndian
	default:
		return ErrFormat
	}
	n := r.order.Uint32(h[:])
	if n < 28 || n%4 != 0 || n > maxBlock {
		return ErrBlock
	}
	body, err := r.rest(int(n)-12, n)
	if err != nil {
		return err
	}
	if r.order.Uint16(body) != 1 {
		return ErrFormat
	}
	r.ifaces, r.section = nil, Section{}
	r.options(body[12:], func(code uint16, v []byte) {
		switch code {
		case optComment:
			r.section.Comment = string(v)
		case optSHBHardware:
			r.section.Hardware = string(v)
		case optSHBOS:
			r.section.OS = string(v)
		case optSHBApp:
			r.section.App = string(v)
		}
	})
	return nil
}

// block reads the next block but for section headers, which it deals with.
func (r *Reader) block() (typ uint32, body []byte, err error) {
	for {
		var h [8]byte
		if _, err := io.ReadFull(r.r, h[:4]); err != nil {
			return 0, nil, err // io.EOF at the end of the file
		}
		if r.order.Uint32(h[:]) == blockSHB {
			if err := r.sectionHeader(); err != nil {
				return 0, nil, err
			}
			continue
		}
		if _, err := io.ReadFull(r.r, h[4:]); err != nil {
			return 0, nil, io.ErrUnexpectedEOF
		}
		n := r.order.Uint32(h[4:])
		if n < 12 || n%4 != 0 || n > maxBlock {
			return 0, nil, ErrBlock
		}
		body, err = r.rest(int(n)-8, n)
		return r.order.Uint32(h[:]), body, err
	}
}

// rest reads the last n bytes of a block of total bytes and checks the length
// at its end. What it returns is valid until the next call.
func (r *Reader) rest(n int, total uint32) ([]byte, error) {
	b, err := readN(r.r, r.buf[:0], n)
	if err != nil {
		return nil, err
	}
	r.buf = b
	if r.order.Uint32(b[n-4:]) != total {
		return nil, ErrBlock
	}
	return b[:n-4], nil
}

// readN appends n bytes from r to b; memory grows with what is really there.
func readN(r io.Reader, b []byte, n int) ([]byte, error) {
	const step = 64 << 10
	for n > 0 {
		k := min(n, step)
		old := len(b)
		b = append(b, make([]byte, k)...)
		if _, err := io.ReadFull(r, b[old:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		n -= k
	}
	return b, nil
}

// options calls f for each option; a malformed one ends the list.
func (r *Reader) options(b []byte, f func(code uint16, v []byte)) {
	for len(b) >= 4 {
		code, n := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		b = b[4:]
		if code == optEnd || n > len(b) {
			return
		}
		f(code, b[:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

func (r *Reader) interfaceBlock(b []byte) error {
	if len(b) < 8 || len(r.ifaces) >= maxInterfaces {
		return ErrBlock
	}
	i := iface{perSecond: 1e6}
	i.LinkType, i.SnapLen = r.order.Uint16(b), r.order.Uint32(b[4:])
	ok := true
	r.options(b[8:], func(code uint16, v []byte) {
		switch {
		case code == optIfName:
			i.Name = string(v)
		case code == optIfDesc:
			i.Description = string(v)
		case code == optIfMAC && len(v) == 6:
			i.MAC = bytes.Clone(v)
		case code == optIfTsResol && len(v) == 1:
			i.perSecond, ok = resolution(v[0])
		case code == optIfTsOffset && len(v) == 8:
			i.offset = int64(r.order.Uint64(v))
		}
	})
	if !ok {
		return ErrBlock
	}
	r.ifaces = append(r.ifaces, i)
	return nil
}

// resolution decodes if_tsresol: a negative power of 10, or of 2 with the high
// bit; false where a uint64 cannot hold its inverse.
func resolution(v byte) (perSecond uint64, ok bool) {
	if v&0x80 != 0 {
		return 1 << (v & 0x7f), v&0x7f < 64
	}
	perSecond = 1
	for range min(v, 20) {
		perSecond *= 10
	}
	return perSecond, v < 20
}

// nanoseconds converts a time stamp of i.
func (i *iface) nanoseconds(high, low uint32) int64 {
	t := uint64(high)<<32 | uint64(low)
	sec, frac := t/i.perSecond, t%i.perSecond
	hi, lo := bits.Mul64(frac, 1e9)
	ns, _ := bits.Div64(hi, lo, i.perSecond) // frac < perSecond: hi < perSecond too
	return (int64(sec)+i.offset)*1e9 + int64(ns)
}

func (r *Reader) packetBlock(typ uint32, b []byte) (Packet, error) {
	if len(b) < 20 {
		return Packet{}, ErrBlock
	}
	id := int(r.order.Uint32(b))
	var p Packet
	if typ == blockPB {
		id = int(r.order.Uint16(b))
		if d := r.order.Uint16(b[2:]); d != 0xffff {
			p.Drops = uint64(d)
		}
	}
	n := r.order.Uint32(b[12:])
	if id >= len(r.ifaces) || uint64(n) > uint64(len(b)-20) {
		return Packet{}, ErrBlock
	}
	p.Interface = id
	p.Time = r.ifaces[id].nanoseconds(r.order.Uint32(b[4:]), r.order.Uint32(b[8:]))
	p.OrigLen = int(r.order.Uint32(b[16:]))
	p.Data = bytes.Clone(b[20 : 20+n])
	r.options(b[min(20+int(n+3)&^3, len(b)):], func(code uint16, v []byte) {
		switch {
		case code == optComment:
			p.Comments = append(p.Comments, string(v))
		case code == optEPBFlags && len(v) == 4:
			p.Flags = r.order.Uint32(v)
		case code == optEPBDrops && len(v) == 8:
			p.Drops = r.order.Uint64(v)
		}
	})
	return p, nil
}

// simpleBlock is a packet of the first interface without a time.
func (r *Reader) simpleBlock(b []byte) (Packet, error) {
	if len(b) < 4 || len(r.ifaces) == 0 {
		return Packet{}, ErrBlock
	}
	orig := r.order.Uint32(b)
	n := min(uint64(orig), uint64(len(b)-4))
	if snap := r.ifaces[0].SnapLen; snap != 0 {
		n = min(n, uint64(snap))
	}
	return Packet{Data: bytes.Clone(b[4 : 4+n]), OrigLen: int(orig)}, nil
}

func (r *Reader) nameBlock(b []byte) error {
	r.options(b, func(code uint16, v []byte) {
		size := 0
		switch code {
		case nameIPv4:
			size = 4
		case nameIPv6:
			size = 16
		}
		if size == 0 || len(v) <= size || len(r.names) >= maxNames {
			return
		}
		n := Name{}
		n.Addr, _ = netip.AddrFromSlice(v[:size])
		for _, s := range bytes.Split(bytes.TrimSuffix(v[size:], []byte{0}), []byte{0}) {
			n.Names = append(n.Names, string(s))
		}
		r.names = append(r.names, n)
	})
	return nil
}

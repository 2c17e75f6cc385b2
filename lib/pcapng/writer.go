package pcapng

import (
	"encoding/binary"
	"errors"
	"io"
)

var le = binary.LittleEndian

// ErrInterface is returned for a packet at an interface that was not added.
var ErrInterface = errors.New("pcapng: no such interface")

// Writer writes a capture, each block with one Write. It is not safe for
// concurrent use, and does not flush or close what it writes to.
type Writer struct {
	w      io.Writer
	buf    []byte
	ifaces []Interface
}

// NewWriter starts a section.
func NewWriter(w io.Writer, s Section) (*Writer, error) {
	pw := &Writer{w: w}
	pw.begin(blockSHB)
	pw.u32(byteOrderMagic)
	pw.buf = le.AppendUint16(pw.buf, 1) // version 1.0
	pw.buf = le.AppendUint16(pw.buf, 0)
	pw.buf = le.AppendUint64(pw.buf, 1<<64-1) // section length unknown
	n := len(pw.buf)
	pw.text(optComment, s.Comment)
	pw.text(optSHBHardware, s.Hardware)
	pw.text(optSHBOS, s.OS)
	pw.text(optSHBApp, s.App)
	return pw, pw.end(n)
}

// AddInterface writes an interface description and returns the number that
// packets name it by.
func (w *Writer) AddInterface(i Interface) (int, error) {
	w.begin(blockIDB)
	w.buf = le.AppendUint16(w.buf, i.LinkType)
	w.buf = le.AppendUint16(w.buf, 0)
	w.u32(i.SnapLen)
	n := len(w.buf)
	w.text(optIfName, i.Name)
	w.text(optIfDesc, i.Description)
	if len(i.MAC) == 6 {
		w.option(optIfMAC, i.MAC)
	}
	w.option(optIfTsResol, []byte{9}) // 10^-9 seconds
	if err := w.end(n); err != nil {
		return 0, err
	}
	w.ifaces = append(w.ifaces, i)
	return len(w.ifaces) - 1, nil
}

// WritePacket writes an enhanced packet block; the data is cut to the
// interface's SnapLen.
func (w *Writer) WritePacket(p Packet) error {
	if p.Interface < 0 || p.Interface >= len(w.ifaces) {
		return ErrInterface
	}
	orig := p.OrigLen
	if orig == 0 {
		orig = len(p.Data)
	}
	data := p.Data
	if snap := w.ifaces[p.Interface].SnapLen; snap != 0 && uint64(len(data)) > uint64(snap) {
		data = data[:snap]
	}
	w.begin(blockEPB)
	w.u32(uint32(p.Interface))
	w.time(p.Time)
	w.u32(uint32(len(data)))
	w.u32(uint32(orig))
	w.padded(data)
	n := len(w.buf)
	for _, c := range p.Comments {
		w.text(optComment, c)
	}
	if p.Flags != 0 {
		w.option(optEPBFlags, le.AppendUint32(nil, p.Flags))
	}
	w.count(optEPBDrops, p.Drops)
	return w.end(n)
}

// WriteNames writes a name resolution block.
func (w *Writer) WriteNames(names []Name) error {
	w.begin(blockNRB)
	for _, r := range names {
		typ := uint16(nameIPv6)
		if r.Addr.Is4() {
			typ = nameIPv4
		}
		value := r.Addr.AsSlice()
		for _, s := range r.Names {
			value = append(append(value, s...), 0)
		}
		w.option(typ, value)
	}
	w.option(0, nil) // nrb_record_end
	return w.end(len(w.buf))
}

// WriteStats writes the statistics of an interface.
func (w *Writer) WriteStats(iface int, s Stats) error {
	if iface < 0 || iface >= len(w.ifaces) {
		return ErrInterface
	}
	w.begin(blockISB)
	w.u32(uint32(iface))
	w.time(s.Time)
	n := len(w.buf)
	w.stamp(optISBStart, s.Start)
	w.stamp(optISBEnd, s.End)
	w.count(optISBRecv, s.Received)
	w.count(optISBDrop, s.Dropped)
	w.count(optISBOSDrop, s.OSDropped)
	w.count(optISBDeliv, s.Taken)
	return w.end(n)
}

func (w *Writer) begin(typ uint32) {
	w.buf = w.buf[:0]
	w.u32(typ)
	w.u32(0) // length, set by end
}

// end closes a block whose options start at opts, and writes it.
func (w *Writer) end(opts int) error {
	if len(w.buf) > opts {
		w.option(optEnd, nil)
	}
	n := uint32(len(w.buf) + 4)
	w.u32(n)
	le.PutUint32(w.buf[4:], n)
	_, err := w.w.Write(w.buf)
	return err
}

func (w *Writer) u32(v uint32) { w.buf = le.AppendUint32(w.buf, v) }

// time appends a time stamp: the high half comes first.
func (w *Writer) time(ns int64) {
	w.u32(uint32(uint64(ns) >> 32))
	w.u32(uint32(ns))
}

func (w *Writer) padded(b []byte) {
	w.buf = append(w.buf, b...)
	for len(w.buf)%4 != 0 {
		w.buf = append(w.buf, 0)
	}
}

// option appends an option, cut to what its 16-bit length can say.
func (w *Writer) option(code uint16, v []byte) {
	v = v[:min(len(v), 1<<16-1)]
	w.buf = le.AppendUint16(w.buf, code)
	w.buf = le.AppendUint16(w.buf, uint16(len(v)))
	w.padded(v)
}

func (w *Writer) text(code uint16, s string) {
	if s != "" {
		w.option(code, []byte(s))
	}
}

func (w *Writer) count(code uint16, v uint64) {
	if v != 0 {
		w.option(code, le.AppendUint64(nil, v))
	}
}

// stamp appends an option that is a time stamp, high half first.
func (w *Writer) stamp(code uint16, ns int64) {
	if ns != 0 {
		b := le.AppendUint32(nil, uint32(uint64(ns)>>32))
		w.option(code, le.AppendUint32(b, uint32(ns)))
	}
}

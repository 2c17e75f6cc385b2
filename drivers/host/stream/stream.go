// Package stream is an Ethernet device at the end of a socket of the host, in
// the two framings of QEMU's network back ends, so that a virtual machine is
// wired to a namespace without privileges:
//
//	-netdev stream    each frame behind its length, 4 bytes, big-endian
//	-netdev dgram     one frame a datagram
//
// The frames have no FCS, their checksums are complete.
//
// QEMU files: net/stream.c, net/dgram.c. Not done: its vnet header.
package stream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"linen/drivers/host/port"
	"linen/net/netns"
)

// lengthLen is the length of the length in front of a frame.
const lengthLen = 4

// ErrFrame is the end of a wire whose other side says that a frame is longer
// than any can be: nothing behind it could be read.
var ErrFrame = errors.New("stream: a frame's length makes no sense")

// New makes a device of n at the end of a stream connection (UNIX or TCP),
// which is the device's from then on. See port.New.
func New(n *netns.Net, name string, conn net.Conn) (*port.Port, error) {
	return port.New(n, name, newWire(conn))
}

// wire is the framing of -netdev stream.
type wire struct {
	conn io.ReadWriteCloser
	r    *bufio.Reader
	out  []byte
}

func newWire(conn io.ReadWriteCloser) *wire {
	return &wire{conn: conn, r: bufio.NewReaderSize(conn, 1<<17)}
}

// Receive reads a frame, and those that have come with it.
func (w *wire) Receive(b *port.Batch) error {
	for {
		if err := w.frame(b); err != nil {
			return err
		}
		if b.Full() || !w.buffered() {
			return nil
		}
	}
}

// frame reads one frame. One of no bytes is skipped, as QEMU does.
func (w *wire) frame(b *port.Batch) error {
	head, err := w.r.Peek(lengthLen)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	n := binary.BigEndian.Uint32(head)
	if n > port.MaxFrame {
		return fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	if _, err := w.r.Discard(lengthLen); err != nil || n == 0 {
		return err
	}
	if _, err := io.ReadFull(w.r, b.Room()[:n]); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	b.Commit(int(n))
	return nil
}

// buffered reports whether the next frame is there as a whole.
func (w *wire) buffered() bool {
	if w.r.Buffered() < lengthLen {
		return false
	}
	head, err := w.r.Peek(lengthLen)
	return err == nil && uint64(w.r.Buffered()) >= lengthLen+uint64(binary.BigEndian.Uint32(head))
}

// Send writes a batch with one call.
func (w *wire) Send(b *port.Batch) error {
	w.out = w.out[:0]
	for frame := range b.All() {
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(len(frame)))
		w.out = append(w.out, frame...)
	}
	_, err := w.conn.Write(w.out)
	return err
}

// Close ends the connection.
func (w *wire) Close() error { return w.conn.Close() }

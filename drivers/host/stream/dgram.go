package stream

import (
	"net"

	"linen/drivers/host/port"
	"linen/net/netns"
)

// NewDatagram makes a device of n at a datagram socket, UNIX or UDP, which is
// the device's from then on. Frames go to peer, or, when it is nil, to where
// the socket is connected. See port.New.
func NewDatagram(n *netns.Net, name string, conn net.PacketConn, peer net.Addr) (*port.Port, error) {
	return port.New(n, name, &datagrams{conn, peer})
}

// datagrams is the framing of -netdev dgram.
type datagrams struct {
	conn net.PacketConn
	peer net.Addr
}

// Receive reads one frame; an empty datagram is none.
func (w *datagrams) Receive(b *port.Batch) error {
	n, _, err := w.conn.ReadFrom(b.Room())
	if n > 0 {
		b.Commit(n)
	}
	return err
}

// Send writes each frame. One that the peer does not take, because it is not
// there yet or its buffer is full, is lost like a frame on a cable.
func (w *datagrams) Send(b *port.Batch) error {
	for frame := range b.All() {
		if err := w.write(frame); err != nil {
			b.Refuse()
		}
	}
	return nil
}

func (w *datagrams) write(frame []byte) error {
	if c, ok := w.conn.(net.Conn); ok && w.peer == nil {
		_, err := c.Write(frame)
		return err
	}
	_, err := w.conn.WriteTo(frame, w.peer)
	return err
}

// Close ends the socket.
func (w *datagrams) Close() error { return w.conn.Close() }

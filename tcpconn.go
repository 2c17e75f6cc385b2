package linen

import (
	"encoding/binary"
	"io"
	"net"
	"time"

	"linen/net/sock"
	"linen/uapi"
)

// A TCPConn is a TCP connection, with the methods of *net.TCPConn but those
// that need a descriptor (File, SyscallConn).
type TCPConn struct{ Conn }

// newTCPConn returns the net.Conn of a connected socket.
func newTCPConn(n *Net, s sock.Socket, network string) *TCPConn {
	c := &TCPConn{}
	c.init(n, s, network)
	s.Setsockopt(n.root, uapi.IPPROTO_TCP, uapi.TCP_NODELAY, n.on)
	return c
}

// copyBuffer is how much ReadFrom and WriteTo move at a time: what one
// super-frame carries.
const copyBuffer = 64 << 10

// ReadFrom sends what r gives until io.EOF (io.ReaderFrom), in pieces as large
// as TCP's largest segments.
func (c *TCPConn) ReadFrom(r io.Reader) (int64, error) {
	// The structs hide from io.CopyBuffer that it is here already.
	return io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{r}, make([]byte, copyBuffer))
}

// WriteTo writes what comes to w until the end of the stream (io.WriterTo).
func (c *TCPConn) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{c}, make([]byte, copyBuffer))
}

// CloseWrite shuts down sending: the peer reads io.EOF.
func (c *TCPConn) CloseWrite() error { return c.shutdown(uapi.SHUT_WR) }

// CloseRead shuts down receiving.
func (c *TCPConn) CloseRead() error { return c.shutdown(uapi.SHUT_RD) }

func (c *TCPConn) shutdown(how int) error {
	if c.closed.Load() {
		return c.opError("close", "shutdown", net.ErrClosed)
	}
	return c.opError("close", "shutdown", c.s.Shutdown(c.n.root, how))
}

// SetNoDelay says whether small segments are sent at once (TCP_NODELAY, on at
// first) or wait for acknowledgements (Nagle).
func (c *TCPConn) SetNoDelay(noDelay bool) error {
	return c.setInt(uapi.IPPROTO_TCP, uapi.TCP_NODELAY, boolInt(noDelay))
}

// SetKeepAlive turns keepalive probes on or off (SO_KEEPALIVE).
func (c *TCPConn) SetKeepAlive(keepalive bool) error {
	return c.setInt(uapi.SOL_SOCKET, uapi.SO_KEEPALIVE, boolInt(keepalive))
}

// SetKeepAlivePeriod sets the idle time before the first probe, in whole
// seconds rounded up (TCP_KEEPIDLE).
func (c *TCPConn) SetKeepAlivePeriod(d time.Duration) error {
	return c.setInt(uapi.IPPROTO_TCP, uapi.TCP_KEEPIDLE, seconds(d))
}

// SetKeepAliveConfig sets SO_KEEPALIVE and the three times of TCP: 0 stands
// for package net's default (15 s, 15 s, 9), a negative value leaves what is.
func (c *TCPConn) SetKeepAliveConfig(cfg net.KeepAliveConfig) error {
	if err := c.SetKeepAlive(cfg.Enable); err != nil {
		return err
	}
	for _, o := range []struct{ name, value, byDefault int }{
		{uapi.TCP_KEEPIDLE, seconds(cfg.Idle), 15},
		{uapi.TCP_KEEPINTVL, seconds(cfg.Interval), 15},
		{uapi.TCP_KEEPCNT, cfg.Count, 9},
	} {
		if o.value == 0 {
			o.value = o.byDefault
		}
		if o.value < 0 {
			continue
		}
		if err := c.setInt(uapi.IPPROTO_TCP, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}

// SetLinger sets what Close does with data that is not acknowledged yet
// (SO_LINGER): negative sends it in the background, 0 discards it with a
// reset, else Close of a program would wait so many seconds; a TCPConn's does
// not wait.
func (c *TCPConn) SetLinger(sec int) error {
	val := int32Value(boolInt(sec >= 0))
	val = binary.NativeEndian.AppendUint32(val, uint32(max(sec, 0)))
	return c.opError("set", "setsockopt", c.setOption(uapi.SOL_SOCKET, uapi.SO_LINGER, val))
}

// setInt sets an option whose value is a number.
func (c *TCPConn) setInt(level, name, v int) error {
	return c.opError("set", "setsockopt", c.setOption(level, name, int32Value(v)))
}

// MultipathTCP reports whether the connection is Multipath TCP's: never.
func (c *TCPConn) MultipathTCP() (bool, error) { return false, nil }

// seconds rounds up; negative stays negative.
func seconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((d + time.Second - 1) / time.Second)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

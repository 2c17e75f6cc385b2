package netapi

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// tcp is what *net.TCPConn and *linen.TCPConn have in common.
type tcp interface {
	net.Conn
	io.ReaderFrom
	io.WriterTo
	CloseRead() error
	CloseWrite() error
	SetLinger(sec int) error
	SetNoDelay(bool) error
	SetKeepAlive(bool) error
	SetKeepAlivePeriod(time.Duration) error
	SetKeepAliveConfig(net.KeepAliveConfig) error
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
	MultipathTCP() (bool, error)
}

func read(c io.Reader) error {
	_, err := c.Read(make([]byte, 16))
	return err
}

func write(c io.Writer) error {
	_, err := c.Write([]byte("x"))
	return err
}

// late makes every call on c too late.
func late(c net.Conn) net.Conn {
	c.SetDeadline(time.Now().Add(-time.Second))
	return c
}

func closed(c net.Conn) tcp {
	c.Close()
	return c.(tcp)
}

// reset makes the peer end with a reset, which has come once a read says so.
func reset(t *testing.T, c, peer net.Conn) error {
	t.Helper()
	check(t, peer.(tcp).SetLinger(0))
	check(t, peer.Close())
	return read(c)
}

// connErrors make an error of a connection each.
var connErrors = []struct {
	name string
	make func(t *testing.T, c, peer net.Conn) error
}{
	{"read when closed", func(_ *testing.T, c, _ net.Conn) error { return read(closed(c)) }},
	{"read nothing when closed", func(_ *testing.T, c, _ net.Conn) error { _, err := closed(c).Read(nil); return err }},
	{"read nothing", func(_ *testing.T, c, _ net.Conn) error { _, err := c.Read(nil); return err }},
	{"write nothing", func(_ *testing.T, c, _ net.Conn) error { _, err := c.Write(nil); return err }},
	{"write when closed", func(_ *testing.T, c, _ net.Conn) error { return write(closed(c)) }},
	{"close twice", func(_ *testing.T, c, _ net.Conn) error { return closed(c).Close() }},
	{"deadline when closed", func(_ *testing.T, c, _ net.Conn) error { return closed(c).SetReadDeadline(time.Now()) }},
	{"half-close when closed", func(_ *testing.T, c, _ net.Conn) error { return closed(c).CloseWrite() }},
	{"option when closed", func(_ *testing.T, c, _ net.Conn) error { return closed(c).SetNoDelay(true) }},
	{"buffer when closed", func(_ *testing.T, c, _ net.Conn) error { return closed(c).SetReadBuffer(1) }},
	{"read late", func(_ *testing.T, c, _ net.Conn) error { return read(late(c)) }},
	{"write late", func(_ *testing.T, c, _ net.Conn) error { return write(late(c)) }},
	{"read after the end", func(_ *testing.T, c, peer net.Conn) error { peer.Close(); return read(c) }},
	{"read after a reset", reset},
	{"write after a reset", func(t *testing.T, c, peer net.Conn) error { reset(t, c, peer); return write(c) }},
	{"read twice after a reset", func(t *testing.T, c, peer net.Conn) error { reset(t, c, peer); return read(c) }},
	{"half-close after a reset", func(t *testing.T, c, peer net.Conn) error { reset(t, c, peer); return c.(tcp).CloseWrite() }},
	{"write after a half-close", func(t *testing.T, c, _ net.Conn) error { check(t, c.(tcp).CloseWrite()); return write(c) }},
	{"read after CloseRead", func(t *testing.T, c, _ net.Conn) error { check(t, c.(tcp).CloseRead()); return read(c) }},
	{"options", func(t *testing.T, c, _ net.Conn) error { return options(c.(tcp)) }},
	{"an option that is refused", func(_ *testing.T, c, _ net.Conn) error {
		return c.(tcp).SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Count: 1000})
	}},
}

func options(c tcp) error {
	for _, err := range []error{
		c.SetNoDelay(false), c.SetKeepAlive(true), c.SetKeepAlivePeriod(1500 * time.Millisecond),
		c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: -1, Interval: time.Second}), c.SetLinger(-1),
		c.SetLinger(1), c.SetLinger(-1), c.SetReadBuffer(1 << 16), c.SetWriteBuffer(1 << 16),
	} {
		if err != nil {
			return err
		}
	}
	mptcp, err := c.MultipathTCP()
	if mptcp {
		return os.ErrInvalid
	}
	return err
}

// TestErrorsOfConnections: errors are package net's to the letter.
func TestErrorsOfConnections(t *testing.T) {
	for _, c := range connErrors {
		t.Run(c.name, func(t *testing.T) {
			run := func(s stack) string {
				client, server := s.pair(t)
				return shape(c.make(t, client, server))
			}
			if want, got := run(host()), run(ours(t)); got != want {
				t.Errorf("linen:       %s\npackage net: %s", got, want)
			}
		})
	}
}

// TestHalfClose: after CloseWrite the other direction goes on, and io.Copy
// takes the fast paths of both ends.
func TestHalfClose(t *testing.T) {
	onBoth(t, func(t *testing.T, s stack) {
		client, server := s.pair(t)
		want := bytes.Repeat([]byte("0123456789"), 100_000)
		go func() {
			io.Copy(server, server)
			server.(tcp).CloseWrite()
		}()
		go func() {
			client.(tcp).ReadFrom(bytes.NewReader(want))
			client.(tcp).CloseWrite()
		}()
		var got bytes.Buffer
		n, err := client.(tcp).WriteTo(&got)
		if n != int64(len(want)) || err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

// TestAddresses: both ends know both addresses, also when closed.
func TestAddresses(t *testing.T) {
	onBoth(t, func(t *testing.T, s stack) {
		client, server := s.pair(t)
		for range 2 {
			if client.LocalAddr().String() != server.RemoteAddr().String() || client.RemoteAddr().String() != server.LocalAddr().String() ||
				client.LocalAddr().Network() != "tcp" {
				t.Error(client.LocalAddr(), client.RemoteAddr(), server.LocalAddr(), server.RemoteAddr())
			}
			client.Close()
			server.Close()
		}
	})
}

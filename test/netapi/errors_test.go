package netapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// ports are what differs from run to run.
var ports = regexp.MustCompile(`:[0-9]{4,5}\b`)

// shape is everything about an error that a caller can ask.
func shape(err error) string {
	if err == nil {
		return "none"
	}
	text := ports.ReplaceAllString(err.Error(), ":PORT")
	var op *net.OpError
	var ne net.Error
	var call *os.SyscallError
	text += fmt.Sprintf(" | op %v", errors.As(err, &op))
	if errors.As(err, &ne) {
		again, _ := ne.(interface{ Temporary() bool })
		text += fmt.Sprintf(", timeout %v, temporary %v", ne.Timeout(), again != nil && again.Temporary())
	}
	if errors.As(err, &call) {
		text += ", call " + call.Syscall
	}
	for _, target := range []error{
		net.ErrClosed, os.ErrDeadlineExceeded, context.Canceled, context.DeadlineExceeded, io.EOF, net.ErrWriteToConnected,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EMSGSIZE,
		syscall.EDESTADDRREQ, syscall.EINVAL, syscall.ENOTCONN,
	} {
		if errors.Is(err, target) {
			text += ", is " + target.Error()
		}
	}
	return text
}

// errorCases make an error each.
var errorCases = []struct {
	name string
	make func(t *testing.T, s stack) error
}{
	{"dial to nobody", func(t *testing.T, s stack) error {
		l, err := s.listen(t.Context(), "tcp", "127.0.0.1:0")
		check(t, err)
		l.Close()
		return dial(t.Context(), s, "tcp", l.Addr().String())
	}},
	{"dial an unknown network", func(t *testing.T, s stack) error { return dial(t.Context(), s, "foo", "127.0.0.1:1") }},
	{"dial without a port", func(t *testing.T, s stack) error { return dial(t.Context(), s, "tcp", "127.0.0.1") }},
	{"dial a port too large", func(t *testing.T, s stack) error { return dial(t.Context(), s, "tcp", "127.0.0.1:65536") }},
	{"dial when canceled", func(t *testing.T, s stack) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return dial(ctx, s, "tcp", "127.0.0.1:9")
	}},
	{"dial when late", func(t *testing.T, s stack) error {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		return dial(ctx, s, "tcp", "127.0.0.1:9")
	}},
	{"listen on an unknown network", func(t *testing.T, s stack) error { return listen(t, s, "foo", "127.0.0.1:0") }},
	{"listen on datagrams", func(t *testing.T, s stack) error { return listen(t, s, "udp", "127.0.0.1:0") }},
	{"listen twice", func(t *testing.T, s stack) error {
		l, err := s.listen(t.Context(), "tcp", "127.0.0.1:0")
		check(t, err)
		defer l.Close()
		return listen(t, s, "tcp", l.Addr().String())
	}},
	{"listen elsewhere", func(t *testing.T, s stack) error { return listen(t, s, "tcp", "192.0.2.1:0") }},
	{"bind elsewhere", func(t *testing.T, s stack) error {
		_, err := s.listenPacket(t.Context(), "udp", "192.0.2.1:0")
		return err
	}},
	{"bind twice", func(t *testing.T, s stack) error {
		_, err := s.listenPacket(t.Context(), "udp", s.packet(t).LocalAddr().String())
		return err
	}},
	{"bind a stream as packets", func(t *testing.T, s stack) error {
		_, err := s.listenPacket(t.Context(), "tcp", "127.0.0.1:0")
		return err
	}},
	{"accept when closed", func(t *testing.T, s stack) error { return accept(t, s, net.Listener.Close) }},
	{"accept late", func(t *testing.T, s stack) error {
		return accept(t, s, func(l net.Listener) error {
			return l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(-time.Second))
		})
	}},
	{"close a listener twice", func(t *testing.T, s stack) error {
		l, err := s.listen(t.Context(), "tcp", "127.0.0.1:0")
		check(t, err)
		l.Close()
		return l.Close()
	}},
}

func dial(ctx context.Context, s stack, network, address string) error {
	_, err := s.dial(ctx, network, address)
	return err
}

func listen(t *testing.T, s stack, network, address string) error {
	_, err := s.listen(t.Context(), network, address)
	return err
}

// accept does something to a listener and then accepts.
func accept(t *testing.T, s stack, do func(net.Listener) error) error {
	l, err := s.listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	check(t, do(l))
	_, err = l.Accept()
	return err
}

// TestErrorsOfOpening: errors are package net's to the letter.
func TestErrorsOfOpening(t *testing.T) {
	for _, c := range errorCases {
		t.Run(c.name, func(t *testing.T) {
			want, got := shape(c.make(t, host())), shape(c.make(t, ours(t)))
			if got != want {
				t.Errorf("linen:       %s\npackage net: %s", got, want)
			}
		})
	}
}

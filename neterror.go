package linen

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"

	"linen/uapi/errno"
)

// errnoTimeout reports whether err is a send or receive timeout of the socket
// itself (SO_RCVTIMEO).
func errnoTimeout(err error) bool { return err == errno.EAGAIN }

// dialTimeout and dialCanceled are why a dial ended early, with the texts of
// package net.
type dialTimeout struct{}

func (dialTimeout) Error() string     { return "i/o timeout" }
func (dialTimeout) Timeout() bool     { return true }
func (dialTimeout) Temporary() bool   { return true }
func (dialTimeout) Is(err error) bool { return err == context.DeadlineExceeded }

type dialCanceled struct{}

func (dialCanceled) Error() string     { return "operation was canceled" }
func (dialCanceled) Is(err error) bool { return err == context.Canceled }

// ofContext turns a context's error into package net's.
func ofContext(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return dialCanceled{}
	case errors.Is(err, context.DeadlineExceeded):
		return dialTimeout{}
	}
	return err
}

// A goErrno is an error number with the text of Go's package syscall, which
// begins with a small letter.
type goErrno struct{ errno.Errno }

// Error returns the text.
func (e goErrno) Error() string {
	text := e.Errno.Error()
	if len(text) > 1 && text[1] >= 'a' {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

// Unwrap returns the number itself.
func (e goErrno) Unwrap() error { return e.Errno }

// ofCall names the system call of an error that is a number, as package net
// does: "connect: connection refused".
func ofCall(call string, err error) error {
	if e, is := err.(errno.Errno); is {
		return os.NewSyscallError(call, goErrno{e})
	}
	return err
}

// ofErrno is ofCall where there was no call.
func ofErrno(err error) error {
	if e, is := err.(errno.Errno); is {
		return goErrno{e}
	}
	return err
}

// cause is what went wrong in a call on the socket.
func (c *Conn) cause(call string, err error) error {
	if err == errno.EBADF && c.closed.Load() {
		return net.ErrClosed
	}
	return ofCall(call, err)
}

// opError dresses an error of op, which is the system call call, as package
// net does.
func (c *Conn) opError(op, call string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: c.network, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: c.cause(call, err)}
}

// ownError is opError for what has to do with this end only: options,
// buffers, deadlines, accept.
func (c *Conn) ownError(op, call string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: c.network, Addr: c.LocalAddr(), Err: c.cause(call, err)}
}

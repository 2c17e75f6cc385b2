package tun

import (
	"linen/net/sock"
	"linen/uapi/errno"
)

// A character device is no socket (fs/file.c, net/socket.c sockfd_lookup).

// Bind implements sock.Socket.
func (*File) Bind(*sock.Caller, []byte) error { return errno.ENOTSOCK }

// Connect implements sock.Socket.
func (*File) Connect(*sock.Caller, []byte) error { return errno.ENOTSOCK }

// Listen implements sock.Socket.
func (*File) Listen(*sock.Caller, int) error { return errno.ENOTSOCK }

// Accept implements sock.Socket.
func (*File) Accept(*sock.Caller) (sock.Socket, error) { return nil, errno.ENOTSOCK }

// Getsockname implements sock.Socket.
func (*File) Getsockname() ([]byte, error) { return nil, errno.ENOTSOCK }

// Getpeername implements sock.Socket.
func (*File) Getpeername() ([]byte, error) { return nil, errno.ENOTSOCK }

// Setsockopt implements sock.Socket.
func (*File) Setsockopt(*sock.Caller, int, int, []byte) error { return errno.ENOTSOCK }

// Getsockopt implements sock.Socket.
func (*File) Getsockopt(*sock.Caller, int, int, []byte) (int, error) { return 0, errno.ENOTSOCK }

// Shutdown implements sock.Socket.
func (*File) Shutdown(*sock.Caller, int) error { return errno.ENOTSOCK }

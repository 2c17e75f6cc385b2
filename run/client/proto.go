//go:build linux

package client

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"linen/run/nodeinit"
)

// API is the number of the protocol between client and daemon. A newer client
// says so and offers to take the daemon down.
const API = 1

// The exit codes of a command that was not run, as shells and env(1) use them.
const (
	CodeFailed        = 125 // linen itself failed
	CodeNotExecutable = 126
	CodeNotFound      = 127
)

// Request is what a client asks for. Its record carries three files: the
// program's standard input, output and error.
type Request struct {
	API     int
	Node    string
	Program nodeinit.Program
}

// The operations of message.
const (
	opStarted = "started" // supervisor: PID
	opFailed  = "failed"  // supervisor: Text, Code
	opExited  = "exited"  // supervisor: Exit
	opSignal  = "signal"  // client: Signal
)

type message struct {
	Op     string
	PID    int           `json:",omitempty"`
	Text   string        `json:",omitempty"`
	Code   int           `json:",omitempty"`
	Exit   nodeinit.Exit `json:",omitzero"`
	Signal unix.Signal   `json:",omitempty"`
}

// Error says why a program was not started, and with which code a shell would
// have ended.
type Error struct {
	Text string
	Code int
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// ErrLost is returned when the supervisor goes away before the program ended.
var ErrLost = errors.New("the supervisor is gone")

// codeOf maps an error of Exec to an exit code.
func codeOf(err error) int {
	switch {
	case errors.Is(err, unix.ENOENT):
		return CodeNotFound
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOEXEC), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOTDIR):
		return CodeNotExecutable
	}
	return CodeFailed
}

// Listen makes the socket at path, which only its owner can open. Until the
// permissions are set somebody else might connect: Serve asks who it is.
func Listen(path string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, fmt.Errorf("client: listen: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("client: listen: %w", err)
	}
	return l, nil
}

// Dial connects to the socket at path.
func Dial(path string) (*net.UnixConn, error) {
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return c, nil
}

//go:build linux

package client

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"linen/run/internal/msg"
	"linen/run/nodeinit"
)

// Proc is a program that a supervisor started; *nodeinit.Proc is one.
type Proc interface {
	PID() int
	Signal(unix.Signal) error
	Wait(context.Context) (nodeinit.Exit, error)
}

// Handler starts the program of a request. files are standard input, output and
// error; they are closed when Exec has returned. An error that wraps
// unix.ENOENT or unix.EACCES becomes exit code 127 or 126.
type Handler interface {
	Exec(ctx context.Context, r Request, files []*os.File) (Proc, error)
}

// Serve answers one client until its program has ended. A client that goes away
// first hangs its program up (SIGHUP). ctx ends the session, not the program.
// Only this process's own user and root are served.
func Serve(ctx context.Context, c *net.UnixConn, h Handler) error {
	conn := msg.New(c)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var r Request
	files, err := conn.Recv(&r)
	if err != nil {
		return err
	}
	proc, err := accept(ctx, conn, h, r, files)
	msg.CloseAll(files)
	if err != nil {
		conn.Send(message{Op: opFailed, Text: err.Error(), Code: codeOf(err)})
		return err
	}
	conn.Send(message{Op: opStarted, PID: proc.PID()})
	over := make(chan struct{})
	go func() {
		defer close(over)
		forward(conn, proc)
	}()
	exit, err := proc.Wait(ctx)
	if err != nil {
		conn.Send(message{Op: opFailed, Text: err.Error(), Code: CodeFailed})
	} else {
		conn.Send(message{Op: opExited, Exit: exit})
	}
	// The client closes when it has read the answer, or has gone already.
	<-over
	return err
}

func accept(ctx context.Context, conn *msg.Conn, h Handler, r Request, files []*os.File) (Proc, error) {
	uid, err := conn.PeerUID()
	switch {
	case err != nil:
		return nil, err
	case uid != os.Geteuid() && uid != 0:
		return nil, fmt.Errorf("user %d does not own this supervisor", uid)
	case r.API != API:
		return nil, fmt.Errorf("the client speaks protocol %d, this supervisor %d: take it down and up again", r.API, API)
	case len(files) != 3:
		return nil, fmt.Errorf("%d files came with the request, want 3", len(files))
	}
	return h.Exec(ctx, r, files)
}

// forward passes the client's signals on.
func forward(conn *msg.Conn, proc Proc) {
	for {
		var m message
		files, err := conn.Recv(&m)
		if err != nil {
			// A program that has ended is not signalled: nodeinit knows it by id.
			proc.Signal(unix.SIGHUP)
			proc.Signal(unix.SIGCONT) // a stopped one would not see the other
			return
		}
		msg.CloseAll(files)
		if m.Op == opSignal {
			proc.Signal(m.Signal)
		}
	}
}

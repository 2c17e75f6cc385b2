//go:build linux

package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"linen/run/internal/msg"
	"linen/run/nodeinit"
)

// Stdio are the descriptors of the process that Run stands for.
type Stdio struct {
	In, Out, Err *os.File
}

// Interactive reports whether a program with this stdio wants a terminal of its
// own: input and output are one.
func (s Stdio) Interactive() bool { return isTerminal(s.In) && isTerminal(s.Out) }

// Run asks the supervisor at c for a program and lives for it until it has
// ended: it forwards signals and, where r.Program.TTY asks for a terminal,
// bytes and window sizes. *Error says that the program was not started, ErrLost
// that the supervisor went away. c is closed.
func Run(c *net.UnixConn, r Request, stdio Stdio) (nodeinit.Exit, error) {
	conn := msg.New(c)
	defer conn.Close()
	r.API = API
	s := &session{conn: conn, signals: make(chan os.Signal, 16)}
	signal.Notify(s.signals, forwarded...)
	defer signal.Stop(s.signals)
	files := []*os.File{stdio.In, stdio.Out, stdio.Err}
	if r.Program.TTY {
		term, slave, err := openTerminal(stdio.In, stdio.Out)
		if err != nil {
			return nodeinit.Exit{}, err
		}
		s.term = term
		defer term.close()
		files[0], files[1] = slave, slave
		if isTerminal(stdio.Err) {
			files[2] = slave
		}
		defer slave.Close()
		err = conn.Send(r, files...)
		slave.Close() // so that the end of the last program is the end of the terminal
		if err != nil {
			return nodeinit.Exit{}, ErrLost
		}
		return s.live()
	}
	msg.MakeBlocking(files)
	if err := conn.Send(r, files...); err != nil {
		return nodeinit.Exit{}, fmt.Errorf("client: %w", err)
	}
	return s.live()
}

// session is one Run.
type session struct {
	conn    *msg.Conn
	term    *terminal // nil without a terminal
	signals chan os.Signal
}

// live handles the supervisor's messages and this process's signals.
func (s *session) live() (nodeinit.Exit, error) {
	over := make(chan struct{})
	minded := make(chan struct{})
	go func() {
		defer close(minded)
		s.mind(over)
	}()
	exit, err := s.wait()
	close(over)
	<-minded
	return exit, err
}

func (s *session) wait() (nodeinit.Exit, error) {
	for {
		var m message
		files, err := s.conn.Recv(&m)
		switch {
		case errors.Is(err, io.EOF):
			return nodeinit.Exit{}, ErrLost
		case err != nil:
			return nodeinit.Exit{}, fmt.Errorf("client: %w", err)
		}
		msg.CloseAll(files)
		switch m.Op {
		case opStarted:
			if s.term == nil {
				continue
			}
			if err := s.term.start(); err != nil {
				return nodeinit.Exit{}, err
			}
		case opFailed:
			return nodeinit.Exit{}, &Error{Text: m.Text, Code: m.Code}
		case opExited:
			if s.term != nil {
				s.term.drain()
			}
			return m.Exit, nil
		}
	}
}

// forwarded are the signals that Run handles: those that a user or a service
// manager sends to stop, continue or tell something to a program.
var forwarded = []os.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2,
	unix.SIGTSTP, unix.SIGCONT, unix.SIGWINCH,
}

func (s *session) mind(over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case sig := <-s.signals:
			s.handle(sig.(unix.Signal))
		}
	}
}

// handle treats one signal. A stop stops the program first, by a signal that an
// orphaned process group cannot ignore, and then this process, so that the
// shell sees a stopped job.
func (s *session) handle(sig unix.Signal) {
	switch sig {
	case unix.SIGWINCH:
		if s.term != nil {
			s.term.resize()
		}
	case unix.SIGTSTP:
		s.send(unix.SIGSTOP)
		if s.term != nil {
			s.term.cook()
		}
		unix.Kill(unix.Getpid(), unix.SIGSTOP)
	case unix.SIGCONT:
		if s.term != nil {
			s.term.raw()
			s.term.resize()
		}
		s.send(unix.SIGCONT)
	default:
		s.send(sig)
	}
}

func (s *session) send(sig unix.Signal) {
	s.conn.Send(message{Op: opSignal, Signal: sig}) // the supervisor may have gone: wait sees it
}

//go:build linux

package client

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen/run/internal/msg"
	"linen/run/internal/runtest"
	"linen/run/nodeinit"
)

// rawClient speaks the protocol by hand.
type rawClient struct{ *msg.Conn }

func newRawClient(t *testing.T, c *net.UnixConn) rawClient {
	r := rawClient{msg.New(c)}
	t.Cleanup(func() { r.Close() })
	return r
}

func (c rawClient) send(t *testing.T, v any) {
	t.Helper()
	if err := c.Send(v); err != nil {
		t.Fatal(err)
	}
}

func (c rawClient) recv(t *testing.T) (m message) {
	t.Helper()
	if _, err := c.Recv(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func socketPair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	l, err := Listen(t.TempDir() + "/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = Dial(l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// user is somebody at a terminal: the master of a pseudo-terminal.
type user struct {
	t    *testing.T
	tty  *os.File // the master
	seen strings.Builder
}

// expect reads until the screen shows want.
func (u *user) expect(want string) {
	u.t.Helper()
	buf := make([]byte, 1024)
	u.tty.SetReadDeadline(time.Now().Add(runtest.Timeout))
	for !strings.Contains(u.seen.String(), want) {
		n, err := u.tty.Read(buf)
		if err != nil {
			u.t.Fatalf("waiting for %q: %v; the screen shows %q", want, err, u.seen.String())
		}
		u.seen.Write(buf[:n])
	}
	_, rest, _ := strings.Cut(u.seen.String(), want)
	u.seen.Reset()
	u.seen.WriteString(rest)
}

func (u *user) enter(s string) {
	u.t.Helper()
	if _, err := u.tty.WriteString(s); err != nil {
		u.t.Fatal(err)
	}
}

type ended struct {
	exit nodeinit.Exit
	err  error
}

// interactive starts a program at a new terminal.
func interactive(t *testing.T, socket string, p nodeinit.Program) (*user, *os.File, <-chan ended) {
	t.Helper()
	master, slave, err := openPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 77}); err != nil {
		t.Fatal(err)
	}
	c, err := Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	stdio := Stdio{slave, slave, slave}
	p.TTY = stdio.Interactive()
	done := make(chan ended, 1)
	go func() {
		exit, err := Run(c, Request{Program: p}, stdio)
		done <- ended{exit, err}
	}()
	return &user{t: t, tty: master}, slave, done
}

func TestTerminal(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		s := supervisor(t)
		before := modes(t)
		u, slave, done := interactive(t, s, shell("stty size; tty; echo ready; read line; echo got $line; exit 3"))
		u.expect("33 77\r\n")
		u.expect("/dev/pts/")
		u.expect("ready\r\n")
		if m, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS); err != nil || m.Lflag&unix.ECHO != 0 {
			t.Errorf("the user's terminal is not raw: %v", err)
		}
		u.enter("hello\r")
		u.expect("hello\r\ngot hello\r\n") // echoed once, by the program's terminal
		if e := <-done; e.err != nil || e.exit != (nodeinit.Exit{Code: 3}) {
			t.Errorf("ended with %+v", e)
		}
		if m, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS); err != nil || m.Lflag != before.Lflag {
			t.Errorf("the user's terminal was not restored: %#x, %#x, %v", m.Lflag, before.Lflag, err)
		}
	})
}

// modes are those of a new terminal.
func modes(t *testing.T) *unix.Termios {
	t.Helper()
	master, slave, err := openPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	m, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestInterruptKey(t *testing.T) {
	s := supervisor(t)
	u, _, done := interactive(t, s, shell("echo ready; exec sleep 1000"))
	u.expect("ready\r\n")
	u.enter("\x03")
	if e := <-done; e.err != nil || e.exit.Signal != unix.SIGINT {
		t.Errorf("ended with %+v", e)
	}
}

// An interactive shell has its terminal: no complaint, and jobs stop, list and
// go on.
func TestJobControl(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		s := supervisor(t)
		u, _, done := interactive(t, s, nodeinit.Program{
			Argv: []string{"bash", "--norc", "--noprofile", "-i"},
			Env:  []string{path, "PS1=prompt> ", "TERM=dumb", "LC_ALL=C", "HOME=/"}, Dir: "/",
		})
		u.expect("prompt> ")
		if strings.Contains(u.seen.String(), "job control") {
			t.Errorf("the shell complains: %q", u.seen.String())
		}
		u.enter(fmt.Sprintf("%s=%d %s\r", envHelper, unix.SIGCONT, helperPath(t)))
		u.expect("running\r\n")
		u.enter("\x1a")
		u.expect("Stopped")
		u.expect("prompt> ")
		u.enter("jobs\r")
		u.expect("Stopped")
		u.expect("prompt> ")
		u.enter("fg\r")
		u.expect("size 33 77\r\n")
		u.enter("x\r")
		u.expect("read x\r\n")
		u.expect("prompt> ")
		u.enter("exit 7\r")
		if e := <-done; e.err != nil || e.exit != (nodeinit.Exit{Code: 7}) {
			t.Errorf("ended with %+v", e)
		}
	})
}

func TestResize(t *testing.T) {
	s := supervisor(t)
	u, slave, done := interactive(t, s, helperProgram(t, unix.SIGWINCH))
	u.expect("running\r\n")
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 132}); err != nil {
		t.Fatal(err)
	}
	// This process is not in the terminal's session: the kernel tells only that.
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	u.expect("size 50 132\r\n")
	u.enter("x\r")
	u.expect("read x\r\n")
	if e := <-done; e.err != nil || e.exit.Code != 9 {
		t.Errorf("ended with %+v", e)
	}
}

func TestSignalsAreForwarded(t *testing.T) {
	s := supervisor(t)
	u, _, done := interactive(t, s, helperProgram(t, unix.SIGUSR1))
	u.expect("running\r\n")
	if err := unix.Kill(os.Getpid(), unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	u.expect("size 33 77\r\n")
	u.enter("x\r")
	if e := <-done; e.err != nil || e.exit.Code != 9 {
		t.Errorf("ended with %+v", e)
	}
}

// Output behind a background program that keeps the terminal is not waited for.
func TestBackgroundProgramKeepsTheTerminal(t *testing.T) {
	s := supervisor(t)
	u, _, done := interactive(t, s, shell("trap '' HUP; sleep 1000 & echo last"))
	u.expect("last\r\n")
	if e := <-done; e.err != nil || !e.exit.Success() {
		t.Errorf("ended with %+v", e)
	}
}

//go:build linux

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linen/run/internal/runtest"
	"linen/run/nodeinit"
	"linen/run/seccomp"
)

// envExit makes this test binary end by Exit.
const envExit = "LINEN_CLIENT_EXIT"

// envHelper makes this test binary a program that says "running", waits for a
// signal without a race, says how it finds its terminal, and reads a line.
const envHelper = "LINEN_CLIENT_HELPER"

// envRun makes this test binary a client of a socket.
const envRun = "LINEN_CLIENT_RUN"

func runHere(socket string) {
	c, err := Dial(socket)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	exit, err := Run(c, Request{Program: shell("echo up; read -r line; echo got $line; exit 5")}, Stdio{os.Stdin, os.Stdout, os.Stderr})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	Exit(exit)
}

func helper(number string) {
	n, _ := strconv.Atoi(number)
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.Signal(n))
	fmt.Println("running")
	<-c
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("size", size.Row, size.Col)
	line := ""
	fmt.Scanln(&line)
	fmt.Println("read", line)
	os.Exit(9)
}

// helperPath is a copy of this binary where the ordinary user of the tests
// finds it.
func helperPath(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "helper")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func helperProgram(t *testing.T, s unix.Signal) nodeinit.Program {
	return nodeinit.Program{Argv: []string{helperPath(t)}, Env: []string{fmt.Sprintf("%s=%d", envHelper, s)}}
}

func TestMain(m *testing.M) {
	if e := os.Getenv(envExit); e != "" {
		code, number, _ := strings.Cut(e, " ")
		c, _ := strconv.Atoi(code)
		s, _ := strconv.Atoi(number)
		Exit(nodeinit.Exit{Code: c, Signal: unix.Signal(s)})
	}
	if socket := os.Getenv(envRun); socket != "" {
		runHere(socket)
	}
	if signal := os.Getenv(envHelper); signal != "" {
		helper(signal)
	}
	runtest.Main(m)
}

const path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

// nodeHandler runs programs in one node.
type nodeHandler struct{ node *nodeinit.Node }

func (h nodeHandler) Exec(ctx context.Context, r Request, files []*os.File) (Proc, error) {
	p, err := h.node.Exec(ctx, r.Program, files...)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// supervisor is a node behind a socket.
func supervisor(t *testing.T) (socket string) {
	t.Helper()
	n, err := nodeinit.Start(runtest.Context(t), nodeinit.Config{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		var call seccomp.Notif
		for n.Listener().Recv(&call) == nil {
			n.Listener().Continue(call.ID)
		}
	}()
	socket = filepath.Join(t.TempDir(), "socket")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveAll(ctx, l, nodeHandler{n})
	}()
	t.Cleanup(func() {
		l.Close()
		n.Close()
		<-answered
		cancel()
		<-served
	})
	return socket
}

// serveAll serves one client after the other.
func serveAll(ctx context.Context, l *net.UnixListener, h Handler) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		Serve(ctx, c, h)
	}
}

func shell(script string) nodeinit.Program {
	return nodeinit.Program{Argv: []string{"sh", "-c", script}, Env: []string{path, "PS1=$ ", "TERM=dumb", "LC_ALL=C"}}
}

// run runs a program with pipes.
func run(t *testing.T, socket string, p nodeinit.Program, stdin string) (string, nodeinit.Exit, error) {
	t.Helper()
	c, err := Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer outR.Close()
	inW.WriteString(stdin)
	inW.Close()
	exit, err := Run(c, Request{Program: p}, Stdio{In: inR, Out: outW, Err: outW})
	inR.Close()
	outW.Close()
	out, readErr := io.ReadAll(outR)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(out), exit, err
}

func TestRun(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		s := supervisor(t)
		for _, tc := range []struct {
			name, script, stdin, out string
			exit                     nodeinit.Exit
		}{
			{"output", "echo out; echo err >&2", "", "out\nerr\n", nodeinit.Exit{}},
			{"input", "tr a-z A-Z", "abc", "ABC", nodeinit.Exit{}},
			{"exit code", "exit 255", "", "", nodeinit.Exit{Code: 255}},
			{"signal", "kill -SEGV $$", "", "", nodeinit.Exit{Signal: unix.SIGSEGV}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				out, exit, err := run(t, s, shell(tc.script), tc.stdin)
				if err != nil || out != tc.out || exit != tc.exit {
					t.Errorf("%q, %+v, %v; want %q, %+v", out, exit, err, tc.out, tc.exit)
				}
			})
		}
	})
}

func TestFailures(t *testing.T) {
	s := supervisor(t)
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		argv string
		code int
	}{{"no-such-command-anywhere", CodeNotFound}, {plain, CodeNotExecutable}} {
		_, _, err := run(t, s, nodeinit.Program{Argv: []string{tc.argv}}, "")
		var e *Error
		if !errors.As(err, &e) || e.Code != tc.code {
			t.Errorf("%s: %v, want code %d", tc.argv, err, tc.code)
		}
	}
}

func TestOtherProtocolIsSaid(t *testing.T) {
	a, b := socketPair(t)
	served := make(chan error)
	go func() { served <- Serve(context.Background(), b, nodeHandler{}) }()
	c := newRawClient(t, a)
	c.send(t, Request{API: API + 1})
	if m := c.recv(t); m.Op != opFailed || !strings.Contains(m.Text, "protocol") || m.Code != CodeFailed {
		t.Errorf("answer %+v", m)
	}
	c.Close()
	if err := <-served; err == nil {
		t.Error("Serve worked")
	}
}

func TestLostSupervisor(t *testing.T) {
	a, b := socketPair(t)
	go func() {
		c := newRawClient(t, b)
		var r Request
		files, err := c.Recv(&r)
		if err != nil {
			t.Error(err)
		}
		for _, f := range files {
			f.Close()
		}
		c.Close()
	}()
	if _, err := Run(a, Request{}, Stdio{os.Stdin, os.Stdout, os.Stderr}); err != ErrLost {
		t.Errorf("Run = %v, want ErrLost", err)
	}
}

// A client that goes away hangs its program up.
func TestHangUp(t *testing.T) {
	s := supervisor(t)
	c, err := Dial(s)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	conn := newRawClient(t, c)
	p := shell("echo up; exec sleep 1000")
	if err := conn.Send(Request{API: API, Program: p}, w, w, w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if m := conn.recv(t); m.Op != opStarted {
		t.Fatalf("answer %+v", m)
	}
	if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if out, err := io.ReadAll(r); err != nil || len(out) != 0 { // it has ended
		t.Errorf("%q, %v", out, err)
	}
}

// Exit is the program's end, as the parent of this process sees it.
func TestExit(t *testing.T) {
	for _, tc := range []struct {
		env    string
		code   int
		signal unix.Signal
	}{{"0 0", 0, 0}, {"255 0", 255, 0}, {"0 15", -1, unix.SIGTERM}, {"0 9", -1, unix.SIGKILL}, {"0 11", -1, unix.SIGSEGV}, {"0 2", -1, unix.SIGINT}} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), envExit+"="+tc.env)
		cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != tc.code {
			t.Errorf("%q: exit code %d, want %d", tc.env, got, tc.code)
		}
		if tc.signal != 0 && !strings.Contains(cmd.ProcessState.String(), tc.signal.String()) {
			t.Errorf("%q: ended with %q, want %v", tc.env, cmd.ProcessState, tc.signal)
		}
	}
}

// A stopped client stops its program, and both go on together.
func TestStopAndContinue(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envRun+"="+supervisor(t))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if _, err := io.ReadFull(out, make([]byte, len("up\n"))); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if err := unix.Kill(pid, unix.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	var ws unix.WaitStatus
	for {
		_, err = unix.Wait4(pid, &ws, unix.WUNTRACED, nil)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil || !ws.Stopped() || ws.StopSignal() != unix.SIGSTOP {
		t.Fatalf("the client did not stop: %#x, %v", ws, err)
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "line\n")
	rest, err := io.ReadAll(out)
	if err != nil || string(rest) != "got line\n" {
		t.Errorf("%q, %v", rest, err)
	}
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("the client ended with %v", cmd.ProcessState)
	}
}

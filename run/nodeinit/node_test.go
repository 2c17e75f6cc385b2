//go:build linux

package nodeinit_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linen/run/internal/runtest"
	"linen/run/nodeinit"
	"linen/run/seccomp"
)

// path holds only directories that everybody may search.
const path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

func TestMain(m *testing.M) { runtest.Main(m) }

// start makes a node whose notified calls are all refused with EPERM, but for
// those on files and credentials, which continue.
func start(t *testing.T, cfg nodeinit.Config) *nodeinit.Node {
	t.Helper()
	cfg.Name = t.Name()
	n, err := nodeinit.Start(runtest.Context(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("mode:", n.Mode())
	answered := make(chan error, 1)
	go func() { answered <- answer(n.Listener()) }()
	t.Cleanup(func() {
		n.Close()
		if err := <-answered; err != seccomp.ErrClosed && err != io.EOF {
			t.Errorf("receive: %v", err)
		}
	})
	return n
}

func answer(l *seccomp.Listener) error {
	for {
		var n seccomp.Notif
		if err := l.Recv(&n); err != nil {
			return err
		}
		switch n.Nr {
		case unix.SYS_SOCKET, unix.SYS_SOCKETPAIR:
			l.Reply(n.ID, 0, unix.EPERM)
		default:
			l.Continue(n.ID)
		}
	}
}

// sh runs a shell command and returns its output and end.
func sh(t *testing.T, n *nodeinit.Node, script, stdin string) (string, nodeinit.Exit) {
	t.Helper()
	return execute(t, n, nodeinit.Program{Argv: []string{"sh", "-c", script}, Env: []string{path}}, stdin)
}

func execute(t *testing.T, n *nodeinit.Node, p nodeinit.Program, stdin string) (string, nodeinit.Exit) {
	t.Helper()
	ctx := runtest.Context(t)
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	proc, err := n.Exec(ctx, p, inR, outW, outW)
	inR.Close()
	outW.Close()
	defer outR.Close()
	if err != nil {
		inW.Close()
		t.Fatalf("exec %q: %v", p.Argv, err)
	}
	io.WriteString(inW, stdin)
	inW.Close()
	out, err := io.ReadAll(outR)
	if err != nil {
		t.Fatal(err)
	}
	exit, err := proc.Wait(ctx)
	if err != nil {
		t.Fatalf("wait %q: %v", p.Argv, err)
	}
	return string(out), exit
}

func TestExitAndStdio(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{})
		for _, tc := range []struct {
			name, script, stdin string
			out                 string
			exit                nodeinit.Exit
		}{
			{"true", "/bin/true", "", "", nodeinit.Exit{}},
			{"exit code 3", "exit 3", "", "", nodeinit.Exit{Code: 3}},
			{"exit code 127", "exec no-such-command-anywhere 2>/dev/null", "", "", nodeinit.Exit{Code: 127}},
			{"exit code 255", "exit 255", "", "", nodeinit.Exit{Code: 255}},
			{"killed", "kill -KILL $$", "", "", nodeinit.Exit{Signal: unix.SIGKILL}},
			{"hang-up is not ignored", "kill -HUP $$", "", "", nodeinit.Exit{Signal: unix.SIGHUP}},
			{"interrupt is not ignored", "kill -INT $$", "", "", nodeinit.Exit{Signal: unix.SIGINT}},
			{"pipe", "cat | tr a-z A-Z", "through", "THROUGH", nodeinit.Exit{}},
			{"own session", `read -r pid comm state ppid pgrp session rest </proc/$$/stat; test $session = $$ && echo leader`, "", "leader\n", nodeinit.Exit{}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				out, exit := sh(t, n, tc.script, tc.stdin)
				if out != tc.out || exit != tc.exit {
					t.Errorf("got %q, %+v; want %q, %+v", out, exit, tc.out, tc.exit)
				}
			})
		}
	})
}

func TestExecErrors(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{})
		plain := t.TempDir() + "/plain"
		if err := os.WriteFile(plain, []byte("echo from a script\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			name string
			p    nodeinit.Program
			want error
		}{
			{"no such command", nodeinit.Program{Argv: []string{"no-such-command-anywhere"}}, unix.ENOENT},
			{"no such file", nodeinit.Program{Argv: []string{"/no/such/file"}}, unix.ENOENT},
			{"not executable", nodeinit.Program{Argv: []string{plain}}, unix.EACCES},
			{"no such directory", nodeinit.Program{Argv: []string{"true"}, Dir: "/no/such"}, unix.ENOENT},
			{"no command", nodeinit.Program{}, unix.ENOENT},
		} {
			t.Run(tc.name, func(t *testing.T) {
				if _, err := n.Exec(runtest.Context(t), tc.p); !errors.Is(err, tc.want) {
					t.Errorf("Exec = %v, want %v", err, tc.want)
				}
			})
		}
		if err := os.Chmod(plain, 0o755); err != nil {
			t.Fatal(err)
		}
		if out, exit := execute(t, n, nodeinit.Program{Argv: []string{plain}}, ""); out != "from a script\n" || !exit.Success() {
			t.Errorf("a script without #! gave %q, %+v", out, exit)
		}
	})
}

func TestProgramSurroundings(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{})
		big := "BIG=" + strings.Repeat("x", 100_000)
		mask := 0o027
		out, exit := execute(t, n, nodeinit.Program{
			Argv: []string{"sh", "-c", "pwd; umask; echo ${#BIG} $1", "sh", "arg"},
			Env:  []string{big, path}, Dir: "/tmp", Umask: &mask,
		}, "")
		if want := "/tmp\n0027\n100000 arg\n"; out != want || !exit.Success() {
			t.Errorf("got %q, %+v; want %q", out, exit, want)
		}
	})
}

// Sockets are the supervisor's: here it refuses them.
func TestFilterIsInherited(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{})
		out, exit := execute(t, n, nodeinit.Program{
			Argv: []string{"bash", "-c", "(exec 3<>/dev/udp/127.0.0.1/9) 2>&1"}, Env: []string{"LC_ALL=C"},
		}, "")
		if exit.Success() || !strings.Contains(out, "Operation not permitted") {
			t.Errorf("a socket was not refused: %q, %+v", out, exit)
		}
	})
}

func TestSignalReachesTheGroup(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{})
		ctx := runtest.Context(t)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		p, err := n.Exec(ctx, nodeinit.Program{Argv: []string{"sh", "-c", "echo up; sleep 1000 & wait"}, Env: []string{path}}, w, w, w)
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if exit, err := p.Wait(ctx); err != nil || exit.Signal != unix.SIGTERM || exit.ShellCode() != 143 {
			t.Errorf("Wait = %+v, %v", exit, err)
		}
		// The pipe closes only when the sleep has gone too.
		if _, err := io.ReadAll(r); err != nil {
			t.Error(err)
		}
	})
}

// A program that left its parent and its session still ends with the node.
func TestCloseEndsDetachedPrograms(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{})
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		ctx := runtest.Context(t)
		p, err := n.Exec(ctx, nodeinit.Program{
			Argv: []string{"sh", "-c", "(setsid sh -c 'trap \"\" TERM HUP; echo up; while :; do sleep 1000; done' &) &"},
			Env:  []string{path},
		}, w, w, w)
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if exit, err := p.Wait(ctx); err != nil || !exit.Success() {
			t.Fatalf("Wait = %+v, %v", exit, err)
		}
		if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		n.Close()
		if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 { // EOF: nobody holds the pipe
			t.Errorf("read %q, %v", rest, err)
		}
		if _, err := n.Exec(ctx, nodeinit.Program{Argv: []string{"true"}}); err == nil {
			t.Error("Exec worked after Close")
		}
	})
}

func TestWaitAfterClose(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{})
		ctx := runtest.Context(t)
		p, err := n.Exec(ctx, nodeinit.Program{Argv: []string{"sleep", "1000"}})
		if err != nil {
			t.Fatal(err)
		}
		n.Close()
		if _, err := p.Wait(ctx); !errors.Is(err, nodeinit.ErrGone) {
			t.Errorf("Wait = %v, want ErrGone", err)
		}
	})
}

func TestManyPrograms(t *testing.T) {
	n := start(t, nodeinit.Config{})
	ctx := runtest.Context(t)
	results := make(chan error)
	const programs = 40
	for i := range programs {
		go func() {
			p, err := n.Exec(ctx, nodeinit.Program{Argv: []string{"sh", "-c", "exit " + string(rune('0'+i%10))}})
			if err == nil {
				var exit nodeinit.Exit
				if exit, err = p.Wait(ctx); err == nil && exit.Code != i%10 {
					err = errors.New("wrong exit code")
				}
			}
			results <- err
		}()
	}
	for range programs {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestModeString(t *testing.T) {
	m := nodeinit.Mode{MountNS: true, NetNS: true, Missing: map[string]string{"/etc": "because"}}
	if got, want := m.String(), "mount, network namespaces; no /etc: because"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	if !m.Has("/run") || m.Has("/etc") {
		t.Error("Has is wrong")
	}
	var b bytes.Buffer
	b.WriteString(nodeinit.Mode{Reason: "refused"}.String())
	if b.String() != "no namespaces (refused)" {
		t.Errorf("String = %q", b.String())
	}
}

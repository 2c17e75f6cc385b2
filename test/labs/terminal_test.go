//go:build linux

package labs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"linen/test/need"
)

// terminal is somebody at a real pseudo-terminal with bash in it. $RUN runs a
// program in a node.
type terminal struct {
	t     *testing.T
	cmd   *exec.Cmd
	tty   *os.File
	bytes chan []byte // what the terminal shows; closed at its end
	seen  string
}

// openTerminal starts bash with RUN set.
func openTerminal(t *testing.T, env []string, dir, run string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	cmd := exec.CommandContext(ctx, "bash", "--norc", "--noprofile", "--noediting", "-i")
	cmd.Dir, cmd.Env = dir, append(env, "PS1=outer> ", "RUN="+run, "HISTFILE=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	w := &terminal{t: t, cmd: cmd, tty: tty, bytes: make(chan []byte, 64)}
	go func() {
		defer close(w.bytes)
		for {
			buf := make([]byte, 4096)
			n, err := tty.Read(buf)
			if err != nil { // EIO: nobody has the other side any more
				return
			}
			w.bytes <- buf[:n]
		}
	}()
	t.Cleanup(func() {
		cancel()
		tty.Close()
		for range w.bytes {
		}
		_ = cmd.Wait() // its status was looked at, or does not matter
	})
	w.expect("outer> ")
	return w
}

// expect reads until the terminal shows want, and forgets everything up to it.
func (w *terminal) expect(want string) string {
	w.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		if before, after, ok := strings.Cut(w.seen, want); ok {
			w.seen = after
			return before
		}
		select {
		case b, ok := <-w.bytes:
			if !ok {
				w.t.Fatalf("the terminal ended before %q; it shows %q", want, w.seen)
			}
			w.seen += string(b)
		case <-limit.C:
			w.t.Fatalf("no %q after %v; the terminal shows %q", want, patience, w.seen)
		}
	}
}

func (w *terminal) enter(text string) {
	w.t.Helper()
	if _, err := w.tty.WriteString(text); err != nil {
		w.t.Fatal(err)
	}
}

// places runs a test in a node of linen, in one without namespaces, and in a
// network namespace of the real kernel, which all have to behave alike.
func places(t *testing.T, test func(t *testing.T, w *terminal)) {
	need.Tool(t, "bash")
	nodes := "name: t\ntopology:\n  nodes: {h: {kind: linux}}\n"
	for _, plain := range []bool{false, true} {
		name := map[bool]string{false: "linen", true: "linen without namespaces"}[plain]
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			var flags []string
			if plain {
				flags = []string{"--no-user-namespaces"}
			}
			u.up(u.file("t.clab.yml", nodes), flags...)
			test(t, openTerminal(t, u.env, u.dir, u.linen+" exec h --"))
		})
	}
	t.Run("kernel", func(t *testing.T) {
		need.Root(t)
		ns := fmt.Sprintf("linen-y-%d", os.Getpid())
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			t.Skipf("left out: no network namespaces here: %s", out)
		}
		t.Cleanup(func() {
			if out, err := exec.Command("ip", "netns", "del", ns).CombinedOutput(); err != nil {
				t.Errorf("%s", out)
			}
		})
		test(t, openTerminal(t, append(os.Environ(), "LC_ALL=C", "TERM=xterm"), t.TempDir(), "ip netns exec "+ns))
	})
}

// TestExecStatus: exit codes and deaths by signal as the shell sees them.
func TestExecStatus(t *testing.T) {
	places(t, func(t *testing.T, w *terminal) {
		for script, want := range map[string]string{
			"exit 0": "0", "exit 7": "7", "exit 255": "255", "kill -TERM $$": "143", "kill -KILL $$": "137", "kill -SEGV $$": "139",
		} {
			w.enter("$RUN sh -c '" + script + "'; echo \"sta\"\"tus $?.\"\r")
			w.expect("status " + want + ".")
			w.expect("outer> ")
		}
	})
}

// TestExecPipes: input ends, output is cut, both sides of a pipe see it.
func TestExecPipes(t *testing.T) {
	places(t, func(t *testing.T, w *terminal) {
		for command, want := range map[string]string{
			"printf 'a\\nc\\nb\\n' | $RUN sort -r | tr '\\n' ,":                "c,b,a,",
			"$RUN yes | head -n1; echo \"st\"\"atus ${PIPESTATUS[0]}.\"":       "status 141.",
			"$RUN sh -c 'echo out; echo err >&2' 2>/dev/null | tr a-z A-Z":     "OUT",
			"$RUN cat </dev/null; echo \"st\"\"atus $?.\"":                     "status 0.",
			"head -c 1000000 /dev/zero | $RUN cat | wc -c":                     "1000000",
			"$RUN sh -c 'exit 9' | cat; echo \"st\"\"atus ${PIPESTATUS[0]}.\"": "status 9.",
		} {
			w.enter(command + "\r")
			w.expect(want)
			w.expect("outer> ")
		}
	})
}

// TestExecSignals: keys of the terminal, and signals sent to the command.
func TestExecSignals(t *testing.T) {
	places(t, func(t *testing.T, w *terminal) {
		w.enter("$RUN sh -c 'echo rea\"\"dy; exec sleep 1000'; echo \"sta\"\"tus $?.\"\r")
		w.expect("ready")
		w.enter("\x03")
		w.expect("outer> ") // bash ends the list with its interrupted command
		w.enter("echo \"sta\"\"tus $?.\"\r")
		w.expect("status 130.")
		w.enter("$RUN sh -c 'trap \"echo asked; exit 5\" TERM; echo rea\"\"dy; while :; do sleep 0.05; done' & \r")
		w.expect("ready")
		w.enter("kill -TERM $!; wait $!; echo \"sta\"\"tus $?.\"\r")
		w.expect("asked")
		w.expect("status 5.")
	})
}

// TestShellJobs: an interactive shell in a node has its jobs.
func TestShellJobs(t *testing.T) {
	places(t, func(t *testing.T, w *terminal) {
		w.enter("PS1='inner> ' $RUN bash --norc --noprofile --noediting -i; echo \"sta\"\"tus $?.\"\r")
		w.expect("inner> ")
		w.enter("sh -c 'echo rea\"\"dy; exec cat'\r") // it starts no child: a stop during a vfork would stop nobody
		w.expect("ready")
		w.enter("\x1a")
		w.expect("Stopped")
		w.expect("inner> ")
		w.enter("jobs\r")
		w.expect("Stopped")
		w.expect("inner> ")
		w.enter("fg\r")
		w.enter("typed\r")
		w.expect("typed\r\n") // its echo
		w.expect("typed\r\n") // cat's: it has the terminal again
		w.enter("\x03")
		w.expect("inner> ")
		w.enter("echo \"jo\"\"b $?.\"; sleep 1000 & jobs; kill %1; exit 3\r")
		w.expect("job 130.")
		w.expect("Running")
		w.expect("status 3.")
	})
}

// TestWindowSize: a program learns the size of the terminal and its changes.
func TestWindowSize(t *testing.T) {
	places(t, func(t *testing.T, w *terminal) {
		w.enter("$RUN bash -c 'trap \"stty size; exit 4\" WINCH; stty size; while :; do sleep 0.05; done'; echo \"sta\"\"tus $?.\"\r")
		w.expect("30 100")
		if err := pty.Setsize(w.tty, &pty.Winsize{Rows: 41, Cols: 132}); err != nil {
			t.Fatal(err)
		}
		w.expect("41 132")
		w.expect("status 4.")
	})
}

// TestFullScreenPrograms: an editor, a pager and a monitor draw, take keys,
// and give the terminal back.
func TestFullScreenPrograms(t *testing.T) {
	need.Tool(t, "busybox")
	places(t, func(t *testing.T, w *terminal) {
		dir := t.TempDir()
		long := filepath.Join(dir, "long")
		var text strings.Builder
		for i := range 500 {
			fmt.Fprintf(&text, "row %d\n", i)
		}
		if err := os.WriteFile(long, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		done := func() {
			t.Helper()
			w.expect("outer> ")
			w.enter("stty -a | grep -o ' echo ' && echo \"sa\"\"ne\"\r")
			w.expect("sane")
			w.expect("outer> ")
		}
		w.enter("$RUN busybox vi " + dir + "/note\r")
		w.expect("- " + dir + "/note 1/1 100%") // the status line: commands
		w.enter("ihello from vi")
		w.expect("hello from vi")
		w.enter("\x1b")
		w.expect("- " + dir + "/note")
		w.enter(":wq\r")
		done()
		if got, err := os.ReadFile(dir + "/note"); err != nil || string(got) != "hello from vi\n" {
			t.Errorf("vi wrote %q, %v", got, err)
		}
		w.enter("$RUN busybox less " + long + "\r")
		w.expect("row 20")
		w.enter("G")
		w.expect("row 499")
		w.enter("q")
		done()
		w.enter("$RUN busybox top\r")
		w.expect("Mem:")
		w.expect("PID")
		w.enter("q")
		done()
	})
}

// TestHangUp: a program does not outlive its terminal.
func TestHangUp(t *testing.T) {
	places(t, func(t *testing.T, w *terminal) {
		w.enter("$RUN sh -c 'echo pid=$$.; exec sleep 1000'\r")
		w.expect("pid=$$") // the echo of the line
		w.expect("pid=")
		var pid int
		if _, err := fmt.Sscan(strings.TrimSuffix(w.expect("."), "\r\n"), &pid); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		w.tty.Close()
		if err := w.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if !(process{pid: pid, fd: fd}).wait(time.Now().Add(patience)) {
			t.Error("the program lives on")
		}
	})
}

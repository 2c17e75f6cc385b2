//go:build linux

package labs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"linen/test/need"
)

// world is where applications run: a lab of linen, or the machine's own kernel.
type world interface {
	// command is a command line in a node, whose environment is env and the world's.
	command(ctx context.Context, node string, env []string, args ...string) *exec.Cmd
}

type linenWorld struct{ *user }

func (w linenWorld) command(ctx context.Context, node string, env []string, args ...string) *exec.Cmd {
	words := []string{"exec"}
	for _, e := range env {
		words = append(words, "-e", e)
	}
	return w.user.command(ctx, append(append(words, node, "--"), args...)...)
}

type kernelWorld struct{ *kernelLab }

func (w kernelWorld) command(ctx context.Context, node string, env []string, args ...string) *exec.Cmd {
	// nsenter stays between the signals and the program: its end ends the program
	args = w.in(node, append([]string{"setpriv", "--pdeathsig", "TERM"}, args...))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = patience
	return cmd
}

// TestApplications runs the table of docs/programs.md, in linen and beside it on the machine's own kernel. With
// LINEN_PROGRAMS_MD=FILE it writes the table.
func TestApplications(t *testing.T) {
	table := make(map[string]map[string]bool) // of an app, by world
	run := func(t *testing.T, name string, w world) {
		t.Run(name, func(t *testing.T) {
			for _, a := range programs() {
				ok := t.Run(a.name, func(t *testing.T) {
					for _, program := range strings.Fields(a.program) {
						need.Tool(t, program)
					}
					a.run(t, w)
				})
				if table[a.name] == nil {
					table[a.name] = make(map[string]bool)
				}
				table[a.name][name] = ok
			}
		})
	}
	file, err := filepath.Abs("testdata/apps.clab.yml")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("up", func(t *testing.T) {
		u := newUser(t)
		u.ownFiles()
		u.up(file)
		run(t, "linen", linenWorld{u})
		if os.Geteuid() != 0 {
			t.Log("the machine's own kernel: left out, only root makes its network namespaces")
			return
		}
		run(t, "kernel", kernelWorld{kernelUp(t, file)})
	})
	if file := os.Getenv("LINEN_PROGRAMS_MD"); file != "" {
		if err := os.WriteFile(file, programsTable(table), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// programs is the whole table.
func programs() []app { return slices.Concat(tools(), apps(), services()) }

// programsTable is the result as a table in Markdown.
func programsTable(results map[string]map[string]bool) []byte {
	cell := map[bool]string{true: "pass", false: "fail"}
	var b bytes.Buffer
	b.WriteString("| programs | on h2 | on h1 | expected | linen | kernel |\n|---|---|---|---|---|---|\n")
	code := func(s string) string {
		if s == "" {
			return ""
		}
		if strings.Contains(s, "\n") {
			s, _, _ = strings.Cut(s, "\n")
		}
		return "`` " + strings.ReplaceAll(strings.TrimPrefix(s, "exec "), "|", `\|`) + " ``"
	}
	for _, a := range programs() {
		want := a.want
		if want == "" {
			want = a.served
		}
		r := results[a.name]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", a.name, code(a.server), code(a.client), code(want), cell[r["linen"]], cell[r["kernel"]])
	}
	return b.Bytes()
}

// run plays the conversation in a world.
func (a *app) run(t *testing.T, w world) {
	dir, err := os.MkdirTemp("", "app")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	env := []string{"D=" + dir}
	if a.setup != "" {
		cmd := exec.Command("sh", "-ec", a.setup)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", a.setup, err, out)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server := a.serve(ctx, t, w, env)
	cmd := w.command(ctx, "h1", env, "sh", "-c", a.client)
	out, err := cmd.CombinedOutput()
	if status := statusOf(t, err); status != 0 && !a.loose || !regexp.MustCompile(a.want).Match(out) {
		t.Errorf("%s: status %d, want output like %q\n%s\n-- the server\n%s", a.client, status, a.want, out, server.String())
	}
	if a.served != "" && !until(patience, func() bool { return regexp.MustCompile(a.served).MatchString(server.String()) }) {
		t.Errorf("%s: no %q\n%s", a.server, a.served, server.String())
	}
}

// output is what a program has printed so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// serve starts the server, and returns when its port is there. It ends with the test.
func (a *app) serve(ctx context.Context, t *testing.T, w world, env []string) *output {
	t.Helper()
	out := new(output)
	if a.server == "" {
		return out
	}
	cmd := w.command(ctx, "h2", env, "sh", "-c", a.server)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	t.Cleanup(func() {
		cancel()
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
	})
	kind, port, _ := strings.Cut(a.port, " ")
	if !until(patience, func() bool {
		seen, _ := w.command(ctx, "h2", nil, "ss", "-Hanl", "--"+kind, "sport = :"+port).Output()
		return len(bytes.TrimSpace(seen)) > 0 || ctx.Err() != nil
	}) {
		t.Fatalf("%s: nothing listens on %s\n%s", a.server, a.port, out.String())
	}
	return out
}

// until asks again and again whether ok, for at most d.
func until(d time.Duration, ok func() bool) bool {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for end := time.After(d); !ok(); {
		select {
		case <-again.C:
		case <-end:
			return false
		}
	}
	return true
}

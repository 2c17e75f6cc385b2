//go:build linux

package labs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"linen/lab"
	"linen/test/command"
)

// patience bounds every wait. It decides only how long a hung test takes.
const patience = 60 * time.Second

// nobody is the ordinary user of the tests that run as root.
const nobody = 65534

// user is somebody with a shell: a state directory, an environment, linen.
type user struct {
	t     testing.TB
	linen string
	dir   string // /tmp/labXXXX: short, sockets live in it
	env   []string
	uid   int // 0: the test's own
}

// newUser makes a user whose labs must leave nothing.
func newUser(t testing.TB) *user {
	t.Helper()
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		t.Fatal(err)
	}
	u := &user{t: t, linen: command.Linen(t), dir: dir}
	for _, sub := range []string{"run", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "LINEN_LAB", "LINEN_NO_USERNS", "XDG_RUNTIME_DIR", "TMPDIR", "LC_ALL", "TERM", "SHELL":
		default:
			u.env = append(u.env, kv)
		}
	}
	u.env = append(u.env, "XDG_RUNTIME_DIR="+dir+"/run", "TMPDIR="+dir+"/tmp", "LC_ALL=C", "TERM=xterm", "SHELL=/bin/sh", "GORACE=atexit_sleep_ms=0")
	t.Cleanup(func() {
		u.end()
		os.RemoveAll(dir)
	})
	return u
}

// plain makes the user an ordinary one on a host that refuses user namespaces:
// programs run without any namespace of their own.
func (u *user) plain() {
	u.t.Helper()
	u.env = append(u.env, "LINEN_NO_USERNS=1")
	if os.Geteuid() != 0 {
		return
	}
	u.uid = nobody
	for _, dir := range []string{u.dir, u.dir + "/run", u.dir + "/tmp"} {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			u.t.Fatal(err)
		}
	}
}

// file writes a file into the user's directory and returns its path.
func (u *user) file(name, text string) string {
	u.t.Helper()
	path := filepath.Join(u.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		u.t.Fatal(err)
	}
	if u.uid != 0 {
		if err := os.Chown(path, u.uid, u.uid); err != nil {
			u.t.Fatal(err)
		}
	}
	return path
}

// command is a linen command line that ends with ctx.
func (u *user) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, u.linen, args...)
	cmd.Env, cmd.Dir = u.env, u.dir
	cmd.WaitDelay = patience
	if u.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.uid)}}
	}
	return cmd
}

// result is how a command ended.
type result struct {
	status    int // 128+n for signal n, as a shell has it
	out, errs string
}

// try runs linen to its end.
func (u *user) try(args ...string) result {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := u.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		u.t.Fatalf("linen %s: still running after %v\n%s%s", strings.Join(args, " "), patience, out.String(), errs.String())
	}
	return result{statusOf(u.t, err), out.String(), errs.String()}
}

func statusOf(t testing.TB, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		ws := exit.Sys().(syscall.WaitStatus)
		if ws.Signaled() {
			return 128 + int(ws.Signal())
		}
		return ws.ExitStatus()
	}
	t.Fatal(err)
	return -1
}

// do runs linen, which must succeed, and returns what it printed.
func (u *user) do(args ...string) string {
	u.t.Helper()
	r := u.try(args...)
	if r.status != 0 {
		u.t.Fatalf("linen %s: status %d\n%s%s", strings.Join(args, " "), r.status, r.out, r.errs)
	}
	return r.out
}

// up brings a lab up, with no command of its file failing.
func (u *user) up(file string, flags ...string) {
	u.t.Helper()
	r := u.try(append([]string{"up", "-d", file}, flags...)...)
	if r.status != 0 || strings.Contains(r.errs, "failed") {
		u.t.Fatalf("linen up %s: status %d\n%s", file, r.status, r.errs)
	}
}

// metas are the labs that have published themselves.
func (u *user) metas() []lab.Meta {
	files, _ := filepath.Glob(u.dir + "/run/linen/*/lab.json")
	var list []lab.Meta
	for _, f := range files {
		var m lab.Meta
		if data, err := os.ReadFile(f); err == nil && json.Unmarshal(data, &m) == nil {
			list = append(list, m)
		}
	}
	return list
}

// end takes every lab down and looks for what is left of them.
func (u *user) end() {
	var family []process
	for _, m := range u.metas() {
		family = append(family, descendants(m.PID)...)
	}
	if r := u.try("down", "--all"); r.status != 0 {
		u.t.Errorf("down: status %d\n%s", r.status, r.errs)
		for _, p := range family {
			_ = p.kill() // it may have ended
		}
	}
	u.ended(family)
	u.nothingLeft()
}

// nothingLeft fails when a file or a mount of the user's labs is left.
func (u *user) nothingLeft() {
	u.t.Helper()
	for _, dir := range []string{"run/linen", "tmp"} {
		entries, err := os.ReadDir(filepath.Join(u.dir, dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			u.t.Error(err)
		}
		for _, e := range entries {
			u.t.Errorf("%s/%s is left", dir, e.Name())
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		u.t.Error(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, u.dir) {
			u.t.Errorf("a mount is left: %s", line)
		}
	}
}

// ownFiles skips the test where nodes cannot have files of their own, such as
// in a container that may neither mount nor make namespaces.
func (u *user) ownFiles() {
	u.t.Helper()
	r := u.try("doctor", "-o", "json")
	var findings []struct{ Check, State, Detail string }
	if err := json.Unmarshal([]byte(r.out), &findings); err != nil {
		u.t.Fatalf("doctor: %v\n%s%s", err, r.out, r.errs)
	}
	for _, f := range findings {
		if f.State != "ok" && (f.Check == "programs" || strings.HasPrefix(f.Check, "own ")) {
			u.t.Skipf("left out: nodes have no files of their own here: %s: %s", f.Check, f.Detail)
		}
	}
}

// example is the path of an example.
func example(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../examples/" + name + ".clab.yml")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

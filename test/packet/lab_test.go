//go:build linux

// Package packet runs unmodified programs that read and write raw frames in the
// nodes of a lab. It has only tests.
package packet

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"linen/test/command"
)

// patience bounds every wait. It decides only how long a hung test takes.
const patience = 60 * time.Second

// topology is two hosts on one link, 10.0.0.1 and 10.0.0.2.
const topology = `name: packet
topology:
  nodes:
    h1:
      kind: linux
      exec: [ip addr add 10.0.0.1/24 dev eth1]
    h2:
      kind: linux
      exec: [ip addr add 10.0.0.2/24 dev eth1]
  links:
    - endpoints: ["h1:eth1", "h2:eth1"]
`

// labOf is a running lab of the topology.
type labOf struct {
	t     testing.TB
	linen string
	dir   string
	env   []string
}

func newLab(t testing.TB) *labOf {
	t.Helper()
	dir, err := os.MkdirTemp("", "pkt") // short: sockets live in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l := &labOf{t: t, linen: command.Linen(t), dir: dir}
	for _, kv := range os.Environ() {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "LINEN_LAB", "XDG_RUNTIME_DIR", "TMPDIR", "LC_ALL":
		default:
			l.env = append(l.env, kv)
		}
	}
	l.env = append(l.env, "XDG_RUNTIME_DIR="+dir, "TMPDIR="+dir, "LC_ALL=C", "GORACE=atexit_sleep_ms=0")
	file := filepath.Join(dir, "packet.clab.yml")
	if err := os.WriteFile(file, []byte(topology), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.run("down", "--lab", "packet") })
	l.run("up", "-d", file)
	return l
}

// run runs linen to its end, which must be good, and returns what it printed.
func (l *labOf) run(args ...string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.linen, args...)
	cmd.Env, cmd.Dir = l.env, l.dir
	cmd.WaitDelay = patience
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("linen %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// exec runs a program in a node to its end.
func (l *labOf) exec(node string, argv ...string) string {
	l.t.Helper()
	return l.run(append([]string{"exec", node, "--"}, argv...)...)
}

// program is one that goes on in a node.
type program struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	out    bytes.Buffer
	errs   *bufio.Reader
	said   strings.Builder // on standard error so far
	cancel context.CancelFunc
}

// start starts a program in a node and waits until a line on its standard error
// says ready.
func (l *labOf) start(ready, node string, argv ...string) *program {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p := &program{t: l.t, name: argv[0], cancel: cancel}
	p.cmd = exec.CommandContext(ctx, l.linen, append([]string{"exec", node, "--"}, argv...)...)
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout = l.env, l.dir, &p.out
	errs, err := p.cmd.StderrPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	p.errs = bufio.NewReader(errs)
	for {
		line, err := p.errs.ReadString('\n')
		p.said.WriteString(line)
		if strings.Contains(line, ready) {
			return p
		}
		if err != nil {
			l.t.Fatalf("%s ended before it was ready: %v, %v\n%s", p.name, err, p.cmd.Wait(), p.said.String())
		}
	}
}

// wait waits for the program's good end and returns what it printed on its
// standard output and error.
func (p *program) wait() (out, errs string) {
	p.t.Helper()
	defer p.cancel()
	rest, err := io.ReadAll(p.errs)
	p.said.Write(rest)
	if err != nil {
		p.t.Errorf("%s: %v", p.name, err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("%s: %v\n%s\n%s", p.name, err, p.out.String(), p.said.String())
	}
	return p.out.String(), p.said.String()
}

// interrupt sends the program the signal of Ctrl-C.
func (p *program) interrupt() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
}

// until runs a program in a node again and again until it prints text.
func (l *labOf) until(text, node string, argv ...string) {
	l.t.Helper()
	for end := time.Now().Add(patience); ; {
		out := l.exec(node, argv...)
		if strings.Contains(out, text) {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("%q never prints %q:\n%s", argv, text, out)
		}
	}
}

//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// binaryOnly skips, under -race, a test of which nothing runs in this process.
func binaryOnly(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("runs the linen binary, in which the race detector is not; go test without -race runs this")
	}
}

// limit is how long any one program may take on a machine that is busy.
const limit = 60 * time.Second

// nobody is an ordinary user.
const nobody = 65534

// place is a way to run linen: who runs it, and what the host lets it do.
type place struct {
	name string
	uid  int
	env  []string
}

// places are the ways that this process can try.
func places() []place {
	noUserNS := []string{"LINEN_NO_USERNS=1"}
	if os.Geteuid() != 0 {
		return []place{{"self", os.Getuid(), nil}, {"self without user namespaces", os.Getuid(), noUserNS}}
	}
	return []place{
		{"root", 0, nil}, {"root without user namespaces", 0, noUserNS},
		{"user", nobody, nil}, {"user without user namespaces", nobody, noUserNS},
	}
}

// site is a place with a folder of its own, in which labs are kept.
type site struct {
	t     *testing.T
	place place
	dir   string // 0700, the user's
	linen string
	env   []string
}

func newSite(t *testing.T, p place) *site {
	t.Helper()
	linen := command.Linen(t)
	dir, err := os.MkdirTemp("", "linen-interop-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if p.uid != os.Getuid() {
		if err := os.Chown(dir, p.uid, p.uid); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "linen-bin")
	if err := errors.Join(os.Mkdir(bin, 0o755), os.Symlink(linen, filepath.Join(bin, "linen"))); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, place: p, dir: dir, linen: linen}
	s.env = append(s.env, "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "TMPDIR="+dir, "LC_ALL=C", "LANG=C",
		"PATH="+bin+":"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	s.env = append(s.env, p.env...)
	return s
}

// command is a program as the site's user starts it; it and its children are
// killed when ctx ends.
func (s *site) command(ctx context.Context, argv ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Dir, c.Env = s.dir, s.env
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.place.uid != os.Getuid() {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(s.place.uid), Gid: uint32(s.place.uid)}
	}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 5 * time.Second
	return c
}

// try runs a program to its end and returns what it printed, on both outputs,
// and its exit status.
func (s *site) try(argv ...string) (out string, status int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var b bytes.Buffer
	c := s.command(ctx, argv...)
	c.Stdout, c.Stderr = &b, &b
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		s.t.Fatalf("%s did not end within %s:\n%s", strings.Join(argv, " "), limit, b.String())
	case err != nil && !errors.As(err, &exit):
		s.t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, b.String())
	}
	return b.String(), c.ProcessState.ExitCode()
}

// must runs a program that has to succeed.
func (s *site) must(argv ...string) string {
	s.t.Helper()
	out, status := s.try(argv...)
	if status != 0 {
		s.t.Fatalf("%s: status %d\n%s", strings.Join(argv, " "), status, out)
	}
	return out
}

// node is the command line of a program in a node.
func (s *site) node(node string, argv ...string) []string {
	return append([]string{s.linen, "exec", node, "--"}, argv...)
}

// up brings a lab up until the test ends.
func (s *site) up(topology string) {
	s.t.Helper()
	file := filepath.Join(s.dir, "lab.clab.yml")
	if err := os.WriteFile(file, []byte(topology), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.end)
	s.must(s.linen, "up", file, "-d")
}

// daemon returns the process of the lab's daemon, or 0.
func (s *site) daemon() int {
	labs, err := lab.DefaultState(s.getenv, s.place.uid).Labs()
	if err != nil || len(labs) == 0 {
		return 0
	}
	m, err := labs[0].Meta()
	if err != nil {
		return 0
	}
	return m.PID
}

func (s *site) getenv(name string) string {
	for _, kv := range s.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// end takes the lab down, and its daemon where that does not work.
func (s *site) end() {
	pid := s.daemon()
	if pid == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		out, err := s.command(ctx, s.linen, "down").CombinedOutput()
		switch {
		case err == nil:
			return
		case ctx.Err() == nil && strings.Contains(string(out), "connection reset") && zombie(pid):
			continue // it was killed, and the last of its threads is about to close its sockets
		case strings.Contains(string(out), "no lab is up") && zombie(pid):
			return // the try before has cleared up behind it
		}
		s.t.Errorf("linen down: %v\n%s", err, out)
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have gone meanwhile
		return
	}
}

// chain is h1 - r1 - r2 - h2, configured by ip(8).
const chain = `name: chain
topology:
  defaults: {kind: linux}
  nodes:
    h1: {exec: [ip addr add 10.1.0.2/24 dev eth1, ip route add default via 10.1.0.1]}
    r1:
      sysctls: {net.ipv4.ip_forward: 1}
      exec: [ip addr add 10.1.0.1/24 dev eth1, ip addr add 10.0.0.1/30 dev eth2, ip route add 10.2.0.0/24 via 10.0.0.2]
    r2:
      sysctls: {net.ipv4.ip_forward: 1}
      exec: [ip addr add 10.0.0.2/30 dev eth1, ip addr add 10.2.0.1/24 dev eth2, ip route add 10.1.0.0/24 via 10.0.0.1]
    h2: {exec: [ip addr add 10.2.0.2/24 dev eth1, ip route add default via 10.2.0.1]}
  links:
    - endpoints: ["h1:eth1", "r1:eth1"]
      mtu: 1500
    - endpoints: ["r1:eth2", "r2:eth1"]
      mtu: 1500
    - endpoints: ["r2:eth2", "h2:eth1"]
      mtu: 1500
`

// until waits until ok, which is asked again and again.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.After(limit); !ok(); {
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

// netNS makes a network namespace of the real kernel until the test ends.
func netNS(t *testing.T, s *site) string {
	t.Helper()
	name := fmt.Sprintf("linen-interop-%d", os.Getpid())
	s.must("ip", "netns", "add", name)
	t.Cleanup(func() {
		if out, status := s.try("ip", "netns", "del", name); status != 0 {
			t.Errorf("ip netns del: %s", out)
		}
	})
	return name
}

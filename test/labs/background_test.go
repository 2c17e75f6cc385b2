//go:build linux

package labs

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/test/need"
)

// TestBackgroundPrograms: cmd and entrypoint run when the node is up, the same
// program in two nodes, each with a log; exec -d adds one; all end with the lab.
func TestBackgroundPrograms(t *testing.T) {
	u := newUser(t)
	u.ownFiles()
	u.up(u.file("b.clab.yml", `name: b
topology:
  defaults: {kind: linux}
  nodes:
    a: {cmd: "sh -c 'echo $PPID $(hostname) > /run/me; echo up in $(hostname); exec sleep 1000'"}
    b: {entrypoint: sh -c, cmd: "'echo up in $(hostname) >&2; exit 4'"}
    c: {startup-config: c.cfg}
`))
	for node, want := range map[string]string{"a": "up in a", "b": "up in b"} {
		u.follow(want, "logs", node, "-n", "1", "-f")
	}
	if out := u.do("exec", "-d", "c", "--", "sh", "-c", "echo third; exec sleep 1000"); out != "1\n" {
		t.Errorf("exec -d printed %q", out)
	}
	u.follow("third", "logs", "c", "-f")
	if out := u.do("exec", "a", "cat", "/run/me"); !strings.HasSuffix(out, " a\n") {
		t.Errorf("/run/me of a: %q", out)
	}
	if r := u.try("exec", "b", "cat", "/run/me"); r.status == 0 {
		t.Errorf("b sees the /run of a: %s", r.out)
	}
	if r := u.try("exec", "-d", "c", "--", "no-such-program"); r.status != 1 || !strings.Contains(r.errs, "no-such-program") {
		t.Errorf("a program that is not there: status %d, %s", r.status, r.errs)
	}
}

// follow runs linen until it has printed want.
func (u *user) follow(want string, args ...string) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := u.command(ctx, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	var seen []byte
	for buf := make([]byte, 256); !bytes.Contains(seen, []byte(want)); {
		n, err := out.Read(buf)
		seen = append(seen, buf[:n]...)
		if err != nil {
			u.t.Errorf("linen %s ended (%v) after %q, without %q\n%s", strings.Join(args, " "), err, seen, want, errs.String())
			break
		}
	}
	cancel()
	_ = cmd.Wait() // killed
}

// TestKnownImages: the daemons of an image that is known are the machine's, or
// the user hears which package has them.
func TestKnownImages(t *testing.T) {
	u := newUser(t)
	file := u.file("k.clab.yml", `name: k
topology:
  nodes:
    r1: {kind: linux, image: "quay.io/frrouting/frr:10.5.1"}
    r2: {kind: linux, image: "quay.io/frrouting/frr:10.5.1"}
    h: {kind: linux, image: "alpine:3"}
`)
	r := u.try("up", "-d", file)
	if r.status != 0 {
		t.Fatalf("status %d\n%s", r.status, r.errs)
	}
	_, err := os.Stat("/usr/lib/frr/frrinit.sh")
	if said := strings.Contains(r.errs, "r1, r2: image quay.io/frrouting/frr:10.5.1 would start FRR's routing daemons, which this machine lacks: apt-get install frr"); said != (err != nil) {
		t.Errorf("FRR on this machine: %v\n%s", err == nil, r.errs)
	}
	if strings.Contains(r.errs, "alpine") {
		t.Errorf("a remark on an image that needs none:\n%s", r.errs)
	}
}

// TestStagesAndHealth: a node waits for another's health, and its commands run
// in the order of the stages.
func TestStagesAndHealth(t *testing.T) {
	need.Tool(t, "ip")
	u := newUser(t)
	u.ownFiles()
	order := u.file("order", "")
	file := u.file("s.clab.yml", `name: s
topology:
  defaults:
    kind: linux
    binds: ["order:/run/order"]
  nodes:
    server:
      exec: ["sh -c 'echo server >> /run/order; touch /run/ready'"]
      healthcheck: {test: [CMD-SHELL, "test -e /run/ready && echo health >> /run/order"], interval: 1, retries: 50}
    client:
      exec: ["sh -c 'echo client >> /run/order'"]
      stages:
        configure:
          wait-for: [{node: server, stage: healthy}]
          exec: [{command: "sh -c 'echo enter >> /run/order'", phase: on-enter}, {command: "sh -c 'echo exit >> /run/order'", phase: on-exit}]
`)
	u.up(file)
	got, err := os.ReadFile(order)
	if err != nil || strings.Join(strings.Fields(string(got)), " ") != "server health enter client exit" {
		t.Errorf("order %q, %v", got, err)
	}
	if out := u.do("ps", "-o", "json"); !strings.Contains(out, `"health": "healthy"`) {
		t.Errorf("ps: %s", out)
	}
}

// TestRelativeBinds: sources stand beside the topology file however it is named; a missing one is told with its place.
func TestRelativeBinds(t *testing.T) {
	u := newUser(t)
	u.ownFiles()
	u.file("conf", "beside\n")
	u.file("r.clab.yml", "name: r\ntopology:\n  nodes:\n    a: {kind: linux, binds: [\"conf:/etc/linen-test\"]}\n")
	u.up("r.clab.yml") // the user stands in the directory
	if out := u.do("exec", "a", "--", "cat", "/etc/linen-test"); out != "beside\n" {
		t.Errorf("the bind shows %q", out)
	}
	u.file("m.clab.yml", "name: m\ntopology:\n  nodes:\n    a: {kind: linux, binds: [\"gone:/etc/linen-test\"]}\n")
	if r := u.try("up", "-d", "m.clab.yml"); r.status != 1 || !strings.Contains(r.errs, "m.clab.yml:4:") || !strings.Contains(r.errs, u.dir+"/gone") {
		t.Errorf("a missing source: status %d, %s", r.status, r.errs)
	}
}

// TestFilesOfANode: names of all nodes, the resolver, binds, and env-files.
func TestFilesOfANode(t *testing.T) {
	u := newUser(t)
	u.ownFiles()
	u.file("conf", "from the host\n")
	u.file("vars", "# comment\nCOLOUR=green\nSHAPE=round\n")
	u.up(u.file("f.clab.yml", `name: f
topology:
  nodes:
    a:
      kind: linux
      hostname: alpha
      dns: {servers: [192.0.2.53], search: [example.net]}
      binds: ["conf:/etc/linen-test/conf:ro"]
      env-files: [vars]
      env: {SHAPE: square}
    b: {kind: linux, aliases: [web]}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], ipv4: [10.0.0.1/24, 10.0.0.2/24]}
`))
	for command, want := range map[string]string{
		"hostname":                  "alpha\n",
		"cat /etc/resolv.conf":      "nameserver 192.0.2.53\nsearch example.net\n",
		"getent hosts web":          "10.0.0.2        b web\n",
		"cat /etc/linen-test/conf":  "from the host\n",
		"printenv COLOUR":           "green\n",
		"printenv SHAPE":            "square\n",
		"touch /etc/linen-test/new": "",
	} {
		words := strings.Fields(command)
		if out := u.do(append([]string{"exec", "a", "--"}, words...)...); out != want {
			t.Errorf("%s: %q, want %q", command, out, want)
		}
	}
	if r := u.try("exec", "a", "--", "touch", "/etc/linen-test/conf"); r.status == 0 {
		t.Error("a read-only bind was written")
	}
	if _, err := os.Stat("/etc/linen-test"); err == nil {
		t.Error("the machine's /etc was written")
	}
	if _, err := os.Stat(filepath.Join(u.dir, "conf")); err != nil {
		t.Error(err)
	}
}

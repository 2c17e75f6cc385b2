//go:build linux

package labs

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen/lab"
)

// chaosEnv makes the test of kills go on for a time, such as 5m.
const chaosEnv = "LINEN_CHAOS"

// chaos is a lab whose processes are killed.
type chaos struct {
	*user
	file string
	rng  *rand.Rand
}

// TestKills: whoever is killed, nothing is stuck, nothing is left, and the lab
// can be used or brought up again. LINEN_CHAOS=5m goes on for five minutes.
func TestKills(t *testing.T) {
	for _, place := range []string{"own namespaces", "no namespaces"} {
		t.Run(place, func(t *testing.T) {
			u := newUser(t)
			if place == "no namespaces" {
				u.plain()
			}
			c := &chaos{user: u, rng: rand.New(rand.NewPCG(3, uint64(len(place))))}
			c.file = u.file("kill.clab.yml", strings.ReplaceAll(killLab, "MARK", u.dir))
			kinds := []struct {
				name string
				kill func()
			}{
				{"daemon", c.killDaemon}, {"init", c.killInit}, {"client", c.killClient},
				{"up", c.killUp}, {"daemon while it comes up", c.killYoungDaemon}, {"program", c.killProgram},
			}
			long, _ := time.ParseDuration(os.Getenv(chaosEnv)) // unset: every kind once
			for end := time.Now().Add(long); ; {
				for _, i := range c.rng.Perm(len(kinds)) {
					t.Log("kill: " + kinds[i].name)
					kinds[i].kill()
					if t.Failed() {
						t.Fatalf("after the kill of: %s", kinds[i].name)
					}
				}
				if time.Now().After(end) {
					break
				}
			}
		})
	}
}

// killLab has nodes with and without programs; MARK is in the environment of
// all of them.
const killLab = `name: kill
topology:
  defaults: {kind: linux, env: {LINEN_MARK: "MARK"}}
  nodes:
    a: {cmd: "sh -c 'trap : HUP TERM INT; while :; do sleep 1000; done'"}
    b: {exec: [ip route show, ip addr show]}
    c: {cmd: sleep 1000}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], ipv4: [10.0.0.1/24, 10.0.0.2/24]}
    - {endpoints: ["b:eth2", "c:eth1"]}
`

// daemon brings the lab up unless it is, and returns its daemon.
func (c *chaos) daemon() int {
	c.t.Helper()
	if len(c.metas()) == 0 {
		c.up(c.file)
	}
	list := c.metas()
	if len(list) != 1 {
		c.t.Fatalf("%d labs are up, want 1", len(list))
	}
	return list[0].PID
}

// ready waits until the lab, which somebody brings up, is up.
func (c *chaos) ready() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := lab.State{Root: c.dir + "/run/linen"}.Find(lab.Selection{Lab: "kill"})
		if err == nil {
			var client *lab.Client
			if client, err = lab.Dial(d); err == nil {
				_, err = client.Events(ctx, func(lab.Event) {})
				client.Close()
			}
		}
		if err == nil {
			return
		}
		select { // its socket is made after its lock
		case <-tick.C:
		case <-ctx.Done():
			said, _ := os.ReadFile(c.dir + "/run/linen/kill/daemon.log") // why it crashed
			c.t.Fatalf("the lab is not up: %v\n%s", err, said)
		}
	}
}

// works fails unless every node runs programs.
func (c *chaos) works() {
	c.t.Helper()
	c.ready()
	for _, node := range []string{"a", "b", "c"} {
		c.do("exec", node, "--", "true")
	}
}

// client starts a program in a node and returns linen exec and the program,
// which runs.
func (c *chaos) client(node string) (*exec.Cmd, process) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c.t.Cleanup(cancel)
	cmd := c.command(ctx, "exec", node, "--", "sh", "-c", "echo $$; exec sleep 1000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	var line []byte
	for buf := make([]byte, 64); !bytes.Contains(line, []byte("\n")); {
		n, err := out.Read(buf)
		line = append(line, buf[:n]...)
		if err != nil {
			c.t.Fatalf("linen exec ended: %v", err)
		}
	}
	list := descendants(atoi(c.t, strings.TrimSpace(string(line))))
	if len(list) == 0 {
		c.t.Fatal("the program is not there")
	}
	return cmd, list[0]
}

func (c *chaos) killDaemon() {
	pid := c.daemon()
	cmd, program := c.client("b")
	family := descendants(pid)
	c.must(family[0].kill())
	if status := statusOf(c.t, cmd.Wait()); status == 0 {
		c.t.Error("the client of a killed daemon ended with status 0")
	}
	c.ended(append(family, program))
	c.noStrays()
	if out := c.do("ps", "-o", "name"); out != "" {
		c.t.Errorf("a killed lab is listed: %q", out)
	}
	c.up(c.file)
	c.works()
}

func (c *chaos) killInit() {
	pid := c.daemon()
	cmd, program := c.client("b")
	init := c.initOf(pid, "b")
	family := descendants(init.pid)
	c.must(init.kill())
	if status := statusOf(c.t, cmd.Wait()); status == 0 {
		c.t.Error("the client of a killed init ended with status 0")
	}
	c.ended(append(family, program, init))
	c.works() // a new init starts
}

// initOf opens a node's init.
func (c *chaos) initOf(daemon int, node string) process {
	c.t.Helper()
	for _, p := range descendants(daemon) {
		data, _ := os.ReadFile(filepath.Join("/proc", itoa(p.pid), "cmdline"))
		words := strings.Split(string(data), "\x00")
		if len(words) > 1 && words[0] == "linen-init" && words[1] == node {
			return p
		}
		unix.Close(p.fd)
	}
	c.t.Fatalf("node %s has no init", node)
	return process{}
}

func (c *chaos) killClient() {
	c.daemon()
	cmd, program := c.client("c")
	c.must(cmd.Process.Kill())
	_ = cmd.Wait() // killed
	c.ended([]process{program})
	c.works()
}

func (c *chaos) killProgram() {
	c.daemon()
	cmd, program := c.client("a")
	c.must(program.kill())
	if status := statusOf(c.t, cmd.Wait()); status != 137 {
		c.t.Errorf("the client of a killed program ended with status %d, want 137", status)
	}
	c.ended([]process{program})
	c.works()
}

// killUp kills `up -d` somewhere on its way: its daemon goes on, or never was.
func (c *chaos) killUp() {
	c.takeDown()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := c.command(ctx, "up", "-d", c.file)
	c.must(cmd.Start())
	c.pause()
	c.must(cmd.Process.Kill())
	_ = cmd.Wait() // killed
	r := c.try("up", "-d", c.file)
	c.t.Logf("up again: status %d, %s", r.status, r.errs)
	if r.status != 0 && !strings.Contains(r.errs, "is up already") {
		c.t.Errorf("up after a killed up: status %d\n%s", r.status, r.errs)
	}
	c.works()
}

// killYoungDaemon kills the daemon while its lab comes up.
func (c *chaos) killYoungDaemon() {
	c.takeDown()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := c.command(ctx, "up", "-d", c.file)
	c.must(cmd.Start())
	c.pause()
	family := descendants(cmd.Process.Pid)
	if len(family) > 1 { // up's child is the daemon
		c.must(family[1].kill())
	}
	_ = cmd.Wait() // its daemon was killed, or the lab is up
	if len(family) > 1 {
		c.ended(family)
	}
	r := c.try("up", "-d", c.file)
	c.t.Logf("up again: status %d, %s", r.status, r.errs)
	if r.status != 0 && !strings.Contains(r.errs, "is up already") {
		c.t.Errorf("up after a killed daemon: status %d\n%s", r.status, r.errs)
	}
	c.works()
}

// pause lets a random moment of an `up` pass: up to 60 ms of its usual 100.
func (c *chaos) pause() {
	<-time.After(time.Duration(c.rng.IntN(60)) * time.Millisecond)
}

func (c *chaos) takeDown() {
	for _, m := range c.metas() {
		family := descendants(m.PID)
		c.do("down", "--lab", m.Name)
		c.ended(family)
	}
	c.noStrays()
}

func (c *chaos) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// noStrays waits until no process is left that has the lab's directory in its
// environment: none that was started at the moment of a kill.
func (c *chaos) noStrays() {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(patience); ; <-tick.C {
		left := c.strays()
		if len(left) == 0 {
			return
		}
		if time.Now().After(limit) {
			c.t.Fatalf("processes are left: %q", left)
		}
	}
}

func (c *chaos) strays() (left []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil && strings.Contains(string(data), c.dir) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline"))
			left = append(left, filepath.Base(filepath.Dir(f))+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return left
}

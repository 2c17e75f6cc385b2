//go:build linux

package main

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"linen/lab"
	"linen/lab/clab"
)

// wires is an engine of which only the links matter.
type wires struct {
	mu  sync.Mutex
	imp map[string]clab.Impairment
}

func (w *wires) CreateNode(lab.NodeSpec) error { return nil }
func (w *wires) CreateLink(lab.LinkSpec) error { return nil }
func (w *wires) Close() error                  { return nil }
func (w *wires) Programs(string) int           { return 0 }

func (w *wires) Exec(_ context.Context, _ string, s lab.ExecSpec) (int, error) {
	_, err := s.Stdout.WriteString("ran " + strings.Join(s.Args, " ") + "\n")
	return 0, err
}

func (w *wires) Interfaces(node string) ([]lab.InterfaceStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return []lab.InterfaceStatus{{Name: "lo"}, {Name: "eth1", State: "up", Impair: lab.FormatImpairment(w.imp[node])}}, nil
}

func (w *wires) ChangeLink(c lab.LinkChange) (lab.LinkStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	state := "up"
	if c.Up != nil && !*c.Up {
		state = "down"
	}
	if c.Impair != nil {
		w.imp[c.Node] = *c.Impair
	}
	return lab.LinkStatus{Ends: []lab.LinkEnd{{Node: c.Node, Interface: c.Interface, State: state, Impair: w.imp[c.Node]}}}, nil
}

// serve brings a lab up under a state directory of this test's own.
func serve(t *testing.T, name string) {
	t.Helper()
	topo, err := clab.Parse("x.clab.yml", []byte("name: "+name+"\ntopology:\n  defaults: {kind: linux}\n  nodes: {h1: {exec: [ip link]}, h2: }\n  links:\n    - endpoints: [\"h1:eth1\", \"h2:eth1\"]\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := lab.MakePlan(topo, lab.HostView{})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := state().Acquire(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", dir.Socket())
	if err != nil {
		t.Fatal(err)
	}
	d := &lab.Daemon{Dir: dir, Topology: topo, Plan: plan, Engine: &wires{imp: map[string]clab.Impairment{}}, File: "/labs/" + name + ".clab.yml", Listener: l}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c, err := lab.Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Events(t.Context(), func(lab.Event) {}); err != nil {
		t.Fatal(err)
	}
}

func TestVerbsOfARunningLab(t *testing.T) {
	dir, err := os.MkdirTemp("", "l")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("LINEN_LAB", "")
	check := func(args string, status int, out, errs string) {
		t.Helper()
		words := strings.Fields(args)
		if words[0] == "__complete" {
			words = append(words, "") // the word being typed
		}
		s, o, e := linen(t, "", words...)
		if s != status || !strings.Contains(o, out) || !strings.Contains(e, errs) {
			t.Errorf("linen %s: status %d, want %d\nstdout (want %q): %s\nstderr (want %q): %s", args, s, status, out, o, errs, e)
		}
	}
	check("ps", 0, "LAB   NODE", "")
	check("inspect", 1, "", "no lab is up: linen up")
	check("down --all", 0, "", "")
	serve(t, "one")
	check("ps", 0, "one   h1     linux   running   0          eth1", "")
	check("ps -o json", 0, `"lab": "one"`, "")
	check("inspect -o json", 0, `"name": "clab-one-h1"`, "")
	check("inspect interfaces h2", 0, "clab-one-h2   eth1", "")
	check("inspect interfaces h3", 1, "", `no node "h3": did you mean`)
	check("logs h1", 0, "$ ip link\nran ip link\n", "")
	check("logs h2", 0, "", "")
	check("logs h2 -n 4", 1, "", "no log 4")
	check("logs", 2, "", "accepts 1 arg")
	check("link set h1:eth1 --delay 20ms --loss 1", 0, "h1:eth1     up      delay 20ms loss 1%", "")
	check("link show h1", 0, "delay 20ms loss 1%", "")
	check("link reset h1:eth1", 0, "h1:eth1     up\n", "")
	check("link down h1:eth1", 0, "down", "")
	check("link set h1 --delay 1ms", 2, "", "is not NODE:INTERFACE")
	check("link set h1:eth1 --delay 1", 2, "", "write it with its unit")
	check("link set h1:eth1", 2, "", "say what to set")
	check("__complete logs ", 0, "h1\nh2\n", "")
	check("__complete link set ", 0, "h1:eth1\nh2:eth1\n", "")
	check("__complete ps --lab ", 0, "one\n", "")
	serve(t, "two")
	check("inspect", 1, "", "2 labs are up (one, two)")
	check("inspect -t /labs/two.clab.yml -o name", 0, "h1\nh2\n", "")
	check("ps", 0, "two   h2", "")
	check("down --lab one", 0, "", "lab one is down")
	check("destroy", 0, "", "lab two is down")
	check("ps", 0, "LAB   NODE", "")
	check("down", 1, "", "no lab is up")
}

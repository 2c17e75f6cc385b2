package lab

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"linen/lab/clab"
)

// gated is an engine whose commands wait until they may go on.
type gated struct {
	fakeEngine
	gate   chan struct{}
	closed sync.Once
	gone   chan struct{}
}

func newGated() *gated { return &gated{gate: make(chan struct{}), gone: make(chan struct{})} }

func (e *gated) Exec(ctx context.Context, node string, s ExecSpec) (int, error) {
	select {
	case <-e.gate:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if s.Stdout != nil {
		if _, err := s.Stdout.WriteString("said " + s.Args[0] + "\n"); err != nil {
			return 0, err
		}
	}
	if s.Args[0] == "false" {
		return 1, nil
	}
	return 0, nil
}

func (e *gated) Close() error { e.closed.Do(func() { close(e.gone) }); return nil }

func (e *gated) Interfaces(node string) ([]InterfaceStatus, error) {
	return []InterfaceStatus{{Name: "eth1", State: "up"}}, nil
}

func (e *gated) Programs(string) int { return 3 }

func (e *gated) ChangeLink(c LinkChange) (LinkStatus, error) {
	return LinkStatus{Ends: []LinkEnd{{Node: c.Node, Interface: c.Interface}}}, nil
}

// start runs a daemon and returns its client and how to wait for its end.
func start(t *testing.T, ctx context.Context, e Engine, text string) (*Client, *Dir, State, func() error) {
	t.Helper()
	s := testState(t)
	topo, err := clab.Parse("d.clab.yml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := MakePlan(topo, HostView{})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := s.Acquire(topo.Name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", dir.Socket()) // made here, so that the client need not wait for it
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{Dir: dir, Topology: topo, Plan: p, Engine: e, File: "/labs/d.clab.yml", Version: "test", Owner: "me", Listener: l}
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, dir, s, func() error { return <-done }
}

const daemonLab = "name: d\ntopology:\n  defaults: {kind: linux}\n  nodes:\n    a: {exec: [echo hello, \"false\"]}\n    b:\n  links:\n    - endpoints: [\"a:eth1\", \"b:eth1\"]\n"

func TestDaemonLife(t *testing.T) {
	onLinux(t)
	e := newGated()
	c, dir, s, wait := start(t, t.Context(), e, daemonLab)
	var info Info
	if err := c.Call(t.Context(), PathInfo, nil, &info); err != nil {
		t.Fatal(err)
	}
	if info.Nodes[0].State != "starting" || info.Nodes[0].Programs != 3 || info.Nodes[0].Interfaces[0].Name != "eth1" {
		t.Errorf("while starting: %+v", info.Nodes)
	}
	close(e.gate)
	var seen []string
	last, err := c.Events(t.Context(), func(e Event) { seen = append(seen, e.Node+" "+e.Event) })
	if err != nil || last.Event != EventReady || !strings.Contains(last.Text, `"false" ended with status 1`) {
		t.Errorf("last event %+v, %v", last, err)
	}
	slices.Sort(seen)
	if !slices.Equal(seen, []string{"a command", "a up", "b up"}) {
		t.Errorf("events %q", seen)
	}
	if log, err := os.ReadFile(dir.Log("a", 0)); err != nil || string(log) != "$ echo hello\nsaid echo\n$ false\nsaid false\n" {
		t.Errorf("log %q, %v", log, err)
	}
	if err := c.Call(t.Context(), PathInfo, nil, &info); err != nil || info.Nodes[1].State != "running" {
		t.Errorf("when up: %+v, %v", info.Nodes, err)
	}
	var st LinkStatus
	if err := c.Call(t.Context(), PathLink, LinkChange{Node: "clab-d-b", Interface: "eth1"}, &st); err != nil || st.Ends[0].Node != "b" {
		t.Errorf("link: %+v, %v", st, err)
	}
	if err := c.Call(t.Context(), PathLink, LinkChange{Node: "c"}, nil); err == nil || !strings.Contains(err.Error(), `no node "c"`) {
		t.Errorf("link of no node: %v", err)
	}
	if err := c.Call(t.Context(), PathDown, DownRequest{}, nil); err != nil {
		t.Fatal(err)
	}
	<-e.gone
	if labs, err := s.Labs(); err != nil || len(labs) != 0 {
		t.Errorf("after down: %v, %v", labs, err)
	}
	if _, err := os.Stat(dir.Path); err == nil {
		t.Error("down left the directory")
	}
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// TestDaemonDownWhileComingUp: down does not wait for commands that hang.
func TestDaemonDownWhileComingUp(t *testing.T) {
	onLinux(t)
	e := newGated()
	c, _, s, wait := start(t, t.Context(), e, daemonLab)
	if err := c.Call(t.Context(), PathDown, DownRequest{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	if d, err := s.Acquire("d"); err != nil {
		t.Errorf("the next up: %v", err)
	} else if err := d.Release(); err != nil {
		t.Error(err)
	}
}

func TestDaemonEndsWithItsContext(t *testing.T) {
	onLinux(t)
	ctx, cancel := context.WithCancel(t.Context())
	e := newGated()
	close(e.gate)
	c, _, _, wait := start(t, ctx, e, daemonLab)
	if _, err := c.Events(t.Context(), func(Event) {}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := wait(); err != nil {
		t.Error(err)
	}
	<-e.gone
}

func TestDaemonTellsWhyALabCannotBeMade(t *testing.T) {
	onLinux(t)
	e := newGated()
	e.bad = errors.New("no room")
	_, dir, _, wait := start(t, t.Context(), e, daemonLab)
	if err := wait(); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(dir.Path); err == nil {
		t.Error("the failed lab left its directory")
	}
}

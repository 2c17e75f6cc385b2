package lab

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"linen/lab/clab"
)

// Event is one step of bringing a lab up, for the progress printer.
type Event struct {
	Node  string `json:"node"`
	Event string `json:"event"` // "up", "healthy", "failed", "command"
	Text  string `json:"text,omitempty"`
}

// UpOptions tune [Up]. The zero value is the default.
type UpOptions struct {
	Workers  int         // commands at once; 0: twice the processors
	Progress func(Event) // called from many goroutines
	Output   Outputs     // where commands write; nil: nowhere
	// Start starts a node's programs; nil: none are started.
	Start func(ctx context.Context, node string, p Program) error
}

// Outputs opens what one command of a node writes to; the files are closed when it ends.
type Outputs func(node string, c clab.Command) (ExecSpec, func(), error)

// ErrCommands is wrapped by the error of [Up] when the lab is up but commands of the file failed in it.
var ErrCommands = errors.New("commands of the file failed")

// Up brings a topology up on an engine: nodes, links, then the file's commands, each node in its own order of stages and
// all nodes at once. When it fails to make a node or link the caller closes the engine. An error that wraps ErrCommands
// means that the lab stands and something in it was not configured.
func Up(ctx context.Context, t *clab.Topology, p *Plan, e Engine, o UpOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Workers <= 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	u := &upper{t: t, p: p, e: e, o: o, cancel: cancel, slots: make(chan struct{}, o.Workers), nodes: map[string]*nodeUp{}}
	for _, n := range t.Nodes {
		nu := &nodeUp{Node: n, done: map[string]chan struct{}{}}
		for _, s := range clab.StageNames() {
			nu.done[s] = make(chan struct{})
		}
		u.nodes[n.Name] = nu
	}
	for i, l := range p.Links {
		lu := &linkUp{spec: &p.Links[i]}
		for _, end := range l.Ends {
			n := u.nodes[end.Node]
			if len(n.links) > 0 {
				lu.after = append(lu.after, n.links[len(n.links)-1])
			}
			n.links = append(n.links, lu)
		}
	}
	var wg sync.WaitGroup
	for _, n := range u.nodes {
		wg.Go(func() { u.node(ctx, n) })
	}
	wg.Wait()
	if u.fatal != nil {
		return u.fatal
	}
	if len(u.failed) > 0 {
		return fmt.Errorf("%w:\n%s", ErrCommands, strings.Join(u.failed, "\n"))
	}
	return ctx.Err()
}

type upper struct {
	t      *clab.Topology
	p      *Plan
	e      Engine
	o      UpOptions
	cancel func()
	slots  chan struct{} // one a running command
	nodes  map[string]*nodeUp

	mu     sync.Mutex // guards fatal, failed
	fatal  error
	failed []string
}

type nodeUp struct {
	*clab.Node
	links  []*linkUp
	create sync.Once
	err    error // of create
	done   map[string]chan struct{}
}

type linkUp struct {
	spec   *LinkSpec
	after  []*linkUp // the links before it of its nodes
	create sync.Once
	err    error
}

// node walks one node through its stages.
func (u *upper) node(ctx context.Context, n *nodeUp) {
	steps := map[string]func(context.Context, *nodeUp) error{
		"create":       u.createNode,
		"create-links": u.createLinks,
		"configure":    u.configure,
		"healthy":      u.healthy,
	}
	for _, name := range clab.StageNames() {
		step := steps[name]
		if step == nil { // exit: entered when the node ends
			return
		}
		if err := u.stage(ctx, n, name, step); err != nil {
			if ctx.Err() == nil {
				u.fail(fmt.Errorf("node %s: %w", n.Name, err))
			}
			return
		}
	}
}

func (u *upper) fail(err error) {
	u.mu.Lock()
	if u.fatal == nil {
		u.fatal = err
	}
	u.mu.Unlock()
	u.cancel()
}

func (u *upper) stage(ctx context.Context, n *nodeUp, name string, step func(context.Context, *nodeUp) error) error {
	s := n.Stages[name]
	for _, w := range s.WaitFor {
		select {
		case <-u.nodes[w.Node].done[w.Stage]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if name == "create" {
		// on-enter of create has no node to run in yet: it runs when there is one
		if err := sleep(ctx, n.StartupDelay); err != nil {
			return err
		}
		if err := step(ctx, n); err != nil {
			return err
		}
		u.commands(ctx, n, s.OnEnter)
	} else {
		u.commands(ctx, n, s.OnEnter)
		if err := step(ctx, n); err != nil {
			return err
		}
	}
	u.commands(ctx, n, s.OnExit)
	close(n.done[name])
	return ctx.Err()
}

func (u *upper) createNode(_ context.Context, n *nodeUp) error {
	n.create.Do(func() { n.err = u.e.CreateNode(u.p.Nodes[n.Name]) })
	return n.err
}

// createLinks makes the node's links, whichever end comes first.
func (u *upper) createLinks(ctx context.Context, n *nodeUp) error {
	for _, l := range n.links {
		if err := u.createLink(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// createLink makes a link when those before it of both nodes are there, so that a node numbers its interfaces in the order
// of the file at every start. The peer's network is made for it when it is not there yet, so that a node may wait for a
// neighbour's configuration with the link between them up, as in containerlab.
func (u *upper) createLink(ctx context.Context, l *linkUp) error {
	l.create.Do(func() {
		for _, before := range l.after {
			if l.err = u.createLink(ctx, before); l.err != nil {
				return
			}
		}
		for _, end := range l.spec.Ends {
			if l.err = u.createNode(ctx, u.nodes[end.Node]); l.err != nil {
				return
			}
		}
		l.err = u.e.CreateLink(*l.spec)
	})
	return l.err
}

func (u *upper) configure(ctx context.Context, n *nodeUp) error {
	u.programs(ctx, n)
	u.commands(ctx, n, n.Exec)
	u.event(Event{Node: n.Name, Event: "up"})
	return nil
}

// healthy waits for the node's health check, by docker's rules: within the start period failures do not count.
func (u *upper) healthy(ctx context.Context, n *nodeUp) error {
	h := n.Healthcheck
	if h == nil || len(h.Test) == 0 || h.Test[0] == "NONE" {
		return nil
	}
	args := h.Test[1:]
	if h.Test[0] == "CMD-SHELL" {
		args = []string{"sh", "-c", strings.Join(h.Test[1:], " ")}
	}
	start, failures := time.Now(), 0
	for {
		c, cancel := context.WithTimeout(ctx, h.Timeout)
		status, err := u.e.Exec(c, n.Name, ExecSpec{Args: args})
		cancel()
		if err == nil && status == 0 {
			u.event(Event{Node: n.Name, Event: "healthy"})
			return nil
		}
		if time.Since(start) >= h.StartPeriod {
			if failures++; failures >= max(h.Retries, 1) {
				return fmt.Errorf("not healthy after %d tries of %q", failures, strings.Join(args, " "))
			}
		}
		if err := sleep(ctx, h.Interval); err != nil {
			return err
		}
	}
}

// commands runs a node's commands one after the other. A failed one is told and the next one runs, as containerlab does.
func (u *upper) commands(ctx context.Context, n *nodeUp, list []clab.Command) {
	for _, c := range list {
		if ctx.Err() != nil {
			return
		}
		select {
		case u.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := u.command(ctx, n, c)
		<-u.slots
		if err != nil && ctx.Err() == nil {
			u.complain(n, fmt.Sprintf("%s:%d: %s: %q %v", u.t.File, c.Pos.Line, n.Name, c.Line, err))
		}
	}
}

// programs starts what runs in the node for good.
func (u *upper) programs(ctx context.Context, n *nodeUp) {
	if u.o.Start == nil {
		return
	}
	for _, p := range u.p.Nodes[n.Name].Programs {
		if err := u.o.Start(ctx, n.Name, p); err != nil && ctx.Err() == nil {
			u.complain(n, fmt.Sprintf("%s:%d: %s: %v", u.t.File, n.Pos.Line, n.Name, err))
		}
	}
}

// complain tells of a command or program that failed.
func (u *upper) complain(n *nodeUp, text string) {
	u.mu.Lock()
	u.failed = append(u.failed, text)
	u.mu.Unlock()
	u.event(Event{Node: n.Name, Event: "command", Text: text})
}

func (u *upper) command(ctx context.Context, n *nodeUp, c clab.Command) error {
	words, err := c.Words()
	if err != nil || len(words) == 0 {
		return err
	}
	var spec ExecSpec
	if u.o.Output != nil {
		s, done, err := u.o.Output(n.Name, c)
		if err != nil {
			return err
		}
		defer done()
		spec = s
	}
	spec.Args = words
	status, err := u.e.Exec(ctx, n.Name, spec)
	if err == nil && status != 0 {
		err = fmt.Errorf("ended with status %d", status)
	}
	return err
}

func (u *upper) event(e Event) {
	if u.o.Progress != nil {
		u.o.Progress(e)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

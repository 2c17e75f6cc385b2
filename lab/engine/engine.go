//go:build linux

package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"linen"
	"linen/lab"
	"linen/net/netns"
	"linen/run/client"
	"linen/run/nodeinit"
	"linen/run/supervise"
)

// Config says how an Engine is built.
type Config struct {
	CPUs             int    // virtual CPUs; 0: 1
	Seed             uint64 // of all randomness; 0: crypto/rand
	NoUserNamespaces bool   // do as where the host refuses them
	Log              *slog.Logger
	Note             func(node, line string) // hears of every command that is run, unless nil
	Warn             func(node, text string) // hears of binds that this machine does not allow, unless nil
}

// Engine is a lab.Engine on the stack and the program supervisor.
type Engine struct {
	net  *network
	host *supervise.Host
	cfg  Config

	mu     sync.Mutex
	nodes  map[string]*node
	closed bool
	done   chan struct{} // closed with the engine
}

// node is one node's programs; its init starts with the first.
type node struct {
	spec  lab.NodeSpec
	start sync.Mutex // one starts the init, the others wait
	sup   *supervise.Node
}

var (
	_ lab.Engine      = labExec{}
	_ lab.Observer    = labExec{}
	_ lab.Starter     = labExec{}
	_ lab.LinkChanger = labExec{}
	_ client.Handler  = (*Engine)(nil)
)

// New returns an Engine without nodes.
func New(cfg Config) (*Engine, error) {
	host, err := supervise.NewHost(cfg.Log)
	if err != nil {
		return nil, err
	}
	return &Engine{net: newNetwork(cfg.CPUs, cfg.Seed), host: host, cfg: cfg, nodes: make(map[string]*node), done: make(chan struct{})}, nil
}

// Net returns a node's network, or nil.
func (e *Engine) Net(name string) *linen.Net { return e.net.net(name) }

// Names returns the nodes' names, sorted.
func (e *Engine) Names() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	names := make([]string, 0, len(e.nodes))
	for name := range e.nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// CreateNode makes a node's network; its init waits for the first program.
func (e *Engine) CreateNode(s lab.NodeSpec) error {
	if err := e.net.createNode(s); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nodes[s.Name] = &node{spec: s}
	return nil
}

// CreateLink makes a cable.
func (e *Engine) CreateLink(s lab.LinkSpec) error { return e.net.createLink(s) }

// Interfaces lists a node's interfaces.
func (e *Engine) Interfaces(name string) ([]lab.InterfaceStatus, error) {
	return e.net.interfaces(name)
}

// ChangeLink changes a cable while the lab runs.
func (e *Engine) ChangeLink(c lab.LinkChange) (lab.LinkStatus, error) { return e.net.changeLink(c) }

// Programs counts the programs that run in a node.
func (e *Engine) Programs(name string) int {
	n, err := e.node(name)
	if err != nil {
		return 0
	}
	n.start.Lock()
	defer n.start.Unlock()
	if n.sup == nil {
		return 0
	}
	return n.sup.Programs()
}

func (e *Engine) node(name string) (*node, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.nodes[name]
	if n == nil || e.closed {
		return nil, fmt.Errorf("no node %s", name)
	}
	return n, nil
}

// supervisor returns the node's supervisor, started at its first use, and
// again when its init was killed.
func (e *Engine) supervisor(ctx context.Context, name string) (*supervise.Node, *node, error) {
	n, err := e.node(name)
	if err != nil {
		return nil, nil, err
	}
	n.start.Lock()
	defer n.start.Unlock()
	if n.sup != nil {
		select {
		case <-n.sup.Done():
			n.sup.Close()
			n.sup = nil
		default:
			return n.sup, n, nil
		}
	}
	net := e.Net(name)
	sup, err := e.host.Start(ctx, supervise.Config{
		Net: net.Namespace(), Init: e.init(n.spec),
		NewNet: func(name string) (*netns.Net, func(), error) { return further(net, name) },
	})
	if err != nil {
		return nil, nil, fmt.Errorf("node %s: %w", name, err)
	}
	n.sup = sup
	if e.cfg.Warn != nil {
		for _, b := range n.spec.Binds {
			if reason := sup.Mode().Missing[b.Target]; reason != "" {
				e.cfg.Warn(name, fmt.Sprintf("%s: bind %s: %s", name, b.Target, reason))
			}
		}
	}
	return sup, n, nil
}

// Mode says what a node's programs get from the host; it starts the node's init if none runs.
func (e *Engine) Mode(ctx context.Context, name string) (nodeinit.Mode, error) {
	sup, _, err := e.supervisor(ctx, name)
	if err != nil {
		return nodeinit.Mode{}, err
	}
	return sup.Mode(), nil
}

// init describes a node's init: its name, its files, its binds.
func (e *Engine) init(s lab.NodeSpec) nodeinit.Config {
	cfg := nodeinit.Config{
		Name: s.Name, Hostname: s.Hostname, NoUserNamespace: e.cfg.NoUserNamespaces,
		Etc: map[string]string{"hosts": hostsFile(s), "resolv.conf": resolvConf(s), "hostname": s.Hostname + "\n"},
	}
	for _, b := range s.Binds {
		cfg.Binds = append(cfg.Binds, nodeinit.Bind{Source: b.Source, Target: b.Target, ReadOnly: b.ReadOnly})
	}
	return cfg
}

// hostsFile is a node's /etc/hosts: itself and every node with an address in
// the lab file.
func hostsFile(s lab.NodeSpec) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	for _, h := range s.Hosts {
		fmt.Fprintf(&b, "%s\t%s\n", h.Addr, strings.Join(h.Names, " "))
	}
	return b.String()
}

// resolvConf is a node's /etc/resolv.conf; without servers names resolve by
// /etc/hosts alone.
func resolvConf(s lab.NodeSpec) string {
	if s.DNS == nil {
		return ""
	}
	var b strings.Builder
	for _, server := range s.DNS.Servers {
		fmt.Fprintf(&b, "nameserver %s\n", server)
	}
	if len(s.DNS.Search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(s.DNS.Search, " "))
	}
	if len(s.DNS.Options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(s.DNS.Options, " "))
	}
	return b.String()
}

// Exec starts the program of a `linen exec` (client.Handler). The client's
// environment gives way to the node's.
func (e *Engine) Exec(ctx context.Context, r client.Request, files []*os.File) (client.Proc, error) {
	return e.start(ctx, r.Node, r.Program, files)
}

func (e *Engine) start(ctx context.Context, name string, p nodeinit.Program, files []*os.File) (*nodeinit.Proc, error) {
	sup, n, err := e.supervisor(ctx, name)
	if err != nil {
		return nil, err
	}
	p.Env = mergeEnv(p.Env, n.spec.Env)
	p.User = cmp.Or(p.User, n.spec.User)
	if e.cfg.Note != nil {
		e.cfg.Note(name, strings.Join(p.Argv, " "))
	}
	proc, err := sup.Exec(ctx, p, files...)
	if !errors.Is(err, nodeinit.ErrGone) {
		return proc, err
	}
	select { // its init was killed a moment ago: the next one runs it
	case <-sup.Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if sup, _, err = e.supervisor(ctx, name); err != nil {
		return nil, err
	}
	return sup.Exec(ctx, p, files...)
}

// mergeEnv returns base with the settings of over in place of its own.
func mergeEnv(base, over []string) []string {
	if len(base) == 0 {
		base = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	}
	set := make(map[string]bool, len(over))
	for _, kv := range over {
		name, _, _ := strings.Cut(kv, "=")
		set[name] = true
	}
	env := slices.DeleteFunc(slices.Clone(base), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return set[name]
	})
	return append(env, over...)
}

// labExec adapts Run to lab.Engine, whose Exec runs a program to its end.
type labExec struct{ *Engine }

// Lab returns the engine as package lab wants it.
func (e *Engine) Lab() lab.Engine { return labExec{e} }

// Exec runs a program and waits for it; see lab.Engine.
func (l labExec) Exec(ctx context.Context, name string, s lab.ExecSpec) (status int, err error) {
	return l.Run(ctx, name, s)
}

// Run runs a program in a node, waits for it and returns its status as a shell
// reports it. When ctx ends first the program is killed.
func (e *Engine) Run(ctx context.Context, name string, s lab.ExecSpec) (status int, err error) {
	p, err := e.startSpec(ctx, name, s)
	if err != nil {
		return 0, err
	}
	if status, err = p.Wait(ctx); err != nil {
		return 0, errors.Join(err, p.Signal(unix.SIGKILL))
	}
	return status, nil
}

// Start starts a program and returns; see lab.Starter.
func (l labExec) Start(ctx context.Context, name string, s lab.ExecSpec) (lab.Process, error) {
	return l.startSpec(ctx, name, s)
}

func (e *Engine) startSpec(ctx context.Context, name string, s lab.ExecSpec) (process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return process{}, err
	}
	defer null.Close()
	files := []*os.File{cmp.Or(s.Stdin, null), cmp.Or(s.Stdout, null), cmp.Or(s.Stderr, null)}
	p, err := e.start(ctx, name, nodeinit.Program{Argv: s.Args, Env: s.Env, Dir: s.Dir, User: s.User, TTY: s.TTY}, files)
	return process{p}, err
}

// process is a program of a node with its status as a shell reports it.
type process struct{ *nodeinit.Proc }

// Wait waits for the program's end.
func (p process) Wait(ctx context.Context) (status int, err error) {
	exit, err := p.Proc.Wait(ctx)
	if err != nil {
		return 0, err
	}
	return exit.ShellCode(), nil
}

// Close ends every program and removes every node and cable.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	close(e.done)
	nodes := e.nodes
	e.mu.Unlock()
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() {
			n.start.Lock()
			defer n.start.Unlock()
			if n.sup != nil {
				n.sup.Close()
			}
		})
	}
	all.Wait()
	e.host.Close()
	return e.net.close()
}

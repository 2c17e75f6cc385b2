package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"linen/lab"
	"linen/lab/clab"
	"linen/run/client"
	"linen/run/nodeinit"
)

// promptHelp is what `help` says at the prompt.
const promptHelp = `NODE COMMAND...       run a command in a node; other nodes' names stand for their addresses: h1 ping -c1 h2
pingall               every host pings every other
link NODE NODE up     set the link between two nodes up, or down
nodes, links          list them
help, exit
`

// prompt is `linen sh` without a node: lines as in Mininet's CLI.
type prompt struct {
	which *running
	dir   *lab.Dir
	out   io.Writer
	tty   bool
}

// run reads lines until their end or `exit`. The error is that of the last line when a script is read, none at a terminal.
func (p *prompt) run(ctx context.Context, in io.Reader) error {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, unix.SIGINT) // a program's Ctrl-C is not ours
	defer signal.Stop(interrupts)
	lines := bufio.NewScanner(in)
	var last error
	for {
		if p.tty {
			fmt.Fprint(p.out, "linen> ")
		}
		if !lines.Scan() {
			break
		}
		words, err := clab.Command{Line: lines.Text()}.Words()
		if err == nil && len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			if words[0] == "exit" || words[0] == "quit" {
				return nil
			}
			err = p.line(ctx, words)
		}
		var status exitStatus
		if err != nil && !errors.As(err, &status) {
			fmt.Fprintln(p.out, err)
		}
		last = err
	}
	if p.tty {
		fmt.Fprintln(p.out)
		return lines.Err()
	}
	return errors.Join(last, lines.Err())
}

// line does one line.
func (p *prompt) line(ctx context.Context, words []string) error {
	_, info, err := p.which.info(ctx)
	if err != nil {
		return err
	}
	switch words[0] {
	case "help", "?":
		_, err := io.WriteString(p.out, promptHelp)
		return err
	case "nodes":
		var names []string
		for _, n := range info.Nodes {
			names = append(names, n.Name)
		}
		_, err := fmt.Fprintln(p.out, strings.Join(names, " "))
		return err
	case "links", "net":
		for _, l := range info.Topology.Links {
			fmt.Fprintln(p.out, l)
		}
		return nil
	case "pingall":
		return p.pingAll(info)
	case "link":
		return p.link(ctx, info, words[1:])
	}
	node, err := lab.ResolveNode(info.Topology, words[0])
	if err != nil {
		return fmt.Errorf("%w; try help", err)
	}
	if len(words) == 1 {
		return fmt.Errorf("what shall %s do? Such as: %s ip address", node, node)
	}
	argv := slices.Clone(words[1:])
	for i, w := range argv[1:] {
		if a := addressOf(info, w); a != "" {
			argv[i+1] = a
		}
	}
	io := client.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	if !p.tty { // the lines are ours
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		defer null.Close()
		io.In = null
	}
	return p.exec(node, argv, io)
}

// exec runs a program; a status that is not 0 is an exitStatus.
func (p *prompt) exec(node string, argv []string, io client.Stdio) error {
	c, err := client.Dial(p.dir.ExecSocket())
	if err != nil {
		return err
	}
	prog := program(argv, nil)
	prog.TTY = io.Interactive()
	exit, err := client.Run(c, client.Request{API: client.API, Node: node, Program: prog}, io)
	switch {
	case err != nil:
		return execError(err)
	case exit != nodeinit.Exit{}:
		return exitStatus(exit.ShellCode())
	}
	return nil
}

// addressOf is a node's first address that is not lo's, "" when word is no node or the node has none.
func addressOf(info lab.Info, word string) string {
	for _, n := range info.Nodes {
		if n.Name != word {
			continue
		}
		for _, i := range n.Interfaces {
			if i.Name != "lo" && len(i.Addrs) > 0 {
				return i.Addrs[0].Addr().String()
			}
		}
	}
	return ""
}

// pings is how many pings of pingall are under way at once.
const pings = 16

// pingAll lets every node with an address ping every other, and reports as Mininet does.
func (p *prompt) pingAll(info lab.Info) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	var names, addrs []string
	for _, n := range info.Nodes {
		if a := addressOf(info, n.Name); a != "" {
			names, addrs = append(names, n.Name), append(addrs, a)
		}
	}
	sent, received := 0, 0
	for i, from := range names {
		words := make([]string, len(names))
		var all sync.WaitGroup
		slots := make(chan struct{}, pings)
		for j, to := range names {
			if i == j {
				continue
			}
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				words[j] = to
				if p.exec(from, []string{"ping", "-c1", "-W2", addrs[j]}, client.Stdio{In: null, Out: null, Err: null}) != nil {
					words[j] = "X"
				}
			})
		}
		all.Wait()
		words = slices.Delete(words, i, i+1)
		sent += len(words)
		for _, w := range words {
			if w != "X" {
				received++
			}
		}
		fmt.Fprintf(p.out, "%s -> %s\n", from, strings.Join(words, " "))
	}
	if sent == 0 {
		return errors.New("no two nodes have addresses")
	}
	fmt.Fprintf(p.out, "*** Results: %d%% dropped (%d/%d received)\n", 100*(sent-received)/sent, received, sent)
	if received < sent {
		return exitStatus(1)
	}
	return nil
}

// link sets the links between two nodes up or down.
func (p *prompt) link(ctx context.Context, info lab.Info, words []string) error {
	if len(words) != 3 || words[2] != "up" && words[2] != "down" {
		return errors.New("link NODE NODE up|down")
	}
	up := words[2] == "up"
	_, c, err := p.which.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	found := false
	for _, l := range info.Topology.Links {
		if len(l.Endpoints) != 2 {
			continue
		}
		a, b := l.Endpoints[0], l.Endpoints[1]
		if b.Node == words[0] {
			a, b = b, a
		}
		if a.Node != words[0] || b.Node != words[1] {
			continue
		}
		found = true
		if err := c.Call(ctx, lab.PathLink, lab.LinkChange{Node: a.Node, Interface: a.Interface, Up: &up, BothEnds: true}, nil); err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%s -- %s %s\n", a, b, words[2])
	}
	if !found {
		return fmt.Errorf("no link between %s and %s", words[0], words[1])
	}
	return nil
}

// newPrompt is the prompt on this process's terminal or input.
func (r *running) newPrompt() (*prompt, error) {
	d, _, err := r.dial()
	if err != nil {
		return nil, err
	}
	return &prompt{which: r, dir: d, out: os.Stdout, tty: term.IsTerminal(int(os.Stdin.Fd()))}, nil
}

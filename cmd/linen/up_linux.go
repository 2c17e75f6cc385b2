package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"linen/lab"
	"linen/lab/clab"
	"linen/lab/engine"
	"linen/run/client"
	"linen/why"
)

// upFlags are the flags of `up`.
type upFlags struct {
	src      source
	detach   bool
	seed     uint64
	cpus     int
	noUserNS bool
}

func newUp() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:     "up [FILE]",
		Aliases: []string{"deploy"},
		Short:   "Bring a lab up: a containerlab topology, a Kathara lab or a Mininet shape",
		Long: `Bring a lab up. Without -d it stays in the foreground and ends with Ctrl-C;
with -d a daemon of its own runs it until 'linen down'.`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.src.flags(cmd)
	cmd.Flags().BoolVarP(&f.detach, "detach", "d", false, "return when the lab is up; a daemon runs it")
	cmd.Flags().Uint64Var(&f.seed, "seed", 0, "seed of every random choice; 0: a new one each time")
	cmd.Flags().IntVar(&f.cpus, "cpus", min(runtime.NumCPU(), 4), "virtual CPUs")
	cmd.Flags().BoolVar(&f.noUserNS, "no-user-namespaces", os.Getenv("LINEN_NO_USERNS") != "", "do as where the host refuses user namespaces")
	return cmd
}

func (f *upFlags) run(cmd *cobra.Command, args []string) error {
	topo, err := f.src.load(args, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if err := topo.Runnable(); err != nil {
		return err
	}
	plan, err := lab.MakePlan(topo, lab.ThisHost())
	if err != nil {
		return err
	}
	progress := lab.NewProgress(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), os.Getenv, time.Now)
	if report := os.NewFile(reportFD, "report"); os.Getenv(daemonEnv) != "" {
		return f.daemon(topo, plan, report)
	}
	for _, n := range plan.Notes {
		progress.Event(lab.Event{Node: n.Nodes[0], Event: "note", Text: n.String()})
	}
	if f.detach {
		return detach(cmd.Context(), topo, progress)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	d, e, err := f.newDaemon(topo, plan)
	if err != nil {
		return err
	}
	go func() {
		if c, err := lab.Dial(d.Dir); err == nil {
			defer c.Close()
			if last, err := c.Events(ctx, progress.Event); err == nil {
				fmt.Fprintln(os.Stderr, readyText(topo.Name, last))
			}
		}
	}()
	return serveLab(ctx, d, e)
}

// readyText says how bringing a lab up ended.
func readyText(name string, last lab.Event) string {
	if last.Event == lab.EventFailed {
		return "lab " + name + " is not up"
	}
	text := "lab " + name + " is up"
	if last.Text != "" {
		text += ": " + last.Text
	}
	return text
}

// newDaemon takes the lab's name and makes its daemon.
func (f *upFlags) newDaemon(topo *clab.Topology, plan *lab.Plan) (*lab.Daemon, *engine.Engine, error) {
	dir, err := state().Acquire(topo.Name)
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("unix", dir.Socket())
	if err != nil {
		return nil, nil, errors.Join(err, dir.Release())
	}
	hist := new(why.History)
	d := &lab.Daemon{Dir: dir, Topology: topo, Plan: plan, Version: thisVersion().Version, Owner: owner(), Listener: l}
	e, err := engine.New(engine.Config{CPUs: f.cpus, Seed: f.seed, NoUserNamespaces: f.noUserNS, Warn: d.Warn,
		Note: func(node, line string) { hist.NoteCommand(node, line, "exec of "+node) }})
	if err != nil {
		return nil, nil, errors.Join(err, l.Close(), dir.Release())
	}
	file := topo.File
	if abs, err := filepath.Abs(file); err == nil && file != "" && file != "-" {
		file = abs
	}
	d.Engine, d.File = e.Lab(), file
	d.Routes = (&service{topo, e, hist}).routes
	return d, e, nil
}

func owner() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprint(os.Getuid())
}

// serveLab runs the daemon and the socket by which programs are started.
func serveLab(ctx context.Context, d *lab.Daemon, e *engine.Engine) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	l, err := client.Listen(d.Dir.ExecSocket())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go acceptExec(ctx, l, e)
	err = d.Run(ctx)
	l.Close()
	return err
}

// acceptExec serves `linen exec`s until the listener closes.
func acceptExec(ctx context.Context, l *net.UnixListener, e *engine.Engine) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go func() { _ = client.Serve(ctx, c, e) }() // a client that went away is its own affair
	}
}

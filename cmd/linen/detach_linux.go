package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"

	"linen/lab"
	"linen/lab/clab"
)

// daemonEnv says to a linen process that it is to be a lab's daemon, and to
// report on descriptor reportFD when it answers.
const (
	daemonEnv = "LINEN_DAEMON"
	reportFD  = 3
)

// answering is the daemon's report that its socket answers; anything else is
// why it could not start.
const answering = "answering"

// detach starts this command line again as a daemon in a session of its own,
// shows its progress, and returns when the lab is up.
func detach(ctx context.Context, topo *clab.Topology, progress *lab.Progress) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, os.Args[1:]...)
	cmd.Env = append(os.Environ(), daemonEnv+"=1")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if topo.File == "-" {
		return usageError{errors.New("a topology from standard input cannot be detached: write it to a file")}
	}
	if err := cmd.Start(); err != nil {
		w.Close()
		return err
	}
	w.Close()
	report, err := io.ReadAll(bufio.NewReader(r))
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(string(report)); text != answering {
		if text == "" {
			return fmt.Errorf("the daemon ended: %v", cmd.Wait())
		}
		return errors.New(text)
	}
	d, err := state().Find(lab.Selection{Lab: topo.Name})
	if err != nil {
		return err
	}
	c, err := lab.Dial(d)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer stop()
	last, err := c.Events(ctx, progress.Event)
	if ctx.Err() != nil { // Ctrl-C while it comes up takes it down
		return errors.Join(errors.New("interrupted"), c.Call(context.Background(), lab.PathDown, lab.DownRequest{}, nil))
	}
	if err != nil {
		return err
	}
	if last.Event == lab.EventFailed {
		return errors.New(last.Text)
	}
	fmt.Fprintln(os.Stderr, readyText(topo.Name, last))
	return nil
}

// daemon is the other side of detach.
func (f *upFlags) daemon(topo *clab.Topology, plan *lab.Plan, report *os.File) error {
	unix.CloseOnExec(reportFD)
	os.Unsetenv(daemonEnv)
	d, e, err := f.newDaemon(topo, plan)
	if err != nil {
		fmt.Fprintln(report, err)
		report.Close()
		return err
	}
	leaveTerminal(d.Dir.DaemonLog())
	fmt.Fprintln(report, answering)
	report.Close()
	signal.Ignore(unix.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	return serveLab(ctx, d, e)
}

// leaveTerminal gives up the descriptors and the directory of whoever started
// the daemon. Complaints go to a log.
func leaveTerminal(log string) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer null.Close()
	for fd := range 3 {
		unix.Dup3(int(null.Fd()), fd, 0)
	}
	if f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err == nil {
		unix.Dup3(int(f.Fd()), 2, 0)
		f.Close()
	}
	os.Chdir("/") // binds are absolute by now
}

//go:build linux

package nodeinit

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"linen/run/internal/msg"
)

// Proc is a program that a node started.
type Proc struct {
	node    *Node
	id      uint64
	pid     int
	started chan error    // one value, then nothing
	exited  chan struct{} // closed when exit is valid
	exit    Exit
	err     error
}

// Exec starts a program. files become its descriptors 0, 1, 2 and so on and
// stay the caller's; they are made blocking, as by os/exec. An error that wraps unix.ENOENT says that the command was
// not found (127 in a shell), unix.EACCES that it may not be executed (126).
func (n *Node) Exec(ctx context.Context, p Program, files ...*os.File) (*Proc, error) {
	proc := &Proc{node: n, started: make(chan error, 1), exited: make(chan struct{})}
	n.mu.Lock()
	if n.mu.gone {
		n.mu.Unlock()
		return nil, ErrGone
	}
	n.mu.next++
	proc.id = n.mu.next
	n.mu.procs[proc.id] = proc
	n.mu.Unlock()
	msg.MakeBlocking(files)
	if err := n.conn.Send(request{Op: opExec, ID: proc.id, Program: &p}, files...); err != nil {
		n.forget(proc.id)
		return nil, fmt.Errorf("nodeinit: exec: %w", err)
	}
	select {
	case err := <-proc.started:
		if err != nil {
			return nil, err
		}
		return proc, nil
	case <-ctx.Done():
		proc.Signal(unix.SIGKILL)
		return nil, ctx.Err()
	}
}

// PID is the program's process id, which is also its session and process group.
func (p *Proc) PID() int { return p.pid }

// Signal sends sig to the program's process group; nothing happens when it has
// ended.
func (p *Proc) Signal(sig unix.Signal) error {
	return p.node.conn.Send(request{Op: opSignal, ID: p.id, Signal: sig, Group: true})
}

// Done is closed when the program has ended.
func (p *Proc) Done() <-chan struct{} { return p.exited }

// Wait returns how the program ended; ErrGone when its node ended first.
func (p *Proc) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.exited:
		return p.exit, p.err
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}

func (n *Node) forget(id uint64) *Proc {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.mu.procs[id]
	delete(n.mu.procs, id)
	return p
}

// receive handles the init's events until it ends.
func (n *Node) receive() {
	for {
		var ev event
		files, err := n.conn.Recv(&ev)
		if err != nil {
			n.abandon()
			return
		}
		msg.CloseAll(files)
		n.handle(ev)
	}
}

func (n *Node) handle(ev event) {
	switch ev.Op {
	case evStarted:
		n.mu.Lock()
		p := n.mu.procs[ev.ID]
		if p != nil {
			p.pid = ev.PID
		}
		n.mu.Unlock()
		if p != nil {
			p.started <- nil
		}
	case evFailed:
		if p := n.forget(ev.ID); p != nil {
			p.started <- execError(ev)
		}
	case evAttached:
		if ev.Errno != 0 {
			n.answered(ev.ID, ev.Errno)
		} else {
			n.answered(ev.ID, nil)
		}
	case evExited:
		if p := n.forget(ev.ID); p != nil {
			p.exit = ev.Exit
			close(p.exited)
		}
	}
}

func execError(ev event) error {
	if ev.Errno != 0 {
		return fmt.Errorf("%s: %w", ev.Error, ev.Errno)
	}
	return errors.New(ev.Error)
}

// abandon ends every wait: the init has gone and its programs with it.
func (n *Node) abandon() {
	n.mu.Lock()
	procs, asked := n.mu.procs, n.mu.asked
	n.mu.procs, n.mu.asked, n.mu.gone = map[uint64]*Proc{}, map[uint64]chan error{}, true
	n.mu.Unlock()
	for _, done := range asked {
		done <- ErrGone
	}
	for _, p := range procs {
		p.err = ErrGone
		select {
		case p.started <- ErrGone:
		default: // it had started
		}
		close(p.exited)
	}
}

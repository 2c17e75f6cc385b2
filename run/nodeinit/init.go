//go:build linux

package nodeinit

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"linen/run/internal/msg"
)

// IsInit reports whether this process was started to be a node's init. Every
// main that may be a Config.Exe asks it first and calls Main.
func IsInit() bool { return len(os.Args) > 0 && os.Args[0] == argv0 }

// Main is the init process. It returns never.
func Main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, argv0+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// initProc is the state of the init process.
type initProc struct {
	conn    *msg.Conn
	forker  *forker
	signals chan os.Signal

	// procs guards the programs by id and is held from before a fork until the
	// child is known, so that the reaper cannot see a child that nobody knows.
	procs struct {
		sync.Mutex
		byPID map[int]uint64
		byID  map[uint64]int
	}
}

func run() error {
	p := &initProc{signals: make(chan os.Signal, 16)}
	p.procs.byPID, p.procs.byID = map[int]uint64{}, map[uint64]int{}
	// Every signal gets a handler: a disposition "ignored", which the daemon may
	// have inherited from nohup, would pass to every program.
	signal.Notify(p.signals)
	unix.CloseOnExec(controlFD)
	conn, err := msg.FromFile(os.NewFile(controlFD, "control"))
	if err != nil {
		return err
	}
	p.conn = conn
	// Orphans of programs become ours, so that none escapes at the end.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("subreaper: %w", err)
	}
	if err := p.setUp(); err != nil {
		p.conn.Send(event{Error: err.Error()})
		return err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.serve()
	}()
	p.mind(over)
	killDescendants()
	return nil
}

// setUp answers the three steps of the handshake.
func (p *initProc) setUp() error {
	r, err := p.expect(opSetup)
	if err != nil {
		return err
	}
	v := newView(r.Setup)
	fuse := v.prepare()
	var files []*os.File
	if fuse != nil {
		files = append(files, fuse)
	}
	err = p.conn.Send(event{Op: evViewed}, files...)
	msg.CloseAll(files) // a connection that only the supervisor holds ends with it
	if err != nil {
		return err
	}
	if _, err = p.expect(opBind); err != nil {
		return err
	}
	v.finish()
	if err := p.conn.Send(event{Op: evMode, Missing: v.missing}); err != nil {
		return err
	}
	if r, err = p.expect(opFilter); err != nil {
		return err
	}
	var listener *os.File
	if p.forker, listener, err = startForker(r.Filter); err != nil {
		return err
	}
	files = []*os.File{listener}
	if v.NetNS {
		ids, err := namespaceIDs()
		if err != nil {
			listener.Close()
			return fmt.Errorf("namespace ids: %w", err)
		}
		files = append(files, ids)
	}
	defer msg.CloseAll(files)
	return p.conn.Send(event{Op: evReady, Killable: p.forker.killable}, files...)
}

func (p *initProc) expect(op string) (request, error) {
	var r request
	files, err := p.conn.Recv(&r)
	if err != nil {
		return r, fmt.Errorf("waiting for %s: %w", op, err)
	}
	msg.CloseAll(files)
	if r.Op != op || op == opSetup && r.Setup == nil {
		return r, fmt.Errorf("%q instead of %q", r.Op, op)
	}
	return r, nil
}

// serve does what the supervisor asks until it has gone.
func (p *initProc) serve() {
	for {
		var r request
		files, err := p.conn.Recv(&r)
		if err != nil {
			return
		}
		switch {
		case r.Op == opExec && r.Program != nil:
			p.exec(r.ID, r.Program, files)
		case r.Op == opSignal:
			p.signal(r)
		case r.Op == opAttach && r.Attach != nil:
			p.attach(r.ID, r.Attach)
		}
		msg.CloseAll(files)
	}
}

// mind handles the init's own signals until the supervisor has gone or somebody
// asks it to end. SIGTERM comes from the kernel when the supervisor dies.
func (p *initProc) mind(over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case s := <-p.signals:
			switch s {
			case unix.SIGCHLD:
				p.reap()
			case unix.SIGTERM:
				return
			}
		}
	}
}

func (p *initProc) exec(id uint64, prog *Program, files []*os.File) {
	p.procs.Lock()
	defer p.procs.Unlock()
	pid, err := p.forker.fork(prog, files)
	if err != nil {
		ev := event{Op: evFailed, ID: id, Error: err.Error()}
		var e *execFailure
		if errors.As(err, &e) {
			ev.Error, ev.Errno = e.what, e.errno
		}
		p.conn.Send(ev)
		return
	}
	p.procs.byPID[pid], p.procs.byID[id] = id, pid
	// Under the lock, so that the exit cannot be reported first.
	p.conn.Send(event{Op: evStarted, ID: id, PID: pid})
}

// signal goes to a program by id: its process id may be another's by the time
// the supervisor would have sent it.
func (p *initProc) signal(r request) {
	p.procs.Lock()
	defer p.procs.Unlock()
	pid, ok := p.procs.byID[r.ID]
	if !ok {
		return
	}
	if r.Group {
		pid = -pid
	}
	unix.Kill(pid, r.Signal) // ESRCH: it has just ended
}

// reap collects every ended child and reports those that are programs.
func (p *initProc) reap() {
	p.procs.Lock()
	defer p.procs.Unlock()
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		id, ok := p.procs.byPID[pid]
		if !ok {
			continue // an orphan
		}
		delete(p.procs.byPID, pid)
		delete(p.procs.byID, id)
		ex := Exit{Code: ws.ExitStatus()}
		if ws.Signaled() {
			ex = Exit{Signal: ws.Signal()}
		}
		p.conn.Send(event{Op: evExited, ID: id, Exit: ex})
	}
}

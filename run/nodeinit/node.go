//go:build linux

package nodeinit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"linen/run/internal/msg"
	"linen/run/seccomp"
)

// ErrGone is returned when the node's init has ended.
var ErrGone = errors.New("nodeinit: the node is gone")

// Node is a running init process and the programs that it forked.
type Node struct {
	conn     *msg.Conn
	pid      int
	mode     Mode
	listener *seccomp.Listener
	netns    uint64
	ids      int           // see NamespaceIDs
	done     chan struct{} // closed when the init has been reaped
	reader   sync.WaitGroup

	mu struct {
		sync.Mutex
		next  uint64
		procs map[uint64]*Proc
		asked map[uint64]chan error // by Attach
		gone  bool
	}
}

// Start makes a node: with every namespace that the host allows. An error means
// that not even a bare process tree works. ctx bounds the start alone.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	var reason string
	for _, mode := range attempts(cfg) {
		n, err := start(ctx, cfg, mode)
		if err == nil {
			if reason != "" && !n.mode.NetNS {
				n.mode.Reason = reason
			}
			if err := n.handshake(ctx, cfg); err != nil {
				n.Close()
				return nil, err
			}
			n.reader.Go(n.receive)
			return n, nil
		}
		if ctx.Err() != nil || !refusal(err) {
			return nil, err
		}
		reason = fmt.Sprintf("the host refuses %s: %v", mode, errors.Unwrap(err))
	}
	return nil, errors.New("nodeinit: " + reason)
}

// attempts lists the modes to try, best first. Root needs no user namespace,
// unless it is root of a container without CAP_SYS_ADMIN.
func attempts(cfg Config) []Mode {
	plain := Mode{MountNS: true, NetNS: true, UTSNS: true}
	user := plain
	user.UserNS = true
	var modes []Mode
	switch {
	case cfg.NoNamespaces:
		return []Mode{{Reason: "not asked for"}}
	case cfg.NoUserNamespace:
		return []Mode{plain, {}}
	case os.Geteuid() == 0:
		modes = append(modes, plain)
	}
	return append(modes, user, Mode{})
}

// refusal tells a host that forbids namespaces from other failures:
// EPERM and EACCES by privilege or security module, ENOSPC by the limits in
// /proc/sys/user, EINVAL and ENOSYS by a kernel built without them.
func refusal(err error) bool {
	for _, e := range []error{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EINVAL, unix.ENOSYS, unix.EUSERS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func start(ctx context.Context, cfg Config, mode Mode) (*Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, theirs, err := msg.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := command(cfg, mode, theirs)
	n := &Node{conn: conn, mode: mode, ids: -1, done: make(chan struct{})}
	n.mu.procs, n.mu.asked = map[uint64]*Proc{}, map[uint64]chan error{}
	started := make(chan error)
	go func() {
		// The parent-death signal follows the thread that forked, so the thread
		// stays until the init has ended, and dies with this goroutine.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			reap(cmd)
			close(n.done)
		}
	}()
	if err := <-started; err != nil {
		conn.Close()
		return nil, fmt.Errorf("nodeinit: start: %w", err)
	}
	n.pid = cmd.Process.Pid
	return n, nil
}

func command(cfg Config, mode Mode, control *os.File) *exec.Cmd {
	exe := cfg.Exe
	if exe == "" {
		exe = "/proc/self/exe"
	}
	cmd := &exec.Cmd{
		Path: exe, Args: []string{argv0, cfg.Name}, Dir: "/",
		Env:        initEnv(),
		Stderr:     os.Stderr,
		ExtraFiles: []*os.File{control},
	}
	if cfg.Stderr != nil {
		cmd.Stderr = cfg.Stderr
	}
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	if mode.NetNS {
		attr.Cloneflags = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS
	}
	if mode.UserNS {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	cmd.SysProcAttr = attr
	return cmd
}

// initEnv is small: the init looks at nothing but the settings of Go's runtime.
func initEnv() []string {
	env := []string{"GOMAXPROCS=2"}
	for _, name := range []string{"GODEBUG", "GORACE", "GOTRACEBACK", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// handshake sets the node up: file view, kernel files, filter.
func (n *Node) handshake(ctx context.Context, cfg Config) (err error) {
	stop := context.AfterFunc(ctx, func() { n.conn.Close() })
	defer func() {
		if !stop() && ctx.Err() != nil {
			err = ctx.Err()
		}
	}()
	s := &setup{
		Views: n.mode.MountNS, NetNS: n.mode.NetNS, UserNS: n.mode.UserNS, Hostname: cfg.Hostname, Etc: cfg.Etc, Binds: cfg.Binds,
	}
	if cfg.ServeFuse != nil {
		if s.FuseDevice = cfg.FuseDevice; s.FuseDevice == "" {
			s.FuseDevice = "/dev/fuse"
		}
	}
	_, files, err := n.ask(request{Op: opSetup, Setup: s}, evViewed)
	if err != nil {
		return err
	}
	if len(files) == 1 {
		if err := cfg.ServeFuse(files[0]); err != nil {
			return fmt.Errorf("nodeinit: serve files: %w", err)
		}
	}
	ev, _, err := n.ask(request{Op: opBind}, evMode)
	if err != nil {
		return err
	}
	n.mode.Missing = ev.Missing
	return n.filter(cfg)
}

func (n *Node) filter(cfg Config) error {
	choose := cfg.Filter
	if choose == nil {
		choose = DefaultFilter
	}
	ev, files, err := n.ask(request{Op: opFilter, Filter: seccomp.Filter(choose(n.mode))}, evReady)
	if err != nil {
		return err
	}
	defer msg.CloseAll(files)
	if len(files) == 0 || len(files) > 2 {
		return errors.New("nodeinit: no listener came")
	}
	n.mode.Killable = ev.Killable
	if len(files) == 2 {
		if n.ids, err = unix.FcntlInt(files[1].Fd(), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return fmt.Errorf("nodeinit: namespace ids: %w", err)
		}
	}
	fd, err := unix.FcntlInt(files[0].Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("nodeinit: listener: %w", err)
	}
	if n.listener, err = seccomp.NewListener(fd); err != nil {
		unix.Close(fd)
		return err
	}
	n.netns, err = (seccomp.Target{TID: n.pid}).NetNS()
	if err != nil {
		return fmt.Errorf("nodeinit: network namespace: %w", err)
	}
	return nil
}

// ask is one step of the handshake.
func (n *Node) ask(r request, want string) (event, []*os.File, error) {
	var ev event
	if err := n.conn.Send(r); err != nil {
		return ev, nil, fmt.Errorf("nodeinit: %s: %w", r.Op, err)
	}
	files, err := n.conn.Recv(&ev)
	switch {
	case errors.Is(err, io.EOF):
		return ev, nil, fmt.Errorf("nodeinit: %s: the init ended", r.Op)
	case err != nil:
		return ev, nil, fmt.Errorf("nodeinit: %s: %w", r.Op, err)
	case ev.Op != want:
		msg.CloseAll(files)
		return ev, nil, fmt.Errorf("nodeinit: %s: %s", r.Op, ev.Error)
	}
	return ev, files, nil
}

// Mode says what the node got from the host.
func (n *Node) Mode() Mode { return n.mode }

// Listener receives the notified calls of all the node's programs. Somebody
// must receive from it before Exec is called: the start of a program makes
// notified calls itself.
func (n *Node) Listener() *seccomp.Listener { return n.listener }

// NetNS is the inode of the node's network namespace (of the host's when the
// node has none of its own).
func (n *Node) NetNS() uint64 { return n.netns }

// NamespaceIDs is an rtnetlink socket of the node's network namespace, member of
// RTNLGRP_NSID; -1 where the node has no namespace of its own. It is the Node's
// to close.
func (n *Node) NamespaceIDs() int { return n.ids }

// PID is the process id of the init.
func (n *Node) PID() int { return n.pid }

// Done is closed when the init and all its programs have ended.
func (n *Node) Done() <-chan struct{} { return n.done }

// Close kills every program of the node, waits for its init to end and closes
// the listener. It may be called more than once.
func (n *Node) Close() error {
	n.conn.Close()
	<-n.done
	n.reader.Wait()
	if n.listener != nil {
		n.listener.Close()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.gone = true
	if n.ids >= 0 {
		unix.Close(n.ids)
		n.ids = -1
	}
	return nil
}

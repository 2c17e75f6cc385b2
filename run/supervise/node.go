//go:build linux

package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
	"linen/net/netns"
	"linen/net/sock"
	"linen/run/fuse"
	"linen/run/nodeinit"
	"linen/run/seccomp"
)

// Config describes a node.
type Config struct {
	// Net answers the programs' calls. It stays the caller's, who closes it
	// after the node.
	Net *netns.Net
	// NewNet makes the Net of a further network namespace of the node's
	// programs, with a lo that is down, and says how to close it; name is for
	// people. nil: programs cannot have more than the one.
	NewNet func(name string) (net *netns.Net, end func(), err error)
	// Init says how the node's init is made: name, host name, files, binds. Its
	// Filter and ServeFuse are set here.
	Init nodeinit.Config
	// Files makes the root of the kernel files of a Net, with directories net,
	// sys and class; nil: KernelFiles.
	Files func(*netns.Net) *filetree.Node
}

// receivers is how many of a node's calls are answered at once. One of the
// goroutines occupies a thread in the listener, the others wait for it.
const receivers = 4

// Node is a node's running supervisor.
type Node struct {
	host    *Host
	ownHost bool
	cfg     Config
	init    *nodeinit.Node
	l       *seccomp.Listener
	mode    nodeinit.Mode
	real    bool           // root without a user namespace: set*id happen for real too
	tree    *filetree.Node // of the namespace that it began with
	view    func(*netns.Net) *filetree.Node
	spaces  spaces
	nested  atomic.Bool // a program has made a user namespace
	fuse    *fuse.Server
	log     *slog.Logger
	wg      sync.WaitGroup
	once    sync.Once
	running atomic.Int64
	procs   sync.WaitGroup // watches of programs

	create sync.Mutex // one descriptor is chosen and placed at a time

	mu     sync.Mutex
	files  map[fileKey]*file
	tids   map[int]*process
	ctl    map[*netns.Net]sock.Socket // the sockets that answer ioctls of others
	err    error
	closed bool

	settings map[fileKey]*setting // by their memory file

	replaced []*packetRing // whose memory file stands in the place of a socket; mu
	rings    atomic.Int64  // how many
	ringed   atomic.Int64  // packet sockets that have had a ring

	shadow struct {
		sync.Mutex
		dir string // where directories of kernel files are listed; "" before the first
	}
}

// New starts a node with a Host of its own, which ends with it.
func New(ctx context.Context, log *slog.Logger, cfg Config) (*Node, error) {
	h, err := NewHost(log)
	if err != nil {
		return nil, err
	}
	n, err := h.Start(ctx, cfg)
	if err != nil {
		h.Close()
		return nil, err
	}
	n.ownHost = true
	return n, nil
}

// Start makes a node. ctx bounds the start alone.
func (h *Host) Start(ctx context.Context, cfg Config) (*Node, error) {
	n := &Node{
		host: h, cfg: cfg, log: h.log.With("node", cfg.Init.Name),
		files: map[fileKey]*file{}, tids: map[int]*process{},
		ctl: map[*netns.Net]sock.Socket{}, settings: map[fileKey]*setting{}, view: cfg.Files,
	}
	if n.view == nil {
		n.view = KernelFiles
	}
	n.tree = n.view(cfg.Net)
	init := cfg.Init
	init.ServeFuse = n.serveFuse
	init.Filter = filterFor
	var err error
	if n.init, err = nodeinit.Start(ctx, init); err != nil {
		if n.fuse != nil {
			n.fuse.Close()
		}
		return nil, fmt.Errorf("supervise: %w", err)
	}
	n.l, n.mode = n.init.Listener(), n.init.Mode()
	n.real = !n.mode.UserNS && os.Geteuid() == 0
	if err := n.spaces.start(n, cfg.Net); err != nil {
		n.init.Close()
		n.fuse.Close()
		return nil, fmt.Errorf("supervise: %w", err)
	}
	h.mu.Lock()
	h.nodes[n.init.PID()] = n
	h.mu.Unlock()
	for range receivers {
		n.wg.Go(n.receive)
	}
	return n, nil
}

// filterFor notifies, beyond what the mode needs, the making and entering of
// namespaces, which emulated credentials may forbid, and mounts, because a
// fresh sysfs would show the host kernel's devices.
func filterFor(m nodeinit.Mode) seccomp.Config {
	c := nodeinit.DefaultFilter(m)
	c.Namespaces, c.Mounts = true, true
	return c
}

func (n *Node) serveFuse(f *os.File) error {
	var err error
	n.fuse, err = fuse.Serve(f, fuse.Tree{
		Root:   func(c fuse.Caller) *filetree.Node { return n.treeOf(int(c.PID)) },
		Access: n.mayWrite,
	})
	return err
}

// mayWrite refuses a sysctl to a program that dropped its capability
// (net/sysctl_net.c net_ctl_permissions).
func (n *Node) mayWrite(c fuse.Caller, _ *filetree.Node) error {
	if c.PID == 0 {
		return nil
	}
	p, err := n.process(int(c.PID))
	if err != nil {
		return unix.EACCES
	}
	sp, err := n.spaces.of(seccomp.Target{TID: int(c.PID)})
	if err != nil {
		return unix.EACCES
	}
	if who := p.whoIn(sp, int(c.PID)); who.Capable(sock.CapNetAdmin) || who.UID == 0 {
		return nil
	}
	return unix.EACCES
}

// Mode says what the node got from the host.
func (n *Node) Mode() nodeinit.Mode { return n.mode }

// Exec starts a program; see nodeinit.Node.Exec.
func (n *Node) Exec(ctx context.Context, p nodeinit.Program, files ...*os.File) (*nodeinit.Proc, error) {
	proc, err := n.init.Exec(ctx, p, files...)
	if err != nil {
		return nil, err
	}
	n.running.Add(1)
	n.procs.Go(func() {
		<-proc.Done()
		n.running.Add(-1)
	})
	return proc, nil
}

// Programs counts the programs that Exec started and those that these left
// behind, as far as they have not ended.
func (n *Node) Programs() int { return int(n.running.Load()) + n.init.Daemons() }

// Done is closed when the node's init and all its programs have ended.
func (n *Node) Done() <-chan struct{} { return n.init.Done() }

// Err says why the node ended by itself, or nil.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// Close kills the node's programs and closes their sockets. It may be called
// more than once.
func (n *Node) Close() error {
	n.once.Do(n.close)
	return nil
}

func (n *Node) close() {
	n.host.mu.Lock()
	delete(n.host.nodes, n.init.PID())
	n.host.mu.Unlock()
	n.spaces.stop()
	n.init.Close()
	n.wg.Wait()
	n.procs.Wait()
	n.host.parking.dropNode(n)
	n.mu.Lock()
	n.closed = true
	files := make([]*file, 0, len(n.files))
	for _, f := range n.files {
		files = append(files, f)
	}
	settings := make([]*setting, 0, len(n.settings))
	for _, s := range n.settings {
		settings = append(settings, s)
	}
	procs := n.tids
	n.tids = map[int]*process{}
	ctl := n.ctl
	n.ctl = map[*netns.Net]sock.Socket{}
	n.mu.Unlock()
	for _, f := range files {
		f.gone()
	}
	for _, f := range files {
		f.cut()
		f.relays.Wait()
	}
	for tid, p := range procs {
		if tid == p.tgid {
			p.forget()
		}
	}
	for _, s := range ctl {
		s.Close()
	}
	n.spaces.close()
	for _, s := range settings {
		s.close()
	}
	n.removeShadow()
	if n.fuse != nil {
		n.fuse.Close()
	}
	if n.ownHost {
		n.host.Close()
	}
}

// fail ends the node after an error that it cannot go on with. It returns at
// once: the caller may be one of the goroutines that Close waits for.
func (n *Node) fail(err error) {
	n.mu.Lock()
	first := n.err == nil
	if first {
		n.err = err
	}
	n.mu.Unlock()
	if first {
		n.log.Error("the node is killed", "error", err)
		unix.Kill(n.init.PID(), unix.SIGTERM) // its init kills all programs
	}
}

// guard runs f; a panic costs this node, not the process.
func (n *Node) guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			n.fail(fmt.Errorf("supervise: panic: %v\n%s", r, debug.Stack()))
		}
	}()
	f()
}

// receive answers calls until the node ends.
func (n *Node) receive() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		c := &call{n: n}
		if err := n.l.Recv(&c.Notif); err != nil {
			if err != io.EOF && !errors.Is(err, seccomp.ErrClosed) {
				n.fail(err)
			}
			return
		}
		n.guard(c.answer)
	}
}

// netOf returns the Net that a thread's network namespace stands for, or nil.
func (n *Node) netOf(t seccomp.Target) *netns.Net {
	sp, err := n.spaces.of(t)
	if err != nil {
		if err == errForeign {
			n.log.Info("a program is in a network namespace that is not the node's", "pid", t.TID)
		}
		return nil
	}
	return sp.net
}

// treeOf returns the kernel files that a thread sees.
func (n *Node) treeOf(tid int) *filetree.Node {
	if tid != 0 && n.spaces.ready.Load() {
		if sp, err := n.spaces.of(seccomp.Target{TID: tid}); err == nil {
			return sp.tree
		}
	}
	return n.tree
}

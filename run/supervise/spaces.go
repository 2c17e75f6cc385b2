//go:build linux

package supervise

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
	"linen/net/netns"
	"linen/run/seccomp"
)

// A space is one network namespace of a node's programs. The programs make the
// host kernel's own (empty) namespaces, so that inodes, bind mounts and
// lifetimes are real; each stands for a Net of linen.
type space struct {
	ino  uint64
	id   int32 // by which the node's first namespace knows it; -1: it is the first
	net  *netns.Net
	tree *filetree.Node
	// owners are the user namespaces that have power over it: the one that it
	// was made in and the ones above, up to the node's.
	owners []uint64
	end    func() // closes net; nil: it is the caller's

	// A socket keeps its namespace: pin is open while there are some.
	files int
	pin   int
}

// spaces is a node's table of network namespaces. It holds none of them: the
// host's kernel says when one has ended (RTNLGRP_NSID), before its inode number
// can be another's.
type spaces struct {
	n     *Node
	own   *space      // the one that the node began with
	ready atomic.Bool // n and own are there

	making sync.Mutex // one is entered at a time

	mu     sync.Mutex
	byIno  map[uint64]*space
	byID   map[int32]*space
	byNet  map[*netns.Net]*space
	ids    idSocket
	last   int32 // id given last; they are not used again
	closed bool
	ending sync.WaitGroup
}

// errForeign is a network namespace that is not the node's.
var errForeign = errors.New("a network namespace that is not the node's")

func (s *spaces) start(n *Node, net *netns.Net) error {
	s.n = n
	s.own = &space{ino: n.init.NetNS(), id: -1, net: net, tree: n.tree, pin: -1}
	s.byIno = map[uint64]*space{s.own.ino: s.own}
	s.byNet = map[*netns.Net]*space{net: s.own}
	s.byID = map[int32]*space{}
	s.ids.fd = n.init.NamespaceIDs()
	user, err := inodeOf("/proc/" + strconv.Itoa(n.init.PID()) + "/ns/user")
	if err != nil {
		return err
	}
	s.own.owners = []uint64{user}
	s.ready.Store(true)
	if s.ids.fd < 0 {
		return nil
	}
	return n.host.poll(s.ids.fd, unix.EPOLLIN, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.settle()
	})
}

// more reports whether programs may have further namespaces.
func (s *spaces) more() bool { return s.ids.fd >= 0 && s.n.cfg.NewNet != nil }

// of returns the space that a thread is in.
func (s *spaces) of(t seccomp.Target) (*space, error) {
	ino, err := t.NetNS()
	if err != nil {
		return nil, err
	}
	if sp := s.known(ino); sp != nil {
		return sp, nil
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(t.TID)+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return s.at(fd)
}

// known returns the space with an inode number that somebody's namespace has
// now, or nil.
func (s *spaces) known(ino uint64) *space {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ino == s.own.ino {
		return s.own
	}
	s.settle()
	return s.byIno[ino]
}

// at returns the space of an open file of a network namespace, which is
// entered when it is new. EINVAL: it is another file.
func (s *spaces) at(fd int) (*space, error) {
	if kind, err := unix.IoctlRetInt(fd, nsGetType); err != nil || kind != unix.CLONE_NEWNET {
		return nil, unix.EINVAL
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	s.making.Lock()
	defer s.making.Unlock()
	if sp := s.known(st.Ino); sp != nil {
		return sp, nil
	}
	if !s.more() {
		return nil, errForeign
	}
	owners, err := s.ownersOf(fd, st.Ino)
	if err != nil {
		return nil, err
	}
	net, end, err := s.n.cfg.NewNet(fmt.Sprintf("%s:%d", s.n.cfg.Init.Name, st.Ino))
	if err != nil {
		return nil, err
	}
	sp := &space{ino: st.Ino, net: net, tree: s.n.view(net), owners: owners, end: end, pin: -1}
	if err := s.enter(sp, fd); err != nil {
		end()
		return nil, err
	}
	return sp, nil
}

// enter gives the space its id and puts it into the table.
func (s *spaces) enter(sp *space, fd int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return unix.ESRCH
	}
	s.last++
	sp.id = s.last
	err := s.ids.give(fd, sp.id)
	s.settle()
	if err != nil {
		return err
	}
	s.byIno[sp.ino], s.byID[sp.id], s.byNet[sp.net] = sp, sp, sp
	return nil
}

// ownersOf lists the user namespaces above a network namespace. One that the
// node's programs did not make is errForeign: where the node has a user
// namespace of its own that is not among them; else only the host's first one
// can be told.
func (s *spaces) ownersOf(fd int, ino uint64) (list []uint64, err error) {
	node := s.own.owners[0]
	if !s.n.mode.UserNS {
		for _, p := range []string{"/proc/self/ns/net", "/proc/1/ns/net"} {
			if host, err := inodeOf(p); err == nil && host == ino {
				return nil, errForeign
			}
		}
	}
	at, err := unix.IoctlRetInt(fd, nsGetUser)
	for err == nil {
		var st unix.Stat_t
		if err := unix.Fstat(at, &st); err != nil {
			unix.Close(at)
			return nil, err
		}
		list = append(list, st.Ino)
		if st.Ino == node {
			unix.Close(at)
			return list, nil
		}
		var up int
		up, err = unix.IoctlRetInt(at, nsGetParent)
		unix.Close(at)
		at = up
	}
	return nil, errForeign
}

// settle takes the spaces out whose namespace has ended; s.mu is held.
func (s *spaces) settle() {
	if len(s.byID) == 0 {
		return
	}
	for _, id := range s.ids.ended(s.byID) {
		if sp := s.byID[id]; sp != nil {
			s.remove(sp)
		}
	}
}

// remove takes a space out and closes its Net; s.mu is held.
func (s *spaces) remove(sp *space) {
	delete(s.byID, sp.id)
	delete(s.byIno, sp.ino)
	delete(s.byNet, sp.net)
	s.ending.Go(func() { s.n.guard(func() { s.n.endSpace(sp) }) })
}

// endSpace closes what a space had.
func (n *Node) endSpace(sp *space) {
	n.mu.Lock()
	ctl := n.ctl[sp.net]
	delete(n.ctl, sp.net)
	n.mu.Unlock()
	if ctl != nil {
		ctl.Close()
	}
	sp.end()
}

// standing returns the space that a Net is, or nil.
func (s *spaces) standing(net *netns.Net) *space {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byNet[net]
}

// hold counts a socket of the Net that the caller makes: a socket keeps its
// namespace. It is in the namespace, or has a socket of it already.
func (s *spaces) hold(c *call, net *netns.Net) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.byNet[net]
	if sp == nil {
		return unix.EAFNOSUPPORT
	}
	if sp == s.own {
		return nil
	}
	if sp.pin < 0 {
		fd, err := unix.Open("/proc/"+strconv.Itoa(int(c.TID))+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Ino != sp.ino {
			unix.Close(fd)
			return unix.ESRCH
		}
		sp.pin = fd
	}
	sp.files++
	return nil
}

// release is the end of a socket of hold.
func (s *spaces) release(net *netns.Net) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.byNet[net]
	if sp == nil || sp == s.own {
		return
	}
	if sp.files--; sp.files == 0 {
		unix.Close(sp.pin)
		sp.pin = -1
	}
}

// open returns an open file of a Net's namespace (SIOCGSKNS).
func (s *spaces) open(net *netns.Net) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.byNet[net]
	switch {
	case sp == nil || sp.pin < 0 && sp != s.own:
		return -1, unix.EINVAL
	case sp == s.own:
		return unix.Open("/proc/"+strconv.Itoa(s.n.init.PID())+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	return unix.FcntlInt(uintptr(sp.pin), unix.F_DUPFD_CLOEXEC, 0)
}

// stop forgets the socket of ids, which the init's Node closes.
func (s *spaces) stop() {
	if s.ids.fd >= 0 {
		s.n.host.unpoll(s.ids.fd)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.ids.fd = -1
}

// close ends every space but the node's own, when no program is left.
func (s *spaces) close() {
	s.mu.Lock()
	for _, sp := range s.byID {
		if sp.pin >= 0 {
			unix.Close(sp.pin)
			sp.pin = -1
		}
		s.remove(sp)
	}
	s.mu.Unlock()
	s.ending.Wait()
}

func inodeOf(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return st.Ino, nil
}

//go:build linux

package fuse

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
	"linen/uapi/errno"
)

// Server answers one connection.
type Server struct {
	dev  *os.File
	tree Tree
	wg   sync.WaitGroup

	mu struct {
		sync.Mutex
		paths   map[uint64]*inode // by number
		numbers map[string]*inode // by path
		next    uint64            // inode and handle numbers
		handles map[uint64]*handle
	}
}

// inode is a path that the kernel knows by number.
type inode struct {
	number uint64
	path   string // "" is the root; else "net/dev"
	count  uint64 // look-ups that the kernel has not forgotten
}

// handle is an open file or directory.
type handle struct {
	file *filetree.Node // nil for a directory

	mu      sync.Mutex
	content []byte   // of the last read at offset 0
	entries []dirent // of a directory, when it was opened
}

// Serve takes over dev, the connection of a mounted tree, and answers until the
// tree is unmounted or Close.
func Serve(dev *os.File, tree Tree) (*Server, error) {
	// Non-blocking, so that an idle tree occupies no thread and Close works.
	fd, err := unix.FcntlInt(dev.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	dev.Close()
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	s := newServer(tree)
	s.dev = os.NewFile(uintptr(fd), "fuse")
	s.wg.Go(s.loop)
	return s, nil
}

func newServer(tree Tree) *Server {
	s := &Server{tree: tree}
	s.mu.paths = map[uint64]*inode{rootID: {number: rootID, count: 1}}
	s.mu.numbers = map[string]*inode{"": s.mu.paths[rootID]}
	s.mu.next = rootID
	s.mu.handles = map[uint64]*handle{}
	return s
}

// Close ends the connection: every later access to the tree fails with
// ENOTCONN. It waits for requests in progress.
func (s *Server) Close() error {
	err := s.dev.Close()
	s.wg.Wait()
	return err
}

func (s *Server) loop() {
	for {
		buf := make([]byte, readBuffer)
		n, err := s.dev.Read(buf)
		switch {
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINTR): // the request was withdrawn
			continue
		case err != nil: // ENODEV: unmounted
			return
		}
		r, err := parse(buf[:n])
		if err != nil {
			if n >= inHeaderLen {
				s.send(newReply(0).finish(r.unique, unix.EINVAL))
			}
			continue
		}
		// A file may wait for the RTNL: it must not hold up the others.
		s.wg.Go(func() { s.answer(&r) })
	}
}

func (s *Server) send(reply []byte) {
	s.dev.Write(reply) // ENOENT: the caller was killed meanwhile
}

// answer handles a request and replies, where the protocol has a reply.
func (s *Server) answer(r *request) {
	switch r.op {
	case opForget, opBatchForget:
		s.forget(r.forgets)
		return
	case opInterrupt:
		return // every answer is on its way already
	}
	out := newReply(entryOutLen)
	failed := errnoOf(s.handle(r, out))
	if failed != 0 {
		*out = (*out)[:outHeaderLen]
	}
	s.send(out.finish(r.unique, failed))
}

// errnoOf finds the error number in an error of a tree.
func errnoOf(err error) unix.Errno {
	var host unix.Errno
	var ours errno.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ours):
		return unix.Errno(ours)
	case errors.As(err, &host):
		return host
	case errors.Is(err, fs.ErrNotExist):
		return unix.ENOENT
	case errors.Is(err, fs.ErrPermission):
		return unix.EPERM
	}
	return unix.EIO
}

func (s *Server) handle(r *request, out *encoder) error {
	switch r.op {
	case opInit:
		if r.major != protoMajor || r.minor < protoMinor {
			return unix.EPROTO
		}
		out.init(r.flags)
		return nil
	case opDestroy:
		return nil
	case opStatfs:
		out.statfs()
		return nil
	case opLookup:
		return s.lookup(r, out)
	case opGetattr, opSetattr:
		return s.attributes(r, out)
	case opReadlink:
		return s.readlink(r, out)
	case opOpen, opOpendir:
		return s.open(r, out)
	case opRead:
		return s.read(r, out)
	case opWrite:
		return s.write(r, out)
	case opReaddir:
		return s.readdir(r, out)
	case opRelease, opReleasedir:
		s.mu.Lock()
		delete(s.mu.handles, r.handle)
		s.mu.Unlock()
		return nil
	case opCreate, opMknod, opMkdir, opSymlink, opLink:
		return unix.ENOENT // what the look-up of a new name in proc gives
	case opUnlink, opRmdir, opRename, opRename2:
		return unix.EPERM // fs/namei.c: directories without the operation
	}
	return unix.ENOSYS
}

// resolve finds the node of a number as this caller sees it. ESTALE makes the
// kernel look the path up again.
func (s *Server) resolve(r *request) (*filetree.Node, string, error) {
	s.mu.Lock()
	i := s.mu.paths[r.node]
	s.mu.Unlock()
	if i == nil {
		return nil, "", unix.ESTALE
	}
	n := s.tree.Root(r.caller)
	for rest := i.path; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if n = child(n, name); n == nil {
			return nil, "", unix.ENOENT
		}
	}
	return n, i.path, nil
}

func (s *Server) lookup(r *request, out *encoder) error {
	n, path, err := s.resolve(r)
	if err != nil {
		return err
	}
	c := child(n, r.name)
	if c == nil {
		return unix.ENOENT
	}
	out.entry(s.remember(join(path, r.name)), c.Mode, c.Size)
	return nil
}

// child is the entry called name, nil where there is none.
func child(n *filetree.Node, name string) *filetree.Node {
	if n == nil || !n.IsDir() {
		return nil
	}
	return n.Child(name)
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// remember counts a look-up of path and returns its number.
func (s *Server) remember(path string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mu.numbers[path]
	if i == nil {
		s.mu.next++
		i = &inode{number: s.mu.next, path: path}
		s.mu.paths[i.number], s.mu.numbers[path] = i, i
	}
	i.count++
	return i.number
}

func (s *Server) forget(list []forgetOne) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range list {
		i := s.mu.paths[f.node]
		if i == nil || i.number == rootID {
			continue
		}
		if f.count < i.count {
			i.count -= f.count
			continue
		}
		delete(s.mu.paths, i.number)
		delete(s.mu.numbers, i.path)
	}
}

//go:build linux

package fuse

import (
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
)

// attributes answers stat, and chmod and its like: a truncation does nothing,
// as with proc files, and the rest is refused.
func (s *Server) attributes(r *request, out *encoder) error {
	n, _, err := s.resolve(r)
	if err != nil {
		return err
	}
	if r.op == opSetattr && r.flags&(attrMode|attrUID|attrGID) != 0 {
		return unix.EPERM
	}
	out.zero(attrOutLen - attrLen) // not to be cached
	out.attr(r.node, n.Mode, n.Size)
	return nil
}

func (s *Server) readlink(r *request, out *encoder) error {
	n, _, err := s.resolve(r)
	if err != nil {
		return err
	}
	if !n.IsSymlink() {
		return unix.EINVAL
	}
	*out = append(*out, n.Target...)
	return nil
}

func (s *Server) open(r *request, out *encoder) error {
	n, path, err := s.resolve(r)
	if err != nil {
		return err
	}
	h := &handle{}
	flags := uint32(0)
	switch {
	case n.IsDir():
		if r.op != opOpendir {
			return unix.EISDIR
		}
		h.entries = list(n)
	case n.IsSymlink():
		return unix.ELOOP
	default:
		if r.op != opOpen {
			return unix.ENOTDIR
		}
		if err := s.mayOpen(r, n, path); err != nil {
			return err
		}
		h.file, flags = n, fopenDirectIO
	}
	s.mu.Lock()
	s.mu.next++
	number := s.mu.next
	s.mu.handles[number] = h
	s.mu.Unlock()
	out.u64(number)
	out.u32(flags)
	out.u32(0)
	return nil
}

// mayOpen refuses what the kernel, which has checked the permission bits for the
// caller's real ids, still allows: sysctls bind root by their bits too
// (fs/proc/proc_sysctl.c proc_sys_permission), and credentials are emulated.
func (s *Server) mayOpen(r *request, n *filetree.Node, path string) error {
	mode := r.flags & unix.O_ACCMODE
	if strings.HasPrefix(path, "sys/") {
		perm := n.Mode.Perm()
		if mode != unix.O_WRONLY && perm&0o400 == 0 || mode != unix.O_RDONLY && perm&0o200 == 0 {
			return unix.EACCES
		}
	}
	if s.tree.Access == nil || mode == unix.O_RDONLY {
		return nil
	}
	return s.tree.Access(r.caller, n)
}

// dirent is one name of a directory and its type bits.
type dirent struct {
	name string
	mode fs.FileMode
}

// list is a directory as readdir shows it: whole, with "." and "..".
func list(n *filetree.Node) []dirent {
	out := []dirent{{".", fs.ModeDir}, {"..", fs.ModeDir}}
	for _, name := range n.Names() {
		if c := n.Child(name); c != nil { // it may have gone
			out = append(out, dirent{name, c.Mode.Type()})
		}
	}
	return out
}

func (s *Server) opened(r *request) (*handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.mu.handles[r.handle]
	if h == nil {
		return nil, unix.EBADF
	}
	return h, nil
}

// read generates the content at offset 0, as a seq_file does, and continues in
// the same bytes behind it.
func (s *Server) read(r *request, out *encoder) error {
	h, err := s.opened(r)
	if err != nil {
		return err
	}
	switch {
	case h.file == nil:
		return unix.EISDIR
	case h.file.Read == nil:
		return unix.EIO // fs/proc/inode.c: a file without the operation
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.offset == 0 || h.content == nil {
		h.content = h.file.Read()
	}
	if r.offset >= uint64(len(h.content)) {
		return nil
	}
	part := h.content[r.offset:]
	*out = append(*out, part[:min(uint64(r.size), uint64(len(part)))]...)
	return nil
}

func (s *Server) write(r *request, out *encoder) error {
	h, err := s.opened(r)
	if err != nil {
		return err
	}
	switch {
	case h.file == nil:
		return unix.EBADF
	case h.file.Write == nil:
		return unix.EIO
	}
	if err := h.file.Write(r.data); err != nil {
		return err
	}
	out.u32(uint32(len(r.data)))
	out.u32(0)
	return nil
}

// readdir continues at entry number offset, counting "." and "..". The inode
// numbers of entries are not known before a look-up: 0 would hide the entry, so
// all but "." carry FUSE_UNKNOWN_INO.
func (s *Server) readdir(r *request, out *encoder) error {
	h, err := s.opened(r)
	if err != nil {
		return err
	}
	const unknownIno = 0xffffffff
	for i := r.offset; i < uint64(len(h.entries)); i++ {
		ino := uint64(unknownIno)
		if i == 0 {
			ino = r.node
		}
		if !out.dirent(int(r.size), ino, i+1, h.entries[i].mode, h.entries[i].name) {
			return nil
		}
	}
	return nil
}

//go:build linux

package fuse

import (
	"io/fs"

	"golang.org/x/sys/unix"
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
	mode, size := n.Info()
	out.zero(attrOutLen - attrLen) // not to be cached
	out.attr(r.node, mode, size)
	return nil
}

func (s *Server) readlink(r *request, out *encoder) error {
	n, _, err := s.resolve(r)
	if err != nil {
		return err
	}
	l, ok := n.(Link)
	if !ok {
		return unix.EINVAL
	}
	target, err := l.Readlink()
	*out = append(*out, target...)
	return err
}

func (s *Server) open(r *request, out *encoder) error {
	n, _, err := s.resolve(r)
	if err != nil {
		return err
	}
	h := &handle{}
	flags := uint32(0)
	switch n := n.(type) {
	case Dir:
		if r.op != opOpendir {
			return unix.EISDIR
		}
		if h.entries, err = n.List(); err != nil {
			return err
		}
	case File:
		if r.op != opOpen {
			return unix.ENOTDIR
		}
		h.file, flags = n, fopenDirectIO
	default:
		return unix.ELOOP
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
	if h.file == nil {
		return unix.EISDIR
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.offset == 0 || h.content == nil {
		if h.content, err = h.file.Content(r.caller); err != nil {
			return err
		}
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
	if h.file == nil {
		return unix.EBADF
	}
	if err := h.file.Write(r.caller, r.data); err != nil {
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
	all := append([]Entry{{".", fs.ModeDir}, {"..", fs.ModeDir}}, h.entries...)
	for i := r.offset; i < uint64(len(all)); i++ {
		ino := uint64(unknownIno)
		if i == 0 {
			ino = r.node
		}
		if !out.dirent(int(r.size), ino, i+1, all[i].Type, all[i].Name) {
			return nil
		}
	}
	return nil
}

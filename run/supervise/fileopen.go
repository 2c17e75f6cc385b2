//go:build linux

package supervise

import (
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
	"linen/net/sock"
)

// openat2 answers openat2(2): its flags stand in struct open_how.
func openat2(c *call) (int64, error) {
	var b [8]byte
	if err := c.target().Read(c.ptr(2), b[:]); err != nil {
		return 0, errContinue
	}
	return c.open(c.intArg(0), c.ptr(1), int(int32(le.Uint64(b[:]))))
}

// open answers the open family for the node's kernel files.
func (c *call) open(dirfd int, addr uint64, flags int) (int64, error) {
	if found, err := c.device(dirfd, addr, flags); found {
		return 0, err
	}
	if c.n.mode.FullTree() {
		return 0, errContinue
	}
	name, node, ours, err := c.kernelFile(dirfd, addr, flags&unix.O_NOFOLLOW == 0)
	if err != nil {
		return 0, err
	}
	if !ours {
		return 0, errContinue
	}
	writing := flags&unix.O_ACCMODE != unix.O_RDONLY
	switch {
	case node == nil:
		return 0, unix.ENOENT
	case node.IsSymlink():
		return 0, unix.ELOOP
	case node.IsDir() && (writing || flags&unix.O_CREAT != 0):
		return 0, unix.EISDIR
	case node.IsDir():
		return c.openDir(name, node, flags)
	case flags&unix.O_DIRECTORY != 0:
		return 0, unix.ENOTDIR
	case writing:
		return c.openForWriting(node, flags)
	case node.Mode.Perm()&0o444 == 0:
		return 0, unix.EACCES
	}
	fd, err := contentOf(node)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	r, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(r)
	if err := c.place(placed{source: r, cloexec: flags&unix.O_CLOEXEC != 0}); err != nil {
		return 0, err
	}
	return 0, errAnswered
}

// contentOf returns a memory file with what the node has now.
func contentOf(node *filetree.Node) (int, error) {
	fd, err := unix.MemfdCreate("kernel-file", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if node.Read != nil {
		f := os.NewFile(uintptr(fd), "kernel-file")
		_, err = f.Write(node.Read())
		if err == nil {
			_, err = f.Seek(0, 0)
		}
		dup := -1
		if err == nil {
			dup, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		}
		f.Close()
		return dup, err
	}
	return fd, nil
}

func (c *call) openDir(name string, node *filetree.Node, flags int) (int64, error) {
	dir, err := c.n.shadowDir(name, node)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := c.place(placed{source: fd, cloexec: flags&unix.O_CLOEXEC != 0}); err != nil {
		return 0, err
	}
	return 0, errAnswered
}

// setting is an open kernel file that takes writes: a memory file in the
// range, where write is trapped, so that its error is the program's. A shell's
// redirection moves it out; what is written then natively is applied when it
// is noticed, and its error is lost.
type setting struct {
	n       *Node
	key     fileKey
	node    *filetree.Node
	fd      int
	applied int64 // bytes of native writes that were handed over
	wd      atomic.Int32
}

func (c *call) openForWriting(node *filetree.Node, flags int) (int64, error) {
	who := c.who()
	if node.Write == nil || node.Mode.Perm()&0o222 == 0 || !who.Capable(sock.CapNetAdmin) && who.UID != 0 {
		return 0, unix.EACCES
	}
	fd, err := unix.MemfdCreate("setting", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return 0, err
	}
	s := &setting{n: c.n, key: fileKey{uint64(st.Dev), st.Ino}, node: node, fd: fd}
	theirs, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), flags&unix.O_ACCMODE|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	defer unix.Close(theirs)
	c.n.mu.Lock()
	c.n.settings[s.key] = s
	c.n.mu.Unlock()
	wd, err := c.n.host.watch(fd, unix.IN_CLOSE_WRITE|unix.IN_MODIFY, s)
	if err != nil {
		s.close()
		return 0, err
	}
	s.wd.Store(wd)
	if err := c.place(placed{source: theirs, inRange: true, cloexec: flags&unix.O_CLOEXEC != 0}); err != nil {
		s.close()
		return 0, err
	}
	return 0, errAnswered
}

// maxSetting bounds one write; the longest lists are some pages.
const maxSetting = 1 << 16

// event is a native write, or the last close.
func (s *setting) event(wd int32, mask uint32) {
	s.wd.Store(wd)
	s.n.guard(func() {
		s.apply()
		if mask&unix.IN_CLOSE_WRITE != 0 {
			s.close()
		}
	})
}

// write is a trapped write.
func (s *setting) write(p []byte) (int64, error) {
	if err := s.node.Write(p); err != nil {
		return 0, err
	}
	return int64(len(p)), nil
}

// apply hands over what was written natively.
func (s *setting) apply() {
	s.n.mu.Lock()
	from := s.applied
	var st unix.Stat_t
	err := unix.Fstat(s.fd, &st)
	if err == nil {
		s.applied = max(st.Size, from)
	}
	s.n.mu.Unlock()
	if err != nil || st.Size <= from {
		return
	}
	b := make([]byte, st.Size-from)
	if n, err := unix.Pread(s.fd, b, from); err == nil && n > 0 {
		if err := s.node.Write(b[:n]); err != nil {
			s.n.log.Info("a write to a kernel file failed", "error", err)
		}
	}
}

// close ends the setting at the last close of its file.
func (s *setting) close() {
	s.n.mu.Lock()
	open := s.n.settings[s.key] == s
	delete(s.n.settings, s.key)
	s.n.mu.Unlock()
	if open {
		s.n.host.unwatch(s.wd.Load())
		unix.Close(s.fd)
	}
}

// setting returns the kernel file behind a descriptor of the caller, or nil.
func (c *call) setting(fd int) *setting {
	if !c.n.mode.FullTree() {
		id, err := c.target().File(fd)
		if err != nil {
			return nil
		}
		c.n.mu.Lock()
		defer c.n.mu.Unlock()
		return c.n.settings[fileKey{id.Dev, id.Ino}]
	}
	return nil
}

//go:build linux

package nodeinit

import (
	"errors"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// attachSpec asks the init to give a thread of a program another sight of one
// of its own mounts.
type attachSpec struct {
	TID    int    // whose mount namespace, root and working directory
	Source string // of the init: /sys, /proc
	Target string // a path as the thread writes it
	Flags  uint64 // MS_*: what mount(2) was given
}

// Attach mounts what the node has at source (the kernel's file system with the
// node's views over it) where thread tid says: what mount(2) of a fresh sysfs
// or proc would do, but for the views. The error holds mount's errno.
func (n *Node) Attach(tid int, source, target string, flags uint64) error {
	n.mu.Lock()
	if n.mu.gone {
		n.mu.Unlock()
		return ErrGone
	}
	n.mu.next++
	id := n.mu.next
	done := make(chan error, 1)
	n.mu.asked[id] = done
	n.mu.Unlock()
	r := request{Op: opAttach, ID: id, Attach: &attachSpec{tid, source, target, flags}}
	if err := n.conn.Send(r); err != nil {
		n.answered(id, ErrGone)
	}
	return <-done
}

// answered ends the wait of Attach.
func (n *Node) answered(id uint64, err error) {
	n.mu.Lock()
	done := n.mu.asked[id]
	delete(n.mu.asked, id)
	n.mu.Unlock()
	if done != nil {
		done <- err
	}
}

// attach runs in the init. The thread that enters the program's mount
// namespace ends with the goroutine.
func (p *initProc) attach(id uint64, spec *attachSpec) {
	go func() {
		runtime.LockOSThread()
		ev := event{Op: evAttached, ID: id}
		if err := spec.mount(); err != nil {
			ev.Errno = unix.EINVAL
			errors.As(err, &ev.Errno)
		}
		p.conn.Send(ev)
	}()
}

func (s *attachSpec) mount() error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, s.Source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	if attrs := attributes(s.Flags); attrs != 0 {
		err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: attrs})
		if err != nil {
			return err
		}
	}
	if err := enter(s.TID); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", unix.AT_FDCWD, s.Target, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS)
}

// enter takes this thread to the mount namespace, root and working directory
// of another.
func enter(tid int) error {
	dir := "/proc/" + strconv.Itoa(tid)
	var fds [3]int
	for i, name := range [...]string{"/ns/mnt", "/root", "/cwd"} {
		flags := unix.O_CLOEXEC | unix.O_PATH
		if i == 0 {
			flags = unix.O_CLOEXEC // setns(2) wants an open file
		}
		fd, err := unix.Open(dir+name, flags, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	// The threads of a process share their root; setns insists on a private one.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	if err := unix.Setns(fds[0], unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Fchdir(fds[1]); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Fchdir(fds[2])
}

// attributes translates the flags of mount(2) that are a mount's own.
func attributes(flags uint64) (attrs uint64) {
	for _, f := range [...]struct{ flag, attr uint64 }{
		{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY}, {unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID},
		{unix.MS_NODEV, unix.MOUNT_ATTR_NODEV}, {unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
	} {
		if flags&f.flag != 0 {
			attrs |= f.attr
		}
	}
	return attrs
}

// namespaceIDs opens the socket by which the supervisor numbers the network
// namespaces that programs make and hears of their end: RTM_NEWNSID and
// RTNLGRP_NSID as the node's own network namespace has them.
func namespaceIDs() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.RTNLGRP_NSID); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "nsid"), nil
}

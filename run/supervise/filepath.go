//go:build linux

package supervise

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
	"linen/run/seccomp"
)

// fileHandlers answer open and stat where the node has no FUSE tree: what is
// below /proc/net, /proc/sys/net and /sys/class/net is the node's, the rest the
// host's. A path is mapped as it is written; links into these directories are
// not followed.
var fileHandlers = map[int32]handler{
	unix.SYS_OPENAT:  openat,
	unix.SYS_OPENAT2: openat2,
	unix.SYS_STATX:   statx,
	sysNewfstatat: func(c *call) (int64, error) {
		return c.stat(c.intArg(0), c.ptr(1), c.ptr(2), c.intArg(3)&unix.AT_SYMLINK_NOFOLLOW == 0)
	},
	unix.SYS_FACCESSAT:  func(c *call) (int64, error) { return c.access(c.intArg(0), c.ptr(1), c.intArg(2)) },
	unix.SYS_FACCESSAT2: func(c *call) (int64, error) { return c.access(c.intArg(0), c.ptr(1), c.intArg(2)) },
	unix.SYS_READLINKAT: func(c *call) (int64, error) {
		return c.readlink(c.intArg(0), c.ptr(1), c.ptr(2), c.Args[3])
	},
}

// kernelFile finds the node of the tree that a path argument names. ours is
// false for the host's files; a node of nil does not exist.
func (c *call) kernelFile(dirfd int, addr uint64, follow bool) (name string, node *filetree.Node, ours bool, err error) {
	p, err := c.target().CString(addr, seccomp.MaxPath-1)
	if err != nil || p == "" {
		return "", nil, false, nil // the kernel says what is wrong
	}
	if p[0] != '/' {
		base, ok := c.base(dirfd)
		if !ok {
			return "", nil, false, nil
		}
		p = base + "/" + p
	}
	name, ours = c.n.treePath(path.Clean(p))
	if !ours {
		return "", nil, false, nil
	}
	tree, in := c.treeAt(&name)
	if tree == nil {
		return "", nil, false, nil
	}
	if node, err = tree.Walk(in, follow); err != nil {
		return name, nil, true, nil
	}
	return name, node, true, nil
}

// treeAt splits the name of treePath into a tree and what is in it: the
// caller's, or that of the process or thread that the name begins with, whose
// number takes the place of self. nil: it is no program of linen's, or none.
func (c *call) treeAt(name *string) (*filetree.Node, string) {
	who, in, of := cutProcess(*name)
	if !of {
		return c.n.treeOf(int(c.TID)), *name
	}
	if here, err := inodeOf("/proc/self/ns/pid"); err == nil {
		if there, err := inodeOf("/proc/" + strconv.Itoa(int(c.TID)) + "/ns/pid"); err != nil || there != here {
			return nil, "" // it counts processes otherwise
		}
	}
	tid := who.tid
	switch who.process {
	case "thread-self":
		tid = int(c.TID)
	case "self":
		st, err := seccomp.Target{TID: int(c.TID)}.Status()
		if err != nil || who.task && !threadOf(tid, st.TGID) {
			return nil, ""
		}
		if !who.task {
			tid = st.TGID
		}
	default:
		pid, _ := strconv.Atoi(who.process)
		if who.task && !threadOf(tid, pid) {
			return nil, ""
		}
	}
	n := c.n.host.nodeOf(tid)
	if n == nil {
		return nil, ""
	}
	*name = "proc/" + strconv.Itoa(tid) + "/" + in
	return n.treeOf(tid), in
}

// threadOf reports whether a thread is of a process, which a thread's number
// stands for as well (proc(5), /proc/tid).
func threadOf(tid, pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(tid))
	return err == nil
}

// base returns the directory that a relative path is below.
func (c *call) base(dirfd int) (string, bool) {
	dir := "/proc/" + strconv.Itoa(int(c.TID))
	if dirfd == unix.AT_FDCWD {
		dir += "/cwd"
	} else {
		dir += "/fd/" + strconv.Itoa(dirfd)
	}
	p, err := os.Readlink(dir)
	return p, err == nil && strings.HasPrefix(p, "/")
}

// treePath maps a clean absolute path to the tree of kernel files: net, sys and
// class are the caller's, proc/PID/net, proc/PID/task/TID/net and so on those
// of a process.
func (n *Node) treePath(p string) (string, bool) {
	for _, m := range [...]struct{ prefix, tree string }{
		{"/proc/net", "net"}, {"/proc/sys/net", "sys"}, {"/sys/class/net", "class"}, {"/sys/devices/virtual/net", "class"},
	} {
		if rest, ok := below(p, m.prefix); ok {
			return m.tree + rest, true
		}
	}
	if rest, ok := strings.CutPrefix(p, "/proc/"); ok {
		if _, _, ok := cutProcess("proc/" + rest); ok {
			return "proc/" + rest, true
		}
	}
	n.shadow.Lock()
	defer n.shadow.Unlock()
	if n.shadow.dir != "" {
		if rest, ok := below(p, n.shadow.dir); ok && rest != "" {
			return rest[1:], true
		}
	}
	return "", false
}

// below cuts a directory off a path; what is left is empty or begins with "/".
func below(p, dir string) (string, bool) {
	rest, ok := strings.CutPrefix(p, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// whose is the process that a path below /proc is about.
type whose struct {
	process string // its number, self or thread-self
	task    bool   // a thread of it
	tid     int    // the number of the process or of the thread; 0: the caller's
}

// cutProcess parts proc/12/net/dev and proc/self/task/13/net/dev into the
// process and net/dev. of is false for all else.
func cutProcess(p string) (who whose, in string, of bool) {
	rest, ok := strings.CutPrefix(p, "proc/")
	if !ok {
		return whose{}, "", false
	}
	who.process, rest, _ = strings.Cut(rest, "/")
	if who.process != "self" && who.process != "thread-self" {
		if who.tid, ok = number(who.process); !ok {
			return whose{}, "", false
		}
	}
	if task, ok := strings.CutPrefix(rest, "task/"); ok && who.process != "thread-self" {
		var tid string
		tid, rest, _ = strings.Cut(task, "/")
		if who.tid, ok = number(tid); !ok {
			return whose{}, "", false
		}
		who.task = true
	}
	_, ok = below(rest, "net")
	return who, rest, ok
}

// number is the number of a process as /proc has it.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0 && strconv.Itoa(n) == s
}

// shadowDir makes a real directory that lists what the tree has at name, for
// getdents(2): files are empty there, and opened through the tree.
func (n *Node) shadowDir(name string, node *filetree.Node) (string, error) {
	n.shadow.Lock()
	defer n.shadow.Unlock()
	if n.shadow.dir == "" {
		dir, err := os.MkdirTemp("", "linen-files-")
		if err != nil {
			return "", err
		}
		n.shadow.dir = dir
	}
	dir := filepath.Join(n.shadow.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	want := map[string]bool{}
	for _, entry := range node.Names() {
		want[entry] = true
		child := node.Child(entry)
		at := filepath.Join(dir, entry)
		if child == nil {
			continue
		}
		if child.IsDir() || child.IsSymlink() {
			os.Mkdir(at, 0o755) // it may be there already
		} else if f, err := os.OpenFile(at, os.O_CREATE|os.O_RDONLY, 0o644); err == nil {
			f.Close()
		}
	}
	have, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range have {
		if !want[e.Name()] {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	return dir, nil
}

// removeShadow ends the shadow directories.
func (n *Node) removeShadow() {
	n.shadow.Lock()
	defer n.shadow.Unlock()
	if n.shadow.dir != "" {
		os.RemoveAll(n.shadow.dir)
		n.shadow.dir = ""
	}
}

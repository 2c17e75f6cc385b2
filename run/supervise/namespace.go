//go:build linux

package supervise

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/run/nodeinit"
	"linen/run/seccomp"
)

// namespaceHandlers answer the calls that make and enter namespaces or change
// mounts. The host's kernel does them; what is refused is what emulated
// credentials forbid and what the node does not have.
var namespaceHandlers = map[int32]handler{
	unix.SYS_UNSHARE: func(c *call) (int64, error) { return c.namespaces(c.Args[0]) },
	unix.SYS_CLONE:   func(c *call) (int64, error) { return c.namespaces(c.Args[0]) },
	unix.SYS_SETNS:   setns,
	unix.SYS_MOUNT:   mount,
	unix.SYS_UMOUNT2: unmount,
	unix.SYS_FSOPEN:  fsopen,
}

// namespaces lets a call make namespaces: flags are CLONE_NEW*. A network
// namespace is seen by linen when its first program asks for something.
func (c *call) namespaces(flags uint64) (int64, error) {
	p, err := c.process()
	if err != nil {
		return 0, err
	}
	if flags&unix.CLONE_NEWNET != 0 && !c.n.spaces.more() {
		c.n.log.Info("a further network namespace is refused", "pid", c.TID, "reason", c.n.oneNet())
		return 0, unix.EPERM
	}
	if flags&unix.CLONE_NEWUSER != 0 {
		if c.Nr == unix.SYS_UNSHARE {
			p.moved.Store(true)
		}
		return 0, errContinue // it has every capability there
	}
	if !c.may(p, sock.CapSysAdmin) {
		return 0, unix.EPERM
	}
	return 0, errContinue
}

// oneNet says why programs have one network namespace.
func (n *Node) oneNet() string {
	switch {
	case n.cfg.NewNet == nil:
		return "this node has one network"
	case n.mode.Reason != "":
		return n.mode.Reason
	}
	return "the node has no network namespace of the host's kernel"
}

// may asks the emulated credentials; where the host's kernel holds the real
// ones it asks itself.
func (c *call) may(p *process, capability int) bool {
	return c.n.real || p.nested() || p.who(int(c.TID)).Capable(capability)
}

// setns lets a thread enter a namespace. Without a network namespace of the
// node's own there is one for all programs.
func setns(c *call) (int64, error) {
	p, err := c.process()
	if err != nil {
		return 0, err
	}
	fd, err := c.getFD(c.intArg(0))
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	kind, err := unix.IoctlRetInt(fd, nsGetType)
	if err != nil {
		kind = int(c.Args[1]) // of a pidfd: which of the process's are meant
	}
	if kind&unix.CLONE_NEWUSER != 0 {
		p.moved.Store(true)
	}
	if kind&unix.CLONE_NEWNET == 0 || int(c.Args[1]) != 0 && int(c.Args[1])&unix.CLONE_NEWNET == 0 {
		return 0, errContinue // not of the network, or EINVAL
	}
	sp, err := c.n.spaceNamed(fd)
	switch {
	case err == errForeign:
		c.n.log.Info("setns to a network namespace that is not the node's is refused", "pid", c.TID)
		return 0, unix.EPERM
	case err != nil:
		return 0, errContinue // the kernel says what is wrong with it
	case !c.may(p, sock.CapSysAdmin):
		return 0, unix.EPERM
	case !c.n.mode.NetNS && sp == c.n.spaces.own:
		return 0, nil // it is in it already, and the host may not allow to enter it again
	}
	return 0, errContinue
}

// spaceNamed returns the space of a file that setns takes: one of a namespace,
// or a pidfd.
func (n *Node) spaceNamed(fd int) (*space, error) {
	sp, err := n.spaces.at(fd)
	if err != unix.EINVAL {
		return sp, err
	}
	b, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "Pid:"); ok {
			pid, err := strconv.Atoi(strings.TrimSpace(v))
			if err != nil || pid <= 0 {
				return nil, unix.ESRCH
			}
			return n.spaces.of(seccomp.Target{TID: pid})
		}
	}
	return nil, unix.EINVAL
}

// mountAllowed checks what both mount and umount2 ask for.
func (c *call) mountAllowed() error {
	if !c.n.mode.Has(nodeinit.ViewMounts) {
		c.n.log.Info("mount is refused: the host gives the node no mount namespace", "pid", c.TID, "reason", c.n.mode.Reason)
		return unix.EPERM
	}
	p, err := c.process()
	if err != nil {
		return err
	}
	if !c.may(p, sock.CapSysAdmin) {
		return unix.EPERM
	}
	return nil
}

// notFresh are the flags with which mount(2) does not make a new mount.
const notFresh = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_MOVE | unix.MS_SHARED | unix.MS_PRIVATE | unix.MS_SLAVE | unix.MS_UNBINDABLE

// mount lets the host's kernel mount in the node's mount namespace. A sysfs, as
// `ip netns exec` mounts one, would show that kernel's devices: the program
// gets the node's /sys again, with the view of /sys/class/net that follows the
// caller, and so for a proc of the same processes.
func mount(c *call) (int64, error) {
	if err := c.mountAllowed(); err != nil {
		return 0, err
	}
	source := ""
	if c.Args[3]&notFresh == 0 {
		source = c.kernelFS(c.ptr(2))
	}
	if source == "" {
		return 0, errContinue
	}
	target, err := c.target().CString(c.ptr(1), seccomp.MaxPath-1)
	if err != nil {
		return 0, err
	}
	return 0, c.n.init.Attach(int(c.TID), source, target, c.Args[3])
}

// kernelFS returns the directory whose mount stands for a fresh one of the file
// system that is named at addr, or "".
func (c *call) kernelFS(addr uint64) string {
	name, err := c.target().CString(addr, 16)
	if err != nil {
		return ""
	}
	switch name {
	case "sysfs":
		return "/sys"
	case "proc":
		theirs, err := inodeOf("/proc/" + strconv.Itoa(int(c.TID)) + "/ns/pid")
		if err != nil {
			return ""
		}
		if node, err := inodeOf("/proc/" + strconv.Itoa(c.n.init.PID()) + "/ns/pid"); err == nil && node == theirs {
			return "/proc"
		}
	}
	return ""
}

func unmount(c *call) (int64, error) {
	if err := c.mountAllowed(); err != nil {
		return 0, err
	}
	return 0, errContinue
}

// fsopen answers as a kernel before 5.2 for the file systems of mount's special
// care: libmount goes on with mount(2).
func fsopen(c *call) (int64, error) {
	if c.kernelFS(c.ptr(0)) != "" {
		return 0, unix.ENOSYS
	}
	return 0, errContinue
}

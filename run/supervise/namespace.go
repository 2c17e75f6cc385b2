//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"

	"linen/run/seccomp"
)

// namespaceHandlers answer the calls that would leave the node's network
// namespace or change its mounts.
var namespaceHandlers = map[int32]handler{
	unix.SYS_UNSHARE: unshare,
	unix.SYS_SETNS:   setns,
	unix.SYS_MOUNT:   mount,
	unix.SYS_UMOUNT2: mount,
}

// unshare refuses a further network namespace: a node has one Net. EINVAL is
// the answer of a kernel built without them (unshare(2)).
func unshare(c *call) (int64, error) {
	if c.Args[0]&unix.CLONE_NEWNET == 0 {
		return 0, errContinue
	}
	c.n.log.Info("unshare of the network is refused: a node has one network namespace", "pid", c.TID)
	return 0, unix.EINVAL
}

// setns lets a process enter what is the node's; another network namespace has
// nobody who answers for it.
func setns(c *call) (int64, error) {
	id, err := c.target().File(c.intArg(0))
	if err != nil {
		return 0, err
	}
	if id.Mode&unix.S_IFMT != unix.S_IFREG || c.Args[1]&^unix.CLONE_NEWNET != 0 && c.Args[1]&unix.CLONE_NEWNET == 0 {
		return 0, errContinue
	}
	c.n.mu.Lock()
	known := c.n.nets[id.Ino] != nil
	c.n.mu.Unlock()
	if known {
		return 0, nil // it is in it already
	}
	if kind, err := nsKind(c.target(), c.intArg(0)); err == nil && kind != "net" {
		return 0, errContinue
	}
	c.n.log.Info("setns to another network namespace is refused", "pid", c.TID)
	return 0, unix.EINVAL
}

// nsKind returns the kind of a namespace descriptor: "net", "mnt".
func nsKind(t seccomp.Target, fd int) (string, error) {
	s, err := readFDLink(t.TID, fd)
	if err != nil {
		return "", err
	}
	for i := range len(s) {
		if s[i] == ':' {
			return s[:i], nil
		}
	}
	return "", unix.EINVAL
}

// mount refuses where the node has no mount namespace of its own: it would be
// the host's.
func mount(c *call) (int64, error) {
	c.n.log.Info("mount is refused: the host gives the node no mount namespace", "pid", c.TID, "reason", c.n.mode.Reason)
	return 0, unix.EPERM
}

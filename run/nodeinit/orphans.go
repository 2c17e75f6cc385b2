//go:build linux

package nodeinit

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// endOrphans kills the programs of a node whose init did not get to do it:
// somebody killed it. A supervisor that is a subreaper (prctl(2)
// PR_SET_CHILD_SUBREAPER) has become their parent.
func endOrphans(init *os.ProcessState) {
	if init == nil || init.Exited() {
		return
	}
	self := os.Getpid()
	ours, ok := filters(self)
	if !ok {
		return
	}
	for {
		list := slices.DeleteFunc(descendants(self), func(pid int) bool { return !orphaned(pid, self, ours) })
		if len(list) == 0 {
			return
		}
		for _, pid := range list { // their children are ours then, and found by the next look
			unix.Kill(pid, unix.SIGKILL)
			for {
				if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
					break
				}
			}
		}
	}
}

// orphaned reports whether pid is our child and a program of a node: those have
// a seccomp filter more than we have, which an init's main thread has not.
func orphaned(pid, self, ours int) bool {
	parent, ok := parentOf(pid)
	if !ok || parent != self {
		return false
	}
	n, ok := filters(pid)
	return ok && n > ours
}

// filters counts a process's seccomp filters (proc(5), since Linux 5.9).
func filters(pid int) (int, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, false
	}
	_, rest, ok := bytes.Cut(b, []byte("\nSeccomp_filters:"))
	if !ok {
		return 0, false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	return n, err == nil
}

// reap waits for an init and for what it left behind.
func reap(cmd *exec.Cmd) {
	cmd.Wait() // its exit status says nothing that the control socket has not said
	endOrphans(cmd.ProcessState)
}

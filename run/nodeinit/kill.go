//go:build linux

package nodeinit

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// killDescendants ends every process below this one and returns when none is
// left. A process that escapes a round by being forked during it becomes our
// child at the latest when its ancestors have died, and is seen in the round
// after that reaping.
func killDescendants() {
	for {
		for _, pid := range descendants(os.Getpid()) {
			unix.Kill(pid, unix.SIGKILL) // ESRCH: it has just ended
		}
		_, err := unix.Wait4(-1, nil, 0, nil)
		if err != nil && err != unix.EINTR {
			return // ECHILD: all are gone
		}
	}
}

// descendants lists the processes below pid.
func descendants(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, e := range entries {
		p, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, ok := parentOf(p); ok {
			children[parent] = append(children[parent], p)
		}
	}
	out := children[pid]
	for i := 0; i < len(out); i++ {
		out = append(out, children[out[i]]...)
	}
	return out
}

// parentOf reads the fourth field of /proc/PID/stat, which stands behind a name
// that may hold anything.
func parentOf(pid int) (int, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(string(f[1]))
	return parent, err == nil
}

// Daemons counts the programs that outlived the one that Exec started them
// from: the init has adopted them (prctl(2) PR_SET_CHILD_SUBREAPER).
func (n *Node) Daemons() int {
	n.mu.Lock()
	started := make(map[int]bool, len(n.mu.procs))
	for _, p := range n.mu.procs {
		started[p.pid] = true
	}
	n.mu.Unlock()
	daemons := 0
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(n.pid) + "/task/*/children") // none when the init has ended
	for _, task := range tasks {
		list, err := os.ReadFile(task)
		if err != nil {
			continue // a thread that has ended, or a kernel without CONFIG_PROC_CHILDREN
		}
		for _, word := range strings.Fields(string(list)) {
			if pid, err := strconv.Atoi(word); err == nil && !started[pid] && !ended(pid) {
				daemons++
			}
		}
	}
	return daemons
}

// ended reports whether a child is a zombie.
func ended(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	state := b[bytes.LastIndexByte(b, ')')+1:]
	return err != nil || bytes.HasPrefix(state, []byte(" Z"))
}

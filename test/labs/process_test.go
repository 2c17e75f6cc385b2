//go:build linux

package labs

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is a process that the test can wait for and signal without mistaking
// another for it.
type process struct {
	pid, fd int
	name    string
}

// descendants opens a process and everything below it. A daemon is a
// subreaper, so that its programs stay below it.
func descendants(root int) []process {
	children := map[int][]int{}
	names := map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid: the name may hold anything (proc(5))
		text := string(data)
		open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
		fields := strings.Fields(text[end+1:])
		pid, _ := strconv.Atoi(strings.TrimSpace(text[:open]))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
		names[pid] = text[open+1 : end]
	}
	var list []process
	var add func(pid int)
	add = func(pid int) {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			list = append(list, process{pid, fd, names[pid]})
		}
		for _, c := range children[pid] {
			add(c)
		}
	}
	add(root)
	return list
}

// ended waits until all of them have ended, and closes them.
func (u *user) ended(list []process) {
	u.t.Helper()
	deadline := time.Now().Add(patience)
	for _, p := range list {
		if !p.wait(deadline) {
			u.t.Errorf("process %d (%s) is left", p.pid, p.name)
			unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0)
		}
		unix.Close(p.fd)
	}
}

// wait reports whether the process ended in time.
func (p process) wait(deadline time.Time) bool {
	for {
		fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, max(0, int(time.Until(deadline).Milliseconds())))
		if err == unix.EINTR {
			continue
		}
		return err == nil && n == 1
	}
}

// kill ends a process at once.
func (p process) kill() error {
	if err := unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0); err != nil {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

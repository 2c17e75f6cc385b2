//go:build linux

package supervise

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"linen/run/seccomp"
)

// theirs runs do on a copy of the program's end, when no call is at hand:
// ENOENT when no process that may be looked at has it open.
func (f *file) theirs(do func(fd int) error) error {
	f.seen.Lock()
	p, fd := f.seen.p, f.seen.fd
	f.seen.Unlock()
	if p != nil {
		if got, err := p.getFD(fd); err == nil {
			if f.is(got) {
				defer unix.Close(got)
				return do(got)
			}
			unix.Close(got)
		}
	}
	got, err := f.search()
	if err != nil {
		return err
	}
	defer unix.Close(got)
	return do(got)
}

// is reports whether fd is the program's end.
func (f *file) is(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && (fileKey{uint64(st.Dev), st.Ino}) == f.key
}

// search looks for the program's end in every process: it left the descriptor
// where a call showed it, or went to a process that made no call that is
// notified (a shell's child that reads its standard input).
func (f *file) search() (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return -1, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if got, err := f.searchIn(pid); err == nil {
			return got, nil
		}
	}
	return -1, unix.ENOENT
}

func (f *file) searchIn(pid int) (int, error) {
	fds, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	if err != nil {
		return -1, err
	}
	t := seccomp.Target{TID: pid}
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if id, err := t.File(fd); err != nil || (fileKey{id.Dev, id.Ino}) != f.key {
			continue
		}
		got, err := t.GetFD(fd)
		if err != nil {
			continue
		}
		if f.is(got) {
			return got, nil
		}
		unix.Close(got)
	}
	return -1, unix.ENOENT
}

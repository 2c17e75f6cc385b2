//go:build linux

package seccomp

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Target is a thread that waits in a notified call. Nothing about it is cached:
// it may have gone, and its id may be another thread's, until Listener.Valid
// has been asked.
type Target struct {
	TID int
}

// Status is the part of /proc/TID/status that the supervisor needs.
type Status struct {
	TGID    int
	PPID    int
	Threads int
	UID     [4]int // real, effective, saved, file system; in the supervisor's user namespace
	GID     [4]int
	Groups  []int
	// Pending signals of the thread and of its process, and the blocked ones;
	// bit n-1 is signal n.
	ThreadPending, SharedPending, Blocked uint64
	CapEffective                          uint64
}

// Deliverable returns the signals that would interrupt the call.
func (s *Status) Deliverable() uint64 { return (s.ThreadPending | s.SharedPending) &^ s.Blocked }

// Private reports whether a deliverable signal is certain to be taken by this
// thread: it is the thread's own, or the process has no other thread.
func (s *Status) Private() bool {
	return s.ThreadPending&^s.Blocked != 0 || s.Threads == 1 && s.Deliverable() != 0
}

// Status reads /proc/TID/status.
func (t Target) Status() (Status, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(t.TID) + "/status")
	if err != nil {
		return Status{}, err
	}
	return parseStatus(b)
}

func parseStatus(b []byte) (Status, error) {
	var s Status
	for line := range bytes.Lines(b) {
		name, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		if !ok {
			continue
		}
		v := string(bytes.TrimSpace(value))
		var err error
		switch string(name) {
		case "Tgid":
			s.TGID, err = strconv.Atoi(v)
		case "PPid":
			s.PPID, err = strconv.Atoi(v)
		case "Threads":
			s.Threads, err = strconv.Atoi(v)
		case "Uid":
			err = parseIDs(s.UID[:], v)
		case "Gid":
			err = parseIDs(s.GID[:], v)
		case "Groups":
			s.Groups, err = parseGroups(v)
		case "SigPnd":
			s.ThreadPending, err = strconv.ParseUint(v, 16, 64)
		case "ShdPnd":
			s.SharedPending, err = strconv.ParseUint(v, 16, 64)
		case "SigBlk":
			s.Blocked, err = strconv.ParseUint(v, 16, 64)
		case "CapEff":
			s.CapEffective, err = strconv.ParseUint(v, 16, 64)
		}
		if err != nil {
			return s, fmt.Errorf("seccomp: status line %q: %w", line, err)
		}
	}
	if s.TGID == 0 {
		return s, errors.New("seccomp: status without Tgid")
	}
	return s, nil
}

func parseIDs(dst []int, v string) error {
	fields := bytes.Fields([]byte(v))
	if len(fields) != len(dst) {
		return errors.New("wrong number of ids")
	}
	for i, f := range fields {
		n, err := strconv.Atoi(string(f))
		if err != nil {
			return err
		}
		dst[i] = n
	}
	return nil
}

func parseGroups(v string) ([]int, error) {
	var groups []int
	for _, f := range bytes.Fields([]byte(v)) {
		n, err := strconv.Atoi(string(f))
		if err != nil {
			return nil, err
		}
		groups = append(groups, n)
	}
	return groups, nil
}

// FileID names an open file by its inode; for sockets, the inode in sockfs.
type FileID struct {
	Dev, Ino uint64
	Mode     uint32 // st_mode; S_IFMT tells a socket
}

// IsSocket reports whether the file is a socket of any kind.
func (f FileID) IsSocket() bool { return f.Mode&unix.S_IFMT == unix.S_IFSOCK }

// File looks up descriptor fd of the target. EBADF means that it is not open;
// any other error that the supervisor may not look, and then the call must fail
// rather than continue.
func (t Target) File(fd int) (FileID, error) {
	if fd < 0 {
		return FileID{}, unix.EBADF
	}
	var st unix.Stat_t
	err := unix.Stat("/proc/"+strconv.Itoa(t.TID)+"/fd/"+strconv.Itoa(fd), &st)
	switch err {
	case nil:
		return FileID{Dev: uint64(st.Dev), Ino: st.Ino, Mode: st.Mode}, nil
	case unix.ENOENT:
		return FileID{}, unix.EBADF
	}
	return FileID{}, err
}

// FilesFull reports whether the target has no number left for another
// descriptor. /proc tells how many are open since Linux 6.2 (proc_pid_fd(5)
// st_size); before that, and when the target cannot be looked at, it reports
// false.
func (t Target) FilesFull() bool {
	var st unix.Stat_t
	var limit unix.Rlimit
	dir := "/proc/" + strconv.Itoa(t.TID) + "/fd"
	if unix.Stat(dir, &st) != nil || unix.Prlimit(t.TID, unix.RLIMIT_NOFILE, nil, &limit) != nil || uint64(st.Size) < limit.Cur {
		return false
	}
	// Numbers beyond a limit that was lowered since do not count.
	names, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	below := uint64(0)
	for _, e := range names {
		if fd, err := strconv.ParseUint(e.Name(), 10, 32); err == nil && fd < limit.Cur {
			below++
		}
	}
	return below >= limit.Cur
}

// NetNS returns the inode of the network namespace that the target is in.
func (t Target) NetNS() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(t.TID)+"/ns/net", &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}

// pidfdThread opens a thread rather than a process: PIDFD_THREAD, Linux 6.9.
const pidfdThread = unix.O_EXCL

// GetFD duplicates descriptor fd of the target: the same open file, with its
// flags and timeouts. The copy has close-on-exec set and must be closed soon,
// because it hides the program's own close.
func (t Target) GetFD(fd int) (int, error) {
	pfd, err := unix.PidfdOpen(t.TID, pidfdThread)
	if err == unix.EINVAL { // before 6.9: by the process, which shares descriptors as a rule
		var s Status
		if s, err = t.Status(); err == nil {
			pfd, err = unix.PidfdOpen(s.TGID, 0)
		}
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(pfd)
	return unix.PidfdGetfd(pfd, fd, 0)
}

package lab

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// takeLock locks a file for as long as it stays open. Open file description locks (fcntl_locking(2)) are used rather than
// flock(2) because they can be asked about without being taken.
func takeLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		err = errLocked
	}
	if err == nil {
		err = sameFile(f, name)
	}
	if err == nil {
		err = writePID(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// writePID says in the lock file who holds it.
func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	return err
}

// holderAlive reports whether the process that took a lock lives; a lock that names nobody yet is just being taken.
func holderAlive(name string) bool {
	data, err := os.ReadFile(name)
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(string(data))
	return err != nil || !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// sameFile reports fs.ErrNotExist when the name no longer means the open file.
func sameFile(f *os.File, name string) error {
	open, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !os.SameFile(open, named) {
		return fs.ErrNotExist
	}
	return nil
}

func isLocked(name string) bool {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lk) == nil && lk.Type != unix.F_UNLCK
}

func ownedByUs(st fs.FileInfo) bool {
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}

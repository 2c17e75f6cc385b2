package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// maxSocketPath is what fits in sockaddr_un.sun_path with its final zero (unix(7)).
const maxSocketPath = 107

// State is the directory that holds every lab of one user.
type State struct{ Root string }

// DefaultState is the state directory of this user: $XDG_RUNTIME_DIR/linen, or /tmp/linen-UID where that is not set or
// names a directory that nobody made, as in many containers.
func DefaultState(getenv func(string) string, uid int) State {
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			return State{filepath.Join(dir, "linen")}
		}
	}
	return State{filepath.Join(os.TempDir(), "linen-"+strconv.Itoa(uid))}
}

// Meta is lab.json: what a client must know before it speaks to the daemon.
type Meta struct {
	API     int       `json:"api"` // APIVersion of the daemon
	Version string    `json:"version"`
	Name    string    `json:"name"`
	File    string    `json:"file"` // absolute; "" for a generated topology
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Nodes   []string  `json:"nodes"`            // in file order
	Prefix  *string   `json:"prefix,omitempty"` // the file's, for containerlab's long names
}

// Dir is one lab's directory. The daemon has it from [State.Acquire], a client from [State.Labs] or [State.Find].
type Dir struct {
	Path string
	Name string
	lock *os.File // held by the daemon
}

// Socket is the path of the daemon's API socket.
func (d *Dir) Socket() string { return filepath.Join(d.Path, "api.sock") }

// ExecSocket is the path of the socket on which the daemon takes programs to run (run/client).
func (d *Dir) ExecSocket() string { return filepath.Join(d.Path, "exec.sock") }

// Log is the path of a node's n-th log file; its directory is made by [Dir.CreateLog].
func (d *Dir) Log(node string, n int) string {
	return filepath.Join(d.Path, "logs", node, strconv.Itoa(n)+".log")
}

// DaemonLog is where the daemon's own complaints go, such as how it crashed; the next daemon of the lab removes it.
func (d *Dir) DaemonLog() string { return filepath.Join(d.Path, "daemon.log") }

// CreateLog opens a new log file of a node.
func (d *Dir) CreateLog(node string, n int) (*os.File, error) {
	return d.openLog(node, n, os.O_APPEND|os.O_TRUNC)
}

// AppendLog opens a log file of a node to write at its end.
func (d *Dir) AppendLog(node string, n int) (*os.File, error) {
	return d.openLog(node, n, os.O_APPEND)
}

func (d *Dir) openLog(node string, n, flag int) (*os.File, error) {
	name := d.Log(node, n)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_CREATE|os.O_WRONLY|flag, 0o600)
}

// WriteMeta publishes lab.json in one step.
func (d *Dir) WriteMeta(m Meta) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(d.Path, ".lab.json")
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(d.Path, "lab.json"))
}

// Meta reads lab.json. It is absent while the daemon is starting.
func (d *Dir) Meta() (Meta, error) {
	var m Meta
	data, err := os.ReadFile(filepath.Join(d.Path, "lab.json"))
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	return m, err
}

// RunningError says that a lab of that name is up already.
type RunningError struct{ Name string }

// Error tells what to do about it.
func (e *RunningError) Error() string {
	return fmt.Sprintf("lab %q is up already: linen down --lab %s", e.Name, e.Name)
}

// Acquire makes a lab this process's own until [Dir.Release], or the process's end however it comes. What an earlier daemon left
// is removed. The error is a *RunningError when the lab is up.
func (s State) Acquire(name string) (*Dir, error) {
	if name == "" || name != filepath.Base(name) || name[0] == '.' {
		return nil, fmt.Errorf("%q is no lab name", name)
	}
	d := &Dir{Path: filepath.Join(s.Root, name), Name: name}
	if len(d.ExecSocket()) > maxSocketPath {
		return nil, fmt.Errorf("lab name %q is too long: its socket %s would have more than %d characters", name, d.Socket(), maxSocketPath)
	}
	if err := s.makeRoot(); err != nil {
		return nil, err
	}
	for range lockTries { // each failure means that another daemon of this lab came or went meanwhile
		if err := os.Mkdir(d.Path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		lock, err := takeLock(filepath.Join(d.Path, "lock"))
		switch {
		case errors.Is(err, errLocked):
			if holderAlive(filepath.Join(d.Path, "lock")) {
				return nil, &RunningError{name}
			}
			time.Sleep(lockPause)
			continue
		case errors.Is(err, fs.ErrNotExist): // a daemon that was leaving took the directory away
			continue
		case err != nil:
			return nil, err
		}
		d.lock = lock
		return d, d.clean()
	}
	return nil, &RunningError{name}
}

// A killed daemon's lock ends with the last process that it was just forking; that is waited for, two seconds at most.
const (
	lockTries = 200
	lockPause = 10 * time.Millisecond
)

// makeRoot makes the state directory and refuses one that others could have prepared.
func (s State) makeRoot() error {
	if err := os.MkdirAll(s.Root, 0o700); err != nil {
		return err
	}
	st, err := os.Lstat(s.Root)
	if err != nil {
		return err
	}
	if !st.IsDir() || st.Mode().Perm()&0o077 != 0 || !ownedByUs(st) {
		return fmt.Errorf("%s must be a directory of yours that only you can enter (it is %v)", s.Root, st.Mode())
	}
	return nil
}

// clean removes everything in the directory but the lock.
func (d *Dir) clean() error {
	entries, err := os.ReadDir(d.Path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			if err := os.RemoveAll(filepath.Join(d.Path, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Release removes the lab's directory and lets the name go.
func (d *Dir) Release() error {
	if d.lock == nil {
		return nil
	}
	// The lock file goes last and while it is locked: whoever opened it before finds it unlinked and starts again.
	err := errors.Join(d.clean(), os.Remove(d.lock.Name()), os.Remove(d.Path))
	err = errors.Join(err, d.lock.Close())
	d.lock = nil
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Labs lists the labs that are up, by name. It takes no lock.
func (s State) Labs() ([]*Dir, error) {
	entries, err := os.ReadDir(s.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*Dir
	for _, e := range entries {
		d := &Dir{Path: filepath.Join(s.Root, e.Name()), Name: e.Name()}
		if e.IsDir() && isLocked(filepath.Join(d.Path, "lock")) {
			out = append(out, d)
		}
	}
	return out, nil
}

var errLocked = errors.New("another process holds the lock")

//go:build linux

package nodeinit

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"linen/run/internal/msg"
	"linen/run/seccomp"
)

// forker owns the one thread that carries the filter. Its own notified calls
// would wait for the supervisor, so nothing but forking happens on it.
type forker struct {
	jobs     chan forkJob
	killable bool
}

type forkJob struct {
	path string
	argv []string
	attr *syscall.ProcAttr
	mask *int
	done chan<- forked
}

type forked struct {
	pid int
	err error
}

// execFailure is an error of execve or of the look-up before it.
type execFailure struct {
	what  string
	errno unix.Errno
}

func (e *execFailure) Error() string { return e.what + ": " + e.errno.Error() }

// startForker installs the filter and returns its listener.
func startForker(filter []unix.SockFilter) (*forker, *os.File, error) {
	if len(filter) == 0 {
		return nil, nil, errors.New("no filter")
	}
	f := &forker{jobs: make(chan forkJob)}
	type installed struct {
		fd  int
		err error
	}
	ready := make(chan installed)
	go func() {
		runtime.LockOSThread() // for ever: the filter cannot be taken off
		fd, killable, err := seccomp.Install(filter)
		f.killable = killable
		ready <- installed{fd, err}
		if err != nil {
			return
		}
		for job := range f.jobs {
			pid, err := job.run()
			job.done <- forked{pid, err}
		}
	}()
	r := <-ready
	if r.err != nil {
		return nil, nil, r.err
	}
	return f, os.NewFile(uintptr(r.fd), "listener"), nil
}

func (j forkJob) run() (int, error) {
	if j.mask != nil {
		// The mask belongs to the whole process; forks are one at a time.
		defer unix.Umask(unix.Umask(*j.mask))
	}
	pid, err := syscall.ForkExec(j.path, j.argv, j.attr)
	if err == syscall.ENOEXEC {
		// A script without "#!": execvp(3) gives it to the shell.
		argv := append([]string{"/bin/sh", j.path}, j.argv[1:]...)
		pid, err = syscall.ForkExec("/bin/sh", argv, j.attr)
	}
	return pid, err
}

// fork starts a program and returns its process id.
func (f *forker) fork(p *Program, files []*os.File) (int, error) {
	if len(p.Argv) == 0 || p.Argv[0] == "" {
		return 0, &execFailure{"exec", unix.ENOENT}
	}
	dir := p.Dir
	if dir == "" {
		dir = "/"
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return 0, &execFailure{"chdir " + dir, errnoOf(err, unix.ENOTDIR)}
	}
	env := p.Env
	var as *account
	if p.User != "" {
		var err error
		if as, err = lookUser(p.User); err != nil {
			return 0, err
		}
		env = as.environment(env)
	}
	path, errno := lookPath(p.Argv[0], pathOf(env), dir)
	if errno != 0 {
		return 0, &execFailure{p.Argv[0], errno}
	}
	fds := make([]uintptr, len(files))
	for i, file := range files {
		fd, err := msg.FD(file)
		if err != nil {
			return 0, err
		}
		fds[i] = uintptr(fd)
	}
	attr := &syscall.ProcAttr{
		Dir: dir, Env: env, Files: fds,
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: p.TTY, Ctty: 0},
	}
	if as != nil {
		attr.Sys.Credential = &as.cred
	}
	r := f.run(forkJob{path: path, argv: p.Argv, attr: attr, mask: p.Umask})
	if as != nil && r.err == unix.EACCES && dir != "/" {
		attr.Dir = "/" // perhaps a directory that the user may not enter
		r = f.run(forkJob{path: path, argv: p.Argv, attr: attr, mask: p.Umask})
	}
	runtime.KeepAlive(files)
	if r.err != nil {
		return 0, &execFailure{p.Argv[0], errnoOf(r.err, unix.EIO)}
	}
	return r.pid, nil
}

// run has the forker's thread do a job.
func (f *forker) run(j forkJob) forked {
	done := make(chan forked)
	j.done = done
	f.jobs <- j
	return <-done
}

func errnoOf(err error, fallback unix.Errno) unix.Errno {
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	return fallback
}

// defaultPath is used when the environment has no PATH (the shells' own).
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func pathOf(env []string) string {
	path := defaultPath
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v // the last one wins, as in os/exec
		}
	}
	return path
}

// lookPath finds the file as execvp(3): EACCES is remembered while the search
// goes on, relative entries are below dir.
func lookPath(name, path, dir string) (string, unix.Errno) {
	if strings.Contains(name, "/") {
		return name, 0 // execve reports what is wrong with it
	}
	errno := unix.ENOENT
	for _, d := range filepath.SplitList(path) {
		file := filepath.Join(d, name)
		at := file
		if !filepath.IsAbs(file) {
			at = filepath.Join(dir, file)
			file = "./" + file
		}
		st, err := os.Stat(at)
		if err != nil || st.IsDir() {
			continue
		}
		if unix.Faccessat(unix.AT_FDCWD, at, unix.X_OK, unix.AT_EACCESS) != nil {
			errno = unix.EACCES
			continue
		}
		return file, 0
	}
	return "", errno
}

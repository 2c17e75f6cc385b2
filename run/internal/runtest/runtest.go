//go:build linux

// Package runtest lets one test of run/ stand in several places: as root and as
// an ordinary user, where everything is allowed, where user namespaces are
// refused, and where they are allowed but nothing may be mounted in them (as
// AppArmor does it on Ubuntu, and many containers). Only tests import it.
package runtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen/run/nodeinit"
	"linen/run/seccomp"
)

// Timeout bounds whatever a test waits for. Generous: it decides only how long
// a hung test takes to fail.
const Timeout = 30 * time.Second

// nobody is the ordinary user of the tests.
const nobody = 65534

// The environment of a test process that stands for a place.
const (
	envPlace = "LINEN_RUNTEST_PLACE"
	envFuse  = "LINEN_RUNTEST_FUSE"
)

// Main is the TestMain of a package whose tests start nodes or use Everywhere.
// It checks that the tests left no goroutine and no child process.
func Main(m *testing.M) {
	if nodeinit.IsInit() {
		nodeinit.Main()
	}
	// The race detector lets every process sleep for a second at its end; the
	// tests end hundreds.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	if filter := refusal(); filter != nil {
		if err := seccomp.InstallAll(filter); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	// A goroutine that ends while it is locked to its thread ends the thread,
	// but never the process's first one: keep that for ourselves.
	runtime.LockOSThread()
	code := m.Run()
	if code == 0 {
		code = leaks()
	}
	os.Exit(code)
}

// leaks reports what the tests left behind.
func leaks() int {
	var ws unix.WaitStatus
	if pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil); err != unix.ECHILD {
		fmt.Fprintf(os.Stderr, "runtest: a child process is left (pid %d, %v)\n", pid, err)
		return 1
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		var left []string
		for _, s := range stacks[1:] {
			if !strings.Contains(s, "os/signal.") && !strings.Contains(s, "runtime.goexit0") {
				left = append(left, s)
			}
		}
		if len(left) == 0 {
			return 0
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "runtest: %d goroutines are left:\n%s\n", len(left), strings.Join(left, "\n\n"))
			return 1
		}
		runtime.Gosched()
	}
}

// What a place refuses.
const (
	nothing         = ""
	noUserNamespace = " without user namespaces"
	noMounts        = " without mounts"
)

// refusal is the filter that makes this place, nil where nothing is refused.
func refusal() []unix.SockFilter {
	place := os.Getenv(envPlace)
	switch {
	case strings.HasSuffix(place, noUserNamespace):
		return seccomp.NoUserNamespaces()
	case strings.HasSuffix(place, noMounts):
		return seccomp.Refuse(
			seccomp.Refusal{Nr: unix.SYS_MOUNT, Errno: unix.EPERM},
			seccomp.Refusal{Nr: unix.SYS_MOVE_MOUNT, Errno: unix.EPERM},
			seccomp.Refusal{Nr: unix.SYS_SETHOSTNAME, Errno: unix.EPERM},
		)
	}
	return nil
}

// Everywhere runs test in each place that this process can reach, in a process
// of its own.
func Everywhere(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv(envPlace) != "" {
		test(t)
		return
	}
	for _, uid := range []int{0, nobody} {
		for _, refused := range []string{nothing, noUserNamespace, noMounts} {
			name := "root"
			if uid != 0 {
				name = "user"
			}
			name += refused
			t.Run(name, func(t *testing.T) { again(t, name, uid) })
		}
	}
}

// NoUserNamespaces reports whether user namespaces are refused in this place.
func NoUserNamespaces() bool { return strings.HasSuffix(os.Getenv(envPlace), noUserNamespace) }

// Unrestricted reports whether this place refuses nothing.
func Unrestricted() bool { return refusal() == nil }

// again runs the test that t is a subtest of in a new process.
func again(t *testing.T, place string, uid int) {
	if os.Geteuid() != 0 && uid == 0 {
		t.Skip("left out: this needs root")
	}
	top, _, _ := strings.Cut(t.Name(), "/")
	ctx, cancel := context.WithTimeout(context.Background(), 4*Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^"+regexp.QuoteMeta(top)+"$", "-test.v", "-test.timeout=200s")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), envPlace+"="+place, envFuse+"="+fuseDevice(t))
	if os.Geteuid() == 0 && uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as %s: %v\n%s", place, err, out)
	}
	t.Logf("%s", out)
}

// fuseDevice gives the ordinary user of the tests a FUSE device: udev makes
// /dev/fuse accessible to everybody, but bare machines have no udev.
func fuseDevice(t *testing.T) string {
	const def = "/dev/fuse"
	st, err := os.Stat(def)
	if err != nil || st.Mode().Perm()&0o006 == 0o006 || os.Geteuid() != 0 {
		return def
	}
	dir, err := os.MkdirTemp("", "runtest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "fuse")
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 229))); err != nil {
		t.Logf("no FUSE device for the ordinary user: %v", err)
		return def
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// FuseDevice is the device that nodes of tests should use.
func FuseDevice() string { return os.Getenv(envFuse) }

// Context ends with the test, or after Timeout.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	t.Cleanup(cancel)
	return ctx
}

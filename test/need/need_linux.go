package need

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// inUserNS makes a command that will be root of a user and a network namespace
// of its own.
func inUserNS(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd
}

// userNS tries once to start a program in a user namespace of its own.
var userNS = sync.OnceValue(func() error { return inUserNS("true").Run() })

// UserNS skips the test where the host forbids user namespaces.
func UserNS(t testing.TB) {
	t.Helper()
	if err := userNS(); err != nil {
		t.Skipf("no user namespaces here: %v", err)
	}
}

// AsRoot reports whether the test runs as root. For an ordinary user it runs the
// same test, which is no subtest, once more as root of a user namespace of its
// own, where it may make network namespaces, and judges by that run.
func AsRoot(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return true
	}
	UserNS(t)
	out, err := inUserNS(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}

// TunDevice skips the test where /dev/net/tun cannot be opened.
func TunDevice(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no TAP devices here: %v", err)
	}
	f.Close()
}

// NetNS skips the test unless it can make a network namespace of the real
// kernel with the real ip.
func NetNS(t testing.TB) {
	t.Helper()
	Root(t)
	if out, err := exec.Command(Tool(t, "unshare"), "-n", "true").CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %v: %s", err, out)
	}
}

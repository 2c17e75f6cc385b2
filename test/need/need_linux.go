package need

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// userNS tries once to start a program in a user namespace of its own.
var userNS = sync.OnceValue(func() error {
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd.Run()
})

// UserNS skips the test where the host forbids user namespaces.
func UserNS(t testing.TB) {
	t.Helper()
	if err := userNS(); err != nil {
		t.Skipf("no user namespaces here: %v", err)
	}
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

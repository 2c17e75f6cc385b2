package conversation

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen/test/need"
)

// release is the kernel that the scripts were written by.
const release = "6.18."

// loose is for real time on a machine that does other things too: nothing
// comes early, what is late is only late.
var loose = tolerance{early: 0.1, late: 0.5, grace: 10 * time.Millisecond, slow: 400 * time.Millisecond, settle: 20 * time.Millisecond}

// strict is for writing scripts (LINEN_STRICT=1): a quiet machine is assumed.
var strict = tolerance{early: 0.03, late: 0.03, grace: 6 * time.Millisecond, slow: 10 * time.Millisecond, settle: 50 * time.Millisecond}

// TestKernel runs every script against this machine's kernel, in real time.
func TestKernel(t *testing.T) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	if have := unix.ByteSliceToString(u.Release[:]); !strings.HasPrefix(have, release) {
		t.Skipf("the scripts tell what Linux %s* does; this is %s", release, have)
	}
	need.TunDevice(t)
	ip := need.Tool(t, "ip")
	if os.Geteuid() != 0 {
		asRoot(t)
		return
	}
	need.NetNS(t)
	if *record != "" {
		recordScript(t, ip)
		return
	}
	for name, text := range scripts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, text)
			for attempt := 1; ; attempt++ {
				err, log, stalled := onKernel(ip, s)
				switch {
				case err == nil:
					return
				case stalled < maxStall:
					t.Fatalf("%v (the machine stood still for %s)\n%s", err, stalled, log)
				case attempt == 5:
					t.Skipf("this machine is too busy to judge real time: it stood still for %s, and %v", stalled, err)
				}
				t.Logf("void, for this machine stood still for %s: %v", stalled, err)
			}
		})
	}
}

// asRoot runs the test in a user namespace of its own, where it may make
// network namespaces.
func asRoot(t *testing.T) {
	need.UserNS(t)
	c := exec.Command(os.Args[0], "-test.run=^TestKernel$", "-test.v")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// maxStall is how long a program may have to wait for the processor in a run
// that counts when it fails.
const maxStall = 10 * time.Millisecond

// onKernel runs a script once, on a thread of its own. stalled is the longest
// time in which this process could not run meanwhile.
func onKernel(ip string, s *Script) (err error, log string, stalled time.Duration) {
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go watch(stop, worst)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m, failed := newReal(ip, s.MTU)
		if failed != nil {
			err = failed
			return
		}
		defer m.close()
		t := &talk{m: m, tol: loose, script: s}
		if os.Getenv("LINEN_STRICT") != "" {
			t.tol = strict
		}
		err = t.run()
		log = t.log.String()
	}()
	<-ended
	close(stop)
	return err, log, <-worst
}

// recordScript prints a script with what the kernel says.
func recordScript(t *testing.T, ip string) {
	text, err := os.ReadFile(*record)
	if err != nil {
		t.Fatal(err)
	}
	s := parse(t, string(text))
	for _, line := range strings.Split(string(text), "\n") {
		if word, _, _ := strings.Cut(line, " "); word == "about" || word == "sysctl" || word == "mtu" {
			fmt.Println(line)
		}
	}
	var failed atomic.Pointer[string]
	done := make(chan struct{})
	go func() {
		defer close(done)
		m, err := newReal(ip, s.MTU)
		if err == nil {
			defer m.close()
			talk := &talk{m: m, tol: loose, script: s, record: os.Stdout}
			err = talk.run()
		}
		if err != nil {
			msg := err.Error()
			failed.Store(&msg)
		}
	}()
	<-done
	if msg := failed.Load(); msg != nil {
		t.Error(*msg)
	}
}

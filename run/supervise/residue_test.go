//go:build linux

package supervise_test

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"linen/net/netns"
	"linen/net/sock"
	"linen/run/internal/runtest"
	"linen/uapi"
)

// until waits for a condition that becomes true soon.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(runtest.Timeout); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// descriptors counts this process's open files.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// What programs opened is closed with them, whether they closed it, ended or
// were killed, and a closed node leaves no descriptor.
func TestNothingIsLeft(t *testing.T) {
	l := newLab(t)
	registerWires(l.h2.Namespace())
	before := descriptors(t)
	for range 2 {
		n, m := l.node(l.h1), l.node(l.h2)
		for _, role := range []string{"datagrams", "rights", "inherit", "refused", "few descriptors", "devices"} {
			run(t, n, []string{envRole + "=" + role}, "/proc/self/exe")
		}
		for role := range streamRoles {
			run(t, m, []string{envRole + "=stream " + role}, "/proc/self/exe")
		}
		until(t, "every socket is closed", func() bool { return n.Sockets() == 0 && m.Sockets() == 0 })
		until(t, "every process is forgotten", func() bool { return n.Processes() == 0 && m.Processes() == 0 })
		until(t, "every watch is gone", func() bool { return l.host.Watches() == 0 })
		n.Close()
		m.Close()
		until(t, "every descriptor is closed", func() bool { return descriptors(t) <= before })
	}
}

// A panic while a call is answered ends the node, and no other.
func TestPanicEndsOneNode(t *testing.T) {
	l := newLab(t)
	sock.Register(l.h2.Namespace(), uapi.AF_INET, &sock.Family{Name: "INET", Create: func(*sock.Caller, *netns.Net, int, int) (sock.Socket, error) {
		panic("made by the test")
	}})
	n, m := l.node(l.h1), l.quietNode(l.h2)
	if _, err := attempt(t, m, []string{envRole + "=datagrams"}, "/proc/self/exe"); err == nil {
		t.Error("the program of the broken node ended by itself")
	}
	<-m.Done()
	if err := m.Err(); err == nil || !strings.Contains(err.Error(), "made by the test") {
		t.Errorf("Err = %v", err)
	}
	if out, exit := run(t, n, []string{envRole + "=datagrams"}, "/proc/self/exe"); !exit.Success() {
		t.Errorf("the other node: exit %+v:\n%s", exit, out)
	}
}

package badpackets

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// trace is an instance of the kernel's tracing that hears skb:kfree_skb. Its
// files are reached by a mount that only the thread of the trace sees.
type trace struct {
	calls chan func()
	dir   string
	late  string // the filter of what timers drop
}

// newTrace needs root of the machine.
func newTrace() (*trace, error) {
	t := &trace{calls: make(chan func())}
	ready := make(chan error)
	go t.serve(ready)
	return t, <-ready
}

// serve owns the mount.
func (t *trace) serve(ready chan error) {
	runtime.LockOSThread() // never unlocked: the thread ends with its mounts
	if err := t.mount(); err != nil {
		ready <- err
		return
	}
	ready <- nil
	for f := range t.calls {
		f()
	}
}

func (t *trace) mount() error {
	const at = "/sys/kernel/tracing"
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tracefs", at, "tracefs", 0, ""); err != nil {
		return err
	}
	old, _ := filepath.Glob(at + "/instances/linen-bad-*") // of tests that were killed
	for _, dir := range old {
		if _, err := os.Stat("/proc/" + dir[strings.LastIndex(dir, "-")+1:]); err != nil {
			_ = unix.Rmdir(dir)
		}
	}
	t.dir = fmt.Sprintf("%s/instances/linen-bad-%d", at, os.Getpid())
	if err := os.Mkdir(t.dir, 0o700); err != nil {
		return err
	}
	format, err := os.ReadFile(t.dir + "/events/skb/kfree_skb/format")
	for _, m := range regexp.MustCompile(`\{ (\d+), "(FRAG_REASM_TIMEOUT|NEIGH_FAILED)" \}`).FindAllSubmatch(format, -1) {
		t.late += " || reason == " + string(m[1])
	}
	return err
}

// call runs f on the thread that sees the mount.
func (t *trace) call(f func() error) (err error) {
	done := make(chan struct{})
	t.calls <- func() { err = f(); close(done) }
	<-done
	return err
}

func (t *trace) write(name, text string) error {
	return os.WriteFile(t.dir+"/"+name, []byte(text), 0)
}

// start begins to hear what a thread drops, and timers for it if it waits.
func (t *trace) start(tid int, waits bool) error {
	return t.call(func() error {
		if err := t.write("events/skb/kfree_skb/enable", "0"); err != nil {
			return err
		}
		filter := fmt.Sprintf("common_pid == %d", tid)
		if waits {
			filter += t.late
		}
		if err := t.write("events/skb/kfree_skb/filter", filter); err != nil {
			return err
		}
		if err := t.write("trace", ""); err != nil {
			return err
		}
		return t.write("events/skb/kfree_skb/enable", "1")
	})
}

var reasonOf = regexp.MustCompile(`kfree_skb:.* reason: (\w+)`)

// reasons returns what was heard since start, and ends it.
func (t *trace) reasons() (list []string, err error) {
	err = t.call(func() error {
		if err := t.write("events/skb/kfree_skb/enable", "0"); err != nil {
			return err
		}
		text, err := os.ReadFile(t.dir + "/trace")
		for _, m := range reasonOf.FindAllSubmatch(text, -1) {
			list = append(list, string(m[1]))
		}
		return err
	})
	return list, err
}

func (t *trace) close() {
	_ = t.call(func() error { return unix.Rmdir(t.dir) })
	close(t.calls)
}

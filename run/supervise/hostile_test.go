//go:build linux

package supervise_test

import (
	"os"
	"strings"
	"testing"

	"linen/run/internal/runtest"
)

// Calls with wild pointers, truncated and unreadable arguments, negative lengths
// and long vectors return what Linux 6.18 returns. testdata/hostile.txt is what
// `unshare -n sh -c 'ip link set lo up; hostile table </dev/null'` prints there.
func TestHostileArguments(t *testing.T) {
	text, err := os.ReadFile("testdata/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	bin := cProgram(t, "hostile")
	l := newLab(t)
	out, exit := runFor(t, l.node(l.h1), 4*runtest.Timeout, bin, "table")
	got := strings.Split(strings.TrimSpace(out), "\n")
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s; Linux says %s", got[i], want[i])
		}
	}
	if !exit.Success() || len(got) != len(want) {
		t.Errorf("exit %+v, %d answers, want %d", exit, len(got), len(want))
	}
}

// Threads that change memory and close descriptors under the calls of others
// stop neither the node nor themselves, and nothing is written beside what the
// calls were given.
func TestHostileThreads(t *testing.T) {
	bin := cProgram(t, "hostile")
	l := newLab(t)
	n := l.node(l.h1)
	if out, exit := runFor(t, n, 4*runtest.Timeout, bin, "threads"); !exit.Success() || out != "done\n" {
		t.Errorf("exit %+v:\n%s", exit, out)
	}
	until(t, "every socket is closed", func() bool { return n.Sockets() == 0 })
	if out, exit := run(t, n, []string{envRole + "=datagrams"}, "/proc/self/exe"); !exit.Success() {
		t.Errorf("afterwards: exit %+v:\n%s", exit, out)
	}
}

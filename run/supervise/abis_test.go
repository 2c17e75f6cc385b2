//go:build linux

package supervise_test

import (
	"strings"
	"testing"

	"linen/run/internal/runtest"
)

// Calls that would go round the supervisor are refused: those of the 32-bit and
// x32 ABIs and io_uring's. The program goes on.
func TestOtherABIs(t *testing.T) {
	bin := cProgram(t, "abis")
	l := newLab(t)
	out, exit := runFor(t, l.node(l.h1), runtest.Timeout, bin)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasSuffix(line, ": ENOSYS") {
			t.Error(line)
		}
	}
	if last := lines[len(lines)-1]; last != "a child's own socket: 0" || len(lines) < 4 || !exit.Success() {
		t.Errorf("exit %+v:\n%s", exit, out)
	}
}

//go:build linux

package supervise_test

import (
	"os"
	"strings"
	"testing"

	"linen/run/internal/runtest"
)

// What signals do to calls that wait, with and without SA_RESTART, what accept
// does when no descriptor is left, and what sockets send signals for (F_SETOWN,
// SIOCSPGRP, O_ASYNC, F_SETSIG, urgent data) is as on Linux 6.18:
// testdata/signals-*.txt is what
// `unshare -n sh -c 'ip link set lo up; signals MODE'` prints there.
func TestSocketSignals(t *testing.T) {
	bin := cProgram(t, "signals")
	l := newLab(t)
	n := l.node(l.h1)
	for _, mode := range []string{"waits", "owner"} {
		t.Run(mode, func(t *testing.T) {
			text, err := os.ReadFile("testdata/signals-" + mode + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			out, exit := runFor(t, n, 4*runtest.Timeout, bin, mode)
			want, got := strings.Split(string(text), "\n"), strings.Split(out, "\n")
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Errorf("%s; Linux says %s", got[i], want[i])
				}
			}
			if !exit.Success() || len(got) != len(want) {
				t.Errorf("exit %+v, %d answers, want %d", exit, len(got), len(want))
			}
		})
	}
}

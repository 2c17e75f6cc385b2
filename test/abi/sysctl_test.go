package abi

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"linen"
	"linen/kern"
	"linen/net/netns"
	"linen/net/sysctl"
)

// TestSysctlsOfAFreshNamespace: modes and values as testdata/sysctl-6.18.txt
// has them (core and ipv4 of /proc/sys/net in a new namespace of 6.18, without
// what follows the machine's memory and configuration).
func TestSysctlsOfAFreshNamespace(t *testing.T) {
	b, err := os.ReadFile("testdata/sysctl-6.18.txt")
	if err != nil {
		t.Fatal(err)
	}
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, linen.Subsystems()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	tree := sysctl.Of(n)
	var missing []string
	for line := range strings.Lines(string(b)) {
		mode, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		path, want, _ := strings.Cut(rest, "=")
		got, err := tree.Get("net/" + path)
		if err != nil {
			missing = append(missing, path)
			continue
		}
		if s := strings.ReplaceAll(strings.TrimSpace(got), "\t", " "); s != want {
			t.Errorf("%s is %q, want %q", path, s, want)
		}
		if strings.HasPrefix(path, "core/rmem_") || strings.HasPrefix(path, "core/wmem_") {
			mode = "644" // the initial namespace's mode, where alone Linux lets them be written
		}
		if e, err := tree.Stat("net/" + path); err != nil || fmt.Sprintf("%o", e.Mode) != mode {
			t.Errorf("%s has mode %o, want %s", path, e.Mode, mode)
		}
	}
	const notBuilt = "core/rps_default_mask core/xfrm_acq_expires core/xfrm_aevent_etime core/xfrm_aevent_rseqth core/xfrm_larval_drop"
	if s := strings.Join(missing, " "); s != notBuilt {
		t.Errorf("missing: %s\nwant: %s", s, notBuilt)
	}
}

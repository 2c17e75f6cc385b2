package abi

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"linen"
	"linen/kern"
	"linen/net/netns"
	"linen/net/sysctl"
)

// TestSysctlsAsOn618: what /proc/sys/net of 6.18 holds in core, ipv4 and unix, in a
// machine's first namespace and in a child, has the same modes and values here
// (testdata/sysctl-6.18-{first,child}.txt: path, mode, value; without congestion
// control and the RSS key, which follow the configuration). What is missing is
// listed in testdata/sysctl-missing.txt, which may only become shorter.
func TestSysctlsAsOn618(t *testing.T) {
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	first, err := netns.New(k, linen.Subsystems()...)
	if err != nil {
		t.Fatal(err)
	}
	child, err := netns.NewChild(first, linen.Subsystems()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Close(); first.Close(); k.Close() })
	missing := compareSysctls(t, "first", sysctl.Of(first))
	for _, path := range compareSysctls(t, "child", sysctl.Of(child)) {
		if !slices.Contains(missing, path) {
			t.Errorf("child: %s is missing", path)
		}
	}
	want, err := os.ReadFile("testdata/sysctl-missing.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(missing, "\n") + "\n"; got != string(want) {
		t.Errorf("missing:\n%swant:\n%s", got, want)
	}
}

// compareSysctls compares tree with what was recorded in a namespace of that name
// and returns the recorded paths that it has not.
func compareSysctls(t *testing.T, name string, tree *sysctl.Tree) (missing []string) {
	recorded, err := os.ReadFile("testdata/sysctl-6.18-" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(recorded)) {
		f := strings.Fields(line)
		path, mode, value := f[0], f[1], strings.Join(f[2:], " ")
		e, err := tree.Stat(path)
		if err != nil {
			missing = append(missing, path)
			continue
		}
		if got := fmt.Sprintf("%o", e.Mode); got != mode {
			t.Errorf("%s: %s has mode %s, want %s", name, path, got, mode)
		}
		got, err := tree.Get(path)
		if mode == "200" {
			continue // it can be written only
		}
		if s := strings.Join(strings.Fields(got), " "); s != value || err != nil {
			t.Errorf("%s: %s is %q (%v), want %q", name, path, s, err, value)
		}
	}
	return missing
}

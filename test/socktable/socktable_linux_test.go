package socktable

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"linen/test/need"

	"golang.org/x/sys/unix"
)

// releaseFile names the kernel that gave the tables.
const releaseFile = "testdata/release"

// TestKernel: the tables on this machine's kernel, if it is the one that they
// were recorded from. Loopback delivers at once, but on a busy machine the
// kernel may be late: a scenario that differs gets more time, up to 200 ms
// a call.
func TestKernel(t *testing.T) {
	need.Root(t)
	need.Tool(t, "ip")
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release := u.Release[:bytes.IndexByte(u.Release[:], 0)]
	if *record {
		if err := os.WriteFile(releaseFile, release, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if recorded, err := os.ReadFile(releaseFile); err != nil || string(recorded) != string(release) {
		// Another build has other modules, another machine other limits.
		t.Skipf("the tables are of Linux %s (%v) and this is %s", recorded, err, release)
	}
	for name, all := range tables(t) {
		results := map[string][]string{}
		for _, s := range all {
			t.Run(filepath.Base(name)+"/"+s.title, func(t *testing.T) { results[s.title] = s.onKernel(t) })
		}
		if *record && !t.Failed() {
			if err := os.WriteFile(name, []byte(format(all, results)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// onKernel plays a scenario with more and more patience, and complains of what
// differs in the end.
func (s *scenario) onKernel(t *testing.T) (results []string) {
	play := func(patience time.Duration) {
		if err := onKernel(patience, func(k stack) { results = s.play(k) }); err != nil {
			t.Skip("no network namespace of our own: ", err)
		}
	}
	if *record {
		play(4 * time.Millisecond)
		return results
	}
	var show func(t *testing.T)
	for _, patience := range []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		var n int
		play(patience)
		if n, show = s.differences(results); n == 0 {
			return results
		}
	}
	show(t)
	return results
}

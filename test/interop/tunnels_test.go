//go:build linux

package interop

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/test/need"
)

// recordedBy is the version of the programs that made the references.
const recordedBy = "iproute2-6.1.0"

// TestTunnels: `ip tunnel`, `ip link ... type ipip` and `ip monitor` say of IP-in-IP tunnels, and hear of them,
// what they did with Linux 6.12 when the references were recorded: this machine's own kernel may have no tunnels.
func TestTunnels(t *testing.T) {
	binaryOnly(t)
	need.NetNS(t)
	need.Tool(t, "ip")
	if version := newSite(t, places()[0]).must("ip", "-V"); !strings.Contains(version, recordedBy) {
		t.Skipf("the references are of %s; here is %s", recordedBy, version)
	}
	for _, name := range []string{"ipip-config", "ipip-netns", "ipip-monitor"} {
		script, err := os.ReadFile(filepath.Join("testdata", name+".sh"))
		want, err2 := os.ReadFile(filepath.Join("testdata", name+".out"))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		for _, p := range places() {
			if name == "ipip-netns" && strings.HasPrefix(p.name, "user without") {
				continue // there are no further namespaces
			}
			t.Run(name+"/"+p.name, func(t *testing.T) {
				s := newSite(t, p)
				got := s.must(s.linen, "run", "--", "sh", "-c", "exec 2>&1\n"+string(script))
				sameLines(t, got, string(want))
			})
		}
	}
}

// sameLines tells the first line that is another.
func sameLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := 0; i < len(g) || i < len(w); i++ {
		a, b := "(the end)", "(the end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("line %d, behind %q:\nlinen: %s\nLinux: %s", i+1, w[max(0, min(i, len(w))-1)], a, b)
			return
		}
	}
}

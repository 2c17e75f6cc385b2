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

// TestSocketsAndDevices: which sockets hear what came by which device, with and without a VRF: sockets bound to the VRF,
// to its ports, to others and to none, what they may connect and bind to, and what this host sends to itself. vrf*.out were
// recorded from Linux 6.12 (this machine's own kernel may have no VRF), local-input.out from 6.18.
func TestSocketsAndDevices(t *testing.T) {
	binaryOnly(t)
	need.NetNS(t)
	need.Tool(t, "ip")
	need.Tool(t, "python3")
	for _, name := range []string{"vrf", "vrf-taps", "local-input"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script, err := filepath.Abs(filepath.Join("testdata", name+".py"))
			want, err2 := os.ReadFile(filepath.Join("testdata", name+".out"))
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			s := newSite(t, places()[0])
			got := s.must(s.linen, "run", "--", "python3", script)
			sameLines(t, strings.TrimSpace(got), strings.TrimSpace(string(want)))
		})
	}
}

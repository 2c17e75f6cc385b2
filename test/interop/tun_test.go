//go:build linux

package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"linen/test/need"
)

// deviceLine is what a kernel's version, its modules and its IPv6 add to a line
// about a device, and the discipline that linen has none of yet.
var deviceLine = regexp.MustCompile(`(?m)^\d+: | (addrgenmode|qdisc) \S+| +$`)

// TestTunAsLinux: a program asks /dev/net/tun of a node and of a namespace of the
// machine's kernel the same: every ioctl, reads, writes, poll, dup and fork, what
// `ip` and sysfs show.
func TestTunAsLinux(t *testing.T) { // spec 1.15, 1.64
	binaryOnly(t)
	reference(t)
	for _, tool := range []string{"python3", "ip", "ethtool", "sysctl"} {
		need.Tool(t, tool)
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skip("the machine's kernel has no TUN: ", err)
	}
	script, err := filepath.Abs("testdata/tun.py")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, places()[0])
	text := func(argv ...string) []string {
		return strings.Split(deviceLine.ReplaceAllString(s.must(append(argv, "python3", script)...), ""), "\n")
	}
	kernel, ours := text("unshare", "-nm", "sh", "-c", `mount -t sysfs sysfs /sys; exec "$@"`, "-"), text(s.linen, "run", "--")
	for i := range min(len(kernel), len(ours)) {
		if kernel[i] != ours[i] {
			t.Errorf("line %d:\nlinen:  %s\nkernel: %s", i+1, ours[i], kernel[i])
		}
	}
	if len(kernel) != len(ours) {
		t.Errorf("%d lines, the kernel's are %d", len(ours), len(kernel))
	}
}

//go:build linux

package interop

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linen/test/need"
)

// offloads are what a kernel's version and its hardware decide.
var offloads = regexp.MustCompile(` (addrgenmode|numtxqueues|numrxqueues|[a-z0-9_]*(gso|gro|tso)[a-z0-9_]*) \S+`)

// loopback is the part of `ip link` about lo: modules of the machine's kernel
// may add devices to every namespace.
func loopback(text string) string {
	text = offloads.ReplaceAllString(text, "")
	if i := strings.Index(text, "\n2: "); i >= 0 {
		text = text[:i]
	}
	return strings.TrimRight(text, " \n")
}

// reference skips the test where the machine's kernel is not the one that
// linen is like: other versions print other attributes and texts.
func reference(t *testing.T) {
	t.Helper()
	need.NetNS(t)
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	if release := unix.ByteSliceToString(u.Release[:]); !strings.HasPrefix(release, "6.18.") {
		t.Skipf("linen is compared with Linux 6.18; here is %s", release)
	}
}

// TestFreshNamespace: a fresh one looks as the real kernel's.
func TestFreshNamespace(t *testing.T) {
	binaryOnly(t)
	reference(t)
	need.Tool(t, "ip")
	s := newSite(t, places()[0])
	for _, line := range []string{"ip -d link", "ip -d -s -s link", "ip addr", "ip route", "ip rule", "ip -4 route show table all"} {
		argv := strings.Fields(line)
		kernel := loopback(s.must(append([]string{"unshare", "-n"}, argv...)...))
		ours := loopback(s.must(append([]string{s.linen, "run", "--"}, argv...)...))
		if ours != kernel {
			t.Errorf("%s:\nlinen:\n%s\nthis machine's kernel:\n%s", line, ours, kernel)
		}
	}
}

// mistakes are commands that fail, or that set the stage for one, on a host
// with a veth d0. Their texts are the kernel's.
const mistakes = `
ip link add d0 type veth peer name d9
ip addr add 10.1.0.2/24 dev d0
ip addr add 10.1.0.2/24 dev d0
ip addr del 10.1.0.9/24 dev d0
ip route add 10.9.0.0/24 via 10.1.0.1
ip link set d9 up
ip link set d0 up
ip route add 10.9.0.0/24 via 10.77.0.1
ip route add 10.9.0.0/24 via 10.1.0.2
ip route add 10.9.0.0/24 via 10.1.0.1
ip route add 10.9.0.0/24 via 10.1.0.1
ip route add 10.9.0.1/24 via 10.1.0.1
ip route del 10.8.0.0/24
ip route replace 10.9.0.0/24 dev nosuch
ip route get 10.200.0.1
ip route add blackhole 10.200.0.0/24
ip route get 10.200.0.1
ip route add default via 10.1.0.1 dev lo
ip route add 10.7.0.0/24 nexthop via 10.1.0.1 nexthop via 10.50.0.1
ip link set d0 mtu 10
ip link set d0 address 01:00:00:00:00:01
ip link set d0 name lo
ip link add d0 type veth
ip link set d0 mtu 70000
ip link add d1 type nosuch
ip link del lo
ip link set d0 master lo
ip link show nosuch
ip neigh add 10.1.0.7 dev d0
ip neigh del 10.1.0.8 dev d0
ip rule del pref 5
ip rule add pref 5 from 10.0.0.0/8 lookup 100
ip rule add pref 5 from 10.0.0.0/8 lookup 100
ip addr add 10.1.0.300/24 dev d0
ip -4 route show
ip rule
`

// TestMistakes: errors and their extended acknowledgements are the kernel's.
func TestMistakes(t *testing.T) { sameAnswers(t, mistakes) }

// sameAnswers runs commands, one a line, in a fresh network of linen and in one
// of this machine's kernel: output and exit codes are the same.
func sameAnswers(t *testing.T, commands string) {
	t.Helper()
	binaryOnly(t)
	reference(t)
	script := ""
	for _, line := range strings.Split(strings.TrimSpace(commands), "\n") {
		script += "echo '# " + line + "'; " + line + "; echo \"= $?\"\n"
	}
	kernel := newSite(t, places()[0]).must("unshare", "-n", "sh", "-c", "exec 2>&1\n"+script)
	want := strings.Split(kernel, "\n# ")
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, p)
			ours := strings.Split(s.must(s.linen, "run", "--", "sh", "-c", "exec 2>&1\n"+script), "\n# ")
			for i, got := range ours {
				if i >= len(want) || got != want[i] {
					t.Errorf("linen:\n%s\nthis machine's kernel:\n%s", got, want[min(i, len(want)-1)])
				}
			}
			if len(ours) != len(want) {
				t.Errorf("%d answers, want %d", len(ours), len(want))
			}
		})
	}
}

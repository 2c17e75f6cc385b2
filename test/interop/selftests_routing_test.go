//go:build linux

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"linen/test/need"
)

// routingTest is one of the kernel's scripts about IPv4 routing, and what came
// of its parts on the reference kernel and under linen when docs/programs.md's
// table was made.
type routingTest struct {
	script, args  string
	kernel, linen string // "OK of all"
	quick         bool   // a second or two under linen, whatever the load
	missing       string
}

var routingTests = []routingTest{
	{"fib_rule_tests.sh", `-t "fib_rule4 fib_rule4_vrf"`, "96 of 96", "96 of 96", true, ""},
	{"fib_rule_tests.sh", `-t fib_rule4_connect`, "8 of 10", "10 of 10", false, "nothing: its server is slow to start in a virtual machine"},
	{"fib-onlink-tests.sh", "", "15 of 30", "15 of 30", true, "IPv6 (the parts do not say so)"},
	{"unicast_extensions.sh", "", "17 of 17", "17 of 17", true, ""},
	{"icmp.sh", "", "0 of 1", "0 of 1", false, "IPv6: routes by an IPv6 gateway"},
	{"fib_tests.sh", `-t "unregister down carrier nexthop suppress ipv4_notify ipv4_rt ipv4_addr_metric ipv4_route_metrics ipv4_route_v6_gw rp_filter ipv4_del_addr ipv4_mangle ipv4_bcast_neigh"`,
		"108 of 113", "107 of 108", false, "IPv6 gateways; iptables (ipv4_mangle)"},
	{"fib_nexthops.sh", `-t "basic basic_res ipv4_fcnal ipv4_grp_fcnal ipv4_res_grp_fcnal ipv4_fcnal_runtime ipv4_large_grp ipv4_large_res_grp ipv4_compat_mode ipv4_mpath_select"`,
		"124 of 127", "122 of 127", false, "MPLS; IPv6"},
	{"icmp_redirect.sh", "", "20 of 20", "20 of 20", false, ""},
	{"traceroute.sh", "", "1 of 1", "1 of 1", false, ""},
	{"pmtu.sh", "pmtu_ipv4_exception pmtu_ipv4_dscp_icmp_exception pmtu_ipv4_dscp_udp_exception cleanup_ipv4_exception list_flush_ipv4_exception pmtu_ipv4_route_change pmtu_ipv4_mp_exceptions",
		"14 of 14", "8 of 8", false, "tc flower and pedit (the four dscp parts are skipped), vxlan (the two of cleanup)"},
	{"rtnetlink.sh", "", "13 of 20", "4 of 21", false, "gre, tc, macsec, xfrm, bond, vxlan (bridge fdb get); uuidgen for the alias, on the machine; what needs IPv6 or a newer iproute2 fails on both"},
}

// routingChanges are made to the scripts, for both kernels alike: neither has
// IPv6 (the reference kernel runs with ipv6.disable=1), and setup() would end
// at the first line about it.
var routingChanges = []struct {
	script, what string
	re           *regexp.Regexp
	with         string
}{
	{"", "a command that fails in setup() does not end the script", regexp.MustCompile(`(?m)^(\s*)set -e$`), "${1}set +e"},
	{"icmp_redirect.sh", "a router without a link-local address is no error", regexp.MustCompile(`(link-local address of r\d's eth0"\n\s*)exit 1`), "${1}:"},
	{"traceroute.sh", "check_err and require_command, which the package's lib.sh lacks", regexp.MustCompile(`(?m)^source lib.sh$`),
		"source lib.sh\nrequire_command() { :; }\ncheck_err() { if [ $$1 -ne 0 ]; then RET=1; retmsg=$$2; fi; }"},
}

// prepareRouting makes the changes and prints each.
func prepareRouting(t *testing.T, dir string) {
	t.Helper()
	for _, rt := range routingTests {
		file := filepath.Join(dir, rt.script)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, ch := range routingChanges {
			if (ch.script == "" || ch.script == rt.script) && ch.re.Match(text) {
				t.Logf("%s: %s (%d lines)", rt.script, ch.what, len(ch.re.FindAll(text, -1)))
				text = ch.re.ReplaceAll(text, []byte(ch.with))
			}
		}
		if err := os.WriteFile(file, text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// routingSelftests runs the kernel's scripts about IPv4 routing under `linen
// run`, beside the reference kernel. Those that are quick are held to the
// counts of the table; with -selftests all run on both, and the table of
// docs/programs.md is printed (20 minutes).
func routingSelftests(t *testing.T, dir string) {
	prepareRouting(t, dir)
	var table strings.Builder
	for _, rt := range routingTests {
		if !*allSelftests && !rt.quick {
			continue
		}
		t.Run(strings.TrimSpace(rt.script+" "+rt.args), func(t *testing.T) {
			run, err := buildSelftest(dir, rt.script)
			if err != nil {
				t.Fatal(err)
			}
			ours := runSelftest(t, places()[0], run+" "+rt.args, true)
			if *allSelftests {
				fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", strings.TrimSpace(rt.script+" "+rt.args), countIPv4(referenceSelftest(t, dir, rt)), countIPv4(ours.out), rt.missing)
			}
			if got := countIPv4(ours.out); rt.linen != "" && got != rt.linen || ours.out == "" {
				t.Errorf("%s, not %s\n%s", got, rt.linen, ours.out)
			}
		})
	}
	if *allSelftests {
		fmt.Printf("| script | reference kernel | linen | missing |\n|---|---|---|---|\n%s", table.String())
	}
}

// referenceSelftest runs a script on the reference kernel without IPv6, and
// returns what it printed.
func referenceSelftest(t *testing.T, dir string, rt routingTest) string {
	t.Helper()
	need.Tool(t, "qemu-system-x86_64")
	s := newSite(t, places()[0])
	share := filepath.Join(s.dir, "share")
	s.must("mkdir", "-p", filepath.Join(share, "bin"))
	s.must("cp", "-r", dir, filepath.Join(share, "net"))
	for _, name := range []string{"traceroute", "jq", "ifconfig", "diff", "tc"} { // which the image lacks
		s.must("sh", "-c", `if p=$(command -v `+name+`); then cp -L "$p" share/bin/`+name+`; ldd "$p" | awk '/libjq|libonig/ {print $3}' | xargs -r cp -Lt share/bin; fi`)
	}
	s.write(map[string]string{
		"share/bin/which": "#!/bin/sh\ncommand -v \"$1\"\n",
		"share/guest.sh": "chmod 755 bin/*\nexport PATH=/share/bin:$PATH LD_LIBRARY_PATH=/share/bin\nmodprobe -a dummy vrf veth bridge\n" +
			"cd net\necho begins\nbash ./" + rt.script + " " + rt.args + " 2>&1\necho ends\n",
	})
	out := s.guestWithin(15*time.Minute, refkernel(t), share, "-k", "ipv6.disable=1")
	if !strings.Contains(out, "ends\n") {
		t.Errorf("%s did not end:\n%s", rt.script, out)
	}
	return out
}

// countIPv4 counts the parts of a script that passed and those that failed,
// without those that name IPv6.
func countIPv4(out string) string {
	passed, all := 0, 0
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "IPv6") || strings.Contains(line, "ip6") || strings.Contains(line, "ipv6") {
			continue
		}
		test := strings.HasPrefix(line, "TEST:")
		switch {
		case strings.HasPrefix(line, "PASS"), test && strings.HasSuffix(line, "[ OK ]"):
			passed, all = passed+1, all+1
		case strings.HasPrefix(line, "FAIL"), test && strings.HasSuffix(line, "[FAIL]"):
			all++
		}
	}
	return fmt.Sprintf("%d of %d", passed, all)
}

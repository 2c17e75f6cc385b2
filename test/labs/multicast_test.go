//go:build linux

package labs

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"linen/test/need"
)

// multicastLab is three routers with unmodified smcrouted between a sender and receivers of 239.1.2.3.
func multicastLab(t testing.TB) string {
	t.Helper()
	need.Tool(t, "smcrouted")
	need.Tool(t, "ping")
	path, err := filepath.Abs("testdata/multicast.clab.yml")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// age is what differs between two dumps of the same cache.
var age = regexp.MustCompile(`, Age [0-9.]+`)

// TestMulticastDaemons: SMCRoute's static routes, given at its start or when the kernel asks, bring a group across three
// routers to both receivers, and to a third only with the TTL that its interface asks for. Its end takes all back.
func TestMulticastDaemons(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.ownFiles()
	u.up(multicastLab(t))
	u.within(patience, "src ping -c2 -W1 -t8 -I eth1 239.1.2.3", "from 10.2.0.2")
	u.within(patience, "src ping -c2 -W1 -t8 -I eth1 239.1.2.3", "from 10.2.0.2", "from 10.3.0.2")
	u.within(patience, "src ping -c2 -W1 -t32 -I eth1 239.1.2.3", "from 10.4.0.2")
	u.within(patience, "r1 ip mroute", "(10.1.0.2,239.1.2.3)", "Iif: eth1       Oifs: eth2  State: resolved")
	u.within(patience, "r2 ip mroute", "(10.1.0.2,239.1.2.3)", "Iif: eth1       Oifs: eth2 eth3(ttl 16)  State: resolved")
	u.within(patience, "r3 cat /proc/net/ip_mr_cache", "030201EF 0200010A 0 ", "1:1    2:1")
	u.within(patience, "r1 sysctl net.ipv4.conf.all.mc_forwarding net.ipv4.conf.eth2.mc_forwarding",
		"all.mc_forwarding = 1", "eth2.mc_forwarding = 1")
	u.within(patience, "r1 sh -c 'smcroutectl kill; sysctl net.ipv4.conf.all.mc_forwarding net.ipv4.conf.eth2.mc_forwarding; ip mroute | wc -l'",
		"all.mc_forwarding = 0", "eth2.mc_forwarding = 0", "\n0")
}

// TestMulticastDaemonsPrintTheSame: the routers' tables are those of the machine's own kernel.
func TestMulticastDaemonsPrintTheSame(t *testing.T) {
	t.Parallel()
	need.Root(t)
	u := newUser(t)
	u.ownFiles()
	file := multicastLab(t)
	u.up(file)
	k := kernelUp(t, file)
	u.within(patience, "src ping -c2 -W1 -t8 -I eth1 239.1.2.3", "from 10.2.0.2")
	k.do("src", "sh", "-c", "until ping -c1 -W1 -t8 -I eth1 239.1.2.3; do sleep 0.2; done")
	for _, node := range []string{"r1", "r2", "r3"} {
		for _, command := range []string{"ip mroute", "ip mrule",
			"awk 'NR>1{print $1,$2,$7}' /proc/net/ip_mr_vif", "awk 'NR>1{print $1,$2,$3,$7,$8,$9}' /proc/net/ip_mr_cache",
		} {
			var here, there string
			if !until(patience, func() bool {
				here = tidy(u.try("exec", node, "--", "sh", "-c", command).out)
				there = tidy(k.do(node, "sh", "-c", command))
				return here == there
			}) {
				t.Errorf("%s: %s\n--- linen\n%s\n--- kernel\n%s", node, command, here, there)
			}
		}
	}
}

func tidy(out string) string { return strings.TrimSpace(age.ReplaceAllString(out, "")) }

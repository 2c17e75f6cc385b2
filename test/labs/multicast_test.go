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
	return labFile(t, "multicast")
}

// labFile is a lab's file of this package's.
func labFile(t testing.TB, name string) string {
	t.Helper()
	need.Tool(t, "ping")
	path, err := filepath.Abs("testdata/" + name + ".clab.yml")
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
			u.printsTheSame(k, patience, node, command, tidy)
		}
	}
}

func tidy(out string) string { return strings.TrimSpace(age.ReplaceAllString(out, "")) }

// pimFile is the example in which FRR's zebra, ospfd and pimd bring a group from its sender, by the rendezvous point
// and then by the shortest path, to two receivers.
func pimFile(t testing.TB) string {
	t.Helper()
	need.Tool(t, "vtysh")
	need.Tool(t, "ping")
	return routingLabFile(t, "frr-pim")
}

// both is a ping of the group, which both receivers answer.
const both = "ping -c2 -W1 -t8 -I eth1 239.1.2.3"

// TestPIMD: Debian's pimd does the same without other routing daemons.
func TestPIMD(t *testing.T) {
	t.Parallel()
	need.Tool(t, "pimd")
	u := newUser(t)
	u.ownFiles()
	u.up(labFile(t, "pim"))
	u.within(convergence, "src "+both, "from 10.2.0.2", "from 10.3.0.2")
	u.within(convergence, "r2 ip mroute", "(10.1.0.2,239.1.2.3)", "Oifs: eth2  State: resolved")
	u.within(convergence, "r3 cat /proc/net/ip_mr_cache", "030201EF 0200010A")
	u.within(convergence, "r1 awk '$2==\"pimreg\"{print $7}' /proc/net/ip_mr_vif", "00004") // VIFF_REGISTER
}

// TestPIMDOnTheKernel: the same file, the same answers, on the machine's own kernel.
func TestPIMDOnTheKernel(t *testing.T) {
	t.Parallel()
	need.Root(t)
	need.Tool(t, "pimd")
	k := kernelUp(t, labFile(t, "pim"))
	k.do("src", "sh", "-c", "until "+both+" | grep -q 'bytes from 10.2.0.2'; do sleep 0.2; done")
	k.do("r1", "sh", "-c", "grep -q 'pimreg .* 00004' /proc/net/ip_mr_vif")
}

// TestPIMDaemons: the receivers' router hears their IGMP, joins towards the rendezvous point, and the sender's router
// registers it there.
func TestPIMDaemons(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.ownFiles()
	u.up(pimFile(t))
	u.within(convergence, "src "+both, "from 10.2.0.2", "from 10.3.0.2")
	u.within(convergence, "r2 vtysh -c 'show ip pim neighbor'", "10.0.12.1", "10.0.23.3")
	u.within(convergence, "r3 ip mroute", "(10.1.0.2,239.1.2.3)", "Iif: eth1       Oifs: eth2 eth3  State: resolved")
	u.within(convergence, "r3 vtysh -c 'show ip igmp groups'", "eth2             239.1.2.3       EXCL", "eth3             239.1.2.3       EXCL")
	u.do("exec", "rx2", "--", "ip", "addr", "del", "239.1.2.3/32", "dev", "eth1")
	u.within(convergence, "r3 ip mroute", "(10.1.0.2,239.1.2.3)", "Iif: eth1       Oifs: eth2  State: resolved")
	u.within(convergence, "src "+both, "from 10.2.0.2")
}

// TestPIMDaemonsPrintTheSame: what pimd and the kernel's tables show is what they show on the machine's own kernel.
func TestPIMDaemonsPrintTheSame(t *testing.T) {
	t.Parallel()
	need.Root(t)
	u := newUser(t)
	u.ownFiles()
	file := pimFile(t)
	u.up(file)
	k := kernelUp(t, file)
	u.within(convergence, "src "+both, "from 10.2.0.2", "from 10.3.0.2")
	k.do("src", "sh", "-c", "until "+both+" | grep -q 'bytes from 10.2.0.2'; do sleep 0.2; done")
	for _, node := range []string{"r1", "r2", "r3"} {
		for _, command := range []string{"ip mroute", "ip route", "ip -4 maddr show | grep inet",
			"vtysh -c 'show ip mroute' | sed 's/ ST / S /'", // T: data came since the last look
			"vtysh -c 'show ip pim interface'", "vtysh -c 'show ip igmp interface'", "awk 'NR>1{print $1,$2}' /proc/net/ip_mr_vif",
		} {
			u.printsTheSame(k, convergence, node, command, steady)
		}
	}
}

//go:build linux

package labs

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/test/need"
)

// convergence bounds the waits for routing protocols: their timers, on a machine with other work.
const convergence = 3 * time.Minute

// routingLab is a lab whose routers are configured by nothing but unmodified daemons.
type routingLab struct {
	name    string
	program string              // that the machine must have
	shows   map[string][]string // shell command of a router, and what must be in its output in the end
	compare []string            // commands whose output must be the kernel's, times and counters aside
}

func routingLabs() []routingLab {
	return []routingLab{{
		name: "frr-bgp", program: "vtysh",
		shows: map[string][]string{
			"r2 ip route show 192.168.8.0/24": {"via 10.0.25.2 dev eth3 proto bgp"},
			"r1 ip route show 10.255.0.4":     {"proto ospf", "via 10.0.12.2 dev eth1", "via 10.0.13.2 dev eth2"},
			"r2 vtysh -c 'show bgp summary'":  {"10.0.25.2       4      65002", "10.255.0.4      4      65001"},
			"r2 vtysh -c 'show bfd peers'":    {"peer 10.0.25.2", "Status: up"},
		},
		compare: []string{"ip route", "vtysh -c 'show ip route'", "vtysh -c 'show bgp ipv4 unicast'", "vtysh -c 'show ip ospf route'"},
	}, {
		name: "bird-bgp", program: "birdc",
		shows: map[string][]string{
			"r2 ip route show 192.168.8.0/24": {"via 10.0.25.2 dev eth3 proto bird"},
			"r1 ip route show 10.255.0.4":     {"proto bird", "via 10.0.12.2 dev eth1", "via 10.0.13.2 dev eth2"},
			"r4 birdc show ospf neighbors":    {"10.255.0.2", "10.255.0.3", "Full/PtP"},
			"r2 birdc show bfd sessions":      {"10.0.25.2", "Up"},
		},
		compare: []string{"ip route", "birdc show route", "birdc show ospf state"},
	}}
}

// routingLabFile is the lab's file in examples.
func routingLabFile(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../examples/" + name + "/" + name + ".clab.yml")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRoutingDaemons: unmodified FRR and BIRD bring routes to ten nodes, and bring others when links fail.
func TestRoutingDaemons(t *testing.T) {
	t.Parallel() // it waits for other programs' timers
	need.Tool(t, "ping")
	for _, l := range routingLabs() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			need.Tool(t, l.program)
			u := newUser(t)
			u.ownFiles()
			u.up(routingLabFile(t, l.name))
			u.within(convergence, "pc1 ping -c1 -W1 192.168.8.2", reply)
			for command, parts := range l.shows {
				u.within(convergence, command, parts...)
			}
			u.do("link", "down", "r2:eth3") // between the two systems: BFD tells BGP
			u.within(convergence, "pc1 ping -c1 -W1 192.168.8.2", reply)
			u.within(convergence, "r4 ip route show 192.168.8.0/24", "via 10.0.34.1 dev eth2")
			u.do("link", "down", "r6:eth3") // inside the second: OSPF goes through r7
			u.within(convergence, "r6 ip route show 10.255.0.8", "via 10.0.67.2 dev eth2")
			u.within(convergence, "pc1 ping -c1 -W1 192.168.8.2", "ttl=58", reply)
		})
	}
}

// TestRoutingDaemonsPrintTheSame: what FRR and BIRD show of a network is what they show on the machine's own kernel.
func TestRoutingDaemonsPrintTheSame(t *testing.T) {
	t.Parallel()
	need.Root(t)
	for _, l := range routingLabs() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			need.Tool(t, l.program)
			u := newUser(t)
			u.ownFiles()
			file := routingLabFile(t, l.name)
			u.up(file)
			k := kernelUp(t, file)
			u.within(convergence, "pc1 ping -c1 -W1 192.168.8.2", reply)
			k.do("pc1", "sh", "-c", "until ping -c1 -W1 192.168.8.2; do sleep 0.2; done")
			for _, node := range []string{"r1", "r2", "r4", "r8"} {
				for _, command := range l.compare {
					u.printsTheSame(k, convergence, node, command, steady)
				}
			}
		})
	}
}

// TestFRR01 runs containerlab's own example, unedited: within a minute PC1 reaches PC3, and again after a link fails.
func TestFRR01(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs("../../../shared/containerlab/frr01/frr01.clab.yml")
	if err != nil {
		t.Fatal(err)
	}
	if list, _ := filepath.Glob(file); len(list) == 0 {
		t.Skip("left out: containerlab's example is not beside the repository; TestRoutingDaemons runs labs of our own")
	}
	need.Tool(t, "vtysh")
	u := newUser(t)
	u.ownFiles()
	u.up(file)
	u.within(patience, "PC1 ping -c1 -W1 192.168.13.2", reply)
	u.do("link", "down", "router1:eth2")
	u.within(patience, "PC1 ping -c1 -W1 192.168.13.2", reply)
}

// changing is what differs from one run to the next on one kernel: clocks, and numbers that count events.
var changing = regexp.MustCompile(`\b\d\d:\d\d:\d\d(\.\d+)?\b|nhid \d+|\bage +\d+|table version is \d+`)

// network is the first column of `show bgp`: only the first path of a prefix has it.
var network = regexp.MustCompile(`(?m)^(\*[>=]i?) *(\d+\.\d+\.\d+\.\d+/\d+)?`)

// steady is an output without what changes, its lines in order: BGP lists the paths of a prefix as they came.
func steady(out string) string {
	out = network.ReplaceAllString(changing.ReplaceAllString(out, "*"), "$1 ")
	lines := strings.Split(out, "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	slices.Sort(lines)
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// within tries a command of a node, "NODE SHELL-COMMAND", until its output has all the parts. It fails the test after d.
func (u *user) within(d time.Duration, command string, parts ...string) {
	u.t.Helper()
	node, rest, _ := strings.Cut(command, " ")
	var r result
	if !until(d, func() bool {
		r = u.try("exec", node, "--", "sh", "-c", rest)
		for _, p := range parts {
			if !strings.Contains(r.out, p) {
				return false
			}
		}
		return true
	}) {
		u.t.Errorf("%s: no %q within %v\n%s%s", command, parts, d, r.out, r.errs)
	}
}

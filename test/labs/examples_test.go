//go:build linux

package labs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/test/need"
)

// sees is a command in a node, its status and a part of what it prints.
type sees struct {
	command string // node, then the words
	status  int
	out     string
}

const reply = "1 packets transmitted, 1 received, 0% packet loss"

// exampleChecks is what each example promises in its comments.
var exampleChecks = map[string][]sees{
	"first": {
		{"h1 ping -c1 -w30 10.2.0.2", 0, "ttl=62"},
		{"r1 ip route get 10.2.0.2", 0, "via 10.0.0.2 dev eth2"},
		{"h1 getent hosts localhost", 0, "localhost"},
	},
	"wan": {
		{"pc1 ping -c1 -w30 192.168.2.10", 0, "ttl=62"},
		{"gw1 ping -c1 -w30 100.64.0.2", 0, "1 received"},
	},
	"ring": {
		{"r1 ping -c1 -w30 10.255.0.3", 0, reply},
		{"r1 ip route get 10.255.0.3", 0, "via 10.0.12.2 dev eth1"},
	},
	"hub-and-spoke": {
		{"pc1 ping -c1 -w30 10.3.0.10", 0, "ttl=61"},
	},
	"dual-homed": {
		{"client ping -c1 -w30 198.51.100.2", 0, reply},
		{"client ping -c1 -w30 203.0.113.2", 0, reply},
		{"server ip route get 10.99.0.2 from 198.51.100.2", 0, "via 198.51.100.1 dev eth2 table 200"},
		{"server ip route get 10.99.0.2", 0, "via 203.0.113.1 dev eth1"},
	},
	"campus": {
		{"pc1 ping -c1 -w30 172.16.2.2", 0, "ttl=64"},
		{"pc4 ping -c1 -w30 172.20.0.10", 0, "ttl=63"},
		{"pc1 ip neigh", 0, "172.16.2.2 dev eth1"},
	},
	"policy-routing": {
		{"staff ping -c1 -w30 10.100.0.10", 0, reply},
		{"guest ping -c1 -w30 10.100.0.10", 0, reply},
		{"guest ping -c1 -W30 -I 10.20.0.66 10.100.0.10", 1, "Packet filtered"},
		{"edge ip route get 10.66.0.1", 2, ""},
	},
	"two-sites": {
		{"e1 ping -c1 -w30 10.2.0.12", 0, "ttl=60"},
		{"e1 ip link show eth1", 0, "02:00:00:00:01:01"},
	},
	"line": {
		{"h1 ping -c1 -w30 10.200.2.2", 0, "ttl=52"},
		{"h1 ping -c1 -w30 -t 12 10.200.2.2", 1, "Time to live exceeded"},
	},
	"clos": {
		{"server1 ping -c1 -w30 172.16.3.10", 0, "ttl=61"},
		{"leaf1 ip route show 172.16.0.0/16", 0, "nexthop via 10.2.1.0 dev eth2"},
	},
}

// TestExamplesComeUp: every example comes up unedited, does what it says, and
// leaves nothing.
func TestExamplesComeUp(t *testing.T) {
	need.Tool(t, "ip")
	need.Tool(t, "ping")
	files, err := filepath.Glob("../../examples/*.clab.yml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".clab.yml")
		t.Run(name, func(t *testing.T) {
			checks := exampleChecks[name]
			if len(checks) == 0 {
				t.Fatal("nothing is known of what it shows: add it to exampleChecks")
			}
			u := newUser(t)
			u.up(example(t, name))
			u.check(checks)
		})
	}
}

// TestNodesKnowEachOthersNames: every node with an address in the file.
func TestNodesKnowEachOthersNames(t *testing.T) {
	need.Tool(t, "ping")
	u := newUser(t)
	u.ownFiles()
	u.up(example(t, "two-sites"))
	u.check([]sees{
		{"e1 ping -c1 -w30 w2", 0, reply},
		{"w2 getent hosts gw-east", 0, "10.1.0.1"},
	})
}

func (u *user) check(list []sees) {
	u.t.Helper()
	for _, c := range list {
		words := strings.Fields(c.command)
		r := u.try(append([]string{"exec", words[0], "--"}, words[1:]...)...)
		if r.status != c.status || !strings.Contains(r.out, c.out) {
			u.t.Errorf("%s: status %d, want %d, with %q\n%s%s", c.command, r.status, c.status, c.out, r.out, r.errs)
		}
	}
}

// TestRingSurvivesALinkDown: the ring's second route takes over.
func TestRingSurvivesALinkDown(t *testing.T) {
	need.Tool(t, "ping")
	u := newUser(t)
	u.up(example(t, "ring"))
	u.do("link", "down", "r1:eth1")
	u.do("link", "down", "r2:eth2")
	u.check([]sees{
		{"r1 ip route get 10.255.0.3", 0, "via 10.0.41.1 dev eth2"},
		{"r1 ping -c1 -w30 10.255.0.3", 0, reply},
	})
}

// TestContainerlabsOwnExample: frr01, which ships with containerlab, parses, and its hosts come up. Its routers are
// configured by FRR's daemons, when the machine has them.
func TestContainerlabsOwnExample(t *testing.T) {
	file, err := filepath.Abs("../../../shared/containerlab/frr01/frr01.clab.yml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Skipf("left out: containerlab's example is not beside the repository (%v)", err)
	}
	u := newUser(t)
	u.do("validate", file)
	r := u.try("up", "-d", file)
	if r.status != 0 {
		t.Fatalf("status %d\n%s", r.status, r.errs)
	}
	out := u.do("inspect", "interfaces")
	for _, node := range []string{"router1", "router2", "router3", "PC1", "PC2", "PC3"} {
		if !strings.Contains(out, node) {
			t.Errorf("%s is missing:\n%s", node, out)
		}
	}
	u.check([]sees{{"PC1 ip -br addr show dev eth1", 0, "192.168.11.2/24"}})
}

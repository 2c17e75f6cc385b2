package mininet

import (
	"fmt"
	"strings"
	"testing"

	"linen/lab/clab"
)

func count(t *clab.Topology) (hosts, switches int) {
	for _, n := range t.Nodes {
		if n.IsSwitch() {
			switches++
		} else {
			hosts++
		}
	}
	return
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		topo                   string
		hosts, switches, links int
	}{
		{"single", 2, 1, 2}, {"single,5", 5, 1, 5},
		{"linear,4", 4, 4, 7}, {"linear,3,2", 6, 3, 8},
		{"tree,2,3", 9, 4, 12}, {"tree,3", 8, 7, 14},
		{"torus,3,4", 12, 12, 36},
	} {
		topo, err := Parse(c.topo)
		if err != nil {
			t.Errorf("%s: %v", c.topo, err)
			continue
		}
		h, s := count(topo)
		if h != c.hosts || s != c.switches || len(topo.Links) != c.links {
			t.Errorf("%s: %d hosts, %d switches, %d links; want %d, %d, %d", c.topo, h, s, len(topo.Links), c.hosts, c.switches, c.links)
		}
		if err := topo.Runnable(); err != nil {
			t.Errorf("%s does not run: %v", c.topo, err)
		}
		used := map[string]bool{}
		for _, l := range topo.Links {
			for _, e := range l.Endpoints {
				if topo.Node(e.Node) == nil || used[e.String()] || len(e.Interface) > 15 {
					t.Errorf("%s: endpoint %s", c.topo, e)
				}
				used[e.String()] = true
			}
		}
	}
}

// TestAddresses: Mininet numbers hosts in creation order, 10.0.0.1/8 first.
func TestAddresses(t *testing.T) {
	topo, err := Parse("linear,300")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, l := range topo.Links {
		e := l.Endpoints[0]
		if !e.IPv4.IsValid() {
			continue
		}
		seen++
		n := seen
		if want := fmt.Sprintf("10.0.%d.%d/8", n>>8, n&255); e.IPv4.String() != want || e.Interface != fmt.Sprintf("h%d-eth0", n) {
			t.Errorf("host %d has %v on %s, want %s", n, e.IPv4, e.Interface, want)
		}
	}
	if seen != 300 {
		t.Errorf("%d addresses, want 300", seen)
	}
}

func TestRefused(t *testing.T) {
	for topo, want := range map[string]string{
		"ring,3": "unknown topology", "single,x": "not a number", "single,0": "not a number", "tree,40,9": "hosts",
		"torus,2,2": "at least 3", "linear,60000,60000": "hosts", "single,1,2": "at most 1", "": "unknown topology",
	} {
		if _, err := Parse(topo); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", topo, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tree,2,3", "linear,3,2", "torus,3,3", "single,1", ","} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 12 { // keep a run small: four digits a number
			return
		}
		topo, err := Parse(s)
		if err == nil && len(topo.Nodes) == 0 {
			t.Fatal("an empty topology")
		}
	})
}

package lab

import (
	"slices"
	"strings"
	"testing"

	"linen/lab/clab"
)

func TestKnownImage(t *testing.T) {
	for reference, want := range map[string]string{
		"frrouting/frr": "frr", "quay.io/frrouting/frr:10.5.1": "frr", "localhost:5000/frrouting/frr": "frr",
		"frrouting/frr@sha256:0123": "frr", "wbitt/network-multitool:3.22.2": "nginx-light", "ghcr.io/srl-labs/network-multitool": "nginx-light",
		"alpine:3": "", "": "", "notfrrouting/frr": "", "frrouting/frr-tools": "", "pierky/bird:2.16": "bird2", "registry:5000/frr": "",
	} {
		got := ""
		if im := knownImage(reference); im != nil {
			got = im.pkg
		}
		if got != want {
			t.Errorf("%q: %q, want %q", reference, got, want)
		}
	}
}

func TestProgramsOfImages(t *testing.T) {
	topo, err := clab.Parse("i.clab.yml", []byte(`name: i
topology:
  nodes:
    r1: {kind: linux, image: "quay.io/frrouting/frr:10", startup-config: r1.conf}
    r2: {kind: linux, image: "frrouting/frr:10", cmd: "sleep 5"}
    h1: {kind: linux, image: "wbitt/network-multitool", startup-config: x}
    h2: {kind: linux, entrypoint: "sh -c", cmd: "'echo a b'"}
    h3: {kind: linux, image: alpine}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	host := HostView{Exists: func(name string) bool { return name == "/usr/lib/frr/frrinit.sh" || name == "/labs/r1.conf" }, Dir: "/labs"}
	p, err := MakePlan(topo, host)
	if err != nil {
		t.Fatal(err)
	}
	starts := func(node string, last ...string) {
		t.Helper()
		list := p.Nodes[node].Programs
		if len(last) == 0 {
			if len(list) != 0 {
				t.Errorf("%s starts %q", node, list)
			}
			return
		}
		if len(list) != 1 || !slices.Equal(list[0].Args, last) {
			t.Errorf("%s starts %q, want %q", node, list, last)
		}
	}
	if l := p.Nodes["r1"].Programs; len(l) != 1 || !strings.HasSuffix(strings.Join(l[0].Args, " "), "exec /usr/lib/frr/frrinit.sh start") {
		t.Errorf("r1 starts %q", l)
	}
	if b := p.Nodes["r1"].Binds; len(b) != 1 || b[0].Target != "/etc/frr/frr.conf" || b[0].Source != "/labs/r1.conf" {
		t.Errorf("binds of r1: %+v", b)
	}
	starts("r2", "sleep", "5")
	starts("h1")
	starts("h2", "sh", "-c", "echo a b")
	starts("h3")
	var notes []string
	for _, n := range p.Notes {
		notes = append(notes, n.String())
	}
	want := []string{
		"h1: startup-config has no effect: only an image with a known place for it has one",
		"h1: image wbitt/network-multitool would start its web server, which this machine lacks: apt-get install nginx-light",
	}
	if !slices.Equal(notes, want) {
		t.Errorf("notes %q", notes)
	}
}

// TestAnFRRNodeForwards: its files count on what a container inherits, unless they say otherwise.
func TestAnFRRNodeForwards(t *testing.T) {
	topo, err := clab.Parse("t.clab.yml", []byte(`name: t
topology:
  nodes:
    r1: {kind: linux, image: "quay.io/frrouting/frr:10"}
    r2: {kind: linux, image: "quay.io/frrouting/frr:10", sysctls: {net.ipv4.ip_forward: "0"}}
    h1: {kind: linux, image: "alpine:3"}
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	p, err := MakePlan(topo, HostView{})
	if err != nil {
		t.Fatal(err)
	}
	for node, want := range map[string]string{"r1": "1", "r2": "0", "h1": ""} {
		if got := p.Nodes[node].Sysctls["net.ipv4.ip_forward"]; got != want {
			t.Errorf("%s: ip_forward %q, want %q", node, got, want)
		}
	}
}

package kathara

import (
	"strings"
	"testing"
	"testing/fstest"
)

const conf = `LAB_NAME="Small Internet"
LAB_AUTHOR='nobody'
# a comment
pc1[0]="A"
pc1[image]="kathara/base"   # noted
r1[0]=A
r1[1]="B/02:00:00:00:00:0a"
r1[sysctl]="net.ipv4.ip_forward=1"
r2[0]="B"
pc2[0]=A
`

func TestRead(t *testing.T) {
	fsys := fstest.MapFS{
		"lab.conf":        {Data: []byte(conf)},
		"pc1.startup":     {Data: []byte("ip addr add 10.0.0.1/24 dev eth0\n")},
		"shared.startup":  {Data: []byte("true\n")},
		"r1/etc/frr/conf": {Data: []byte("x")},
	}
	topo, err := Read(fsys, "/labs/small")
	if err != nil {
		t.Fatal(err)
	}
	if err := topo.Runnable(); err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, l := range topo.Links {
		links = append(links, l.String())
	}
	want := "pc1:eth0 -- A:eth0, r1:eth0 -- A:eth1, pc2:eth0 -- A:eth2, r1:eth1 -- r2:eth0"
	if got := strings.Join(links, ", "); got != want {
		t.Errorf("links %s, want %s", got, want)
	}
	pc1, r1 := topo.Node("pc1"), topo.Node("r1")
	if topo.Name != "Small-Internet" || topo.Node("A").Kind != "bridge" || len(topo.Notes) != 1 {
		t.Errorf("lab %s, notes %v", topo.Name, topo.Notes)
	}
	if len(pc1.Exec) != 2 || pc1.Exec[1].Line != "sh /run/kathara/pc1.startup" || pc1.Binds[1].Source != "pc1.startup" {
		t.Errorf("pc1: %+v", pc1)
	}
	if r1.Sysctls["net.ipv4.ip_forward"] != "1" || r1.Binds[0].Target != "/etc" || topo.Links[3].Endpoints[0].MACText != "02:00:00:00:00:0a" {
		t.Errorf("r1: %+v", r1)
	}
	if p := topo.HostPath(pc1, pc1.Binds[1].Source, ""); p != "/labs/small/pc1.startup" {
		t.Errorf("startup file at %s", p)
	}
}

func TestBroken(t *testing.T) {
	for text, want := range map[string]string{
		"pc1[0]":             "f:1:1: this line sets nothing",
		"pc1[0=A":            "f:1:1: \"pc1[0\" names no device",
		"pc1[0]=A\npc1[0]=B": "f:2:1: pc1:eth0 is already attached at line 1",
		"pc1[0]=A/zz":        "\"zz\" is no MAC",
		"SPEED=3":            "unknown setting",
		"# nothing":          "no devices",
		"pc1[0]=":            "no collision domain",
	} {
		if _, err := parse("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(conf))
	f.Add([]byte("a[0]=\"A/02:00:00:00:00:01\"\na[exec]='x'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		l, err := parse("lab.conf", data)
		if err != nil {
			return
		}
		if topo := l.topology("x"); topo.Name == "" || len(topo.Nodes) == 0 {
			t.Fatalf("%q: %+v", data, topo)
		}
	})
}

//go:build linux

package engine

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/lab"
	"linen/lab/clab"
)

// twoHosts is an engine with a -- b, and a switch beside them; no programs.
func twoHosts(t *testing.T) *Engine {
	t.Helper()
	e, err := New(Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, s := range []lab.NodeSpec{
		{Name: "a", Sysctls: map[string]string{"net.ipv4.ip_forward": "1"}}, {Name: "b"}, {Name: "sw", Switch: true},
	} {
		if err := e.CreateNode(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.CreateLink(lab.LinkSpec{Type: clab.LinkVeth, MTU: 1500, Ends: []lab.EndSpec{
		{Node: "a", Name: "eth1", MAC: []byte{2, 0, 0, 0, 0, 1}, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}},
		{Node: "b", Name: "eth1", Impair: clab.Impairment{Delay: time.Millisecond}},
	}}); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestInterfacesOfANode(t *testing.T) {
	e := twoHosts(t)
	ifs, err := e.Interfaces("a")
	if err != nil || len(ifs) != 2 {
		t.Fatalf("%+v, %v", ifs, err)
	}
	eth := ifs[1]
	if ifs[0].Name != "lo" || eth.Name != "eth1" || eth.MAC != "02:00:00:00:00:01" || eth.MTU != 1500 || eth.State != "up" || eth.Type != "veth" {
		t.Errorf("%+v", ifs)
	}
	if !slices.Equal(eth.Addrs, []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}) {
		t.Errorf("addresses %v", eth.Addrs)
	}
	if ifs, err = e.Interfaces("b"); err != nil || ifs[1].Impair != "delay 1ms" {
		t.Errorf("%+v, %v", ifs, err)
	}
	if ifs, err = e.Interfaces("sw"); err != nil || ifs[1].Name != "sw" || ifs[1].Type != "bridge" {
		t.Errorf("%+v, %v", ifs, err)
	}
	if _, err := e.Interfaces("c"); err == nil {
		t.Error("a node that does not exist has interfaces")
	}
	if got := e.Names(); !slices.Equal(got, []string{"a", "b", "sw"}) {
		t.Errorf("names %q", got)
	}
}

func TestChangeLink(t *testing.T) {
	e := twoHosts(t)
	down := false
	st, err := e.ChangeLink(lab.LinkChange{Node: "b", Interface: "eth1", Up: &down, Impair: &clab.Impairment{Loss: 5}})
	if err != nil || len(st.Ends) != 2 || st.Ends[0].State != "down" || st.Ends[1].Node != "a" || st.Ends[1].State != "down" { // no carrier
		t.Errorf("%+v, %v", st, err)
	}
	if st.Ends[0].Impair.Loss != 5 || !st.Ends[1].Impair.IsZero() {
		t.Errorf("impairments %+v", st)
	}
	for _, c := range []lab.LinkChange{{Node: "c", Interface: "eth1"}, {Node: "a", Interface: "eth9"}, {Node: "a", Interface: "lo"}} {
		if _, err := e.ChangeLink(c); err == nil {
			t.Errorf("%+v is no link and was changed", c)
		}
	}
}

func TestMetricsText(t *testing.T) {
	e := twoHosts(t)
	var b strings.Builder
	if err := e.Metrics(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# HELP linen_programs Programs that run in the node.\n# TYPE linen_programs gauge\nlinen_programs{node=\"a\"} 0\nlinen_programs{node=\"b\"} 0\n",
		`node_network_up{node="a",device="eth1"} 1`, `node_netstat_Ip_InReceives{node="b"} `, `node_network_mtu_bytes{node="a",device="eth1"} 1500`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "Forwarding") {
		t.Error("a setting among the counters")
	}
	if got := label("n", "a\"b\\c\nd"); got != `n="a\"b\\c\nd"` {
		t.Errorf("label %s", got)
	}
}

func TestFilesOfTheNode(t *testing.T) {
	s := lab.NodeSpec{
		Hosts: []lab.Host{{Addr: netip.MustParseAddr("10.0.0.1"), Names: []string{"a", "web"}}},
		DNS:   &clab.DNS{Servers: []string{"192.0.2.1"}, Search: []string{"x", "y"}, Options: []string{"ndots:2"}},
	}
	if got := hostsFile(s); !strings.HasPrefix(got, "127.0.0.1\tlocalhost\n") || !strings.HasSuffix(got, "10.0.0.1\ta web\n") {
		t.Errorf("hosts %q", got)
	}
	if got := resolvConf(s); got != "nameserver 192.0.2.1\nsearch x y\noptions ndots:2\n" {
		t.Errorf("resolv.conf %q", got)
	}
	if got := mergeEnv([]string{"A=1", "B=2"}, []string{"B=3"}); !slices.Equal(got, []string{"A=1", "B=3"}) {
		t.Errorf("environment %q", got)
	}
}

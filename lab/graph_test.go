package lab

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"linen/lab/clab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it)\n--- got\n%s--- want\n%s", file, got, want)
	}
}

const drawn = `name: draw
topology:
  defaults: {kind: linux}
  nodes: {h1: {group: hosts}, "r|1": , sw: {kind: bridge}}
  links:
    - endpoints: ["h1:eth1", "sw:p1"]
    - endpoints: ["sw:p2", "r|1:eth1"]
      mtu: 1500
      vars: {linen: {delay: 20ms, jitter: 1ms, loss: 0.5, rate: 10mbit}}
    - {type: dummy, endpoint: {node: h1, interface: dum0}}
    - endpoints: ["h1:eth2", "host:tap0"]
`

func TestGraph(t *testing.T) {
	topo, err := clab.Parse("draw.clab.yml", []byte(drawn), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range GraphFormats() {
		got, err := Graph(topo, format)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/graph/draw."+format, got)
	}
	if _, err := Graph(topo, "svg"); err == nil {
		t.Error("an unknown format was drawn")
	}
}

func TestFormatImpairment(t *testing.T) {
	for _, c := range []struct {
		in   clab.Impairment
		want string
	}{
		{clab.Impairment{}, ""},
		{clab.Impairment{Delay: 20 * time.Millisecond, Loss: 0.1}, "delay 20ms loss 0.1%"},
		{clab.Impairment{Rate: 1_500_000}, "rate 1500Kbit"},
		{clab.Impairment{Rate: 8}, "rate 8bit"},
	} {
		if got := FormatImpairment(c.in); got != c.want {
			t.Errorf("%+v: %q, want %q", c.in, got, c.want)
		}
	}
}

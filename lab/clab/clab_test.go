package clab

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func env(m map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

// TestBrokenFiles holds the text a person reads for each mistake: testdata/broken/NAME.clab.yml and NAME.txt.
func TestBrokenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.clab.yml")
	if err != nil || len(files) < 12 {
		t.Fatalf("want at least twelve broken files, have %d (%v)", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".clab.yml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			topo, err := Parse(filepath.Base(file), data, env(map[string]string{"COUNT": "12345"}))
			if err == nil {
				err = topo.Runnable()
			}
			if err == nil {
				t.Fatal("the file was accepted")
			}
			var es Errors
			if !errors.As(err, &es) {
				t.Fatalf("error is %T, want Errors", err)
			}
			golden(t, strings.TrimSuffix(file, ".clab.yml")+".txt", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
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

func mustParse(t *testing.T, text string) *Topology {
	t.Helper()
	topo, err := Parse("t.clab.yml", []byte(text), env(map[string]string{"SET": "val", "EMPTY": ""}))
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

const merged = `name: m
topology:
  defaults:
    kind: linux
    env: {A: d, B: d, C: d, D: d}
    exec: [d1]
    binds: ["d:/one", "d:/two:ro"]
    env-files: [common, d.env]
    ports: ["1:1"]
    cmd: default
    user: default
    dns: {servers: [1.1.1.1]}
  kinds:
    linux:
      env: {B: k, C: k, D: k}
      exec: [k1]
      binds: ["k:/two"]
      env-files: [common, k.env]
      user: kind
      group: fromkind
  groups:
    g:
      env: {C: g, D: g}
      exec: [g1]
      user: group
      sysctls: {net.ipv4.ip_forward: 1}
  nodes:
    n:
      group: g
      env: {D: n}
      exec: [n1, n2]
      binds: ["n:/one"]
      ports: ["8080:80", "53:53/udp"]
      dns: {servers: [9.9.9.9]}
    bare:
`

// TestMergeOrder: defaults < kinds < groups < node, each field in its own way.
func TestMergeOrder(t *testing.T) {
	topo := mustParse(t, merged)
	n := topo.Node("n")
	var lines []string
	for _, c := range n.Exec {
		lines = append(lines, c.Line)
	}
	var binds []string
	for _, b := range n.Binds {
		binds = append(binds, b.Source+":"+b.Target)
	}
	for _, c := range []struct {
		rule      string
		got, want any
	}{
		{"env merges by key", n.Env, map[string]string{"A": "d", "B": "k", "C": "g", "D": "n"}},
		{"exec is appended in layer order", lines, []string{"d1", "k1", "g1", "n1", "n2"}},
		{"binds merge by destination, the nearest wins", binds, []string{"n:/one", "k:/two"}},
		{"env-files merge without duplicates", n.EnvFiles, []string{"common", "d.env", "k.env"}},
		{"ports are replaced", n.Ports, []Port{{Host: "8080", Container: "80", Proto: "tcp"}, {Host: "53", Container: "53", Proto: "udp"}}},
		{"a scalar is replaced by the nearest layer", n.User, "group"},
		{"a scalar of the defaults is inherited", n.Cmd, "default"},
		{"dns is replaced as a whole", n.DNS.Servers, []string{"9.9.9.9"}},
		{"sysctls come from the group", n.Sysctls, map[string]string{"net.ipv4.ip_forward": "1"}},
		{"an empty node takes the kind's group", topo.Node("bare").Group, "fromkind"},
		{"an empty node has no share in a named group", topo.Node("bare").User, "kind"},
		{"layers are not aliased: a sibling's env", topo.Node("bare").Env, map[string]string{"A": "d", "B": "k", "C": "k", "D": "k"}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.rule, c.got, c.want)
		}
	}
}

func TestKindFromGroup(t *testing.T) {
	topo := mustParse(t, "name: a\ntopology:\n  defaults: {kind: bridge}\n  groups: {r: {kind: linux}}\n  nodes: {a: {group: r}, b: }\n")
	if a, b := topo.Node("a").Kind, topo.Node("b").Kind; a != "linux" || b != "bridge" {
		t.Errorf("kinds %s, %s; want linux, bridge", a, b)
	}
}

func TestSubstitution(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"${SET}", "val"}, {"$SET.", "val."}, {"${EMPTY}", ""},
		{"${NOPE}", "${NOPE}"}, {"$NOPE", "$NOPE"}, {"$$SET", "$SET"}, {"$", "$"}, {"${", "${"}, {"${}", "${}"},
		{"${NOPE:=d}", "d"}, {"${NOPE:-d}", "d"}, {"${NOPE-d}", "d"}, {"${NOPE=d}", "d"}, {"${EMPTY:=d}", "d"}, {"${EMPTY-d}", ""},
		{"${SET:+alt}", "alt"}, {"${EMPTY:+alt}", ""}, {"${EMPTY+alt}", "alt"}, {"${NOPE:+alt}", ""}, {"a${SET}b${SET}c", "avalbvalc"},
	} {
		s := newSource("f", c.in, env(map[string]string{"SET": "val", "EMPTY": ""}))
		if s.text != c.want {
			t.Errorf("%q became %q, want %q", c.in, s.text, c.want)
		}
	}
}

// TestPositionsAfterSubstitution: a place is the one of the file as written, whatever the variables held.
func TestPositionsAfterSubstitution(t *testing.T) {
	s := newSource("f", "a: ${LONG} x\nb: ${NL} y\nc: z", env(map[string]string{"LONG": "0123456789012", "NL": "1\n2"}))
	for _, c := range []struct {
		line, col int
		want      Pos
	}{
		{1, 1, Pos{1, 1}}, {1, 4, Pos{1, 4}}, {1, 8, Pos{1, 4}}, {1, 18, Pos{1, 12}},
		{2, 1, Pos{2, 1}}, {3, 3, Pos{2, 10}}, {4, 1, Pos{3, 1}},
	} {
		if got := s.pos(c.line, c.col); got != c.want {
			t.Errorf("%d:%d is at %v, want %v", c.line, c.col, got, c.want)
		}
	}
}

func TestLinks(t *testing.T) {
	topo := mustParse(t, `name: l
topology:
  defaults: {kind: linux}
  nodes: {a: , b: , sw: {kind: bridge}}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
      mtu: 1400
      ipv4: ["10.0.0.1/24", "10.0.0.2/24"]
      ipv6: ["", "2001:db8::2/64"]
      vars: {linen: {delay: 20ms, jitter: 2ms, loss: 0.5%, rate: 10mbit, seed: 7}}
    - type: veth
      endpoints:
        - {node: a, interface: eth2, mac: "02:00:00:00:00:0A", ipv4: 10.1.0.1/30, vars: {linen: {corrupt: 3}}}
        - {node: sw, interface: port1}
      vars: {linen: {delay: 1ms}, other: [1, {x: y}]}
    - {type: dummy, endpoint: {node: b, interface: dum0}}
    - endpoints: ["a:eth3", "host:tap0"]
    - {type: vxlan, endpoint: {node: b, interface: eth9}, remote: 192.0.2.1, vni: 100, dst-port: 4789}
`)
	l := topo.Links
	want := Impairment{Delay: 20 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.5, Rate: 10_000_000, Seed: 7}
	if l[0].Endpoints[0].Impair != want || l[0].Endpoints[1].Impair != want {
		t.Errorf("both directions take the link's impairment: %+v", l[0].Endpoints)
	}
	if l[0].MTU != 1400 || l[0].Endpoints[1].IPv4.String() != "10.0.0.2/24" || l[0].Endpoints[0].IPv6.IsValid() {
		t.Errorf("brief link: %+v", l[0])
	}
	e := l[1].Endpoints
	if e[0].MAC.String() != "02:00:00:00:00:0a" || e[0].Impair.Corrupt != 3 || e[0].Impair.Delay != 0 || e[1].Impair.Delay != time.Millisecond {
		t.Errorf("an end's own vars replace the link's: %+v", e)
	}
	if l[3].Type != LinkHost || len(l[3].Endpoints) != 1 || l[3].HostInterface != "tap0" {
		t.Errorf("brief host link: %+v", l[3])
	}
	var es Errors
	if !errors.As(topo.Runnable(), &es) || len(es) != 1 {
		t.Errorf("only the vxlan link does not run: %v", es)
	}
}

func TestStagesAndHealth(t *testing.T) {
	topo := mustParse(t, `name: s
topology:
  defaults: {kind: linux}
  nodes:
    b:
      stages:
        create-links: {exec: {on-enter: [ip link], on-exit: [ip addr]}}
        create:
          wait-for: [{node: a, stage: healthy}]
          exec: [{command: touch x, phase: on-exit}, {command: ls}]
    a:
      healthcheck: {test: [CMD-SHELL, "ping -c1 x"], interval: 1, start-period: 5}
`)
	st := topo.Node("b").Stages
	if len(st["create"].WaitFor) != 1 || st["create"].OnEnter[0].Line != "ls" || st["create"].OnExit[0].Line != "touch x" || st["create-links"].OnExit[0].Line != "ip addr" {
		t.Errorf("stages: %+v", st)
	}
	if h := topo.Node("a").Healthcheck; h.Interval != time.Second || h.Retries != 3 || h.StartPeriod != 5*time.Second {
		t.Errorf("healthcheck: %+v", h)
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{`ip addr add 10.0.0.1/24 dev eth1`, []string{"ip", "addr", "add", "10.0.0.1/24", "dev", "eth1"}},
		{`sh -c 'echo "a b" | cat'`, []string{"sh", "-c", `echo "a b" | cat`}},
		{`a "b \" c" d\ e ''`, []string{"a", `b " c`, "d e", ""}},
		{"a \"\\n\"", []string{"a", `\n`}},
		{"  ", nil},
	} {
		if got, err := splitWords(c.in); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	for _, bad := range []string{`'a`, `"a`, `a\`} {
		if _, err := splitWords(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestKubernetesWrapper(t *testing.T) {
	for _, form := range []string{"containerlab: |\n      %", "containerlab:\n      %"} {
		body := "name: inner\n      topology:\n        nodes:\n          a: {kind: linux}\n"
		text := "apiVersion: c9s.run/v1alpha1\nkind: Topology\nmetadata: {name: outer}\nspec:\n  definition:\n    " + strings.Replace(form, "%", body, 1)
		topo := mustParse(t, text)
		if topo.Name != "inner" || topo.Node("a") == nil || topo.Node("a").Pos != (Pos{10, 11}) {
			t.Errorf("%q: %+v %+v", form, topo, topo.Node("a"))
		}
	}
}

func TestNotes(t *testing.T) {
	topo := mustParse(t, "name: a\ntopology:\n  defaults: {kind: linux, image: alpine:3, memory: 1Gb}\n  nodes: {a: , b: }\n")
	if len(topo.Notes) != 2 || !strings.Contains(topo.Notes[0].String(), "t.clab.yml:3:34: image alpine:3 is not used") {
		t.Errorf("notes: %v", topo.Notes)
	}
}

// TestMergeKeysAndAnchors: YAML's own reuse works, and an explosion of aliases is refused.
func TestMergeKeysAndAnchors(t *testing.T) {
	topo := mustParse(t, "name: a\ntopology:\n  nodes:\n    a: &base\n      kind: linux\n      user: u\n    b:\n      <<: *base\n      user: v\n")
	if b := topo.Node("b"); b.Kind != "linux" || b.User != "v" {
		t.Errorf("merged node: %+v", b)
	}
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 12 {
		p, n := string(rune('a'+i)), string(rune('b'+i))
		bomb += n + "0: &" + n + "0 [" + strings.TrimSuffix(strings.Repeat("*"+p+"0,", 10), ",") + "]\n"
	}
	if _, err := Parse("f", []byte(bomb), nil); err == nil || !strings.Contains(err.Error(), "aliases expand") {
		t.Errorf("alias bomb: %v", err)
	}
}

func TestDepthIsBounded(t *testing.T) {
	for _, s := range []string{strings.Repeat("[", 1<<16), strings.Repeat("{a: ", 1<<15), strings.Repeat("- ", 1<<16), strings.Repeat("? ", 1<<16), strings.Repeat("&a ", 1<<14)} {
		if _, err := Parse("f", []byte(s), nil); err == nil {
			t.Errorf("%.10q... was accepted", s)
		}
	}
}

// TestFRR01 reads containerlab's own example.
func TestFRR01(t *testing.T) {
	file := "../../../shared/containerlab/frr01/frr01.clab.yml"
	if _, err := os.Stat(file); err != nil {
		t.Skipf("left out: containerlab's own frr01 is not beside the repository (%v)", err)
	}
	topo, err := ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := topo.Runnable(); err != nil {
		t.Error(err)
	}
	r := topo.Node("router1")
	if len(topo.Nodes) != 6 || len(topo.Links) != 6 || r.Kind != "linux" || r.Binds[0].Target != "/etc/frr/daemons" || len(topo.Node("PC1").Exec) != 4 {
		t.Errorf("frr01: %+v", r)
	}
	if p := topo.HostPath(r, r.Binds[0].Source, ""); !strings.HasSuffix(p, "frr01/router1/daemons") {
		t.Errorf("bind source is %s", p)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(merged))
	files, _ := filepath.Glob("testdata/broken/*.clab.yml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		topo, err := Parse("fuzz.clab.yml", data, env(map[string]string{"A": "x\ny", "B": ""}))
		if err != nil {
			var es Errors
			if !errors.As(err, &es) || len(es) == 0 || err.Error() == "" {
				t.Fatalf("error without text: %#v", err)
			}
			return
		}
		_ = topo.Runnable()
	})
}

func FuzzWords(f *testing.F) {
	f.Add(`sh -c 'echo "a b" | cat' \x "\""`)
	f.Fuzz(func(t *testing.T, s string) {
		words, err := splitWords(s)
		if err == nil && len(words) > len(s) {
			t.Fatalf("%q gave %d words", s, len(words))
		}
	})
}

func TestImpairmentSet(t *testing.T) {
	var i Impairment
	for _, c := range []struct{ name, text, err string }{
		{"delay", "20ms", ""}, {"jitter", "1ms", ""}, {"loss", "2%", ""}, {"rate", "1gbit", ""},
		{"dely", "1ms", `did you mean "delay"?`}, {"loss", "200", "0 to 100"}, {"rate", "5", "tc's units"},
	} {
		err := i.Set(c.name, c.text)
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s=%s: %v, want %q", c.name, c.text, err, c.err)
		}
	}
	if want := (Impairment{Delay: 20 * time.Millisecond, Jitter: time.Millisecond, Loss: 2, Rate: 1e9}); i != want {
		t.Errorf("%+v, want %+v", i, want)
	}
}

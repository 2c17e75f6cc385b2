package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"linen/lab/clab"
)

// fakeEngine records what it is asked, in order.
type fakeEngine struct {
	mu   sync.Mutex
	log  []string
	fail map[string]int // status of a command line
	made map[string]bool
	bad  error
}

func (e *fakeEngine) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = append(e.log, fmt.Sprintf(format, args...))
}

func (e *fakeEngine) CreateNode(n NodeSpec) error {
	e.add("node %s", n.Name)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.made == nil {
		e.made = map[string]bool{}
	}
	if e.made[n.Name] {
		return errors.New("made twice")
	}
	e.made[n.Name] = true
	return e.bad
}

func (e *fakeEngine) CreateLink(l LinkSpec) error {
	e.mu.Lock()
	for _, end := range l.Ends {
		if !e.made[end.Node] {
			e.mu.Unlock()
			return fmt.Errorf("link before its node %s", end.Node)
		}
	}
	e.mu.Unlock()
	e.add("link %s:%s", l.Ends[0].Node, l.Ends[0].Name)
	return nil
}

func (e *fakeEngine) Exec(_ context.Context, node string, s ExecSpec) (int, error) {
	line := strings.Join(s.Args, " ")
	time.Sleep(10 * time.Millisecond)
	e.add("%s$ %s", node, line)
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := e.fail[line]; n != 0 {
		if n < 0 { // fails that many times
			e.fail[line]++
			n = 1
		}
		return n, nil
	}
	return 0, nil
}

func (e *fakeEngine) Close() error { return nil }

func up(t *testing.T, text string, e *fakeEngine) error {
	t.Helper()
	topo, err := clab.Parse("u.clab.yml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := MakePlan(topo, HostView{})
	if err != nil {
		t.Fatal(err)
	}
	return Up(t.Context(), topo, p, e, UpOptions{Workers: 2})
}

func before(t *testing.T, log []string, a, b string) {
	t.Helper()
	i, j := slices.Index(log, a), slices.Index(log, b)
	if i < 0 || j < 0 || i > j {
		t.Errorf("%q must come before %q in %q", a, b, log)
	}
}

func TestUpRunsNodesInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{}
		err := up(t, `name: u
topology:
  defaults: {kind: linux}
  nodes:
    a: {exec: [one, two]}
    b:
      exec: [three]
      stages:
        create: {wait-for: [{node: a, stage: configure}], exec: [{command: born}]}
        create-links: {exec: {on-exit: [linked]}}
    c: {kind: bridge}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - endpoints: ["c:eth1", "b:eth2"]
`, e)
		if err != nil {
			t.Fatal(err)
		}
		before(t, e.log, "node b", "link a:eth1") // a's neighbour is made for the link even while b waits
		before(t, e.log, "link a:eth1", "a$ one")
		before(t, e.log, "a$ one", "a$ two")
		before(t, e.log, "a$ two", "b$ born")
		before(t, e.log, "b$ born", "b$ linked")
		before(t, e.log, "b$ linked", "b$ three")
		if n := len(e.log); n != 10 {
			t.Errorf("%d steps, want 10: %q", n, e.log)
		}
	})
}

// TestUpMakesLinksInTheFilesOrder: each node's interfaces come in the order of the file, whichever node is first.
func TestUpMakesLinksInTheFilesOrder(t *testing.T) {
	const file = `name: x
topology:
  nodes: {a: {kind: linux}, b: {kind: linux}, c: {kind: linux}, d: {kind: linux, startup-delay: 1}}
  links:
    - endpoints: ["d:eth1", "c:eth1"]
    - endpoints: ["c:eth2", "b:eth1"]
    - endpoints: ["b:eth2", "a:eth1"]
    - endpoints: ["a:eth2", "d:eth2"]
`
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			e := &fakeEngine{}
			if err := up(t, file, e); err != nil {
				t.Fatal(err)
			}
			var links []string
			for _, l := range e.log {
				if strings.HasPrefix(l, "link") {
					links = append(links, l)
				}
			}
			if want := []string{"link d:eth1", "link c:eth2", "link b:eth2", "link a:eth2"}; !slices.Equal(links, want) {
				t.Fatalf("%q", links)
			}
		})
	}
}

func TestUpTellsFailedCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{fail: map[string]int{"bad cmd": 3}}
		err := up(t, "name: u\ntopology:\n  nodes:\n    a: {kind: linux, exec: [bad cmd, good]}\n", e)
		if !errors.Is(err, ErrCommands) || !strings.Contains(err.Error(), `u.clab.yml:4: a: "bad cmd" ended with status 3`) {
			t.Errorf("error %v", err)
		}
		if !slices.Contains(e.log, "a$ good") {
			t.Errorf("the command after a failed one did not run: %q", e.log)
		}
	})
}

func TestUpStopsWhenTheEngineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{bad: errors.New("no memory")}
		err := up(t, "name: u\ntopology:\n  nodes:\n    a: {kind: linux, exec: [x]}\n", e)
		if err == nil || errors.Is(err, ErrCommands) || !strings.Contains(err.Error(), "node a: no memory") {
			t.Errorf("error %v", err)
		}
	})
}

func TestUpWaitsForHealth(t *testing.T) {
	text := `name: u
topology:
  defaults: {kind: linux}
  nodes:
    a: {healthcheck: {test: [CMD-SHELL, probe], interval: 2, start-period: 5, retries: 1}}
    b: {startup-delay: 3, exec: [go], stages: {configure: {wait-for: [{node: a, stage: healthy}]}}}
`
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		e := &fakeEngine{fail: map[string]int{"sh -c probe": -2}}
		if err := up(t, text, e); err != nil {
			t.Fatal(err)
		}
		before(t, e.log, "a$ sh -c probe", "b$ go")
		if d := time.Since(start); d < 4*time.Second || d > 5*time.Second {
			t.Errorf("took %v, want two intervals", d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{fail: map[string]int{"sh -c probe": 1}}
		if err := up(t, text, e); err == nil || !strings.Contains(err.Error(), "not healthy after 1 tries") {
			t.Errorf("error %v", err)
		}
	})
}

func TestPlan(t *testing.T) {
	topo, err := clab.Parse("/labs/p.clab.yml", []byte(`name: p
topology:
  defaults: {kind: linux, env-files: [common.env, ~/mine]}
  nodes:
    a: {env: {B: node}, binds: ["conf:/etc/x:ro", "/abs:/y", "__clabNodeDir__/z:/z", "/anon"], aliases: [alpha]}
    b: {hostname: bee, env: {__IMPORT_ENVS: true}}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], ipv4: [10.0.0.1/24, 10.0.0.2/24]}
    - {endpoints: ["a:eth2", "b:eth2"], mtu: 1400, ipv4: [10.0.1.1/24, 10.0.1.2/24]}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"/labs/common.env": "# x\nA=1\nB=file\n", "/home/u/mine": "A=2\nC = d\n"}
	read := func(name string) ([]byte, error) {
		if s, ok := files[name]; ok {
			return []byte(s), nil
		}
		return nil, errors.New("no " + name)
	}
	if _, err := MakePlan(topo, HostView{ReadFile: read, Home: "/home/u"}); err == nil || !strings.Contains(err.Error(), `line 2: "C = d" is not NAME=value`) {
		t.Errorf("a broken env-file: %v", err)
	}
	files["/home/u/mine"] = "A=2"
	p, err := MakePlan(topo, HostView{ReadFile: read, Home: "/home/u", Environ: []string{"FROM=host"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Nodes["a"].Env; !slices.Equal(got, []string{"A=2", "B=node"}) {
		t.Errorf("env of a: %q", got)
	}
	if got := p.Nodes["b"].Env; !slices.Equal(got, []string{"A=2", "B=file", "FROM=host"}) {
		t.Errorf("env of b: %q", got)
	}
	var src []string
	for _, b := range p.Nodes["a"].Binds {
		src = append(src, b.Source)
	}
	if !slices.Equal(src, []string{"/labs/conf", "/abs", "/labs/clab-p/a/z", ""}) {
		t.Errorf("bind sources: %q", src)
	}
	if h := p.Nodes["b"].Hosts; len(h) != 2 || h[0].Addr.String() != "10.0.0.1" || h[0].Names[1] != "alpha" || p.Nodes["b"].Hostname != "bee" {
		t.Errorf("hosts: %+v", h)
	}
	if p.Links[0].MTU != clab.DefaultMTU || p.Links[1].MTU != 1400 || p.Links[1].Ends[1].Addrs[0].String() != "10.0.1.2/24" {
		t.Errorf("links: %+v", p.Links)
	}
}

//go:build linux

package labs

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"linen/test/need"
)

// script gives the lab's prompt some lines.
func (u *user) script(lines string) result {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := u.command(ctx, "sh")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(lines), &out, &errs
	err := cmd.Run()
	return result{statusOf(u.t, err), out.String(), errs.String()}
}

// TestPrompt: Mininet's lines.
func TestPrompt(t *testing.T) {
	need.Tool(t, "ping")
	u := newUser(t)
	u.up(example(t, "first"))
	for _, c := range []struct {
		lines  string
		status int
		want   string
	}{
		{"# nothing\n\nnodes\n", 0, "h1 sw1 r1 r2 h2\n"},
		{"h1 ping -c1 -w30 h2\n", 0, "64 bytes from 10.2.0.2"},
		{"pingall\n", 0, "h1 -> r1 r2 h2\nr1 -> h1 r2 h2\nr2 -> h1 r1 h2\nh2 -> h1 r1 r2\n*** Results: 0% dropped (12/12 received)\n"},
		{"r1 ip link add x type dummy\nr1 ip link show x\n", 0, "x: <BROADCAST,NOARP>"},
		{"h1 sh -c 'exit 5'\n", 5, ""},
		{"h9 ping h1\n", 1, `lab first has no node "h9"`},
		{"link r1 h2 down\n", 1, "no link between r1 and h2"},
		{"link r1 r2 down\nh1 ping -c1 -W1 h2\nexit\nnodes\n", 0, "r1:eth2 -- r2:eth1 down\n"},
		{"link r2 r1 up\nh1 ping -c1 -w30 h2\n", 1, "r2:eth1 -- r1:eth2 up\n"}, // the routes went with the link
		{"r1 ip route add 10.2.0.0/24 via 10.0.0.2\nr2 ip route add 10.1.0.0/24 via 10.0.0.1\nh1 ping -c1 -w30 h2\n", 0, "1 received"},
	} {
		r := u.script(c.lines)
		if r.status != c.status || !strings.Contains(r.out, c.want) {
			t.Errorf("%q: status %d, want %d with %q\n%s%s", c.lines, r.status, c.status, c.want, r.out, r.errs)
		}
	}
}

// TestPromptAtATerminal: programs have the terminal, Ctrl-C is theirs.
func TestPromptAtATerminal(t *testing.T) {
	need.Tool(t, "bash")
	u := newUser(t)
	u.up(example(t, "first"))
	w := openTerminal(t, u.env, u.dir, u.linen)
	w.enter("$RUN sh; echo \"sta\"\"tus $?.\"\r")
	w.expect("linen> ")
	w.enter("h1 sh -c 'echo rea\"\"dy; exec sleep 1000'\r")
	w.expect("ready")
	w.enter("\x03")
	w.expect("linen> ")
	w.enter("h1 stty size\r")
	w.expect("30 100")
	w.expect("linen> ")
	w.enter("\x04")
	w.expect("status 0.")
}

// TestMetrics: the counters have Prometheus's form, node_exporter's names, and
// the drops their reasons.
func TestMetrics(t *testing.T) {
	need.Tool(t, "ping")
	u := newUser(t)
	u.up(example(t, "first"))
	u.do("exec", "h1", "--", "ping", "-c1", "-w30", "10.2.0.2")
	u.try("exec", "h1", "--", "ping", "-c1", "-w30", "-t1", "10.2.0.2") // its TTL ends in r1
	out := u.do("metrics")
	for _, want := range []string{
		"# TYPE node_network_receive_bytes_total counter\n",
		`node_network_up{node="h1",device="eth1"} 1`,
		`node_network_mtu_bytes{node="r1",device="eth1"} 9500`,
		`node_netstat_Icmp_InEchoReps{node="h1"} 1`,
		`linen_drop_total{node="r1",reason="`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	seen := map[string]bool{}
	for line := range strings.Lines(out) {
		if name, is := strings.CutPrefix(line, "# TYPE "); is {
			if seen[name] {
				t.Errorf("twice: %s", line)
			}
			seen[name] = true
		}
	}
}

// TestExecInManyNodes: --all and --label, for people and for programs.
func TestExecInManyNodes(t *testing.T) {
	u := newUser(t)
	u.up(u.file("m.clab.yml", `name: m
topology:
  nodes:
    a: {kind: linux, labels: {role: leaf}}
    b: {kind: linux}
    c: {kind: linux, labels: {role: leaf}}
`))
	if out := u.do("exec", "--all", "--", "hostname"); out != "a\nb\nc\n" {
		t.Errorf("--all: %q", out)
	}
	r := u.try("exec", "--label", "role=leaf", "-o", "json", "--", "sh", "-c", "hostname; echo no >&2; exit 3")
	var got map[string][]struct {
		Cmd    []string
		Code   int `json:"return-code"`
		Stdout string
		Stderr string
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v\n%s%s", err, r.out, r.errs)
	}
	if r.status != 3 || len(got) != 2 || len(got["c"]) != 1 || got["c"][0].Stdout != "c\n" || got["c"][0].Stderr != "no\n" || got["c"][0].Code != 3 {
		t.Errorf("status %d, %+v", r.status, got)
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = "name: good\ntopology:\n  nodes:\n    h1: {kind: linux, image: alpine}\n    srl: {kind: nokia_srlinux}\n  links:\n    - endpoints: [\"h1:eth1\", \"srl:e1-1\"]\n"

// linen runs one command line in this process and returns its status and what it printed.
func linen(t *testing.T, stdin string, args ...string) (status int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) *os.File {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	status = run(args, stdio{file("in", stdin), file("out", ""), file("err", "")})
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return status, read("out"), read("err")
}

func TestCommandLines(t *testing.T) {
	first := "../../examples/first.clab.yml"
	broken := "../../lab/clab/testdata/broken/unknown-field.clab.yml"
	for _, c := range []struct {
		args   string
		status int
		out    string // part of standard output
		errs   string // part of standard error
	}{
		{"", 0, "Available Commands:", ""},
		{"--help", 0, "completion", ""},
		{"help validate", 0, "Check a topology", ""},
		{"frob", 2, "", `linen: unknown command "frob"`},
		{"validat", 2, "", "did you mean validate?"},
		{"validate --frob", 2, "", "unknown flag: --frob"},
		{"validate a b", 2, "", "Try 'linen validate --help'."},
		{"validate " + first, 0, "first: 5 nodes, 4 links", ""},
		{"validate -t " + first, 0, "first: 5 nodes", ""},
		{"validate -t " + first + " x", 2, "", "not both"},
		{"validate --topo single,3 -t x", 2, "", "exclude"},
		{"validate --topo tree,2,3", 0, "mn: 13 nodes, 12 links", ""},
		{"validate --topo star,9", 2, "", "unknown topology"},
		{"validate nofile.clab.yml", 1, "", "linen: open nofile.clab.yml"},
		{"validate " + broken, 1, "", broken + `:6:7: unknown field "exce"`},
		{"validate -o json " + broken, 1, `"help": "did you mean \"exec\"?"`, ""},
		{"validate -o yaml " + first, 0, "name: first\n", ""},
		{"validate -o table " + first, 2, "", "use json or yaml"},
		{"validate ../../lab", 2, "", "no *.clab.yml and no lab.conf"},
		{"validate ../../examples", 2, "", "topologies in ../../examples: name one"},
		{"validate -", 1, "", `node "srl": kind "nokia_srlinux" needs its vendor's image`},
		{"graph -", 0, "n1[\"srl\"]", ""}, // what cannot run can be drawn
		{"graph --dot " + first, 0, `"sw1" [shape=ellipse];`, ""},
		{"graph --json " + first, 0, `"source_endpoint": "eth1"`, ""},
		{"graph --dot --json " + first, 2, "", "choose one"},
		{"version", 0, "VERSION", ""},
		{"version -o json", 0, `"api": 1`, ""},
		{"version -o xml", 2, "", "unknown output format"},
		{"completion bash", 0, "bash completion", ""},
		{"__complete validate --out", 0, "--output", ""},
		{"__complete graph -o", 0, ":", ""},
	} {
		status, out, errs := linen(t, good, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) || c.errs == "" && status == 0 && !strings.HasPrefix(c.args, "__") && errs != "" {
			t.Errorf("linen %s: status %d, want %d\nstdout (want %q): %s\nstderr (want %q): %s", c.args, status, c.status, c.out, out, c.errs, errs)
		}
	}
}

func TestKatharaDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lab.conf"), []byte("pc1[0]=A\npc2[0]=A\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := linen(t, "", "validate", dir); status != 0 || !strings.Contains(out, "2 nodes, 1 links") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

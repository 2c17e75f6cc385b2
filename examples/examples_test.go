// Package examples_test checks that every example is a topology for linen and for containerlab alike.
package examples_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"linen/lab/clab"
)

const schemaFile = "../../shared/containerlab/clab.schema.json"

func files(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("*.clab.yml")
	if err == nil {
		var labs []string // with files of their own beside them
		labs, err = filepath.Glob("*/*.clab.yml")
		list = append(list, labs...)
	}
	if err != nil || len(list) < 10 {
		t.Fatalf("want at least ten examples, have %d (%v)", len(list), err)
	}
	return list
}

// TestExamplesRun: each parses, has nothing that linen cannot run, and uses only what IPv4 and `ip` give.
func TestExamplesRun(t *testing.T) {
	names := map[string]string{}
	for _, file := range files(t) {
		topo, err := clab.ParseFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := topo.Runnable(); err != nil {
			t.Error(err)
		}
		if other := names[topo.Name]; other != "" || topo.Name+".clab.yml" != filepath.Base(file) {
			t.Errorf("%s is named %q (also in %q)", file, topo.Name, other)
		}
		names[topo.Name] = file
		for _, n := range topo.Nodes {
			if !n.IsSwitch() && len(n.Exec) == 0 && len(n.Binds) == 0 {
				t.Errorf("%s: node %s is not configured", file, n.Name)
			}
			for _, c := range n.Exec {
				words, err := c.Words()
				if err != nil || words[0] != "ip" || !strings.Contains(" link addr route rule neigh ", " "+words[1]+" ") {
					t.Errorf("%s:%d: %q is not `ip link|addr|route|rule|neigh` (%v)", file, c.Pos.Line, c.Line, err)
				}
			}
		}
	}
}

// TestExamplesMatchContainerlabsSchema: each is valid by the schema that editors check topology files with.
func TestExamplesMatchContainerlabsSchema(t *testing.T) {
	if _, err := os.Stat(schemaFile); err != nil {
		t.Skipf("left out: containerlab's schema is not beside the repository (%v)", err)
	}
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(map[string]any{"name": "x", "topology": map[string]any{"nodes": map[string]any{}}, "exce": true}) == nil {
		t.Fatal("the schema accepts an unknown key: it judges nothing")
	}
	for _, file := range files(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := yaml.YAMLToJSON(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

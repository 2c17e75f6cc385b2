package clab

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// TestEveryFieldOfTheSchemaIsKnown: whatever containerlab's schema allows in nodes, links and kinds, the reader knows.
func TestEveryFieldOfTheSchemaIsKnown(t *testing.T) {
	data, err := os.ReadFile("../../../shared/containerlab/clab.schema.json")
	if err != nil {
		t.Skipf("left out: containerlab's schema is not beside the repository (%v)", err)
	}
	type object struct {
		Properties map[string]struct {
			Enum []string `json:"enum"`
		} `json:"properties"`
	}
	var schema struct {
		Definitions map[string]object `json:"definitions"`
		Properties  struct {
			Topology struct {
				Properties struct {
					Kinds object `json:"kinds"`
				} `json:"properties"`
			} `json:"topology"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	node := fields{}
	d := &decoder{}
	add := func(func(*Node)) {}
	d.scalarFields(node, add)
	d.listFields(node, add)
	d.blockFields(node, add, "")
	for name, p := range schema.Definitions["node-config"].Properties {
		if node[name] == nil && !slices.Contains(ignoredFields(), name) {
			t.Errorf("node field %s is not known", name)
		}
		if name == "kind" {
			for _, k := range p.Enum {
				if !slices.Contains(allKinds(), k) {
					t.Errorf("kind %s is not known", k)
				}
			}
		}
	}
	for k := range schema.Properties.Topology.Properties.Kinds.Properties {
		if !slices.Contains(allKinds(), k) {
			t.Errorf("kind %s of topology.kinds is not known", k)
		}
	}
	link := (&linkDraft{Link: &Link{}}).fields()
	for def, o := range schema.Definitions {
		if def != "link-config-short" && (len(def) < 10 || def[:10] != "link-type-") {
			continue
		}
		for name := range o.Properties {
			if link[name] == nil {
				t.Errorf("link field %s of %s is not known", name, def)
			}
		}
	}
}

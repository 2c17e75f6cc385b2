package lab

import (
	"encoding/json"
	"fmt"
	"strings"

	"linen/lab/clab"
)

// GraphFormats lists what [Graph] draws.
func GraphFormats() []string { return []string{"mermaid", "dot", "json"} }

// Graph draws a topology as text: "mermaid" (a flowchart), "dot" (Graphviz) or "json" (nodes and links, as
// containerlab's graph page reads them). It is a pure function of the topology.
func Graph(t *clab.Topology, format string) (string, error) {
	switch format {
	case "mermaid":
		return graphMermaid(t), nil
	case "dot":
		return graphDot(t), nil
	case "json":
		return graphJSON(t)
	}
	return "", fmt.Errorf("unknown graph format %q: use %s", format, strings.Join(GraphFormats(), ", "))
}

// linkLabel is what a person wants to read on a link: its impairment, when it has one.
func linkLabel(l *clab.Link) string {
	if len(l.Endpoints) == 0 {
		return ""
	}
	return FormatImpairment(l.Endpoints[0].Impair)
}

// FormatImpairment is an impairment in tc-netem's words, or "" for a perfect wire.
func FormatImpairment(i clab.Impairment) string {
	var parts []string
	if i.Delay > 0 {
		s := "delay " + i.Delay.String()
		if i.Jitter > 0 {
			s += " " + i.Jitter.String()
		}
		parts = append(parts, s)
	}
	for _, p := range []struct {
		name string
		v    float64
	}{{"loss", i.Loss}, {"duplicate", i.Duplicate}, {"corrupt", i.Corrupt}, {"reorder", i.Reorder}} {
		if p.v > 0 {
			parts = append(parts, fmt.Sprintf("%s %g%%", p.name, p.v))
		}
	}
	if i.Rate > 0 {
		parts = append(parts, "rate "+formatRate(i.Rate))
	}
	return strings.Join(parts, " ")
}

// formatRate prints bits per second as tc does: the largest SI unit that divides it.
func formatRate(bits uint64) string {
	for _, u := range []struct {
		n    uint64
		name string
	}{{1e12, "Tbit"}, {1e9, "Gbit"}, {1e6, "Mbit"}, {1e3, "Kbit"}} {
		if bits%u.n == 0 {
			return fmt.Sprint(bits/u.n) + u.name
		}
	}
	return fmt.Sprint(bits) + "bit"
}

// far is the other end of a link of one end: "" for a veth.
func far(l *clab.Link) string {
	if len(l.Endpoints) == 2 {
		return ""
	}
	if l.HostInterface != "" {
		return l.Type + ":" + l.HostInterface
	}
	return l.Type
}

func graphMermaid(t *clab.Topology) string {
	var b strings.Builder
	b.WriteString("---\ntitle: " + t.Name + "\n---\ngraph TD\n")
	id := make(map[string]string, len(t.Nodes)) // names may hold characters that mermaid's ids cannot
	for i, n := range t.Nodes {
		id[n.Name] = fmt.Sprintf("n%d", i)
		shape := `  %s["%s"]` + "\n"
		if n.IsSwitch() {
			shape = `  %s(["%s"])` + "\n"
		}
		fmt.Fprintf(&b, shape, id[n.Name], n.Name)
	}
	for i, l := range t.Links {
		ends := make([]string, 0, 2)
		for _, e := range l.Endpoints {
			ends = append(ends, e.Interface)
		}
		to := ""
		if f := far(l); f != "" {
			to = fmt.Sprintf("x%d", i)
			fmt.Fprintf(&b, "  %s((\"%s\"))\n", to, f)
		} else {
			to = id[l.Endpoints[1].Node]
		}
		label := strings.Join(ends, " - ")
		if imp := linkLabel(l); imp != "" {
			label += "<br/>" + imp
		}
		fmt.Fprintf(&b, "  %s ---|\"%s\"| %s\n", id[l.Endpoints[0].Node], label, to)
	}
	return b.String()
}

func graphDot(t *clab.Topology) string {
	var b strings.Builder
	fmt.Fprintf(&b, "graph %q {\n  node [shape=box];\n", t.Name)
	for _, n := range t.Nodes {
		attrs := ""
		if n.IsSwitch() {
			attrs = " [shape=ellipse]"
		}
		fmt.Fprintf(&b, "  %q%s;\n", n.Name, attrs)
	}
	for i, l := range t.Links {
		a := l.Endpoints[0]
		node, tail := "", ""
		if f := far(l); f != "" {
			node = fmt.Sprintf("%s#%d", f, i)
			fmt.Fprintf(&b, "  %q [label=%q, shape=plaintext];\n", node, f)
		} else {
			node, tail = l.Endpoints[1].Node, fmt.Sprintf(", headlabel=%q", l.Endpoints[1].Interface)
		}
		label := ""
		if imp := linkLabel(l); imp != "" {
			label = fmt.Sprintf(", label=%q", imp)
		}
		fmt.Fprintf(&b, "  %q -- %q [taillabel=%q%s%s];\n", a.Node, node, a.Interface, tail, label)
	}
	b.WriteString("}\n")
	return b.String()
}

type jsonGraph struct {
	Name  string          `json:"name"`
	Nodes []jsonGraphNode `json:"nodes"`
	Links []jsonGraphLink `json:"links"`
}

type jsonGraphNode struct {
	Name   string            `json:"name"`
	Kind   string            `json:"kind"`
	Group  string            `json:"group,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// jsonGraphLink has the names of containerlab's graph data: source and target with their endpoints.
type jsonGraphLink struct {
	Source         string           `json:"source"`
	SourceEndpoint string           `json:"source_endpoint"`
	Target         string           `json:"target"`
	TargetEndpoint string           `json:"target_endpoint,omitempty"`
	Type           string           `json:"type"`
	MTU            int              `json:"mtu,omitempty"`
	Impair         *clab.Impairment `json:"impair,omitempty"`
}

func graphJSON(t *clab.Topology) (string, error) {
	g := jsonGraph{Name: t.Name, Nodes: []jsonGraphNode{}, Links: []jsonGraphLink{}}
	for _, n := range t.Nodes {
		g.Nodes = append(g.Nodes, jsonGraphNode{n.Name, n.Kind, n.Group, n.Labels})
	}
	for _, l := range t.Links {
		a := l.Endpoints[0]
		out := jsonGraphLink{Source: a.Node, SourceEndpoint: a.Interface, Target: far(l), Type: l.Type, MTU: l.MTU}
		if len(l.Endpoints) == 2 {
			out.Target, out.TargetEndpoint = l.Endpoints[1].Node, l.Endpoints[1].Interface
		}
		if !a.Impair.IsZero() {
			out.Impair = &a.Impair
		}
		g.Links = append(g.Links, out)
	}
	data, err := json.MarshalIndent(g, "", "  ")
	return string(data) + "\n", err
}

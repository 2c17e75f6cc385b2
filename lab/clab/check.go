package clab

import (
	"slices"
	"strings"
)

// check finds mistakes between parts that are each well formed.
func (d *decoder) check(t *Topology) {
	nodes := make(map[string]*Node, len(t.Nodes))
	var names []string
	for _, n := range t.Nodes {
		nodes[n.Name] = n
		names = append(names, n.Name)
	}
	used := map[string]Pos{}
	for _, l := range t.Links {
		for _, e := range l.Endpoints {
			d.checkEndpoint(e, nodes, names, used)
		}
	}
	d.checkWaits(t, nodes, names)
}

func (d *decoder) checkEndpoint(e Endpoint, nodes map[string]*Node, names []string, used map[string]Pos) {
	n, ok := nodes[e.Node]
	if !ok {
		help := didYouMean(e.Node, names)
		if help == "" {
			help = "add it below topology.nodes"
		}
		d.fail(e.mark, help, "there is no node %q", e.Node)
		return
	}
	if bad := interfaceName(e.Interface); bad != "" {
		d.fail(e.mark, "shorten it, such as eth1", "%s", bad)
		return
	}
	if e.Interface == "lo" {
		d.fail(e.mark, "name it eth1", "every node has its own lo already")
		return
	}
	if e.Interface == "eth0" && n.Kind == "linux" && n.NetworkMode != "none" {
		d.fail(e.mark, "name it eth1, or give the node `network-mode: none`", "eth0 of node %q is the management interface", e.Node)
		return
	}
	if at, twice := used[e.String()]; twice {
		d.fail(e.mark, "", "%s is already the end of the link at line %d", e, at.Line)
		return
	}
	used[e.String()] = e.Pos
}

// checkWaits refuses stages that wait for what never comes.
func (d *decoder) checkWaits(t *Topology, nodes map[string]*Node, names []string) {
	for _, n := range t.Nodes {
		for _, stage := range StageNames() {
			for _, w := range n.Stages[stage].WaitFor {
				m := mark{w.Pos, len(w.Node)}
				if nodes[w.Node] == nil {
					d.fail(m, didYouMean(w.Node, names), "wait-for names a node %q that does not exist", w.Node)
				} else if w.Stage == "healthy" && nodes[w.Node].Healthcheck == nil {
					d.fail(m, "give it a healthcheck, or wait for its configure stage", "node %q is never healthy: it has no healthcheck", w.Node)
				}
			}
		}
	}
	waits := func(n *Node) bool { return n.Stages != nil }
	if len(d.errs) > 0 || !slices.ContainsFunc(t.Nodes, waits) {
		return
	}
	g := waitGraph{nodes: nodes, state: map[string]uint8{}}
	for _, n := range t.Nodes {
		for _, stage := range StageNames() {
			if loop := g.visit(n.Name, stage); loop != nil {
				d.fail(mark{n.Pos, len(n.Name)}, "remove one of these waits", "stages wait for each other: %s", strings.Join(loop, " -> "))
				return
			}
		}
	}
}

// waitGraph walks the order between stages: each waits for the stage before it in its node and for its wait-for entries.
type waitGraph struct {
	nodes map[string]*Node
	state map[string]uint8 // 1 on the path, 2 done
	path  []string
}

func (g *waitGraph) visit(node, stage string) []string {
	id := node + "/" + stage
	switch g.state[id] {
	case 1:
		i := slices.Index(g.path, id)
		return append(slices.Clone(g.path[i:]), id)
	case 2:
		return nil
	}
	g.state[id] = 1
	g.path = append(g.path, id)
	before := slices.Clone(g.nodes[node].Stages[stage].WaitFor)
	if i := slices.Index(StageNames(), stage); i > 0 {
		before = append(before, WaitFor{Node: node, Stage: StageNames()[i-1]})
	}
	for _, w := range before {
		if loop := g.visit(w.Node, w.Stage); loop != nil {
			return loop
		}
	}
	g.path = g.path[:len(g.path)-1]
	g.state[id] = 2
	return nil
}

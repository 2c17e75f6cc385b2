package clab

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ParseFile reads a topology file with this process's environment for ${VAR}. The error is an Errors when the
// file's text is at fault.
func ParseFile(name string) (*Topology, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, err
	}
	return Parse(name, data, os.LookupEnv)
}

// Parse reads a topology from memory. name stands in messages and is the base of relative paths; lookup answers ${VAR}, nil
// for an empty environment. It never touches another file. The error is an Errors.
func Parse(name string, data []byte, lookup func(string) (string, bool)) (*Topology, error) {
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	if len(data) > MaxFileSize {
		return nil, Errors{{File: name, Msg: fmt.Sprintf("the file is larger than %d MiB", MaxFileSize>>20)}}
	}
	src := newSource(name, string(data), lookup)
	root, err := src.tree()
	if err != nil {
		return nil, Errors{err}
	}
	d := &decoder{src: src}
	t := &Topology{File: name, src: src}
	d.file(d.unwrap(root, t), t)
	if len(d.errs) == 0 {
		d.check(t)
	}
	if len(d.errs) > 0 {
		slices.SortStableFunc(d.errs, func(a, b *Error) int { return a.Pos.compare(b.Pos) })
		return nil, d.errs
	}
	slices.SortStableFunc(d.notes, func(a, b Note) int { return a.Pos.compare(b.Pos) })
	t.Notes = d.notes
	return t, nil
}

// unwrap takes the topology out of clabernetes' Kubernetes object (kind: Topology): spec.definition.containerlab is a string
// that holds the whole file, or the file's map itself.
func (d *decoder) unwrap(root *value, t *Topology) *value {
	kind := root.get("kind")
	if root.kind != mapValue || kind == nil || root.get("apiVersion") == nil {
		return root
	}
	if api := root.get("apiVersion").text; kind.text != "Topology" || !strings.Contains(api, "c9s.run/") && !strings.Contains(api, "clabernetes") {
		d.fail(kind.mark, "", "a Kubernetes object of kind %q is no topology", kind.text)
		return &value{}
	}
	if m := root.get("metadata"); m != nil && m.get("name") != nil {
		t.Name = m.get("name").text
	}
	v := root
	for _, key := range []string{"spec", "definition", "containerlab"} {
		if v = v.get(key); v == nil {
			d.fail(kind.mark, "", "the Kubernetes topology has no spec.definition.containerlab")
			return &value{}
		}
	}
	if v.kind == mapValue {
		return v
	}
	inner := newSource(t.File, v.text, func(string) (string, bool) { return "", false })
	inner.shift(v.mark.Line, d.src)
	in, err := inner.tree()
	if err != nil {
		d.errs = append(d.errs, err)
		return &value{}
	}
	d.src, t.src = inner, inner
	return in
}

func (d *decoder) file(root *value, t *Topology) {
	if len(d.errs) > 0 {
		return
	}
	if !d.want(root, mapValue, "the file") {
		return
	}
	var topo *value
	d.object(root, "the file", fields{
		"name": func(d *decoder, v *value) {
			t.Name = d.text(v, "name")
			if !validName(t.Name, ".-_") {
				d.fail(v.mark, "use letters, digits, '.', '-' and '_', beginning with a letter or digit", "%q is no lab name", t.Name)
			}
		},
		"prefix":   func(d *decoder, v *value) { p := d.text(v, "prefix"); t.Prefix = &p },
		"mgmt":     func(d *decoder, v *value) { t.Mgmt = d.mgmt(v) },
		"topology": func(d *decoder, v *value) { topo = v },
		"settings": func(d *decoder, v *value) { d.note(v.mark, "settings has no effect: a lab has no certificates") },
		"debug":    func(*decoder, *value) {},
	})
	if t.Name == "" && len(d.errs) == 0 {
		d.fail(root.mark, "begin the file with `name: mylab`", "the lab has no name")
	}
	if topo == nil {
		if len(d.errs) == 0 {
			d.fail(root.mark, "add `topology: {nodes: ..., links: ...}`", "the file has no topology")
		}
		return
	}
	d.topology(topo, t)
}

// validName is the form of lab and node names; containerlab's node names may have a | too.
func validName(s, punct string) bool {
	for i, c := range s {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune(punct, c)) {
			return false
		}
	}
	return s != ""
}

func (d *decoder) mgmt(v *value) *Mgmt {
	m := &Mgmt{}
	str := func(to *string) func(*decoder, *value) {
		return func(d *decoder, v *value) { *to = d.text(v, "an entry of mgmt") }
	}
	skip := func(*decoder, *value) {}
	d.object(v, "mgmt", fields{
		"network": str(&m.Network), "bridge": str(&m.Bridge),
		"ipv4-subnet": str(&m.IPv4Subnet), "ipv6-subnet": str(&m.IPv6Subnet), "ipv4_subnet": str(&m.IPv4Subnet), "ipv6_subnet": str(&m.IPv6Subnet),
		"ipv4-gw": str(&m.IPv4Gw), "ipv6-gw": str(&m.IPv6Gw),
		"mtu":        func(d *decoder, v *value) { m.MTU = d.number(v, "mtu", 68, 65535) },
		"ipv4-range": skip, "ipv6-range": skip, "external-access": skip, "skip-when-unused": skip, "driver-opts": skip,
	})
	d.note(v.mark, "mgmt has no effect: nodes have only the links of the topology")
	return m
}

// levels are the layers of a topology by name.
type levels struct {
	defaults      layer
	kinds, groups map[string]layer
}

func (d *decoder) topology(v *value, t *Topology) {
	lv := levels{kinds: map[string]layer{}, groups: map[string]layer{}}
	var nodes, links *value
	named := func(to map[string]layer, what string) func(*decoder, *value) {
		return func(d *decoder, v *value) {
			if v.kind == nullValue || !d.want(v, mapValue, what+"s") {
				return
			}
			for _, p := range v.pairs {
				if what == "kind" {
					d.kindName(p.key, p.at)
				}
				to[p.key] = d.layer(p.val, what+" "+p.key)
			}
		}
	}
	d.object(v, "topology", fields{
		"defaults": func(d *decoder, v *value) { lv.defaults = d.layer(v, "defaults") },
		"kinds":    named(lv.kinds, "kind"),
		"groups":   named(lv.groups, "group"),
		"nodes":    func(d *decoder, v *value) { nodes = v },
		"links":    func(d *decoder, v *value) { links = v },
	})
	if nodes == nil || nodes.kind == nullValue {
		d.fail(v.mark, "add `nodes:` below topology", "the topology has no nodes")
	} else if d.want(nodes, mapValue, "nodes") {
		d.nodes(nodes, t, lv)
	}
	if links != nil && links.kind != nullValue && d.want(links, listValue, "links") {
		for _, it := range links.items {
			if l := d.link(it); l != nil {
				t.Links = append(t.Links, l)
			}
		}
	}
}

func (d *decoder) nodes(v *value, t *Topology, lv levels) {
	if len(v.pairs) > MaxNodes {
		d.fail(v.mark, "", "a lab has at most %d nodes, here are %d", MaxNodes, len(v.pairs))
		return
	}
	for _, p := range v.pairs {
		if !validName(p.key, ".-_|") {
			d.fail(p.at, "use letters, digits, '.', '-' and '_', beginning with a letter or digit", "%q is no node name", p.key)
		}
		t.Nodes = append(t.Nodes, d.node(p, lv))
	}
}

// node merges the layers of one node: defaults < kinds < groups < node.
func (d *decoder) node(p pair, lv levels) *Node {
	own := d.layer(p.val, fmt.Sprintf("node %q", p.key))
	self, def := own.probe(), lv.defaults.probe()
	group := cmp.Or(self.Group, lv.kinds[cmp.Or(self.Kind, def.Kind)].probe().Group, def.Group)
	grp := lv.groups[group].probe()
	kind := cmp.Or(self.Kind, grp.Kind, def.Kind)
	n := &Node{Name: p.key, Pos: p.at.Pos}
	for _, l := range []layer{lv.defaults, lv.kinds[kind], lv.groups[group], own} {
		l.apply(n)
	}
	n.Kind, n.Group = kind, group
	if kind == "" {
		d.fail(p.at, "add `kind: linux` to the node, its group or topology.defaults", "node %q has no kind", p.key)
	} else if d.kindName(kind, n.kindPos) && n.Image != "" && slices.Contains(runnableKinds(), kind) {
		d.note(n.imagePos, "image %s is not used: programs come from this machine", n.Image)
	}
	expandMagic(n)
	return n
}

// kindName checks that a kind exists in containerlab.
func (d *decoder) kindName(kind string, at mark) bool {
	if slices.Contains(allKinds(), kind) {
		return true
	}
	help := didYouMean(kind, allKinds())
	if help == "" {
		help = "a Linux host or router is `kind: linux`, a switch `kind: bridge`"
	}
	for _, e := range d.errs {
		if e.Pos == at.Pos {
			return false
		}
	}
	d.fail(at, help, "unknown kind %q", kind)
	return false
}

// expandMagic replaces containerlab's own variables in a node's commands.
func expandMagic(n *Node) {
	r := strings.NewReplacer("__clabNodeName__", n.Name)
	for i, c := range n.Exec {
		if strings.Contains(c.Line, "__") {
			n.Exec[i].Line = r.Replace(c.Line)
		}
	}
	n.StartupConfig = r.Replace(n.StartupConfig)
	for i := range n.EnvFiles {
		n.EnvFiles[i] = r.Replace(n.EnvFiles[i])
	}
}

// HostPath is where a path of the file (a bind's source, an env-file) lies on this machine: relative ones stand beside the
// topology file, ~ is home, __clabDir__ and __clabNodeDir__ are the lab's and the node's directory there.
func (t *Topology) HostPath(n *Node, p, home string) string {
	base := filepath.Dir(t.File)
	labDir := filepath.Join(base, "clab-"+t.Name)
	p = strings.NewReplacer("__clabNodeDir__", filepath.Join(labDir, n.Name), "__clabDir__", labDir, "__clabNodeName__", n.Name).Replace(p)
	if home != "" && (p == "~" || strings.HasPrefix(p, "~/")) {
		p = home + p[1:]
	}
	if !filepath.IsAbs(p) && !strings.HasPrefix(p, labDir) {
		p = filepath.Join(base, p)
	}
	return p
}

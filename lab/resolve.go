package lab

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"linen/lab/clab"
)

// Selection is how a command line says which lab it means: by name (--lab), by file (-t), or not at all.
type Selection struct {
	Lab  string
	File string
}

// Find is the running lab that a selection means. Without one it is the only lab up.
func (s State) Find(sel Selection) (*Dir, error) {
	labs, err := s.Labs()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range labs {
		names = append(names, d.Name)
	}
	switch {
	case sel.Lab != "":
		for _, d := range labs {
			if d.Name == sel.Lab {
				return d, nil
			}
		}
		return nil, notUp(fmt.Sprintf("lab %q is not up", sel.Lab), sel.Lab, names)
	case sel.File != "":
		return findFile(labs, sel.File, names)
	case len(labs) == 1:
		return labs[0], nil
	case len(labs) == 0:
		return nil, fmt.Errorf("no lab is up: linen up FILE.clab.yml")
	}
	return nil, fmt.Errorf("%d labs are up (%s): say which with --lab NAME or -t FILE", len(labs), strings.Join(names, ", "))
}

func findFile(labs []*Dir, file string, names []string) (*Dir, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	for _, d := range labs {
		if m, err := d.Meta(); err == nil && m.File == abs {
			return d, nil
		}
	}
	return nil, notUp("no lab of "+file+" is up", "", names)
}

func notUp(what, word string, names []string) error {
	if n := clab.Nearest(word, names); n != "" && word != "" {
		return fmt.Errorf("%s: did you mean %q?", what, n)
	}
	if len(names) > 0 {
		return fmt.Errorf("%s; up are: %s", what, strings.Join(names, ", "))
	}
	return fmt.Errorf("%s: linen up FILE.clab.yml", what)
}

// LongName is the name that containerlab gives a node's container: clab-LAB-NODE, or as the file's prefix says.
func LongName(t *clab.Topology, node string) string { return longName(t.Name, t.Prefix, node) }

func longName(lab string, filePrefix *string, node string) string {
	prefix := "clab"
	if filePrefix != nil {
		prefix = *filePrefix
	}
	switch prefix {
	case "":
		return node
	case "__lab-name":
		return lab + "-" + node
	}
	return prefix + "-" + lab + "-" + node
}

// ResolveNode is the node that a word of a command line means: its name, or the container name that containerlab would
// give it.
func ResolveNode(t *clab.Topology, word string) (string, error) {
	names := make([]string, 0, len(t.Nodes))
	for _, n := range t.Nodes {
		names = append(names, n.Name)
	}
	return Meta{Name: t.Name, Nodes: names, Prefix: t.Prefix}.Resolve(word)
}

// Resolve is ResolveNode for a lab that is up.
func (m Meta) Resolve(word string) (string, error) {
	for _, name := range m.Nodes {
		if name == word || longName(m.Name, m.Prefix, name) == word {
			return name, nil
		}
	}
	if near := clab.Nearest(word, m.Nodes); near != "" {
		return "", fmt.Errorf("lab %s has no node %q: did you mean %q?", m.Name, word, near)
	}
	names := slices.Sorted(slices.Values(m.Nodes))
	if len(names) > 12 {
		names = append(names[:12], "...")
	}
	return "", fmt.Errorf("lab %s has no node %q; it has %s", m.Name, word, cmp.Or(strings.Join(names, ", "), "none"))
}

// SelectNodes lists the nodes that carry every label (k=v, or k alone), in file order; no labels select all.
func SelectNodes(t *clab.Topology, labels []string) []string {
	var out []string
	for _, n := range t.Nodes {
		ok := true
		for _, l := range labels {
			k, v, has := strings.Cut(l, "=")
			got, there := n.Labels[k]
			ok = ok && there && (!has || got == v)
		}
		if ok {
			out = append(out, n.Name)
		}
	}
	return out
}
